// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bytes"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/unicode/norm"

	"postfach/test/world"
)

const win32Body = `<?xml version="1.0" encoding="utf-8" ?><D:propertyupdate xmlns:D="DAV:" xmlns:Z="urn:schemas-microsoft-com:"><D:set><D:prop><Z:Win32CreationTime>Mon, 02 Mar 2026 10:00:00 GMT</Z:Win32CreationTime><Z:Win32LastAccessTime>Mon, 02 Mar 2026 10:00:00 GMT</Z:Win32LastAccessTime><Z:Win32LastModifiedTime>Mon, 02 Mar 2026 10:00:00 GMT</Z:Win32LastModifiedTime><Z:Win32FileAttributes>00000020</Z:Win32FileAttributes></D:prop></D:set></D:propertyupdate>`

var lockToken = regexp.MustCompile(`<([^>]+)>`)

// lock takes an exclusive lock and returns its token.
func lock(t *testing.T, w *world.World, as, path string, header map[string]string) string {
	t.Helper()
	a := w.Do(t, world.Exchange{As: as, Method: "LOCK", Path: path, Header: header, Body: lockBody})
	m := lockToken.FindStringSubmatch(a.Header.Get("Lock-Token"))
	if a.Status/100 != 2 || m == nil {
		t.Fatalf("LOCK %s: %d, Lock-Token %q\n%s", path, a.Status, a.Header.Get("Lock-Token"), a.Body)
	}
	return m[1]
}

func holding(token string, more ...string) map[string]string {
	h := map[string]string{"If": "(<" + token + ">)"}
	for i := 0; i+1 < len(more); i += 2 {
		h[more[i]] = more[i+1]
	}
	return h
}

// TestExplorer replays the Windows redirector (CLIENTS.md 2.1, K1): mapping a
// drive, then copying a file onto it.
func TestExplorer(t *testing.T) {
	w := whole(t, world.Everybody())
	win := func(extra ...string) map[string]string {
		h := map[string]string{"User-Agent": "Microsoft-WebDAV-MiniRedir/10.0.19045", "Translate": "f", "Pragma": "no-cache"}
		for i := 0; i+1 < len(extra); i += 2 {
			h[extra[i]] = extra[i+1]
		}
		return h
	}
	w.Do(t, world.Exchange{Method: "OPTIONS", Path: "/", Header: win(), Want: 401})
	a := w.Do(t, world.Exchange{As: `KASSE\anna`, Method: "OPTIONS", Path: "/", Header: win(), Want: 200})
	if !strings.HasPrefix(a.Header.Get("DAV"), "1, 2") && !strings.HasPrefix(a.Header.Get("DAV"), "1,2") ||
		a.Header.Get("MS-Author-Via") != "DAV" || !strings.Contains(a.Header.Get("Allow"), "PROPFIND") {
		t.Errorf("OPTIONS /: %v", a.Header)
	}
	for _, path := range []string{"/", "/dav", "/dav/", "/dav/an_KVBbg"} {
		a := w.Do(t, world.Exchange{As: "anna", Method: "PROPFIND", Path: path, Header: win("Depth", "0"), Want: 207})
		if r := world.ParseMultistatus(t, a.Body); len(r) != 1 || !r[0].Folder() {
			t.Errorf("PROPFIND %s: %+v", path, r)
		}
		if !bytes.Contains(a.Body, []byte("D:response")) {
			t.Errorf("PROPFIND %s does not use the prefix D:", path)
		}
	}
	if r := w.Propfind(t, "anna", "/dav/an_KVBbg", "0"); r[0].Prop("quota-available-bytes") == "" || r[0].Prop("quota-used-bytes") == "" {
		t.Errorf("no quota in allprop of a folder: %v", r[0].Props)
	}
	for _, probe := range []string{"desktop.ini", "autorun.inf", "folder.jpg", "Thumbs.db"} {
		w.Do(t, world.Exchange{As: "anna", Method: "PROPFIND", Path: "/dav/" + probe, Header: win("Depth", "0"), Want: 404})
	}
	explorerCopies(t, w, win)
}

