// SPDX-License-Identifier: Apache-2.0

package dav_test

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"strings"
	"testing"

	"postfach/scan/scantest"
)

// TestDesktopDoor: what sync clients find (CLIENTS.md section 1; issue 4, item
// 1). The real programs run in package test.
func TestDesktopDoor(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		name string
		test func(*testing.T, *world)
	}{
		{"before sign-in", testBeforeSignIn}, {"capabilities", testCapabilities}, {"account", testAccount}, {"whose files", testWhoseFiles},
		{"properties", testDesktopProperties}, {"letters", testLetters}, {"moves", testDesktopMoves}, {"upload in chunks", testUploadInChunks},
		{"chunks are not readable", testChunksUnread}, {"chunk names", testChunkNames}, {"resume", testChunkListing},
		{"refused early", testRefusedEarly}, {"not offered", testNotOffered}, {"checksums", testChecksums},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, w) })
	}
}

const remote = "/remote.php/dav/files/anna"

// CLIENTS.md 1.2 and 1.4.
func testBeforeSignIn(t *testing.T, w *world) {
	var status map[string]any
	a := w.want(t, 200, "", "GET", "/status.php", "")
	if err := json.Unmarshal([]byte(a.body), &status); err != nil || a.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("%v %s", err, a.body)
	}
	for k, v := range map[string]any{"installed": true, "maintenance": false, "needsDbUpgrade": false, "version": "29.1.2.0",
		"versionstring": "29.1.2", "productname": "Kassenpost", "edition": ""} {
		if status[k] != v {
			t.Errorf("%s is %v, not %v", k, status[k], v)
		}
	}
	w.want(t, 204, "", "GET", "/index.php/204", "")
	w.want(t, 404, "", "POST", "/status.php", "x")
	// Who asks without credentials must be asked for them, by Basic alone, and
	// never redirected.
	for _, p := range []string{"/remote.php/webdav/", remote + "/", "/remote.php/dav/uploads/anna/1", "/remote.php/dav/avatars/anna/64.png",
		"/ocs/v1.php/cloud/user?format=json", "/ocs/v2.php/cloud/users/anna"} {
		for _, m := range []string{"GET", "PROPFIND"} {
			a := w.want(t, 401, "", m, p, "")
			if c := a.Header.Values("WWW-Authenticate"); len(c) != 1 || !strings.HasPrefix(c[0], "Basic ") {
				t.Errorf("%s: %q", p, c)
			}
		}
	}
	w.want(t, 401, "nobody", "GET", "/ocs/v1.php/cloud/capabilities?format=json", "")
	for _, p := range []string{"/ocs/v2.php/apps/notifications/api/v2/notifications", "/ocs/v1.php/config", "/ocs/v3.php/x", "/ocs/x"} {
		if a := w.want(t, 404, "", "GET", p+"?format=json", ""); !json.Valid([]byte(a.body)) {
			t.Errorf("%s: %s", p, a.body)
		}
	}
	for _, p := range []string{"/.well-known/openid-configuration", "/.well-known/webfinger", "/index.php/avatar/anna/64", "/owncloud/status.php"} {
		w.want(t, 404, "", "GET", p, "")
	}
	w.want(t, 404, "anna", "GET", "/remote.php/dav/avatars/anna/64.png", "")
}

func ocsData(t *testing.T, a answer, code float64) map[string]any {
	t.Helper()
	var e struct {
		OCS struct {
			Meta map[string]any
			Data map[string]any
		}
	}
	if err := json.Unmarshal([]byte(a.body), &e); err != nil || e.OCS.Meta["statuscode"] != code || e.OCS.Meta["status"] != "ok" {
		t.Fatalf("%v %s", err, a.body)
	}
	return e.OCS.Data
}

