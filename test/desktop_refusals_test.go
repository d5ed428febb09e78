// SPDX-License-Identifier: Apache-2.0

package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postfach/scan/scantest"
	"postfach/test/world"
)

// TestDesktopRefusals: CLIENTS.md section 6, checks 8 to 12, and issue 4, items
// 8 and 9: what is refused is said in the client's own output, and nothing that
// the server does not hold is taken from a desk.
func TestDesktopRefusals(t *testing.T) {
	o := newOffice(t, world.Options{MaxSize: "40MiB", Settings: "quota: {current: 60MiB}"})
	o.each(t, "read-only folder", testReadOnlyFolder)
	o.each(t, "infected", testInfected)
	o.each(t, "infected in chunks", testInfectedChunks)
	o.each(t, "too large", testTooLargeForDesk)
	o.each(t, "over quota", testOverQuota)
	o.each(t, "locked", testLockedForDesk)
	o.each(t, "taken over", testTakenOver)
	o.each(t, "released and recalled", testReleasedToDesk)
	o.each(t, "grant revoked", testRevokedGrant)
	t.Run("upload only", func(t *testing.T) { testUploadOnly(t, o) })
	t.Run("members by number", func(t *testing.T) { testByNumber(t, o) })
	t.Run("caseworker takes over", func(t *testing.T) { testDeskTakesOver(t, o) })
}

// says fails unless the client has told the person, whole or in part.
func (r deskRun) says(t *testing.T, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(r.out, w) {
			t.Errorf("the client does not say %q:\n%s%s", w, r.requests, tail(r.out))
		}
	}
}

// Check 8: what is changed where one may only read comes back, and the change
// is kept beside it.
func testReadOnlyFolder(t *testing.T, d *desk, number string) {
	const from = "KVBBG-SB-Posteingang/"
	for _, f := range []string{"weg.txt", "anders.txt"} {
		d.w.Put(t, d.login, "/dav/an_KVBbg/"+f, "Inhalt "+f)
		d.w.Move(t, "bert", "/dav/"+number+"/an_KVBbg/"+f, "/dav/"+number+"/KVBBG-SB-Posteingang/"+f, 201)
	}
	d.sync()
	must(t, os.Remove(d.path(from+"weg.txt")))
	time.Sleep(1100 * time.Millisecond) // clients compare whole seconds
	must(t, os.Chmod(d.path(from+"anders.txt"), 0o600))
	d.write(from+"anders.txt", "vom Schreibtisch")
	must(t, os.Chmod(d.path("KVBBG-SB-Posteingang"), 0o700))
	d.write(from+"neu.txt", "darf nicht dahin")
	d.write("auch nicht.txt", "darf nicht dahin")
	r := d.try()
	r.says(t, "permission to add files")
	if r.code == 0 || len(r.by("PUT")) > 0 || len(r.by("DELETE")) > 0 {
		t.Errorf("code %d:\n%s", r.code, r.requests)
	}
	d.try()
	for f, want := range map[string]string{"weg.txt": "Inhalt weg.txt", "anders.txt": "Inhalt anders.txt", "neu.txt": "darf nicht dahin"} {
		if !d.has(from+f) || d.read(from+f) != want {
			t.Errorf("%s: on the desk %v", f, d.has(from+f))
		}
	}
	copies, _ := filepath.Glob(d.path(from + "*conflicted copy*"))
	if len(copies) != 1 || readFile(t, copies[0]) != "vom Schreibtisch" {
		t.Errorf("the change was not kept: %v", copies)
	}
	if !d.has("auch nicht.txt") {
		t.Error("a local file was taken away")
	}
}

// Check 10: the person reads the scanner's word once, the others' files go on,
// and the file is not sent again.
func testInfected(t *testing.T, d *desk, number string) {
	d.sync()
	d.write("an_KVBbg/Viren.txt", string(scantest.EICAR()))
	d.write("an_KVBbg/sauber.txt", "sauber")
	r := d.try()
	r.says(t, "maximum blacklist")
	if !strings.Contains(r.out, "Virenscanner") && !strings.Contains(r.out, "virus scanner") {
		t.Errorf("no word of the scanner:\n%s", tail(r.out))
	}
	if p := r.by("PUT").to("/Viren.txt"); r.code == 0 || len(p) != 1 || p[0].status != 415 {
		t.Errorf("code %d:\n%s", r.code, r.requests)
	}
	if r = d.try(); len(r.by("PUT")) > 0 {
		t.Errorf("sent again:\n%s", r.requests)
	}
	if got := served(t, d.w, d.login, "/dav/an_KVBbg/"); len(got) != 1 || got["sauber.txt"] == "" {
		t.Errorf("on the server: %v", got)
	}
	if !d.has("an_KVBbg/Viren.txt") {
		t.Error("the client took the file away")
	}
}

