// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bufio"
	"crypto/md5"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"postfach/scan/scantest"
	"postfach/test/world"
)

// TestUploadChecks: issue 2, item 6, L32: what does not match is 400 and leaves nothing.
func TestUploadChecks(t *testing.T) {
	w := whole(t, world.Everybody())
	body := "Inhalt mit Prüfsumme"
	s1, m5 := sha1.Sum([]byte(body)), md5.Sum([]byte(body))
	wrong := strings.Repeat("0", 40)
	refused := []map[string]string{
		{"Repr-Digest": digest("etwas anderes")},
		{"Content-Digest": digest("etwas anderes")},
		{"Repr-Digest": "sha-256=kein Wert"},
		{"OC-Checksum": "SHA1:" + wrong},
		{"OC-Checksum": "MD5:" + wrong[:32]},
		{"Content-Range": "bytes 0-9/100"},
		{"X-Expected-Entity-Length": "7"},
	}
	for i, h := range refused {
		path := fmt.Sprintf("/dav/an_KVBbg/f%d", i)
		w.Play(t, []world.Exchange{
			{As: "anna", Method: "PUT", Path: path, Header: h, Body: body, Want: 400},
			{As: "anna", Method: "GET", Path: path, Want: 404},
		})
	}
	accepted := []map[string]string{
		{"Repr-Digest": digest(body)},
		{"Content-Digest": digest(body)},
		{"OC-Checksum": "SHA1:" + hex.EncodeToString(s1[:])},
		{"OC-Checksum": "MD5:" + hex.EncodeToString(m5[:])},
		{"X-Expected-Entity-Length": fmt.Sprint(len(body))},
	}
	for i, h := range accepted {
		path := fmt.Sprintf("/dav/an_KVBbg/g%d", i)
		w.Do(t, world.Exchange{As: "anna", Method: "PUT", Path: path, Header: h, Body: body, Want: 201})
	}
	w.Play(t, []world.Exchange{
		{As: "anna", Method: "PUT", Path: "/dav/an_KVBbg/chunk", Header: map[string]string{"OC-Chunked": "1"}, Body: body, Want: 501},
		{As: "anna", Method: "PROPFIND", Path: "/remote.php/webdav/", Header: depth0, Want: 207},
	})
}

// TestConditions: If-Match, If-None-Match, If-Unmodified-Since, Overwrite, Range.
func TestConditions(t *testing.T) {
	w := whole(t, world.Everybody())
	const f, g = "/dav/an_KVBbg/f.txt", "/dav/an_KVBbg/g.txt"
	one := w.Put(t, "anna", f, "0123456789")
	w.Play(t, []world.Exchange{
		{As: "anna", Method: "PUT", Path: f, Header: map[string]string{"If-None-Match": "*"}, Body: "x", Want: 412},
		{As: "anna", Method: "PUT", Path: f, Header: map[string]string{"If-Match": `"falsch"`}, Body: "x", Want: 412},
		{As: "anna", Method: "PUT", Path: g, Header: map[string]string{"If-Match": "*"}, Body: "x", Want: 412},
		{As: "anna", Method: "PUT", Path: f, Header: map[string]string{"If-Unmodified-Since": "Mon, 02 Jan 2006 15:04:05 GMT"}, Body: "x", Want: 412},
		{As: "anna", Method: "DELETE", Path: f, Header: map[string]string{"If-Match": `"falsch"`}, Want: 412},
		{As: "anna", Method: "PUT", Path: f, Header: map[string]string{"If": `(["falsch"])`}, Body: "x", Want: 412},
		{As: "anna", Method: "PUT", Path: f, Header: map[string]string{"If": `(Not <DAV:no-lock> [` + one + `])`}, Body: "abcdefghij", Want: 204},
		{As: "anna", Method: "GET", Path: f, Header: map[string]string{"Range": "bytes=2-4"}, Want: 206, Contains: "cde"},
		{As: "anna", Method: "GET", Path: f, Header: map[string]string{"Range": "bytes=-2"}, Want: 206, Contains: "ij"},
		{As: "anna", Method: "GET", Path: f, Header: map[string]string{"Range": "bytes=100-"}, Want: 416},
		{As: "anna", Method: "PUT", Path: g, Header: map[string]string{"If-None-Match": "*"}, Body: "g", Want: 201},
		{As: "anna", Method: "MOVE", Path: g, Header: map[string]string{"Destination": f, "Overwrite": "F"}, Want: 412},
		{As: "anna", Method: "COPY", Path: g, Header: map[string]string{"Destination": f, "Overwrite": "F"}, Want: 412},
		{As: "anna", Method: "COPY", Path: g, Header: destination(f), Want: 204},
		{As: "anna", Method: "MOVE", Path: g, Header: destination("/dav/an_KVBbg/fehlt/g.txt"), Want: 409},
		{As: "anna", Method: "PUT", Path: "/dav/an_KVBbg/fehlt/g.txt", Body: "x", Want: 409},
		{As: "anna", Method: "MKCOL", Path: "/dav/an_KVBbg/fehlt/tiefer/", Want: 409},
		{As: "anna", Method: "MKCOL", Path: "/dav/an_KVBbg/d/", Want: 201},
		{As: "anna", Method: "MKCOL", Path: "/dav/an_KVBbg/d/", Want: 405},
		{As: "anna", Method: "DELETE", Path: "/dav/an_KVBbg/fehlt", Want: 404},
		{As: "anna", Method: "PROPFIND", Path: "/dav/an_KVBbg/", Header: map[string]string{"Depth": "infinity"}, Want: 403, Contains: "propfind-finite-depth"},
		{As: "anna", Method: "PROPFIND", Path: "/dav/an_KVBbg/", Want: 403, Contains: "propfind-finite-depth"},
		{As: "anna", Method: "POST", Path: f, Body: "x", Want: 405},
		{As: "anna", Method: "FROBNICATE", Path: f},
	})
}

