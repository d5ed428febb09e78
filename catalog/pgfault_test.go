// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"postfach/catalog/catalogtest"
	"postfach/catalog/pgtest"
	"postfach/mailbox"
)

// behind opens a catalog through a proxy, and one beside it that sees the truth.
func behind(t *testing.T) (node *Postgres, proxy *pgtest.Proxy, truth *Postgres) {
	t.Helper()
	s := shared.Get(t)
	database := s.Database(t)
	proxy = pgtest.NewProxy(t, s)
	node = openNode(t, proxy.URL(database), Options{})
	return node, proxy, openNode(t, s.URL(database), Options{})
}

// newFile is a change with a new version; it gives the version's id.
func newFile(node *Postgres, m mailbox.Member, name string, runs *int) (mailbox.VersionID, error) {
	id := mailbox.NewVersionID()
	err := node.Update(context.Background(), m.ID, func(tx mailbox.Tx) error {
		*runs++
		return fileOf(tx, m, name, id)
	})
	return id, err
}

// fileOf makes a file with that version, and its record.
func fileOf(tx mailbox.Tx, m mailbox.Member, name string, id mailbox.VersionID) error {
	e := mailbox.Entry{Member: m.ID, Parent: m.Folders[mailbox.ToAuthority], Place: mailbox.ToAuthority, Name: name, Created: tx.Now(), Modified: tx.Now()}
	e.Version = mailbox.Version{ID: id}
	if err := tx.InsertEntry(&e); err != nil {
		return err
	}
	e.Version.Entry = e.ID
	if err := tx.InsertVersion(e.Version, nil, time.Time{}); err != nil {
		return err
	}
	return tx.Audit(mailbox.Record{Operation: mailbox.OpCreate, Member: m.ID, Version: id, Result: "ok"})
}

// stored counts what a change of newFile has left; it is all or nothing.
func stored(t *testing.T, truth *Postgres, id mailbox.VersionID) bool {
	t.Helper()
	found := false
	must(t, truth.View(t.Context(), func(r mailbox.Reader) error {
		_, err := r.Version(id)
		if found = err == nil; !found && mailbox.KindOf(err) == mailbox.NotFound {
			err = nil
		}
		return err
	}))
	records := 0
	must(t, truth.Inquire(t.Context(), func(q *Inquiry) error {
		return q.Records(RecordQuery{Operations: []mailbox.Operation{mailbox.OpCreate}}, func(l Logged) error {
			if l.Version == id {
				records++
			}
			return nil
		})
	}))
	if want := map[bool]int{true: 1}[found]; records != want {
		t.Errorf("version stored: %v, with %d records", found, records)
	}
	return found
}

// TestLostCommit: whatever happens to a COMMIT on its way, the caller learns
// the truth (I2), and the change is made once.
func TestLostCommit(t *testing.T) {
	node, proxy, truth := behind(t)
	m := newMember(t, truth.tables, "0815")
	for _, tc := range []struct {
		name  string
		fault []pgtest.Fault
		runs  int
	}{
		{"the answer is lost", []pgtest.Fault{pgtest.LoseReply}, 1},
		{"the request is lost", []pgtest.Fault{pgtest.LoseCommit}, 2},
		{"the server waits for it", []pgtest.Fault{pgtest.HoldCommit}, 2},
		{"lost twice", []pgtest.Fault{pgtest.LoseCommit, pgtest.LoseReply}, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			proxy.Set(tc.fault...)
			runs := 0
			id, err := newFile(node, m, tc.name, &runs)
			must(t, err)
			if proxy.Hits() != len(tc.fault) || runs != tc.runs {
				t.Errorf("%d faults, %d runs, want %d", proxy.Hits(), runs, tc.runs)
			}
			if !stored(t, truth, id) {
				t.Error("acknowledged and lost")
			}
			if found, err := node.Committed(t.Context(), id); err != nil || !found {
				t.Errorf("Committed: %v, %v", found, err)
			}
		})
	}
	allBack(t, node)
}

// TestCommitInDoubt: while the server cannot be asked, nobody claims to know;
// afterwards Committed tells the truth, and what it called absent stays so.
func TestCommitInDoubt(t *testing.T) {
	node, proxy, truth := behind(t)
	m := newMember(t, truth.tables, "0815")
	for _, tc := range []struct {
		name  string
		fault pgtest.Fault
		want  bool
	}{
		{"committed", pgtest.LoseReply, true},
		{"never asked for", pgtest.LoseCommit, false},
		{"still waiting", pgtest.HoldCommit, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			node.resolveFor = 100 * time.Millisecond
			proxy.Set(tc.fault, pgtest.Refuse)
			runs := 0
			id, err := newFile(node, m, tc.name, &runs)
			wantKind(t, err, mailbox.Unavailable)
			_, err = node.Committed(t.Context(), id)
			wantKind(t, err, mailbox.Unavailable)
			wantKind(t, node.beat(t.Context()), mailbox.Unavailable)
			proxy.Set()
			node.resolveFor = resolveFor
			if found, err := node.Committed(t.Context(), id); err != nil || found != tc.want {
				t.Errorf("Committed: %v, %v", found, err)
			}
			proxy.Cut() // whatever the server still held comes to an end
			if stored(t, truth, id) != tc.want || len(node.doubts) != 0 {
				t.Errorf("stored: %v; %d doubts", !tc.want, len(node.doubts))
			}
			must(t, node.Ready(t.Context()))
		})
	}
}

