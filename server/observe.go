// SPDX-License-Identifier: Apache-2.0

package server

import (
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"time"

	"github.com/google/uuid"
)

// requestID is what a client or proxy may name a request.
var requestID = regexp.MustCompile(`^[A-Za-z0-9._-]{8,64}$`)

// observe gives every request an id, bounds a sender's pauses, counts it and
// writes one log line. Paths hold file names, so they stay out of the log; the audit has
// them under the same id.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get("X-Request-Id")
		if !requestID.MatchString(id) {
			id = uuid.NewString()
			r.Header.Set("X-Request-Id", id)
		}
		w.Header().Set("X-Request-Id", id)
		r.Body = &patient{ReadCloser: r.Body, control: http.NewResponseController(w), stall: s.o.Stall}
		seen := &seen{ResponseWriter: w}
		begin := time.Now()
		s.metrics.active.Inc()
		defer s.metrics.active.Dec()
		next.ServeHTTP(seen, r)
		took := time.Since(begin)
		s.metrics.done(r.Method, seen.code(), took)
		s.o.Log.LogAttrs(r.Context(), slog.LevelInfo, "request", slog.String("id", id), slog.String("method", r.Method),
			slog.Int("status", seen.code()), slog.Int64("bytes", seen.bytes), slog.Duration("took", took))
	})
}

// patient gives each read of a body the same time, whatever the whole takes.
type patient struct {
	io.ReadCloser
	control *http.ResponseController
	stall   time.Duration
	set     time.Time
}

func (p *patient) Read(b []byte) (int, error) {
	if now := time.Now(); now.Sub(p.set) > time.Second { // a deadline is a system call
		p.set = now
		_ = p.control.SetReadDeadline(now.Add(p.stall + time.Second))
	}
	return p.ReadCloser.Read(b)
}

// seen remembers what was answered, and keeps sendfile possible.
type seen struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (s *seen) code() int {
	if s.status == 0 {
		return http.StatusOK
	}
	return s.status
}

func (s *seen) WriteHeader(code int) {
	if s.status == 0 && code >= http.StatusOK {
		s.status = code
	}
	s.ResponseWriter.WriteHeader(code)
}

func (s *seen) Write(b []byte) (int, error) {
	n, err := s.ResponseWriter.Write(b)
	s.bytes += int64(n)
	return n, err
}

// ReadFrom lets the connection take a file directly with sendfile.
func (s *seen) ReadFrom(r io.Reader) (int64, error) {
	n, err := io.Copy(s.ResponseWriter, r)
	s.bytes += n
	return n, err
}

func (s *seen) Unwrap() http.ResponseWriter { return s.ResponseWriter }
