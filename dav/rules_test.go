// SPDX-License-Identifier: Apache-2.0

package dav_test

import (
	"fmt"
	"strings"
	"testing"
)

func testOrder(t *testing.T, w *world) {
	// Not visible: 404 to reading methods, the constant 403 to writing ones.
	w.want(t, 404, "anna", "PROPFIND", "/dav/0816/", "", "Depth: 0")
	w.want(t, 404, "anna", "GET", "/dav/Postausgang/entwurf.csv", "")
	existing := "/dav/0815/Postausgang/entwurf.csv"
	w.want(t, 201, "bert", "PUT", existing, "draft")
	w.want(t, 404, "anna", "GET", "/dav/Postausgang/entwurf.csv", "")
	var seen []string
	for _, name := range []string{"entwurf.csv", "absent.csv"} { // alike whether or not the name exists (I5)
		for _, m := range []string{"PUT", "DELETE", "MKCOL", "LOCK"} {
			body := ""
			if m == "LOCK" {
				body = lockAs("exclusive")
			}
			a := w.want(t, 403, "anna", m, "/dav/Postausgang/"+name, body)
			seen = append(seen, strings.ReplaceAll(a.body, name, ""))
		}
	}
	for i := range 4 {
		if seen[i] != seen[i+4] {
			t.Errorf("the refusals differ:\n%s\n%s", seen[i], seen[i+4])
		}
	}
	w.want(t, 403, "anna", "MOVE", "/dav/an_KVBbg/x", "", "Destination: "+w.url+"/dav/0816/an_KVBbg/x")
	w.want(t, 400, "anna", "PUT", "/dav/an_KVBbg/a:b", "x")
	w.want(t, 400, "anna", "PUT", "/dav/an_KVBbg/%FF", "x")
	w.want(t, 400, "anna", "PUT", "/dav/an_KVBbg/CON.txt", "x")
	w.want(t, 201, "anna", "PUT", "/dav/an_KVBbg/Zwilling.txt", "x")
	w.want(t, 409, "anna", "MKCOL", "/dav/an_KVBbg/absent/CON2", "")
}

// DESIGN.md section 2, the round trip: submit, take over, release, recall.
func testViews(t *testing.T, w *world) {
	w.want(t, 201, "anna", "PUT", "/dav/an_KVBbg/einreichung.csv", "x")
	w.want(t, 201, "bert", "MOVE", "/dav/0815/an_KVBbg/einreichung.csv", "", "Destination: "+w.url+"/dav/0815%20Stadt%20M%C3%BCsterhausen/KVBBG-SB-Posteingang/einreichung.csv")
	w.want(t, 200, "anna", "GET", "/dav/KVBBG-SB-Posteingang/einreichung.csv", "")
	w.want(t, 201, "bert", "PUT", "/dav/0815/Postausgang/liste.csv", "x")
	w.want(t, 404, "anna", "GET", "/dav/liste.csv", "")
	before := etagOf(t, w, "anna", "/dav/")
	w.want(t, 201, "bert", "PUT", "/dav/0815/Postausgang/entwurf2.csv", "x")
	if etagOf(t, w, "anna", "/dav/") != before { // I5
		t.Error("the member's root ETag tells of drafts")
	}
	w.want(t, 201, "bert", "MOVE", "/dav/0815/Postausgang/liste.csv", "", "Destination: "+w.url+"/dav/0815/liste.csv")
	if etagOf(t, w, "anna", "/dav/") == before {
		t.Error("the member's root ETag does not tell of the release")
	}
	w.want(t, 200, "anna", "GET", "/dav/liste.csv", "")
	w.want(t, 403, "anna", "DELETE", "/dav/liste.csv", "")
	w.want(t, 204, "bert", "DELETE", "/dav/0815/liste.csv", "")
	w.want(t, 404, "anna", "GET", "/dav/liste.csv", "")
	// A data centre delivers and reads nothing (A9).
	w.want(t, 201, "rz", "PUT", "/dav/0815/an_KVBbg/rz.csv", "secret")
	w.want(t, 403, "rz", "GET", "/dav/0815/an_KVBbg/rz.csv", "")
	w.want(t, 200, "rz", "HEAD", "/dav/0815/an_KVBbg/rz.csv", "")
	m := parse(t, w.want(t, 207, "rz", "PROPFIND", "/dav/0815/", "", "Depth: 1"))
	if m.hrefs() != "/dav/0815/ /dav/0815/an_KVBbg/" {
		t.Error(m.hrefs())
	}
	if used, _ := m.prop(0, "quota-used-bytes"); used != "0" {
		t.Errorf("a data centre learns how much others store: %s", used)
	}
}

