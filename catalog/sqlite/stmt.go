// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"fmt"
	"time"

	"modernc.org/libc"
	"modernc.org/sqlite/lib"
)

type stmt struct {
	conn    *Conn
	handle  uintptr
	running bool
	once    bool     // not in the cache: freed after use
	params  []int    // the argument that each parameter takes
	columns []string // the last text of each column, for Same
	large   []uintptr
	mark    int // of the arena, before the arguments
}

// Exec runs a statement and gives the number of rows it changed; rows that it
// returns are dropped.
func (c *Conn) Exec(sql string, args ...any) (int64, error) {
	if err := c.Query(sql, nil, args...); err != nil {
		return 0, err
	}
	return sqlite3.Xsqlite3_changes64(c.tls, c.db), nil
}

// Query runs a statement and calls scan for each row until it gives an error,
// which Query returns. Arguments are int64, bool, string, []byte, time.Time
// (stored as microseconds; the zero time as 0) or nil. scan may run other
// statements on the same connection, and must not keep the Row.
func (c *Conn) Query(sql string, scan func(*Row) error, args ...any) error {
	s, err := c.prepare(sql)
	if err != nil {
		return err
	}
	s.running, s.mark = true, c.used
	defer s.end()
	for i, n := range s.params {
		if n >= len(args) {
			return fmt.Errorf("sqlite: no argument for $%d in %q", n+1, sql)
		}
		if err := s.bind(int32(i+1), args[n]); err != nil {
			return err
		}
	}
	row := Row{s}
	for {
		switch rc := sqlite3.Xsqlite3_step(c.tls, s.handle); rc {
		case sqlite3.SQLITE_ROW:
			if scan != nil {
				if err := scan(&row); err != nil {
					return err
				}
			}
		case sqlite3.SQLITE_DONE:
			return nil
		default:
			return c.fault(rc)
		}
	}
}

// end makes the statement ready for its next use, whatever happened to this one.
func (s *stmt) end() {
	c := s.conn
	sqlite3.Xsqlite3_reset(c.tls, s.handle)
	sqlite3.Xsqlite3_clear_bindings(c.tls, s.handle) // they point into memory that is freed now
	for _, p := range s.large {
		libc.Xfree(c.tls, p)
	}
	s.large, c.used, s.running = nil, s.mark, false
	if s.once {
		sqlite3.Xsqlite3_finalize(c.tls, s.handle)
	}
}

func (s *stmt) bind(i int32, arg any) error {
	tls := s.conn.tls
	var rc int32
	switch v := arg.(type) {
	case nil:
		rc = sqlite3.Xsqlite3_bind_null(tls, s.handle, i)
	case int64:
		rc = sqlite3.Xsqlite3_bind_int64(tls, s.handle, i, v)
	case bool:
		rc = sqlite3.Xsqlite3_bind_int64(tls, s.handle, i, int64(libc.Bool32(v)))
	case time.Time:
		rc = sqlite3.Xsqlite3_bind_int64(tls, s.handle, i, Micros(v))
	case string:
		p, room, err := s.conn.hold(s, len(v))
		if err != nil {
			return err
		}
		copy(room, v)
		rc = sqlite3.Xsqlite3_bind_text(tls, s.handle, i, p, int32(len(v)), 0)
	case []byte:
		if v == nil {
			rc = sqlite3.Xsqlite3_bind_null(tls, s.handle, i)
			break
		}
		p, room, err := s.conn.hold(s, len(v))
		if err != nil {
			return err
		}
		copy(room, v)
		rc = sqlite3.Xsqlite3_bind_blob(tls, s.handle, i, p, int32(len(v)), 0)
	default:
		return fmt.Errorf("argument %d: no way to store a %T", i, arg)
	}
	if rc != sqlite3.SQLITE_OK {
		return s.conn.fault(rc)
	}
	return nil
}

// Micros is how times are stored: microseconds UTC since 1970, the zero time
// as 0.
func Micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// Row is the current row of a running query; columns count from 0. NULL reads
// as the zero value.
type Row struct{ s *stmt }

// Int reads an integer.
func (r *Row) Int(i int) int64 {
	return sqlite3.Xsqlite3_column_int64(r.s.conn.tls, r.s.handle, int32(i))
}

// Bool reads an integer as true unless it is 0.
func (r *Row) Bool(i int) bool { return r.Int(i) != 0 }

// Null says that the column is NULL.
func (r *Row) Null(i int) bool {
	return sqlite3.Xsqlite3_column_type(r.s.conn.tls, r.s.handle, int32(i)) == sqlite3.SQLITE_NULL
}

// Time reads microseconds UTC; 0 is the zero time.
func (r *Row) Time(i int) time.Time {
	if us := r.Int(i); us != 0 {
		return time.UnixMicro(us).UTC()
	}
	return time.Time{}
}

// Text reads a string.
func (r *Row) Text(i int) string { return string(r.raw(i)) }

// Same is Text for a column that mostly repeats the value of the row before.
func (r *Row) Same(i int) string {
	b := r.raw(i)
	if last := r.s.columns[i]; last == string(b) {
		return last
	}
	r.s.columns[i] = string(b)
	return r.s.columns[i]
}

// Bytes reads a blob into fresh memory; nil when it is empty or NULL.
func (r *Row) Bytes(i int) []byte {
	b := r.raw(i)
	if len(b) == 0 {
		return nil
	}
	return append(make([]byte, 0, len(b)), b...)
}

// UUID reads an id, as far as the blob goes; NULL is the zero id.
func (r *Row) UUID(i int) (id [16]byte) {
	copy(id[:], r.raw(i))
	return id
}

// Sum reads a SHA-256 likewise.
func (r *Row) Sum(i int) (sum [32]byte) {
	copy(sum[:], r.raw(i))
	return sum
}

// raw is the column's memory, valid until the next step.
func (r *Row) raw(i int) []byte {
	tls, h := r.s.conn.tls, r.s.handle
	p := sqlite3.Xsqlite3_column_blob(tls, h, int32(i)) // of text: its UTF-8 bytes
	if p == 0 {
		return nil
	}
	return libc.GoBytes(p, int(sqlite3.Xsqlite3_column_bytes(tls, h, int32(i))))
}
