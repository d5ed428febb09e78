// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// serve runs a server on a free port until the test ends.
func serve(t *testing.T, o Options) (address string, end func() error) {
	t.Helper()
	opened := make(chan net.Addr, 1)
	o.Listen, o.Started = "127.0.0.1:0", func(a net.Addr) { opened <- a }
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	end = func() error { stop(); return <-done }
	t.Cleanup(stop)
	select {
	case a := <-opened:
		return a.String(), end
	case err := <-done:
		t.Fatal(err)
	}
	return "", nil
}

// A body that pauses too long ends; a handler that has read it whole may take
// as long as it likes, for instance for the scanner's verdict, and its client
// has not gone away (issue 2, item 6).
func TestOnlyPausesOfTheSenderAreBounded(t *testing.T) {
	type outcome struct {
		read error
		gone bool
	}
	outcomes := make(chan outcome, 1)
	address, _ := serve(t, Options{Stall: time.Millisecond, Doors: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		o := outcome{read: err}
		if err == nil {
			select {
			case <-r.Context().Done():
				o.gone = true
			case <-time.After(2500 * time.Millisecond): // well past the bound, which has a second's grace
			}
		}
		outcomes <- o
	})})
	for _, framing := range []string{"Content-Length: 5\r\n\r\nganz.", "Transfer-Encoding: chunked\r\n\r\n5\r\nganz.\r\n0\r\n\r\n"} {
		c := send(t, address, "PUT / HTTP/1.1\r\nHost: x\r\n"+framing)
		if o := <-outcomes; o.read != nil || o.gone {
			t.Errorf("%.20q: read %v, client gone: %t", framing, o.read, o.gone)
		}
		c.Close()
	}
	send(t, address, "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nhalb")
	if o := <-outcomes; !errors.Is(o.read, os.ErrDeadlineExceeded) {
		t.Errorf("a sender that pauses: %v", o.read)
	}
}

func send(t *testing.T, address, text string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	return c
}

