// SPDX-License-Identifier: Apache-2.0

package mailbox_test

import (
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"postfach/catalog"
	"postfach/cmd/postfach/replay"
	"postfach/mailbox"
)

// clock is a clock that a test sets.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.at.Store(time.Date(2026, 3, 2, 8, 0, 10, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) now() time.Time       { return time.Unix(0, c.at.Load()) }
func (c *clock) pass(d time.Duration) { c.at.Add(int64(d)) }

// I3: listings are one record per actor, folder and minute, written within a
// second; what comes later in the minute is counted once it is over. Absent
// names are counted per account, strangers per address.
func TestListingsAreCoalesced(t *testing.T) {
	c := newClock()
	w := newWorld(t, mailbox.Single, func(o *mailbox.Options) { o.Now = c.now }).scene(t, mailbox.Single)
	counts := func(op mailbox.Operation) (all []int64) {
		for _, r := range w.records(op) {
			all = append(all, r.Detail.Count)
		}
		return all
	}
	list := func(n int) {
		for range n {
			w.names(w.clerk, "/an_KVBbg")
			w.Refused(w.clerk, "GET", "/x", mailbox.E(mailbox.NotFound, mailbox.ReasonNotFound))
			w.Stranger(netip.MustParseAddr("192.0.2.1"), mailbox.Unauthenticated)
		}
		w.Flush(ctx)
	}
	list(3)
	for _, op := range []mailbox.Operation{mailbox.OpList, mailbox.OpRefused, mailbox.OpStrangers} {
		if got := counts(op); !slices.Equal(got, []int64{3}) {
			t.Errorf("%s: %v after the first second", op, got)
		}
	}
	list(2)
	list(2)
	if got := counts(mailbox.OpList); !slices.Equal(got, []int64{3}) {
		t.Errorf("%v within the minute", got)
	}
	c.pass(time.Minute)
	list(1)
	for _, op := range []mailbox.Operation{mailbox.OpList, mailbox.OpRefused, mailbox.OpStrangers} {
		got := counts(op)
		slices.Sort(got)
		if !slices.Equal(got, []int64{1, 3, 4}) {
			t.Errorf("%s: %v in the next minute", op, got)
		}
	}
	w.names(w.worker, w.at("/an_KVBbg"))
	w.Flush(ctx)
	if n := len(counts(mailbox.OpList)); n != 4 {
		t.Errorf("%d records: another actor's listing is one of its own", n)
	}
	c.pass(time.Minute)
	w.Flush(ctx)
	if n := w.Gathered(); n != 0 {
		t.Errorf("%d still gathered", n)
	}
}

// A flood is counted, not gathered, whatever happens to the catalog.
func TestJournalIsBounded(t *testing.T) {
	w := newWorld(t, mailbox.Single, nil).scene(t, mailbox.Single)
	a := netip.MustParseAddr("2001:db8::")
	if err := w.catalog.Close(); err != nil {
		t.Fatal(err)
	}
	for range mailbox.MaxJournal + 100 {
		a = a.Next()
		w.Stranger(a, mailbox.Unauthenticated)
		w.Refused(w.clerk, "PUT", "/x", mailbox.E(mailbox.Forbidden, mailbox.ReasonOtherSide))
	}
	if n := w.Gathered(); n > 2*mailbox.MaxJournal+10 {
		t.Errorf("%d gathered", n)
	}
	err := w.List(ctx, w.clerk, path("/"), mailbox.Want{}, func(mailbox.Node) error { return nil })
	if mailbox.KindOf(err) != mailbox.Unavailable {
		t.Errorf("a listing that cannot be recorded: %v", err)
	}
}

// I3: each reading of the whole is a record; parts of one version within five
// minutes belong to the first.
func TestReadsAreRecorded(t *testing.T) {
	c := newClock()
	w := newWorld(t, mailbox.Single, func(o *mailbox.Options) { o.Now = c.now }).scene(t, mailbox.Single)
	w.put(w.clerk, "/an_KVBbg/a", "0123456789")
	read := func(offset, n int64) {
		t.Helper()
		d, err := w.Open(ctx, w.worker, path(w.at("/an_KVBbg/a")))
		if err != nil {
			t.Fatal(err)
		}
		body, err := d.Read(ctx, offset, n)
		if err != nil {
			t.Fatal(err)
		}
		body.Close()
		if err := d.Sent(ctx, offset, offset+max(n, 0)); err != nil {
			t.Fatal(err)
		}
	}
	for i, step := range []struct {
		offset, n int64
		want      int
	}{{2, 3, 1}, {5, 1, 1}, {0, -1, 2}, {0, -1, 3}, {1, 1, 3}} {
		read(step.offset, step.n)
		if n := len(w.records(mailbox.OpRead)); n != step.want {
			t.Errorf("step %d: %d records, want %d", i, n, step.want)
		}
	}
	c.pass(6 * time.Minute)
	read(1, 1)
	if n := len(w.records(mailbox.OpRead)); n != 4 {
		t.Errorf("%d records after six minutes", n)
	}
	r := w.records(mailbox.OpRead)[0]
	if r.Detail.Path != "/an_KVBbg/a" || r.Person != w.worker.Person || r.Role != mailbox.Caseworker || r.Member == 0 ||
		r.Place != mailbox.ToAuthority || r.SHA256 == [32]byte{} || r.Time.IsZero() {
		t.Errorf("%+v", r)
	}
}

