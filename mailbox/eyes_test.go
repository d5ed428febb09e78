// SPDX-License-Identifier: Apache-2.0

package mailbox_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"postfach/mailbox"
)

// author and his second account, which may release: one person (D15).
func (w *scene) persons() (author, same, second mailbox.Actor) {
	author, second = w.worker, w.actor(7, mailbox.Caseworker, "")
	same = w.actor(8, mailbox.Reviewer, "")
	same.Person = author.Person
	return author, same, second
}

// ownWork wants the release by an author to be refused, although he has read.
func (w *scene) ownWork(reviewer mailbox.Actor, name string) {
	w.t.Helper()
	w.read(reviewer, w.at("/Postausgang/"+name))
	w.refused(w.tryMove(reviewer, w.at("/Postausgang/"+name), w.at("/"+name)), mailbox.Forbidden, mailbox.ReasonOwnWork)
}

var waysAround = map[string]func(*scene){
	"a copy of a document that a second person changed": func(w *scene) {
		author, same, second := w.persons()
		w.put(author, w.at("/Postausgang/a"), "eins")
		w.put(second, w.at("/Postausgang/a"), "zwei")
		if err := w.tryCopy(second, w.at("/Postausgang/a"), w.at("/Postausgang/b")); err != nil {
			w.t.Fatal(err)
		}
		w.ownWork(same, "b")
	},
	"the same bytes uploaded again under another name": func(w *scene) {
		author, same, second := w.persons()
		w.put(author, w.at("/Postausgang/a"), "eins")
		w.put(second, w.at("/Postausgang/a"), "zwei")
		w.put(second, w.at("/Postausgang/c"), "zwei")
		w.ownWork(same, "c")
	},
	"removed and uploaded again": func(w *scene) {
		author, same, second := w.persons()
		w.put(author, w.at("/Postausgang/a"), "eins")
		w.remove(author, w.at("/Postausgang/a"))
		w.put(second, w.at("/Postausgang/a"), "eins")
		w.ownWork(same, "a")
	},
	"renamed over twice": func(w *scene) {
		author, same, second := w.persons()
		w.put(author, w.at("/Postausgang/a"), "eins")
		w.put(second, w.at("/Postausgang/b"), "zwei")
		w.put(second, w.at("/Postausgang/c"), "drei")
		w.move(second, w.at("/Postausgang/b"), w.at("/Postausgang/a")) // takes the place of the author's
		w.move(second, w.at("/Postausgang/a"), w.at("/Postausgang/c"))
		w.ownWork(same, "c")
	},
	"a copy after renaming over": func(w *scene) {
		author, same, second := w.persons()
		w.put(author, w.at("/Postausgang/a"), "eins")
		w.put(second, w.at("/Postausgang/b"), "zwei")
		w.move(second, w.at("/Postausgang/b"), w.at("/Postausgang/a"))
		if err := w.tryCopy(second, w.at("/Postausgang/a"), w.at("/Postausgang/d")); err != nil {
			w.t.Fatal(err)
		}
		w.ownWork(same, "d")
	},
	"Word's way of saving": func(w *scene) {
		author, same, second := w.persons()
		w.put(author, w.at("/Postausgang/a.docx"), "eins")
		w.put(second, w.at("/Postausgang/~WRD0.tmp"), "zwei")
		w.move(second, w.at("/Postausgang/a.docx"), w.at("/Postausgang/~WRL1.tmp"))
		w.move(second, w.at("/Postausgang/~WRD0.tmp"), w.at("/Postausgang/a.docx"))
		w.remove(second, w.at("/Postausgang/~WRL1.tmp"))
		w.ownWork(same, "a.docx")
	},
	"removed and written anew": func(w *scene) {
		author, same, second := w.persons()
		w.put(author, w.at("/Postausgang/a.docx"), "eins")
		w.remove(second, w.at("/Postausgang/a.docx"))
		w.put(second, w.at("/Postausgang/a.docx"), "eins, verbessert")
		w.ownWork(same, "a.docx")
	},
	"recalled and copied": func(w *scene) {
		author, same, second := w.persons()
		w.put(author, w.at("/Postausgang/a"), "eins")
		w.read(w.reviewer, w.at("/Postausgang/a"))
		w.move(w.reviewer, w.at("/Postausgang/a"), w.at("/a"))
		if err := w.tryCopy(second, w.at("/a"), w.at("/Postausgang/b")); err != nil {
			w.t.Fatal(err)
		}
		w.ownWork(same, "b")
	},
}

