// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"postfach/test/certify"
	"postfach/test/porttest"
	"postfach/test/world"
)

// balancer is a HAProxy that runs deploy/haproxy.cfg.
type balancer struct {
	url     string // https://127.0.0.1:PORT
	metrics string // HOST:PORT of its own metrics
	roots   *x509.CertPool
	pid     int
	config  string
}

// balance starts HAProxy with the very file that we ship, but for addresses,
// the certificate and the account.
func balance(t *testing.T, a, b *world.World) *balancer {
	t.Helper()
	dir := t.TempDir()
	l := &balancer{config: filepath.Join(dir, "haproxy.cfg")}
	authority := certify.New(t)
	pair := authority.Server(t, "127.0.0.1")
	l.roots = authority.Roots()
	writeFile(t, filepath.Join(dir, "cert.pem"), string(pair.Certificate)+string(pair.Key))
	https, plain := porttest.Free(t), porttest.Free(t)
	l.url, l.metrics = "https://"+https, porttest.Free(t)
	text := readFile(t, "../deploy/haproxy.cfg")
	for _, r := range [][2]string{
		{"    user haproxy\n    group haproxy\n", ""},
		{"bind :443 ssl crt /etc/haproxy/certs/", "bind " + https + " ssl crt " + filepath.Join(dir, "cert.pem")},
		{"bind :80\n", "bind " + plain + "\n"},
		{"bind 127.0.0.1:8404\n", "bind " + l.metrics + "\n"},
		{"postfach1:8080", strings.TrimPrefix(a.URL, "http://")},
		{"postfach2:8080", strings.TrimPrefix(b.URL, "http://")},
	} {
		if !strings.Contains(text, r[0]) {
			t.Fatalf("deploy/haproxy.cfg has no %q", r[0])
		}
		text = strings.ReplaceAll(text, r[0], r[1])
	}
	writeFile(t, l.config, text)
	program, err := exec.LookPath("haproxy")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/haproxy"); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command(program, "-c", "-f", l.config).CombinedOutput(); err != nil || bytes.Contains(out, []byte("WARNING")) {
		t.Fatalf("haproxy -c: %v\n%s", err, out)
	}
	cmd := exec.Command(program, "-db", "-f", l.config)
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	l.pid = cmd.Process.Pid
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
		if t.Failed() {
			b, _ := os.ReadFile(log.Name())
			t.Logf("haproxy: %s", b[max(0, len(b)-4000):])
		}
	})
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		if r, err := l.client("").Get(l.url + "/readyz"); err == nil {
			_ = r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return l
			}
		}
		if time.Now().After(end) {
			t.Fatal("nothing is ready behind HAProxy")
		}
	}
}

// client connects from an address of this machine; "" is the usual one.
func (l *balancer) client(from string) *http.Client {
	d := &net.Dialer{}
	if from != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	return &http.Client{Transport: &http.Transport{DialContext: d.DialContext, TLSClientConfig: &tls.Config{RootCAs: l.roots}}, Timeout: 2 * time.Minute}
}

// takes waits until HAProxy counts a node among those that take uploads.
func (l *balancer) takes(t *testing.T, node string) {
	t.Helper()
	eventually(t, "the balancer takes "+node, func() bool {
		r, err := http.Get("http://" + l.metrics + "/metrics")
		if err != nil {
			return false
		}
		defer r.Body.Close()
		text, err := io.ReadAll(r.Body)
		return err == nil && strings.Contains(string(text), `haproxy_server_status{proxy="ready",server="`+node+`",state="UP"} 1`)
	})
}

func (l *balancer) request(w *world.World, as, method, path string, body io.Reader) (*http.Request, error) {
	r, err := w.Request(as, method, path, body)
	if err != nil {
		return nil, err
	}
	r.URL.Scheme, r.URL.Host, r.Host = "https", strings.TrimPrefix(l.url, "https://"), ""
	return r, nil
}

// behindBalancer is two nodes on PostgreSQL and MinIO behind HAProxy.
func behindBalancer(t *testing.T) (a, b *world.World, l *balancer) {
	t.Helper()
	o, _ := outgrownOptions(t)
	o.Settings += "\ntrusted_proxies: [127.0.0.1]"
	a = world.Start(t, o)
	o.Scanner, o.Members, o.Accounts = a.Scanner, nil, nil
	o.Settings = strings.Replace(o.Settings, "/spool}", "/spool2}", 1)
	b = world.Start(t, o)
	return a, b, balance(t, a, b)
}