// TestSafeHeaders: what every GET of a file carries (DESIGN.md section 6).
func TestSafeHeaders(t *testing.T) {
	w := whole(t, world.Everybody())
	w.Put(t, "anna", "/dav/an_KVBbg/b%C3%B6se.html", "<script>alert(1)</script>")
	h := w.Get(t, "anna", "/dav/an_KVBbg/b%C3%B6se.html").Header
	for k, want := range map[string]string{
		"Content-Disposition": "attachment", "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox",
		"Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "private", "ETag": `"`, "Last-Modified": "GMT",
	} {
		if !strings.Contains(h.Get(k), want) {
			t.Errorf("%s: %q, want it to hold %q", k, h.Get(k), want)
		}
	}
	w.Do(t, world.Exchange{As: "anna", Method: "PUT", Path: "/dav/an_KVBbg/x", Header: map[string]string{"Sec-Fetch-Site": "cross-site"}, Body: "x", Want: 403})
}

// TestHangUpLeavesNothing: a client that breaks off mid-body, with and without a length.
func TestHangUpLeavesNothing(t *testing.T) {
	w := whole(t, world.Everybody())
	w.Put(t, "anna", "/dav/an_KVBbg/da.txt", "alt")
	before := blobs(t, w)
	for _, name := range []string{"neu.txt", "da.txt"} {
		for _, framing := range []string{"Content-Length: 1000000\r\n\r\n" + strings.Repeat("x", 500000),
			"Transfer-Encoding: chunked\r\n\r\n7a120\r\n" + strings.Repeat("x", 500000) + "\r\n"} {
			c := dial(t, w)
			fmt.Fprintf(c, "PUT /dav/an_KVBbg/%s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\n%s", name, basic("anna"), framing)
			time.Sleep(100 * time.Millisecond)
			c.Close()
		}
	}
	// another request, so that the server has surely seen the ends of those
	eventually(t, "no upload in flight leaves a file", func() bool { return len(blobs(t, w)) == len(before) })
	w.Play(t, []world.Exchange{
		{As: "anna", Method: "GET", Path: "/dav/an_KVBbg/neu.txt", Want: 404},
		{As: "anna", Method: "GET", Path: "/dav/an_KVBbg/da.txt", Want: 200, Contains: "alt"},
	})
}

// TestRefusedBeforeTheBody: Expect: 100-continue is not answered with 100 where
// rights, name, length or conditions already refuse.
func TestRefusedBeforeTheBody(t *testing.T) {
	w := whole(t, world.Everybody())
	for _, x := range []struct {
		path, header string
		want         int
	}{
		{"/dav/Verboten.txt", "Content-Length: 5\r\n", 403},
		{"/dav/an_KVBbg/a:b", "Content-Length: 5\r\n", 400},
		{"/dav/an_KVBbg/gross.bin", "Content-Length: 99000000000\r\n", 413},
		{"/dav/an_KVBbg/f.txt", "Content-Length: 5\r\nIf-Match: \"x\"\r\n", 412},
	} {
		c := dial(t, w)
		fmt.Fprintf(c, "PUT %s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nExpect: 100-continue\r\n%s\r\n", x.path, basic("anna"), x.header)
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatalf("%s: %v", x.path, err)
		}
		if resp.StatusCode != x.want {
			t.Errorf("%s: first answer %d, want %d", x.path, resp.StatusCode, x.want)
		}
		c.Close()
	}
}

// TestScannerDown: refused with Retry-After, reading goes on, and uploads are
// taken again by themselves (I1, item 7). How soon is TestRedGateAsksOften's in
// package scan.
func TestScannerDown(t *testing.T) {
	w := whole(t, world.Everybody())
	w.Put(t, "anna", "/dav/an_KVBbg/da.txt", "da")
	w.Scanner.Stop()
	a := w.Do(t, world.Exchange{As: "anna", Method: "PUT", Path: "/dav/an_KVBbg/neu.txt", Body: "x", Want: 503})
	if a.Header.Get("Retry-After") == "" || strings.Contains(string(a.Body), `Sabre\DAV\Exception\ServiceUnavailable`) {
		t.Errorf("answer: %v\n%s", a.Header, a.Body)
	}
	w.Play(t, []world.Exchange{
		{As: "anna", Method: "GET", Path: "/dav/an_KVBbg/da.txt", Want: 200},
		{As: "anna", Method: "GET", Path: "/dav/an_KVBbg/neu.txt", Want: 404},
	})
	eventually(t, "readiness is red", func() bool { return w.ReadyStatus() == 503 })
	if err := w.Scanner.Restart(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "uploads are taken again", func() bool {
		a, err := w.Send(world.Exchange{As: "anna", Method: "PUT", Path: "/dav/an_KVBbg/neu.txt", Body: "x"})
		return err == nil && a.Status/100 == 2
	})
	w.WaitReady(patience)
}

// TestUnscannable: a body over the limit is 413, one clamd cannot look into 415.
func TestUnscannable(t *testing.T) {
	o := world.Everybody()
	o.MaxSize, o.Clamd = "1MiB", scantest.Options{MaxSize: 1 << 20}
	w := whole(t, o)
	w.Do(t, world.Exchange{As: "anna", Method: "PUT", Path: "/dav/an_KVBbg/gross", Body: strings.Repeat("x", 1<<20+1), Want: 413})
	w.Do(t, world.Exchange{As: "anna", Method: "PUT", Path: "/dav/an_KVBbg/genau", Body: strings.Repeat("x", 1<<20), Want: 201})
	for name, b := range map[string][]byte{"verschluesselt.zip": encryptedZip(t), "bombe.zip": zeroZip(t, 2<<20)} {
		a := w.Do(t, world.Exchange{As: "anna", Method: "PUT", Path: "/dav/an_KVBbg/" + name, Body: string(b), Want: 415})
		if name[0] == 'v' && !strings.Contains(string(a.Body), "Kennwort") {
			t.Errorf("no word about the password: %s", a.Body)
		}
		w.Do(t, world.Exchange{As: "anna", Method: "GET", Path: "/dav/an_KVBbg/" + name, Want: 404})
	}
}

func basic(login string) string {
	r, _ := http.NewRequest("GET", "/", nil)
	r.SetBasicAuth(login, world.Password)
	return r.Header.Get("Authorization")
}

func dial(t *testing.T, w *world.World) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(w.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(time.Minute))
	return c
}

// eventually waits for what must come true by itself.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("it did not come true within %s: %s", patience, what)
}

// patience is the generous deadline of what has to come true on a busy machine.
const patience = 2 * time.Minute

// slowBody yields size zero bytes, piece by piece, with pauses; it never ends
// while hold is open.
type slowBody struct {
	size int64
	hold <-chan struct{}
	sent func() // when all of it was taken, unless nil
}

func (s *slowBody) Read(p []byte) (int, error) {
	if s.size <= 0 {
		if s.sent != nil {
			s.sent()
			s.sent = nil
		}
		if s.hold != nil {
			<-s.hold
		}
		return 0, io.EOF
	}
	n := min(int64(len(p)), s.size)
	clear(p[:n])
	s.size -= n
	return int(n), nil
}
