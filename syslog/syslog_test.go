// SPDX-License-Identifier: Apache-2.0

package syslog

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"postfach/test/certify"
	"postfach/test/porttest"
)

// header of RFC 5424 section 6, without structured data and message.
var header = regexp.MustCompile(`^<(\d{1,3})>1 (-|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) ([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32}) `)

type parsed struct {
	pri  int
	id   string
	data map[string]string
	text string
}

// parse reads a message by the grammar of RFC 5424, and nothing more lenient.
func parse(line string) (parsed, error) {
	m := header.FindStringSubmatch(line)
	if m == nil {
		return parsed{}, fmt.Errorf("no header in %q", line)
	}
	p := parsed{id: m[6], data: map[string]string{}}
	p.pri, _ = strconv.Atoi(m[1])
	rest := line[len(m[0]):]
	if after, ok := strings.CutPrefix(rest, "- "); ok {
		p.text = after
		return p, nil
	}
	rest, ok := strings.CutPrefix(rest, "["+dataID)
	if !ok {
		return p, fmt.Errorf("no structured data in %q", line)
	}
	for strings.HasPrefix(rest, " ") {
		name, after, ok := strings.Cut(rest[1:], `="`)
		if !ok || !regexp.MustCompile(`^[!-~]{1,32}$`).MatchString(name) || strings.ContainsAny(name, `=]"`) {
			return p, fmt.Errorf("no name in %q", rest)
		}
		value, i := strings.Builder{}, 0
		for ; i < len(after) && after[i] != '"'; i++ {
			if after[i] == ']' {
				return p, fmt.Errorf("an open bracket in %q", after)
			}
			if after[i] == '\\' {
				i++
			}
			value.WriteByte(after[i])
		}
		if i == len(after) || !utf8.ValidString(value.String()) {
			return p, fmt.Errorf("no value in %q", rest)
		}
		p.data[name], rest = value.String(), after[i+1:]
	}
	if p.text, ok = strings.CutPrefix(rest, "] "); !ok {
		return p, fmt.Errorf("no end in %q", rest)
	}
	return p, nil
}

func (p parsed) is(t *testing.T, id string, data map[string]string) {
	t.Helper()
	if p.id != id || fmt.Sprint(p.data) != fmt.Sprint(data) {
		t.Errorf("%+v, want %s %v", p, id, data)
	}
}

// What slog can say arrives with its names and values; nothing in it breaks a
// line (ASVS 16.4.1).
func TestMessage(t *testing.T) {
	h := New(Options{Host: "rechner 1", Next: slog.DiscardHandler})
	record := func(l slog.Level, msg string, args ...any) parsed {
		t.Helper()
		r := slog.NewRecord(time.Date(2026, 3, 1, 12, 0, 0, 1000, time.FixedZone("", 3600)), l, msg, 0)
		r.Add(args...)
		p, err := parse(string(h.message(r)))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := record(slog.LevelWarn, "request", "status", 415, "took", 3*time.Second, "err", errors.New("böse\nFortsetzung <0>1 - \x1b[31m"),
		slog.Group("scan", slog.Bool("clean", false)), "q", `a"b]c\d`)
	p.is(t, "request", map[string]string{"status": "415", "took": "3s", "err": "böse\ufffdFortsetzung <0>1 - \ufffd[31m", "scan.clean": "false", "q": `a"b]c\d`})
	if p.pri != 3*8+4 || p.text != "request" {
		t.Errorf("%+v", p)
	}
	if p := record(slog.LevelError, "Größe\r\nfalsch"); p.text != "\ufeffGröße\ufffd\ufffdfalsch" || p.id != "Gr--e--falsch" || len(p.data) != 0 {
		t.Errorf("%+v", p)
	}
	if p := record(slog.LevelInfo, "x", strings.Repeat("n", 100), strings.Repeat("ü", 5000)); len(p.data[strings.Repeat("n", 32)]) != maxValue {
		t.Errorf("%+v", p)
	}
	with := h.WithAttrs([]slog.Attr{slog.String("a", "1")}).WithGroup("g").WithAttrs([]slog.Attr{slog.Int("b", 2)}).(*Handler)
	r := slog.NewRecord(time.Time{}, slog.LevelInfo, "x", 0)
	r.Add("c", 3)
	p, err := parse(string(with.message(r)))
	if err != nil {
		t.Fatal(err)
	}
	p.is(t, "x", map[string]string{"a": "1", "g.b": "2", "g.c": "3"})
}

// Whatever is logged, the line follows the grammar, is bounded, and is one.
func FuzzMessage(f *testing.F) {
	f.Add("request", "id", "0815")
	f.Add("x\ny", `a=]"b`, "\"]\\\x00\xff\u2028")
	f.Fuzz(func(t *testing.T, msg, key, value string) {
		h := New(Options{Host: key, Next: slog.DiscardHandler})
		r := slog.NewRecord(time.Now(), slog.LevelInfo, msg, 0)
		r.Add(slog.String(key, value), slog.Group(key, slog.String(value, msg)))
		line := h.message(r)
		if _, err := parse(string(line)); err != nil {
			t.Fatal(err)
		}
		if len(line) > maxLine || bytes.ContainsAny(line, "\n\r\x00\x1b") {
			t.Fatalf("%d bytes: %q", len(line), line)
		}
	})
}

func TestParseAddress(t *testing.T) {
	for text, want := range map[string]Address{
		"unix:/dev/log": {"unix", "/dev/log"}, "tls:log.example.org:6514": {"tls", "log.example.org:6514"}, "tcp:127.0.0.1:601": {"tcp", "127.0.0.1:601"},
		"unix:log": {}, "udp:127.0.0.1:514": {}, "tls:log.example.org": {}, "tcp::601": {}, "": {},
	} {
		if a, err := ParseAddress(text); a != want || (err != nil) != (want == Address{}) {
			t.Errorf("%q: %+v, %v", text, a, err)
		}
	}
}

// collector takes connections and gives what came in, frame by frame.
type collector struct {
	net.Listener
	lines chan string
	conns chan net.Conn
}

func collect(t *testing.T, l net.Listener) *collector {
	t.Helper()
	c := &collector{l, make(chan string, 100), make(chan net.Conn, 10)}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			c.conns <- conn
			go c.read(conn)
		}
	}()
	return c
}

