// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"testing"
	"time"

	"postfach/mailbox"
	"postfach/segment"
)

// TestAuditHorizon: a record whose change is still under way is not passed
// over, although a later one stands in the log already (issue 3, item 5).
func TestAuditHorizon(t *testing.T) {
	forBoth(t, Options{}, func(t *testing.T, s tables) {
		c := s.engine.(segment.Catalog)
		if n, err := c.AuditHorizon(t.Context()); n != 0 || err != nil {
			t.Errorf("an empty log: %d, %v", n, err)
		}
		written, goOn, done := make(chan struct{}), make(chan struct{}), make(chan error)
		go func() {
			done <- s.write(context.Background(), nothing, func(tx *tx) error {
				if err := tx.Audit(mailbox.Record{Operation: mailbox.OpRead, Result: "slow"}); err != nil {
					return err
				}
				_, err := tx.one("SELECT count(*) FROM audit", func(tuple) {}) // what waits is sent
				close(written)
				<-goOn
				return err
			})
		}()
		<-written
		fast := make(chan error, 1)
		go func() {
			fast <- s.Append(context.Background(), mailbox.Record{Operation: mailbox.OpRead, Result: "fast"})
		}()
		if _, ok := s.engine.(*Postgres); ok { // SQLite has one writer, who waits
			if err := <-fast; err != nil {
				t.Fatal(err)
			}
		}
		seen := make(chan []string)
		go func() {
			to, err := c.AuditHorizon(context.Background())
			if err != nil {
				t.Error(err)
			}
			var all []string
			if err := c.AuditRaw(context.Background(), 0, to, 100, func(r segment.Record) error { all = append(all, r.Result); return nil }); err != nil {
				t.Error(err)
			}
			seen <- all
		}()
		select {
		case all := <-seen:
			if len(all) > 0 { // else it looked at an empty log, and missed nothing
				t.Errorf("shipped %q while a record before it was under way", all)
			}
			close(goOn)
		case <-time.After(300 * time.Millisecond):
			close(goOn)
			all := <-seen
			if _, both := s.engine.(*Postgres); both && len(all) != 2 || len(all) > 0 && all[0] != "slow" {
				t.Errorf("shipped %q", all)
			}
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestNotes: of several who replace a text, one does.
func TestNotes(t *testing.T) {
	forBoth(t, Options{}, func(t *testing.T, s tables) {
		for _, tc := range []struct {
			old, text string
			want      bool
		}{{"", "a", true}, {"", "b", false}, {"a", "b", true}, {"a", "c", false}} {
			if got, err := s.SwapNote(t.Context(), "audit-shipped", tc.old, tc.text); got != tc.want || err != nil {
				t.Errorf("%q to %q: %t, %v", tc.old, tc.text, got, err)
			}
		}
		if text, err := s.Note(t.Context(), "audit-shipped"); text != "b" || err != nil {
			t.Errorf("%q, %v", text, err)
		}
		for _, tc := range []struct {
			holder string
			d      time.Duration
			want   bool
		}{{"eins", time.Hour, true}, {"zwei", time.Hour, false}, {"eins", -time.Second, true}, {"zwei", time.Hour, true}} {
			if got, err := s.Lease(t.Context(), "lease:x", tc.holder, tc.d); got != tc.want || err != nil {
				t.Errorf("%s: %t, %v", tc.holder, got, err)
			}
		}
	})
}
