// SPDX-License-Identifier: Apache-2.0

// Package server keeps the listeners: TLS, limits, request ids, health,
// readiness, metrics and a shutdown that lets uploads finish. It knows no path
// below the doors and no rule of the mailbox.
package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sys/unix"
)

// Options of a Server.
type Options struct {
	Listen        string        // HOST:PORT of the doors
	MetricsListen string        // HOST:PORT of /metrics and /readyz?verbose; "" for none
	Cert, Key     string        // PEM files; "" serves plain HTTP
	Shutdown      time.Duration // how long requests may finish; 0 means 30 s
	Stall         time.Duration // how long a sender, or a reader of an answer, may pause; 0 means 5 min

	Doors   http.Handler
	Checks  []Check               // what readiness asks
	Metrics *prometheus.Registry  // nil makes one
	Started func(listen net.Addr) // called when the doors are open; may be nil
	Log     *slog.Logger          // nil discards
}

// Check is one part that must be ready for an upload to be taken.
type Check struct {
	Name string
	Ask  func(context.Context) error
	// Beside says that uploads go on without this part: it is told and does not
	// count.
	Beside bool
}

// Server is a process's listeners.
type Server struct {
	o       Options
	ready   *readiness
	metrics *metrics
	certs   *certificate
}

// New checks what can be checked without opening a port.
func New(o Options) (*Server, error) {
	if o.Shutdown == 0 {
		o.Shutdown = 30 * time.Second
	}
	if o.Stall == 0 {
		o.Stall = 5 * time.Minute
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = prometheus.NewRegistry()
	}
	s := &Server{o: o, ready: &readiness{checks: o.Checks}, metrics: newMetrics(o.Metrics)}
	if o.Cert != "" {
		s.certs = &certificate{cert: o.Cert, key: o.Key, log: o.Log}
		if err := s.certs.load(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Run serves until ctx ends, then lets requests finish for a bounded time. It
// returns nil after an orderly end.
func (s *Server) Run(ctx context.Context) error {
	doors, err := listen(ctx, s.o.Listen, s.o.Stall)
	if err != nil {
		return err
	}
	servers := []*http.Server{s.doors()}
	listeners := []net.Listener{doors}
	if s.certs != nil {
		listeners[0] = tls.NewListener(doors, servers[0].TLSConfig)
	}
	if s.o.MetricsListen != "" {
		l, err := listen(ctx, s.o.MetricsListen, s.o.Stall)
		if err != nil {
			_ = doors.Close()
			return err
		}
		servers, listeners = append(servers, s.inside()), append(listeners, l)
	}
	failed := make(chan error, len(servers))
	for i, h := range servers {
		go func() { failed <- h.Serve(listeners[i]) }()
	}
	if s.o.Started != nil {
		s.o.Started(doors.Addr())
	}
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	s.ready.close()
	s.shutdown(servers)
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return err
}

// listen opens a port whose connections the kernel ends when what was sent is
// not taken for the time of stall: a reader who stops does not hold a file open
// for ever, and sendfile needs no watch.
func listen(ctx context.Context, address string, stall time.Duration) (net.Listener, error) {
	c := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var failed error
		err := raw.Control(func(fd uintptr) {
			failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(stall.Milliseconds()))
		})
		return errors.Join(err, failed)
	}}
	l, err := c.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	return l, nil
}

// doors is the server that members and the authority reach.
func (s *Server) doors() *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if !s.ready.ok(r.Context()) {
			w.Header().Set("Retry-After", "5")
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	probes := map[string]bool{"/healthz": true, "/readyz": true}
	outer := s.observe(s.o.Doors)
	h := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if probes[r.URL.Path] { // the mux would clean every other path too
				mux.ServeHTTP(w, r)
				return
			}
			outer.ServeHTTP(w, r)
		}),
		ReadHeaderTimeout: 20 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.o.Log.Handler(), slog.LevelDebug),
	}
	if s.certs != nil {
		h.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: s.certs.get, NextProtos: []string{"h2", "http/1.1"}}
	}
	return h
}

// inside is the server that monitoring reaches.
func (s *Server) inside() *http.Server {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.o.Metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /readyz", s.ready.verbose)
	return &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
}

// shutdown lets requests finish, then cuts what is left.
func (s *Server) shutdown(servers []*http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), s.o.Shutdown)
	defer cancel()
	var wg sync.WaitGroup
	for _, h := range servers {
		wg.Go(func() {
			if err := h.Shutdown(ctx); err != nil {
				s.o.Log.Warn("requests were cut off at shutdown", "err", err)
				_ = h.Close()
			}
		})
	}
	wg.Wait()
}
