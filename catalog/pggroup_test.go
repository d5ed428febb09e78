// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"postfach/catalog/pgtest"
	"postfach/mailbox"
)

// errNo is a function's own refusal.
var errNo = errors.New("refused by the function")

// part is one change of a group.
type part struct {
	name string
	fn   func(*tx) error // after the file was made; nil for nothing
	ctx  context.Context

	id   mailbox.VersionID
	runs int
	err  error
	xids []string // of the transactions that ran it
	nth  int64    // change number
	at   time.Time
}

// make is a change with a new file, whatever fn says after it.
func (c *part) make(t *tx, m mailbox.Member) error {
	c.runs++
	box, err := t.Member(m.ID)
	if err != nil {
		return err
	}
	if c.nth, err = t.NextChange(); err != nil {
		return err
	}
	if c.nth != box.Change+1 {
		return fmt.Errorf("change %d after %d", c.nth, box.Change)
	}
	c.at = t.Now()
	if _, err := t.one("SELECT CAST(pg_current_xact_id() AS TEXT)", func(r tuple) { c.xids = append(c.xids, r.Text(0)) }); err != nil {
		return err
	}
	if err := fileOf(t, m, c.name, c.id); err != nil {
		return err
	}
	if err := t.AddUsage(1, 0); err != nil {
		return err
	}
	if c.fn != nil {
		return c.fn(t)
	}
	return nil
}

// together lets changes of a mailbox wait behind the first of them, in their
// order, and gives them all the time to share its transaction.
func together(t *testing.T, p *Postgres, m mailbox.Member, parts ...*part) {
	t.Helper()
	p.groupFor = time.Minute
	var all sync.WaitGroup
	start := func(c *part, before func()) {
		c.id = mailbox.NewVersionID()
		if c.ctx == nil {
			c.ctx = context.Background()
		}
		all.Go(func() {
			c.err = p.Update(c.ctx, m.ID, func(x mailbox.Tx) error {
				if before != nil && c.runs == 0 {
					before()
				}
				return c.make(x.(*tx), m)
			})
		})
	}
	start(parts[0], func() {
		for i, c := range parts[1:] {
			start(c, nil)
			for waiting(p, m) < i+2 {
				time.Sleep(time.Millisecond)
			}
		}
	})
	all.Wait()
}

// check sees that each caller knows the truth about its change, and that the
// mailbox and its records are what one change after the other would have left.
func check(t *testing.T, truth *Postgres, m mailbox.Member, parts ...*part) {
	t.Helper()
	var stand []*part
	for _, c := range parts {
		if is := stored(t, truth, c.id); is != (c.err == nil) {
			t.Errorf("%s: stored %v, and the caller was told %v", c.name, is, c.err)
		}
		if c.err == nil {
			stand = append(stand, c)
		}
	}
	slices.SortFunc(stand, func(a, b *part) int { return int(a.nth - b.nth) })
	i := 0
	must(t, truth.Inquire(t.Context(), func(q *Inquiry) error {
		return q.Records(RecordQuery{Member: m.ID}, func(l Logged) error {
			switch {
			case i >= len(stand) || l.Version != stand[i].id:
				t.Errorf("record %d is of %s", i, l.Version)
			case !l.Time.Equal(stand[i].at), i > 0 && l.Time.Before(stand[i-1].at):
				t.Errorf("record %d: %s", i, l.Time)
			case stand[i].nth != int64(i+1):
				t.Errorf("%s has change number %d, want %d", stand[i].name, stand[i].nth, i+1)
			}
			i++
			return nil
		})
	}))
	must(t, truth.View(t.Context(), func(r mailbox.Reader) error {
		got, err := r.Member(m.ID)
		if n := int64(len(stand)); got.Change != n || got.Usage.Current != n || i != len(stand) {
			t.Errorf("change %d, usage %d, %d records; want %d of each", got.Change, got.Usage.Current, i, n)
		}
		return err
	}))
}

// TestGroup: changes that wait for one mailbox share a transaction, and each is
// answered as if it had been alone: a refusal or a panic after writing undoes
// only its own, and a caller who has gone is left out.
func TestGroup(t *testing.T) {
	p := openPostgres(t)
	m := newMember(t, p.tables, "0815")
	gone, leave := context.WithCancel(t.Context())
	a, b, c, d, e := &part{name: "a"}, &part{name: "b"}, &part{name: "c", ctx: gone}, &part{name: "d"}, &part{name: "e"}
	a.fn = func(*tx) error { // everybody waits by now
		leave()
		for waiting(p, m) != 4 {
			time.Sleep(time.Millisecond)
		}
		return nil
	}
	b.fn = func(*tx) error { return errNo }
	d.fn = func(*tx) error { panic("planted") }
	together(t, p, m, a, b, c, d, e)
	check(t, p, m, a, b, c, d, e)
	if a.err != nil || !errors.Is(b.err, errNo) || d.err == nil || e.err != nil {
		t.Errorf("%v, %v, %v, %v", a.err, b.err, d.err, e.err)
	}
	wantKind(t, c.err, mailbox.Canceled)
	for _, c := range []*part{b, d, e} {
		if c.runs != 1 || c.xids[0] != a.xids[0] {
			t.Errorf("%s: %d runs in transactions %v, not %v", c.name, c.runs, c.xids, a.xids)
		}
	}
	if c.runs != 0 {
		t.Error("the one who has gone was begun")
	}
	allBack(t, p)
}

