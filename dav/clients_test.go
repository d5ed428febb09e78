// SPDX-License-Identifier: Apache-2.0

package dav_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"postfach/scan/scantest"
)

const lockBody = `<?xml version="1.0" encoding="utf-8"?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:%s/></D:lockscope><D:locktype><D:write/></D:locktype><D:owner><D:href>DOMAIN\anna</D:href></D:owner></D:lockinfo>`

func lockAs(scope string) string { return fmt.Sprintf(lockBody, scope) }

func testLocks(t *testing.T, w *world) {
	const f = "/dav/an_KVBbg/locks/"
	w.want(t, 201, "anna", "MKCOL", f, "")
	w.want(t, 201, "anna", "PUT", f+"a", "a")
	a := w.want(t, 200, "anna", "LOCK", f, lockAs("exclusive"), "Timeout: Second-3600")
	token := a.Header.Get("Lock-Token")
	for _, want := range []string{"<D:depth>infinity</D:depth>", "Second-3600", "<D:lockroot><D:href>/dav/an_KVBbg/locks/</D:href>", `<D:href xmlns:D="DAV:">DOMAIN\anna</D:href>`} {
		if !strings.Contains(a.body, want) {
			t.Errorf("no %s in %s", want, a.body)
		}
	}
	if !strings.HasPrefix(token, "<urn:uuid:") {
		t.Errorf("Lock-Token %q", token)
	}
	b := w.want(t, 423, "anna", "PUT", f+"a", "b")
	if !strings.Contains(b.body, "<d:lock-token-submitted><d:href>/dav/an_KVBbg/locks/a</d:href>") || !strings.Contains(b.body, "Anna Beispiel") {
		t.Errorf("%s", b.body)
	}
	if b := w.want(t, 423, "anna", "LOCK", f+"a", lockAs("shared")); !strings.Contains(b.body, "no-conflicting-lock") {
		t.Errorf("%s", b.body)
	}
	w.want(t, 423, "anna", "PUT", f+"new", "b")
	w.want(t, 423, "anna", "DELETE", f, "")
	w.want(t, 204, "anna", "PUT", f+"a", "b", "If: <"+w.url+f+"> ("+token+")")
	// An inherited lock is told with its root (RFC 4918 section 15.8).
	discover := `<propfind xmlns="DAV:"><prop><lockdiscovery/></prop></propfind>`
	d := w.want(t, 207, "anna", "PROPFIND", f+"a", discover, "Depth: 0")
	if !strings.Contains(d.body, "<D:lockroot><D:href>/dav/an_KVBbg/locks/</D:href>") || !strings.Contains(d.body, strings.Trim(token, "<>")) {
		t.Errorf("%s", d.body)
	}
	// Others see the lock, not its token.
	if d := w.want(t, 207, "bert", "PROPFIND", "/dav/0815/an_KVBbg/locks", discover, "Depth: 1"); !strings.Contains(d.body, "activelock") || strings.Contains(d.body, "urn:uuid") {
		t.Errorf("%s", d.body)
	}
	if d := w.want(t, 207, "anna", "PROPFIND", f, discover, "Depth: 1"); strings.Count(d.body, "<D:lockroot><D:href>/dav/an_KVBbg/locks/</D:href>") != 2 {
		t.Errorf("%s", d.body)
	}
	a = w.want(t, 200, "anna", "LOCK", f+"a", "", "If: ("+token+")", "Timeout: Second-60")
	if !strings.Contains(a.body, "Second-60") || a.Header.Get("Lock-Token") != "" {
		t.Errorf("%v %s", a.Header, a.body)
	}
	w.want(t, 412, "anna", "LOCK", f, "", "If: (<urn:uuid:0>)")
	w.want(t, 400, "anna", "LOCK", f, lockAs("exclusive"), "Depth: 1")
	w.want(t, 400, "anna", "UNLOCK", f, "")
	if b := w.want(t, 409, "anna", "UNLOCK", f, "", "Lock-Token: <urn:uuid:0>"); !strings.Contains(b.body, "lock-token-matches-request-uri") {
		t.Errorf("%s", b.body)
	}
	w.want(t, 204, "anna", "UNLOCK", f, "", "Lock-Token: "+token)
	w.want(t, 200, "anna", "LOCK", f+"a", lockAs("shared"), "Depth: 0")
	w.want(t, 200, "anna", "LOCK", f+"a", lockAs("shared"), "Depth: 0")
	w.want(t, 423, "anna", "LOCK", f+"a", lockAs("exclusive"), "Depth: 0")
	w.want(t, 409, "anna", "LOCK", f+"no/parent", lockAs("exclusive"), "Depth: 0") // row 16
}