// TLS 1.2 at least, plain HTTP refused, and a renewed certificate without a
// restart (K3).
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	roots := x509.NewCertPool()
	roots.AddCert(issue(t, cert, key, 1))
	address, _ := serve(t, Options{Cert: cert, Key: key, Doors: http.NotFoundHandler()})
	serial := func(c *tls.Config) (int64, error) {
		c.RootCAs, c.ServerName = roots, "localhost"
		conn, err := tls.Dial("tcp", address, c)
		if err != nil {
			return 0, err
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64(), nil
	}
	if n, err := serial(&tls.Config{}); n != 1 || err != nil {
		t.Errorf("certificate %d, %v", n, err)
	}
	if _, err := serial(&tls.Config{MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 was accepted")
	}
	plain, _ := io.ReadAll(send(t, address, "GET /dav/ HTTP/1.1\r\nHost: x\r\n\r\n"))
	if !strings.HasPrefix(string(plain), "HTTP/1.0 400") {
		t.Errorf("plain HTTP: %q", plain)
	}

	c := &certificate{cert: cert, key: key}
	if err := c.load(); err != nil {
		t.Fatal(err)
	}
	issue(t, cert, key, 2)
	if err := os.Chtimes(cert, time.Now(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	pair, err := c.get(nil)
	if err != nil || pair.Leaf.SerialNumber.Int64() != 2 {
		t.Errorf("the renewed certificate is not taken up: %v", err)
	}
}

// issue writes a certificate for localhost that signs itself.
func issue(t *testing.T, cert, key string, serial int64) *x509.Certificate {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: raw}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	signed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// Readiness is red as soon as one part is, and when the server is about to end;
// strangers learn no more than that (DESIGN.md section 10).
func TestReadiness(t *testing.T) {
	wrong := map[string]error{"catalog": nil, "scanner": nil}
	r := &readiness{}
	for name := range wrong {
		r.checks = append(r.checks, Check{Name: name, Ask: func(context.Context) error { return wrong[name] }})
	}
	ask := func() bool {
		r.state = nil // it asks at most once a second
		return r.ok(t.Context())
	}
	if !ask() {
		t.Error("red though all is well")
	}
	wrong["scanner"] = errors.New("no answer from /run/clamav/clamd.ctl")
	if ask() {
		t.Error("green without a scanner")
	}
	wrong["scanner"] = nil
	r.checks = append(r.checks, Check{Name: "oidc", Ask: func(context.Context) error { return errors.New("away") }, Beside: true})
	if !ask() || r.state["oidc"] == "" {
		t.Errorf("a part that uploads do not need: %v", r.state)
	}
	r.close()
	if ask() {
		t.Error("green at the end")
	}

	// A part that is stuck, whatever its context, keeps nobody waiting, is asked
	// once, and spoils no other part's answer.
	stuck, asked := make(chan struct{}), 0
	r = &readiness{checks: []Check{
		{Name: "catalog", Ask: func(context.Context) error { asked++; <-stuck; return nil }},
		{Name: "scanner", Ask: func(context.Context) error { return nil }},
	}}
	for range 2 {
		if ask() || r.state["catalog"] == "" || r.state["scanner"] != "" {
			t.Errorf("beside a part that is stuck: %v", r.state)
		}
	}
	close(stuck)
	for r.state["catalog"] != "" {
		ask()
	}
	if asked > 2 {
		t.Errorf("the part was asked %d times", asked)
	}

	address, _ := serve(t, Options{Doors: http.NotFoundHandler(),
		Checks: []Check{{Name: "scanner", Ask: func(context.Context) error { return errors.New("secret detail") }}}})
	resp, err := http.Get("http://" + address + "/readyz?verbose")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, _ := io.ReadAll(resp.Body); resp.StatusCode != 503 || len(b) > 0 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("%d %v %q", resp.StatusCode, resp.Header, b)
	}
}

// The end waits for requests under way, for a bounded time.
func TestShutdownIsBounded(t *testing.T) {
	for name, patience := range map[string]time.Duration{"finishes": time.Minute, "is cut off": time.Millisecond} {
		began, release := make(chan struct{}), make(chan struct{})
		gone := make(chan bool, 1)
		address, end := serve(t, Options{Shutdown: patience, Doors: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			close(began)
			select {
			case <-release:
				gone <- false
			case <-r.Context().Done():
				gone <- true
			}
		})})
		send(t, address, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		<-began
		ended := make(chan error, 1)
		go func() { ended <- end() }()
		if patience == time.Minute {
			close(release)
		}
		if cut := <-gone; cut != (patience != time.Minute) {
			t.Errorf("%s: cut off: %t", name, cut)
		}
		if err := <-ended; err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A stranger names no request so that a log line breaks, and makes no labels.
func TestStrangersLeaveNoMarks(t *testing.T) {
	var seen []string
	registry := prometheus.NewRegistry()
	address, end := serve(t, Options{Metrics: registry, Doors: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header.Get("X-Request-Id"))
	})})
	for _, id := range []string{"0123456789abcdef", "kurz", "mit Leerzeichen darin", strings.Repeat("x", 65), ""} {
		r, err := http.NewRequest(fmt.Sprintf("METHOD%d", len(seen)), "http://"+address+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Request-Id", id)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		got := seen[len(seen)-1]
		if resp.Header.Get("X-Request-Id") != got || (id == "0123456789abcdef") != (got == id) || !requestID.MatchString(got) {
			t.Errorf("%q became %q", id, got)
		}
	}
	if err := end(); err != nil {
		t.Error(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "postfach_http_requests_total" && (len(f.GetMetric()) != 1 || f.GetMetric()[0].GetCounter().GetValue() != 5) {
			t.Errorf("five made-up methods are counted as %v", f.GetMetric())
		}
	}
}

// A reader who stops taking an answer does not hold it open for ever; one who
// is only slow gets it whole.
func TestPausesOfTheReaderAreBounded(t *testing.T) {
	const size = 64 << 20
	file := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(file, make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	address, _ := serve(t, Options{Stall: 5 * time.Second, Doors: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, err := os.Open(file)
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		_, err = io.Copy(w, f)
		ended <- err
	})})
	ask := func() net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		return c
	}
	ask() // and never reads
	select {
	case err := <-ended:
		if err == nil {
			t.Error("an answer that nobody took was sent whole")
		}
	case <-time.After(5 * time.Minute):
		t.Fatal("a reader who stopped is waited for")
	}
	slow := ask()
	var taken int64
	for buf := make([]byte, 4<<20); ; time.Sleep(100 * time.Millisecond) {
		n, err := io.ReadFull(slow, buf)
		taken += int64(n)
		if err != nil {
			break
		}
	}
	if err := <-ended; err != nil || taken < size {
		t.Errorf("a slow reader got %d of %d bytes: %v", taken, size, err)
	}
}