// A document that is released again after a recall is fetched again.
func TestFetchedAgain(t *testing.T) {
	w := newWorld(t, mailbox.Single, nil).scene(t, mailbox.Single)
	e := w.put(w.worker, w.at("/a"), "1").Entry
	w.read(w.clerk, "/a")
	w.move(w.worker, w.at("/a"), w.at("/Postausgang/a"))
	w.move(w.worker, w.at("/Postausgang/a"), w.at("/a"))
	w.read(w.clerk, "/a")
	for _, d := range w.deliveries(e.ID) {
		if d.Fetched.IsZero() {
			t.Errorf("not fetched: %+v", d)
		}
	}
}

// D8, I3: the log alone gives the tree and the digests, on every way that
// changes them.
func (w *world) replays() {
	w.t.Helper()
	log, have := replay.NewLog(), replay.NewState()
	log.Gapless = true
	err := w.catalog.Inquire(ctx, func(q *catalog.Inquiry) error {
		if err := q.Records(catalog.RecordQuery{}, func(l catalog.Logged) error { log.Apply(l.Record); return nil }); err != nil {
			return err
		}
		return stateOf(q, have)
	})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range slices.Concat(log.Faults(), replay.Compare(log.State(), have)) {
		w.t.Error(f)
	}
}

func stateOf(q *catalog.Inquiry, s replay.State) error {
	fixed := map[mailbox.EntryID]bool{}
	boxes, err := q.Mailboxes(nil)
	for _, b := range boxes {
		s.Members[b.Member.ID] = b.Member.Number
		for _, id := range b.Member.Folders {
			fixed[id] = true
		}
	}
	entries := map[mailbox.EntryID]mailbox.Entry{}
	if err == nil {
		err = q.EachEntry(0, func(x mailbox.Entry) error { entries[x.ID] = x; return nil })
	}
	for id, x := range entries {
		at := ""
		for up := x; up.Parent != 0; up = entries[up.Parent] {
			if !up.Removed.IsZero() {
				at = ""
				break
			}
			at = "/" + up.Name + at
		}
		if !fixed[id] {
			s.Entries[id] = replay.Entry{Member: x.Member, Path: at, Folder: x.Folder, Version: x.Version.ID}
		}
	}
	if err == nil {
		err = q.EachVersion(0, func(v mailbox.Version) error {
			s.Versions[v.ID] = replay.Version{Entry: v.Entry, SHA256: v.SHA256, Size: v.Size, Purged: v.Purged}
			return nil
		})
	}
	return err
}

// Every record that a document's life leaves says where, who and what.
func TestRecordsReplay(t *testing.T) {
	w := newWorld(t, mailbox.Single, nil).scene(t, mailbox.FourEyes)
	centre := w.actor(11, mailbox.Datacentre, w.number)
	w.put(centre, "/an_KVBbg/a", "1") // makes its folder
	w.mkdir(w.clerk, "/an_KVBbg/O")
	w.put(w.clerk, "/an_KVBbg/O/a", "1")
	w.put(w.clerk, "/an_KVBbg/O/~$a", "1")
	w.put(w.clerk, "/an_KVBbg/b", "2")
	w.move(w.clerk, "/an_KVBbg/b", "/an_KVBbg/O/a") // gives way
	if err := w.tryCopy(w.clerk, "/an_KVBbg/O", "/an_KVBbg/P"); err != nil {
		t.Fatal(err)
	}
	if err := w.tryCopy(w.clerk, "/an_KVBbg/O", "/an_KVBbg/P"); err != nil { // over it
		t.Fatal(err)
	}
	w.mkdir(w.clerk, "/an_KVBbg/Q")
	w.move(w.clerk, "/an_KVBbg/P", "/an_KVBbg/Q")                          // over a folder
	w.move(w.worker, w.at("/an_KVBbg/O"), w.at("/KVBBG-SB-Posteingang/O")) // leaves something behind
	p, err := w.Find(ctx, w.clerk, path("/an_KVBbg/Q"), mailbox.Want{})
	if err != nil {
		t.Fatal(err)
	}
	w.remove(w.clerk, "/an_KVBbg/Q")
	if err := w.Restore(ctx, mailbox.By{}, p.Entry.ID); err != nil {
		t.Fatal(err)
	}
	w.put(w.worker, w.at("/Postausgang/r"), "1")
	if _, err := w.Return(ctx, w.reviewer, path(w.at("/Postausgang/r")), "Spalte fehlt"); err != nil {
		t.Fatal(err)
	}
	w.put(w.worker, w.at("/Postausgang/r"), "2") // comes back
	w.read(w.reviewer, w.at("/Postausgang/r"))
	w.move(w.reviewer, w.at("/Postausgang/r"), w.at("/r"))
	w.put(w.worker, w.at("/Postausgang/r"), "3")
	w.read(w.reviewer, w.at("/Postausgang/r"))
	w.move(w.reviewer, w.at("/Postausgang/r"), w.at("/r")) // onto the earlier one
	w.remove(w.worker, w.at("/r"))
	w.replays()
	gaveWay := 0
	for _, r := range w.records(mailbox.OpRename, mailbox.OpRelease) {
		if r.Detail.Replaced != 0 {
			gaveWay++
		}
		if r.Person == 0 || r.Account == 0 || r.Role == "" || r.Member == 0 || r.Detail.Target == "" {
			t.Errorf("%+v", r)
		}
	}
	if gaveWay != 2 {
		t.Errorf("%d records say what gave way, want 2", gaveWay)
	}
}
