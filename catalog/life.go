// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"postfach/catalog/postgres"
	"postfach/catalog/sqlite"
	"postfach/mailbox"
)

// Settings of a catalog that came out of a backup. Times are numbers.
const (
	copied       = "copied"        // in copies of earlier versions of Postfach: not opened in its place yet
	restoredAt   = "restored-at"   // when it last began a new life
	restoredFrom = "restored-from" // the latest that it knew before, of all its lives the earliest
	noticesHeld  = "notices-held"  // no mail is formed or sent; when that began
)

// Life says what a catalog has been through.
type Life struct {
	Restored time.Time // when it last came out of a backup; zero for never
	Known    time.Time // the last record before that, of all restores the earliest; zero when what was lost is given up
	Held     time.Time // since when mails wait to be released; zero for not
}

// Life reads it.
func (s tables) Life(ctx context.Context) (l Life, err error) {
	err = s.read(ctx, func(r *reader) error {
		for name, to := range map[string]*time.Time{restoredAt: &l.Restored, restoredFrom: &l.Known, noticesHeld: &l.Held} {
			if _, err := r.one(selectNumber, func(row tuple) { *to = row.Time(0) }, name); err != nil {
				return err
			}
		}
		return nil
	})
	return l, err
}

// Revive begins a new life of a catalog that came out of a backup by other means
// than a snapshot, which does it by itself; detail says in the audit record who
// says so. Several nodes must not run meanwhile.
func (s tables) Revive(ctx context.Context, detail mailbox.Detail) error {
	err := s.write(ctx, holdAccounts(), func(t *tx) error { return t.revive(wordsOf(s.engine), detail) })
	if postgres.Code(err) == codeForbidden {
		return fmt.Errorf("this takes the owner of the tables: give --catalog postgres://OWNER@HOST/DATABASE (%w)", err)
	}
	return err
}

// codeForbidden is PostgreSQL's insufficient_privilege.
const codeForbidden = "42501"

// RaiseIDs lets all ids go on behind one that was found elsewhere (I6).
func (s tables) RaiseIDs(ctx context.Context, behind int64) error {
	return s.write(ctx, holdAccounts(), func(t *tx) error { return t.raise(wordsOf(s.engine), behind) })
}

// revive gives sync clients another fingerprint, so that they delete nothing,
// and begins ids where no earlier life has come to (I6): at the milliseconds
// since 1970, since no installation makes a thousand entries a second for
// years. Mails are held: an old snapshot does not know which were sent since.
// Those that are held already stay what they are: nothing was sent meanwhile.
func (t *tx) revive(w copyWords, detail mailbox.Detail) error {
	var last int64
	var known time.Time
	if _, err := t.one("SELECT sequence, time FROM audit ORDER BY sequence DESC LIMIT 1", func(row tuple) {
		last, known = row.Int(0), row.Time(1)
	}); err != nil {
		return err
	}
	if earlier, err := t.number(restoredFrom); err != nil {
		return err
	} else if earlier > 0 && (known.IsZero() || earlier < known.UnixMicro()) {
		known = time.UnixMicro(earlier)
	}
	if known.IsZero() {
		known = t.at
	}
	if err := t.raise(w, t.at.UnixMilli()); err != nil {
		return err
	}
	held := t.at
	if since, err := t.number(noticesHeld); err != nil {
		return err
	} else if since > 0 {
		held = time.UnixMicro(since)
	}
	for name, at := range map[string]time.Time{restoredAt: t.at, restoredFrom: known, noticesHeld: held} {
		if err := t.later(putNumber, name, at); err != nil {
			return err
		}
	}
	if err := errors.Join(t.later("DELETE FROM settings WHERE name = $1", copied), t.later(putSetting, dataFingerprint, word(16))); err != nil {
		return err
	}
	if detail.Text != "" {
		detail.Text += "; "
	}
	detail.Text += fmt.Sprintf("goes on after record %d", last)
	return t.Audit(mailbox.Record{Operation: mailbox.OpRevive, Result: "ok", Detail: detail})
}

// raise lets every counter go on behind n.
func (t *tx) raise(w copyWords, n int64) error {
	type counter struct{ table, key string }
	var all []counter
	if err := t.each(w.counters, func(row tuple) error {
		all = append(all, counter{row.Text(0), row.Text(1)})
		return nil
	}); err != nil {
		return err
	}
	for _, c := range all {
		var last int64
		if _, err := t.one(w.sequence, func(row tuple) { last = row.Int(0) }, c.table, c.key); err != nil {
			return err
		}
		if last >= n {
			continue
		}
		for _, sql := range w.advance {
			if err := t.later(sql, c.table, c.key, n); err != nil {
				return err
			}
		}
	}
	return nil
}

