// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postfach/auth"
	"postfach/catalog/catalogtest"
	"postfach/mailbox"
	"postfach/notify"
)

// patient is for changes that have to wait for many others: on a slow disk that
// takes longer than the usual patience.
func patient() Options { return Options{BusyTimeout: 2 * time.Minute} }

// twoNodes opens one database twice.
func twoNodes(t *testing.T) (a, b *Postgres) {
	t.Helper()
	s := shared.Get(t)
	url := s.URL(s.Database(t))
	return openNode(t, url, patient()), openNode(t, url, patient())
}

func newMember(t *testing.T, s tables, number string) mailbox.Member {
	t.Helper()
	m := mailbox.Member{Number: number, Name: "Stadt " + number}
	must(t, s.Update(t.Context(), 0, func(tx mailbox.Tx) error { return tx.InsertMember(&m, catalogtest.Names) }))
	return m
}

// TestNodesStartTogether: any number of nodes may find an empty database at the
// same moment; one of them makes the tables.
func TestNodesStartTogether(t *testing.T) {
	s := shared.Get(t)
	url := s.URL(s.Database(t))
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			p, err := OpenPostgres(Server{URL: url, Conns: 2}, patient())
			if err != nil {
				t.Error(err)
				return
			}
			if err := p.beat(t.Context()); err != nil {
				t.Error(err)
			}
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// TestNodesOneMailbox: changes of one mailbox by two nodes happen one after the
// other, none is lost, and their times follow their order.
func TestNodesOneMailbox(t *testing.T) {
	a, b := twoNodes(t)
	m := newMember(t, a.tables, "0815")
	const each = 30
	var all sync.WaitGroup
	for _, node := range []*Postgres{a, b} {
		for range each {
			all.Go(func() {
				err := node.Update(t.Context(), m.ID, func(tx mailbox.Tx) error {
					before, err := tx.Member(m.ID)
					if err != nil {
						return err
					}
					n, err := tx.NextChange()
					if err != nil {
						return err
					}
					if n != before.Change+1 {
						t.Errorf("change %d after %d", n, before.Change)
					}
					if err := tx.Audit(mailbox.Record{Operation: mailbox.OpCreate, Member: m.ID, Result: "ok", Detail: mailbox.Detail{Count: n}}); err != nil {
						return err
					}
					return tx.AddUsage(1, 2)
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	must(t, a.View(t.Context(), func(r mailbox.Reader) error {
		got, err := r.Member(m.ID)
		if want := (mailbox.Usage{Current: 2 * each, Superseded: 4 * each}); got.Change != 2*each || got.Usage != want {
			t.Errorf("%+v", got)
		}
		return err
	}))
	var last time.Time
	changes := int64(0)
	must(t, b.Inquire(t.Context(), func(q *Inquiry) error {
		return q.Records(RecordQuery{Member: m.ID}, func(l Logged) error {
			if changes++; l.Detail.Count != changes || l.Time.Before(last) {
				t.Errorf("record %d: change %d at %s after %s", l.Sequence, l.Detail.Count, l.Time, last)
			}
			last = l.Time
			return nil
		})
	}))
	if changes != 2*each {
		t.Errorf("%d records", changes)
	}
}

// TestNodesDoNotWait: a change keeps others of its mailbox away, on every node,
// but no change of another mailbox, no reader and no audit record.
func TestNodesDoNotWait(t *testing.T) {
	a, b := twoNodes(t)
	one, two := newMember(t, a.tables, "0815"), newMember(t, a.tables, "0816")
	running, goOn, done := make(chan struct{}), make(chan struct{}), make(chan error, 2)
	var over atomic.Bool
	go func() {
		done <- a.Update(t.Context(), one.ID, func(tx mailbox.Tx) error {
			if _, err := tx.NextChange(); err != nil {
				return err
			}
			close(running)
			<-goOn
			over.Store(true)
			return nil
		})
	}()
	<-running
	go func() {
		done <- b.Update(t.Context(), one.ID, func(tx mailbox.Tx) error {
			if !over.Load() {
				t.Error("two changes of one mailbox at a time")
			}
			m, err := tx.Member(one.ID)
			if m.Change != 1 {
				t.Errorf("change %d: the other one is not seen", m.Change)
			}
			return err
		})
	}()
	must(t, b.Update(t.Context(), two.ID, func(tx mailbox.Tx) error { _, err := tx.NextChange(); return err }))
	must(t, b.Append(t.Context(), mailbox.Record{Operation: mailbox.OpRead, Member: one.ID}))
	must(t, b.UpdateAccounts(t.Context(), func(tx auth.Tx) error { // refers to the mailbox that is held
		p, err := tx.PutPerson(auth.Person{Name: "Anna Grün"})
		if err != nil {
			return err
		}
		id, err := tx.PutAccount(auth.Account{Person: p, Login: "anna"})
		if err == nil {
			_, err = tx.PutGrant(mailbox.Grant{Account: id, Role: mailbox.Clerk, Member: one.ID})
		}
		return err
	}))
	must(t, b.View(t.Context(), func(r mailbox.Reader) error {
		m, err := r.Member(one.ID)
		if m.Change != 0 {
			t.Error("a change is seen before its commit")
		}
		return err
	}))
	close(goOn)
	must(t, <-done)
	must(t, <-done)
}

// TestNodesDeadlock: changes that wait for each other in a circle are untied by
// the database; the one that was given up is run again.
func TestNodesDeadlock(t *testing.T) {
	a, b := twoNodes(t)
	one, two := newMember(t, a.tables, "0815"), newMember(t, a.tables, "0816")
	var met sync.WaitGroup
	met.Add(2)
	results := make(chan error, 2)
	var runs atomic.Int64
	cross := func(node *Postgres, first, second mailbox.Member) {
		begun := false
		results <- node.Update(t.Context(), first.ID, func(tx mailbox.Tx) error {
			runs.Add(1)
			touch := func(m mailbox.Member) error {
				if err := tx.Touch([]mailbox.EntryID{m.Folders[mailbox.Root]}, 7, true, true); err != nil {
					return err
				}
				_, err := tx.Entry(m.Folders[mailbox.Root])
				return err
			}
			if err := touch(first); err != nil {
				return err
			}
			if !begun {
				begun = true
				met.Done()
				met.Wait()
			}
			if err := touch(second); err != nil {
				return err
			}
			return tx.Audit(mailbox.Record{Operation: mailbox.OpMakeFolder, Member: first.ID, Result: "ok"})
		})
	}
	go cross(a, one, two)
	go cross(b, two, one)
	must(t, <-results)
	must(t, <-results)
	if runs.Load() < 3 {
		t.Errorf("%d runs: there was no deadlock", runs.Load())
	}
	records := 0
	must(t, a.Inquire(t.Context(), func(q *Inquiry) error {
		return q.Records(RecordQuery{}, func(Logged) error { records++; return nil })
	}))
	if records != 2 {
		t.Errorf("%d records of 2 changes", records)
	}
}

// TestNodesAttempts: failed sign-ins at several nodes are all counted.
func TestNodesAttempts(t *testing.T) {
	a, b := twoNodes(t)
	key := auth.AttemptKey{Subject: auth.Subject{1}}
	const each = 20
	var all sync.WaitGroup
	for _, node := range []*Postgres{a, b} {
		for range each {
			all.Go(func() {
				err := node.UpdateAccounts(t.Context(), func(tx auth.Tx) error {
					have, err := tx.Attempts(key)
					if err != nil {
						return err
					}
					have.Count, have.Last = have.Count+1, tx.Now()
					return tx.PutAttempts(key, have)
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	if got, err := a.Attempts(t.Context(), key); err != nil || got.Count != 2*each {
		t.Errorf("%d attempts, want %d (%v)", got.Count, 2*each, err)
	}
}

// TestNodesNotices: two nodes that tell of the same delivery at once form one
// mail, and nodes that claim at once get different mails (I4).
func TestNodesNotices(t *testing.T) {
	a, b := twoNodes(t)
	m, ids, versions := world(t, a.tables)
	const path = "/an_KVBbg/2026/Liste.csv"
	const deliveries = 8
	for range deliveries {
		must(t, a.Update(t.Context(), m.ID, func(tx mailbox.Tx) error {
			return tx.InsertDelivery(mailbox.Delivery{Member: m.ID, Entry: ids[path], Version: versions[path], Direction: mailbox.ToTheAuth, Time: tx.Now()})
		}))
	}
	var formed, conflicts atomic.Int64
	var all sync.WaitGroup
	for id := mailbox.DeliveryID(1); id <= deliveries; id++ {
		for n, node := range []*Postgres{a, b} {
			all.Go(func() {
				err := node.Form(t.Context(), notify.Forming{Notices: []notify.NewNotice{{
					MessageID: fmt.Sprintf("%d-%d", id, n), Recipient: notify.Recipient{Address: "amt@example.org"}, Deliveries: []mailbox.DeliveryID{id},
				}}})
				switch {
				case err == nil:
					formed.Add(1)
				case mailbox.KindOf(err) == mailbox.Conflict:
					conflicts.Add(1)
				default:
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	if formed.Load() != deliveries || conflicts.Load() != deliveries {
		t.Errorf("%d mails formed, %d conflicts; want %d of each", formed.Load(), conflicts.Load(), deliveries)
	}
	var mu sync.Mutex
	var claimed []notify.NoticeID
	for range deliveries / 2 {
		for _, node := range []*Postgres{a, b} {
			all.Go(func() {
				n, found, err := node.Claim(t.Context(), time.Hour)
				if err != nil || !found {
					t.Errorf("claim: %v, %v", found, err)
				}
				mu.Lock()
				claimed = append(claimed, n.ID)
				mu.Unlock()
			})
		}
	}
	all.Wait()
	slices.Sort(claimed)
	if n := len(slices.Compact(claimed)); n != deliveries {
		t.Errorf("%d different mails claimed, want %d", n, deliveries)
	}
}

// TestNodesNames: two changes that make the same thing at once without holding
// a mailbox end with one of it and a true answer to the other.
func TestNodesNames(t *testing.T) {
	a, b := twoNodes(t)
	for i := range 10 {
		results := make(chan error, 2)
		for _, node := range []*Postgres{a, b} {
			go func() {
				m := mailbox.Member{Number: fmt.Sprint(i)}
				results <- node.Update(t.Context(), 0, func(tx mailbox.Tx) error { return tx.InsertMember(&m, catalogtest.Names) })
			}()
		}
		first, second := <-results, <-results
		if (first == nil) == (second == nil) || mailbox.KindOf(errors.Join(first, second)) != mailbox.Exists {
			t.Errorf("%v, %v", first, second)
		}
	}
}

// waiting counts the changes of a mailbox that a node has under way.
func waiting(p *Postgres, m mailbox.Member) int {
	p.queues.mu.Lock()
	defer p.queues.mu.Unlock()
	all, busy := p.queues.all["mailbox "+fmt.Sprint(m.ID)]
	if !busy {
		return 0
	}
	return 1 + len(all)
}

// TestBusyMailbox: however many changes of one mailbox wait, a node still has
// connections for everything else, and forgets the queue when it is empty.
func TestBusyMailbox(t *testing.T) {
	s := shared.Get(t)
	p, err := OpenPostgres(Server{URL: s.URL(s.Database(t)), Conns: 3}, patient())
	must(t, err)
	defer p.Close()
	one, two := newMember(t, p.tables, "0815"), newMember(t, p.tables, "0816")
	var all sync.WaitGroup
	must(t, p.Update(t.Context(), one.ID, func(mailbox.Tx) error {
		for range 20 {
			all.Go(func() {
				err := p.Update(t.Context(), one.ID, func(tx mailbox.Tx) error { _, err := tx.NextChange(); return err })
				if err != nil {
					t.Error(err)
				}
			})
		}
		for waiting(p, one) < 21 {
			time.Sleep(time.Millisecond)
		}
		return p.Update(t.Context(), two.ID, func(tx mailbox.Tx) error { _, err := tx.NextChange(); return err })
	}))
	all.Wait()
	must(t, p.View(t.Context(), func(r mailbox.Reader) error {
		if m, err := r.Member(one.ID); err != nil || m.Change != 20 || len(p.queues.all) != 0 {
			t.Errorf("%d changes, %d queues (%v)", m.Change, len(p.queues.all), err)
		}
		return nil
	}))
}

// TestNodeHangsUp: a caller who goes away while its change waits for a mailbox
// leaves nothing behind, and the pool is whole.
func TestNodeHangsUp(t *testing.T) {
	a, b := twoNodes(t)
	m := newMember(t, a.tables, "0815")
	must(t, a.Update(t.Context(), m.ID, func(mailbox.Tx) error {
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				ctx, leave := context.WithCancel(t.Context())
				time.AfterFunc(20*time.Millisecond, leave)
				wantKind(t, b.Update(ctx, m.ID, func(mailbox.Tx) error { t.Error("begun"); return nil }), mailbox.Canceled)
			})
		}
		all.Wait()
		return nil
	}))
	must(t, b.Update(t.Context(), m.ID, func(tx mailbox.Tx) error { _, err := tx.NextChange(); return err }))
	allBack(t, b)
}
