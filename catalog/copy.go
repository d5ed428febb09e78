// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strconv"
	"strings"

	"postfach/catalog/postgres"
	"postfach/mailbox"
)

// Database is a *SQLite or a *Postgres.
type Database interface{ engine }

// Copied says what Copy did with one table.
type Copied struct {
	Table  string
	Rows   int64
	SHA256 [32]byte // of the rows in the order of their keys, the same on both sides
}

// ErrNotEmpty is the error of Copy when the target holds something.
var ErrNotEmpty = errors.New("the target is not empty")

// Copy fills an empty catalog with everything that another one holds at one
// moment: all tables, with ids and the numbers that come next (I6), in one
// transaction. All rows are read back and compared before it is committed.
func Copy(ctx context.Context, from, to Database) (done []Copied, err error) {
	err = from.read(ctx, func(r *reader) error {
		return to.write(ctx, holdAccounts(), func(t *tx) error {
			c := &copying{r: r, t: t, from: wordsOf(from), to: wordsOf(to)}
			var err error
			done, err = c.all()
			return err
		})
	})
	return done, err
}

// copyWords are what the databases say differently about their own tables.
type copyWords struct {
	columns   string // table, column, type as in SQLite, place in the primary key or 0
	deferAll  string // checks references at the end of the transaction
	overrides string // lets an INSERT give ids
	counters  string // tables whose keys are counted, with the key
	sequence  string // the last id that was given in table $1 with the key $2
	advance   []string
}

func wordsOf(d Database) copyWords {
	if _, ok := d.(*SQLite); ok {
		return liteWords()
	}
	return postWords()
}

func liteWords() copyWords {
	return copyWords{
		columns: `SELECT t.name, c.name, c.type, c.pk FROM sqlite_schema t JOIN pragma_table_info(t.name) c
			WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' ORDER BY t.name, c.name`,
		deferAll: "PRAGMA defer_foreign_keys = 1",
		counters: `SELECT t.name, c.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c
			WHERE t.type = 'table' AND t.sql LIKE '%AUTOINCREMENT%' AND c.pk = 1`,
		sequence: "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = $1 AND $2 <> ''",
		advance: []string{"DELETE FROM sqlite_sequence WHERE name = $1",
			"INSERT INTO sqlite_sequence (name, seq) SELECT $1, $3 WHERE $2 <> ''"},
	}
}

func postWords() copyWords {
	return copyWords{
		columns: `SELECT CAST(c.relname AS TEXT), CAST(a.attname AS TEXT),
				CASE CAST(t.typname AS TEXT) WHEN 'int8' THEN 'INTEGER' WHEN 'int2' THEN 'INTEGER' WHEN 'text' THEN 'TEXT'
					WHEN 'bytea' THEN 'BLOB' ELSE CAST(t.typname AS TEXT) END,
				CAST(coalesce(array_position(CAST(i.indkey AS SMALLINT[]), a.attnum) + 1, 0) AS BIGINT)
			FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
				JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
			WHERE c.relnamespace = to_regnamespace(current_schema()) AND c.relkind = 'r' AND c.relname <> 'schema_version'
			ORDER BY CAST(c.relname AS TEXT) COLLATE "C", CAST(a.attname AS TEXT) COLLATE "C"`,
		deferAll:  "SET CONSTRAINTS ALL DEFERRED",
		overrides: " OVERRIDING SYSTEM VALUE",
		counters: `SELECT CAST(c.relname AS TEXT), CAST(a.attname AS TEXT) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
			WHERE c.relnamespace = to_regnamespace(current_schema()) AND c.relkind = 'r' AND a.attidentity <> ''`,
		sequence: "SELECT coalesce(pg_sequence_last_value(CAST(pg_get_serial_sequence($1, $2) AS REGCLASS)), 0)",
		advance:  []string{"SELECT setval(CAST(pg_get_serial_sequence($1, $2) AS REGCLASS), $3)"},
	}
}

// copying is a copy under way.
type copying struct {
	r        *reader
	t        *tx
	from, to copyWords
}

// shape is a table with its columns by name.
type shape struct {
	name    string
	columns []column
}

type column struct {
	name, kind string // INTEGER, TEXT, BLOB
	key        int64  // place in the primary key; 0 for none
}

func (c *copying) all() ([]Copied, error) {
	if p, ok := c.t.c.(post); ok {
		p.Patient(patience) // the commit checks every reference
	}
	tables, err := shapes(c.r, c.from.columns)
	if err != nil {
		return nil, err
	}
	there, err := shapes(&c.t.reader, c.to.columns)
	if err != nil {
		return nil, err
	}
	if !slices.EqualFunc(tables, there, func(a, b shape) bool { return a.name == b.name && slices.Equal(a.columns, b.columns) }) {
		return nil, errors.New("the two catalogs do not have the same tables")
	}
	if err := c.empty(tables); err != nil {
		return nil, err
	}
	if err := c.t.later(c.to.deferAll); err != nil {
		return nil, err
	}
	var done []Copied
	for _, s := range tables {
		one, err := c.table(s)
		if err != nil {
			return nil, fmt.Errorf("table %s: %w", s.name, err)
		}
		done = append(done, one)
	}
	return done, nil
}

