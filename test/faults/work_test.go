// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"postfach/scan/scantest"
	"postfach/test/world"
)

// documents of one case that are there before the fault.
type documents struct {
	prefix            string
	read, free, taken string // contents
	small, spooled    string // to be uploaded
}

const (
	submitted = "/dav/0815/an_KVBbg/"
	inbox     = "/dav/0815/KVBBG-SB-Posteingang/"
	outbox    = "/dav/0815/Postausgang/"
	root      = "/dav/0815/"
)

// noise is text of n bytes that no two calls have in common.
func noise(n int) string {
	var b strings.Builder
	for b.Len() < n {
		fmt.Fprintf(&b, "%016x", rand.Uint64())
	}
	return b.String()[:n]
}

// prepare puts what a case works with; everything is well by now.
func (h *house) prepare(t *testing.T) documents {
	t.Helper()
	h.next++
	d := documents{prefix: fmt.Sprintf("f%03d-", h.next), read: noise(1500 << 10), free: noise(300), taken: noise(300),
		small: noise(200), spooled: noise(2 << 20)}
	h.Put(t, "bert", outbox+d.prefix+"frei", d.free)
	h.Put(t, "anna", submitted+d.prefix+"da", d.read)
	h.Put(t, "anna", submitted+d.prefix+"nimm", d.taken)
	return d
}

// kind of work.
type kind int

const (
	upload kind = iota
	infected
	move
	read
	signIn
)

// op is one request while the fault is on, and what it is about.
type op struct {
	name     string
	kind     kind
	x        world.Exchange
	content  string
	from, to string // paths as bert sees them
}

// work is what happens in every case, all of it at once.
func (h *house) work(d documents) []op {
	ill := string(scantest.EICAR())
	put := func(name string, k kind, body string) op { return uploadOf(d.prefix+name, name, k, body) }
	mv := func(name, from, to, body string) op {
		return op{name: name, kind: move, content: body, from: from, to: to,
			x: world.Exchange{As: "bert", Method: "MOVE", Path: from, Header: map[string]string{"Destination": to}}}
	}
	return []op{
		put("klein", upload, d.small),
		put("gespult", upload, d.spooled),
		put("krank", infected, ill),
		put("schwer-krank", infected, d.spooled[:1100<<10]+ill),
		mv("release", outbox+d.prefix+"frei", root+d.prefix+"frei", d.free),
		mv("take-over", submitted+d.prefix+"nimm", inbox+d.prefix+"nimm", d.taken),
		{name: "read", kind: read, content: d.read, x: world.Exchange{As: "bert", Method: "GET", Path: submitted + d.prefix + "da"}},
		{name: "list", kind: signIn, x: world.Exchange{As: "emil", Method: "PROPFIND", Path: "/dav/", Header: map[string]string{"Depth": "1"}}},
	}
}

// uploadOf is an upload by the member.
func uploadOf(file, name string, k kind, body string) op {
	path := submitted + file
	return op{name: name, kind: k, content: body, to: path, x: world.Exchange{As: "anna", Method: "PUT", Path: path, Body: body}}
}

// result is what an op was answered.
type result struct {
	op
	world.Answer
	err error
}

func (h *house) try(o op) result {
	a, err := h.Send(o.x)
	return result{o, a, err}
}

func (r result) String() string {
	return fmt.Sprintf("%s: %d %v %.200s", r.name, r.Status, r.err, r.Body)
}

// done says that it did what was asked for; of an infected upload, that it was
// refused as one.
func (r result) done() bool {
	if r.err != nil {
		return false
	}
	switch r.kind {
	case upload, move:
		return r.Status == http.StatusCreated
	case infected:
		return r.Status == http.StatusUnsupportedMediaType
	case read:
		return r.Status == http.StatusOK
	}
	return r.Status == http.StatusMultiStatus
}

// fault says what is untrue about the answer by itself; "" for nothing.
func (r result) fault() string {
	switch {
	case r.done() && r.kind == read && string(r.Body) != r.content:
		return fmt.Sprintf("%s: 200 with %d bytes that are not the %d", r.name, len(r.Body), len(r.content))
	case r.done():
		return ""
	case r.kind == read && r.Status == http.StatusOK && r.err != nil:
		return "" // the reader sees that it broke off
	case r.err != nil:
		return r.String() + ": the client's own connection was not broken"
	case r.Status == http.StatusServiceUnavailable && r.Header.Get("Retry-After") != "":
		return ""
	case r.Status == http.StatusServiceUnavailable:
		return r.String() + ": without Retry-After"
	}
	return r.String()
}

// judge compares the answer with what is there when the fault has ended. A 503
// whose outcome nobody could know may have happened after all, whole; that is
// so for changes in the database alone.
func (h *house) judge(t *testing.T, r result, doubtful bool) (applied bool) {
	t.Helper()
	if f := r.fault(); f != "" {
		t.Error(f)
	}
	switch r.kind {
	case upload, infected:
		applied = h.holds(t, r.to, r.content)
		switch {
		case r.kind == infected && applied:
			t.Errorf("%s: an infected content can be read", r.name)
		case r.done() && r.kind == upload && !applied:
			t.Errorf("%s: acknowledged and not there", r)
		case !r.done() && applied && !doubtful:
			t.Errorf("%s: refused and there", r)
		}
		if applied {
			h.kept[r.to] = r.content
		}
	case move:
		there, here := h.holds(t, r.to, r.content), h.holds(t, r.from, r.content)
		switch {
		case there == here:
			t.Errorf("%s: at the destination: %t, at the source: %t", r, there, here)
		case r.done() && here:
			t.Errorf("%s: acknowledged and not done", r)
		case !r.done() && there && !doubtful:
			t.Errorf("%s: refused and done", r)
		}
		if applied = there; there {
			h.kept[r.to] = r.content
		} else {
			h.kept[r.from] = r.content
		}
	default:
		return false
	}
	return applied && !r.done()
}

// holds says whether a path holds a content; another or half a content fails.
// Whatever can be read was called clean by clamd before.
func (h *house) holds(t *testing.T, path, content string) bool {
	t.Helper()
	a, err := h.Send(world.Exchange{As: "bert", Method: "GET", Path: path})
	switch {
	case err != nil || a.Status != http.StatusOK && a.Status != http.StatusNotFound:
		t.Errorf("GET %s after the fault: %d %v %.300s", path, a.Status, err, a.Body)
		return false
	case a.Status == http.StatusNotFound:
		return false
	case string(a.Body) != content:
		t.Errorf("%s holds %d bytes that are not the %d", path, len(a.Body), len(content))
	case !h.witness.saw(a.Body):
		t.Errorf("%s can be read, and clamd never called it clean", path)
	}
	return true
}
