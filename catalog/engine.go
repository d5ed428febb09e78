// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"time"

	"postfach/catalog/sqlite"
	"postfach/mailbox"
)

// engine is a database with our tables: what differs between SQLite and
// PostgreSQL. All statements and their scanning are written once, above it.
type engine interface {
	// read lends a connection to fn, inside one consistent state.
	read(ctx context.Context, fn func(*reader) error) error
	// write runs fn in a transaction that has what h names to itself, and
	// returns after the commit. fn may run more than once.
	write(ctx context.Context, h hold, fn func(*tx) error) error
	// Append writes audit records that belong to no change.
	Append(ctx context.Context, records ...mailbox.Record) error
	// Ready says whether a change could be committed now.
	Ready(ctx context.Context) error
	// settle ends the doubt about commits whose outcome is not known.
	settle(ctx context.Context) error
}

// tables is what both engines do with the tables, in the same way.
type tables struct{ engine }

// conn is a connection inside a transaction, for one goroutine.
type conn interface {
	// Exec runs a statement and gives the number of rows it changed.
	Exec(sql string, args ...any) (int64, error)
	// Later runs a statement whose outcome nobody waits for, in its order
	// among the others and at the latest with the commit, which fails with it.
	Later(sql string, args ...any) error
	// Query calls scan for each row until it gives an error, which Query
	// returns. scan may run other statements, and must not keep the tuple.
	Query(sql string, scan func(tuple) error, args ...any) error
	// Pass is Query where scan runs no other statements. Rows that were handed
	// out count only if it gives no error.
	Pass(sql string, scan func(tuple) error, args ...any) error
	// Stream is Query for results that need not fit into memory.
	Stream(sql string, scan func(tuple) error, args ...any) error
}

// tuple is the current row of a running query; columns count from 0. NULL reads
// as the zero value, truth values read as 0 and 1.
type tuple interface {
	Int(i int) int64
	Bool(i int) bool // anything but 0
	Null(i int) bool
	Time(i int) time.Time // microseconds UTC; 0 is the zero time
	Text(i int) string
	Same(i int) string // Text of a column that mostly repeats the row before
	Bytes(i int) []byte
	UUID(i int) [16]byte // Bytes of an id; NULL is the zero id
	Sum(i int) [32]byte  // Bytes of a SHA-256; NULL is zero
}

// lite is a connection to SQLite.
type lite struct{ *sqlite.Conn }

func (c lite) Query(sql string, scan func(tuple) error, args ...any) error {
	return c.Conn.Query(sql, func(r *sqlite.Row) error { return scan(r) }, args...)
}

func (c lite) Later(sql string, args ...any) error {
	_, err := c.Exec(sql, args...)
	return err
}

func (c lite) Pass(sql string, scan func(tuple) error, args ...any) error {
	return c.Query(sql, scan, args...)
}

func (c lite) Stream(sql string, scan func(tuple) error, args ...any) error {
	return c.Query(sql, scan, args...)
}