func shapes(r *reader, sql string) ([]shape, error) {
	var all []shape
	err := r.each(sql, func(row tuple) error {
		if name := row.Text(0); len(all) == 0 || all[len(all)-1].name != name {
			all = append(all, shape{name: name})
		}
		s := &all[len(all)-1]
		s.columns = append(s.columns, column{row.Text(1), row.Text(2), row.Int(3)})
		return nil
	})
	return all, err
}

// empty refuses a target that was used. A server or a check that once looked at
// it leaves numbers in the settings, which are replaced.
func (c *copying) empty(tables []shape) error {
	for _, s := range tables {
		sql := "SELECT 1 FROM " + s.name + " LIMIT 1"
		if s.name == "settings" {
			sql = "SELECT 1 FROM settings WHERE value <> '' OR name = 'auth-epoch' AND number > 0 LIMIT 1"
		}
		used, err := c.t.one(sql, func(tuple) {})
		if err != nil {
			return err
		}
		if used {
			return mailbox.Wrap(mailbox.Conflict, "", fmt.Errorf("%w: table %s has rows", ErrNotEmpty, s.name))
		}
	}
	return c.t.later("DELETE FROM settings")
}

// table copies one table and reads it back.
func (c *copying) table(s shape) (Copied, error) {
	insert := s.insert(c.to)
	wrote := newDigest()
	err := c.r.c.Stream(s.selectAll(), func(row tuple) error {
		if c.r.ctx.Err() != nil {
			return canceled(c.r.ctx)
		}
		args := s.values(row)
		wrote.add(args)
		return c.t.later(insert, args...)
	})
	if err != nil {
		return Copied{}, err
	}
	read := newDigest()
	err = c.t.c.Stream(s.selectAll(), func(row tuple) error { read.add(s.values(row)); return nil })
	if err != nil {
		return Copied{}, err
	}
	done := Copied{Table: s.name, Rows: read.rows, SHA256: read.sum()}
	if sum := wrote.sum(); wrote.rows != read.rows || sum != done.SHA256 {
		return done, fmt.Errorf("%d rows with digest %x were copied, %d rows with %x came back", wrote.rows, sum, read.rows, done.SHA256)
	}
	return done, c.advance(s)
}

// advance lets ids go on behind those that were ever given (I6).
func (c *copying) advance(s shape) error {
	key := s.key()
	if len(key) != 1 || key[0].kind != "INTEGER" {
		return nil
	}
	last := func(r *reader, w copyWords) (n int64, err error) {
		_, err = r.one(w.sequence, func(row tuple) { n = row.Int(0) }, s.name, key[0].name)
		return n, err
	}
	want, err := last(c.r, c.from)
	if err != nil || want == 0 {
		return err
	}
	for _, sql := range c.to.advance {
		if err := c.t.later(sql, s.name, key[0].name, want); err != nil {
			return err
		}
	}
	if got, err := last(&c.t.reader, c.to); err != nil || got != want {
		return errors.Join(err, fmt.Errorf("ids go on behind %d, not behind %d", got, want))
	}
	return nil
}

// key are the columns of the primary key.
func (s shape) key() []column {
	var key []column
	for _, c := range s.columns {
		if c.key > 0 {
			key = append(key, c)
		}
	}
	slices.SortFunc(key, func(a, b column) int { return int(a.key - b.key) })
	return key
}

func names(columns []column) string {
	all := make([]string, len(columns))
	for i, c := range columns {
		all[i] = c.name
	}
	return strings.Join(all, ", ")
}

func (s shape) selectAll() string {
	return "SELECT " + names(s.columns) + " FROM " + s.name + " ORDER BY " + names(s.key())
}

func (s shape) insert(w copyWords) string {
	places := make([]string, len(s.columns))
	for i := range places {
		places[i] = "$" + strconv.Itoa(i+1)
	}
	return "INSERT INTO " + s.name + " (" + names(s.columns) + ")" + w.overrides + " VALUES (" + strings.Join(places, ", ") + ")"
}

// values reads a row as the arguments of an INSERT.
func (s shape) values(row tuple) []any {
	args := make([]any, len(s.columns))
	for i, c := range s.columns {
		switch {
		case row.Null(i):
		case c.kind == "INTEGER":
			args[i] = row.Int(i)
		case c.kind == "TEXT":
			args[i] = postgres.Clean(row.Text(i)) // what SQLite keeps of others' texts may be none
		default:
			args[i] = append([]byte{}, row.Bytes(i)...) // empty is not NULL
		}
	}
	return args
}

// digest adds up rows so that equal digests mean equal rows.
type digest struct {
	h    hash.Hash
	rows int64
	b    []byte
}

func newDigest() *digest { return &digest{h: sha256.New()} }

func (d *digest) add(values []any) {
	d.rows++
	d.b = d.b[:0]
	for _, v := range values {
		switch v := v.(type) {
		case nil:
			d.b = append(d.b, 'n')
		case int64:
			d.b = binary.BigEndian.AppendUint64(append(d.b, 'i'), uint64(v))
		case string:
			d.b = append(binary.BigEndian.AppendUint64(append(d.b, 't'), uint64(len(v))), v...)
		case []byte:
			d.b = append(binary.BigEndian.AppendUint64(append(d.b, 'b'), uint64(len(v))), v...)
		}
	}
	d.h.Write(d.b)
}

func (d *digest) sum() [32]byte { return [32]byte(d.h.Sum(nil)) }