// TestGroupStatement: a statement that fails, at once or only with the next
// message, undoes the group and fails only its own change when each is alone.
func TestGroupStatement(t *testing.T) {
	for _, tc := range []struct {
		name string
		fail func(*tx) error
	}{
		{"at once", func(t *tx) error { _, err := t.exec("SELECT 1/0"); return err }},
		{"not cared for", func(t *tx) error { _, _ = t.exec("SELECT 1/0"); return nil }},
		{"later", func(t *tx) error { return t.later("SELECT 1/0") }},
		{"first", nil},
		{"at the commit", func(t *tx) error {
			return errors.Join(t.later("CREATE TEMPORARY TABLE late (a INT PRIMARY KEY DEFERRABLE INITIALLY DEFERRED) ON COMMIT DROP"),
				t.c.(post).Script("INSERT INTO late VALUES (1), (1)"))
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := openPostgres(t)
			m := newMember(t, p.tables, "0815")
			a, b, c, d := &part{name: "a"}, &part{name: "b"}, &part{name: "c", fn: tc.fail}, &part{name: "d"}
			if tc.fail == nil {
				a.fn, c.fn = func(t *tx) error { return t.later("SELECT 1/0") }, func(*tx) error { return errNo }
			}
			together(t, p, m, a, b, c, d)
			check(t, p, m, a, b, c, d)
			if (a.err == nil) != (tc.fail != nil) || b.err != nil || c.err == nil || d.err != nil {
				t.Errorf("%v, %v, %v, %v", a.err, b.err, c.err, d.err)
			}
			if b.runs != 2 {
				t.Errorf("%d runs", b.runs)
			}
			allBack(t, p)
		})
	}
}

// TestGroupAgain: when the database gives a group up for another one's sake,
// each of its changes is run again.
func TestGroupAgain(t *testing.T) {
	for _, code := range []string{"40001", "40P01"} {
		p := openPostgres(t)
		m := newMember(t, p.tables, "0815")
		a, b, c := &part{name: "a"}, &part{name: "b"}, &part{name: "c"}
		c.fn = func(t *tx) error {
			if c.runs == 1 {
				_, err := t.exec("DO $$ BEGIN RAISE EXCEPTION 'given up' USING ERRCODE = '" + code + "'; END $$")
				return err
			}
			return nil
		}
		together(t, p, m, a, b, c)
		check(t, p, m, a, b, c)
		for _, c := range []*part{a, b, c} {
			if c.err != nil || c.runs != 2 {
				t.Errorf("%s of %s: %v after %d runs", c.name, code, c.err, c.runs)
			}
		}
	}
}

// TestGroupLocks: who comes later in a transaction sees the locks and the
// mailbox as those before it have left them, unless these were undone.
func TestGroupLocks(t *testing.T) {
	p := openPostgres(t)
	m := newMember(t, p.tables, "0815")
	lock := func(token string, then error) func(*tx) error {
		return func(t *tx) error {
			l := mailbox.Lock{Token: token, Member: m.ID, Entry: m.Folders[mailbox.Root], Expires: t.Now().Add(time.Hour)}
			return errors.Join(t.PutLock(l), t.UpdateMember(mailbox.Member{ID: m.ID, Name: token, Quota: 7}), then)
		}
	}
	see := func(token string) func(*tx) error {
		return func(t *tx) error {
			locks, err := t.Locks(m.ID)
			box, errBox := t.Member(m.ID)
			if len(locks) != 1 || locks[0].Token != token || box.Name != token {
				err = fmt.Errorf("locks %v of %s, want %s", locks, box.Name, token)
			}
			return errors.Join(err, errBox)
		}
	}
	all := []*part{{name: "a"}, {name: "b", fn: lock("one", errNo)}, {name: "c", fn: lock("two", nil)}, {name: "d", fn: see("two")},
		{name: "e", fn: lock("three", errNo)}, {name: "f", fn: see("two")}}
	together(t, p, m, all...)
	check(t, p, m, all...)
	for _, c := range all {
		if want := map[string]error{"b": errNo, "e": errNo}[c.name]; !errors.Is(c.err, want) || c.runs != 1 {
			t.Errorf("%s: %v after %d runs", c.name, c.err, c.runs)
		}
	}
}