func explorerCopies(t *testing.T, w *world.World, win func(...string) map[string]string) {
	t.Helper()
	f := "/dav/an_KVBbg/Meldung.xlsx"
	w.Do(t, world.Exchange{As: "anna", Method: "PROPFIND", Path: f, Header: win("Depth", "0"), Want: 404})
	w.Do(t, world.Exchange{As: "anna", Method: "PUT", Path: f, Header: win(), Want: 201})
	token := lock(t, w, "anna", f, win("Timeout", "Second-3600"))
	a := w.Do(t, world.Exchange{As: "anna", Method: "PROPPATCH", Path: f, Header: win("If", "(<"+token+">)"), Body: win32Body, Want: 207})
	if bytes.Contains(a.Body, []byte("HTTP/1.1 4")) {
		t.Errorf("PROPPATCH refuses inside: %s", a.Body)
	}
	w.Do(t, world.Exchange{As: "anna", Method: "HEAD", Path: f, Header: win(), Want: 200})
	w.Play(t, []world.Exchange{
		{As: "anna", Method: "PUT", Path: f, Header: win(), Body: "ohne Sperre", Want: 423},
		{As: "anna", Method: "PUT", Path: f, Header: win("If", "(<"+token+">)"), Body: "der Inhalt", Want: 204},
		{As: "anna", Method: "PROPPATCH", Path: f, Header: win("If", "(<"+token+">)"), Body: win32Body, Want: 207},
		{As: "anna", Method: "UNLOCK", Path: f, Header: win("Lock-Token", "<"+token+">"), Want: 204},
	})
	r := w.Propfind(t, "anna", f, "0")
	if got := r[0].Prop("getlastmodified"); got != "Mon, 02 Mar 2026 10:00:00 GMT" {
		t.Errorf("getlastmodified %q, want Win32LastModifiedTime", got)
	}
	if got := r[0].Prop("getcontentlength"); got != "10" {
		t.Errorf("length %s", got)
	}
	w.WaitMails(t, "bert@example.org", 1)
	time.Sleep(2 * time.Second) // a false second notice would come after the quiet period
	if n := len(w.Mails("bert@example.org")); n != 1 {
		t.Errorf("%d mails for one file whose placeholder was empty, want 1", n)
	}
}

// TestOfficeSave replays saving by a temporary file (CLIENTS.md 2.1 and
// section 6, item 22): Word's chain of renames and a MOVE onto the original.
func TestOfficeSave(t *testing.T) {
	w := whole(t, world.Everybody())
	const f, tmp, bak = "/dav/an_KVBbg/Brief.docx", "/dav/an_KVBbg/~WRD0001.tmp", "/dav/an_KVBbg/~WRL0002.tmp"
	w.Put(t, "anna", f, "erste Fassung")
	token := lock(t, w, "anna", f, map[string]string{"Timeout": "Second-3600"})
	w.Put(t, "anna", "/dav/an_KVBbg/~$Brief.docx", "anna")
	w.Put(t, "anna", tmp, "zweite Fassung")
	tmpToken := lock(t, w, "anna", tmp, map[string]string{"Timeout": "Second-3600"})
	w.Play(t, []world.Exchange{
		// the locked original moves aside, only its own token is sent (go#43556)
		{As: "anna", Method: "MOVE", Path: f, Header: holding(token, "Destination", bak, "Overwrite", "T"), Want: 201},
		{As: "anna", Method: "MOVE", Path: tmp, Header: holding(tmpToken, "Destination", f, "Overwrite", "T"), Want: 201},
		{As: "anna", Method: "DELETE", Path: bak, Want: 204},
		{As: "anna", Method: "GET", Path: f, Want: 200, Contains: "zweite Fassung"},
	})
	// a temporary file moved straight onto the unlocked original
	w.Put(t, "anna", tmp, "dritte Fassung")
	tmpToken = lock(t, w, "anna", tmp, nil)
	w.Play(t, []world.Exchange{
		{As: "anna", Method: "MOVE", Path: tmp, Header: holding(tmpToken, "Destination", f, "Overwrite", "T"), Want: 204},
		{As: "anna", Method: "GET", Path: f, Want: 200, Contains: "dritte Fassung"},
	})
	// a deleted file leaves no lock behind
	token = lock(t, w, "anna", f, nil)
	w.Play(t, []world.Exchange{
		{As: "anna", Method: "DELETE", Path: f, Header: holding(token), Want: 204},
		{As: "anna", Method: "PUT", Path: f, Body: "neu", Want: 201},
	})
	for _, name := range w.Names(t, "bert", "/dav/0815/an_KVBbg/") {
		if name != "Brief.docx" {
			t.Errorf("the caseworker sees %q", name)
		}
	}
}

