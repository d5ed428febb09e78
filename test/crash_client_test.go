// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postfach/scan/scantest"
	"postfach/test/world"
)

// series is a world under work, its clients and what they were promised.
type series struct {
	t       *testing.T
	w       *world.World
	rng     *rand.Rand
	clients []*client
	killed  atomic.Bool

	etags map[string]string // ETag → SHA-256 of what was read under it (I6)
	lost  int               // unknown outcomes
	found int               // of these, applied
}

// client works on names of its own, one request at a time, so that after a
// kill at most one of its requests is in doubt.
type client struct {
	s      *series
	id     int
	member bool // works in an_KVBbg; else in the outbox and the root
	rng    *rand.Rand
	next   int
	docs   []state
	doubt  *doubt
	done   []change // everything that surely happened, in order
}

// state of a document; Path "" means that it is not there.
type state struct{ path, content string }

// change is one step from a state to another, named like its audit record.
type change struct {
	operation string
	as        string
	before    state
	after     state
}

// doubt is a change whose answer never came.
type doubt struct {
	change
	doc int // index in docs, -1 for a new one
}

// workAndKill lets all clients work and kills the server at a random moment.
func (s *series) workAndKill() {
	s.killed.Store(false)
	var wg sync.WaitGroup
	for _, c := range s.clients {
		wg.Go(c.work)
	}
	time.Sleep(time.Duration(20+s.rng.IntN(380)) * time.Millisecond)
	s.killed.Store(true)
	s.w.Kill()
	wg.Wait()
}

// work goes on until an answer stays away. A kill that falls between two
// requests shows in the next one.
func (c *client) work() {
	for c.doubt == nil {
		if c.rng.IntN(12) == 0 {
			c.infect()
		}
		if !c.step() {
			return
		}
	}
}

// infect uploads a virus: never 2xx, whatever happens (I1).
func (c *client) infect() {
	c.next++
	a, err := c.s.w.Send(world.Exchange{As: c.login(), Method: "PUT", Path: fmt.Sprintf("%svirus%d-%d", c.home(), c.id, c.next), Body: string(scantest.EICAR())})
	if err == nil && a.Status/100 == 2 {
		c.s.t.Errorf("a virus was accepted with %d", a.Status)
	}
}

func (c *client) login() string {
	if c.member {
		return "anna"
	}
	return "bert"
}

func (c *client) home() string {
	if c.member {
		return "/dav/0815/an_KVBbg/"
	}
	return "/dav/0815/Postausgang/"
}

const inboxPath, rootPath = "/dav/0815/KVBBG-SB-Posteingang/", "/dav/0815/"

// step does one random change; false says that its outcome is not known.
func (c *client) step() bool {
	i := -1
	if len(c.docs) > 0 && (len(c.docs) >= 8 || c.rng.IntN(4) > 0) {
		i = c.rng.IntN(len(c.docs))
	}
	ch := c.choose(i)
	a, err := c.send(ch)
	switch {
	case err != nil || a.Status >= 500:
		c.doubt = &doubt{ch, i}
		return false
	case a.Status/100 != 2:
		c.s.t.Errorf("%s %s → %s: %d\n%s", ch.operation, ch.before.path, ch.after.path, a.Status, a.Body)
		return false
	}
	c.apply(ch, i)
	return true
}

func (c *client) apply(ch change, i int) {
	c.done = append(c.done, ch)
	switch {
	case i < 0:
		c.docs = append(c.docs, ch.after)
	case ch.after.path == "":
		c.docs = append(c.docs[:i], c.docs[i+1:]...)
	default:
		c.docs[i] = ch.after
	}
}

func (c *client) content() string {
	c.next++
	size := c.rng.IntN(20_000)
	if c.rng.IntN(10) == 0 {
		size = 1<<20 + c.rng.IntN(2<<20) // past what is staged in memory
	}
	return fmt.Sprintf("client %d content %d %s", c.id, c.next, strings.Repeat("x", size))
}

// choose makes up the next change of document i, or of a new one.
func (c *client) choose(i int) change {
	if i < 0 {
		body := c.content()
		return change{"create", c.login(), state{}, state{fmt.Sprintf("%sd%d-%d.txt", c.home(), c.id, c.next), body}}
	}
	d := c.docs[i]
	file := d.path[strings.LastIndex(d.path, "/")+1:]
	move := func(op, as, to string) change { return change{op, as, d, state{to + file, d.content}} }
	switch {
	case strings.HasPrefix(d.path, inboxPath):
		return move("give-back", "bert", "/dav/0815/an_KVBbg/")
	case !c.member && !strings.HasPrefix(d.path, c.home()): // released
		if c.rng.IntN(2) == 0 {
			return change{"remove", "bert", d, state{}}
		}
		return move("recall", "bert", c.home())
	}
	switch c.rng.IntN(6) {
	case 0:
		return change{"remove", c.login(), d, state{}}
	case 1:
		c.next++
		return change{"rename", c.login(), d, state{fmt.Sprintf("%sr%d-%d.txt", c.home(), c.id, c.next), d.content}}
	case 2, 3:
		if c.member {
			return move("take-over", "bert", inboxPath)
		}
		return move("release", "bert", rootPath)
	}
	return change{"replace", c.login(), d, state{d.path, c.content()}}
}

func (c *client) send(ch change) (world.Answer, error) {
	switch ch.operation {
	case "create", "replace":
		return c.s.w.Send(world.Exchange{As: ch.as, Method: "PUT", Path: ch.after.path, Body: ch.after.content})
	case "remove":
		return c.s.w.Send(world.Exchange{As: ch.as, Method: "DELETE", Path: ch.before.path})
	}
	return c.s.w.Send(world.Exchange{As: ch.as, Method: "MOVE", Path: ch.before.path, Header: destination(ch.after.path)})
}
