// SPDX-License-Identifier: Apache-2.0

package mailbox_test

import (
	"slices"
	"strings"
	"testing"

	"postfach/mailbox"
)

// I5, A12: nobody learns of a mailbox without a grant.
func TestStrangerSeesNothing(t *testing.T) {
	w := newWorld(t, mailbox.Single, nil)
	clerk, stranger := w.actor(1, mailbox.Clerk, "0815"), w.actor(5, mailbox.Clerk, "4711")
	w.put(clerk, "/an_KVBbg/Liste.csv", "x")
	for _, p := range []string{"/0815", "/0815/an_KVBbg/Liste.csv", "/9999", "/9999/an_KVBbg/Liste.csv"} {
		_, err := w.Find(ctx, stranger, path(p), mailbox.Want{})
		w.refused(err, mailbox.NotFound, mailbox.ReasonNotFound)
		_, err = w.Deliver(ctx, stranger, path(p), upload("x"))
		w.refused(err, mailbox.Forbidden, mailbox.ReasonOtherSide)
	}
	for _, p := range []string{"/0815/an_KVBbg/Liste.csv", "/9999/an_KVBbg/Liste.csv"} { // alike, whether there or not
		_, err := w.Copy(ctx, stranger, path(p), path("/an_KVBbg/Liste.csv"), mailbox.Conditions{}, true)
		w.refused(err, mailbox.NotFound, mailbox.ReasonNotFound)
		_, err = w.Move(ctx, stranger, path(p), path("/an_KVBbg/Liste.csv"), mailbox.Conditions{}, "")
		w.refused(err, mailbox.Forbidden, mailbox.ReasonOtherSide)
	}
	both := clerk
	both.Grants = append(slices.Clone(clerk.Grants), stranger.Grants...)
	_, err := w.Move(ctx, both, path("/0815/an_KVBbg/Liste.csv"), path("/4711/an_KVBbg/Liste.csv"), mailbox.Conditions{}, "")
	w.refused(err, mailbox.Forbidden, mailbox.ReasonBetween)
}

// An account whose grants have ended, and roles without files, get 403
// everywhere, never an empty listing (A22).
func TestNoGrantIsNoEmptyListing(t *testing.T) {
	w := newWorld(t, mailbox.Single, nil)
	ended := w.actor(1, mailbox.Clerk, "0815")
	ended.Grants[0].Until = ended.Grants[0].From.AddDate(2000, 0, 0)
	admin := w.actor(2, mailbox.Administrator, "0815")
	for _, a := range []mailbox.Actor{ended, admin, w.actor(3, mailbox.Operator, ""), w.actor(4, mailbox.Auditor, ""), w.actor(5, mailbox.Registrar, "")} {
		for _, p := range []string{"/", "/0815", "/an_KVBbg", "/an_KVBbg/x"} {
			_, err := w.Find(ctx, a, path(p), mailbox.Want{})
			w.refused(err, mailbox.Forbidden, mailbox.ReasonNoGrant)
		}
	}
}

