// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"postfach/test/world"
)

// atOnce sends requests together and gives their statuses.
func atOnce(t *testing.T, w *world.World, all []world.Exchange) []int {
	t.Helper()
	var running sync.WaitGroup
	got, begin := make([]int, len(all)), make(chan struct{})
	for i, x := range all {
		running.Go(func() {
			<-begin
			a, err := w.Send(x)
			if err != nil {
				t.Errorf("%s %s: %v", x.Method, x.Path, err)
			}
			got[i] = a.Status
		})
	}
	close(begin)
	running.Wait()
	return got
}

// TestParallelMoves: of several moves of one document one happens; of several
// documents onto one name none is lost.
func TestParallelMoves(t *testing.T) {
	w := whole(t, world.Everybody())
	const in, many = "/dav/an_KVBbg/", 8
	move := func(from, to string) world.Exchange {
		return world.Exchange{As: "anna", Method: "MOVE", Path: in + from, Header: map[string]string{"Destination": in + to}}
	}
	for round := range 5 {
		name := fmt.Sprintf("eins%d", round)
		w.Put(t, "anna", in+name, name)
		var all []world.Exchange
		for i := range many {
			all = append(all, move(name, fmt.Sprintf("%s-%d", name, i)))
		}
		status := atOnce(t, w, all)
		moved := slices.Index(status, http.StatusCreated)
		for i, s := range status {
			if i != moved && s != http.StatusNotFound {
				t.Errorf("round %d: %v", round, status)
				break
			}
		}
		names := slices.DeleteFunc(w.Names(t, "anna", in), func(n string) bool { return !strings.HasPrefix(n, name) })
		if moved < 0 || len(names) != 1 || names[0] != fmt.Sprintf("%s-%d", name, moved) {
			t.Errorf("round %d: %v, there is %q", round, status, names)
		}
	}
	var all []world.Exchange
	contents := map[string]bool{}
	for i := range many {
		content := fmt.Sprint("Inhalt ", i)
		contents[hexDigest(content)] = true
		w.Put(t, "anna", fmt.Sprintf("%sviele%d", in, i), content)
		all = append(all, move(fmt.Sprintf("viele%d", i), "ziel"))
	}
	for _, s := range atOnce(t, w, all) {
		if s/100 != 2 {
			t.Errorf("onto one name: %d", s)
		}
	}
	if !contents[hexDigest(string(w.Get(t, "anna", in+"ziel").Body))] {
		t.Error("the name holds none of the contents")
	}
	if left := slices.DeleteFunc(w.Names(t, "anna", in), func(n string) bool { return !strings.HasPrefix(n, "viele") }); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	w.CLI("", "audit", "replay", "--verify")
	if out := w.CLI("", "storage", "verify"); !strings.Contains(out, fmt.Sprintf("%d versions", 5+many)) || !strings.Contains(out, "0 missing or different") {
		t.Error(out)
	}
}

// TestParallelChunks: the chunks of a document come together and in any order.
func TestParallelChunks(t *testing.T) {
	w := whole(t, world.Everybody())
	const upload, many = "/remote.php/dav/uploads/anna/7", 24
	w.Do(t, world.Exchange{As: "anna", Method: "MKCOL", Path: upload, Want: 201})
	var all []world.Exchange
	var want strings.Builder
	for i := range many {
		part := strings.Repeat(fmt.Sprintf("Teil %d\n", i), 20_000+i)
		want.WriteString(part)
		all = append(all, world.Exchange{As: "anna", Method: "PUT", Path: fmt.Sprintf("%s/%d", upload, i+1), Body: part})
	}
	slices.Reverse(all)
	for _, s := range atOnce(t, w, all) {
		if s != http.StatusCreated {
			t.Errorf("a chunk: %d", s)
		}
	}
	w.Do(t, world.Exchange{As: "anna", Method: "MOVE", Path: upload + "/.file", Want: 201, Header: map[string]string{
		"Destination": "/remote.php/dav/files/anna/an_KVBbg/ganz.txt", "OC-Total-Length": fmt.Sprint(want.Len())}})
	if string(w.Get(t, "bert", "/dav/0815/an_KVBbg/ganz.txt").Body) != want.String() {
		t.Error("joined in another order")
	}
}