func etagOf(t *testing.T, w *world, as, path string) string {
	t.Helper()
	m := parse(t, w.want(t, 207, as, "PROPFIND", path, `<propfind xmlns="DAV:"><prop><getetag/></prop></propfind>`, "Depth: 0"))
	e, ok := m.prop(0, "getetag")
	if !ok {
		t.Errorf("no getetag on %s", path)
	}
	return e
}

// D4, D15, L13: the releasing person has read this very version over this door,
// in ranges if need be; HEAD does not count.
func testFourEyes(t *testing.T, w *world) {
	const from, to = "/dav/0816/Postausgang/bescheid.pdf", "/dav/0816/bescheid.pdf"
	w.want(t, 201, "bert", "PUT", from, "0123456789")
	w.want(t, 403, "bert", "MOVE", from, "", "Destination: "+w.url+to)
	w.want(t, 200, "rita", "HEAD", from, "")
	w.want(t, 428, "rita", "MOVE", from, "", "Destination: "+w.url+to)
	w.want(t, 206, "rita", "GET", from, "", "Range: bytes=0-4")
	w.want(t, 428, "rita", "MOVE", from, "", "Destination: "+w.url+to)
	w.want(t, 206, "rita", "GET", from, "", "Range: bytes=5-9")
	w.want(t, 201, "rita", "MOVE", from, "", "Destination: "+w.url+to)
	w.want(t, 200, "emil", "GET", "/dav/bescheid.pdf", "")
}

// Issue 2, item 9: names round-trip.
func testNames(t *testing.T, w *world) {
	w.want(t, 201, "emil", "MKCOL", "/dav/an_KVBbg/namen", "")
	names := []string{"ü space#%.txt", "%25", "a+b", "100% & mehr;=,$!()@~", "😀.txt", "it's", strings.Repeat("ä", 127) + "x", "Zoë", "a%20b", "ﬁ"}
	for _, n := range names {
		p := "/dav/an_KVBbg/namen/" + escape(n)
		w.want(t, 201, "emil", "PUT", p, n)
		if a := w.want(t, 200, "emil", "GET", p, ""); a.body != n {
			t.Errorf("%q: %q", n, a.body)
		}
	}
	m := parse(t, w.want(t, 207, "emil", "PROPFIND", "/dav/an_KVBbg/namen/", `<propfind xmlns="DAV:"><prop><displayname/></prop></propfind>`, "Depth: 1"))
	if len(m.Responses) != len(names)+1 {
		t.Errorf("%d responses", len(m.Responses))
	}
	for i := range m.Responses[1:] {
		shown, _ := m.prop(i+1, "displayname")
		if a := w.want(t, 200, "emil", "GET", m.Responses[i+1].Href, ""); a.body != shown {
			t.Errorf("href %s leads to %q, shown as %q", m.Responses[i+1].Href, a.body, shown)
		}
	}
	for _, bad := range []string{"a%2Fb", "a%5Cb", "a%00b", "a%7F", "x.", "x%20", "nul", "%E4", strings.Repeat("x", 256), "%2e%2e"} {
		if a := w.do(t, "emil", "PUT", "/dav/an_KVBbg/namen/"+bad, "x"); a.StatusCode != 400 {
			t.Errorf("%s: %d", bad, a.StatusCode)
		}
	}
	w.want(t, 409, "emil", "PUT", "/dav/an_KVBbg/namen/ZO%C3%8B", "x") // twin
}

func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, "%%%02X", s[i])
	}
	return b.String()
}
