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
	asks   []func(context.Context) (struct{}, error) // of checks
	asked  time.Time
	state  map[string]string // part → "" or what is wrong
	short  bool              // a part that counts is not ready
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
	for i := len(r.asks); i < len(r.checks); i++ {
		r.asks = append(r.asks, Bounded(func(ctx context.Context) (struct{}, error) { return struct{}{}, r.checks[i].Ask(ctx) }))
	}
	wrong := make([]error, len(r.checks))
	var all sync.WaitGroup
	for i, ask := range r.asks {
		all.Go(func() { _, wrong[i] = ask(ctx) })
	}
	all.Wait()
	state, short := make(map[string]string, len(r.checks)), false
	for i, c := range r.checks {
		state[c.Name] = ""
		if err := wrong[i]; err != nil {
			state[c.Name] = err.Error()
			short = short || !c.Beside
		}
	}
	r.state, r.short, r.asked = state, short, time.Now()
	return state
}

// ok says whether uploads are taken.
func (r *readiness) ok(ctx context.Context) bool {
	r.look(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.short && !r.closed
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
