// SPDX-License-Identifier: Apache-2.0

package test

import (
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"postfach/test/world"
)

// linearRun is the history of one mailbox.
type linearRun struct {
	t      testing.TB
	nodes  []*world.World
	member string
	seed   uint64
	start  time.Time
	down   atomic.Int64 // number of the node that is away, from 1; 0 for none

	mu      sync.Mutex
	next    int // number of the last content or lock
	held    []heldLock
	history []porcupine.Operation
	busy    int // answers with 5xx
}

// heldLock is a lock whose token its holder knows.
type heldLock struct {
	id, at, name int
	as, token    string
}

// linearClient sends one request after the other, each to a node of its choice.
type linearClient struct {
	run  *linearRun
	id   int
	as   string
	rng  *rand.Rand
	http *http.Client
}

func (r *linearRun) number() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next++
	return r.next
}

// contentOf makes the content of a size: every content of a run has another.
func (r *linearRun) contentOf(size int) string {
	if size == 0 {
		return "" // made by LOCK
	}
	head := fmt.Sprintf("%s %d %d ", r.member, r.seed, size)
	return (head + strings.Repeat("x", size))[:size]
}

const smallest = 100 // bytes; longer than what tells contents apart

// choose makes up the next request.
func (c *linearClient) choose() act {
	a := act{as: c.as, name: c.rng.IntN(names)}
	clerk := strings.HasPrefix(c.as, "clerk")
	switch n := c.rng.IntN(100); {
	case n < 22:
		a.kind, a.at = "get", c.rng.IntN(places)
		if clerk && a.at == inOut {
			a.at = inAn
		}
	case n < 32:
		a.kind, a.at = "list", c.rng.IntN(places)
		if clerk {
			a.at = inAn
		}
	case n < 42 && clerk, n < 37:
		a.kind, a.lock, a.at = "lock", c.run.number(), c.home()
	case n < 54 && clerk, n < 47:
		if h, found := c.pick(-1, -1); found {
			a.kind, a.lock, a.at, a.name = "unlock", h.id, h.at, h.name
			return a
		}
		fallthrough
	case n < 85 && clerk, n < 60:
		a.kind, a.at = "put", c.home()
		if a.size = smallest + c.run.number(); c.rng.IntN(12) == 0 {
			a.size += 1 << 20 // past what is staged in memory
		}
	case clerk, n < 67:
		a.kind, a.at = "delete", inAn
		if !clerk {
			a.at = inInbox + c.rng.IntN(places-inInbox)
		}
	default:
		ways := [][2]int{{inAn, inInbox}, {inAn, inInbox}, {inInbox, inAn}, {inOut, inRoot}, {inOut, inRoot}, {inRoot, inOut}}
		way := ways[c.rng.IntN(len(ways))]
		a.kind, a.at, a.to = "move", way[0], way[1]
	}
	if a.lock == 0 && a.kind != "get" && a.kind != "list" && c.rng.IntN(2) == 0 {
		h, _ := c.pick(a.at, a.name)
		a.lock = h.id
	}
	return a
}

func (c *linearClient) home() int {
	if strings.HasPrefix(c.as, "clerk") {
		return inAn
	}
	return inOut
}

// pick finds a lock of this account, at a place unless that is below 0.
func (c *linearClient) pick(at, name int) (heldLock, bool) {
	c.run.mu.Lock()
	defer c.run.mu.Unlock()
	for _, i := range c.rng.Perm(len(c.run.held)) {
		if h := c.run.held[i]; h.as == c.as && (at < 0 || h.at == at && h.name == name) {
			return h, true
		}
	}
	return heldLock{}, false
}

func (r *linearRun) token(lock int) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range r.held {
		if h.id == lock {
			return h.token
		}
	}
	return ""
}