const win32 = `<?xml version="1.0" encoding="utf-8" ?><D:propertyupdate xmlns:D="DAV:" xmlns:Z="urn:schemas-microsoft-com:"><D:set><D:prop>` +
	`<Z:Win32CreationTime>Sun, 13 Sep 2020 10:00:00 GMT</Z:Win32CreationTime><Z:Win32LastAccessTime>Sun, 13 Sep 2020 12:26:40 GMT</Z:Win32LastAccessTime>` +
	`<Z:Win32LastModifiedTime>Sun, 13 Sep 2020 12:26:40 GMT</Z:Win32LastModifiedTime><Z:Win32FileAttributes>00000020</Z:Win32FileAttributes></D:prop></D:set></D:propertyupdate>`

// CLIENTS.md section 6, check 21: Explorer's way of making a file.
func testExplorer(t *testing.T, w *world) {
	const p = "/dav/an_KVBbg/Bericht.xlsx"
	w.want(t, 404, "anna", "PROPFIND", p, "", "Depth: 0")
	w.want(t, 201, "anna", "PUT", p, "")
	token := w.want(t, 200, "anna", "LOCK", p, lockAs("exclusive"), "Timeout: Second-3600").Header.Get("Lock-Token")
	a := w.want(t, 207, "anna", "PROPPATCH", p, win32, "If: ("+token+")")
	if m := parse(t, a); len(m.Responses[0].Stats) != 1 || m.Responses[0].Stats[0].Status != "HTTP/1.1 200 OK" || len(m.Responses[0].Stats[0].Prop.Names) != 4 {
		t.Errorf("%s", a.body)
	}
	w.want(t, 200, "anna", "HEAD", p, "")
	w.want(t, 204, "anna", "PUT", p, "content", "If: ("+token+")")
	w.want(t, 207, "anna", "PROPPATCH", p, win32, "If: ("+token+")")
	w.want(t, 204, "anna", "UNLOCK", p, "", "Lock-Token: "+token)
	if a := w.want(t, 200, "anna", "GET", p, ""); a.Header.Get("Last-Modified") != "Sun, 13 Sep 2020 12:26:40 GMT" || a.body != "content" {
		t.Errorf("%v", a.Header)
	}
	w.want(t, 423, "anna", "PROPPATCH", lockedFile(t, w), win32)
	// Where the right is missing: 207 with 403 inside.
	a = w.want(t, 207, "anna", "PROPPATCH", "/dav/an_KVBbg/", win32)
	if !strings.Contains(a.body, "HTTP/1.1 403 Forbidden") || strings.Contains(a.body, "200 OK") {
		t.Errorf("%s", a.body)
	}
	// A refused body takes its empty placeholder along (CLIENTS.md 2.1).
	w.want(t, 201, "anna", "PUT", p+"2", "")
	token = w.want(t, 200, "anna", "LOCK", p+"2", lockAs("exclusive")).Header.Get("Lock-Token")
	w.want(t, 415, "anna", "PUT", p+"2", string(scantest.EICAR()), "If: ("+token+")")
	w.want(t, 404, "anna", "GET", p+"2", "")
}

func lockedFile(t *testing.T, w *world) string {
	const p = "/dav/an_KVBbg/locked.txt"
	w.want(t, 201, "anna", "LOCK", p, lockAs("exclusive"))
	return p
}