// TestBalancer: the HAProxy example in front of two real nodes. Uploads go on
// while a node is stopped or killed and when it comes back; the nodes know the client's
// address whatever it claims; bodies are passed on as they come; what is not
// ready is not asked, and downloads go on without a scanner (K11).
func TestBalancer(t *testing.T) {
	a, b, l := behindBalancer(t)

	t.Run("address", func(t *testing.T) {
		r, err := l.request(a, "anna", "PUT", "/dav/an_KVBbg/woher.txt", strings.NewReader("woher"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Forwarded-For", "203.0.113.9")
		r.Header.Set("X-Forwarded-Proto", "http")
		status, _ := roundTrip(t, l.client("127.0.0.77"), r)
		found := false
		for _, rec := range a.Audit(t) {
			found = found || rec.Operation == "create" && strings.Contains(rec.Raw, "/an_KVBbg/woher.txt") && strings.Contains(rec.Raw, `"127.0.0.77"`)
		}
		if status != 201 || !found {
			t.Errorf("status %d; the record does not have the client's address", status)
		}
	})

	t.Run("not buffered", func(t *testing.T) {
		// The rest of this body never comes; only a proxy that passes it on lets
		// the refusal arrive.
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		body, rest := io.Pipe()
		defer rest.Close()
		go func() { _, _ = rest.Write(bytes.Repeat([]byte("x"), 256<<10)) }()
		r, err := l.request(a, "anna", "PUT", "/dav/Bescheid.txt", body)
		if err != nil {
			t.Fatal(err)
		}
		r.ContentLength = 20 << 20
		if status, _ := roundTrip(t, l.client(""), r.WithContext(ctx)); status != 403 {
			t.Errorf("a refused upload: %d", status)
		}
		before := memory(t, l.pid)
		big := strings.Repeat("0123456789abcdef", 30<<20/16)
		r, err = l.request(a, "anna", "PUT", "/dav/an_KVBbg/groß.txt", strings.NewReader(big))
		if err != nil {
			t.Fatal(err)
		}
		if status, text := roundTrip(t, l.client(""), r); status != 201 {
			t.Fatalf("a large upload: %d %s", status, text)
		}
		if grown := memory(t, l.pid) - before; grown > 15<<20 {
			t.Errorf("HAProxy grew by %d bytes over an upload of 30 MiB", grown)
		}
	})

	t.Run("a node stops", func(t *testing.T) { l.stopOne(t, a, b) })
	t.Run("a node dies", func(t *testing.T) { l.killOne(t, a, b) })

	t.Run("no scanner", func(t *testing.T) {
		a.Scanner.Stop()
		eventually(t, "not ready without a scanner", func() bool { return a.ReadyStatus() == 503 && b.ReadyStatus() == 503 })
		for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
			get, err := l.request(a, "anna", "GET", "/dav/an_KVBbg/woher.txt", nil)
			if err != nil {
				t.Fatal(err)
			}
			put, err := l.request(a, "anna", "PUT", "/dav/an_KVBbg/nein.txt", strings.NewReader("nein"))
			if err != nil {
				t.Fatal(err)
			}
			got, body := roundTrip(t, l.client(""), get)
			refused, text := roundTrip(t, l.client(""), put)
			if refused == 503 && strings.Contains(text, "s:message") { // by a node, not by the balancer
				if got != 200 || body != "woher" {
					t.Errorf("a download without a scanner: %d %q", got, body)
				}
				return
			}
			if time.Now().After(end) {
				t.Fatalf("an upload without a scanner: %d %s", refused, text)
			}
		}
	})
}

// stream is uploads by several clients through the balancer, who repeat what was
// cut, as clients do.
type stream struct {
	done, cut atomic.Int64
	stop      chan struct{}
	all       sync.WaitGroup

	mu   sync.Mutex
	kept map[string]bool // acknowledged
	last time.Time       // of them
	gap  time.Duration   // the longest between two of them, since calm
}

func (l *balancer) stream(t *testing.T, w *world.World, name string) *stream {
	s := &stream{stop: make(chan struct{}), kept: map[string]bool{}, last: time.Now()}
	for id := range 4 {
		s.all.Go(func() {
			c := l.client("")
			for i := 0; ; i++ {
				select {
				case <-s.stop:
					return
				default:
				}
				if !s.upload(t, l, w, c, fmt.Sprintf("%s-%d-%d.txt", name, id, i)) {
					return
				}
			}
		})
	}
	return s
}

func (s *stream) upload(t *testing.T, l *balancer, w *world.World, c *http.Client, name string) bool {
	for end := time.Now().Add(patience); ; {
		r, err := l.request(w, "anna", "PUT", "/dav/an_KVBbg/"+name, strings.NewReader(name))
		if err != nil {
			t.Error(err)
			return false
		}
		answer, err := c.Do(r)
		status, busy := 0, false
		if err == nil {
			status = answer.StatusCode
			busy = status == http.StatusServiceUnavailable && answer.Header.Get("Retry-After") != ""
			_, _ = io.Copy(io.Discard, answer.Body)
			_ = answer.Body.Close()
		}
		if status == 201 || status == 204 {
			break
		}
		if time.Now().After(end) {
			t.Errorf("%s: %d %v", name, status, err)
			return false
		}
		if busy { // a node that is not ready says so; a client waits
			time.Sleep(50 * time.Millisecond)
		} else { // a node's last connections may be cut
			s.cut.Add(1)
		}
	}
	s.done.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept[name] = true
	now := time.Now()
	s.gap, s.last = max(s.gap, now.Sub(s.last)), now
	return true
}

// calm gives the longest time without an acknowledged upload, and counts anew.
func (s *stream) calm() (gap time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	gap, s.gap = s.gap, 0
	return gap
}

// progress waits for n more uploads.
func (s *stream) progress(t *testing.T, n int64) {
	t.Helper()
	from := s.done.Load()
	for end := time.Now().Add(2 * time.Minute); s.done.Load() < from+n; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("uploads stand still after %d", s.done.Load())
		}
	}
}