// Folder ETags: exact for each side, and of nothing that its viewer cannot see.
func TestFolderETagsPerSide(t *testing.T) {
	w := newWorld(t, mailbox.Single, nil)
	clerk, caseworker := w.actor(1, mailbox.Clerk, "0815"), w.actor(2, mailbox.Caseworker, "")
	centre := w.actor(6, mailbox.Datacentre, "0815")
	tags := func() [4]string {
		return [4]string{w.etag(clerk, "/"), w.etag(caseworker, "/0815"), w.etag(centre, "/"), w.etag(caseworker, "/")}
	}
	step := func(name string, want [4]bool, do func()) {
		t.Helper()
		before := tags()
		do()
		after := tags()
		for i, who := range []string{"clerk", "caseworker", "data centre", "caseworker's root"} {
			if (before[i] != after[i]) != want[i] {
				t.Errorf("%s: %s: %s → %s", name, who, before[i], after[i])
			}
		}
	}
	step("draft", [4]bool{false, true, false, true}, func() { w.put(caseworker, "/0815/Postausgang/a.csv", "1") })
	step("release", [4]bool{true, true, false, true}, func() { w.move(caseworker, "/0815/Postausgang/a.csv", "/0815/a.csv") })
	step("hidden by the member", [4]bool{true, false, false, false}, func() { w.put(clerk, "/an_KVBbg/~$a.docx", "1") })
	step("hidden by the authority", [4]bool{false, true, false, true}, func() { w.put(caseworker, "/0815/x.tmp", "1") })
	step("upload", [4]bool{true, true, false, true}, func() { w.put(clerk, "/an_KVBbg/b.csv", "1") })
	step("data centre", [4]bool{true, true, true, true}, func() { w.put(centre, "/an_KVBbg/c.csv", "1") })
	step("nothing", [4]bool{false, false, false, false}, func() { w.names(clerk, "/an_KVBbg"); w.read(caseworker, "/0815/an_KVBbg/b.csv") })
	step("take over", [4]bool{true, true, false, true}, func() {
		w.move(caseworker, "/0815/an_KVBbg/b.csv", "/0815/KVBBG-SB-Posteingang/b.csv")
	})
}

// A9: a data centre delivers, lists its own, reads nothing.
func TestDatacentre(t *testing.T) {
	w := newWorld(t, mailbox.Single, nil)
	clerk, caseworker := w.actor(1, mailbox.Clerk, "0815"), w.actor(2, mailbox.Caseworker, "")
	centre := w.actor(6, mailbox.Datacentre, "0815")
	if got := w.names(centre, "/"); !slices.Equal(got, []string{"an_KVBbg"}) {
		t.Fatalf("sees %v", got)
	}
	if got := w.names(centre, "/an_KVBbg"); len(got) != 0 {
		t.Fatalf("sees %v", got)
	}
	w.put(clerk, "/an_KVBbg/fremd.csv", "x")
	w.put(centre, "/an_KVBbg/Meldung.csv", "y")
	if got := w.names(centre, "/an_KVBbg"); !slices.Equal(got, []string{"Meldung.csv"}) {
		t.Fatalf("sees %v", got)
	}
	if got := w.names(clerk, "/an_KVBbg"); !slices.Equal(got, []string{"fremd.csv", centre.Login}) {
		t.Fatalf("the clerk sees %v", got)
	}
	if got := w.read(caseworker, "/0815/an_KVBbg/"+centre.Login+"/Meldung.csv"); got != "y" {
		t.Fatalf("read %q", got)
	}
	_, err := w.Open(ctx, centre, path("/an_KVBbg/Meldung.csv"))
	w.refused(err, mailbox.Forbidden, mailbox.ReasonNoReading)
	_, err = w.Open(ctx, centre, path("/an_KVBbg/fremd.csv"))
	w.refused(err, mailbox.NotFound, mailbox.ReasonNotFound)
	w.put(centre, "/an_KVBbg/Meldung.csv", "z")
	if err := w.Remove(ctx, centre, path("/an_KVBbg/Meldung.csv"), mailbox.Conditions{}); err != nil {
		t.Fatal(err)
	}
	err = w.Remove(ctx, centre, path("/an_KVBbg"), mailbox.Conditions{})
	w.refused(err, mailbox.Forbidden, mailbox.ReasonFixedFolder)
}