// CLIENTS.md 1.3: what is said, and what must not be, because clients then use
// it.
func testCapabilities(t *testing.T, w *world) {
	for version, code := range map[string]float64{"v1": 100, "v2": 200} {
		p := "/ocs/" + version + ".php/cloud/capabilities"
		data := ocsData(t, w.want(t, 200, "anna", "GET", p+"?format=json", ""), code)
		said, _ := json.Marshal(data)
		for _, want := range []string{`"chunking":"1.0"`, `"bigfilechunking":true`, `"pollinterval":60000`, `"webdav-root":"remote.php/webdav"`,
			`"supportedTypes":["SHA1","MD5"]`, `"preferredUploadType":"SHA1"`, `"major":29`, `"minor":1`, `"micro":2`, `"versionstring":"29.1.2"`} {
			if !strings.Contains(string(said), want) {
				t.Errorf("no %s in %s", want, said)
			}
		}
		for _, never := range []string{"bulkupload", "tus_support", "spaces", "locking", "notifications", "user_status", "end-to-end-encryption"} {
			if strings.Contains(string(said), never) {
				t.Errorf("%s is advertised", never)
			}
		}
		short, _ := json.Marshal(ocsData(t, w.want(t, 200, "", "GET", p+"?format=json", ""), code))
		if strings.Contains(string(short), "chunking") || !strings.Contains(string(short), "webdav-root") {
			t.Errorf("without sign-in: %s", short)
		}
		a := w.want(t, 200, "anna", "GET", p, "")
		var e struct {
			XMLName xml.Name `xml:"ocs"`
			Types   []string `xml:"data>capabilities>checksums>supportedTypes>element"`
			Code    int      `xml:"meta>statuscode"`
		}
		if err := xml.Unmarshal([]byte(a.body), &e); err != nil || len(e.Types) != 2 || float64(e.Code) != code {
			t.Errorf("%v %+v %s", err, e, a.body)
		}
	}
}

func testAccount(t *testing.T, w *world) {
	data := ocsData(t, w.want(t, 200, "anna", "GET", "/ocs/v1.php/cloud/user?format=json", ""), 100)
	if data["id"] != "anna" || data["display-name"] != "Anna Beispiel" || data["displayname"] != "Anna Beispiel" {
		t.Errorf("%v", data)
	}
	q, _ := data["quota"].(map[string]any)
	if q["free"].(float64)+q["used"].(float64) != q["total"].(float64) || q["total"].(float64) <= 0 {
		t.Errorf("%v", q)
	}
	ocsData(t, w.want(t, 200, "anna", "GET", "/ocs/v2.php/cloud/users/anna?format=json", ""), 200)
	w.want(t, 404, "anna", "GET", "/ocs/v2.php/cloud/users/emil?format=json", "")
	w.want(t, 404, "anna", "DELETE", "/ocs/v1.php/cloud/user", "")
	// Who touches no files signs in, and is refused where the files are.
	ocsData(t, w.want(t, 200, "adam", "GET", "/ocs/v1.php/cloud/user?format=json", ""), 100)
	w.want(t, 403, "adam", "PROPFIND", "/remote.php/dav/files/adam/", "", "Depth: 1")
}

