// SPDX-License-Identifier: Apache-2.0

package mailbox_test

import (
	"slices"
	"testing"

	"postfach/mailbox"
)

// D3, D4, D15, L6, L13, L14: who wrote cannot release, not even after others
// changed or copied it; who releases has read this very version.
func TestFourEyes(t *testing.T) {
	w := newWorld(t, mailbox.FourEyes, nil)
	author, second := w.actor(1, mailbox.Caseworker, ""), w.actor(2, mailbox.Caseworker, "")
	reviewer := w.actor(3, mailbox.Reviewer, "")
	sameReviewer := w.actor(4, mailbox.Reviewer, "")
	sameReviewer.Person = author.Person // another account of the author
	from, to := path("/0815/Postausgang/Liste.csv"), path("/0815/Liste.csv")
	release := func(a mailbox.Actor) error {
		_, err := w.Move(ctx, a, from, to, mailbox.Conditions{}, "")
		return err
	}
	w.put(author, from.String(), "eins")
	w.refused(release(author), mailbox.Forbidden, mailbox.ReasonNotAllowed)
	w.refused(release(reviewer), mailbox.UnreadRelease, mailbox.ReasonUnread)
	w.read(sameReviewer, from.String())
	w.refused(release(sameReviewer), mailbox.Forbidden, mailbox.ReasonOwnWork)

	w.put(second, from.String(), "zwei") // the first author's work is still in it
	w.read(sameReviewer, from.String())
	w.refused(release(sameReviewer), mailbox.Forbidden, mailbox.ReasonOwnWork)

	w.put(second, "/0815/Postausgang/Kopie.csv", "eins") // the author's bytes by another hand
	w.read(sameReviewer, "/0815/Postausgang/Kopie.csv")
	_, err := w.Move(ctx, sameReviewer, path("/0815/Postausgang/Kopie.csv"), path("/0815/Kopie.csv"), mailbox.Conditions{}, "")
	w.refused(err, mailbox.Forbidden, mailbox.ReasonOwnWork)

	w.read(reviewer, from.String())
	w.put(second, from.String(), "drei") // changed after the reading
	w.refused(release(reviewer), mailbox.UnreadRelease, mailbox.ReasonUnread)
	w.read(reviewer, from.String())
	if err := release(reviewer); err != nil {
		t.Fatal(err)
	}
	clerk := w.actor(9, mailbox.Clerk, "0815")
	if got := w.read(clerk, "/Liste.csv"); got != "drei" {
		t.Fatalf("released %q", got)
	}
}

// D12, L11: a returned document goes back to its author and comes back by a
// move or by a new version under its name.
func TestReturn(t *testing.T) {
	w := newWorld(t, mailbox.FourEyes, nil)
	author, reviewer := w.actor(1, mailbox.Caseworker, ""), w.actor(3, mailbox.Reviewer, "")
	first := w.put(author, "/0815/Postausgang/Liste.csv", "eins")
	back := w.move(reviewer, "/0815/Postausgang/Liste.csv", "/0815/Postausgang/Zurückgewiesen/Liste.csv")
	if back.Entry.ID != first.Entry.ID {
		t.Fatal("a return makes a new entry")
	}
	again := w.put(author, "/0815/Postausgang/Liste.csv", "zwei")
	if again.Entry.ID != first.Entry.ID {
		t.Fatalf("the corrected document is entry %d, was %d", again.Entry.ID, first.Entry.ID)
	}
	if got := w.names(author, "/0815/Postausgang/Zurückgewiesen"); len(got) != 0 {
		t.Fatalf("still returned: %v", got)
	}
	if _, err := w.Return(ctx, reviewer, path("/0815/Postausgang/Liste.csv"), "Spalte <3> fehlt & Übersicht"); err != nil {
		t.Fatal(err)
	}
	reason := func(at string) string {
		n, err := w.Find(ctx, author, path(at), mailbox.Want{Props: true})
		if err != nil {
			t.Fatal(err)
		}
		return n.ReturnedWith()
	}
	if got := reason("/0815/Postausgang/Zurückgewiesen/Liste.csv"); got != "Spalte <3> fehlt & Übersicht" {
		t.Fatalf("the document says %q", got)
	}
	w.put(author, "/0815/Postausgang/Zurückgewiesen/Liste.csv", "drei") // stays there
	if got := w.names(author, "/0815/Postausgang"); !slices.Equal(got, []string{"Zurückgewiesen"}) {
		t.Fatalf("outbox: %v", got)
	}
	w.move(author, "/0815/Postausgang/Zurückgewiesen/Liste.csv", "/0815/Postausgang/Liste.csv")
	if got := reason("/0815/Postausgang/Liste.csv"); got != "" {
		t.Fatalf("the document still says %q", got)
	}
	_, err := w.Move(ctx, author, path("/0815/Postausgang/Liste.csv"), path("/0815/Liste.csv"), mailbox.Conditions{}, "")
	w.refused(err, mailbox.Forbidden, mailbox.ReasonNotAllowed)
}

