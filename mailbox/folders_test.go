// SPDX-License-Identifier: Apache-2.0

package mailbox_test

import (
	"slices"
	"testing"
	"time"

	"postfach/mailbox"
)

// live are the deliveries that stand.
func live(ds []mailbox.Delivery) (n int) {
	for _, d := range ds {
		if d.Withdrawn.IsZero() && d.Superseded.IsZero() {
			n++
		}
	}
	return n
}

// alerts of one kind.
func (w *world) alerts(kind mailbox.AlertKind) (n int) {
	w.t.Helper()
	b, err := w.catalog.Backlog(ctx, 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, a := range b.Alerts {
		if a.Kind == kind {
			n++
		}
	}
	return n
}

var folderCases = map[string]func(w *scene){
	"hidden names do not come along with a take-over": func(w *scene) {
		w.mkdir(w.clerk, "/an_KVBbg/O")
		w.put(w.clerk, "/an_KVBbg/O/Brief.docx", "1")
		w.put(w.clerk, "/an_KVBbg/O/~$Brief.docx", "anna")
		w.mkdir(w.clerk, "/an_KVBbg/O/x.tmp")
		w.put(w.clerk, "/an_KVBbg/O/x.tmp/y", "1")
		w.move(w.worker, w.at("/an_KVBbg/O"), w.at("/KVBBG-SB-Posteingang/O"))
		if got := w.names(w.worker, w.at("/KVBBG-SB-Posteingang/O")); !slices.Equal(got, []string{"Brief.docx"}) {
			w.t.Errorf("the caseworker sees %q", got)
		}
	},
	"what lies in a folder was taken over too": func(w *scene) {
		w.mkdir(w.clerk, "/an_KVBbg/O")
		e := w.put(w.clerk, "/an_KVBbg/O/a", "1").Entry
		w.move(w.worker, w.at("/an_KVBbg/O"), w.at("/KVBBG-SB-Posteingang/O"))
		if got := w.entry(e.ID); got.TakenBy != w.worker.Person || got.TakenAt.IsZero() {
			w.t.Errorf("not taken over: %+v", got)
		}
		w.move(w.worker, w.at("/KVBBG-SB-Posteingang/O"), w.at("/an_KVBbg/O"))
		if got := w.entry(e.ID); got.TakenBy != 0 || !got.TakenAt.IsZero() || got.Place != mailbox.ToAuthority {
			w.t.Errorf("not given back: %+v", got)
		}
		if ds := w.deliveries(e.ID); len(ds) != 1 || live(ds) != 1 {
			w.t.Errorf("%+v", ds)
		}
	},
	"a folder with the other side's entries stays where it is": func(w *scene) {
		w.put(w.clerk, "/an_KVBbg/a", "1")
		w.move(w.worker, w.at("/an_KVBbg/a"), w.at("/KVBBG-SB-Posteingang/a"))
		w.mkdir(w.worker, w.at("/KVBBG-SB-Posteingang/Kasse"))
		w.move(w.worker, w.at("/KVBBG-SB-Posteingang/a"), w.at("/KVBBG-SB-Posteingang/Kasse/a"))
		w.mkdir(w.clerk, "/an_KVBbg/O")
		w.move(w.worker, w.at("/KVBBG-SB-Posteingang/Kasse"), w.at("/an_KVBbg/O/Kasse"))
		w.refused(w.tryMove(w.clerk, "/an_KVBbg/O", "/an_KVBbg/P"), mailbox.Forbidden, mailbox.ReasonOtherSide)
		w.refused(w.Remove(ctx, w.clerk, path("/an_KVBbg/O"), mailbox.Conditions{}), mailbox.Forbidden, mailbox.ReasonOtherSide)
		w.put(w.clerk, "/an_KVBbg/O/Kasse/a", "2") // its own document in there it may change
	},
	"a recalled folder withdraws every document": func(w *scene) {
		w.mkdir(w.worker, w.at("/O"))
		a, b := w.put(w.worker, w.at("/O/a"), "1").Entry, w.put(w.worker, w.at("/O/b"), "1").Entry
		w.read(w.clerk, "/O/a")
		before := w.alerts(mailbox.AlertRecalledRead)
		w.move(w.worker, w.at("/O"), w.at("/Postausgang/O"))
		if live(w.deliveries(a.ID))+live(w.deliveries(b.ID)) != 0 {
			w.t.Error("still delivered")
		}
		if n := w.alerts(mailbox.AlertRecalledRead) - before; n != 1 {
			w.t.Errorf("%d alerts about what was retrieved", n)
		}
	},
	"a folder renamed over another recalls what that held": func(w *scene) {
		w.mkdir(w.worker, w.at("/O"))
		a := w.put(w.worker, w.at("/O/a"), "1").Entry
		w.read(w.clerk, "/O/a")
		w.mkdir(w.worker, w.at("/P"))
		before := w.alerts(mailbox.AlertRecalledRead)
		w.move(w.worker, w.at("/P"), w.at("/O"))
		if live(w.deliveries(a.ID)) != 0 || w.alerts(mailbox.AlertRecalledRead)-before != 1 {
			w.t.Error("nobody is told that a document is gone")
		}
	},
	"a folder that was aside and changed shows that to the other side": func(w *scene) {
		w.mkdir(w.clerk, "/an_KVBbg/O")
		w.mkdir(w.clerk, "/an_KVBbg/O/P")
		w.put(w.clerk, "/an_KVBbg/O/P/a", "1")
		o, p := w.etag(w.worker, w.at("/an_KVBbg/O")), w.etag(w.worker, w.at("/an_KVBbg/O/P"))
		w.move(w.clerk, "/an_KVBbg/O", "/an_KVBbg/O.tmp")
		e := w.put(w.clerk, "/an_KVBbg/O.tmp/P/b", "1").Entry
		if n := len(w.deliveries(e.ID)); n != 0 {
			w.t.Errorf("%d deliveries of what is hidden", n)
		}
		w.move(w.clerk, "/an_KVBbg/O.tmp", "/an_KVBbg/O")
		if w.etag(w.worker, w.at("/an_KVBbg/O")) == o || w.etag(w.worker, w.at("/an_KVBbg/O/P")) == p {
			w.t.Error("the caseworker's client cannot tell that something new is in there")
		}
		if n := len(w.deliveries(e.ID)); n != 1 {
			w.t.Errorf("%d deliveries after leaving the hidden name", n)
		}
	},
	"a copied tree leaves out what the copier does not see": func(w *scene) {
		w.mkdir(w.worker, w.at("/O"))
		w.put(w.worker, w.at("/O/a"), "1")
		w.put(w.worker, w.at("/O/~$a"), "1")
		w.mkdir(w.worker, w.at("/O/x.tmp"))
		w.put(w.worker, w.at("/O/x.tmp/b"), "1")
		if err := w.tryCopy(w.clerk, "/O", "/an_KVBbg/O"); err != nil {
			w.t.Fatal(err)
		}
		if got := w.names(w.clerk, "/an_KVBbg/O"); !slices.Equal(got, []string{"a"}) {
			w.t.Errorf("copied %q", got)
		}
		if n, err := w.Find(ctx, w.worker, path(w.at("/an_KVBbg/O/a")), mailbox.Want{}); err != nil || len(w.deliveries(n.Entry.ID)) != 1 {
			w.t.Errorf("a copy is a delivery: %v", err)
		}
	},
	"a document copied over a folder, and a folder over a document": func(w *scene) {
		w.mkdir(w.clerk, "/an_KVBbg/O")
		old := w.put(w.clerk, "/an_KVBbg/O/a", "1").Entry
		w.put(w.clerk, "/an_KVBbg/b", "2")
		if err := w.tryCopy(w.clerk, "/an_KVBbg/b", "/an_KVBbg/O"); err != nil {
			w.t.Fatal(err)
		}
		if got := w.read(w.clerk, "/an_KVBbg/O"); got != "2" {
			w.t.Fatal(got)
		}
		if n := live(w.deliveries(old.ID)); n != 0 {
			w.t.Errorf("%d deliveries of what is gone", n)
		}
		w.mkdir(w.clerk, "/an_KVBbg/P")
		w.put(w.clerk, "/an_KVBbg/P/c", "3")
		if err := w.tryCopy(w.clerk, "/an_KVBbg/P", "/an_KVBbg/O"); err != nil {
			w.t.Fatal(err)
		}
		if got := w.read(w.clerk, "/an_KVBbg/O/c"); got != "3" {
			w.t.Fatal(got)
		}
	},
	"a caseworker renames folders in the root": func(w *scene) {
		w.mkdir(w.worker, w.at("/O"))
		w.put(w.worker, w.at("/O/a"), "1")
		four := mailbox.FourEyes
		if err := w.SetMember(ctx, mailbox.By{}, w.number, mailbox.MemberChange{Policy: &four}); err != nil {
			w.t.Fatal(err)
		}
		w.move(w.worker, w.at("/O"), w.at("/P"))
		w.refused(w.tryMove(w.worker, w.at("/P/a"), w.at("/P/b")), mailbox.Forbidden, mailbox.ReasonNotAllowed)
	},
}

// Folders: what they take along, hide and show (DESIGN.md sections 2 and 7).
func TestFolders(t *testing.T) {
	world := newWorld(t, mailbox.Single, nil)
	for name, run := range folderCases {
		t.Run(name, func(t *testing.T) { run(world.scene(t, mailbox.Single)) })
	}
}

var deliveryCases = map[string]func(w *scene){
	"a document that is removed after the take-over stays delivered": func(w *scene) {
		e := w.put(w.clerk, "/an_KVBbg/a", "1").Entry
		w.move(w.worker, w.at("/an_KVBbg/a"), w.at("/KVBBG-SB-Posteingang/a"))
		w.remove(w.worker, w.at("/KVBBG-SB-Posteingang/a"))
		if ds := w.deliveries(e.ID); live(ds) != 1 {
			w.t.Errorf("the member's delivery is withdrawn by the authority: %+v", ds)
		}
	},
	"saving a released document in Word's way is no recall": func(w *scene) {
		w.put(w.worker, w.at("/a.docx"), "1")
		w.read(w.clerk, "/a.docx")
		before := w.alerts(mailbox.AlertRecalledRead)
		w.put(w.worker, w.at("/~WRD0.tmp"), "2")
		w.move(w.worker, w.at("/a.docx"), w.at("/~WRL1.tmp"))
		e := w.move(w.worker, w.at("/~WRD0.tmp"), w.at("/a.docx")).Entry
		w.remove(w.worker, w.at("/~WRL1.tmp"))
		if n := w.alerts(mailbox.AlertRecalledRead) - before; n != 0 {
			w.t.Errorf("%d false alarms", n)
		}
		if live(w.deliveries(e.ID)) != 1 {
			w.t.Error("no delivery")
		}
	},
	"what is returned does not ask the reviewers": func(w *scene) {
		e := w.put(w.worker, w.at("/Postausgang/a"), "1").Entry
		if _, err := w.Return(ctx, w.reviewer, path(w.at("/Postausgang/a")), ""); err != nil {
			w.t.Fatal(err)
		}
		w.put(w.worker, w.at("/Postausgang/Zurückgewiesen/a"), "2") // stays there
		if n := len(w.deliveries(e.ID)); n != 1 {
			w.t.Errorf("%d deliveries", n)
		}
		w.move(w.worker, w.at("/Postausgang/Zurückgewiesen/a"), w.at("/Postausgang/a"))
		if ds := w.deliveries(e.ID); len(ds) != 2 || ds[0].Direction != mailbox.ToReviewers {
			w.t.Errorf("%+v", ds)
		}
	},
	"hidden folders in the outbox do not ask the reviewers": func(w *scene) {
		w.mkdir(w.worker, w.at("/Postausgang/x.tmp"))
		e := w.put(w.worker, w.at("/Postausgang/x.tmp/a"), "1").Entry
		if n := len(w.deliveries(e.ID)); n != 0 {
			w.t.Errorf("%d deliveries", n)
		}
		w.move(w.worker, w.at("/Postausgang/x.tmp"), w.at("/Postausgang/x"))
		if n := len(w.deliveries(e.ID)); n != 1 {
			w.t.Errorf("%d deliveries", n)
		}
	},
	"a restored document that had given way is delivered again": func(w *scene) {
		a := w.put(w.clerk, "/an_KVBbg/a", "1").Entry
		b := w.put(w.clerk, "/an_KVBbg/b", "2").Entry
		w.move(w.clerk, "/an_KVBbg/b", "/an_KVBbg/a")
		w.remove(w.clerk, "/an_KVBbg/a")
		if err := w.Restore(ctx, mailbox.By{}, a.ID); err != nil {
			w.t.Fatal(err)
		}
		if live(w.deliveries(a.ID)) != 1 || live(w.deliveries(b.ID)) != 0 {
			w.t.Errorf("%+v\n%+v", w.deliveries(a.ID), w.deliveries(b.ID))
		}
	},
	"a version that comes back is not its own twin": func(w *scene) {
		e := w.put(w.clerk, "/an_KVBbg/a", "1").Entry
		w.move(w.worker, w.at("/an_KVBbg/a"), w.at("/KVBBG-SB-Posteingang/a"))
		w.move(w.worker, w.at("/KVBBG-SB-Posteingang/a"), w.at("/an_KVBbg/a"))
		w.remove(w.clerk, "/an_KVBbg/a")
		if err := w.Restore(ctx, mailbox.By{}, e.ID); err != nil {
			w.t.Fatal(err)
		}
		if ds := w.deliveries(e.ID); ds[0].Twin == e.Version.ID {
			w.t.Errorf("%+v", ds[0])
		}
	},
}

// Deliveries beside the usual way (DESIGN.md section 7).
func TestDeliveries(t *testing.T) {
	world := newWorld(t, mailbox.Single, nil)
	for name, run := range deliveryCases {
		t.Run(name, func(t *testing.T) {
			policy := mailbox.FourEyes
			if name == "saving a released document in Word's way is no recall" {
				policy = mailbox.Single
			}
			run(world.scene(t, policy))
		})
	}
}

// Closed members take part no more; what they have is kept (issue 2, item 3).
func TestClosedMember(t *testing.T) {
	w := newWorld(t, mailbox.Single, nil).scene(t, mailbox.Single)
	e := w.put(w.worker, w.at("/alt"), "1").Entry
	sub := w.put(w.clerk, "/an_KVBbg/alt", "1").Entry
	w.put(w.worker, w.at("/Postausgang/a"), "1")
	w.remove(w.worker, w.at("/alt"))
	w.put(w.clerk, "/an_KVBbg/~$x", "1")
	past := time.Now().Add(-time.Hour)
	if err := w.SetMember(ctx, mailbox.By{}, w.number, mailbox.MemberChange{ClosedOn: &past}); err != nil {
		t.Fatal(err)
	}
	_, err := w.MakeFolder(ctx, w.clerk, path("/an_KVBbg/O"), mailbox.Conditions{})
	for what, err := range map[string]error{
		"PUT":       w.tryPut(w.clerk, "/an_KVBbg/neu", "1"),
		"PUT root":  w.tryPut(w.worker, w.at("/neu"), "1"),
		"MKCOL":     err,
		"COPY":      w.tryCopy(w.clerk, "/an_KVBbg/alt", "/an_KVBbg/neu"),
		"release":   w.tryMove(w.worker, w.at("/Postausgang/a"), w.at("/a")),
		"unhide":    w.tryMove(w.clerk, "/an_KVBbg/~$x", "/an_KVBbg/x"),
		"restoring": w.Restore(ctx, mailbox.By{}, e.ID),
	} {
		if mailbox.KindOf(err) != mailbox.Forbidden || err.Error() != string(mailbox.ReasonClosed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	w.read(w.worker, w.at("/an_KVBbg/alt"))
	w.move(w.worker, w.at("/an_KVBbg/alt"), w.at("/KVBBG-SB-Posteingang/alt"))
	w.remove(w.worker, w.at("/KVBBG-SB-Posteingang/alt"))
	if err := w.Restore(ctx, mailbox.By{}, sub.ID); err != nil {
		t.Errorf("into the caseworker's inbox: %v", err)
	}
}

// P49: a history never ends in a circle, and nothing is lost from it.
func TestHistoryOfReplacedEntries(t *testing.T) {
	w := newWorld(t, mailbox.Single, nil).scene(t, mailbox.Single)
	a := w.put(w.clerk, "/an_KVBbg/a", "1").Entry
	w.put(w.clerk, "/an_KVBbg/b", "2")
	w.move(w.clerk, "/an_KVBbg/b", "/an_KVBbg/a") // b has replaced a
	w.move(w.clerk, "/an_KVBbg/a", "/an_KVBbg/c")
	if err := w.Restore(ctx, mailbox.By{}, a.ID); err != nil {
		t.Fatal(err)
	}
	last := w.move(w.clerk, "/an_KVBbg/a", "/an_KVBbg/c").Entry // and now a replaces b
	history := func(id mailbox.EntryID) (n int) {
		w.view(func(r mailbox.Reader) error {
			vs, err := r.Versions(id)
			n = len(vs)
			return err
		})
		return n
	}
	if n := history(last.ID); n != 2 {
		t.Errorf("%d versions", n)
	}
	w.put(w.clerk, "/an_KVBbg/d", "3")
	w.put(w.clerk, "/an_KVBbg/e", "4")
	w.move(w.clerk, "/an_KVBbg/d", "/an_KVBbg/e")
	w.move(w.clerk, "/an_KVBbg/c", "/an_KVBbg/e") // both have replaced something before
	if n := history(last.ID); n != 4 {
		t.Errorf("%d versions of all that stood there", n)
	}
}
