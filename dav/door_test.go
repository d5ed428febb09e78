// SPDX-License-Identifier: Apache-2.0

package dav_test

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"postfach/scan/scantest"
)

// TestDoor walks the methods over one world, so that one clamd serves all.
func TestDoor(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		name string
		test func(*testing.T, *world)
	}{
		{"stub", testStub}, {"sign-in", testSignIn}, {"upload", testUpload}, {"refused uploads", testRefusedUploads},
		{"reading", testReading}, {"conditions", testConditions}, {"listing", testListing}, {"locks", testLocks},
		{"explorer", testExplorer}, {"office", testOffice}, {"davfs2", testDavfs2}, {"finder", testFinder},
		{"properties", testProperties}, {"tree", testTree}, {"page", testPage}, {"order of checks", testOrder},
		{"views", testViews}, {"four eyes", testFourEyes}, {"names", testNames}, {"bad requests", testBadRequests},
		{"second opinion", testSecondOpinion},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, w) })
	}
}

// Windows and Finder need a plain 401 with Basic and nothing else (CLIENTS.md
// 1.4, 2.2).
func testSignIn(t *testing.T, w *world) {
	for _, m := range []string{"OPTIONS", "PROPFIND", "GET", "PUT", "HEAD"} {
		a := w.want(t, 401, "", m, "/dav/", "")
		if c := a.Header.Values("WWW-Authenticate"); len(c) != 1 || !strings.HasPrefix(c[0], "Basic realm=") {
			t.Errorf("%s: challenge %q", m, c)
		}
	}
	w.want(t, 401, "", "PROPFIND", "/", "", "Depth: 0")
	w.want(t, 403, "adam", "PROPFIND", "/dav/", "", "Depth: 1") // manages, touches no files (A22)
	for _, p := range []string{"/desktop.ini", "/AutoRun.inf", "/_vti_bin/shtml.exe/_vti_rpc", "/davX/", "/x"} {
		w.want(t, 404, "", "PROPFIND", p, "")
	}
	w.want(t, 501, "anna", "PUT", "/dav/an_KVBbg/f-chunking-1-2-0", "x", "OC-Chunked: 1")
	w.want(t, 403, "anna", "PUT", "/dav/an_KVBbg/cross", "x", "Sec-Fetch-Site: cross-site")
	w.want(t, 403, "anna", "DELETE", "/dav/an_KVBbg/cross", "", "Sec-Fetch-Site: same-site")
	a := w.want(t, 200, "anna", "OPTIONS", "/", "")
	if a.Header.Get("DAV") != "1, 2" || a.Header.Get("MS-Author-Via") != "DAV" || !strings.Contains(a.Header.Get("Allow"), "PROPFIND") {
		t.Errorf("%v", a.Header)
	}
	a = w.want(t, 405, "anna", "POST", "/dav/an_KVBbg/", "x")
	if a.Header.Get("Allow") == "" {
		t.Error("405 without Allow")
	}
	w.want(t, 501, "anna", "REPORT", "/dav/an_KVBbg/", "")
}