// TestFinder replays macOS (CLIENTS.md 2.2 and section 6, item 23).
func TestFinder(t *testing.T) {
	w := whole(t, world.Everybody())
	chunked := func(path, body, expected, token string) int {
		t.Helper()
		r, err := w.Request("anna", "PUT", path, io.MultiReader(strings.NewReader(body))) // no length: chunked
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Expected-Entity-Length", expected)
		if token != "" {
			r.Header.Set("If", "(<"+token+">)")
		}
		resp, err := w.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	if got := chunked("/dav/an_KVBbg/ganz.txt", "hello world", "11", ""); got != http.StatusCreated {
		t.Errorf("whole body: %d", got)
	}
	if got := chunked("/dav/an_KVBbg/halb.txt", "hello", "11", ""); got != http.StatusBadRequest {
		t.Errorf("half a body: %d", got)
	}
	w.Do(t, world.Exchange{As: "anna", Method: "GET", Path: "/dav/an_KVBbg/halb.txt", Want: 404})

	name := strings.ReplaceAll(norm.NFD.String("Lohn für März.pdf"), " ", "%20")
	f := "/dav/an_KVBbg/" + name
	w.Do(t, world.Exchange{As: "anna", Method: "PUT", Path: f, Want: 201})
	token := lock(t, w, "anna", f, map[string]string{"Timeout": "Second-600"})
	w.Do(t, world.Exchange{As: "anna", Method: "LOCK", Path: f, Header: holding(token, "Timeout", "Second-600"), Want: 200})
	if got := chunked(f, "der Inhalt", "10", token); got != http.StatusNoContent {
		t.Errorf("PUT under lock: %d", got)
	}
	w.Do(t, world.Exchange{As: "anna", Method: "UNLOCK", Path: f, Header: map[string]string{"Lock-Token": "<" + token + ">"}, Want: 204})
	for _, own := range []string{"._Lohn.pdf", ".DS_Store"} {
		w.Put(t, "anna", "/dav/an_KVBbg/"+own, "Finder")
		w.Do(t, world.Exchange{As: "bert", Method: "GET", Path: "/dav/0815/an_KVBbg/" + own, Want: 404})
	}
	if got := w.Names(t, "bert", "/dav/0815/an_KVBbg/"); len(got) != 2 {
		t.Errorf("the caseworker sees %q", got)
	}
}

// TestDavfs2 replays what the Linux file system sends: the placeholder made by
// LOCK has the ETag that the PUT names.
func TestDavfs2(t *testing.T) {
	w := whole(t, world.Everybody())
	f := "/dav/an_KVBbg/q"
	a := w.Do(t, world.Exchange{As: "anna", Method: "LOCK", Path: f, Header: map[string]string{"Timeout": "Second-1800"}, Body: lockBody, Want: 201})
	token := lockToken.FindStringSubmatch(a.Header.Get("Lock-Token"))[1]
	etag := w.Do(t, world.Exchange{As: "anna", Method: "HEAD", Path: f, Want: 200}).Header.Get("ETag")
	tagged := map[string]string{"If": "<" + w.URL + f + "> (<" + token + ">)", "If-Match": etag}
	w.Play(t, []world.Exchange{
		{As: "anna", Method: "PUT", Path: f, Header: map[string]string{"If": tagged["If"], "If-Match": `"falsch"`}, Body: "hi", Want: 412},
		{As: "anna", Method: "PUT", Path: f, Header: tagged, Body: "hi\n", Want: 204},
		{As: "anna", Method: "UNLOCK", Path: f, Header: map[string]string{"Lock-Token": "<" + token + ">"}, Want: 204},
	})
	got := w.Get(t, "anna", f)
	if string(got.Body) != "hi\n" {
		t.Errorf("content %q", got.Body)
	}
	w.Do(t, world.Exchange{As: "anna", Method: "GET", Path: f, Header: map[string]string{"If-None-Match": got.Header.Get("ETag")}, Want: 304})
}