// The login in the path is the account's own; another's files are not there.
func testWhoseFiles(t *testing.T, w *world) {
	w.want(t, 201, "anna", "PUT", remote+"/an_KVBbg/wessen.txt", "x")
	for _, p := range []string{remote, "/remote.php/webdav", "/remote.php/dav/files/ANNA", "/dav"} {
		w.want(t, 200, "anna", "GET", p+"/an_KVBbg/wessen.txt", "")
		m := parse(t, w.want(t, 207, "anna", "PROPFIND", p+"/an_KVBbg/wessen.txt", "", "Depth: 0"))
		if m.Responses[0].Href != p+"/an_KVBbg/wessen.txt" {
			t.Errorf("%s", m.Responses[0].Href)
		}
	}
	const emil = "/remote.php/dav/files/emil"
	for _, m := range []string{"GET", "HEAD", "PROPFIND"} {
		w.want(t, 404, "anna", m, emil+"/an_KVBbg/", "", "Depth: 0")
	}
	w.want(t, 403, "anna", "PUT", emil+"/an_KVBbg/x", "x")
	w.want(t, 403, "anna", "MKCOL", "/remote.php/dav/uploads/emil/1", "")
	w.want(t, 404, "anna", "PROPFIND", "/remote.php/dav/uploads/emil/", "", "Depth: 1")
	w.want(t, 502, "anna", "MOVE", remote+"/an_KVBbg/wessen.txt", "", "Destination: "+emil+"/an_KVBbg/x.txt")
	// Accounts with all members: DESIGN.md section 6.
	a := w.want(t, 403, "bert", "PROPFIND", "/remote.php/dav/files/bert/", "", "Depth: 1")
	if !strings.Contains(a.body, "Netzlaufwerk") {
		t.Errorf("%s", a.body)
	}
	w.want(t, 207, "bert", "PROPFIND", "/dav/", "", "Depth: 1")
	w.want(t, 207, "rz", "PROPFIND", "/remote.php/webdav/", "", "Depth: 1")
}

const askOC = `<?xml version="1.0"?><d:propfind xmlns:d="DAV:"><d:prop><d:resourcetype/><d:getlastmodified/><d:getcontentlength/><d:getetag/>` +
	`<size xmlns="http://owncloud.org/ns"/><id xmlns="http://owncloud.org/ns"/><fileid xmlns="http://owncloud.org/ns"/>` +
	`<downloadURL xmlns="http://owncloud.org/ns"/><dDC xmlns="http://owncloud.org/ns"/><permissions xmlns="http://owncloud.org/ns"/>` +
	`<checksums xmlns="http://owncloud.org/ns"/><share-types xmlns="http://owncloud.org/ns"/><data-fingerprint xmlns="http://owncloud.org/ns"/>` +
	`<is-encrypted xmlns="http://nextcloud.org/ns"/></d:prop>M</d:propfind>`

// CLIENTS.md 1.5: everything that is there in one propstat, the rest in 404.
func testDesktopProperties(t *testing.T, w *world) {
	w.want(t, 201, "anna", "MKCOL", remote+"/an_KVBbg/p", "")
	up := w.want(t, 201, "anna", "PUT", remote+"/an_KVBbg/p/a.txt", "abc", "X-OC-Mtime: 1600000000", "OC-Checksum: SHA1:a9993e364706816aba3e25717850c26c9cd0d89d")
	if up.Header.Get("X-OC-MTime") != "accepted" || up.Header.Get("OC-ETag") != up.Header.Get("ETag") {
		t.Errorf("%v", up.Header)
	}
	m := parse(t, w.want(t, 207, "anna", "PROPFIND", remote+"/an_KVBbg/p", askOC, "Depth: 1"))
	for i, want := range []map[string]string{
		{"size": "3", "permissions": "GDNVCK", "data-fingerprint": "since-1"},
		{"size": "3", "permissions": "GDNVW", "getetag": up.Header.Get("ETag"), "id": up.Header.Get("OC-FileId"), "getcontentlength": "3",
			"getlastmodified": "Sun, 13 Sep 2020 12:26:40 GMT"},
	} {
		for name, v := range want {
			if got, _ := m.prop(i, name); got != v {
				t.Errorf("%s of %s is %q, not %q", name, m.Responses[i].Href, got, v)
			}
		}
		if len(m.Responses[i].Stats) != 2 || m.Responses[i].Stats[0].Status != "HTTP/1.1 200 OK" || m.Responses[i].Stats[1].Status != "HTTP/1.1 404 Not Found" {
			t.Errorf("%+v", m.Responses[i].Stats)
		}
		for _, never := range []string{"downloadURL", "dDC", "share-types", "is-encrypted"} {
			if _, ok := m.prop(i, never); ok {
				t.Errorf("%s has a value", never)
			}
		}
		id, _ := m.prop(i, "id")
		number, _ := m.prop(i, "fileid")
		if id != fmt.Sprintf("%08s", number)+"octest" {
			t.Errorf("id %s, fileid %s", id, number)
		}
	}
	if _, ok := m.prop(1, "data-fingerprint"); ok {
		t.Error("a file has a data-fingerprint")
	}
	// Nobody sets what we compute; what we do not know may be a dead property.
	set := `<d:propertyupdate xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns"><d:set><d:prop><oc:%s>1</oc:%[1]s></d:prop></d:set></d:propertyupdate>`
	if a := w.want(t, 207, "anna", "PROPPATCH", remote+"/an_KVBbg/p/a.txt", fmt.Sprintf(set, "id")); !strings.Contains(a.body, "403 Forbidden") {
		t.Errorf("%s", a.body)
	}
	if a := w.want(t, 207, "anna", "PROPPATCH", remote+"/an_KVBbg/p/a.txt", fmt.Sprintf(set, "favorite")); !strings.Contains(a.body, "200 OK") {
		t.Errorf("%s", a.body)
	}
	// Explorer's listings stay as short as they were.
	if a := w.want(t, 207, "anna", "PROPFIND", "/dav/an_KVBbg/p", "", "Depth: 1"); strings.Contains(a.body, "<oc:id") || strings.Contains(a.body, "fingerprint") {
		t.Errorf("%s", a.body)
	}
}

