// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"testing"

	"postfach/mailbox"
)

// TestRounds: a change of a mailbox waits for few answers of PostgreSQL, since
// each keeps the mailbox from the others. The begin tells of the mailbox and
// its locks; what nobody asks for goes with the commit.
func TestRounds(t *testing.T) {
	s := shared.Get(t)
	p := openNode(t, s.URL(s.Database(t)), Options{})
	m, folder := fill(t, p.tables, "0815", 2)
	rounds := func(what string, most int64, fn func(mailbox.Tx) error) {
		t.Helper()
		must(t, p.Update(t.Context(), m.ID, fn)) // prepares its statements
		before := p.pool.Rounds()
		must(t, p.Update(t.Context(), m.ID, fn))
		if n := p.pool.Rounds() - before; n > most {
			t.Errorf("%s: %d answers were waited for, want %d at most", what, n, most)
		}
	}
	n := 0
	// Begin, the name, the new entry's id, the look for a twin, the commit.
	rounds("upload", 5, func(tx mailbox.Tx) error {
		n++
		return upload(tx, m, folder, []string{"a.csv", "b.csv"}[n%2])
	})
	rounds("change number and usage", 2, func(tx mailbox.Tx) error {
		before, err := tx.Member(m.ID)
		if err != nil {
			return err
		}
		if _, err := tx.Locks(m.ID); err != nil {
			return err
		}
		if _, err := tx.NextChange(); err != nil {
			return err
		}
		if err := tx.AddUsage(1, 1); err != nil {
			return err
		}
		after, err := tx.Member(m.ID)
		if after.Change != before.Change+1 || after.Usage.Current != before.Usage.Current+1 {
			t.Errorf("%+v became %+v", before, after)
		}
		return err
	})
}