func testInfectedChunks(t *testing.T, d *desk, number string) {
	d.sync()
	// The signature stands over the first border of the client's chunks.
	e := string(scantest.EICAR())
	pad := random(t, 10_000_000-len(e)/2)
	d.write("an_KVBbg/groß.bin", pad+e+random(t, 15_000_000))
	r := d.try()
	m := r.by("MOVE").to("/.file")
	if r.code == 0 || len(m) != 1 || m[0].status != 415 {
		t.Fatalf("code %d:\n%s", r.code, r.requests)
	}
	if r = d.try(); len(r.by("PUT")) > 0 || len(r.by("MOVE")) > 0 {
		t.Errorf("sent again:\n%s", r.requests)
	}
	if names := uploads(t, d); len(names) > 0 {
		t.Errorf("chunks are left: %v", names)
	}
	if got := served(t, d.w, d.login, "/dav/an_KVBbg/"); len(got) > 0 {
		t.Errorf("on the server: %v", got)
	}
}

func testTooLargeForDesk(t *testing.T, d *desk, number string) {
	d.sync()
	d.write("an_KVBbg/riesig.bin", random(t, 45<<20))
	d.write("an_KVBbg/klein.bin", "klein")
	r := d.try()
	r.says(t, "40 MiB")
	if m := r.by("MKCOL"); r.code == 0 || len(m) != 1 || m[0].status != 413 || len(r.by("PUT")) != 1 {
		t.Errorf("code %d:\n%s", r.code, r.requests)
	}
	if r = d.try(); len(r.by("MKCOL")) > 0 {
		t.Errorf("tried again at once:\n%s", r.requests)
	}
}

// Check 12.
func testOverQuota(t *testing.T, d *desk, number string) {
	d.write("an_KVBbg/eins.bin", random(t, 35<<20))
	d.sync()
	about, _ := newRemoteAt(t, d.rec, "rclone", "nextcloud", d.login).run("about", "REMOTE")
	if said := strings.Join(strings.Fields(about), " "); !strings.Contains(said, "Total: 60 MiB Used: 35 MiB Free: 25 MiB") {
		t.Errorf("rclone about: %s", about)
	}
	d.write("an_KVBbg/zwei.bin", random(t, 35<<20))
	r := d.try()
	r.says(t, "exceeds the quota")
	if r.code == 0 || d.w.Do(t, world.Exchange{As: d.login, Method: "HEAD", Path: "/dav/an_KVBbg/zwei.bin"}).Status != 404 {
		t.Errorf("code %d:\n%s", r.code, r.requests)
	}
	if !d.has("an_KVBbg/zwei.bin") {
		t.Error("the client took the file away")
	}
}

func testLockedForDesk(t *testing.T, d *desk, number string) {
	d.write("an_KVBbg/Liste.xlsx", "alt")
	d.sync()
	lock := `<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>`
	a := d.w.Do(t, world.Exchange{As: d.login, Method: "LOCK", Path: "/dav/an_KVBbg/Liste.xlsx", Body: lock, Want: 200})
	time.Sleep(1100 * time.Millisecond)
	d.write("an_KVBbg/Liste.xlsx", "neu und länger")
	r := d.try()
	r.says(t, d.login+" Beispiel")
	if p := r.by("PUT"); len(p) == 0 || p[0].status != 423 {
		t.Errorf("%s", r.requests)
	}
	d.w.Do(t, world.Exchange{As: d.login, Method: "UNLOCK", Path: "/dav/an_KVBbg/Liste.xlsx", Want: 204,
		Header: map[string]string{"Lock-Token": a.Header.Get("Lock-Token")}})
	if d.vendor == owncloud {
		time.Sleep(backOff)
	}
	d.sync()
	if got := string(d.w.Get(t, d.login, "/dav/an_KVBbg/Liste.xlsx").Body); got != "neu und länger" {
		t.Errorf("%q", got)
	}
}

