// SPDX-License-Identifier: Apache-2.0

// Package pgtest starts a private PostgreSQL server for tests, with a folder of
// its own on a free loopback port and a Unix socket, and stops it. It knows
// nothing of Postfach, and nothing outside tests may import it.
package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"postfach/test/porttest"
)

// Lazy is a server that starts when the first test asks for it. The zero value
// is ready; TestMain stops it.
type Lazy struct {
	mu     sync.Mutex
	server *Server
	err    error
}

// Get starts the server unless it runs. It skips short test runs.
func (l *Lazy) Get(t testing.TB) *Server {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a PostgreSQL server; not in short runs")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.server == nil && l.err == nil {
		l.server, l.err = start()
	}
	if l.err != nil {
		t.Fatal(l.err)
	}
	return l.server
}

// Stop ends the server if it was started.
func (l *Lazy) Stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.server != nil {
		l.server.stop()
		l.server = nil
	}
}

// Server is a running PostgreSQL, durable as it comes (fsync on).
type Server struct {
	Port   int
	Socket string // folder of the Unix socket

	dir     string
	bin     string
	owner   *syscall.Credential // whom the server runs as; nil for ourselves
	process *process
	port    *porttest.Port
}

// Owner is the role that owns everything; it needs no password.
const Owner = "postfach"

func start() (*Server, error) {
	s := &Server{}
	var err error
	if s.bin, err = findBinaries(); err != nil {
		return nil, err
	}
	if s.owner, err = unprivileged(); err != nil {
		return nil, err
	}
	if s.dir, err = os.MkdirTemp("", "pgtest"); err != nil {
		return nil, err
	}
	s.Socket = s.dir
	if s.owner != nil {
		if err := os.Chown(s.dir, int(s.owner.Uid), int(s.owner.Gid)); err != nil {
			return nil, err
		}
	}
	// The empty database need not survive a crash; what tests write into it must.
	out, err := s.command("initdb", "-D", s.data(), "-U", Owner, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync").CombinedOutput()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("initdb: %w\n%s", err, out), os.RemoveAll(s.dir))
	}
	if err := s.Start(); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// findBinaries gives the folder of initdb and postgres: Debian keeps them out
// of the path.
func findBinaries() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(path), nil
		}
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", errors.New("no PostgreSQL server is installed here: install the package postgresql (test/install.sh)")
	}
	slices.SortFunc(found, func(a, b string) int { return len(a) - len(b) })
	return filepath.Dir(found[len(found)-1]), nil
}

// unprivileged is a user that PostgreSQL runs as when we are root, which it
// refuses.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(errUID, errGID)
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")
}

func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + s.dir, "LC_ALL=C.UTF-8"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.owner}
	return cmd
}

// Start starts the server again after Kill or Shutdown, on the port it had.
func (s *Server) Start() error {
	for try := 0; ; try++ {
		if s.Port == 0 || try > 0 {
			if err := s.choosePort(); err != nil {
				return err
			}
		}
		err := s.launch()
		if err == nil || try == 3 {
			return err
		}
	}
}

// choosePort takes a port in the place of the one that the server had.
func (s *Server) choosePort() error {
	if s.port != nil {
		s.port.Release()
	}
	var err error
	if s.port, err = porttest.Reserve(); err == nil {
		s.Port = s.port.Number
	}
	return err
}

func (s *Server) launch() error {
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := s.command("postgres", "-D", s.data(), "-p", strconv.Itoa(s.Port), "-k", s.Socket,
		"-c", "listen_addresses=127.0.0.1", "-c", "max_connections=120", "-c", "shared_buffers=32MB",
		"-c", "dynamic_shared_memory_type=mmap", "-c", "deadlock_timeout=100ms", "-c", "log_lock_waits=off")
	cmd.Stdout, cmd.Stderr = log, log
	if s.process, err = spawn(cmd); err != nil {
		return err
	}
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err = s.Exec("postgres", "SELECT 1"); err == nil {
			return nil
		}
		select {
		case <-s.process.done:
			return fmt.Errorf("postgres ended at once: %w\n%s", s.process.err, s.Log())
		default:
		}
	}
	return fmt.Errorf("postgres does not answer: %w\n%s", err, s.Log())
}

// process is a child that dies with us.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // of Wait, once done is closed
}

func spawn(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The parent-death signal follows the thread, so the thread stays ours.
		runtime.LockOSThread()
		defer close(p.done)
		cmd.SysProcAttr.Pdeathsig = syscall.SIGQUIT
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
		}
	}()
	return p, <-started
}

// Kill ends the server as a power cut would.
func (s *Server) Kill() { s.end(syscall.SIGQUIT) }

// Shutdown ends the server after it has thrown everybody out.
func (s *Server) Shutdown() { s.end(syscall.SIGINT) }

func (s *Server) end(signal syscall.Signal) {
	if s.process == nil {
		return
	}
	_ = s.process.cmd.Process.Signal(signal)
	<-s.process.done
}

func (s *Server) stop() {
	s.end(syscall.SIGQUIT)
	if s.port != nil {
		s.port.Release()
	}
	_ = os.RemoveAll(s.dir)
}

// Log is what the server has written.
func (s *Server) Log() string {
	text, _ := os.ReadFile(filepath.Join(s.dir, "log"))
	return string(text)
}

// URL of a database by TCP.
func (s *Server) URL(database string) string { return URL(s.Port, database) }

// URL of a database behind a port of this machine.
func URL(port int, database string) string {
	return fmt.Sprintf("postgres://%s@127.0.0.1:%d/%s?sslmode=disable", Owner, port, database)
}

// Database makes an empty database for a test and gives its name.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name := "t" + strings.ToLower(rand.Text()[:12])
	if err := s.Exec("postgres", "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Exec("postgres", "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	return name
}

// Exec runs statements, separated by semicolons, as the owner.
func (s *Server) Exec(database, sql string) error {
	_, err := s.Query(database, sql)
	return err
}

// Query runs statements and gives the rows of the last, as text.
func (s *Server) Query(database, sql string) ([][]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	c, err := pgconn.Connect(ctx, s.URL(database))
	if err != nil {
		return nil, err
	}
	defer c.Close(ctx)
	results, err := c.Exec(ctx, sql).ReadAll()
	if err != nil || len(results) == 0 {
		return nil, err
	}
	var rows [][]string
	for _, r := range results[len(results)-1].Rows {
		row := make([]string, len(r))
		for i, v := range r {
			row[i] = string(v)
		}
		rows = append(rows, row)
	}
	return rows, nil
}