func (c *collector) read(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	for {
		length, err := r.ReadString(' ')
		if err != nil {
			return
		}
		n, err := strconv.Atoi(strings.TrimSuffix(length, " "))
		if err != nil {
			c.lines <- "no frame: " + length
			return
		}
		b := make([]byte, n)
		if _, err := io.ReadFull(r, b); err != nil {
			return
		}
		c.lines <- string(b)
	}
}

func (c *collector) next(t *testing.T) parsed {
	t.Helper()
	select {
	case line := <-c.lines:
		p, err := parse(line)
		if err != nil {
			t.Fatal(err)
		}
		return p
	case <-time.After(time.Minute):
		t.Fatal("nothing came")
	}
	return parsed{}
}

// run sends until the test ends; stop waits for the last lines.
func run(t *testing.T, h *Handler) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { h.Run(ctx); close(done) }()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

// Over TLS, verified, and every line also goes on to the next handler.
func TestTLS(t *testing.T) {
	authority := certify.New(t)
	conf, roots := authority.Server(t, "localhost").TLS(t), authority.Roots()
	l, err := tls.Listen("tcp", "127.0.0.1:0", conf)
	if err != nil {
		t.Fatal(err)
	}
	c := collect(t, l)
	var beside bytes.Buffer
	h := New(Options{Address: Address{"tls", l.Addr().String()}, TLS: &tls.Config{RootCAs: roots, ServerName: "localhost"}, Next: slog.NewTextHandler(&beside, nil)})
	stop := run(t, h)
	log := slog.New(h)
	log.Info("doors open", "listen", "127.0.0.1:8080")
	log.Debug("not for this level")
	log.Error("second\nline")
	c.next(t).is(t, "doors-open", map[string]string{"listen": "127.0.0.1:8080"})
	c.next(t).is(t, "second-line", map[string]string{})
	stop()
	if s := beside.String(); strings.Count(s, "\n") != 2 || !strings.Contains(s, "doors open") {
		t.Errorf("beside: %q", s)
	}

	// a collector that is not the one it should be gets nothing
	var said bytes.Buffer
	other := New(Options{Address: Address{"tls", l.Addr().String()}, Next: slog.NewTextHandler(&said, nil)})
	slog.New(other).Info("secret")
	run(t, other)()
	if !strings.Contains(said.String(), "collector is away") || len(c.lines) > 0 {
		t.Errorf("%q, %d lines", said.String(), len(c.lines))
	}
}

// While the collector is away lines are kept, bounded, and it is told how many
// were dropped; logging never waits.
func TestCollectorAway(t *testing.T) {
	address := porttest.Free(t)
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	c := collect(t, l)
	var said said
	h := New(Options{Address: Address{"tcp", address}, Next: slog.NewTextHandler(&said, nil), Keep: 3, Pause: time.Millisecond})
	run(t, h)
	log := slog.New(h)
	log.Info("eins")
	c.next(t).is(t, "eins", map[string]string{})
	l.Close()
	(<-c.conns).Close()
	for !strings.Contains(said.String(), "is away") {
		time.Sleep(time.Millisecond)
	}
	for i := range 5 {
		log.Info("weg", "n", i)
	}
	if l, err = net.Listen("tcp", address); err != nil {
		t.Fatal(err)
	}
	c = collect(t, l)
	c.next(t).is(t, "lines-were-dropped-while-the-col", map[string]string{"lines": "2"})
	for i := 2; i < 5; i++ {
		c.next(t).is(t, "weg", map[string]string{"n": strconv.Itoa(i)})
	}
	log.Info("zwei")
	c.next(t).is(t, "zwei", map[string]string{})
}

// A local socket takes one datagram a line; what is left at the end is sent.
func TestLocalSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	h := New(Options{Address: Address{"unix", path}, Next: quiet})
	for i := range 3 {
		slog.New(h).Info("zeile", "n", i)
	}
	run(t, h)()
	b := make([]byte, 65536)
	for i := range 3 {
		socket.SetReadDeadline(time.Now().Add(time.Minute))
		n, err := socket.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		p, err := parse(string(b[:n]))
		if err != nil {
			t.Fatal(err)
		}
		p.is(t, "zeile", map[string]string{"n": strconv.Itoa(i)})
	}
}

// said is a buffer that may be read while it is written.
type said struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

var quiet = slog.NewTextHandler(io.Discard, nil)
