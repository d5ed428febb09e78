// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"postfach/mailbox"
)

// TestRefusedTogether: changes that come while the writer is beyond help are
// all answered, and the catalog can be closed, whoever runs them.
func TestRefusedTogether(t *testing.T) {
	s, err := OpenSQLite(filepath.Join(t.TempDir(), "c.db"), Options{})
	must(t, err)
	s.writer.held.Lock()
	s.writer.dead = errors.New("planted")
	s.writer.held.Unlock()
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			for range 200 {
				err := s.Update(t.Context(), 0, func(mailbox.Tx) error { return nil })
				if mailbox.KindOf(err) != mailbox.Unavailable {
					t.Errorf("a writer beyond help answers %v", err)
					return
				}
			}
		})
	}
	done := make(chan struct{})
	go func() {
		all.Wait()
		_ = s.Close()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(5 * time.Minute):
		t.Fatal("changes are not answered, or the catalog does not close")
	}
}

// TestRefusalWaitsForWhatItRestsOn: a change that is refused because of another
// one in its transaction is not answered before that one stands, since its
// caller may look; if that one does not stand, the refusal says nothing.
func TestRefusalWaitsForWhatItRestsOn(t *testing.T) {
	for _, commits := range []bool{true, false} {
		t.Run(map[bool]string{true: "commit", false: "no commit"}[commits], func(t *testing.T) { refusalWaits(t, commits) })
	}
}

func refusalWaits(t *testing.T, commits bool) {
	s, err := OpenSQLite(filepath.Join(t.TempDir(), "c.db"), Options{})
	must(t, err)
	defer func() { must(t, s.Close()) }()
	begun := func(fn func(*tx) error) *job {
		return &job{ctx: t.Context(), fn: fn, done: make(chan error, 1)}
	}
	exists := mailbox.E(mailbox.Exists, mailbox.ReasonExists)
	first := begun(func(*tx) error { return nil })
	refused := begun(func(*tx) error { return exists })
	last := begun(func(*tx) error {
		if len(first.done) > 0 || len(refused.done) > 0 {
			t.Error("answered before the commit")
		}
		if !commits {
			_, err := s.writer.conn.Exec("ROLLBACK") // as the library does on a full disk
			return err
		}
		return nil
	})
	jobs := make(chan *job, 2)
	jobs <- refused
	jobs <- last
	s.writer.held.Lock()
	s.writer.batch(first, jobs)
	s.writer.held.Unlock()
	errFirst, errRefused, errLast := <-first.done, <-refused.done, <-last.done
	if commits && (errFirst != nil || !errors.Is(errRefused, exists) || errLast != nil) {
		t.Errorf("%v, %v, %v", errFirst, errRefused, errLast)
	}
	for _, err := range []error{errFirst, errRefused, errLast} {
		if !commits && mailbox.KindOf(err) != mailbox.Unavailable {
			t.Errorf("after a transaction that is gone: %v", err)
		}
	}
}