// The letters of oc:permissions follow the table of DESIGN.md section 2.
func testLetters(t *testing.T, w *world) {
	w.want(t, 201, "anna", "PUT", "/dav/an_KVBbg/letters.txt", "x")
	w.want(t, 201, "bert", "PUT", "/dav/0815/Postausgang/letters.txt", "x")
	w.want(t, 201, "anna", "PUT", "/dav/an_KVBbg/taken.txt", "x")
	w.want(t, 201, "bert", "MOVE", "/dav/0815/an_KVBbg/taken.txt", "", "Destination: /dav/0815/KVBBG-SB-Posteingang/taken.txt")
	w.want(t, 201, "rz", "PUT", "/dav/0815/an_KVBbg/rz.txt", "x")
	w.want(t, 201, "bert", "PUT", "/dav/0816/Postausgang/four.txt", "x")
	for _, c := range []struct{ as, path, want string }{
		{"anna", "/dav/", "G"}, {"anna", "/dav/an_KVBbg", "GCK"}, {"anna", "/dav/KVBBG-SB-Posteingang", "G"}, {"anna", "/dav/Postausgang", "G"},
		{"anna", "/dav/an_KVBbg/letters.txt", "GDNVW"}, {"anna", "/dav/KVBBG-SB-Posteingang/taken.txt", "G"},
		{"bert", "/dav/", "G"}, {"bert", "/dav/0815", "GCK"}, {"bert", "/dav/0816", "GK"}, {"bert", "/dav/0815/an_KVBbg", "G"},
		{"bert", "/dav/0815/an_KVBbg/letters.txt", "GV"}, {"bert", "/dav/0815/KVBBG-SB-Posteingang", "GCK"},
		{"bert", "/dav/0815/KVBBG-SB-Posteingang/taken.txt", "GDNV"}, {"bert", "/dav/0815/Postausgang/letters.txt", "GDNVW"},
		{"rita", "/dav/0816/Postausgang/four.txt", "G"}, {"rita", "/dav/0816/Postausgang", "G"},
		{"rz", "/dav/0815/an_KVBbg", "GC"}, {"rz", "/dav/0815/an_KVBbg/rz.txt", "DW"}, {"rz", "/dav/0815", "G"},
	} {
		m := parse(t, w.want(t, 207, c.as, "PROPFIND", c.path, askOC, "Depth: 0"))
		if got, ok := m.prop(0, "permissions"); !ok || got != c.want {
			t.Errorf("%s at %s: %q, not %q", c.as, c.path, got, c.want)
		}
	}
}

