// SPDX-License-Identifier: Apache-2.0

package test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"

	"postfach/test/world"
)

// TestNamesRoundTrip: issue 2, item 9.
func TestNamesRoundTrip(t *testing.T) {
	w := whole(t, world.Everybody())
	names := []string{
		"Übersicht ä ö ü ß.txt", "100%.txt", "a%20b.txt", "%25.txt", "a+b.txt", "a#b.txt", "a&b;c=d,e@f!.txt",
		"Liste (1) [neu] {x}.txt", "😀 Grüße.txt", "'einfach'.txt", "~lock.x#", ".versteckt", "ﬁ ligature.txt",
		strings.Repeat("a", 251) + ".txt", strings.Repeat("ü", 125) + ".txtx",
	}
	for _, name := range names {
		path := "/dav/an_KVBbg/" + url.PathEscape(name)
		w.Put(t, "anna", path, "Inhalt von "+name)
		if got := w.Get(t, "anna", path); string(got.Body) != "Inhalt von "+name {
			t.Errorf("%q reads %q", name, got.Body)
		}
		if r := w.Propfind(t, "anna", path, "0"); r[0].Path != "/dav/an_KVBbg/"+name {
			t.Errorf("%q is listed as %q", name, r[0].Path)
		}
	}
	listed := w.Names(t, "anna", "/dav/an_KVBbg/")
	for _, name := range names {
		if !slices.Contains(listed, name) {
			t.Errorf("%q is not listed", name)
		}
	}
}

// TestDecomposedNamesAreComposed: Finder sends NFD; the entry is the same.
func TestDecomposedNamesAreComposed(t *testing.T) {
	w := whole(t, world.Everybody())
	nfc := "Größe ÄÖÜ.txt"
	nfd := norm.NFD.String(nfc)
	w.Put(t, "anna", "/dav/an_KVBbg/"+url.PathEscape(nfd), "eins")
	if got := w.Names(t, "anna", "/dav/an_KVBbg/"); !slices.Contains(got, nfc) {
		t.Errorf("listed %q, want the composed %q", got, nfc)
	}
	w.Play(t, []world.Exchange{
		{As: "anna", Method: "GET", Path: "/dav/an_KVBbg/" + url.PathEscape(nfc), Want: 200, Contains: "eins"},
		{As: "anna", Method: "GET", Path: "/dav/an_KVBbg/" + url.PathEscape(nfd), Want: 200, Contains: "eins"},
		{As: "anna", Method: "PUT", Path: "/dav/an_KVBbg/" + url.PathEscape(nfc), Body: "zwei", Want: 204},
		{As: "anna", Method: "MKCOL", Path: "/dav/an_KVBbg/" + url.PathEscape(norm.NFD.String("Prüfung")) + "/", Want: 201},
		{As: "anna", Method: "PUT", Path: "/dav/an_KVBbg/" + url.PathEscape("Prüfung") + "/x.txt", Body: "x", Want: 201},
	})
}

// TestRefusedNames: each with 400 and a sentence, and nothing stored.
func TestRefusedNames(t *testing.T) {
	w := whole(t, world.Everybody())
	before := w.Names(t, "anna", "/dav/an_KVBbg/")
	refused := []string{
		"%E4.txt", "%C3.txt", "a%01b", "a%7Fb", "a%0Ab", "%5C", "a%5Cb", "a:b", "a*b", "a%3Fb", "%22", "a%3Cb", "a%3Eb", "a%7Cb",
		"ende.", "ende%20", "CON", "con.txt", "LPT1", "nul.tar.gz", "COM%C2%B9", strings.Repeat("a", 256), strings.Repeat("%C3%BC", 128),
	}
	for _, enc := range refused {
		for _, x := range []world.Exchange{
			{As: "anna", Method: "PUT", Path: "/dav/an_KVBbg/" + enc, Body: "x", Want: 400},
			{As: "anna", Method: "MKCOL", Path: "/dav/an_KVBbg/" + enc + "/", Want: 400},
		} {
			if a := w.Do(t, x); !strings.Contains(string(a.Body), "message") {
				t.Errorf("%s %s: no sentence in %q", x.Method, enc, a.Body)
			}
		}
	}
	w.Put(t, "anna", "/dav/an_KVBbg/Quelle.txt", "q")
	w.Play(t, []world.Exchange{
		{As: "anna", Method: "MOVE", Path: "/dav/an_KVBbg/Quelle.txt", Header: map[string]string{"Destination": "/dav/an_KVBbg/a%3Ab"}, Want: 400},
		{As: "anna", Method: "COPY", Path: "/dav/an_KVBbg/Quelle.txt", Header: map[string]string{"Destination": "/dav/an_KVBbg/aux"}, Want: 400},
		{As: "anna", Method: "LOCK", Path: "/dav/an_KVBbg/a%3Ab", Body: lockBody, Want: 400},
		{As: "anna", Method: "PUT", Path: "/dav/an_KVBbg/" + strings.Repeat("/"+strings.Repeat("a", 200), 6), Body: "x", Want: 400},
		// twins
		{As: "anna", Method: "PUT", Path: "/dav/an_KVBbg/QUELLE.TXT", Body: "x", Want: 409},
		{As: "anna", Method: "MKCOL", Path: "/dav/an_KVBbg/quelle.TXT/", Want: 409},
		// an entry may be renamed to its own twin
		{As: "anna", Method: "MOVE", Path: "/dav/an_KVBbg/Quelle.txt", Header: map[string]string{"Destination": "/dav/an_KVBbg/QUELLE.txt"}, Want: 201},
	})
	after := w.Names(t, "anna", "/dav/an_KVBbg/")
	if len(after) != len(before)+1 || !slices.Contains(after, "QUELLE.txt") {
		t.Errorf("listed afterwards: %q", after)
	}
	// A slash that hides in an escape never becomes part of a name.
	if a, err := w.Send(world.Exchange{As: "anna", Method: "PUT", Path: "/dav/an_KVBbg/a%2Fb.txt", Body: "x"}); err != nil || a.Status/100 != 4 {
		t.Errorf("PUT a%%2Fb.txt: %d %v", a.Status, err)
	}
}

const lockBody = `<?xml version="1.0" encoding="utf-8"?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype><D:owner><D:href>test</D:href></D:owner></D:lockinfo>`
