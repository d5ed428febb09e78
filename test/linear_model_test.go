// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"hash/maphash"
	"time"

	"github.com/anishathalye/porcupine"
)

// The places of a mailbox and the names that a linear run works with. Names are
// few, so that clients meet.
const (
	inAn = iota
	inInbox
	inOut
	inRoot
	places
	names = 3
)

var linearPath = [places]string{"an_KVBbg/", "KVBBG-SB-Posteingang/", "Postausgang/", ""}

// slot is what stands under a name: a document by its size, which no other
// content of the run has, and the lock on it. The zero slot is empty.
type slot struct {
	there bool
	size  int
	lock  int // number of the LOCK request; 0 for none
}

// contents are all documents of a mailbox.
type contents [places][names]slot

// act is a request, as the model sees it.
type act struct {
	kind     string // put, get, list, see, delete, move, lock, unlock
	at, to   int    // places
	name     int
	size     int // of what is put
	lock     int // the lock that is made, ended, or whose token is submitted; 0 for none
	as, node string
}

// outcome is the answer. Status 0: it never came, so the request happened at
// some time later, or never.
type outcome struct {
	status int
	slot   slot        // get, see
	folder [names]slot // list
}

// mailboxModel is the mailbox of one member as one after the other would see
// it. A request whose answer never came fits everywhere.
func mailboxModel() porcupine.Model {
	seed := maphash.MakeSeed()
	return porcupine.Model{
		Init: func() any { return contents{} },
		Step: func(state, input, output any) (bool, any) {
			next, want := apply(state.(contents), input.(act))
			got := output.(outcome)
			return got.status == 0 || got == want, next
		},
		Hash: func(state any) uint64 { return maphash.Comparable(seed, state.(contents)) },
		DescribeOperation: func(input, output any) string {
			a, o := input.(act), output.(outcome)
			return fmt.Sprintf("%s %s%d → %d %v", a.kind, linearPath[a.at], a.name, o.status, o.slot)
		},
	}
}

// apply gives the mailbox after a request, and the answer to it.
func apply(c contents, a act) (contents, outcome) {
	s := &c[a.at][a.name]
	switch a.kind {
	case "get":
		if !s.there {
			return c, outcome{status: 404}
		}
		return c, outcome{status: 200, slot: slot{there: true, size: s.size}}
	case "list":
		return c, outcome{status: 207, folder: c[a.at]}
	case "see": // a list as far as it tells of one name
		return c, outcome{status: 207, slot: *s}
	case "lock":
		return applyLock(c, a)
	case "unlock":
		if s.lock != a.lock {
			return c, outcome{status: 409}
		}
		s.lock = 0
		return c, outcome{status: 204}
	case "move":
		return applyMove(c, a)
	}
	if a.kind == "delete" && !s.there {
		return c, outcome{status: 404}
	}
	if refused := guarded(*s, a.lock); refused != 0 {
		return c, outcome{status: refused}
	}
	if a.kind == "delete" {
		*s = slot{}
		return c, outcome{status: 204}
	}
	status := 201
	if s.there {
		status = 204
	}
	s.there, s.size = true, a.size
	return c, outcome{status: status}
}

// guarded: what is locked wants its token (423), and a token wants its lock (412).
func guarded(s slot, token int) int {
	switch {
	case s.lock != 0 && s.lock != token:
		return 423
	case s.lock != token:
		return 412
	}
	return 0
}

func applyLock(c contents, a act) (contents, outcome) {
	s := &c[a.at][a.name]
	switch {
	case s.lock != 0:
		return c, outcome{status: 423}
	case s.there:
		s.lock = a.lock
		return c, outcome{status: 200}
	}
	*s = slot{there: true, lock: a.lock} // an empty document
	return c, outcome{status: 201}
}

// applyMove: what arrives at a taken name becomes the document there, under the
// lock of the name, but nothing is given back onto another. The moved
// document's own lock ends.
func applyMove(c contents, a act) (contents, outcome) {
	from, to := &c[a.at][a.name], &c[a.to][a.name]
	switch refused := guarded(*from, a.lock); {
	case !from.there:
		return c, outcome{status: 404}
	case refused == 423 || to.lock != 0:
		return c, outcome{status: 423}
	case refused != 0, to.there && a.at == inInbox:
		return c, outcome{status: 412}
	}
	status := 201
	if to.there {
		status = 204
	}
	to.there, to.size = true, from.size
	*from = slot{}
	return c, outcome{status: status}
}

// byName takes a history apart into those of single names: no request changes
// two, but a list tells of all.
func byName(history []porcupine.Operation) [][]porcupine.Operation {
	parts := make([][]porcupine.Operation, names)
	for _, o := range history {
		a, out := o.Input.(act), o.Output.(outcome)
		if a.kind != "list" {
			parts[a.name] = append(parts[a.name], o)
			continue
		}
		a.kind = "see"
		for a.name = range names {
			o.Input, o.Output = a, outcome{status: out.status, slot: out.folder[a.name]}
			parts[a.name] = append(parts[a.name], o)
		}
	}
	return parts
}

// bounded lets what has no answer, but was seen to have happened, end when it
// was first seen: every content and every lock has a number of its own.
func bounded(history []porcupine.Operation) []porcupine.Operation {
	size, lock := map[int]int64{}, map[int]int64{} // → when it was first seen
	see := func(in map[int]int64, what int, at int64) {
		if old, seen := in[what]; what != 0 && (!seen || at < old) {
			in[what] = at
		}
	}
	for _, o := range history {
		out := o.Output.(outcome)
		for _, s := range append(out.folder[:], out.slot) {
			see(size, s.size, o.Return)
			see(lock, s.lock, o.Return)
		}
	}
	all := append([]porcupine.Operation(nil), history...)
	for i := range all {
		o, a := &all[i], all[i].Input.(act)
		in, what := size, a.size
		if a.kind == "lock" {
			in, what = lock, a.lock
		}
		if at, seen := in[what]; seen && o.Output.(outcome).status == 0 && (a.kind == "lock" || a.kind == "put") {
			o.Return = at
		}
	}
	return all
}

// explain looks for an order of the requests: name by name first, which decides
// soon, then of all together. Where that takes longer than limit, the names
// have the last word, and named is true.
func explain(history []porcupine.Operation, limit time.Duration) (result porcupine.CheckResult, named bool) {
	history = bounded(history)
	m := mailboxModel()
	m.Partition = byName
	if result = porcupine.CheckOperationsTimeout(m, history, limit); result == porcupine.Unknown { // a busy machine, or a hard one
		result = porcupine.CheckOperationsTimeout(m, history, 10*limit)
	}
	if result != porcupine.Ok {
		return result, true
	}
	if result = porcupine.CheckOperationsTimeout(mailboxModel(), history, limit); result == porcupine.Unknown {
		return porcupine.Ok, true
	}
	return result, false
}
