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
