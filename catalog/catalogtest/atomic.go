// SPDX-License-Identifier: Apache-2.0

package catalogtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"postfach/mailbox"
)

func wholeChange(t *testing.T, c mailbox.Catalog) {
	m := addMember(t, c, "0815")
	var e mailbox.Entry
	err := c.Update(ctx(t), m.ID, func(tx mailbox.Tx) (err error) {
		if e, err = file(tx, m, mailbox.ToAuthority, "Liste.csv"); err != nil {
			return err
		}
		if err := tx.Audit(record(mailbox.OpCreate)); err != nil {
			return err
		}
		if _, err := tx.Child(m.Folders[mailbox.ToAuthority], "liste.csv"); err != nil {
			return fmt.Errorf("a change does not see itself: %w", err)
		}
		return errUndo
	})
	if !errors.Is(err, errUndo) {
		t.Fatalf("want the error of fn, got %v", err)
	}
	view(t, c, func(r mailbox.Reader) error {
		_, err := r.Entry(e.ID)
		wantKind(t, err, mailbox.NotFound)
		_, err = r.Version(e.Version.ID)
		wantKind(t, err, mailbox.NotFound)
		return nil
	})
	if found, err := c.Committed(ctx(t), e.Version.ID); err != nil || found {
		t.Errorf("Committed: %v, %v", found, err)
	}
	kept := addFile(t, c, m, mailbox.ToAuthority, "Liste.csv")
	if found, err := c.Committed(ctx(t), kept.Version.ID); err != nil || !found {
		t.Errorf("Committed: %v, %v", found, err)
	}
}

// neighbours runs changes that stand and changes that fail at the same time.
func neighbours(t *testing.T, c mailbox.Catalog) {
	m := addMember(t, c, "0815")
	const each = 40
	var all sync.WaitGroup
	for i := range 2 * each {
		all.Go(func() {
			err := c.Update(ctx(t), m.ID, func(tx mailbox.Tx) error {
				if _, err := tx.NextChange(); err != nil {
					return err
				}
				if _, err := file(tx, m, mailbox.ToAuthority, fmt.Sprintf("%03d", i)); err != nil {
					return err
				}
				if i%2 == 1 {
					return errUndo
				}
				return nil
			})
			if failed := errors.Is(err, errUndo); failed != (i%2 == 1) || !failed && err != nil {
				t.Errorf("change %d: %v", i, err)
			}
		})
	}
	all.Wait()
	view(t, c, func(r mailbox.Reader) error {
		got, err := r.Children(m.Folders[mailbox.ToAuthority], "", 1000, nil)
		var want []string
		for i := range each {
			want = append(want, fmt.Sprintf("%03d", 2*i))
		}
		same(t, "kept files", names(got), want)
		if after, err := r.Member(m.ID); err != nil || after.Change != each {
			t.Errorf("%d changes were numbered, want %d (%v)", after.Change, each, err)
		}
		return err
	})
}

func panics(t *testing.T, c mailbox.Catalog) {
	m := addMember(t, c, "0815")
	err := c.Update(ctx(t), m.ID, func(tx mailbox.Tx) error {
		if _, err := file(tx, m, mailbox.ToAuthority, "a"); err != nil {
			return err
		}
		panic("a fault of ours")
	})
	wantKind(t, err, mailbox.Internal)
	addFile(t, c, m, mailbox.ToAuthority, "a")
}

func callerGone(t *testing.T, c mailbox.Catalog) {
	gone, cancel := context.WithCancel(ctx(t))
	cancel()
	err := c.Update(gone, 0, func(mailbox.Tx) error {
		t.Error("the change was begun")
		return nil
	})
	wantKind(t, err, mailbox.Canceled)
	// Somebody whose time is over has not gone, and wants an answer.
	late, end := context.WithDeadline(ctx(t), time.Unix(1, 0))
	defer end()
	wantKind(t, c.Update(late, 0, func(mailbox.Tx) error { t.Error("a change was begun too late"); return nil }), mailbox.Unavailable)
	waitingGone(t, c)
	// Once begun, a change is carried through and its outcome told.
	leaving, leave := context.WithCancel(ctx(t))
	m := mailbox.Member{Number: "1"}
	err = c.Update(leaving, 0, func(tx mailbox.Tx) error {
		leave()
		return tx.InsertMember(&m, Names)
	})
	if err != nil {
		t.Fatalf("a hang-up while a change runs: %v", err)
	}
	view(t, c, func(r mailbox.Reader) error { _, err := r.Member(m.ID); return err })
}

// waitingGone: who goes away while another change of the mailbox runs is told at
// once, and nothing of the change happens.
func waitingGone(t *testing.T, c mailbox.Catalog) {
	m := addMember(t, c, "0815")
	running, goOn, done := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		done <- c.Update(ctx(t), m.ID, func(mailbox.Tx) error {
			close(running)
			<-goOn
			return nil
		})
	}()
	<-running
	waiting, leave := context.WithCancel(ctx(t))
	told := make(chan error)
	go func() {
		told <- c.Update(waiting, m.ID, func(mailbox.Tx) error {
			t.Error("the change of a caller who has gone was begun")
			return nil
		})
	}()
	leave()
	wantKind(t, <-told, mailbox.Canceled)
	close(goOn)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func oneState(t *testing.T, c mailbox.Catalog) {
	m := addMember(t, c, "0815")
	view(t, c, func(r mailbox.Reader) error {
		before, err := r.Children(m.Folders[mailbox.Root], "", 10, nil)
		if err != nil {
			return err
		}
		addFile(t, c, m, mailbox.Root, "später")
		after, err := r.Children(m.Folders[mailbox.Root], "", 10, nil)
		same(t, "inside one view", names(after), names(before))
		return err
	})
	view(t, c, func(r mailbox.Reader) error {
		_, err := r.Child(m.Folders[mailbox.Root], "später")
		if n := r.Now(); n.Location() != time.UTC || n.Nanosecond()%1000 != 0 {
			t.Errorf("the clock is not in UTC to the microsecond: %v", n)
		}
		return err
	})
}

func appends(t *testing.T, c mailbox.Catalog) {
	if err := c.Append(ctx(t)); err != nil {
		t.Errorf("nothing to append: %v", err)
	}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if err := c.Append(ctx(t), record(mailbox.OpRead), record(mailbox.OpList)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func ready(t *testing.T, c mailbox.Catalog) {
	for range 2 {
		if err := c.Ready(ctx(t)); err != nil {
			t.Error(err)
		}
	}
}