// revive begins a new life of a file that is a snapshot, and says whether it is
// one; others stay as they are.
func revive(c *sqlite.Conn, o Options) (is bool, err error) {
	for _, q := range []struct {
		sql  string
		args []any
	}{{"SELECT 1 FROM pragma_application_id() WHERE application_id = $1", []any{int64(snapshotID)}}, {selectSetting, []any{copied}}} {
		if err := c.Query(q.sql, func(*sqlite.Row) error { is = true; return nil }, q.args...); err != nil {
			return false, err
		}
	}
	if !is {
		return false, nil
	}
	if _, err := c.Exec("BEGIN IMMEDIATE"); err != nil {
		return false, err
	}
	t := &tx{reader: reader{c: lite{c}, ctx: context.Background(), at: moment(o.Now)}}
	err = errors.Join(t.revive(liteWords(), o.Restored), c.Script(fmt.Sprintf("PRAGMA application_id=%d", applicationID)))
	if err != nil {
		_, rollback := c.Exec("ROLLBACK")
		return false, errors.Join(err, rollback)
	}
	_, err = c.Exec("COMMIT")
	return true, err
}

// GiveUpLost ends the sparing of what a restore has lost; r is recorded with it.
func (s tables) GiveUpLost(ctx context.Context, r mailbox.Record) error {
	return s.write(ctx, nothing, func(t *tx) error {
		if err := t.later(putNumber, restoredFrom, int64(0)); err != nil {
			return err
		}
		return t.Audit(r)
	})
}

// Released says what became of the mails that were held.
type Released struct {
	Notices int64    // mails from before the restore, not sent again
	Untold  []Untold // deliveries and alerts from before the restore that give no mail
	Queued  int64    // mails that go out now
}

const (
	notAgain     = "not sent: the catalog was restored from a backup, the mail may have gone out before"
	endRestored  = "UPDATE notices SET state = 'dropped', ended = $1, held_until = 0, reply = $3 WHERE state = 'queued' AND created < $2"
	tellRestored = "UPDATE deliveries SET told = $1 WHERE told = 0 AND withdrawn = 0 AND superseded = 0 AND time < $2"
	doneRestored = "UPDATE alerts SET done = $1 WHERE done = 0 AND time < $2"
	countQueued  = "SELECT count(*) FROM notices WHERE state = 'queued'"
)

// ReleaseNotices lets mails go out again after a restore. What is from before it
// is not sent a second time, unless again says so: the backup does not know
// whether it was. What gives no mail for that reason has a record each (I4).
// Kind Conflict when nothing is held.
func (s tables) ReleaseNotices(ctx context.Context, again bool, by mailbox.By) (done Released, err error) {
	err = s.write(ctx, nothing, func(t *tx) error {
		done = Released{}
		held, err := t.number(noticesHeld)
		if err != nil {
			return err
		}
		if held == 0 {
			return conflict("no mails are held")
		}
		since := time.UnixMicro(held)
		if !again {
			if done.Notices, err = t.exec(endRestored, t.at, since, notAgain); err != nil {
				return err
			}
			if done.Untold, err = t.untold(since); err != nil {
				return err
			}
			if err := t.recordUntold(done.Untold, by); err != nil {
				return err
			}
			for _, sql := range []string{tellRestored, doneRestored} {
				if err := t.later(sql, t.at, since); err != nil {
					return err
				}
			}
		}
		if _, err := t.one(countQueued, func(row tuple) { done.Queued = row.Int(0) }); err != nil {
			return err
		}
		if err := t.later(putNumber, noticesHeld, int64(0)); err != nil {
			return err
		}
		return t.Audit(mailbox.Record{Operation: mailbox.OpReleaseMails, Result: "ok", Detail: mailbox.Detail{Door: "cli", System: by.System, Order: by.Order,
			Text: fmt.Sprintf("held since %s; from before the restore %d mails and %d deliveries and alerts not told again; %d mails queued",
				since.UTC().Format(time.RFC3339), done.Notices, len(done.Untold), done.Queued)}})
	})
	return done, err
}

// Standing is how far a catalog has come.
type Standing struct {
	Identity
	Records int64 // the last number of an audit record that was given
}

// Standing reads it.
func (s tables) Standing(ctx context.Context) (at Standing, err error) {
	if at.Identity, err = s.Identity(ctx); err != nil {
		return at, err
	}
	err = s.read(ctx, func(r *reader) error {
		_, err := r.one("SELECT coalesce(max(sequence), 0) FROM audit", func(row tuple) { at.Records = row.Int(0) })
		return err
	})
	return at, err
}
