// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"postfach/catalog/catalogtest"
	"postfach/mailbox"
)

// TestAuditOnlyGrows: no statement changes, deletes or replaces a record (P51,
// DESIGN.md section 8).
func TestAuditOnlyGrows(t *testing.T) { forBoth(t, Options{}, auditOnlyGrows) }

func auditOnlyGrows(t *testing.T, s tables) {
	must(t, s.Append(t.Context(), mailbox.Record{Operation: mailbox.OpRead, Result: "ok"}))
	own := []string{"INSERT OR REPLACE INTO audit SELECT * FROM audit", "REPLACE INTO audit_detail SELECT * FROM audit_detail"}
	if _, lite := s.engine.(*SQLite); !lite {
		own = []string{"TRUNCATE audit_detail", "TRUNCATE audit, audit_detail"}
	}
	for _, sql := range append(own,
		"UPDATE audit SET result = 'x'", "DELETE FROM audit", "UPDATE audit_detail SET detail = '{}'", "DELETE FROM audit_detail",
		"INSERT INTO audit_detail SELECT * FROM audit_detail WHERE true ON CONFLICT (sequence) DO UPDATE SET detail = 'x'",
	) {
		err := s.write(t.Context(), nothing, func(tx *tx) error { _, err := tx.exec(sql); return err })
		if err == nil || !strings.Contains(err.Error(), "audit records are never") {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

// TestAuditDigest: the fixed part binds the detail through a salt of its own,
// and equal details do not show.
func TestAuditDigest(t *testing.T) { forBoth(t, Options{}, auditDigest) }

func auditDigest(t *testing.T, s tables) {
	r := mailbox.Record{Operation: mailbox.OpRead, Result: "ok", Detail: mailbox.Detail{Path: "/Grüße <&>.csv"}}
	must(t, s.Append(t.Context(), r, r))
	seen := map[string]bool{}
	must(t, s.read(t.Context(), func(x *reader) error {
		return x.each("SELECT a.digest, d.salt, d.detail FROM audit a JOIN audit_detail d ON d.sequence = a.sequence", func(row tuple) error {
			want := detailDigest(row.Bytes(1), []byte(row.Text(2)))
			if !bytes.Equal(row.Bytes(0), want[:]) || row.Text(2) != `{"path":"/Grüße <&>.csv"}` {
				t.Errorf("detail %s", row.Text(2))
			}
			seen[string(row.Bytes(0))] = true
			return nil
		})
	}))
	if len(seen) != 2 {
		t.Errorf("%d digests of 2 records", len(seen))
	}
	// Whoever goes around the triggers is seen.
	around := []string{"DROP TRIGGER audit_detail_no_update", "DROP TRIGGER audit_detail_no_delete"}
	if _, lite := s.engine.(*SQLite); !lite {
		around = []string{"DROP TRIGGER audit_detail_only_grows ON audit_detail"}
	}
	around = append(around, `UPDATE audit_detail SET detail = '{"path":"/x"}' WHERE sequence = 1`, "DELETE FROM audit_detail WHERE sequence = 2")
	must(t, s.write(t.Context(), nothing, func(tx *tx) error {
		for _, sql := range around {
			if _, err := tx.exec(sql); err != nil {
				return err
			}
		}
		return nil
	}))
	must(t, s.Inquire(t.Context(), func(q *Inquiry) error {
		return q.Records(RecordQuery{}, func(l Logged) error {
			if first := l.Sequence == 1; l.Intact == first || l.Erased == first {
				t.Errorf("%+v", l)
			}
			return nil
		})
	}))
}

// TestAuditWithChange: a change and its record are kept or undone together,
// beside other changes of the same commit (I3).
func TestAuditWithChange(t *testing.T) { forBoth(t, patient(), auditWithChange) }

func auditWithChange(t *testing.T, s tables) {
	m := mailbox.Member{Number: "0815"}
	must(t, s.Update(t.Context(), 0, func(tx mailbox.Tx) error { return tx.InsertMember(&m, catalogtest.Names) }))
	undo := errors.New("undo")
	results := make(chan error, 60)
	for i := range 60 {
		go func() {
			results <- s.Update(t.Context(), m.ID, func(tx mailbox.Tx) error {
				if _, err := tx.NextChange(); err != nil {
					return err
				}
				if err := tx.Audit(mailbox.Record{Operation: mailbox.OpCreate, Member: m.ID}); err != nil {
					return err
				}
				if i%3 == 0 {
					return undo
				}
				return nil
			})
		}()
	}
	for range 60 {
		if err := <-results; err != nil && !errors.Is(err, undo) {
			t.Error(err)
		}
	}
	must(t, s.read(t.Context(), func(r *reader) error {
		var records, changes int64
		_, err := r.one(`SELECT (SELECT count(*) FROM audit), (SELECT change FROM members), (SELECT count(*) FROM audit_detail)`,
			func(row tuple) { records, changes = row.Int(0), row.Int(1) })
		if records != 40 || changes != 40 {
			t.Errorf("%d records of %d changes, want 40", records, changes)
		}
		return err
	}))
}