// TestCutInside: a change whose connection breaks before its commit is run
// again; the first run leaves nothing and keeps no mailbox locked.
func TestCutInside(t *testing.T) {
	node, proxy, truth := behind(t)
	m := newMember(t, truth.tables, "0815")
	runs := 0
	must(t, node.Update(t.Context(), m.ID, func(tx mailbox.Tx) error {
		if _, err := tx.NextChange(); err != nil {
			return err
		}
		if runs++; runs == 1 {
			proxy.Cut()
		}
		_, err := tx.Entry(m.Folders[mailbox.Root])
		return err
	}))
	must(t, truth.Update(t.Context(), m.ID, func(tx mailbox.Tx) error {
		if got, err := tx.Member(m.ID); err != nil || got.Change != 1 || runs != 2 {
			t.Errorf("change %d after %d runs (%v)", got.Change, runs, err)
		}
		return nil
	}))
	// A view that is cut is the reader's to ask again; the next one is whole.
	err := node.View(t.Context(), func(r mailbox.Reader) error {
		proxy.Cut()
		_, err := r.Member(m.ID)
		return err
	})
	wantKind(t, err, mailbox.Unavailable)
	must(t, node.View(t.Context(), func(r mailbox.Reader) error { _, err := r.Member(m.ID); return err }))
}

// TestServerGone: without its server a catalog refuses, says so, and goes on by
// itself when the server is back, with everything that it had acknowledged.
func TestServerGone(t *testing.T) {
	s := shared.Get(t)
	node := openNode(t, s.URL(s.Database(t)), Options{BusyTimeout: time.Second})
	m := newMember(t, node.tables, "0815")
	var kept []mailbox.VersionID
	var mu sync.Mutex
	var all sync.WaitGroup
	stop := make(chan struct{})
	for w := range 4 {
		all.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				runs := 0
				id, err := newFile(node, m, fmt.Sprintf("%d-%d", w, i), &runs)
				switch {
				case err == nil:
					mu.Lock()
					kept = append(kept, id)
					mu.Unlock()
				case mailbox.KindOf(err) != mailbox.Unavailable:
					t.Errorf("kind %d: %v", mailbox.KindOf(err), err)
				}
			}
		})
	}
	more := func(n int) { // waits until so many further uploads were acknowledged
		t.Helper()
		count := func() int {
			mu.Lock()
			defer mu.Unlock()
			return len(kept)
		}
		to, end := count()+n, time.Now().Add(2*time.Minute)
		for ; count() < to; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("uploads stand still after %d", count())
			}
		}
	}
	for range 2 {
		more(5)
		s.Kill()
		wantKind(t, node.beat(t.Context()), mailbox.Unavailable)
		wantKind(t, node.View(t.Context(), func(mailbox.Reader) error { return nil }), mailbox.Unavailable)
		must(t, s.Start())
	}
	more(5)
	close(stop)
	all.Wait()
	must(t, node.Ready(t.Context()))
	for _, id := range kept {
		if found, err := node.Committed(t.Context(), id); err != nil || !found {
			t.Errorf("acknowledged version %s: %v, %v", id, found, err)
		}
	}
}

// TestPoolBounded: who finds all connections lent waits, at most so long.
func TestPoolBounded(t *testing.T) {
	s := shared.Get(t)
	p, err := OpenPostgres(Server{URL: s.URL(s.Database(t)), Conns: 2}, Options{BusyTimeout: time.Second})
	must(t, err)
	defer p.Close()
	must(t, p.View(t.Context(), func(mailbox.Reader) error {
		return p.View(t.Context(), func(mailbox.Reader) error {
			if open, lent := p.pool.Stat(); open != 2 || lent != 2 {
				t.Errorf("%d connections, %d lent", open, lent)
			}
			wantKind(t, p.View(t.Context(), func(mailbox.Reader) error { return nil }), mailbox.Unavailable)
			gone, cancel := context.WithCancel(t.Context())
			cancel()
			wantKind(t, p.View(gone, func(mailbox.Reader) error { return nil }), mailbox.Canceled)
			return nil
		})
	}))
	func() {
		defer func() { _ = recover() }()
		_ = p.View(t.Context(), func(mailbox.Reader) error { panic("a fault of ours") })
	}()
	allBack(t, p)
}

// TestPostgresClosed: after Close everything is Unavailable.
func TestPostgresClosed(t *testing.T) {
	p := openPostgres(t)
	m := mailbox.Member{Number: "1"}
	must(t, p.Update(t.Context(), 0, func(tx mailbox.Tx) error { return tx.InsertMember(&m, catalogtest.Names) }))
	must(t, p.Close())
	wantKind(t, p.beat(t.Context()), mailbox.Unavailable)
	wantKind(t, p.View(t.Context(), func(mailbox.Reader) error { return nil }), mailbox.Unavailable)
	wantKind(t, p.Append(t.Context(), mailbox.Record{}), mailbox.Unavailable)
	_, err := p.Committed(t.Context(), mailbox.NewVersionID())
	wantKind(t, err, mailbox.Unavailable)
}