func testUpload(t *testing.T, w *world) {
	const body = "Korrekturliste\n"
	sum := sha256.Sum256([]byte(body))
	digest := "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
	a := w.want(t, 201, "anna", "PUT", "/dav/an_KVBbg/liste.csv", body, "Repr-Digest: "+digest, "X-OC-Mtime: 1600000000")
	if a.Header.Get("Repr-Digest") != digest || a.Header.Get("X-OC-MTime") != "accepted" || a.Header.Get("OC-FileId") == "" {
		t.Errorf("%v", a.Header)
	}
	etag := a.Header.Get("ETag")
	got := w.want(t, 200, "anna", "GET", "/dav/an_KVBbg/liste.csv", "")
	if got.body != body || got.Header.Get("ETag") != etag || got.Header.Get("Last-Modified") != "Sun, 13 Sep 2020 12:26:40 GMT" {
		t.Errorf("%q %v", got.body, got.Header)
	}
	if a := w.want(t, 204, "anna", "PUT", "/dav/an_KVBbg/liste.csv", body); a.Header.Get("ETag") != etag { // I7
		t.Errorf("repeated upload: ETag %s, was %s", a.Header.Get("ETag"), etag)
	}
	if a := w.want(t, 204, "anna", "PUT", "/dav/an_KVBbg/liste.csv", body+"2"); a.Header.Get("ETag") == etag {
		t.Error("replaced, and the ETag is the same")
	}
	w.want(t, 201, "anna", "PUT", "/dav/an_KVBbg/leer.txt", "")
	if a := w.want(t, 200, "anna", "GET", "/dav/an_KVBbg/leer.txt", ""); a.body != "" || a.Header.Get("Content-Length") != "0" {
		t.Errorf("%q %v", a.body, a.Header)
	}
	big := strings.Repeat("0123456789abcdef", 200_000) // over what a storage holds in memory
	w.want(t, 201, "anna", "PUT", "/dav/an_KVBbg/groß.bin", big)
	if a := w.want(t, 200, "anna", "GET", "/dav/an_KVBbg/groß.bin", ""); a.body != big {
		t.Errorf("%d bytes came back", len(a.body))
	}
	if a := w.want(t, 206, "anna", "GET", "/dav/an_KVBbg/groß.bin", "", "Range: bytes=1000000-"); a.body != big[1000000:] {
		t.Errorf("%d bytes came back", len(a.body))
	}
	w.want(t, 409, "anna", "PUT", "/dav/an_KVBbg/gibtesnicht/x", "x")
	w.want(t, 409, "bert", "PUT", "/dav/0815/Postausgang/", "x") // a folder
	// The other spelling of the mailbox leads to the same place.
	if a := w.want(t, 200, "anna", "GET", "/dav/0815/an_KVBbg/liste.csv", ""); a.body != body+"2" {
		t.Errorf("%q", a.body)
	}
}

// Issue 2, items 6 and 7: nothing that is wrong is stored, and the answer says
// what is wrong.
func testRefusedUploads(t *testing.T, w *world) {
	const p = "/dav/an_KVBbg/refused.txt"
	w.want(t, 400, "anna", "PUT", p, "abc", "Repr-Digest: sha-256=:"+base64.StdEncoding.EncodeToString(make([]byte, 32))+":")
	w.want(t, 400, "anna", "PUT", p, "abc", "OC-Checksum: SHA1:0000000000000000000000000000000000000000")
	w.want(t, 400, "anna", "PUT", p, "abc", "Content-Range: bytes 0-2/10")
	w.want(t, 400, "anna", "PUT", p, "abc", "X-Expected-Entity-Length: 4")
	w.want(t, 415, "anna", "PUT", p, "abc", "Content-Encoding: gzip")
	a := w.want(t, 415, "anna", "PUT", p, string(scantest.EICAR()))
	for _, want := range []string{"<s:message>", "Virenscanner", "UnsupportedMediaType"} {
		if !strings.Contains(a.body, want) {
			t.Errorf("no %q in %s", want, a.body)
		}
	}
	if !strings.Contains(a.Header.Get("OC-ErrorString"), "Virenscanner") {
		t.Errorf("%v", a.Header)
	}
	a = w.want(t, 413, "anna", "PUT", p, strings.Repeat("x", 16<<20+1))
	if !strings.Contains(a.body, "16 MiB") {
		t.Errorf("the limit is not named: %s", a.body)
	}
	// A body that breaks off is no shorter file.
	w.raw(t, "PUT "+p+" HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: "+basic("anna")+"\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc")
	w.want(t, 404, "anna", "GET", p, "")
	w.want(t, 403, "anna", "PUT", "/dav/rein.txt", "x")
	if a := w.do(t, "anna", "PUT", "/dav/rein.txt", "x"); !strings.Contains(a.body, "‚an_KVBbg‘") {
		t.Errorf("the constant 403 does not help: %s", a.body)
	}
}

