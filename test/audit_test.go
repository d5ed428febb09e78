// SPDX-License-Identifier: Apache-2.0

package test

import (
	"strings"
	"testing"

	"postfach/test/world"
)

// TestAuditIsComplete: each operation leaves its record, reads and refusals
// too, and the log yields the same tree again (I3, P3, D7, D8).
func TestAuditIsComplete(t *testing.T) {
	w := whole(t, world.Everybody())
	const f = "/dav/0815/an_KVBbg/Meldung.txt"
	w.Play(t, []world.Exchange{
		{As: "anna", Method: "PUT", Path: f, Body: "eins", Want: 201},
		{As: "anna", Method: "PUT", Path: f, Body: "zwei", Want: 204},
		{As: "anna", Method: "PUT", Path: f, Body: "zwei", Want: 204}, // repeated (I7)
		{As: "anna", Method: "MKCOL", Path: "/dav/0815/an_KVBbg/Ordner/", Want: 201},
		{As: "anna", Method: "MOVE", Path: f, Header: destination("/dav/0815/an_KVBbg/Ordner/M.txt"), Want: 201},
		{As: "bert", Method: "GET", Path: "/dav/0815/an_KVBbg/Ordner/M.txt", Want: 200},
		{As: "bert", Method: "MOVE", Path: "/dav/0815/an_KVBbg/Ordner/M.txt", Header: destination("/dav/0815/KVBBG-SB-Posteingang/M.txt"), Want: 201},
		{As: "bert", Method: "MOVE", Path: "/dav/0815/KVBBG-SB-Posteingang/M.txt", Header: destination("/dav/0815/an_KVBbg/M.txt"), Want: 201},
		{As: "anna", Method: "DELETE", Path: "/dav/0815/an_KVBbg/Ordner/", Want: 204},
		{As: "anna", Method: "PUT", Path: "/dav/0815/Verboten.txt", Body: "x", Want: 403},
		{As: "bert", Method: "PUT", Path: "/dav/0815/Postausgang/B.txt", Body: "b", Want: 201},
		{As: "bert", Method: "MOVE", Path: "/dav/0815/Postausgang/B.txt", Header: destination("/dav/0815/B.txt"), Want: 201},
		{As: "bert", Method: "MOVE", Path: "/dav/0815/B.txt", Header: destination("/dav/0815/Postausgang/B.txt"), Want: 201},
		{As: "anna", Method: "PROPFIND", Path: "/dav/0815/", Header: depth1, Want: 207},
	})
	if err := w.Stop(); err != nil { // listings are written at shutdown at the latest
		t.Errorf("stopping: %v", err)
	}
	count := map[string]int{}
	for _, r := range w.Audit(t) {
		count[r.Operation]++
	}
	for op, want := range map[string]int{"create": 2, "replace": 1, "repeated": 1, "make-folder": 1, "rename": 1, "read": 1,
		"take-over": 1, "give-back": 1, "release": 1, "recall": 1, "remove": 1, "refused": 1, "list": 1,
		"member-add": 2, "account-add": 5} {
		if count[op] < want || count[op] > want && op != "list" && op != "remove" && op != "grant" {
			t.Errorf("%d records of %s, want %d", count[op], op, want)
		}
	}
	w.CLI("", "audit", "replay", "--verify")
}

// TestSameNameTakenOverThreeTimes: all three stay retrievable with their
// digests (item 5, P49, L33).
func TestSameNameTakenOverThreeTimes(t *testing.T) {
	w := whole(t, world.Everybody())
	bodies := []string{"erste", "zweite", "dritte"}
	for i, b := range bodies {
		w.Put(t, "anna", "/dav/an_KVBbg/Liste.csv", b)
		want := 201
		if i > 0 {
			want = 204
		}
		w.Move(t, "bert", "/dav/0815/an_KVBbg/Liste.csv", "/dav/0815/KVBBG-SB-Posteingang/Liste.csv", want)
	}
	if got := w.Get(t, "bert", "/dav/0815/KVBBG-SB-Posteingang/Liste.csv"); string(got.Body) != "dritte" {
		t.Errorf("the newest is %q", got.Body)
	}
	history := w.CLI("", "entry", "history", "0815", "/KVBBG-SB-Posteingang/Liste.csv", "--json")
	for _, b := range bodies {
		if !strings.Contains(history, hexDigest(b)) {
			t.Errorf("the history lacks %q:\n%s", b, history)
		}
		if found := filesWith(t, w.Data+"/blobs", b); len(found) == 0 {
			t.Errorf("the bytes of %q are gone", b)
		}
	}
}
