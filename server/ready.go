// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// readiness asks the parts at most once a second, whoever asks: /readyz needs
// no sign-in.
type readiness struct {
	checks []Check

	mu     sync.Mutex
	asked  time.Time
	state  map[string]string // part → "" or what is wrong
	closed bool
}

func (r *readiness) look(ctx context.Context) map[string]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state != nil && time.Since(r.asked) < time.Second {
		return r.state
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	state := make(map[string]string, len(r.checks))
	for _, c := range r.checks {
		state[c.Name] = ""
		if err := c.Ask(ctx); err != nil {
			state[c.Name] = err.Error()
		}
	}
	r.state, r.asked = state, time.Now()
	return state
}

// ok says whether uploads are taken.
func (r *readiness) ok(ctx context.Context) bool {
	for _, wrong := range r.look(ctx) {
		if wrong != "" {
			return false
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.closed
}

func (r *readiness) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
}

// verbose answers with each part, for people who run the server.
func (r *readiness) verbose(w http.ResponseWriter, req *http.Request) {
	code := http.StatusOK
	if !r.ok(req.Context()) {
		code = http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	if req.URL.Query().Has("verbose") {
		_ = json.NewEncoder(w).Encode(r.look(req.Context()))
	}
}
