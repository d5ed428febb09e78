// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// faulty breaks what goes through it, now and then.
type faulty struct {
	next http.RoundTripper
	trip func(f *faulty, q *http.Request) (*http.Response, error)

	mu   sync.Mutex
	kept map[string][]byte // bodies of earlier readings
	n    int
}

func (f *faulty) RoundTrip(q *http.Request) (*http.Response, error) { return f.trip(f, q) }

// stale is a cache that nobody empties: it answers readings of a document with
// what was read there first.
func stale(f *faulty, q *http.Request) (*http.Response, error) {
	resp, err := f.next.RoundTrip(q)
	if err != nil || q.Method != "GET" || resp.StatusCode != 200 {
		return resp, err
	}
	b, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	if first := f.kept[q.URL.Path]; first != nil {
		b = first
	}
	f.kept[q.URL.Path] = b
	resp.Body = io.NopCloser(bytes.NewReader(b))
	return resp, err
}

// lost acknowledges every fifth upload and keeps it from the node.
func lost(f *faulty, q *http.Request) (*http.Response, error) {
	f.mu.Lock()
	f.n++
	drop := q.Method == "PUT" && f.n%5 == 0
	f.mu.Unlock()
	if !drop {
		return f.next.RoundTrip(q)
	}
	return &http.Response{StatusCode: 204, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("")), Request: q}, nil
}

// unlocked does not tell the node that a lock ended.
func unlocked(f *faulty, q *http.Request) (*http.Response, error) {
	if q.Method != "UNLOCK" {
		return f.next.RoundTrip(q)
	}
	return &http.Response{StatusCode: 204, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("")), Request: q}, nil
}

// TestLinearFinds: the search finds what it is there for: a stale reading, an
// acknowledged upload that is lost, a lock that goes on.
func TestLinearFinds(t *testing.T) {
	long(t)
	faults := map[string]func(*faulty, *http.Request) (*http.Response, error){"stale reading": stale, "lost upload": lost, "endless lock": unlocked}
	n := linearNodes(t, len(faults))
	i := 0
	for name, trip := range faults {
		t.Run(name, func(t *testing.T) {
			r, clients := n.prepare(t, i, 7, func(next http.RoundTripper) http.RoundTripper {
				return &faulty{next: next, trip: trip, kept: map[string][]byte{}}
			})
			var all sync.WaitGroup
			for _, c := range clients {
				all.Go(func() { c.work(nil) })
			}
			all.Wait()
			if got, _ := explain(r.history, time.Minute); got != porcupine.Illegal {
				t.Errorf("of %d requests: %s", len(r.history), got)
			}
		})
		i++
	}
}