func basic(login string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(login+":"+password))
}

func testReading(t *testing.T, w *world) {
	const p = "/dav/an_KVBbg/Größe%20%25.html"
	w.want(t, 201, "anna", "PUT", p, "0123456789")
	a := w.want(t, 200, "anna", "GET", p, "")
	for k, v := range map[string]string{ // DESIGN.md section 6
		"Content-Type": "application/octet-stream", "X-Content-Type-Options": "nosniff", "Cache-Control": "private, no-cache",
		"Content-Security-Policy": "sandbox; default-src 'none'", "Cross-Origin-Resource-Policy": "same-origin", "Accept-Ranges": "bytes",
		"Content-Disposition": `attachment; filename="Gr__e _.html"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%25.html`, "Content-Length": "10",
	} {
		if a.Header.Get(k) != v {
			t.Errorf("%s: %q, want %q", k, a.Header.Get(k), v)
		}
	}
	etag, date := a.Header.Get("ETag"), a.Header.Get("Last-Modified")
	if h := w.want(t, 200, "anna", "HEAD", p, ""); h.body != "" || h.Header.Get("ETag") != etag || h.Header.Get("Content-Length") != "10" {
		t.Errorf("HEAD %q %v", h.body, h.Header)
	}
	for _, c := range []struct{ header, body, span string }{
		{"bytes=2-4", "234", "bytes 2-4/10"}, {"bytes=7-", "789", "bytes 7-9/10"}, {"bytes=-2", "89", "bytes 8-9/10"},
	} {
		r := w.want(t, 206, "anna", "GET", p, "", "Range: "+c.header)
		if r.body != c.body || r.Header.Get("Content-Range") != c.span {
			t.Errorf("%s: %q %q", c.header, r.body, r.Header.Get("Content-Range"))
		}
	}
	if r := w.want(t, 416, "anna", "GET", p, "", "Range: bytes=10-"); r.Header.Get("Content-Range") != "bytes */10" {
		t.Errorf("%v", r.Header)
	}
	w.want(t, 200, "anna", "GET", p, "", "Range: bytes=0-1,3-4")
	w.want(t, 200, "anna", "GET", p, "", "Range: bytes=0-1", `If-Range: "other"`)
	w.want(t, 206, "anna", "GET", p, "", "Range: bytes=0-1", "If-Range: "+etag)
	if r := w.want(t, 304, "anna", "GET", p, "", "If-None-Match: "+etag); r.body != "" || r.Header.Get("ETag") != etag {
		t.Errorf("%q %v", r.body, r.Header)
	}
	w.want(t, 304, "anna", "GET", p, "", "If-Modified-Since: "+date)
	w.want(t, 412, "anna", "GET", p, "", `If-Match: "other"`)
	w.want(t, 200, "anna", "GET", p, "", "If-Match: "+etag)
}

