// SPDX-License-Identifier: Apache-2.0

// Package scantest gives tests a real clamd of their own on a unix socket, and
// a clamd that misbehaves on purpose. Nothing of the product may import it.
package scantest

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"postfach/test/porttest"
)

// Options of a clamd for tests. The zero value is a clamd with small limits,
// the test signature and the signatures of deploy/postfach.ndb.
type Options struct {
	MaxSize         int64         // bytes; StreamMaxLength, MaxFileSize and MaxScanSize; 0 means 64 MiB
	StreamMaxLength int64         // bytes; 0 means MaxSize
	MaxFileSize     int64         // bytes; 0 means MaxSize
	MaxScanSize     int64         // bytes; 0 means MaxSize
	MaxScanTime     time.Duration // 0 means 120 s
	MaxThreads      int           // 0 means 10
	NoOwnSignatures bool          // leave deploy/postfach.ndb out
	TCP             bool          // listen on loopback TCP too, see Clamd.TCPAddress
	Shipped         bool          // deploy/clamd.conf with its own limits; only paths are changed
	Drop            []string      // settings to leave out, for example "AlertEncrypted"
	Extra           []string      // further lines of clamd.conf
}

// Clamd is a running daemon.
type Clamd struct {
	Address    string // "unix:" and the path of the socket
	TCPAddress string // "tcp:" and host and port; "" without Options.TCP
	Dir        string // holds clamd.conf, clamd.log, db and tmp

	socket string
	mu     sync.Mutex
	pid    int
	done   chan struct{} // closed when the process has ended
}