// Issue 4, item 9: what a caseworker takes over moves on the clerk's desk and is
// not fetched anew, whole folders too, and so when it comes back.
func testTakenOver(t *testing.T, d *desk, number string) {
	d.write("an_KVBbg/Meldung.csv", "1;2;3")
	d.write("an_KVBbg/März/a.csv", "a")
	d.write("an_KVBbg/März/tief/b.csv", "b")
	d.sync()
	box := "/dav/" + number
	inode := func(name string) uint64 { return inodeOf(t, d.path(name)) }
	before, deep := inode("an_KVBbg/Meldung.csv"), inode("an_KVBbg/März/tief/b.csv")
	d.w.Move(t, "bert", box+"/an_KVBbg/Meldung.csv", box+"/KVBBG-SB-Posteingang/Meldung.csv", 201)
	d.w.Move(t, "bert", box+"/an_KVBbg/M%C3%A4rz", box+"/KVBBG-SB-Posteingang/M%C3%A4rz", 201)
	r := d.sync()
	if len(r.by("GET").to(".csv")) > 0 || len(r.by("PUT")) > 0 || len(r.by("DELETE")) > 0 {
		t.Errorf("not just moved:\n%s", r.requests)
	}
	if inode("KVBBG-SB-Posteingang/Meldung.csv") != before || inode("KVBBG-SB-Posteingang/März/tief/b.csv") != deep {
		t.Error("the files were deleted and made anew")
	}
	same(t, "the desk", d.tree(), served(t, d.w, d.login, "/dav/"))
	// Changed on the desk meanwhile: nothing of it is lost.
	d.w.Move(t, "bert", box+"/KVBBG-SB-Posteingang/Meldung.csv", box+"/an_KVBbg/Meldung.csv", 201)
	d.sync()
	time.Sleep(1100 * time.Millisecond)
	d.write("an_KVBbg/Meldung.csv", "1;2;3;4")
	d.w.Move(t, "bert", box+"/an_KVBbg/Meldung.csv", box+"/KVBBG-SB-Posteingang/Meldung.csv", 201)
	d.try()
	d.try()
	found := false
	for name := range d.tree() {
		if !strings.HasSuffix(name, "/") && d.read(name) == "1;2;3;4" {
			found = true
		}
	}
	if !found {
		t.Errorf("the clerk's change is lost: %v", d.tree())
	}
}

// Release and recall are seen on the desk; a recalled document that the clerk
// has changed stays there.
func testReleasedToDesk(t *testing.T, d *desk, number string) {
	d.sync()
	box := "/dav/" + number
	d.w.Put(t, "bert", box+"/Postausgang/Bescheid.txt", "Entwurf")
	if r := d.sync(); d.has("Postausgang/Bescheid.txt") || len(r.by("PROPFIND")) != 1 {
		t.Errorf("a draft is felt on the desk:\n%s", r.requests)
	}
	d.w.Move(t, "bert", box+"/Postausgang/Bescheid.txt", box+"/Bescheid.txt", 201)
	d.sync()
	if d.read("Bescheid.txt") != "Entwurf" {
		t.Errorf("%v", d.tree())
	}
	d.w.Move(t, "bert", box+"/Bescheid.txt", box+"/Postausgang/Bescheid.txt", 201)
	d.sync()
	if d.has("Bescheid.txt") {
		t.Error("a recalled document stays")
	}
}

// Whoever loses the last grant is refused; the desk keeps everything.
func testRevokedGrant(t *testing.T, d *desk, number string) {
	d.write("an_KVBbg/a/b.txt", "x")
	d.sync()
	before := d.tree()
	d.write("an_KVBbg/neu.txt", "y")
	before["an_KVBbg/neu.txt"] = d.tree()["an_KVBbg/neu.txt"]
	d.w.CLI("", "account", "revoke", d.login, "--role", "clerk", "--member", number)
	time.Sleep(5 * time.Second) // until a node notices (L8)
	for range 2 {
		r := d.try()
		if p := r.by("PROPFIND"); len(p) == 0 || p[0].status != 403 {
			t.Errorf("code %d:\n%s", r.code, r.requests)
		}
	}
	same(t, "the desk", d.tree(), before)
	d.w.CLI("", "account", "grant", d.login, "--role", "clerk", "--member", number)
	time.Sleep(5 * time.Second)
	d.sync()
	same(t, "the server", served(t, d.w, d.login, "/dav/"), before)
}

