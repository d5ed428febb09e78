// SPDX-License-Identifier: Apache-2.0

// Package world starts a whole real Postfach for a test: the built binary on
// free loopback ports with its own folder, a real clamd and a real SMTP server.
// Nothing is replaced by a double; only tests may import it.
package world

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"postfach/mailcatcher"
	"postfach/scan/scantest"
	"postfach/test/porttest"
)

// BinaryVariable names the built postfach that worlds run.
const BinaryVariable = "POSTFACH_BINARY"

// Options of a world. The zero value is one that releases alone, with the
// small clamd of scantest, a short quiet period and nobody in it.
type Options struct {
	Release  string        // "" means single
	MaxSize  string        // scan.max_size; "" means 32MiB
	Quiet    time.Duration // notify.quiet; 0 means 1 s
	AtMost   time.Duration // notify.at_most; 0 means 5 s
	Data     string        // folder of catalog and blobs; "" means one of its own
	Catalog  string        // "" means SQLite in Data
	Storage  string        // "" means a folder in Data
	Settings string        // further top-level lines of the configuration
	Clamd    scantest.Options
	Scanner  *scantest.Clamd          // an existing one; nil starts one
	Gate     string                   // address of the scanner in the configuration; "" means Scanner's
	Relay    func(smtp string) string // what stands there for the SMTP server's HOST:PORT; nil for that itself
	Accounts []Account
	Members  []Member
	Stopped  bool     // do not start the server yet
	Env      []string // further environment of the server
	Binary   string   // "" means that of BinaryVariable
}

// World is a running Postfach and everything around it.
type World struct {
	URL     string // http://127.0.0.1:PORT
	Metrics string // http://127.0.0.1:PORT
	Dir     string // configuration and log
	Data    string // catalog and blobs
	Config  string // path of the configuration file
	Scanner *scantest.Clamd
	Mail    *mailcatcher.Catcher

	t      testing.TB
	env    []string
	binary string
	smtp   string
	client *http.Client
	mu     sync.Mutex
	server *process
}

// Start makes a world that ends with the test.
func Start(t testing.TB, o Options) *World {
	t.Helper()
	w := &World{t: t, Dir: t.TempDir(), Data: o.Data, Scanner: o.Scanner, env: o.Env, binary: or(o.Binary, os.Getenv(BinaryVariable))}
	if w.binary == "" {
		t.Fatal("no " + BinaryVariable + ": these tests run a built postfach")
	}
	if w.Data == "" {
		w.Data = filepath.Join(w.Dir, "data")
	}
	if err := os.MkdirAll(w.Data, 0o700); err != nil {
		t.Fatal(err)
	}
	if w.Scanner == nil {
		w.Scanner = scantest.Start(t, o.Clamd)
	}
	w.startMail()
	listen, metrics := porttest.Free(t), porttest.Free(t)
	w.URL, w.Metrics = "http://"+listen, "http://"+metrics
	w.Config = filepath.Join(w.Dir, "postfach.yaml")
	if err := os.WriteFile(w.Config, []byte(w.configuration(o, listen, metrics)), 0o600); err != nil {
		t.Fatal(err)
	}
	w.client = newClient()
	t.Cleanup(w.Kill)
	w.populate(o.Members, o.Accounts)
	if !o.Stopped {
		w.Serve()
	}
	return w
}

func or[T comparable](v, alt T) T {
	var zero T
	if v == zero {
		return alt
	}
	return v
}

func (w *World) configuration(o Options, listen, metrics string) string {
	smtp := w.smtp
	if o.Relay != nil {
		smtp = o.Relay(smtp)
	}
	return fmt.Sprintf(`listen: %s
metrics_listen: %s
url: %s
authority: {name: Versorgungskasse Beispielland, short: VKB, language: de, timezone: Europe/Berlin, service_contact: "Telefon 0123 456789", security_address: sicherheit@kasse.example}
catalog: %s
storage: %s
scan: {clamd: "%s", max_size: %s, signatures_max_age: off}
notify: {smtp: "smtp://%s?tls=none", from: postfach@kasse.example, quiet: %s, at_most: %s, staff_address: team@kasse.example}
release: %s
%s
`, listen, metrics, w.URL, or(o.Catalog, "sqlite:"+w.Data+"/catalog.db"), or(o.Storage, "dir:"+w.Data+"/blobs"),
		or(o.Gate, w.Scanner.Address), or(o.MaxSize, "32MiB"), smtp,
		or(o.Quiet, time.Second), or(o.AtMost, 5*time.Second), or(o.Release, "single"), o.Settings)
}