// CLIENTS.md 1.6: 201 for every MOVE, also over a name that stood there, and
// ids that stay.
func testDesktopMoves(t *testing.T, w *world) {
	id := w.want(t, 201, "anna", "PUT", remote+"/an_KVBbg/m1", "x").Header.Get("OC-FileId")
	w.want(t, 201, "anna", "PUT", remote+"/an_KVBbg/m3", "y")
	a := w.want(t, 201, "anna", "MOVE", remote+"/an_KVBbg/m1", "", "Destination: "+remote+"/an_KVBbg/m2")
	b := w.want(t, 201, "anna", "MOVE", remote+"/an_KVBbg/m2", "", "Destination: "+w.url+"/remote.php/webdav/an_KVBbg/m3")
	if a.Header.Get("OC-FileId") != id || b.Header.Get("OC-FileId") != id {
		t.Errorf("%s became %s and %s", id, a.Header.Get("OC-FileId"), b.Header.Get("OC-FileId"))
	}
	w.want(t, 201, "anna", "PUT", "/dav/an_KVBbg/m4", "z")
	w.want(t, 204, "anna", "MOVE", "/dav/an_KVBbg/m4", "", "Destination: /dav/an_KVBbg/m3") // RFC 4918 elsewhere
	if a := w.want(t, 201, "anna", "MKCOL", remote+"/an_KVBbg/mk", ""); a.Header.Get("OC-FileId") == "" {
		t.Errorf("%v", a.Header)
	}
	w.want(t, 405, "anna", "MKCOL", remote+"/an_KVBbg/mk", "")
	w.want(t, 204, "anna", "DELETE", remote+"/an_KVBbg/mk", "")
	w.want(t, 404, "anna", "DELETE", remote+"/an_KVBbg/mk", "")
}

const uploadsOf = "/remote.php/dav/uploads/anna/"

// CLIENTS.md 1.6, as nextcloudcmd (indexes) and owncloudcmd (offsets) send it.
func testUploadInChunks(t *testing.T, w *world) {
	w.want(t, 201, "anna", "MKCOL", uploadsOf+"101", "", "OC-Total-Length: 11")
	w.want(t, 405, "anna", "MKCOL", uploadsOf+"101", "")
	w.want(t, 201, "anna", "PUT", uploadsOf+"101/0000000000000006", "world", "OC-Chunk-Offset: 6")
	w.want(t, 201, "anna", "PUT", uploadsOf+"101/0000000000000000", "hello ", "OC-Chunk-Offset: 0")
	w.want(t, 204, "anna", "PUT", uploadsOf+"101/0000000000000000", "Hello ", "OC-Chunk-Offset: 0")
	w.want(t, 400, "anna", "MOVE", uploadsOf+"101/.file", "", "Destination: "+remote+"/an_KVBbg/big", "OC-Total-Length: 12")
	a := w.want(t, 201, "anna", "MOVE", uploadsOf+"101/.file", "", "Destination: "+remote+"/an_KVBbg/big", "OC-Total-Length: 11",
		"X-OC-Mtime: 1600000000", "OC-Checksum: MD5:3e25960a79dbc69b674cd4ec67a72c62")
	if a.Header.Get("OC-FileId") == "" || a.Header.Get("ETag") == "" || a.Header.Get("OC-ETag") != a.Header.Get("ETag") || a.Header.Get("X-OC-MTime") != "accepted" {
		t.Errorf("%v", a.Header)
	}
	if g := w.want(t, 200, "anna", "GET", remote+"/an_KVBbg/big", ""); g.body != "Hello world" || g.Header.Get("ETag") != a.Header.Get("ETag") {
		t.Errorf("%q", g.body)
	}
	w.want(t, 404, "anna", "PROPFIND", uploadsOf+"101", "", "Depth: 1")
	// The answer was lost: the same again gives the same.
	b := w.want(t, 201, "anna", "MOVE", uploadsOf+"101/.file", "", "Destination: "+remote+"/an_KVBbg/big", "OC-Total-Length: 11")
	if b.Header.Get("ETag") != a.Header.Get("ETag") {
		t.Errorf("%s became %s", a.Header.Get("ETag"), b.Header.Get("ETag"))
	}
	// Over an existing file, under If.
	w.want(t, 201, "anna", "MKCOL", uploadsOf+"102", "")
	w.want(t, 201, "anna", "PUT", uploadsOf+"102/1", "second")
	dest := []string{"Destination: " + remote + "/an_KVBbg/big", "OC-Total-Length: 6"}
	w.want(t, 412, "anna", "MOVE", uploadsOf+"102/.file", "", append(dest, `If: <`+remote+`/an_KVBbg/big> (["0"])`)...)
	w.want(t, 204, "anna", "MOVE", uploadsOf+"102/.file", "", append(dest, `If: <`+remote+`/an_KVBbg/big> ([`+a.Header.Get("ETag")+`])`)...)
	// Infected: 415, as the whole of a PUT, and all is gone.
	e := string(scantest.EICAR())
	w.want(t, 201, "anna", "MKCOL", uploadsOf+"103", "")
	w.want(t, 201, "anna", "PUT", uploadsOf+"103/2", e[30:])
	w.want(t, 201, "anna", "PUT", uploadsOf+"103/1", e[:30])
	if a := w.want(t, 415, "anna", "MOVE", uploadsOf+"103/.file", "", "Destination: "+remote+"/an_KVBbg/virus"); !strings.Contains(a.body, "Virenscanner") {
		t.Errorf("%s", a.body)
	}
	w.want(t, 404, "anna", "DELETE", uploadsOf+"103", "")
	w.want(t, 404, "anna", "GET", remote+"/an_KVBbg/virus", "")
}