// CLIENTS.md section 4, rows 3, 4 and 8: conditions that x/net/webdav ignores.
func testConditions(t *testing.T, w *world) {
	const p = "/dav/an_KVBbg/cond.txt"
	w.want(t, 412, "anna", "PUT", p, "x", "If-Match: *")
	a := w.want(t, 201, "anna", "PUT", p, "1", "If-None-Match: *")
	etag := a.Header.Get("ETag")
	w.want(t, 412, "anna", "PUT", p, "2", "If-None-Match: *")
	w.want(t, 412, "anna", "PUT", p, "2", `If-Match: "bad"`)
	w.want(t, 412, "anna", "PUT", p, "2", "If-Unmodified-Since: Sat, 01 Jan 2000 00:00:00 GMT")
	w.want(t, 412, "anna", "PUT", p, "2", `If: (["bad"])`)
	w.want(t, 412, "anna", "PUT", p, "2", `If: (Not [`+etag+`])`)
	w.want(t, 412, "anna", "PUT", p, "2", "If: <http://elsewhere/dav/an_KVBbg/cond.txt> (["+etag+"])")
	w.want(t, 400, "anna", "PUT", p, "2", "If: nonsense")
	w.want(t, 412, "anna", "DELETE", p, "", `If-Match: "bad"`)
	a = w.want(t, 204, "anna", "PUT", p, "2", "If: <"+w.url+p+"> (["+etag+"]) (["+`"other"`+"])")
	a = w.want(t, 204, "anna", "PUT", p, "3", "If-Match: "+a.Header.Get("ETag"))
	w.want(t, 201, "anna", "MOVE", p, "", "Destination: "+w.url+p+"2", "If-Match: "+a.Header.Get("ETag"))
	if b := w.want(t, 200, "anna", "HEAD", p+"2", ""); b.Header.Get("ETag") != a.Header.Get("ETag") { // CLIENTS.md 0.12
		t.Error("the ETag did not survive MOVE")
	}
}

func testListing(t *testing.T, w *world) {
	w.want(t, 201, "anna", "MKCOL", "/dav/an_KVBbg/l/", "")
	w.want(t, 201, "anna", "PUT", "/dav/an_KVBbg/l/a%20&%23+'.txt", "abc")
	w.want(t, 201, "anna", "MKCOL", "/dav/an_KVBbg/l/Unterordner", "")
	a := w.want(t, 207, "anna", "PROPFIND", "/dav/an_KVBbg/l", "", "Depth: 1")
	m := parse(t, a)
	if got := m.hrefs(); got != "/dav/an_KVBbg/l/ /dav/an_KVBbg/l/a%20%26%23%2B%27.txt /dav/an_KVBbg/l/Unterordner/" {
		t.Errorf("hrefs %s", got)
	}
	if !strings.Contains(a.body, `<D:multistatus xmlns:D="DAV:"`) || a.Header.Get("Content-Length") == "" {
		t.Errorf("%v %s", a.Header, a.body)
	}
	for i, names := range []string{"resourcetype creationdate displayname getetag getlastmodified lockdiscovery supportedlock quota-available-bytes quota-used-bytes",
		"resourcetype creationdate getcontentlength getcontenttype getetag getlastmodified"} {
		for _, n := range strings.Fields(names) {
			if _, ok := m.prop(i, n); !ok {
				t.Errorf("allprop of %s lacks %s", m.Responses[i].Href, n)
			}
		}
	}
	// The spelling of the request comes back (DESIGN.md section 6).
	m = parse(t, w.want(t, 207, "anna", "PROPFIND", "/dav/0815/an_KVBbg/l/", "", "Depth: 0"))
	if m.hrefs() != "/dav/0815/an_KVBbg/l/" {
		t.Error(m.hrefs())
	}
	named := `<propfind xmlns="DAV:"><prop><getetag/><getcontentlength/><dDC xmlns="http://owncloud.org/ns"/></prop></propfind>`
	a = w.want(t, 207, "anna", "PROPFIND", "/dav/an_KVBbg/l", named, "Depth: 1")
	m = parse(t, a)
	if len(m.Responses[0].Stats) != 2 || len(m.Responses[1].Stats) != 2 || m.Responses[1].Stats[1].Status != "HTTP/1.1 404 Not Found" {
		t.Errorf("%s", a.body)
	}
	file, _ := m.prop(1, "getetag")
	if got := w.want(t, 200, "anna", "HEAD", "/dav/an_KVBbg/l/a%20&%23+'.txt", "").Header.Get("ETag"); got != file {
		t.Errorf("ETag in PROPFIND %s, in HEAD %s", file, got)
	}
	a = w.want(t, 207, "anna", "PROPFIND", "/dav/an_KVBbg/l", `<propfind xmlns="DAV:"><propname/></propfind>`, "Depth: 1")
	if m := parse(t, a); len(m.Responses) != 3 || !strings.Contains(a.body, "<D:getcontentlength/>") {
		t.Errorf("%s", a.body)
	}
	m = parse(t, w.want(t, 207, "anna", "PROPFIND", "/dav/an_KVBbg/l", `<propfind xmlns="DAV:"><prop><quota-used-bytes/></prop></propfind>`, "Depth: 1"))
	for i, folder := range []bool{true, false, true} { // RFC 4331
		if _, has := m.prop(i, "quota-used-bytes"); has != folder {
			t.Errorf("%s: quota %v", m.Responses[i].Href, has)
		}
	}
	for _, d := range []string{"infinity", ""} {
		if a := w.want(t, 403, "anna", "PROPFIND", "/dav/", "", "Depth: "+d); !strings.Contains(a.body, "propfind-finite-depth") {
			t.Errorf("%s", a.body)
		}
	}
	w.want(t, 400, "anna", "PROPFIND", "/dav/", "", "Depth: 2")
	w.want(t, 404, "anna", "PROPFIND", "/dav/an_KVBbg/absent", "", "Depth: 0")
}