// D4, D15, L6: no way around loses an author.
func TestNoWayLosesAnAuthor(t *testing.T) {
	world := newWorld(t, mailbox.Single, nil)
	for name, run := range waysAround {
		t.Run(name, func(t *testing.T) { run(world.scene(t, mailbox.FourEyes)) })
	}
}

// L13: a release that carries If-Match or If names the version that it releases.
func TestReleaseNamesTheVersion(t *testing.T) {
	w := newWorld(t, mailbox.Single, nil).scene(t, mailbox.FourEyes)
	from, to := path(w.at("/Postausgang/a")), path(w.at("/a"))
	etag := w.put(w.worker, from.String(), "eins").ETag
	w.read(w.reviewer, from.String())
	for name, c := range map[string]mailbox.Conditions{
		"any":         {IfMatch: mailbox.ETags{Present: true, Any: true}},
		"not another": {If: []mailbox.IfList{{Terms: []mailbox.IfTerm{{Not: true, ETag: `"x"`}}}}},
		"wrong":       {IfMatch: mailbox.ETags{Present: true, Tags: []string{`"x"`}}},
		"one of two lists": {If: []mailbox.IfList{{Terms: []mailbox.IfTerm{{ETag: `"x"`}}},
			{Terms: []mailbox.IfTerm{{Not: true, ETag: `"y"`}}}}},
	} {
		_, err := w.Move(ctx, w.reviewer, from, to, c, "")
		if mailbox.KindOf(err) != mailbox.Precondition {
			t.Errorf("%s: %v", name, err)
		}
	}
	c := mailbox.Conditions{If: []mailbox.IfList{{Terms: []mailbox.IfTerm{{ETag: etag}}}}}
	if _, err := w.Move(ctx, w.reviewer, from, to, c, ""); err != nil {
		t.Fatal(err)
	}
}

// L12, L13: HEAD, a broken download and ranges with a gap are no reading;
// ranges that cover all bytes are.
func TestWhatCountsAsRead(t *testing.T) {
	w := newWorld(t, mailbox.Single, nil).scene(t, mailbox.FourEyes)
	from := w.at("/Postausgang/a")
	w.put(w.worker, from, "0123456789")
	part := func(offset, n, sent int64) {
		d, err := w.Open(ctx, w.reviewer, path(from))
		if err != nil {
			t.Fatal(err)
		}
		body, err := d.Read(ctx, offset, n)
		if err != nil {
			t.Fatal(err)
		}
		body.Close()
		if err := d.Sent(ctx, offset, offset+sent); err != nil {
			t.Fatal(err)
		}
	}
	unread := func() {
		t.Helper()
		w.refused(w.tryMove(w.reviewer, from, w.at("/a")), mailbox.UnreadRelease, mailbox.ReasonUnread)
	}
	unread()
	part(0, -1, 0) // broke off
	unread()
	part(5, 5, 5)
	part(0, 4, 4)
	unread()
	part(3, 3, 3)
	if err := w.tryMove(w.reviewer, from, w.at("/a")); err != nil {
		t.Fatal(err)
	}
}