// Start runs clamd until the test ends. It fails the test where Debian's
// clamav-daemon is not installed: a scanner test that does not run proves
// nothing.
func Start(t testing.TB, o Options) *Clamd {
	t.Helper()
	if _, err := exec.LookPath(clamdPath()); err != nil {
		t.Fatalf("no clamd: install Debian's clamav-daemon (%v)", err)
	}
	// Not t.TempDir: a unix socket's path may have 107 bytes at most.
	dir, err := os.MkdirTemp("", "clamd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	c := &Clamd{Dir: dir, socket: filepath.Join(dir, "clamd.ctl")}
	c.Address = "unix:" + c.socket
	if o.TCP {
		c.TCPAddress = "tcp:" + porttest.Free(t)
	}
	if err := c.prepare(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	if err := c.Restart(); err != nil {
		t.Fatal(err)
	}
	return c
}

func clamdPath() string {
	if p, err := exec.LookPath("clamd"); err == nil {
		return p
	}
	return "/usr/sbin/clamd" // not on the path of ordinary users
}

// prepare writes the signatures and clamd.conf.
func (c *Clamd) prepare(o Options) error {
	db := filepath.Join(c.Dir, "db")
	for _, d := range []string{db, filepath.Join(c.Dir, "tmp")} {
		if err := os.Mkdir(d, 0o700); err != nil {
			return err
		}
	}
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	files := []string{filepath.Join(root, "test", "clamd-testdb", "eicar.ndb")}
	if !o.NoOwnSignatures {
		files = append(files, filepath.Join(root, "deploy", "postfach.ndb"))
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(db, filepath.Base(f)), b, 0o600); err != nil {
			return err
		}
	}
	conf := c.config(o)
	if o.Shipped {
		b, err := os.ReadFile(filepath.Join(root, "deploy", "clamd.conf"))
		if err != nil {
			return err
		}
		conf = c.moved(string(b))
	}
	return os.WriteFile(filepath.Join(c.Dir, "clamd.conf"), []byte(conf), 0o600)
}

// moved puts our paths into the shipped configuration; the first of several
// equal settings would win, so the others' lines go.
func (c *Clamd) moved(conf string) string {
	own := map[string]string{
		"LocalSocket": c.socket, "DatabaseDirectory": filepath.Join(c.Dir, "db"),
		"LogFile": filepath.Join(c.Dir, "clamd.log"), "TemporaryDirectory": filepath.Join(c.Dir, "tmp"),
		"User": "", "LocalSocketGroup": "",
	}
	out := "Foreground yes\nDisableCache yes\n"
	for line := range strings.Lines(conf) {
		name, _, _ := strings.Cut(line, " ")
		value, ours := own[name]
		switch {
		case !ours:
			out += line
		case value != "":
			out += name + " " + value + "\n"
		}
	}
	return out
}

func (c *Clamd) config(o Options) string {
	or := func(v, alt int64) int64 {
		if v == 0 {
			return alt
		}
		return v
	}
	max := or(o.MaxSize, 64<<20)
	scanTime := o.MaxScanTime
	if scanTime == 0 {
		scanTime = 120 * time.Second
	}
	lines := []string{
		"Foreground yes",
		"LocalSocket " + c.socket,
		"LocalSocketMode 666",
		"FixStaleSocket yes",
		"DatabaseDirectory " + filepath.Join(c.Dir, "db"),
		"TemporaryDirectory " + filepath.Join(c.Dir, "tmp"),
		"LogFile " + filepath.Join(c.Dir, "clamd.log"),
		"LogTime yes",
		"DisableCache yes", // else a second scan of the same bytes is only a hash
		fmt.Sprint("StreamMaxLength ", or(o.StreamMaxLength, max)),
		fmt.Sprint("MaxFileSize ", or(o.MaxFileSize, max)),
		fmt.Sprint("MaxScanSize ", or(o.MaxScanSize, max)),
		fmt.Sprint("MaxScanTime ", scanTime.Milliseconds()),
		fmt.Sprint("MaxThreads ", or(int64(o.MaxThreads), 10)),
		"AlertExceedsMax yes",
		"AlertEncrypted yes",
		"AlertEncryptedArchive yes",
		"AlertEncryptedDoc yes",
		"HeuristicAlerts yes",
		"SelfCheck 3600",
	}
	if c.TCPAddress != "" {
		host, port, _ := net.SplitHostPort(strings.TrimPrefix(c.TCPAddress, "tcp:"))
		lines = append(lines, "TCPAddr "+host, "TCPSocket "+port)
	}
	var b strings.Builder
	for _, l := range append(lines, o.Extra...) {
		name, _, _ := strings.Cut(l, " ")
		drop := false
		for _, d := range o.Drop {
			drop = drop || d == name
		}
		if !drop {
			b.WriteString(l + "\n")
		}
	}
	return b.String()
}

// Restart starts clamd, or stops and starts it, and waits until it answers.
func (c *Clamd) Restart() error {
	c.Stop()
	started := make(chan error)
	done := make(chan struct{})
	go func() {
		// The parent-death signal follows the thread, so the thread stays ours.
		runtime.LockOSThread()
		defer close(done)
		cmd := exec.Command(clamdPath(), "--config-file="+filepath.Join(c.Dir, "clamd.conf"))
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		err := cmd.Start()
		if err == nil {
			c.mu.Lock()
			c.pid, c.done = cmd.Process.Pid, done
			c.mu.Unlock()
		}
		started <- err
		if err == nil {
			cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if c.ping() {
			return nil
		}
		select {
		case <-done:
			return fmt.Errorf("clamd ended at once:\n%s", c.Log())
		default:
		}
	}
	return fmt.Errorf("clamd does not answer after 2 min:\n%s", c.Log())
}

func (c *Clamd) ping() bool {
	conn, err := net.DialTimeout("unix", c.socket, time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	io.WriteString(conn, "zPING\x00")
	b, _ := io.ReadAll(conn)
	return bytes.Equal(b, []byte("PONG\x00"))
}

// Stop kills the daemon, as a crash would, and waits for its end. Restart may follow.
func (c *Clamd) Stop() {
	c.mu.Lock()
	pid, done := c.pid, c.done
	c.pid, c.done = 0, nil
	c.mu.Unlock()
	if done == nil {
		return
	}
	syscall.Kill(pid, syscall.SIGKILL)
	<-done
	os.Remove(c.socket)
}

// Pause freezes the daemon: it accepts connections and answers nothing.
func (c *Clamd) Pause() { c.signal(syscall.SIGSTOP) }

// Continue ends Pause.
func (c *Clamd) Continue() { c.signal(syscall.SIGCONT) }

func (c *Clamd) signal(s syscall.Signal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pid != 0 {
		syscall.Kill(c.pid, s)
	}
}

// Log is what the daemon wrote, for messages.
func (c *Clamd) Log() string {
	b, _ := os.ReadFile(filepath.Join(c.Dir, "clamd.log"))
	return string(b)
}

// EICAR is the test file, built from parts so that no scanner finds it here.
func EICAR() []byte {
	return []byte(`X5O!P%@AP[4\PZX54(P^)7CC)7}` + `$EICAR-STANDARD-` + `ANTIVIRUS-TEST-FILE!$H+H*`)
}

// moduleRoot is the nearest folder upwards that holds go.mod.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", fmt.Errorf("no go.mod above the working directory")
		}
		dir = up
	}
}

// Forget takes a setting out of clamd.conf; it holds from the next Restart.
func (c *Clamd) Forget(setting string) error {
	name := filepath.Join(c.Dir, "clamd.conf")
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var kept []string
	for l := range strings.Lines(string(b)) {
		if !strings.HasPrefix(l, setting) {
			kept = append(kept, l)
		}
	}
	return os.WriteFile(name, []byte(strings.Join(kept, "")), 0o600)
}