// The save chains of Word and Excel make exactly one delivery each (DESIGN.md
// section 7).
func TestSaveChains(t *testing.T) {
	w := newWorld(t, mailbox.Single, nil)
	clerk := w.actor(1, mailbox.Clerk, "0815")
	remove := func(p string) {
		t.Helper()
		if err := w.Remove(ctx, clerk, path(p), mailbox.Conditions{}); err != nil {
			t.Fatal(err)
		}
	}
	first := w.put(clerk, "/an_KVBbg/Brief.docx", "alt").Entry
	// Word: a temporary file over the original, which steps aside
	w.put(clerk, "/an_KVBbg/~WRD0000.tmp", "neu")
	w.move(clerk, "/an_KVBbg/Brief.docx", "/an_KVBbg/~WRL0001.tmp")
	saved := w.move(clerk, "/an_KVBbg/~WRD0000.tmp", "/an_KVBbg/Brief.docx").Entry
	remove("/an_KVBbg/~WRL0001.tmp")
	if n := len(w.deliveries(saved.ID)); n != 1 {
		t.Errorf("Word: %d deliveries of the saved document", n)
	}
	if ds := w.deliveries(first.ID); len(ds) != 1 || ds[0].Withdrawn.IsZero() {
		t.Errorf("Word: the former document: %+v", ds)
	}
	// a document that only went aside and came back is not delivered again
	w.move(clerk, "/an_KVBbg/Brief.docx", "/an_KVBbg/beiseite.tmp")
	w.move(clerk, "/an_KVBbg/beiseite.tmp", "/an_KVBbg/Brief.docx")
	if n := len(w.deliveries(saved.ID)); n != 1 {
		t.Errorf("aside and back: %d deliveries", n)
	}
	// Excel: an eight-digit name, not hidden, renamed at once
	w.put(clerk, "/an_KVBbg/Liste.xlsx", "alt")
	temp := w.put(clerk, "/an_KVBbg/A1B2C3D4", "neu").Entry
	w.move(clerk, "/an_KVBbg/Liste.xlsx", "/an_KVBbg/F00DF00D.tmp")
	w.move(clerk, "/an_KVBbg/A1B2C3D4", "/an_KVBbg/Liste.xlsx")
	remove("/an_KVBbg/F00DF00D.tmp")
	if n := len(w.deliveries(temp.ID)); n != 1 {
		t.Errorf("Excel: %d deliveries", n)
	}
}

// Names: twins are refused, an entry may be renamed to its own twin, NFD is NFC.
func TestNamesInAMailbox(t *testing.T) {
	w := newWorld(t, mailbox.Single, nil)
	clerk := w.actor(1, mailbox.Clerk, "0815")
	w.put(clerk, "/an_KVBbg/A\u0308rzte.txt", "x")
	if got := w.names(clerk, "/an_KVBbg"); !slices.Equal(got, []string{"Ärzte.txt"}) {
		t.Fatalf("%q", got)
	}
	w.put(clerk, "/an_KVBbg/Ärzte.txt", "y") // the same name in the other form
	_, err := w.Deliver(ctx, clerk, path("/an_KVBbg/ÄRZTE.TXT"), upload("z"))
	w.refused(err, mailbox.Twin, mailbox.ReasonTwin)
	_, err = w.Open(ctx, clerk, path("/an_KVBbg/ÄRZTE.TXT"))
	w.refused(err, mailbox.NotFound, mailbox.ReasonNotFound)
	w.move(clerk, "/an_KVBbg/Ärzte.txt", "/an_KVBbg/ärzte.txt")
	_, err = w.Deliver(ctx, clerk, path("/an_KVBbg/a:b"), upload("z"))
	w.refused(err, mailbox.NameRefused, mailbox.ReasonNameCharacter)
	_, err = w.Deliver(ctx, clerk, path("/a:b"), upload("z")) // the right comes before the name
	w.refused(err, mailbox.Forbidden, mailbox.ReasonOtherSide)
	_, err = w.Deliver(ctx, clerk, path("/an_KVBbg/"+strings.Repeat("x/", 700)), upload("z"))
	w.refused(err, mailbox.NameRefused, mailbox.ReasonPathLong)
}