// The mailbox shows exactly its fixed folders (K18), and the root leads there
// for Windows.
func testStub(t *testing.T, w *world) {
	m := parse(t, w.want(t, 207, "anna", "PROPFIND", "/", "", "Depth: 1", "translate: f"))
	if m.hrefs() != "/ /dav/" {
		t.Error(m.hrefs())
	}
	m = parse(t, w.want(t, 207, "bert", "PROPFIND", "/dav", "", "Depth: 1"))
	if m.hrefs() != "/dav/ /dav/0815%20Stadt%20M%C3%BCsterhausen/ /dav/0816%20Amt%20Probe/" {
		t.Error(m.hrefs())
	}
	for i := range m.Responses {
		if _, ok := m.prop(i, "getlastmodified"); !ok {
			t.Errorf("%s has no getlastmodified", m.Responses[i].Href)
		}
	}
	m = parse(t, w.want(t, 207, "emil", "PROPFIND", "/dav/", "", "Depth: 1"))
	if m.hrefs() != "/dav/ /dav/an_KVBbg/ /dav/KVBBG-SB-Posteingang/ /dav/Postausgang/" {
		t.Error(m.hrefs())
	}
}

func testProperties(t *testing.T, w *world) {
	const p = "/dav/an_KVBbg/props.txt"
	w.want(t, 201, "anna", "PUT", p, "x")
	update := func(inner string) string {
		return `<D:propertyupdate xmlns:D="DAV:" xmlns:n="http://n/">` + inner + `</D:propertyupdate>`
	}
	// rclone sets getlastmodified.
	a := w.want(t, 207, "anna", "PROPPATCH", p, update(`<D:set><D:prop><D:getlastmodified>Sun, 13 Sep 2020 12:26:40 GMT</D:getlastmodified></D:prop></D:set>`))
	if m := parse(t, a); m.Responses[0].Stats[0].Status != "HTTP/1.1 200 OK" || m.Responses[0].Stats[0].Prop.Names[0].XMLName.Local != "getlastmodified" {
		t.Errorf("%s", a.body)
	}
	if h := w.want(t, 200, "anna", "HEAD", p, ""); h.Header.Get("Last-Modified") != "Sun, 13 Sep 2020 12:26:40 GMT" {
		t.Errorf("%v", h.Header)
	}
	a = w.want(t, 207, "anna", "PROPPATCH", p, update(`<D:set><D:prop><D:getlastmodified>yesterday</D:getlastmodified><n:a>1</n:a></D:prop></D:set>`))
	if !strings.Contains(a.body, "409 Conflict") || !strings.Contains(a.body, "424 Failed Dependency") {
		t.Errorf("%s", a.body)
	}
	// All or nothing: a protected property spoils the others.
	for _, protected := range []string{"getetag", "resourcetype", "quota-used-bytes", "displayname", "lockdiscovery"} {
		a = w.want(t, 207, "anna", "PROPPATCH", p, update(`<D:set><D:prop><n:b>1</n:b></D:prop></D:set><D:set><D:prop><D:`+protected+`>x</D:`+protected+`></D:prop></D:set>`))
		if !strings.Contains(a.body, "cannot-modify-protected-property") || !strings.Contains(a.body, "424") {
			t.Errorf("%s: %s", protected, a.body)
		}
	}
	ask := `<D:propfind xmlns:D="DAV:" xmlns:n="http://n/"><D:prop><n:a/><n:b/></D:prop></D:propfind>`
	if m := parse(t, w.want(t, 207, "anna", "PROPFIND", p, ask, "Depth: 0")); len(m.Responses[0].Stats) != 1 || m.Responses[0].Stats[0].Status != "HTTP/1.1 404 Not Found" {
		t.Error("something was set")
	}
	// Document order: the last instruction for a name counts.
	w.want(t, 207, "anna", "PROPPATCH", p, update(`<D:set><D:prop><n:a>1</n:a></D:prop></D:set><D:remove><D:prop><n:a/></D:prop></D:remove><D:set><D:prop><n:a>2<n:c/></n:a></D:prop></D:set>`))
	if m := parse(t, w.want(t, 207, "anna", "PROPFIND", p, ask, "Depth: 0")); m.Responses[0].Stats[0].Prop.Names[0].Text != "2" {
		t.Error("order")
	}
	// Dead properties go along with COPY and MOVE.
	w.want(t, 201, "anna", "COPY", p, "", "Destination: "+p+".copy")
	if m := parse(t, w.want(t, 207, "anna", "PROPFIND", p+".copy", ask, "Depth: 0")); m.Responses[0].Stats[0].Prop.Names[0].Text != "2" {
		t.Error("COPY lost a property")
	}
	if a := w.want(t, 207, "anna", "PROPFIND", p, "", "Depth: 0"); !strings.Contains(a.body, "http://n/") {
		t.Errorf("allprop lacks the dead property: %s", a.body)
	}
	w.want(t, 400, "anna", "PROPPATCH", p, "")
	w.want(t, 400, "anna", "PROPPATCH", p, "<x/>")
}