// know keeps the token of a lock; forget drops it once it is of no more use.
func (r *linearRun) know(h heldLock) {
	if h.token == "" || r.token(h.id) != "" {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held = append(r.held, h)
}

func (r *linearRun) path(at, name int) string {
	return fmt.Sprintf("/dav/%s/%sd%d.txt", r.member, linearPath[at], name)
}

// exchange is the request on the wire.
func (c *linearClient) exchange(a act) world.Exchange {
	r := c.run
	x := world.Exchange{As: c.as, Path: r.path(a.at, a.name), Header: map[string]string{}}
	switch a.kind {
	case "put":
		x.Method, x.Body = "PUT", r.contentOf(a.size)
	case "get", "delete":
		x.Method = strings.ToUpper(a.kind)
	case "move":
		x.Method, x.Header["Destination"] = "MOVE", r.path(a.to, a.name)
	case "list":
		x.Method, x.Header["Depth"], x.Path = "PROPFIND", "1", fmt.Sprintf("/dav/%s/%s", r.member, linearPath[a.at])
		x.Body = `<D:propfind xmlns:D="DAV:"><D:prop><D:getcontentlength/><D:lockdiscovery/></D:prop></D:propfind>`
	case "lock":
		x.Method, x.Header["Depth"] = "LOCK", "0"
		x.Body = fmt.Sprintf(`<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype><D:owner>lock-%d</D:owner></D:lockinfo>`, a.lock)
		return x
	case "unlock":
		x.Method, x.Header["Lock-Token"] = "UNLOCK", "<"+r.token(a.lock)+">"
		return x
	}
	if a.lock != 0 {
		x.Header["If"] = "(<" + r.token(a.lock) + ">)"
	}
	return x
}

// step sends a request to a node and notes what came of it. A node that cannot
// be reached has seen nothing of it.
func (c *linearClient) step(a act, node *world.World) {
	r := c.run
	a.node = node.URL
	began := time.Since(r.start).Nanoseconds()
	got, err := c.send(node, c.exchange(a))
	o := porcupine.Operation{ClientId: c.id, Input: a, Call: began, Return: time.Since(r.start).Nanoseconds()}
	var dial *net.OpError
	switch {
	case errors.As(err, &dial) && dial.Op == "dial":
		time.Sleep(10 * time.Millisecond)
		return
	case err != nil || got.Status >= 500:
		if err == nil {
			r.mu.Lock()
			r.busy++
			r.mu.Unlock()
		}
		if a.kind == "get" || a.kind == "list" {
			return // it changed nothing and told nothing
		}
		o.Output, o.Return = outcome{}, math.MaxInt64
	default:
		o.Output = c.outcome(a, got)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.history = append(r.history, o)
}

func (c *linearClient) send(node *world.World, x world.Exchange) (world.Answer, error) {
	req, err := node.Request(x.As, x.Method, x.Path, strings.NewReader(x.Body))
	if err != nil {
		return world.Answer{}, err
	}
	for k, v := range x.Header {
		if k == "Destination" {
			v = node.URL + v
		}
		req.Header.Set(k, v)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return world.Answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return world.Answer{Status: resp.StatusCode, Header: resp.Header, Body: b}, err
}

var (
	ownerOf = regexp.MustCompile(`lock-([0-9]+)`)
	tokenOf = regexp.MustCompile(`urn:uuid:[0-9a-f-]+`)
	nameOf  = regexp.MustCompile(`/d([0-9])\.txt$`)
)

// outcome reads an answer.
func (c *linearClient) outcome(a act, got world.Answer) outcome {
	r, o := c.run, outcome{status: got.Status}
	switch {
	case a.kind == "get" && got.Status == 200:
		o.slot = slot{there: true, size: len(got.Body)}
		if string(got.Body) != r.contentOf(len(got.Body)) {
			r.t.Errorf("%s %s: %d bytes that nobody has put there", a.kind, r.path(a.at, a.name), len(got.Body))
		}
	case a.kind == "lock" && got.Status/100 == 2:
		r.know(heldLock{a.lock, a.at, a.name, c.as, strings.Trim(got.Header.Get("Lock-Token"), "<>")})
	case a.kind == "list" && got.Status == 207:
		for _, res := range world.ParseMultistatus(r.t, got.Body) {
			m := nameOf.FindStringSubmatch(res.Path)
			if m == nil {
				continue
			}
			name, _ := strconv.Atoi(m[1])
			s := slot{there: true}
			s.size, _ = strconv.Atoi(res.Prop("getcontentlength"))
			locks := res.Prop("lockdiscovery")
			if m := ownerOf.FindStringSubmatch(locks); m != nil {
				s.lock, _ = strconv.Atoi(m[1])
				r.know(heldLock{s.lock, a.at, name, c.as, tokenOf.FindString(locks)})
			}
			o.folder[name] = s
		}
	}
	return o
}
