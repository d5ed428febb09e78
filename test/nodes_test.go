// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"postfach/catalog/pgtest"
	"postfach/test/world"
)

// database is the PostgreSQL server of the tests here; it starts when needed.
var database pgtest.Lazy

// twoNodes starts two servers over one PostgreSQL database and one storage.
func twoNodes(t *testing.T) (a, b *world.World) {
	t.Helper()
	long(t)
	s := database.Get(t)
	o := world.Everybody()
	o.Catalog, o.Data = s.URL(s.Database(t)), t.TempDir()
	a = world.Start(t, o)
	o.Scanner, o.Members, o.Accounts = a.Scanner, nil, nil
	return a, world.Start(t, o)
}

// TestTwoNodes: what happens at one node holds at the other at once, without
// sticky sessions, and the log yields the same tree (K11, D8).
func TestTwoNodes(t *testing.T) {
	a, b := twoNodes(t)
	etag := a.Put(t, "anna", "/dav/an_KVBbg/Liste.csv", "Nr;Name\r\n")
	got := b.Get(t, "bert", "/dav/0815/an_KVBbg/Liste.csv")
	if string(got.Body) != "Nr;Name\r\n" || etag != "" && got.Header.Get("ETag") != etag {
		t.Errorf("at the other node: %q, ETag %s, want %s", got.Body, got.Header.Get("ETag"), etag)
	}

	// A lock that one node gave is respected and ended by the other.
	lock := a.Do(t, world.Exchange{As: "anna", Method: "LOCK", Path: "/dav/an_KVBbg/Liste.csv", Body: lockBody, Want: 200})
	b.Play(t, []world.Exchange{
		{As: "anna", Method: "PUT", Path: "/dav/an_KVBbg/Liste.csv", Body: "x", Want: 423},
		{As: "bert", Method: "MOVE", Path: "/dav/0815/an_KVBbg/Liste.csv", Header: map[string]string{"Destination": "/dav/0815/KVBBG-SB-Posteingang/Liste.csv"}, Want: 423},
		{As: "anna", Method: "UNLOCK", Path: "/dav/an_KVBbg/Liste.csv", Header: map[string]string{"Lock-Token": lock.Header.Get("Lock-Token")}, Want: 204},
	})
	a.Move(t, "bert", "/dav/0815/an_KVBbg/Liste.csv", "/dav/0815/KVBBG-SB-Posteingang/Liste.csv", 201)

	// Wrong passwords are counted together: two at one node and one at the other,
	// neither of which is enough there, close the way at both, to the right one too.
	for i, node := range []*world.World{a, b, a} {
		node.Do(t, world.Exchange{As: fmt.Sprintf("emil:falsch Nummer %d", i), Method: "GET", Path: "/dav/", Want: http.StatusUnauthorized})
	}
	for _, node := range []*world.World{b, a} {
		node.Do(t, world.Exchange{As: "emil", Method: "GET", Path: "/dav/", Want: http.StatusTooManyRequests})
	}
	a.CLI("", "account", "unlock", "emil")
	for _, node := range []*world.World{b, a} {
		eventually(t, "the pause ends at both nodes", func() bool {
			got, err := node.Send(world.Exchange{As: "emil", Method: "GET", Path: "/dav/"})
			return err == nil && got.Status == http.StatusOK
		})
	}

	// A release is told of once, whichever node finds it.
	a.Put(t, "bert", "/dav/0815/Postausgang/Bescheid.pdf", "Bescheid")
	b.Move(t, "bert", "/dav/0815/Postausgang/Bescheid.pdf", "/dav/0815/Bescheid.pdf", 201)
	mails := func() int { return len(a.Mails("anna@example.org")) + len(b.Mails("anna@example.org")) }
	eventually(t, "a mail", func() bool { return mails() > 0 })
	time.Sleep(3 * time.Second) // a second one would have come by now
	if mails() != 1 {
		t.Errorf("%d mails about one release", mails())
	}

	// An account that is disabled is refused by both within seconds.
	a.CLI("", "account", "disable", "bert")
	for _, node := range []*world.World{a, b} {
		withinFive(t, "a disabled account is refused", func() bool {
			return node.Do(t, world.Exchange{As: "bert", Method: "GET", Path: "/dav/"}).Status == http.StatusUnauthorized
		})
	}
	b.CLI("", "audit", "replay")
}

// TestNodeKilled: while clients upload at two nodes into one mailbox, one node
// is killed; the other goes on, nothing acknowledged is lost, and the killed
// one comes back (I2, K11, P68).
func TestNodeKilled(t *testing.T) {
	a, b := twoNodes(t)
	var mu sync.Mutex
	kept := map[string]string{}
	var all sync.WaitGroup
	stop := make(chan struct{})
	for w := range 4 {
		node := []*world.World{a, b}[w%2]
		all.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				path, body := fmt.Sprintf("/dav/an_KVBbg/%d-%d.txt", w, i), strings.Repeat(fmt.Sprint(i), 10)
				got, err := node.Send(world.Exchange{As: "anna", Method: "PUT", Path: path, Body: body})
				if err == nil && got.Status == http.StatusCreated {
					mu.Lock()
					kept[path] = body
					mu.Unlock()
				}
			}
		})
	}
	uploads := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(kept)
	}
	more := func(n int) {
		t.Helper()
		to := uploads() + n
		eventually(t, "uploads go on", func() bool { return uploads() >= to })
	}
	more(20)
	a.Kill()
	more(10)
	if s := b.ReadyStatus(); s != http.StatusOK {
		t.Errorf("the other node: readiness %d", s)
	}
	a.Serve()
	more(10)
	close(stop)
	all.Wait()
	for path, body := range kept {
		if got := b.Get(t, "anna", path); string(got.Body) != body {
			t.Errorf("%s: %q", path, got.Body)
		}
	}
	a.CLI("", "audit", "replay")
}
