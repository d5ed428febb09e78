// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"time"

	"postfach/mailbox"
	"postfach/segment"
)

var (
	_ segment.Catalog = (*SQLite)(nil)
	_ segment.Catalog = (*Postgres)(nil)
)

const (
	selectRaw = `SELECT a.sequence, a.time, a.person, a.account, a.role, a.member, a.operation, a.place, a.entry, a.version,
		a.sha256, a.result, a.request_id, a.digest, x.salt, x.detail
		FROM audit a LEFT JOIN audit_detail x ON x.sequence = a.sequence
		WHERE a.sequence > $1 AND a.sequence <= $2 ORDER BY a.sequence LIMIT $3`
	selectSince = "SELECT time FROM audit WHERE sequence > $1 ORDER BY sequence LIMIT 1"

	swapSetting = "UPDATE settings SET value = $3 WHERE name = $1 AND value = $2"
	takeLease   = `INSERT INTO settings (name, number, value) VALUES ($1, $2, $3) ON CONFLICT (name)
		DO UPDATE SET number = $2, value = $3 WHERE settings.number <= $4 OR settings.value = $3`
)

// AuditRaw gives records as they stand in the tables: those after one sequence
// and up to another, at most limit.
func (s tables) AuditRaw(ctx context.Context, after, to int64, limit int, fn func(segment.Record) error) error {
	return s.read(ctx, func(r *reader) error {
		return r.each(selectRaw, func(row tuple) error { return fn(scanRaw(row)) }, after, to, int64(limit))
	})
}

func scanRaw(row tuple) segment.Record {
	r := segment.Record{Record: mailbox.Record{
		Sequence: row.Int(0), Time: row.Time(1), Person: mailbox.PersonID(row.Int(2)), Account: mailbox.AccountID(row.Int(3)),
		Role: mailbox.Role(row.Same(4)), Member: mailbox.MemberID(row.Int(5)), Operation: mailbox.Operation(row.Same(6)),
		Place: mailbox.Place(row.Int(7)), Entry: mailbox.EntryID(row.Int(8)), Result: row.Text(11), RequestID: row.Text(12),
	}}
	r.Version, r.SHA256, r.Digest = row.UUID(9), row.Sum(10), row.Sum(13)
	if !row.Null(14) {
		r.Salt, r.Text = append([]byte{}, row.Bytes(14)...), []byte(row.Text(15))
	}
	return r
}

// AuditSince gives the time of the first record after a sequence, zero when
// there is none, and the catalog's own.
func (s tables) AuditSince(ctx context.Context, after int64) (first, now time.Time, err error) {
	err = s.read(ctx, func(r *reader) error {
		now = r.at
		_, err := r.one(selectSince, func(row tuple) { first = row.Time(0) }, after)
		return err
	})
	return first, now, err
}

// AuditHorizon is the last record: there is one writer, so records appear in
// their order.
func (s *SQLite) AuditHorizon(ctx context.Context) (last int64, err error) {
	err = s.Inquire(ctx, func(q *Inquiry) (err error) {
		last, err = q.LastRecord()
		return err
	})
	return last, err
}

const (
	// auditGiven is read before auditWriters: whoever has a sequence of the
	// audit log holds this lock from before it took the sequence until its
	// commit can be seen.
	auditGiven   = "SELECT coalesce(pg_sequence_last_value(CAST(pg_get_serial_sequence('audit', 'sequence') AS REGCLASS)), 0)"
	auditWriters = `SELECT CAST(virtualtransaction AS TEXT) FROM pg_locks WHERE locktype = 'relation' AND relation = CAST('audit' AS REGCLASS)
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
		AND mode = 'RowExclusiveLock' AND granted`
	horizonPause = 20 * time.Millisecond
)

// AuditHorizon gives a sequence up to which no further record appears.
// Sequences are given before commits, which overtake each other; so it waits
// for all that write records at the moment.
func (p *Postgres) AuditHorizon(ctx context.Context) (last int64, err error) {
	var before map[string]bool
	err = p.read(ctx, func(r *reader) error {
		if _, err := r.one(auditGiven, func(row tuple) { last = row.Int(0) }); err != nil {
			return err
		}
		before, err = auditingNow(r)
		return err
	})
	for err == nil && len(before) > 0 {
		select {
		case <-ctx.Done():
			return 0, canceled(ctx)
		case <-time.After(horizonPause):
		}
		err = p.read(ctx, func(r *reader) error {
			now, err := auditingNow(r)
			for t := range before {
				if !now[t] {
					delete(before, t)
				}
			}
			return err
		})
	}
	return last, err
}

// auditingNow gives the transactions that write audit records.
func auditingNow(r *reader) (map[string]bool, error) {
	all := make(map[string]bool)
	err := r.each(auditWriters, func(row tuple) error { all[row.Text(0)] = true; return nil })
	return all, err
}

// Note gives a short text of the installation; "" when there is none.
func (s tables) Note(ctx context.Context, name string) (text string, err error) {
	err = s.read(ctx, func(r *reader) error {
		_, err := r.one(selectSetting, func(row tuple) { text = row.Text(0) }, name)
		return err
	})
	return text, err
}

// SwapNote replaces a short text, and says whether it was still the old one.
func (s tables) SwapNote(ctx context.Context, name, old, text string) (swapped bool, err error) {
	sql, args := swapSetting, []any{name, old, text}
	if old == "" {
		sql, args = firstSetting, []any{name, text}
	}
	err = s.write(ctx, nothing, func(t *tx) error {
		n, err := t.exec(sql, args...)
		swapped = n == 1
		return err
	})
	return swapped, err
}

// Lease gives the holder something for a time, unless another one has it; who
// has it can have it longer. A killed holder's ends by itself.
func (s tables) Lease(ctx context.Context, name, holder string, d time.Duration) (held bool, err error) {
	err = s.write(ctx, nothing, func(t *tx) error {
		n, err := t.exec(takeLease, name, t.at.Add(d).UnixMicro(), holder, t.at.UnixMicro())
		held = n == 1
		return err
	})
	return held, err
}