// Nothing of an upload can be read before it was scanned (I1), and by nobody
// else ever.
func testChunksUnread(t *testing.T, w *world) {
	w.want(t, 201, "anna", "MKCOL", uploadsOf+"201", "")
	w.want(t, 201, "anna", "PUT", uploadsOf+"201/1", "geheim")
	for _, m := range []string{"GET", "HEAD", "COPY", "LOCK", "PROPPATCH", "POST", "PATCH", "REPORT"} {
		for _, p := range []string{"201/1", "201/.file", "201", ""} {
			if a := w.want(t, 405, "anna", m, uploadsOf+p, "", "Destination: "+remote+"/an_KVBbg/stolen"); strings.Contains(a.body, "geheim") {
				t.Errorf("%s %s: %s", m, p, a.body)
			}
		}
	}
	w.want(t, 405, "anna", "MOVE", uploadsOf+"201/1", "", "Destination: "+remote+"/an_KVBbg/stolen")
	w.want(t, 405, "anna", "MOVE", uploadsOf+"201", "", "Destination: "+remote+"/an_KVBbg/stolen")
	w.want(t, 502, "anna", "MOVE", remote+"/an_KVBbg/big", "", "Destination: "+uploadsOf+"201/2")
	w.want(t, 404, "emil", "PROPFIND", "/remote.php/dav/uploads/emil/201", "", "Depth: 1")
	w.want(t, 404, "emil", "MOVE", "/remote.php/dav/uploads/emil/201/.file", "", "Destination: /remote.php/dav/files/emil/an_KVBbg/stolen")
	w.want(t, 204, "anna", "DELETE", uploadsOf+"201", "")
	w.want(t, 404, "anna", "DELETE", uploadsOf+"201", "")
}

