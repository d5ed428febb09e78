// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"postfach/test/world"
)

// happenings is what befalls the clerk's desks from outside while people work on
// them. Each gives what ends it after the desks have run, or nil. A restore has
// its own test, since it takes back the audit log by which a series is judged.
var happenings = []struct {
	weight int
	happen func(h *happening) (end func())
}{
	{8, (*happening).takeOver},
	{3, (*happening).giveBack},
	{3, (*happening).release},
	{2, (*happening).recall},
	{1, (*happening).tidyInbox},
	{2, (*happening).shortListing},
	{1, (*happening).scannerDown},
	{1, (*happening).grantEnds},
	{1, (*happening).roleChanges},
}

type happening struct {
	t     *testing.T
	w     *world.World
	r     *rand.Rand
	desks []*desk
	n     int
}

// one lets something happen, and says what ends it.
func (h *happening) one() func() {
	h.t.Helper()
	h.n++
	total := 0
	for _, x := range happenings {
		total += x.weight
	}
	k := h.r.IntN(total)
	for _, x := range happenings {
		if k -= x.weight; k < 0 {
			if end := x.happen(h); end != nil {
				return end
			}
			break
		}
	}
	return func() {}
}

// any picks one of what the caseworker sees in a folder of the mailbox, as a path
// below it, still escaped; "" where it is empty.
func (h *happening) any(folder string) string {
	h.t.Helper()
	there := h.w.Propfind(h.t, "bert", "/dav/0815/"+folder, "1")[1:]
	there = slices.DeleteFunc(there, func(r world.Resource) bool {
		return folder == "" && r.Folder() // the fixed folders
	})
	if len(there) == 0 {
		return ""
	}
	return strings.TrimSuffix(strings.TrimPrefix(there[h.r.IntN(len(there))].Href, "/dav/0815/"+folder), "/")
}

// move is one of the caseworker's; it may be refused for a name that is taken.
func (h *happening) move(from, to, what string) {
	h.t.Helper()
	a, err := h.w.Send(world.Exchange{As: "bert", Method: "MOVE", Path: "/dav/0815/" + from, Header: map[string]string{"Destination": "/dav/0815/" + to}})
	must(h.t, err)
	h.t.Logf("caseworker: %s %s → %s %d", what, from, to, a.Status)
}

func (h *happening) takeOver() func() {
	if name := h.any("an_KVBbg/"); name != "" {
		h.move("an_KVBbg/"+name, "KVBBG-SB-Posteingang/"+name, "takes over")
	}
	return nil
}

func (h *happening) giveBack() func() {
	if name := h.any("KVBBG-SB-Posteingang/"); name != "" {
		h.move("KVBBG-SB-Posteingang/"+name, "an_KVBbg/"+name, "gives back")
	}
	return nil
}

func (h *happening) release() func() {
	name := fmt.Sprintf("Bescheid%d.txt", h.n)
	h.w.Put(h.t, "bert", "/dav/0815/Postausgang/"+name, strings.Repeat("Bescheid ", h.n))
	h.move("Postausgang/"+name, name, "releases")
	return nil
}

func (h *happening) recall() func() {
	if name := h.any(""); name != "" {
		h.move(name, "Postausgang/"+name, "recalls")
	}
	return nil
}

// tidyInbox removes something that was taken over, as a retention period would.
func (h *happening) tidyInbox() func() {
	if name := h.any("KVBBG-SB-Posteingang/"); name != "" {
		a, err := h.w.Send(world.Exchange{As: "bert", Method: "DELETE", Path: "/dav/0815/KVBBG-SB-Posteingang/" + name})
		must(h.t, err)
		h.t.Logf("caseworker: removes KVBBG-SB-Posteingang/%s %d", name, a.Status)
	}
	return nil
}

// shortListing: the node ends in the middle of a listing.
func (h *happening) shortListing() func() {
	h.t.Log("the node goes away in the middle of a listing")
	for _, d := range h.desks {
		n := 1 + h.r.IntN(4)
		d.rec.shorten(func(r *http.Request) bool {
			if r.Method == "PROPFIND" {
				n--
			}
			return n <= 0
		})
	}
	return func() {
		for _, d := range h.desks {
			d.rec.shorten(nil)
		}
	}
}

func (h *happening) scannerDown() func() {
	h.t.Log("the scanner goes away")
	h.w.Scanner.Stop()
	return func() {
		must(h.t, h.w.Scanner.Restart())
		h.w.WaitReady(patience)
	}
}

// noticed is how long a node may go on with grants that it has read (L8).
const noticed = 5 * time.Second

func (h *happening) grantEnds() func() {
	h.t.Log("the clerk's grant ends")
	h.w.CLI("", "account", "revoke", "anna", "--role", "clerk", "--member", "0815")
	time.Sleep(noticed)
	return func() {
		h.w.CLI("", "account", "grant", "anna", "--role", "clerk", "--member", "0815")
		time.Sleep(noticed)
	}
}

// roleChanges: another grant gives other ETags to all folders.
func (h *happening) roleChanges() func() {
	h.t.Log("the clerk becomes administrator too")
	h.w.CLI("", "account", "grant", "anna", "--role", "administrator", "--member", "0815")
	return func() { h.w.CLI("", "account", "revoke", "anna", "--role", "administrator", "--member", "0815") }
}