// TestGroupBounds: a transaction takes so many changes and no more, and other
// mailboxes do not wait for it.
func TestGroupBounds(t *testing.T) {
	p := openPostgres(t)
	m, other := newMember(t, p.tables, "0815"), newMember(t, p.tables, "0816")
	all := make([]*part, groupChanges+3)
	for i := range all {
		all[i] = &part{name: fmt.Sprint(i)}
	}
	all[5].fn = func(*tx) error {
		return p.Update(t.Context(), other.ID, func(x mailbox.Tx) error { _, err := x.NextChange(); return err })
	}
	together(t, p, m, all...)
	check(t, p, m, all...)
	for i, c := range all {
		if same := c.xids[0] == all[0].xids[0]; same != (i < groupChanges) || c.runs != 1 {
			t.Errorf("change %d: in the first transaction %v, %d runs", i, same, c.runs)
		}
	}
}

// TestGroupLostCommit: whatever happens to the COMMIT of a group, each caller
// learns the truth (I2), those too whose functions have refused.
func TestGroupLostCommit(t *testing.T) {
	for _, tc := range []struct {
		name  string
		fault []pgtest.Fault
		runs  int
		doubt bool
	}{
		{"the answer is lost", []pgtest.Fault{pgtest.LoseReply}, 1, false},
		{"the request is lost", []pgtest.Fault{pgtest.LoseCommit}, 2, false},
		{"the server waits for it", []pgtest.Fault{pgtest.HoldCommit}, 2, false},
		{"the answer is lost, and the server cannot be asked", []pgtest.Fault{pgtest.LoseReply, pgtest.Refuse}, 1, true},
		{"the request is lost, and the server cannot be asked", []pgtest.Fault{pgtest.LoseCommit, pgtest.Refuse}, 1, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			node, proxy, truth := behind(t)
			m := newMember(t, truth.tables, "0815")
			a, b, c, d := &part{name: "a"}, &part{name: "b"}, &part{name: "c"}, &part{name: "d"}
			a.fn = func(*tx) error {
				if a.runs == 1 {
					proxy.Set(tc.fault...)
				}
				return nil
			}
			b.fn = func(*tx) error { return errNo }
			if tc.doubt {
				node.resolveFor = 100 * time.Millisecond
			}
			together(t, node, m, a, b, c, d)
			node.resolveFor = resolveFor
			if proxy.Hits() != 1 || a.runs != tc.runs || c.runs != tc.runs || d.runs != tc.runs {
				t.Errorf("%d faults; %d, %d, %d runs, want %d", proxy.Hits(), a.runs, c.runs, d.runs, tc.runs)
			}
			if !tc.doubt {
				check(t, truth, m, a, b, c, d)
				if a.err != nil || !errors.Is(b.err, errNo) || c.err != nil || d.err != nil {
					t.Errorf("%v, %v, %v, %v", a.err, b.err, c.err, d.err)
				}
				allBack(t, node)
				return
			}
			for _, c := range []*part{a, b, c, d} {
				wantKind(t, c.err, mailbox.Unavailable)
			}
			proxy.Set()
			for _, c := range []*part{a, b, c, d} {
				want := tc.fault[0] == pgtest.LoseReply && c != b
				if found, err := node.Committed(t.Context(), c.id); err != nil || found != want || stored(t, truth, c.id) != want {
					t.Errorf("%s: committed %v, %v; want %v", c.name, found, err, want)
				}
			}
			must(t, node.Ready(t.Context()))
		})
	}
}

// TestGroupCut: a connection that breaks while a group runs leaves nothing, and
// each change is run again.
func TestGroupCut(t *testing.T) {
	node, proxy, truth := behind(t)
	m := newMember(t, truth.tables, "0815")
	a, b, c, d := &part{name: "a"}, &part{name: "b"}, &part{name: "c"}, &part{name: "d"}
	b.fn = func(*tx) error { return errNo }
	c.fn = func(t *tx) error {
		if c.runs == 1 {
			proxy.Cut()
		}
		_, err := t.Entry(m.Folders[mailbox.Root])
		return err
	}
	together(t, node, m, a, b, c, d)
	check(t, truth, m, a, b, c, d)
	if a.err != nil || !errors.Is(b.err, errNo) || c.err != nil || d.err != nil || a.runs != 2 || b.runs != 2 || c.runs != 2 || d.runs != 1 {
		t.Errorf("%v, %v, %v, %v after %d, %d, %d, %d runs", a.err, b.err, c.err, d.err, a.runs, b.runs, c.runs, d.runs)
	}
	allBack(t, node)
}

// TestGroupAbandoned: a function that ends its goroutine takes nobody along.
func TestGroupAbandoned(t *testing.T) {
	p := openPostgres(t)
	m := newMember(t, p.tables, "0815")
	a, b, c := &part{name: "a"}, &part{name: "b"}, &part{name: "c"}
	a.err = errNo // stays
	b.err = errNo
	b.fn = func(*tx) error { runtime.Goexit(); return nil }
	together(t, p, m, a, b, c)
	if c.err != nil || !stored(t, p, c.id) || stored(t, p, b.id) {
		t.Errorf("%v", c.err)
	}
	allBack(t, p)
}