func testTree(t *testing.T, w *world) {
	const f = "/dav/an_KVBbg/tree/"
	w.want(t, 201, "anna", "MKCOL", f, "")
	w.want(t, 405, "anna", "MKCOL", f, "")
	w.want(t, 409, "anna", "MKCOL", f+"x/y", "")
	w.want(t, 415, "anna", "MKCOL", f+"x", "body")
	w.want(t, 201, "anna", "PUT", f+"a", "a")
	w.want(t, 201, "anna", "COPY", f+"a", "", "Destination: "+w.url+f+"b")
	w.want(t, 204, "anna", "COPY", f+"a", "", "Destination: "+w.url+f+"b") // Overwrite defaults to T
	w.want(t, 412, "anna", "COPY", f+"a", "", "Destination: "+w.url+f+"b", "Overwrite: F")
	w.want(t, 409, "anna", "COPY", f+"a", "", "Destination: "+w.url+f+"no/b")
	w.want(t, 409, "anna", "MOVE", f+"a", "", "Destination: "+w.url+f+"no/b")
	w.want(t, 403, "anna", "COPY", f+"a", "", "Destination: "+w.url+f+"a")
	w.want(t, 403, "anna", "MOVE", f, "", "Destination: "+w.url+f+"inside/")
	w.want(t, 502, "anna", "MOVE", f+"a", "", "Destination: http://elsewhere/dav/an_KVBbg/a")
	w.want(t, 400, "anna", "MOVE", f+"a", "")
	w.want(t, 400, "anna", "MOVE", f+"a", "", "Destination: "+w.url+f+"a%2Fb")
	w.want(t, 404, "anna", "MOVE", f+"absent", "", "Destination: "+w.url+f+"b")
	w.want(t, 201, "anna", "MOVE", f+"a", "", "Destination: "+f+"c") // a path alone, as sync clients send it
	w.want(t, 400, "anna", "DELETE", f, "", "Depth: 1")
	w.want(t, 204, "anna", "DELETE", f, "")
	w.want(t, 404, "anna", "GET", f+"c", "")
	w.want(t, 404, "anna", "DELETE", f, "")
	for _, m := range []string{"DELETE", "MKCOL"} { // K18
		w.want(t, 403, "anna", m, "/dav/an_KVBbg", "")
		w.want(t, 403, "bert", m, "/dav/0815/Postausgang", "")
	}
	w.want(t, 403, "bert", "MOVE", "/dav/0815/Postausgang", "", "Destination: "+w.url+"/dav/0815/Ausgang")
}

