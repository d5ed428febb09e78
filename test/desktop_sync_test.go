// SPDX-License-Identifier: Apache-2.0

package test

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"postfach/test/world"
)

// TestDesktops: CLIENTS.md section 6, checks 1 to 7, 13 to 15, with the real
// programs (issue 4, item 1).
func TestDesktops(t *testing.T) {
	o := newOffice(t, world.Options{Settings: "clients: {product: Kassenpost, version: 28.1.2}"})
	o.each(t, "first contact", testFirstContact)
	o.each(t, "two ways", testTwoWays)
	o.each(t, "no change", testNoChange)
	o.each(t, "deep change", testDeepChange)
	o.each(t, "rename, move, delete", testRearrange)
	o.each(t, "chunks", testChunks)
	o.each(t, "resume", testResume)
	o.each(t, "conflict", testConflict)
	o.each(t, "wrong password", testWrongPassword)
	o.each(t, "app password", testAppPassword)
	o.each(t, "subfolder", testSubfolder)
	o.each(t, "self-signed", testSelfSigned)
	o.each(t, "names", testDesktopNames)
	for path, want := range map[string]string{"/status.php": `"productname":"Kassenpost"`, "/ocs/v2.php/cloud/capabilities?format=json": `"versionstring":"28.1.2"`} {
		o.Do(t, world.Exchange{Method: "GET", Path: path, Want: 200, Contains: want})
	}
}

// Check 1.
func testFirstContact(t *testing.T, d *desk, number string) {
	r := d.sync()
	want := []string{"GET /ocs/v1.php/cloud/capabilities → 200", "GET /ocs/v1.php/cloud/user → 200",
		"PROPFIND /remote.php/dav/files/" + d.login + "/ → 207"}
	if d.vendor == nextcloud {
		want = append([]string{"GET /status.php → 200"}, want...)
	}
	for i, line := range want {
		if i >= len(r.requests) || r.requests[i].String() != line {
			t.Fatalf("request %d is not %s:\n%s", i, line, r.requests)
		}
	}
	same(t, "the desk", d.tree(), map[string]string{"an_KVBbg/": "", "KVBBG-SB-Posteingang/": "", "Postausgang/": ""})
}

// Check 2: what one vendor's client uploads, the other's brings down.
func testTwoWays(t *testing.T, d *desk, number string) {
	other := newDesk(t, d.w, vendors[(len(vendors)-1)&^indexOf(d.vendor)], d.login)
	d.sync()
	d.write("an_KVBbg/ü space#%+&.txt", "Inhalt")
	d.write("an_KVBbg/leer", "")
	d.write("an_KVBbg/a/b/c.txt", strings.Repeat("tief ", 1000))
	old := time.Date(2020, 9, 13, 12, 26, 40, 0, time.UTC)
	if err := os.Chtimes(d.path("an_KVBbg/a/b/c.txt"), old, old); err != nil {
		t.Fatal(err)
	}
	d.sync()
	other.sync()
	same(t, "the other desk", other.tree(), d.tree())
	if s, err := os.Stat(other.path("an_KVBbg/a/b/c.txt")); err != nil || !s.ModTime().Equal(old) {
		t.Errorf("the time came back as %v %v", s.ModTime(), err)
	}
	other.write("an_KVBbg/a/zurück.txt", "Antwort")
	other.sync()
	d.sync()
	same(t, "the first desk", d.tree(), other.tree())
	same(t, "the server", served(t, d.w, d.login, "/dav/"), d.tree())
}

func indexOf(vendor string) int {
	if vendor == nextcloud {
		return 0
	}
	return 1
}

// Check 3: a run without changes asks for the root once and transfers nothing.
func testNoChange(t *testing.T, d *desk, number string) {
	d.write("an_KVBbg/a/b/c.txt", "x")
	d.write("an_KVBbg/d.txt", "y")
	d.sync()
	d.sync()
	for range 2 {
		r := d.sync()
		want := 3
		if d.vendor == nextcloud {
			want = 4
		}
		if len(r.requests) != want || len(r.by("PROPFIND")) != 1 {
			t.Errorf("%d requests:\n%s", len(r.requests), r.requests)
		}
	}
}

