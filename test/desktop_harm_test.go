// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"postfach/scan/scantest"
	"postfach/test/world"
)

// TestDesktopHarm: no sequence of answers makes a client remove from the desk what
// the server does not hold, nor lets it go round in circles. Eight desks work at
// once, since it is mostly the clients' waiting, and more might be refused for
// signing in all together; scanner outage, the last grant, restart and restore have
// tests of their own (desktop_refusals_test.go, desktop_events_test.go,
// desktop_restore_test.go).
func TestDesktopHarm(t *testing.T) {
	o := newOffice(t, world.Options{})
	var running sync.WaitGroup
	turn := make(chan struct{}, 8)
	both := func(name string, test func(t *testing.T, d *desk, number string)) {
		for _, v := range vendors {
			running.Go(func() {
				turn <- struct{}{}
				defer func() { <-turn }()
				t.Run(name+"/"+v, func(t *testing.T) {
					number, login := o.clerk(t)
					test(t, newDesk(t, o.World, v, login), number)
				})
			})
		}
	}
	renamedWhileTakenOver(both)
	goneElsewhere(both)
	movedElsewhere(both)
	roleChanges(o, both)
	shortListings(both)
	oneGrantEnds(o, both)
	running.Wait()
}

// eachDesk runs a test with either client, beside others.
type eachDesk func(name string, test func(t *testing.T, d *desk, number string))

// renamedWhileTakenOver: a clerk renames a file on the desk while a
// caseworker takes it over. The rename is refused, and the next runs bring the
// file to where the server has it, without a change on the server.
func renamedWhileTakenOver(both eachDesk) {
	both("file renamed while it is taken over", func(t *testing.T, d *desk, number string) {
		d.env = []string{"OWNCLOUD_BLACKLIST_TIME_MAX=25"}
		d.write("an_KVBbg/Meldung.csv", "1;2;3")
		d.sync()
		d.sync()
		box := "/dav/" + number
		d.w.Move(t, "bert", box+"/an_KVBbg/Meldung.csv", box+"/KVBBG-SB-Posteingang/Meldung.csv", 201)
		must(t, os.Rename(d.path("an_KVBbg/Meldung.csv"), d.path("an_KVBbg/anders.csv")))
		d.until("in step", 5*time.Minute, func(deskRun) bool { return len(treeDifferences(d.tree(), served(t, d.w, d.login, "/dav/"))) == 0 })
		if d.read("an_KVBbg/anders.csv") != "1;2;3" || d.read("KVBBG-SB-Posteingang/Meldung.csv") != "1;2;3" {
			t.Errorf("%v", d.tree())
		}
	})
	// The folder moves on the desk and its files with it, so that the client may ask
	// the server to move them out of what was taken over, and is refused.
	both("folder moved while it is taken over", func(t *testing.T, d *desk, number string) {
		d.env = []string{"OWNCLOUD_BLACKLIST_TIME_MAX=25"}
		d.write("an_KVBbg/März/tief/a.csv", "a")
		d.write("an_KVBbg/März/tief/b.csv", "bb")
		d.sync()
		d.sync()
		box := "/dav/" + number
		d.w.Move(t, "bert", box+"/an_KVBbg/M%C3%A4rz", box+"/KVBBG-SB-Posteingang/M%C3%A4rz", 201)
		must(t, os.Rename(d.path("an_KVBbg/März/tief"), d.path("an_KVBbg/verlegt")))
		first := d.try()
		for _, m := range first.by("MOVE") { // whether there is one hangs on the order of its listings
			if m.status != 403 {
				t.Errorf("%s", m)
			}
		}
		d.until("in step", 5*time.Minute, func(deskRun) bool { return len(treeDifferences(d.tree(), served(t, d.w, d.login, "/dav/"))) == 0 })
		for name, want := range map[string]string{"KVBBG-SB-Posteingang/März/tief/a.csv": "a", "KVBBG-SB-Posteingang/März/tief/b.csv": "bb"} {
			if d.read(name) != want {
				t.Errorf("%s: %v", name, d.tree())
			}
		}
		d.try()
		if r := d.sync(); len(r.by("PROPFIND")) != 1 {
			t.Errorf("it does not come to rest:\n%s", r.requests)
		}
	})
}