// The notice's link leads to this page from the first day (issue 2, item 8).
func testPage(t *testing.T, w *world) {
	const f = "/dav/an_KVBbg/seite/"
	w.want(t, 201, "emil", "MKCOL", f, "")
	w.want(t, 201, "emil", "PUT", f+"b%26c;%23.txt", strings.Repeat("x", 12345), "X-OC-Mtime: 1600000000")
	w.want(t, 201, "emil", "MKCOL", f+"Ordner", "")
	a := w.want(t, 200, "emil", "GET", f, "", "Accept: text/html", "Accept-Language: de") // the person's language wins
	if csp := a.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("policy %q", csp)
	}
	for _, want := range []string{`<html lang="en">`, "<caption>", `<th scope="col">Name`, `<a href="/dav/an_KVBbg/seite/b%26c%3B%23.txt" download>b&amp;c;#.txt</a>`,
		"12.3 kB", `<time datetime="2020-09-13T12:26:40Z">13 Sep 2020 12:26</time>`, `<a href="/dav/an_KVBbg/seite/Ordner/">Ordner/</a>`,
		`<a href="/dav/an_KVBbg/">One level up</a>`, "Tel. 0123", "<title>seite"} {
		if !strings.Contains(a.body, want) {
			t.Errorf("page lacks %s:\n%s", want, a.body)
		}
	}
	if strings.Contains(a.body, "<script") {
		t.Error("page has a script")
	}
	if a := w.want(t, 200, "bert", "GET", "/dav/", ""); !strings.Contains(a.body, "Postfächer") || !strings.Contains(a.body, "0816 Amt Probe/") || strings.Contains(a.body, "höher") {
		t.Errorf("%s", a.body)
	}
	if a := w.want(t, 200, "emil", "HEAD", f, ""); a.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("%v", a.Header)
	}
	if a := w.want(t, 404, "emil", "GET", f+"absent", "", "Accept: text/html"); !strings.Contains(a.body, "<h1>Not found</h1>") {
		t.Errorf("%s", a.body)
	}
}

// Malformed requests are answered 400 at once, whatever they hold (XML attacks:
// xml_test.go).
func testBadRequests(t *testing.T, w *world) {
	bomb := `<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "aaaaaaaaaa">]><propfind xmlns="DAV:"><prop>&a;</prop></propfind>`
	for _, m := range []string{"PROPFIND", "PROPPATCH", "LOCK"} {
		for _, body := range []string{bomb, strings.Repeat("<a>", 20000), "\xff\xfe<\x00a\x00/\x00>\x00", strings.Repeat("x", 1<<20)} {
			w.want(t, 400, "anna", m, "/dav/an_KVBbg/", body, "Depth: 0")
		}
	}
	if got := w.raw(t, "GET /dav/%zz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 400") {
		t.Errorf("%.60s", got)
	}
}
