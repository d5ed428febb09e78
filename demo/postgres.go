// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// outgrow starts PostgreSQL and MinIO in the place of the embedded catalog and
// the folder.
func (in *instance) outgrow(ctx context.Context) error {
	if err := in.startPostgres(ctx); err != nil {
		return fmt.Errorf("PostgreSQL: %w", err)
	}
	if err := in.startBucket(ctx); err != nil {
		return fmt.Errorf("MinIO: %w", err)
	}
	return nil
}

// postgres is a server of the demo's own, reached by a socket alone.
type postgres struct {
	bin    string              // folder of its programs, which Debian keeps out of the path
	data   string              // stays
	socket string              // folder
	owner  *syscall.Credential // whom it runs as; nil for ourselves
	ours   string              // the name of who connects
}

func (in *instance) startPostgres(ctx context.Context) error {
	p := &postgres{data: filepath.Join(in.o.Dir, "postgres"), socket: filepath.Join(in.scratch, "postgres")}
	if !p.find() {
		if err := install(ctx, in.o.Out, "pg_ctlcluster", "postgresql"); err != nil {
			return err
		}
		if !p.find() {
			return errors.New("postgresql is installed, but there is no initdb")
		}
	}
	if err := p.people(); err != nil {
		return err
	}
	if err := p.folders(in.o.Dir, in.scratch); err != nil {
		return err
	}
	if err := p.initialise(ctx); err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(in.o.Dir, "postgres.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	in.closers = append(in.closers, func() { _ = log.Close() })
	cmd := p.command(context.WithoutCancel(ctx), "postgres", "-D", p.data, "-k", p.socket, "-c", "listen_addresses=", "-c", "shared_buffers=32MB",
		"-c", "dynamic_shared_memory_type=mmap")
	cmd.Stdout, cmd.Stderr = log, log
	c, err := spawn(cmd)
	if err != nil {
		return err
	}
	c.ending = syscall.SIGINT // without waiting for connections
	in.closers = append(in.closers, c.end)
	in.catalog = "postgres://postfach@/postgres?host=" + url.QueryEscape(p.socket)
	return p.wait(ctx, c, log.Name())
}

func (p *postgres) find() bool {
	if path, err := exec.LookPath("initdb"); err == nil {
		p.bin = filepath.Dir(path)
		return true
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return false
	}
	p.bin = filepath.Dir(found[len(found)-1])
	return true
}

// people says who runs the server: it refuses to run as root.
func (p *postgres) people() error {
	me, err := user.Current()
	if err != nil {
		return err
	}
	p.ours = me.Username
	if os.Geteuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return fmt.Errorf("it does not run as root, and %w", err)
	}
	uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
	gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
	p.owner = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return errors.Join(errUID, errGID)
}

// folders makes those of the server, and the way to them passable for it.
func (p *postgres) folders(dirs ...string) error {
	for _, dir := range []string{p.data, p.socket} {
		if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
		if p.owner == nil {
			continue
		}
		if err := os.Chown(dir, int(p.owner.Uid), int(p.owner.Gid)); err != nil {
			return err
		}
	}
	if p.owner == nil {
		return nil
	}
	for _, dir := range dirs {
		if err := os.Chmod(dir, 0o711); err != nil {
			return err
		}
		for up := filepath.Dir(dir); up != "/"; up = filepath.Dir(up) {
			info, err := os.Stat(up)
			if err != nil {
				return err
			}
			if info.Mode().Perm()&0o001 == 0 {
				return fmt.Errorf("it does not run as root, and its own user may not enter %s; give another folder with --dir, or start the demo as somebody else", up)
			}
		}
	}
	return nil
}

func (p *postgres) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(p.bin, name), args...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.owner}
	return cmd
}

// initialise makes the database at the first start. The demo's own user may
// connect by the socket, without a password, and nobody else.
func (p *postgres) initialise(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(p.data, "PG_VERSION")); err == nil {
		return p.allow()
	}
	out, err := p.command(ctx, "initdb", "-D", p.data, "-U", "postfach", "-A", "peer", "-E", "UTF8", "--locale=C.UTF-8").CombinedOutput()
	if err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, strings.TrimSpace(string(out)))
	}
	return p.allow()
}

func (p *postgres) allow() error {
	for name, text := range map[string]string{
		"pg_hba.conf":   "local all all peer map=demo\n",
		"pg_ident.conf": "demo \"" + p.ours + "\" postfach\n",
	} {
		if err := os.WriteFile(filepath.Join(p.data, name), []byte(text), 0o600); err != nil { // it is there and stays its owner's
			return err
		}
	}
	return nil
}

// wait until the server takes connections: it says so in its lock file.
func (p *postgres) wait(ctx context.Context, c *child, log string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		b, err := os.ReadFile(filepath.Join(p.data, "postmaster.pid"))
		if lines := strings.Split(string(b), "\n"); err == nil && len(lines) > 7 && strings.TrimSpace(lines[7]) == "ready" && lines[0] == strconv.Itoa(c.process.Pid) {
			return nil
		}
		select {
		case <-tick.C:
		case <-c.done:
			return errors.New("it ended at once; see " + log)
		case <-ctx.Done():
			return fmt.Errorf("it does not answer; see %s: %w", log, ctx.Err())
		}
	}
}