// L8: what a machine writes into the root under four-eyes says so.
func TestReleasedByProcedure(t *testing.T) {
	w := newWorld(t, mailbox.Single, func(o *mailbox.Options) { o.ReleaseMachine = true }).scene(t, mailbox.FourEyes)
	machine := w.worker
	machine.Kind, machine.ReleaseDirect = mailbox.MachineAccount, true
	refusing := w.options
	refusing.ReleaseMachine = false // the installation says no, whatever the account may
	_, err := mailbox.New(w.catalog, w.blobs, w.gate, refusing).Deliver(ctx, machine, path(w.at("/Liste.csv")), upload("1"))
	w.refused(err, mailbox.Forbidden, mailbox.ReasonNotAllowed)
	e := w.put(machine, w.at("/Liste.csv"), "1").Entry
	w.put(machine, w.at("/Liste.csv"), "2")
	if err := w.tryCopy(machine, w.at("/Liste.csv"), w.at("/Kopie.csv")); err != nil {
		t.Fatal(err)
	}
	w.move(machine, w.at("/Kopie.csv"), w.at("/Kopie 2.csv"))
	n := 0
	for _, r := range w.records(mailbox.OpCreate, mailbox.OpReplace, mailbox.OpCopy, mailbox.OpRename) {
		if n++; r.Detail.Text != "released by procedure" {
			t.Errorf("%s: %q", r.Operation, r.Detail.Text)
		}
	}
	if n != 4 {
		t.Errorf("%d records", n)
	}
	if ds := w.deliveries(e.ID); len(ds) != 2 || ds[0].Direction != mailbox.ToMember {
		t.Errorf("%+v", ds)
	}
	single := w.on(t).scene(t, mailbox.Single)
	single.put(machine, single.at("/Liste.csv"), "1")
	rs := w.records(mailbox.OpCreate)
	if r := rs[len(rs)-1]; r.Detail.Text != "" {
		t.Errorf("under single: %q", r.Detail.Text)
	}
}

// A reviewer has one way back for a document, and the author is told; an
// account that also is a caseworker's sends others' work back as a reviewer.
func TestReturnByOneWithBothRoles(t *testing.T) {
	w := newWorld(t, mailbox.Single, nil).scene(t, mailbox.FourEyes)
	both := w.actor(9, mailbox.Caseworker, "")
	both.Grants = append(both.Grants, w.reviewer.Grants...)
	w.put(w.worker, w.at("/Postausgang/a"), "1")
	w.mkdir(w.worker, w.at("/Postausgang/Zurückgewiesen"))
	w.move(both, w.at("/Postausgang/a"), w.at("/Postausgang/Zurückgewiesen/a"))
	if rs := w.records(mailbox.OpReturn); len(rs) != 1 || rs[0].Role != mailbox.Reviewer {
		t.Errorf("%+v", rs)
	}
	w.put(both, w.at("/Postausgang/b"), "1") // its own work it just puts aside
	w.move(both, w.at("/Postausgang/b"), w.at("/Postausgang/Zurückgewiesen/b"))
	if rs := w.records(mailbox.OpReturn); len(rs) != 1 {
		t.Errorf("%+v", rs)
	}
}

// A release that comes while the last byte is still being recorded waits, but
// not longer than its client.
func TestReleaseWaitsForTheRead(t *testing.T) {
	w := newWorld(t, mailbox.Single, nil).scene(t, mailbox.FourEyes)
	from := w.at("/Postausgang/a")
	w.put(w.worker, from, "eins")
	d, err := w.Open(ctx, w.reviewer, path(from))
	if err != nil {
		t.Fatal(err)
	}
	body, err := d.Read(ctx, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	body.Close()
	gone, cancel := context.WithCancel(ctx)
	cancel()
	_, err = w.Move(gone, w.reviewer, path(from), path(w.at("/a")), mailbox.Conditions{}, "")
	if err == nil {
		t.Fatal("released unread")
	}
	released := make(chan error)
	go func() { released <- w.tryMove(w.reviewer, from, w.at("/a")) }()
	if err := d.Sent(ctx, 0, 4); err != nil {
		t.Fatal(err)
	}
	if err := <-released; err != nil {
		t.Fatal(err)
	}
}

// A reason is bounded, since it becomes part of a mail and of the audit log.
func TestReasonOfAReturnIsBounded(t *testing.T) {
	w := newWorld(t, mailbox.Single, nil).scene(t, mailbox.FourEyes)
	w.put(w.worker, w.at("/Postausgang/a"), "1")
	_, err := w.Return(ctx, w.reviewer, path(w.at("/Postausgang/a")), strings.Repeat("ä", 2001))
	w.refused(err, mailbox.Invalid, mailbox.ReasonMalformed)
	if _, err := w.Return(ctx, w.reviewer, path(w.at("/Postausgang/a")), strings.Repeat("ä", 2000)); err != nil {
		t.Fatal(err)
	}
	if got := w.names(w.worker, w.at("/Postausgang/Zurückgewiesen")); !slices.Equal(got, []string{"a"}) {
		t.Errorf("%q", got)
	}
}