func testChunkNames(t *testing.T, w *world) {
	w.want(t, 400, "anna", "MKCOL", uploadsOf+"a.b", "")
	w.want(t, 400, "anna", "MKCOL", uploadsOf+strings.Repeat("x", 65), "")
	w.want(t, 415, "anna", "MKCOL", uploadsOf+"300", "body")
	w.want(t, 404, "anna", "PUT", uploadsOf+"300/1", "x")
	w.want(t, 201, "anna", "MKCOL", uploadsOf+"rclone-chunked-upload-0123456789abcdef0123456789abcdef/", "")
	w.want(t, 201, "anna", "MKCOL", uploadsOf+"301", "")
	for _, bad := range []string{"x", "-1", "1-", "1-x", "+1", "0x1", "1.5", strings.Repeat("1", 42), "99999999999999999999", "%20", "1%00"} {
		w.want(t, 400, "anna", "PUT", uploadsOf+"301/"+bad, "x")
	}
	w.want(t, 404, "anna", "PUT", uploadsOf+"301/1/2", "x")
	w.want(t, 400, "anna", "PUT", uploadsOf+"301/1", "x", "Content-Range: bytes 0-0/2")
	w.want(t, 201, "anna", "PUT", uploadsOf+"301/000000000000000-000000000000004", "hello") // rclone's
	w.want(t, 201, "anna", "PUT", uploadsOf+"301/000000000000005-000000000000005", "!")
	w.want(t, 400, "anna", "MOVE", uploadsOf+"301/.file", "")
	w.want(t, 403, "anna", "MOVE", uploadsOf+"301/.file", "", "Destination: "+remote+"/root.txt")
	w.want(t, 400, "anna", "MOVE", uploadsOf+"301/.file", "", "Destination: "+remote+"/an_KVBbg/a%3Fb")
	w.want(t, 201, "anna", "MOVE", uploadsOf+"301/.file", "", "Destination: "+remote+"/an_KVBbg/rclone.txt")
	if g := w.want(t, 200, "anna", "GET", remote+"/an_KVBbg/rclone.txt", ""); g.body != "hello!" {
		t.Errorf("%q", g.body)
	}
}

// What is there already, for clients that go on.
func testChunkListing(t *testing.T, w *world) {
	w.want(t, 201, "anna", "MKCOL", uploadsOf+"401", "")
	w.want(t, 201, "anna", "PUT", uploadsOf+"401/0000000000000010", "ten")
	w.want(t, 201, "anna", "PUT", uploadsOf+"401/0000000000000009", "nine")
	ask := `<d:propfind xmlns:d="DAV:"><d:prop><d:resourcetype/><d:getcontentlength/></d:prop></d:propfind>`
	m := parse(t, w.want(t, 207, "anna", "PROPFIND", uploadsOf+"401", ask, "Depth: 1"))
	if m.hrefs() != uploadsOf+"401/ "+uploadsOf+"401/0000000000000009 "+uploadsOf+"401/0000000000000010" {
		t.Errorf("%s", m.hrefs())
	}
	if n, _ := m.prop(1, "getcontentlength"); n != "4" {
		t.Errorf("%s", n)
	}
	if m := parse(t, w.want(t, 207, "anna", "PROPFIND", uploadsOf+"401", "", "Depth: 0")); len(m.Responses) != 1 {
		t.Errorf("%s", m.hrefs())
	}
	if m := parse(t, w.want(t, 207, "anna", "PROPFIND", uploadsOf, "", "Depth: 1")); !strings.Contains(m.hrefs(), uploadsOf+"401/") {
		t.Errorf("%s", m.hrefs())
	}
	w.want(t, 204, "anna", "DELETE", uploadsOf+"401/0000000000000009", "")
	w.want(t, 404, "anna", "DELETE", uploadsOf+"401/0000000000000009", "")
	w.want(t, 403, "anna", "PROPFIND", uploadsOf+"401", "")
}

