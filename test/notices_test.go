// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"postfach/test/world"
)

// quiet is the quiet period where requests must fall within one, however slow
// the machine.
const quiet = 6 * time.Second

// unhurried is Everybody with that.
func unhurried() world.Options {
	o := world.Everybody()
	o.Quiet, o.AtMost = quiet, 10*quiet
	return o
}

// settled waits until nothing more can come: the quiet period and some.
func settled() { time.Sleep(quiet + 2*time.Second) }

// TestTenFilesOneMail: K6, K9: one mail per batch to the right persons.
func TestTenFilesOneMail(t *testing.T) {
	t.Parallel()
	w := whole(t, unhurried())
	for i := range 10 {
		w.Put(t, "anna", fmt.Sprintf("/dav/an_KVBbg/f%d.txt", i), fmt.Sprint("Inhalt ", i))
	}
	w.WaitMails(t, "bert@example.org", 1)
	settled()
	for to, want := range map[string]int{"bert@example.org": 1, "anna@example.org": 0, "emil@example.org": 0, "carla@example.org": 0, "team@kasse.example": 0} {
		if got := len(w.Mails(to)); got != want {
			t.Errorf("%d mails to %s, want %d", got, to, want)
		}
	}
	m := w.Mails("bert@example.org")[0]
	for _, name := range []string{"Auto-Submitted: auto-generated", "Message-Id:", "Content-Type: multipart/alternative"} {
		if !strings.Contains(strings.ToLower(m.Raw), strings.ToLower(name)) {
			t.Errorf("the mail lacks %q:\n%s", name, m.Raw)
		}
	}
	if strings.Contains(m.Text, "f0.txt") || !strings.Contains(m.Text, "0123 456789") {
		t.Errorf("names of files, or no service contact (K25):\n%s", m.Text)
	}
}

// TestNobodyResponsible: a delivery that nobody can be told about goes to the
// staff address.
func TestNobodyResponsible(t *testing.T) {
	w := whole(t, world.Options{Members: []world.Member{world.Musterhausen},
		Accounts: []world.Account{{Login: "anna", Role: "clerk", Member: "0815"}, {Login: "bert", Role: "caseworker"}}})
	w.Put(t, "anna", "/dav/an_KVBbg/f.txt", "x")
	w.WaitMails(t, "team@kasse.example", 1)
	if n := len(w.Mails("bert@example.org")); n != 0 {
		t.Errorf("%d mails to a caseworker who is not responsible", n)
	}
}

// TestRecall before the mail gives none; after it tells the clerks (section 7).
func TestRecall(t *testing.T) {
	t.Parallel()
	w := whole(t, unhurried())
	w.Put(t, "bert", "/dav/0815/Postausgang/falsch.txt", "falsch")
	w.Move(t, "bert", "/dav/0815/Postausgang/falsch.txt", "/dav/0815/falsch.txt", 201)
	w.Move(t, "bert", "/dav/0815/falsch.txt", "/dav/0815/Postausgang/falsch.txt", 201)
	settled()
	if n := len(w.Mails("anna@example.org")); n != 0 {
		t.Errorf("%d mails about a document recalled at once, want 0", n)
	}
	w.Move(t, "bert", "/dav/0815/Postausgang/falsch.txt", "/dav/0815/falsch.txt", 201)
	w.WaitMails(t, "anna@example.org", 1)
	w.Get(t, "anna", "/dav/falsch.txt")
	w.Do(t, world.Exchange{As: "bert", Method: "DELETE", Path: "/dav/0815/falsch.txt", Want: 204})
	w.WaitMails(t, "anna@example.org", 2)
	w.WaitMails(t, "sicherheit@kasse.example", 1) // it had been retrieved
	w.Do(t, world.Exchange{As: "anna", Method: "GET", Path: "/dav/falsch.txt", Want: 404})
}

