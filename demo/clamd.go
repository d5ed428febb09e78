// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"postfach/deploy"
)

// child is a process that never outlives us.
type child struct {
	process *os.Process
	ending  syscall.Signal // that asks it to end; 0 means SIGTERM
	done    chan struct{}
}

func spawn(cmd *exec.Cmd) (*child, error) {
	c := &child{done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The parent-death signal follows the thread, so the thread stays ours.
		runtime.LockOSThread()
		if cmd.SysProcAttr == nil {
			cmd.SysProcAttr = &syscall.SysProcAttr{}
		}
		cmd.SysProcAttr.Pdeathsig, cmd.SysProcAttr.Setpgid = syscall.SIGKILL, true
		err := cmd.Start()
		c.process = cmd.Process
		started <- err
		if err == nil {
			_ = cmd.Wait()
			close(c.done)
		}
	}()
	return c, <-started
}

// end asks the process to end, and kills it after a while.
func (c *child) end() {
	_ = c.process.Signal(cmp.Or(c.ending, syscall.SIGTERM))
	select {
	case <-c.done:
	case <-time.After(5 * time.Second):
		_ = c.process.Kill()
		<-c.done
	}
}

func (in *instance) socket() string { return filepath.Join(in.scratch, "clamd.ctl") }

func (in *instance) clamdLog() string {
	b, _ := os.ReadFile(filepath.Join(in.scratch, "clamd.log"))
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], "\n")
}

// startClamd starts clamd with the profile that we ship, on files of its own.
// They lie in the folder for temporary files, which Debian's AppArmor profile
// of clamd allows.
func (in *instance) startClamd(ctx context.Context) error {
	binary, ok := program("clamd")
	if !ok {
		return fmt.Errorf("there is no clamd")
	}
	conf := filepath.Join(in.scratch, "clamd.conf")
	if err := os.WriteFile(conf, in.clamdConf(), 0o600); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(in.scratch, "tmp"), 0o700); err != nil {
		return err
	}
	c, err := spawn(exec.CommandContext(context.WithoutCancel(ctx), binary, "--foreground", "--config-file="+conf))
	if err != nil {
		return fmt.Errorf("clamd: %w", err)
	}
	in.clamd = c
	in.closers = append(in.closers, c.end)
	return nil
}

// clamdConf is deploy/clamd.conf with places of our own.
func (in *instance) clamdConf() []byte {
	ours := map[string]string{
		"User": "", "LocalSocketGroup": "", "LocalSocketMode": "LocalSocketMode 600", "LocalSocket": "LocalSocket " + in.socket(),
		"DatabaseDirectory": "DatabaseDirectory " + in.signs.dir, "LogFile": "LogFile " + filepath.Join(in.scratch, "clamd.log"),
		"TemporaryDirectory": "", "PidFile": "", "Foreground": "",
	}
	var b bytes.Buffer
	for line := range strings.Lines(deploy.ClamdConf) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		replacement, ok := ours[name]
		switch {
		case !ok:
			b.WriteString(line)
		case replacement != "":
			b.WriteString(replacement + "\n")
		}
	}
	fmt.Fprintf(&b, "TemporaryDirectory %s\n", filepath.Join(in.scratch, "tmp"))
	return b.Bytes()
}