// TestDesktopSlowScanner: judging a large file takes longer than a client waits
// for the answer to its MOVE (clients: five minutes, three per gigabyte, at most
// thirty; here ten seconds). The client hangs up; the file arrives all the same,
// once, and no byte of it is sent again.
func TestDesktopSlowScanner(t *testing.T) {
	t.Parallel()
	scanner := scantest.Start(t, scantest.Options{})
	slow := scantest.StartProxy(t, scanner, "tcp")
	scanner.Address = slow.Address
	o := newOffice(t, world.Options{Scanner: scanner})
	o.each(t, "joined too late", func(t *testing.T, d *desk, number string) {
		d.sync()
		d.env = []string{"OWNCLOUD_BLACKLIST_TIME_MAX=25", "OWNCLOUD_TIMEOUT=10"}
		slow.Set(scantest.Fault{Match: "INSTREAM", Slow: 1_000_000})
		d.write("an_KVBbg/groß.bin", random(t, 25_000_000))
		first := d.try()
		if m := first.by("MOVE"); first.code == 0 || len(first.by("PUT")) < 2 || len(m) > 0 && m[0].status == 201 {
			t.Fatalf("the client did not lose patience: code %d\n%s", first.code, first.requests)
		}
		again := 0
		d.until("in step", 5*time.Minute, func(r deskRun) bool {
			again += len(r.by("PUT"))
			return r.code == 0 && len(treeDifferences(served(t, d.w, d.login, "/dav/"), d.tree())) == 0
		})
		versions := 0
		for _, r := range d.w.Audit(t) {
			if (r.Operation == "create" || r.Operation == "replace") && r.SHA256 == d.tree()["an_KVBbg/groß.bin"] {
				versions++
			}
		}
		if conflicts, _ := filepath.Glob(d.path("an_KVBbg/*conflict*")); versions != 1 || again > 0 || len(conflicts) > 0 {
			t.Errorf("%d versions, %d chunks sent again, conflicts %v", versions, again, conflicts)
		}
		if names := uploads(t, d); len(names) > 0 {
			t.Errorf("chunks are left: %v", names)
		}
	})
}

// shortListings: a node ends in the middle of its listings, again and
// again. What is missing in them is not taken for removed, on neither side.
func shortListings(both eachDesk) {
	both("listing cut off", func(t *testing.T, d *desk, number string) {
		d.env = []string{"OWNCLOUD_BLACKLIST_TIME_MAX=25"}
		for i := range 12 {
			d.write(fmt.Sprintf("an_KVBbg/d%d/f.txt", i), fmt.Sprint("Inhalt ", i))
			d.write(fmt.Sprintf("an_KVBbg/g%02d.txt", i), fmt.Sprint("Inhalt ", i))
		}
		d.sync()
		d.w.Put(t, d.login, "/dav/an_KVBbg/d7/vom-server.txt", "von dort")
		d.write("an_KVBbg/neu.txt", "neu")
		before := d.tree()
		for cut := 1; cut <= 3; cut++ { // the root, an_KVBbg, the folder within
			n := 0
			d.rec.shorten(func(r *http.Request) bool {
				if r.Method == "PROPFIND" {
					n++
				}
				return n == cut
			})
			if r := d.try(); r.code == 0 || len(r.by("DELETE")) > 0 {
				t.Errorf("code %d after a listing that ended in the middle:\n%s", r.code, r.requests)
			}
			same(t, "the desk", d.tree(), before)
		}
		d.rec.shorten(nil)
		r := d.until("in step", 5*time.Minute, func(r deskRun) bool { return r.code == 0 })
		if len(r.by("DELETE")) > 0 || d.read("an_KVBbg/d7/vom-server.txt") != "von dort" {
			t.Errorf("%s", r.requests)
		}
		same(t, "the server", served(t, d.w, d.login, "/dav/"), d.tree())
	})
}