// Check 4: a change far down brings exactly that file, and asks only for the
// folders on its way.
func testDeepChange(t *testing.T, d *desk, number string) {
	d.write("an_KVBbg/x/y/z.txt", "alt")
	d.write("an_KVBbg/x/daneben/still.txt", "still")
	d.write("an_KVBbg/other/still.txt", "still")
	d.sync()
	d.sync()
	d.w.Put(t, d.login, "/dav/an_KVBbg/x/y/z.txt", "neu, auf dem Server")
	r := d.sync()
	if g := r.by("GET").to(".txt"); len(g) != 1 || !strings.HasSuffix(g[0].path, "/an_KVBbg/x/y/z.txt") {
		t.Errorf("downloads:\n%s", g)
	}
	if p := r.by("PROPFIND"); len(p) != 4 {
		t.Errorf("asked for more than the way down:\n%s", p)
	}
	if got := d.read("an_KVBbg/x/y/z.txt"); got != "neu, auf dem Server" {
		t.Errorf("%q", got)
	}
}

// Check 5: nothing is transferred for a new name or place.
func testRearrange(t *testing.T, d *desk, number string) {
	for _, f := range []string{"eins.txt", "zwei.txt", "ordner/drei.txt", "weg.txt"} {
		d.write("an_KVBbg/"+f, "Inhalt von "+f)
	}
	d.sync()
	must(t, os.Rename(d.path("an_KVBbg/eins.txt"), d.path("an_KVBbg/EINS-neu.txt")))
	must(t, os.Rename(d.path("an_KVBbg/zwei.txt"), d.path("an_KVBbg/ordner/zwei.txt")))
	must(t, os.Rename(d.path("an_KVBbg/ordner"), d.path("an_KVBbg/umbenannt")))
	must(t, os.Remove(d.path("an_KVBbg/weg.txt")))
	r := d.sync()
	for _, a := range append(r.by("MOVE"), r.by("DELETE")...) {
		if a.method == "MOVE" && a.status != 201 || a.method == "DELETE" && a.status != 204 {
			t.Errorf("%s", a)
		}
	}
	if len(r.by("PUT")) > 0 || len(r.by("MOVE")) == 0 || len(r.by("DELETE")) == 0 {
		t.Errorf("requests:\n%s", r.requests)
	}
	r = d.sync()
	if len(r.by("PUT")) > 0 || len(r.by("GET").to(".txt")) > 0 {
		t.Errorf("transferred again:\n%s", r.requests)
	}
	same(t, "the server", served(t, d.w, d.login, "/dav/"), d.tree())
	// The other way: what is renamed on the server is renamed on the desk.
	d.w.Move(t, d.login, "/dav/an_KVBbg/umbenannt", "/dav/an_KVBbg/dort", 201)
	r = d.sync()
	if len(r.by("GET").to(".txt")) > 0 || len(r.by("PUT")) > 0 {
		t.Errorf("transferred for a rename on the server:\n%s", r.requests)
	}
	same(t, "the desk", d.tree(), served(t, d.w, d.login, "/dav/"))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// random is n characters that no other call gives. They are hexadecimal digits:
// in megabytes of random bytes clamd now and then sees an archive beyond its
// limits, and the upload is refused.
func random(t *testing.T, n int) string {
	t.Helper()
	b := make([]byte, (n+1)/2)
	_, err := rand.Read(b)
	must(t, err)
	return hex.EncodeToString(b)[:n]
}

// uploads is what the server still holds in chunks.
func uploads(t *testing.T, d *desk) []string {
	t.Helper()
	return d.w.Names(t, d.login, "/remote.php/dav/uploads/"+d.login+"/")
}

// Check 6: large files come in chunks, new and over an old version.
func testChunks(t *testing.T, d *desk, number string) {
	d.write("an_KVBbg/big.bin", random(t, 25_000_000))
	r := d.sync()
	if len(r.by("PUT")) < 2 {
		t.Errorf("not in chunks:\n%s", r.requests)
	}
	moves := r.by("MOVE").to("/.file")
	if len(moves) != 1 || moves[0].status != 201 || moves[0].header.Get("OC-Checksum") == "" {
		t.Fatalf("%v\n%s", moves, r.requests)
	}
	if names := uploads(t, d); len(names) > 0 {
		t.Errorf("chunks are left: %v", names)
	}
	same(t, "the server", served(t, d.w, d.login, "/dav/"), d.tree())
	first := d.w.Propfind(t, d.login, "/dav/an_KVBbg/big.bin", "0")[0].Prop("getetag")

	d.write("an_KVBbg/big.bin", d.read("an_KVBbg/big.bin")+"noch mehr")
	r = d.sync()
	moves = r.by("MOVE").to("/.file")
	if len(moves) != 1 || moves[0].status != 204 || !strings.Contains(moves[0].header.Get("If"), first) {
		t.Errorf("%v If: %s, not %s", moves, moves[0].header.Get("If"), first)
	}
	same(t, "the server", served(t, d.w, d.login, "/dav/"), d.tree())
	if r = d.sync(); len(r.by("GET").to(".bin")) > 0 || len(r.by("PUT")) > 0 {
		t.Errorf("transferred again:\n%s", r.requests)
	}
}

// An upload that broke off goes on where it was.
func testResume(t *testing.T, d *desk, number string) {
	d.sync()
	d.write("an_KVBbg/big.bin", random(t, 30_000_000))
	passed := 0
	d.rec.cut(func(r *http.Request) bool {
		if r.Method != http.MethodPut {
			return false
		}
		passed++
		return passed > 1
	})
	if r := d.try(); r.code == 0 || len(r.by("PUT")) != 1 {
		t.Fatalf("nothing broke off: code %d\n%s", r.code, r.requests)
	}
	names := uploads(t, d)
	if len(names) != 1 {
		t.Fatalf("uploads under way: %v", names)
	}
	d.rec.cut(nil)
	// A client that counts it as the file's own failure waits for 25 s, and a run
	// in between forgets the upload.
	time.Sleep(backOff)
	r := d.try()
	if p := r.by("PROPFIND").to("/" + names[0]); len(p) != 1 || p[0].status != 207 {
		t.Errorf("did not ask what is there already:\n%s", r.requests)
	}
	if sent := r.by("PUT").to("/" + names[0] + "/0000000000000000"); len(sent) > 0 || r.code != 0 {
		t.Errorf("sent the first chunk again, code %d:\n%s", r.code, r.requests)
	}
	same(t, "the server", served(t, d.w, d.login, "/dav/"), d.tree())
}

// backOff is how long the clients leave a file alone after its first failure,
// and a moment (CLIENTS.md 1.8).
const backOff = 26 * time.Second

// Check 7: nobody's work is overwritten.
func testConflict(t *testing.T, d *desk, number string) {
	d.write("an_KVBbg/liste.txt", "erste Fassung")
	d.sync()
	d.w.Put(t, d.login, "/dav/an_KVBbg/liste.txt", "auf dem Server geändert")
	time.Sleep(1100 * time.Millisecond) // clients compare times of whole seconds
	d.write("an_KVBbg/liste.txt", "auf dem Schreibtisch geändert")
	d.sync()
	if got := d.read("an_KVBbg/liste.txt"); got != "auf dem Server geändert" {
		t.Errorf("%q", got)
	}
	copies, err := filepath.Glob(d.path("an_KVBbg/*conflicted copy*"))
	if err != nil || len(copies) != 1 || readFile(t, copies[0]) != "auf dem Schreibtisch geändert" {
		t.Errorf("conflicted copies: %v %v", copies, err)
	}
	d.w.Do(t, world.Exchange{As: d.login, Method: "PUT", Path: "/remote.php/webdav/an_KVBbg/liste.txt", Body: "x",
		Header: map[string]string{"If-Match": `"bad"`}, Want: 412})
}

// Check 13: a wrong password ends the run and pauses nobody, though owncloudcmd
// asks six times with it before it breaks down.
func testWrongPassword(t *testing.T, d *desk, number string) {
	right := d.login
	d.sync()
	d.login = right + ":falsches Kennwort"
	r := d.try()
	refused := slices.DeleteFunc(slices.Clone(r.requests), func(a asked) bool { return a.status != http.StatusUnauthorized })
	want := 1
	if d.vendor == owncloud {
		want = 6
	}
	if r.code == 0 || len(r.by("PROPFIND")) > 0 || len(refused) != want {
		t.Errorf("code %d, %d times 401:\n%s", r.code, len(refused), r.requests)
	}
	d.login = right
	d.sync()
}

// Check 25, its last part: an app password is all that a client needs, until it
// is revoked; the desk keeps everything.
func testAppPassword(t *testing.T, d *desk, number string) {
	login := d.login
	var made struct {
		ID       int64  `json:"id"`
		Password string `json:"password"`
	}
	out := d.w.CLI("", "account", "app-password", login, "--name", "Schreibtisch", "--json")
	if err := json.Unmarshal([]byte(out), &made); err != nil || made.Password == "" {
		t.Fatalf("%v %s", err, out)
	}
	d.login = login + ":" + made.Password
	d.write("an_KVBbg/x.txt", "x")
	d.sync()
	if got := string(d.w.Get(t, login, "/dav/an_KVBbg/x.txt").Body); got != "x" {
		t.Errorf("%q", got)
	}
	d.w.CLI("", "account", "app-password", login, "--revoke", fmt.Sprint(made.ID))
	time.Sleep(5 * time.Second) // until every node has noticed
	before := d.tree()
	if r := d.try(); r.code == 0 || len(r.by("PROPFIND")) > 0 {
		t.Errorf("code %d:\n%s", r.code, r.requests)
	}
	same(t, "the desk", d.tree(), before)
}

// Check 14: one folder only.
func testSubfolder(t *testing.T, d *desk, number string) {
	d.w.Put(t, d.login, "/dav/an_KVBbg/x.txt", "Inhalt")
	if d.vendor == nextcloud {
		d.extra = []string{"--path", "/an_KVBbg"}
	} else {
		d.server += "/remote.php/webdav/an_KVBbg"
	}
	d.sync()
	if d.read("x.txt") != "Inhalt" || d.has("an_KVBbg") {
		t.Errorf("%v", d.tree())
	}
	d.write("y.txt", "zurück")
	d.sync()
	if got := d.w.Get(t, d.login, "/dav/an_KVBbg/y.txt"); string(got.Body) != "zurück" {
		t.Errorf("%q", got.Body)
	}
}

// Check 15: TLS with a certificate that nobody has signed.
func testSelfSigned(t *testing.T, d *desk, number string) {
	tls := newRecorder(t, d.w, httptest.NewTLSServer)
	d.rec, d.server = tls, tls.URL
	if d.vendor == nextcloud {
		if r := d.try(); r.code == 0 || len(r.requests) > 0 {
			t.Errorf("trusts anybody: code %d\n%s", r.code, r.requests)
		}
		d.extra = []string{"--trust"}
	}
	d.sync()
	if !d.has("an_KVBbg") {
		t.Errorf("%v", d.tree())
	}
}

// Names that the mailbox takes arrive as they are; of others the person is told
// which sign is the matter (CLIENTS.md 1.8).
func testDesktopNames(t *testing.T, d *desk, number string) {
	for _, n := range []string{"Übersicht März.csv", "#1 100%.txt", "a+b&c='d'.txt", "😀.txt", "e\u0301.txt"} {
		d.write("an_KVBbg/"+n, n)
	}
	d.sync()
	for _, n := range []string{"Übersicht März.csv", "#1 100%.txt", "a+b&c='d'.txt", "😀.txt", "é.txt"} {
		if _, ok := served(t, d.w, d.login, "/dav/an_KVBbg/")[n]; !ok {
			t.Errorf("%q did not arrive", n)
		}
	}
	d.write("an_KVBbg/was?.txt", "x")
	d.write("an_KVBbg/gut.txt", "y")
	r := d.try()
	if r.code == 0 || !strings.Contains(r.out, `\ / : * ?`) {
		t.Errorf("code %d, no word about the sign:\n%s", r.code, tail(r.out))
	}
	if string(d.w.Get(t, d.login, "/dav/an_KVBbg/gut.txt").Body) != "y" || !d.has("an_KVBbg/was?.txt") {
		t.Error("the other file did not arrive, or the refused one is gone")
	}
}