// Version 2 names the target from the start; what would be refused at the end
// is refused before the first chunk.
func testRefusedEarly(t *testing.T, w *world) {
	w.want(t, 413, "anna", "MKCOL", uploadsOf+"501", "", fmt.Sprintf("OC-Total-Length: %d", 16<<20+1))
	w.want(t, 403, "anna", "MKCOL", uploadsOf+"501", "", "Destination: "+remote+"/nicht-hier.bin")
	w.want(t, 409, "anna", "MKCOL", uploadsOf+"501", "", "Destination: "+remote+"/an_KVBbg/fehlt/x.bin")
	w.want(t, 400, "anna", "MKCOL", uploadsOf+"501", "", "OC-Total-Length: viel")
	w.want(t, 404, "anna", "PROPFIND", uploadsOf+"501", "", "Depth: 0")
	w.want(t, 201, "anna", "MKCOL", uploadsOf+"501", "", "Destination: "+remote+"/an_KVBbg/v2.bin", "OC-Total-Length: 10")
	for i := range 10 {
		w.want(t, 201, "anna", "PUT", fmt.Sprintf("%s501/%d", uploadsOf, i+1), fmt.Sprint(i), "Destination: "+remote+"/an_KVBbg/v2.bin", "OC-Total-Length: 10")
	}
	w.want(t, 201, "anna", "MOVE", uploadsOf+"501/.file", "", "Destination: "+remote+"/an_KVBbg/v2.bin", "OC-Total-Length: 10")
	if g := w.want(t, 200, "anna", "GET", remote+"/an_KVBbg/v2.bin", ""); g.body != "0123456789" {
		t.Errorf("%q", g.body)
	}
}

// Old chunks, bulk uploads and TUS: refused, and nothing is stored.
func testNotOffered(t *testing.T, w *world) {
	w.want(t, 501, "anna", "PUT", remote+"/an_KVBbg/f-chunking-1-2-0", "x", "OC-Chunked: 1")
	w.want(t, 404, "anna", "POST", "/remote.php/dav/bulk", "x")
	a := w.want(t, 405, "anna", "POST", remote+"/an_KVBbg/", "x", "Tus-Resumable: 1.0.0", "Upload-Length: 1")
	b := w.want(t, 200, "anna", "OPTIONS", remote+"/", "")
	for _, h := range []string{"Tus-Resumable", "Tus-Version", "Tus-Extension"} {
		if a.Header.Get(h) != "" || b.Header.Get(h) != "" {
			t.Errorf("%s is advertised", h)
		}
	}
	if m := parse(t, w.want(t, 207, "anna", "PROPFIND", remote+"/an_KVBbg", "", "Depth: 1")); strings.Contains(m.hrefs(), "chunking") {
		t.Errorf("%s", m.hrefs())
	}
}

// SHA1 and MD5 are published where a client that compares them has uploaded.
func testChecksums(t *testing.T, w *world) {
	w.want(t, 201, "anna", "PUT", remote+"/an_KVBbg/sum1", "abc", "X-OC-Mtime: 1600000000")
	w.want(t, 201, "anna", "PUT", "/dav/an_KVBbg/sum2", "abc")
	const want = "<oc:checksums><oc:checksum>SHA1:a9993e364706816aba3e25717850c26c9cd0d89d MD5:900150983cd24fb0d6963f7d28e17f72</oc:checksum></oc:checksums>"
	if a := w.want(t, 207, "anna", "PROPFIND", remote+"/an_KVBbg/sum1", askOC, "Depth: 0"); !strings.Contains(a.body, want) {
		t.Errorf("%s", a.body)
	}
	if a := w.want(t, 207, "anna", "PROPFIND", remote+"/an_KVBbg/sum2", askOC, "Depth: 0"); strings.Contains(a.body, "SHA1:") {
		t.Errorf("%s", a.body)
	}
	if a := w.want(t, 200, "anna", "GET", remote+"/an_KVBbg/sum1", ""); a.Header.Get("OC-Checksum") != "SHA1:a9993e364706816aba3e25717850c26c9cd0d89d" {
		t.Errorf("%v", a.Header)
	}
	w.want(t, 400, "anna", "PUT", remote+"/an_KVBbg/sum3", "abc", "OC-Checksum: SHA1:0000000000000000000000000000000000000000")
}
