// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"postfach/mailbox"
)

var (
	_ mailbox.Reader = (*reader)(nil)
	_ mailbox.Tx     = (*tx)(nil)
)

// View runs fn over one consistent state.
func (s tables) View(ctx context.Context, fn func(mailbox.Reader) error) error {
	return s.read(ctx, func(r *reader) error { return fn(r) })
}

// Update runs fn in a transaction that has mailbox m to itself.
func (s tables) Update(ctx context.Context, m mailbox.MemberID, fn func(mailbox.Tx) error) error {
	return s.write(ctx, holdMailbox(m), func(t *tx) error {
		t.member = m
		return fn(t)
	})
}

// reader looks at one consistent state.
type reader struct {
	c   conn
	ctx context.Context // ends the work of a caller who has gone
	at  time.Time       // the moment of this view

	returned string // name of the outbox's folder of returned documents
}

// tx changes the state that it reads.
type tx struct {
	reader
	member  mailbox.MemberID
	pending map[mailbox.EntryID]mailbox.VersionID // current versions that are not stored yet
	stored  mailbox.VersionID                     // the last one that this change has stored
	witness witness                               // the first audit record
	ahead   *ahead                                // what was read at the begin; nil where nothing was
}

// Now is the catalog's clock; it stands still within one view or change.
func (r *reader) Now() time.Time { return r.at }

// each runs a query and calls scan for each row.
func (r *reader) each(sql string, scan func(tuple) error, args ...any) error {
	return r.ask(r.c.Query, sql, scan, args...)
}

// ask is each by Query or Pass of the connection.
func (r *reader) ask(by func(string, func(tuple) error, ...any) error, sql string, scan func(tuple) error, args ...any) error {
	if r.ctx.Err() != nil {
		return canceled(r.ctx)
	}
	return unavailable(by(sql, scan, args...))
}

// one runs a query for at most one row and says whether there was one.
func (r *reader) one(sql string, scan func(tuple), args ...any) (bool, error) {
	found := false
	err := r.each(sql, func(row tuple) error {
		found = true
		scan(row)
		return nil
	}, args...)
	return found, err
}

// exec runs a statement that changes rows and says how many.
func (t *tx) exec(sql string, args ...any) (int64, error) {
	n, err := t.c.Exec(sql, args...)
	return n, unavailable(err)
}

// later is exec where nobody asks for the number.
func (t *tx) later(sql string, args ...any) error { return unavailable(t.c.Later(sql, args...)) }

// change is exec where a row must be there.
func (t *tx) change(what string, id any, sql string, args ...any) error {
	n, err := t.exec(sql, args...)
	if err == nil && n == 0 {
		err = notFound(what, id)
	}
	return err
}

// finish checks, before the change is kept, that every entry's current version
// has been stored.
func (t *tx) finish() error {
	for e, v := range t.pending {
		return fmt.Errorf("entry %d names version %s, which was never inserted", e, v)
	}
	return nil
}

// list writes ids as JSON, the way to hand any number of them to a statement
// with one parameter.
func list[ID ~int64](ids []ID) string {
	b := make([]byte, 0, 2+8*len(ids))
	b = append(b, '[')
	for i, id := range ids {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(id), 10)
	}
	return string(append(b, ']'))
}

// ref is an id as a foreign key: 0 is NULL.
func ref[ID ~int64](id ID) any {
	if id == 0 {
		return nil
	}
	return int64(id)
}

// versionRef is a version id as stored; the zero id is NULL.
func versionRef(v mailbox.VersionID) []byte {
	if v.IsZero() {
		return nil
	}
	return v[:]
}