// oneGrantEnds: the grant for one of several members ends. The member's
// folder stays on the desk as it is, with what only the desk has, though nobody
// may enter it; at no other door is anything of it to be seen (I5).
func oneGrantEnds(o *office, both eachDesk) {
	both("one of two grants ends", func(t *testing.T, d *desk, number string) {
		other, _ := o.clerk(t)
		d.login = "zwei-" + d.login
		o.AddAccount(world.Account{Login: d.login, Role: "clerk", Member: number, Flags: []string{"--layout", "members"}})
		o.CLI("", "account", "grant", d.login, "--role", "clerk", "--member", other)
		d.env = []string{"OWNCLOUD_BLACKLIST_TIME_MAX=25"}
		d.sync()
		rel := memberFolder(t, d, other)
		d.write(rel+"/an_KVBbg/gesendet.txt", "gesendet")
		// nextcloudcmd waits for ever for somebody to answer whether really
		// everything is to go, where no file stays.
		d.write(memberFolder(t, d, number)+"/an_KVBbg/bleibt.txt", "bleibt")
		d.sync()
		o.CLI("", "account", "revoke", d.login, "--role", "clerk", "--member", other)
		time.Sleep(noticed)
		d.write(rel+"/an_KVBbg/nur hier.txt", "nur hier")
		for range 2 {
			r := d.try()
			if d.read(memberFolder(t, d, number)+"/an_KVBbg/bleibt.txt") != "bleibt" || d.read(rel+"/an_KVBbg/nur hier.txt") != "nur hier" ||
				d.read(rel+"/an_KVBbg/gesendet.txt") != "gesendet" || len(r.by("DELETE")) > 0 {
				t.Fatalf("%s%v", r.requests, d.tree())
			}
		}
		if names := d.w.Names(t, d.login, "/dav/"); len(names) != 1 {
			t.Errorf("at the other door: %q", names)
		}
		for _, path := range []string{"/", "/an_KVBbg/", "/an_KVBbg/gesendet.txt"} {
			d.w.Do(t, world.Exchange{As: d.login, Method: "PROPFIND", Path: (&url.URL{Path: "/remote.php/dav/files/" + d.login + "/" + rel + path}).EscapedPath(),
				Header: map[string]string{"Depth": "1"}, Want: 403})
		}
		o.CLI("", "account", "grant", d.login, "--role", "clerk", "--member", other)
		time.Sleep(noticed)
		d.until("in step", 5*time.Minute, func(r deskRun) bool { return r.code == 0 })
		if d.read(rel+"/an_KVBbg/gesendet.txt") != "gesendet" {
			t.Errorf("it does not come back: %v", d.tree())
		}
		same(t, "the server", served(t, d.w, d.login, "/dav/"), d.tree())
	})
}

// memberFolder is the folder of a member on the desk of an account with several.
func memberFolder(t *testing.T, d *desk, number string) string {
	t.Helper()
	all, _ := filepath.Glob(d.path(number + "*"))
	if len(all) != 1 {
		t.Fatalf("%v", d.tree())
	}
	return filepath.Base(all[0])
}

// TestRefusedMoveIsFeltByOneSide: a sync client's refused move gives the folder
// another ETag for its own side alone (I5), a move at another door and one of what
// is not there for nobody.
func TestRefusedMoveIsFeltByOneSide(t *testing.T) {
	w := whole(t, world.Everybody())
	w.Put(t, "anna", "/dav/an_KVBbg/a.csv", "1;2;3")
	w.Move(t, "bert", "/dav/0815/an_KVBbg/a.csv", "/dav/0815/KVBBG-SB-Posteingang/a.csv", 201)
	tags := func() [4]string {
		var of [4]string
		for i, x := range [4][2]string{{"anna", "/dav/"}, {"anna", "/dav/KVBBG-SB-Posteingang/"}, {"bert", "/dav/0815/"}, {"bert", "/dav/0815/KVBBG-SB-Posteingang/"}} {
			of[i] = w.Propfind(t, x[0], x[1], "0")[0].Prop("getetag")
		}
		return of
	}
	move := func(root, name string) {
		w.Do(t, world.Exchange{As: "anna", Method: "MOVE", Path: root + "KVBBG-SB-Posteingang/" + name, Want: 403,
			Header: map[string]string{"Destination": root + "an_KVBbg/" + name}})
	}
	before := tags()
	move("/dav/", "a.csv")
	move("/remote.php/dav/files/anna/", "gibt es nicht.csv")
	if got := tags(); got != before {
		t.Errorf("%q became %q", before, got)
	}
	move("/remote.php/dav/files/anna/", "a.csv")
	got := tags()
	if got[0] == before[0] || got[1] == before[1] {
		t.Errorf("the client would not look again: %q", got)
	}
	if got[2] != before[2] || got[3] != before[3] {
		t.Errorf("the other side feels it: %q became %q", before, got)
	}
}