// end stops the clients: what was acknowledged is there.
func (s *stream) end(t *testing.T, w *world.World) {
	t.Helper()
	close(s.stop)
	s.all.Wait()
	names := map[string]bool{}
	for _, n := range w.Names(t, "anna", "/dav/an_KVBbg/") {
		names[n] = true
	}
	for n := range s.kept {
		if !names[n] {
			t.Errorf("%s was acknowledged and is not there", n)
		}
	}
}

// stopOne stops and starts a node while clients upload, and counts.
func (l *balancer) stopOne(t *testing.T, a, b *world.World) {
	s := l.stream(t, a, "strom")
	s.progress(t, 20)
	if err := b.Stop(); err != nil {
		t.Errorf("a node that is stopped: %v", err)
	}
	s.progress(t, 30)
	b.Serve()
	l.takes(t, "node2") // as whoever updates the nodes waits for, see docs/postgresql.md
	s.progress(t, 20)
	if err := a.Stop(); err != nil {
		t.Errorf("a node that is stopped: %v", err)
	}
	s.progress(t, 20)
	a.Serve()
	s.end(t, a)
	if n := s.cut.Load(); n > 12 {
		t.Errorf("%d of %d uploads were cut off", n, s.done.Load())
	}
}

// killMost is how long nobody's upload may be taken after a node died (K11).
const killMost = 5 * time.Second

// killOne kills one node and then the other among a thousand uploads: the rest
// goes on at once, nothing acknowledged is lost, and log, catalog and contents
// agree (K11). What a busy machine takes anyhow is measured before.
func (l *balancer) killOne(t *testing.T, a, b *world.World) {
	l.takes(t, "node1")
	s := l.stream(t, a, "tod")
	s.progress(t, 200)
	for i, node := range []*world.World{a, b} {
		usual := s.calm()
		node.Kill()
		s.progress(t, 300)
		if gap := s.calm(); gap > killMost+10*usual { // a slow machine has longer ones at any time
			t.Errorf("no upload was taken for %s after a node died, %s before", gap, usual)
		} else {
			t.Logf("the longest time without an upload: %s after a node died, %s before", gap, usual)
		}
		node.Serve()
		l.takes(t, fmt.Sprint("node", i+1))
	}
	s.progress(t, max(0, 1000-s.done.Load()))
	s.end(t, a)
	t.Logf("%d uploads, %d sent again", s.done.Load(), s.cut.Load())
	a.CLI("", "audit", "replay", "--verify")
}

func roundTrip(t *testing.T, c *http.Client, r *http.Request) (int, string) {
	t.Helper()
	answer, err := c.Do(r)
	if err != nil {
		t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
		return 0, ""
	}
	defer answer.Body.Close()
	b, _ := io.ReadAll(answer.Body)
	return answer.StatusCode, string(b)
}

var peak = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// memory is the most that a process ever had, in bytes.
func memory(t *testing.T, pid int) int64 {
	t.Helper()
	m := peak.FindStringSubmatch(readFile(t, fmt.Sprintf("/proc/%d/status", pid)))
	if m == nil {
		t.Fatal("no VmHWM")
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n << 10
}