// What a reviewer said about a draft never reaches the member (I5), whatever
// way the draft takes out of the folder of returned documents.
func TestReasonStaysInside(t *testing.T) {
	const outbox, returned = "/0815/Postausgang/", "/0815/Postausgang/Zurückgewiesen/"
	ways := map[string]func(w *world, a mailbox.Actor) string{
		"copied": func(w *world, a mailbox.Actor) string {
			if _, err := w.Copy(ctx, a, path(returned+"L.csv"), path(outbox+"L2.csv"), mailbox.Conditions{}, true); err != nil {
				t.Fatal(err)
			}
			return outbox + "L2.csv"
		},
		"the folder renamed": func(w *world, a mailbox.Actor) string {
			w.move(a, "/0815/Postausgang/Zurückgewiesen", "/0815/Postausgang/alt")
			return outbox + "alt/L.csv"
		},
		"in a folder": func(w *world, a mailbox.Actor) string {
			if _, err := w.MakeFolder(ctx, a, path(returned+"sub"), mailbox.Conditions{}); err != nil {
				t.Fatal(err)
			}
			w.move(a, returned+"L.csv", returned+"sub/L.csv")
			w.move(a, returned+"sub", outbox+"sub")
			return outbox + "sub/L.csv"
		},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, mailbox.FourEyes, nil)
			author, reviewer, clerk := w.actor(1, mailbox.Caseworker, ""), w.actor(3, mailbox.Reviewer, ""), w.actor(2, mailbox.Clerk, "0815")
			w.put(author, outbox+"L.csv", "eins")
			if _, err := w.Return(ctx, reviewer, path(outbox+"L.csv"), "verrechnet"); err != nil {
				t.Fatal(err)
			}
			at := way(w, author)
			w.read(reviewer, at)
			w.move(reviewer, at, "/0815/Bescheid.csv")
			n, err := w.Find(ctx, clerk, path("/Bescheid.csv"), mailbox.Want{Props: true})
			if err != nil || n.ReturnedWith() != "" || len(n.Props) != 0 {
				t.Errorf("the member is told %q (%v)", n.ReturnedWith(), err)
			}
		})
	}
}

// A recall never needs a second person; a version that was released is kept.
func TestRecall(t *testing.T) {
	w := newWorld(t, mailbox.Single, nil)
	clerk, caseworker := w.actor(1, mailbox.Clerk, "0815"), w.actor(2, mailbox.Caseworker, "")
	e := w.put(caseworker, "/0815/Liste.csv", "eins").Entry
	w.read(clerk, "/Liste.csv")
	if err := w.Remove(ctx, caseworker, path("/0815/Liste.csv"), mailbox.Conditions{}); err != nil {
		t.Fatal(err)
	}
	_, err := w.Open(ctx, clerk, path("/Liste.csv"))
	w.refused(err, mailbox.NotFound, mailbox.ReasonNotFound)
	if ds := w.deliveries(e.ID); len(ds) != 1 || ds[0].Withdrawn.IsZero() {
		t.Fatalf("the delivery is not withdrawn: %+v", ds)
	}
	if err := w.Restore(ctx, mailbox.By{System: "test"}, e.ID); err != nil {
		t.Fatal(err)
	}
	if got := w.read(clerk, "/Liste.csv"); got != "eins" {
		t.Fatalf("restored %q", got)
	}
	if ds := w.deliveries(e.ID); len(ds) != 2 || !ds[0].Withdrawn.IsZero() {
		t.Fatalf("a restored document is delivered again: %+v", ds)
	}
}

// L12: no folder is released as one; COPY is never a release.
func TestNoBlanketRelease(t *testing.T) {
	w := newWorld(t, mailbox.Single, nil)
	caseworker := w.actor(2, mailbox.Caseworker, "")
	if _, err := w.MakeFolder(ctx, caseworker, path("/0815/Postausgang/Ordner"), mailbox.Conditions{}); err != nil {
		t.Fatal(err)
	}
	_, err := w.Move(ctx, caseworker, path("/0815/Postausgang/Ordner"), path("/0815/Ordner"), mailbox.Conditions{}, "")
	w.refused(err, mailbox.Forbidden, mailbox.ReasonFolderAsOne)
	w.put(caseworker, "/0815/Postausgang/a.csv", "x")
	_, err = w.Copy(ctx, caseworker, path("/0815/Postausgang/a.csv"), path("/0815/a.csv"), mailbox.Conditions{}, true)
	w.refused(err, mailbox.Forbidden, mailbox.ReasonCopyRelease)
}
