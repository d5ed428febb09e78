// SPDX-License-Identifier: Apache-2.0

package test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"postfach/test/world"
)

// TestMemberNumbersInNames: names.member_number keeps a document out of the
// wrong mailbox, on every way that gives it a name for the member (DESIGN.md
// section 2).
func TestMemberNumbersInNames(t *testing.T) {
	o := world.Everybody()
	o.Settings = `names: {member_number: '(?:^|[^0-9])(0[0-9]{3})(?:[^0-9]|$)'}`
	w := whole(t, o)
	const out, root = "/dav/0815/Postausgang/", "/dav/0815/"
	wrong := world.Exchange{As: "bert", Method: "PUT", Path: out + "Liste-0816.csv", Body: "x", Want: 400, Contains: "0816"}
	if a := w.Do(t, wrong); !strings.Contains(string(a.Body), "0815") {
		t.Errorf("the sentence does not name both numbers: %s", a.Body)
	}
	w.Put(t, "bert", out+"Liste-0815.csv", "x")
	w.Put(t, "bert", out+"Liste-0999.csv", "y") // there is no member 0999
	w.Put(t, "bert", out+"Liste-10816.csv", "z")
	w.Play(t, []world.Exchange{
		{As: "bert", Method: "PUT", Path: root + "0816.csv", Body: "x", Want: 400},
		{As: "bert", Method: "MOVE", Path: out + "Liste-0815.csv", Header: destination(out + "Liste 0816.csv"), Want: 400},
		{As: "bert", Method: "COPY", Path: out + "Liste-0815.csv", Header: destination(out + "0816"), Want: 400},
		{As: "bert", Method: "MOVE", Path: out + "Liste-0815.csv", Header: destination(root + "Liste_0816.csv"), Want: 400},
		{As: "bert", Method: "MOVE", Path: out + "Liste-0815.csv", Header: destination(root + "Liste-0815.csv"), Want: 201},
		{As: "anna", Method: "PUT", Path: root + "an_KVBbg/Liste-0816.csv", Body: "x", Want: 201}, // what a member sends is its own
	})
}

// TestReleaseInTheBrowserOnly: release_door: web refuses a release through
// another door, and nothing else (DESIGN.md section 2).
func TestReleaseInTheBrowserOnly(t *testing.T) {
	o := world.Everybody()
	o.Release, o.Settings = "four-eyes", "release_door: web"
	w := whole(t, o)
	const draft, final = "/dav/0815/Postausgang/B.txt", "/dav/0815/B.txt"
	w.Put(t, "bert", draft, "Bescheid")
	w.Get(t, "carla", draft)
	w.Play(t, []world.Exchange{
		{As: "carla", Method: "MOVE", Path: draft, Header: destination(final), Want: 403, Contains: "Browser"},
		{As: "anna", Method: "GET", Path: final, Want: 404},
		{As: "carla", Method: "MOVE", Path: draft, Header: destination("/dav/0815/Postausgang/" + url.PathEscape("Zurückgewiesen") + "/B.txt"), Want: 201},
	})
}

// TestReleasedByProcedure: a machine account that is allowed to writes into the
// root under four-eyes where the installation says so, its record says what it
// was, and nobody else may (L8).
func TestReleasedByProcedure(t *testing.T) {
	o := world.Everybody()
	o.Release, o.Settings = "four-eyes", "release_machine: direct"
	o.Accounts = append(o.Accounts,
		world.Account{Login: "lauf", Role: "caseworker", Flags: []string{"--kind", "machine", "--release-direct"}},
		world.Account{Login: "ohne", Role: "caseworker", Flags: []string{"--kind", "machine"}})
	w := whole(t, o)
	w.Play(t, []world.Exchange{
		{As: "ohne", Method: "PUT", Path: "/dav/0815/Lauf.csv", Body: "x", Want: 403},
		{As: "bert", Method: "PUT", Path: "/dav/0815/Lauf.csv", Body: "x", Want: 403},
		{As: "lauf", Method: "PUT", Path: "/dav/0815/Lauf.csv", Body: "aus dem Lauf", Want: 201},
		{As: "anna", Method: "GET", Path: "/dav/0815/Lauf.csv", Want: 200, Contains: "aus dem Lauf"},
	})
	w.WaitMails(t, "anna@example.org", 1)
	if log := w.CLI("", "audit", "list"); !strings.Contains(log, "by procedure") && !strings.Contains(log, "released-by-procedure") {
		t.Errorf("the record does not say by what it was released:\n%s", log)
	}
	if !strings.Contains(readFile(t, w.LogFile()), "release_machine") {
		t.Error("the weakening was not said at the start (P62)")
	}
	w.CLI("", "audit", "replay", "--verify")
}

// TestLockedIsNotTakenOver: 423 that names the holder, and no lock outlives a
// day (DESIGN.md section 2).
func TestLockedIsNotTakenOver(t *testing.T) {
	w := whole(t, world.Everybody())
	const f = "/dav/0815/an_KVBbg/Liste.csv"
	w.Put(t, "anna", f, "x")
	a := w.Do(t, world.Exchange{As: "anna", Method: "LOCK", Path: f, Body: lockBody, Header: map[string]string{"Timeout": "Infinite, Second-4100000000"}, Want: 200})
	if !strings.Contains(string(a.Body), "Second-86400") {
		t.Errorf("the lock does not end after a day: %s", a.Body)
	}
	w.Do(t, world.Exchange{As: "bert", Method: "MOVE", Path: f, Header: destination("/dav/0815/KVBBG-SB-Posteingang/Liste.csv"), Want: 423, Contains: "anna Beispiel"})
	w.Do(t, world.Exchange{As: "anna", Method: "UNLOCK", Path: f, Header: map[string]string{"Lock-Token": a.Header.Get("Lock-Token")}, Want: 204})
	w.Move(t, "bert", f, "/dav/0815/KVBBG-SB-Posteingang/Liste.csv", 201)
}

// TestClosedOnADay: a day that lies ahead changes nothing yet, and reopening
// takes it back (issue 2, item 3).
func TestClosedOnADay(t *testing.T) {
	w := whole(t, world.Everybody())
	zone, err := time.LoadLocation("Europe/Berlin") // the authority's
	must(t, err)
	day := func(d int) string { return time.Now().In(zone).AddDate(0, 0, d).Format("02.01.2006") }
	w.CLI("", "member", "close", "0815", "--on", day(2))
	w.Put(t, "anna", "/dav/an_KVBbg/f", "x")
	w.CLI("", "member", "close", "0815", "--on", day(0))
	eventually(t, "the clerk is out", func() bool {
		a, err := w.Send(world.Exchange{As: "anna", Method: "GET", Path: "/dav/"})
		return err == nil && a.Status == 401
	})
	for _, x := range []world.Exchange{
		{As: "bert", Method: "PUT", Path: "/dav/0815/Neu.txt", Body: "x"},
		{As: "dora", Method: "PUT", Path: "/dav/0815/an_KVBbg/Lauf.csv", Body: "x"},
	} {
		if a := w.Do(t, x); a.Status/100 == 2 {
			t.Errorf("%s: a delivery to a closed member: %d", x.As, a.Status)
		}
	}
	w.CLI("", "member", "set", "0815", "--reopen")
	eventually(t, "the clerk is back", func() bool {
		a, err := w.Send(world.Exchange{As: "anna", Method: "GET", Path: "/dav/an_KVBbg/f"})
		return err == nil && a.Status == 200
	})
}