// Check 9: a data centre delivers and never loses what it has at hand, though it
// may read nothing.
func testUploadOnly(t *testing.T, o *office) {
	for _, v := range vendors {
		t.Run(v, func(t *testing.T) {
			t.Parallel()
			number, clerk := o.clerk(t)
			login := "rz-" + clerk
			o.AddAccount(world.Account{Login: login, Role: "datacentre", Member: number})
			d := newDesk(t, o.World, v, login)
			d.sync()
			root := "an_KVBbg/"
			if !d.has("an_KVBbg") { // the layout shows a folder a member
				all, _ := filepath.Glob(d.path(number + "*/an_KVBbg"))
				if len(all) != 1 {
					t.Fatalf("no an_KVBbg: %v", d.tree())
				}
				rel, _ := filepath.Rel(d.root, all[0])
				root = rel + "/"
			}
			d.write(root+"Lieferung.csv", "1;2")
			d.write(root+"groß.bin", random(t, 12_000_000))
			for range 3 {
				d.sync()
				if !d.has(root+"Lieferung.csv") || d.read(root+"Lieferung.csv") != "1;2" || !d.has(root+"groß.bin") {
					t.Fatalf("taken away from the desk: %v", d.tree())
				}
			}
			d.write(root+"Lieferung.csv", "1;2;3 neu")
			d.sync()
			if got := string(o.Get(t, clerk, "/dav/an_KVBbg/"+login+"/Lieferung.csv").Body); got != "1;2;3 neu" {
				t.Errorf("arrived as %q", got)
			}
			// Another data centre of the same member learns nothing of it.
			o.AddAccount(world.Account{Login: "rz2-" + clerk, Role: "datacentre", Member: number})
			if names := o.Names(t, "rz2-"+clerk, "/dav/"+number+"/an_KVBbg/"); len(names) > 0 {
				t.Errorf("the other data centre sees %q", names)
			}
			// Another desk of the same account is told that it may not read.
			second := newDesk(t, o.World, v, login)
			r := second.try()
			if r.code == 0 || len(r.by("GET").to("Lieferung.csv")) == 0 || r.by("GET").to("Lieferung.csv")[0].status != 403 {
				t.Errorf("code %d:\n%s", r.code, r.requests)
			}
			d.sync()
			if !d.has(root + "Lieferung.csv") {
				t.Error("taken away by the other desk's failure")
			}
		})
	}
}

// DESIGN.md section 6: a sync client of an account with all members shows those
// granted by number, and refuses where there is none.
func testByNumber(t *testing.T, o *office) {
	one, clerk := o.clerk(t)
	o.clerk(t)
	o.Put(t, clerk, "/dav/an_KVBbg/x.txt", "x")
	d := newDesk(t, o.World, nextcloud, "bert")
	r := d.try()
	if p := r.by("PROPFIND"); r.code == 0 || len(p) != 1 || p[0].status != 403 {
		t.Errorf("code %d:\n%s", r.code, r.requests)
	}
	o.AddAccount(world.Account{Login: "berta", Role: "caseworker"})
	o.CLI("", "account", "grant", "berta", "--role", "caseworker", "--member", one)
	d = newDesk(t, o.World, nextcloud, "berta")
	d.sync()
	all, err := os.ReadDir(d.root)
	must(t, err)
	folders := 0
	for _, e := range all {
		if e.IsDir() {
			folders++
			if !strings.HasPrefix(e.Name(), one+" ") {
				t.Errorf("shows %s", e.Name())
			}
		}
	}
	if files, _ := filepath.Glob(d.path(one + "*/an_KVBbg/x.txt")); folders != 1 || len(files) != 1 {
		t.Errorf("%v", d.tree())
	}
}

// A caseworker may take over on the desk, by moving; and may not put anything
// into an_KVBbg, nor take it away.
func testDeskTakesOver(t *testing.T, o *office) {
	for _, v := range vendors {
		t.Run(v, func(t *testing.T) {
			number, clerk := o.clerk(t)
			login := "sb-" + clerk
			o.AddAccount(world.Account{Login: login, Role: "caseworker", Member: number})
			o.Put(t, clerk, "/dav/an_KVBbg/Meldung.csv", "1;2;3")
			o.Put(t, clerk, "/dav/an_KVBbg/bleibt.csv", "4")
			d := newDesk(t, o.World, v, login)
			d.sync()
			box, _ := filepath.Glob(d.path(number + "*"))
			if len(box) != 1 {
				t.Fatalf("%v", d.tree())
			}
			rel := filepath.Base(box[0]) + "/"
			must(t, os.Rename(d.path(rel+"an_KVBbg/Meldung.csv"), d.path(rel+"KVBBG-SB-Posteingang/Meldung.csv")))
			must(t, os.Chmod(d.path(rel+"an_KVBbg"), 0o700))
			must(t, os.Remove(d.path(rel+"an_KVBbg/bleibt.csv")))
			r := d.try()
			if m := r.by("MOVE"); len(m) != 1 || m[0].status != 201 || len(r.by("DELETE")) > 0 {
				t.Errorf("%s", r.requests)
			}
			if !d.has(rel + "an_KVBbg/bleibt.csv") {
				d.try()
			}
			if got := d.read(rel + "an_KVBbg/bleibt.csv"); got != "4" {
				t.Errorf("%q", got)
			}
			if a := o.Get(t, clerk, "/dav/KVBBG-SB-Posteingang/Meldung.csv"); string(a.Body) != "1;2;3" {
				t.Errorf("%q", a.Body)
			}
		})
	}
}