// TestSaveChains: Word's and Excel's ways of saving make exactly one delivery.
func TestSaveChains(t *testing.T) {
	t.Parallel()
	w := whole(t, unhurried())
	put := func(name, body string) { w.Put(t, "anna", "/dav/an_KVBbg/"+name, body) }
	move := func(from, to string) {
		t.Helper()
		w.Do(t, world.Exchange{As: "anna", Method: "MOVE", Path: "/dav/an_KVBbg/" + from, Header: destination("/dav/an_KVBbg/" + to)})
	}
	remove := func(name string) {
		t.Helper()
		w.Do(t, world.Exchange{As: "anna", Method: "DELETE", Path: "/dav/an_KVBbg/" + name, Want: 204})
	}
	// Word: a new document, saved once more within the quiet period.
	put("~$Brief.docx", "anna")
	put("Brief.docx", "")
	put("Brief.docx", "erste Fassung")
	put("~WRD0001.tmp", "zweite Fassung")
	move("Brief.docx", "~WRL0002.tmp")
	move("~WRD0001.tmp", "Brief.docx")
	remove("~WRL0002.tmp")
	remove("~$Brief.docx")
	// Excel: eight hex digits, which wait out the quiet period.
	put("1A2B3C4D", "Tabelle")
	move("1A2B3C4D", "Tabelle.xlsx")
	w.WaitMails(t, "bert@example.org", 1)
	settled()
	if n := len(w.Mails("bert@example.org")); n != 1 {
		t.Errorf("%d mails, want 1", n)
	}
	told := map[string]int{}
	for _, d := range w.Deliveries(t) {
		if d.Told() {
			told[d.SHA256]++
		}
	}
	if len(told) != 2 || told[hexDigest("zweite Fassung")] != 1 || told[hexDigest("Tabelle")] != 1 {
		t.Errorf("told deliveries by digest: %v, want the last text and the table once each", told)
	}
}

// TestKillBeforeMail: a kill between the commit and the mail loses no notice (I4).
func TestKillBeforeMail(t *testing.T) {
	w := whole(t, world.Everybody())
	for i := range 5 {
		n := len(w.Mails("bert@example.org"))
		w.Put(t, "anna", fmt.Sprintf("/dav/an_KVBbg/f%d.txt", i), fmt.Sprint("Inhalt ", i))
		time.Sleep(time.Duration(i) * time.Second / 3) // the quiet period is a second
		w.Kill()
		w.Serve()
		eventually(t, "the mail comes after the restart", func() bool { return len(w.Mails("bert@example.org")) > n })
	}
	for _, d := range w.Deliveries(t) {
		if !d.Told() {
			t.Errorf("delivery %s was never told", d.SHA256)
		}
	}
}

// TestReviewersAreAsked: under four eyes a document that rests in the outbox
// is announced to the reviewers, is released by one who has read it, and only
// then exists for the member (D4, D13, L12 to L14).
func TestReviewersAreAsked(t *testing.T) {
	o := world.Everybody()
	o.Release = "four-eyes"
	w := whole(t, o)
	w.Put(t, "bert", "/dav/0815/Postausgang/Bescheid.txt", "Bescheid")
	w.WaitMails(t, "carla@example.org", 1)
	const draft, final = "/dav/0815/Postausgang/Bescheid.txt", "/dav/0815/Bescheid.txt"
	w.Play(t, []world.Exchange{
		{As: "bert", Method: "MOVE", Path: draft, Header: destination(final), Want: 403},
		{As: "anna", Method: "GET", Path: final, Want: 404},
	})
	unread := w.Do(t, world.Exchange{As: "carla", Method: "MOVE", Path: draft, Header: destination(final)})
	if s := unread.Status; s != 403 && s != 409 && s != 412 && s != 428 {
		t.Errorf("an unread release: %d", s)
	}
	w.Do(t, world.Exchange{As: "carla", Method: "HEAD", Path: draft, Want: 200}) // does not count as reading
	if s := w.Do(t, world.Exchange{As: "carla", Method: "MOVE", Path: draft, Header: destination(final)}).Status; s/100 != 4 {
		t.Errorf("released after a HEAD: %d", s)
	}
	w.Get(t, "carla", draft)
	w.Put(t, "bert", draft, "Bescheid, heimlich geändert") // what was read is not this version
	if s := w.Do(t, world.Exchange{As: "carla", Method: "MOVE", Path: draft, Header: destination(final)}).Status; s/100 != 4 {
		t.Errorf("a version that was not read was released: %d", s)
	}
	w.Get(t, "carla", draft)
	w.Move(t, "carla", draft, final, 201)
	if got := w.Get(t, "anna", "/dav/Bescheid.txt"); string(got.Body) != "Bescheid, heimlich geändert" {
		t.Errorf("released %q", got.Body)
	}
	w.WaitMails(t, "anna@example.org", 1)
}