// The quota counts what the member uploaded, current and superseded apart.
func TestQuota(t *testing.T) {
	w := newWorld(t, mailbox.Single, func(o *mailbox.Options) { o.Quota = 10 })
	clerk, caseworker := w.actor(1, mailbox.Clerk, "0815"), w.actor(2, mailbox.Caseworker, "")
	w.put(caseworker, "/0815/groß.csv", strings.Repeat("x", 100)) // the authority's documents do not count
	w.put(clerk, "/an_KVBbg/a", "123456")
	_, err := w.Deliver(ctx, clerk, path("/an_KVBbg/b"), upload("12345"))
	w.refused(err, mailbox.OverQuota, mailbox.ReasonQuota)
	w.put(clerk, "/an_KVBbg/a", "1234567890")
	w.put(clerk, "/an_KVBbg/a", "0987654321") // superseded: 16
	_, err = w.Deliver(ctx, clerk, path("/an_KVBbg/a"), upload("12"))
	w.refused(err, mailbox.OverQuota, mailbox.ReasonQuota)
}

// Where superseded versions have no limit, they have none.
func TestSupersededWithoutLimit(t *testing.T) {
	w := newWorld(t, mailbox.Single, func(o *mailbox.Options) { o.Quota, o.Superseded = 10, -1 })
	clerk := w.actor(1, mailbox.Clerk, "0815")
	for _, body := range []string{"1111111111", "2222222222", "3333333333", "4444444444"} {
		w.put(clerk, "/an_KVBbg/a", body)
	}
}

// Locks guard names and contents; another account's token is none; DELETE and
// MOVE take them along.
func TestLocks(t *testing.T) {
	w := newWorld(t, mailbox.Single, nil)
	anna, berta := w.actor(1, mailbox.Clerk, "0815"), w.actor(7, mailbox.Clerk, "0815")
	caseworker := w.actor(2, mailbox.Caseworker, "")
	w.put(anna, "/an_KVBbg/a.docx", "1")
	l, created, err := w.Lock(ctx, anna, path("/an_KVBbg/a.docx"), mailbox.LockRequest{Exclusive: true})
	if err != nil || created {
		t.Fatal(created, err)
	}
	up := upload("2")
	_, err = w.Deliver(ctx, berta, path("/an_KVBbg/a.docx"), up)
	w.refused(err, mailbox.Locked, mailbox.ReasonLocked)
	up.Conditions = with(l.Token)
	_, err = w.Deliver(ctx, berta, path("/an_KVBbg/a.docx"), up)
	w.refused(err, mailbox.Locked, mailbox.ReasonLocked)
	_, err = w.Move(ctx, caseworker, path("/0815/an_KVBbg/a.docx"), path("/0815/KVBBG-SB-Posteingang/a.docx"), mailbox.Conditions{}, "")
	w.refused(err, mailbox.Locked, mailbox.ReasonLocked)
	up = upload("2")
	up.Conditions = with(l.Token)
	if _, err = w.Deliver(ctx, anna, path("/an_KVBbg/a.docx"), up); err != nil {
		t.Fatal(err)
	}
	// Office: a locked temporary file over the unlocked original, with its token only
	w.put(anna, "/an_KVBbg/b.docx", "1")
	w.put(anna, "/an_KVBbg/~t.tmp", "2")
	lt, _, err := w.Lock(ctx, anna, path("/an_KVBbg/~t.tmp"), mailbox.LockRequest{Exclusive: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Move(ctx, anna, path("/an_KVBbg/~t.tmp"), path("/an_KVBbg/b.docx"), with(lt.Token), ""); err != nil {
		t.Fatal(err)
	}
	w.put(anna, "/an_KVBbg/b.docx", "3") // the lock did not move along
	if err := w.Remove(ctx, anna, path("/an_KVBbg/a.docx"), with(l.Token)); err != nil {
		t.Fatal(err)
	}
	w.put(berta, "/an_KVBbg/a.docx", "4") // nor stay behind
}
