// SPDX-License-Identifier: Apache-2.0

// Package syslog carries the server's log to a collector by RFC 5424, over a
// local socket or TLS (RFC 5425), and keeps lines while the collector is away.
// What is worth a line is decided where the lines are written, not here.
package syslog

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Address is where the collector listens.
type Address struct {
	Network string // "unix" (datagrams), "tcp" or "tls"
	Path    string // of the socket, or HOST:PORT
}

// ParseAddress reads unix:PATH, tls:HOST:PORT or tcp:HOST:PORT.
func ParseAddress(text string) (Address, error) {
	network, path, _ := strings.Cut(text, ":")
	switch network {
	case "unix":
		if filepath.IsAbs(path) {
			return Address{network, path}, nil
		}
	case "tcp", "tls":
		if host, port, err := net.SplitHostPort(path); err == nil && host != "" && port != "" {
			return Address{network, path}, nil
		}
	}
	return Address{}, fmt.Errorf("syslog: %q is none of unix:PATH, tls:HOST:PORT, tcp:HOST:PORT", text)
}

// Options of a Handler.
type Options struct {
	Address Address
	TLS     *tls.Config   // for "tls"; nil for the system's roots and TLS 1.2 at least
	Next    slog.Handler  // gets every record too, and alone what concerns the collector itself
	Host    string        // "" means the machine's name
	Keep    int           // lines kept while the collector is away; 0 means 10,000. The oldest go first
	Pause   time.Duration // before the first new try; doubles up to a minute; 0 means 1 s
}

// Handler is a slog.Handler. It never waits for the collector.
type Handler struct {
	*shared
	next  slog.Handler
	attrs []byte // structured data of With
	group string // prefix of names, "" or "a.b."
}

var _ slog.Handler = (*Handler)(nil)

// shared is what a handler and those derived from it have in common.
type shared struct {
	o    Options
	wake chan struct{}

	mu      sync.Mutex
	waiting [][]byte
	lost    int // lines that were dropped since the last one that was sent
}

// New makes a handler; nothing is sent before Run.
func New(o Options) *Handler {
	if o.Host == "" {
		o.Host, _ = os.Hostname()
	}
	if o.Keep <= 0 {
		o.Keep = 10_000
	}
	if o.Pause <= 0 {
		o.Pause = time.Second
	}
	return &Handler{shared: &shared{o: o, wake: make(chan struct{}, 1)}, next: o.Next}
}

// Enabled asks the next handler: both write the same lines.
func (h *Handler) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }

// Handle keeps the record for the collector and passes it on.
func (h *Handler) Handle(ctx context.Context, r slog.Record) error {
	h.keep(h.message(r))
	return h.next.Handle(ctx, r)
}

// WithAttrs has them in every line.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	n := *h
	n.next, n.attrs = h.next.WithAttrs(attrs), append([]byte(nil), h.attrs...)
	for _, a := range attrs {
		n.attrs = appendAttr(n.attrs, h.group, a)
	}
	return &n
}

// WithGroup puts the name before those of further attributes.
func (h *Handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	n := *h
	n.next, n.group = h.next.WithGroup(name), h.group+name+"."
	return &n
}

func (s *shared) keep(line []byte) {
	s.mu.Lock()
	if len(s.waiting) >= s.o.Keep {
		s.waiting = s.waiting[1:]
		s.lost++
	}
	s.waiting = append(s.waiting, line)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// first gives the oldest line, and how many were dropped before it.
func (s *shared) first() (line []byte, lost int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == 0 {
		return nil, 0
	}
	return s.waiting[0], s.lost
}

// sent forgets the line, unless it was dropped meanwhile.
func (s *shared) sent(line []byte, lost int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) > 0 && &s.waiting[0][0] == &line[0] {
		s.waiting = s.waiting[1:]
	}
	s.lost -= lost
}

// Run sends until ctx ends, then what is still there for at most two seconds.
func (h *Handler) Run(ctx context.Context) {
	last, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(2*time.Second, stop) })()
	pause, away := h.o.Pause, false
	for last.Err() == nil {
		err := h.send(ctx, last, func() { pause, away = h.o.Pause, h.back(away) })
		if err == nil {
			return // ctx has ended and all is sent
		}
		if !away && last.Err() == nil {
			away = true
			h.tell(slog.LevelError, "the syslog collector is away, lines are kept", slog.String("err", err.Error()))
		}
		wait(last, ctx, pause)
		pause = min(2*pause, time.Minute)
	}
}

// back says that the collector has taken a line again.
func (h *Handler) back(away bool) bool {
	if away {
		h.tell(slog.LevelInfo, "the syslog collector is back")
	}
	return false
}

// tell writes a line that concerns the collector itself, without it.
func (h *Handler) tell(l slog.Level, msg string, attrs ...slog.Attr) {
	r := slog.NewRecord(time.Now(), l, msg, 0)
	r.AddAttrs(attrs...)
	_ = h.o.Next.Handle(context.Background(), r)
}

// wait sleeps until the end of last, or until that of ctx when it comes during
// the sleep: then there is one more try at once.
func wait(last, ctx context.Context, d time.Duration) {
	if ctx.Err() != nil {
		ctx = last
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-last.Done():
	case <-ctx.Done():
	}
}

// send is one connection: it ends with an error when that breaks, and with nil
// when ctx has ended and nothing is left.
func (h *Handler) send(ctx, last context.Context, worked func()) error {
	conn, err := h.dial(last)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(last, func() { conn.Close() })()
	gone := watch(conn, h.o.Address.Network)
	for {
		line, lost := h.first()
		if line == nil {
			select {
			case <-h.wake:
				continue
			case err := <-gone:
				return err
			case <-ctx.Done():
				return nil
			}
		}
		if lost > 0 {
			r := slog.NewRecord(time.Now(), slog.LevelError, "lines were dropped while the collector was away", 0)
			r.AddAttrs(slog.Int("lines", lost))
			if err := h.write(conn, (&Handler{shared: h.shared}).message(r)); err != nil {
				return err
			}
		}
		if err := h.write(conn, line); err != nil {
			return err
		}
		h.sent(line, lost)
		worked()
	}
}

// watch tells when the collector closes a stream, so that the next line is not
// written into a connection that nobody reads.
func watch(conn net.Conn, network string) <-chan error {
	gone := make(chan error, 1)
	if network == "unix" {
		return gone
	}
	go func() {
		var b [1]byte
		for {
			if _, err := conn.Read(b[:]); err != nil {
				gone <- fmt.Errorf("the collector closed the connection: %w", err)
				return
			}
		}
	}()
	return gone
}

const patience = 10 * time.Second // for a connection, and for one line

func (h *Handler) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var d net.Dialer
	switch a := h.o.Address; a.Network {
	case "unix":
		conn, err := d.DialContext(ctx, "unixgram", a.Path)
		return conn, err
	case "tls":
		c := h.o.TLS
		if c == nil {
			c = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		return (&tls.Dialer{NetDialer: &d, Config: c}).DialContext(ctx, "tcp", a.Path)
	case "tcp":
		return d.DialContext(ctx, "tcp", a.Path)
	}
	return nil, errors.New("syslog: no address")
}

// write sends one line: a datagram, or a frame with its length (RFC 5425
// section 4.3), so that no line can end another.
func (h *Handler) write(conn net.Conn, line []byte) error {
	if err := conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if h.o.Address.Network != "unix" {
		line = append(fmt.Appendf(nil, "%d ", len(line)), line...)
	}
	_, err := conn.Write(line)
	return err
}