// process is a child that dies with us.
type process struct {
	pid  int
	done chan struct{}
	err  error // of Wait, once done is closed
}

func spawn(cmd *exec.Cmd) (*process, error) {
	p := &process{done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The parent-death signal follows the thread, so the thread stays ours.
		runtime.LockOSThread()
		defer close(p.done)
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		err := cmd.Start()
		if err == nil {
			p.pid = cmd.Process.Pid
		}
		started <- err
		if err == nil {
			p.err = cmd.Wait()
		}
	}()
	return p, <-started
}

// Serve starts the server and waits until it takes uploads.
func (w *World) Serve() {
	w.t.Helper()
	w.Launch()
	w.WaitReady(startLimit)
}

// startLimit is how long a server may take until it is ready, on a busy machine.
const startLimit = 2 * time.Minute

// Use makes later starts and commands run another program.
func (w *World) Use(binary string) { w.binary = binary }

// Launch starts the server and does not wait.
func (w *World) Launch() {
	w.t.Helper()
	log, err := os.OpenFile(w.LogFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		w.t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(w.binary, "serve", "--config", w.Config)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), w.env...)
	p, err := spawn(cmd)
	if err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	w.server = p
	w.mu.Unlock()
}

// WaitReady waits for /readyz to say 200.
func (w *World) WaitReady(limit time.Duration) {
	w.t.Helper()
	p := w.current()
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if w.ReadyStatus() == http.StatusOK {
			return
		}
		select {
		case <-p.done:
			w.t.Fatalf("postfach ended at once (%v):\n%s", p.err, w.Log())
		default:
		}
	}
	w.t.Fatalf("postfach is not ready after %s:\n%s", limit, w.Log())
}

// ReadyStatus is what /readyz answers now; 0 where nobody answers.
func (w *World) ReadyStatus() int {
	r, err := w.client.Get(w.URL + "/readyz")
	if err != nil {
		return 0
	}
	r.Body.Close()
	return r.StatusCode
}

func (w *World) current() *process {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.server
}

// Env is the further environment of the server and of commands.
func (w *World) Env() []string { return w.env }

// PID of the server.
func (w *World) PID() int { return w.current().pid }

// Kill ends the server as a power cut would; nothing if none runs.
func (w *World) Kill() { w.end(syscall.SIGKILL) }

// Stop asks the server to end and waits for it.
func (w *World) Stop() error { return w.end(syscall.SIGTERM) }

func (w *World) end(s syscall.Signal) error {
	p := w.current()
	if p == nil {
		return nil
	}
	w.mu.Lock()
	w.server = nil
	w.mu.Unlock()
	syscall.Kill(p.pid, s)
	select {
	case <-p.done:
	case <-time.After(startLimit):
		syscall.Kill(p.pid, syscall.SIGKILL)
		<-p.done
		return fmt.Errorf("postfach did not end within %s of signal %v", startLimit, s)
	}
	w.client.CloseIdleConnections()
	return p.err
}

// LogFile is where the server writes.
func (w *World) LogFile() string { return filepath.Join(w.Dir, "postfach.log") }

// Log is the end of what the server wrote, for messages.
func (w *World) Log() string {
	b, _ := os.ReadFile(w.LogFile())
	lines := strings.Split(string(b), "\n")
	return strings.Join(lines[max(0, len(lines)-40):], "\n")
}

// Build makes the binary that worlds run, with the given build tags, and
// returns its path inside dir.
func Build(dir string, tags ...string) (string, error) {
	out := filepath.Join(dir, strings.Join(append([]string{"postfach"}, tags...), "-"))
	cmd := exec.Command("go", "build", "-tags", strings.Join(tags, ","), "-o", out, "postfach/cmd/postfach")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, said)
	}
	return out, nil
}