// Check 22: Word saves to a temporary name and moves it over the original.
func testOffice(t *testing.T, w *world) {
	const f = "/dav/an_KVBbg/"
	w.want(t, 201, "anna", "PUT", f+"a.docx", "old")
	a := w.want(t, 200, "anna", "LOCK", f+"a.docx", lockAs("exclusive")).Header.Get("Lock-Token")
	w.want(t, 201, "anna", "PUT", f+"~tmp1.tmp", "new")
	b := w.want(t, 200, "anna", "LOCK", f+"~tmp1.tmp", lockAs("exclusive")).Header.Get("Lock-Token")
	w.want(t, 423, "anna", "MOVE", f+"~tmp1.tmp", "", "Destination: "+w.url+f+"a.docx", "If: ("+b+")")
	w.want(t, 204, "anna", "MOVE", f+"~tmp1.tmp", "", "Destination: "+w.url+f+"a.docx", "Overwrite: T",
		"If: <"+w.url+f+"~tmp1.tmp> ("+b+") <"+w.url+f+"a.docx> ("+a+")")
	if g := w.want(t, 200, "anna", "GET", f+"a.docx", ""); g.body != "new" {
		t.Errorf("%q", g.body)
	}
	w.want(t, 204, "anna", "DELETE", f+"a.docx", "", "If: ("+a+")")
	w.want(t, 201, "anna", "PUT", f+"a.docx", "again") // no lock outlives its file (finding 7)
	// The source's token alone suffices for an unlocked target (finding 6).
	w.want(t, 201, "anna", "PUT", f+"~tmp2.tmp", "newer")
	b = w.want(t, 200, "anna", "LOCK", f+"~tmp2.tmp", lockAs("exclusive")).Header.Get("Lock-Token")
	w.want(t, 204, "anna", "MOVE", f+"~tmp2.tmp", "", "Destination: "+w.url+f+"a.docx", "If: ("+b+")", "Overwrite: T")
}

// CLIENTS.md section 3: the ETag from HEAD after LOCK is the one of the PUT.
func testDavfs2(t *testing.T, w *world) {
	const p = "/dav/an_KVBbg/davfs"
	token := w.want(t, 201, "anna", "LOCK", p, lockAs("exclusive"), "Timeout: Second-1800").Header.Get("Lock-Token")
	h := w.want(t, 200, "anna", "HEAD", p, "")
	if h.Header.Get("Last-Modified") == "" {
		t.Error("no Last-Modified")
	}
	a := w.want(t, 204, "anna", "PUT", p, "hi\n", "If: <"+w.url+p+"> ("+token+")", "If-Match: "+h.Header.Get("ETag"))
	w.want(t, 204, "anna", "UNLOCK", p, "", "Lock-Token: "+token)
	w.want(t, 304, "anna", "GET", p, "", "If-None-Match: "+a.Header.Get("ETag"))
}

// Check 23: Finder's chunked uploads with an announced length.
func testFinder(t *testing.T, w *world) {
	put := func(path, body, expected string) int {
		r, err := http.NewRequest("PUT", w.url+path, io.MultiReader(strings.NewReader(body)))
		must(t, err)
		r.SetBasicAuth("anna", password)
		r.Header.Set("X-Expected-Entity-Length", expected)
		r.ContentLength = -1
		res, err := http.DefaultClient.Do(r)
		must(t, err)
		res.Body.Close()
		return res.StatusCode
	}
	if c := put("/dav/an_KVBbg/f1", "hello world", "11"); c != 201 {
		t.Errorf("%d", c)
	}
	if c := put("/dav/an_KVBbg/f2", "hello", "11"); c != 400 {
		t.Errorf("%d", c)
	}
	w.want(t, 404, "anna", "GET", "/dav/an_KVBbg/f2", "")
	w.want(t, 201, "anna", "PUT", "/dav/an_KVBbg/._f1", "meta")
	if m := parse(t, w.want(t, 207, "bert", "PROPFIND", "/dav/0815/an_KVBbg/", "", "Depth: 1")); strings.Contains(m.hrefs(), "._f1") {
		t.Error("the other side sees AppleDouble files")
	}
	// Finder writes names in NFD; they are the same file.
	w.want(t, 201, "anna", "PUT", "/dav/an_KVBbg/Ma%CC%88rz.txt", "x")
	w.want(t, 200, "anna", "GET", "/dav/an_KVBbg/M%C3%A4rz.txt", "")
}
