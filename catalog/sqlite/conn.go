// SPDX-License-Identifier: Apache-2.0

// Package sqlite is a connection to an SQLite file for one goroutine at a time.
// It calls the C library's own interface in modernc.org/sqlite/lib instead of
// going through database/sql: a listing of a thousand entries costs a third of
// the time, since a connection without its mutex needs no lock per column and
// a prepared statement stays prepared. No SQL of ours and no rule lives here.
package sqlite

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"modernc.org/libc"
	"modernc.org/libc/sys/types"
	"modernc.org/sqlite/lib"
)

// arenaSize is the memory in which a connection keeps the arguments of running
// statements, in bytes; larger arguments are allocated one by one.
const arenaSize = 64 << 10

// Options of Open.
type Options struct {
	ReadOnly    bool          // statements that write are refused
	BusyTimeout time.Duration // how long to wait for another process's lock; 0 means not at all
}

// Conn is one connection. Only Interrupt may be called from another goroutine.
type Conn struct {
	tls   *libc.TLS
	db    uintptr
	out   uintptr // room for one pointer that the library returns
	stmts map[string]*stmt

	arena uintptr
	used  int
	log   *log // nil until the first Commit

	closing sync.Mutex // between Interrupt and Close
}

// Open opens or creates the file at path, which is taken literally.
func Open(path string, o Options) (*Conn, error) {
	c := &Conn{tls: libc.NewTLS(), stmts: map[string]*stmt{}}
	c.out = libc.Xmalloc(c.tls, 8)
	c.arena = libc.Xmalloc(c.tls, arenaSize)
	name, err := libc.CString(path)
	if err != nil || c.out == 0 || c.arena == 0 {
		return nil, errors.Join(errNoMemory, err)
	}
	defer libc.Xfree(c.tls, name)
	flags := int32(sqlite3.SQLITE_OPEN_READWRITE | sqlite3.SQLITE_OPEN_CREATE | sqlite3.SQLITE_OPEN_NOMUTEX | sqlite3.SQLITE_OPEN_EXRESCODE)
	rc := sqlite3.Xsqlite3_open_v2(c.tls, name, c.out, flags, 0)
	c.db = c.pointer()
	if rc != sqlite3.SQLITE_OK {
		err := c.fault(rc)
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), c.Close())
	}
	if err := c.configure(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	sqlite3.Xsqlite3_busy_timeout(c.tls, c.db, int32(o.BusyTimeout.Milliseconds()))
	if o.ReadOnly {
		if _, err := c.Exec("PRAGMA query_only=1"); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return c, nil
}

// configure sets what there is no pragma for: a plan does not depend on the
// arguments (else each execution might prepare the statement anew), the file
// cannot be damaged by SQL, and "x" is a name, never a text.
func (c *Conn) configure() error {
	for _, option := range []struct{ op, value int32 }{
		{sqlite3.SQLITE_DBCONFIG_ENABLE_QPSG, 1}, {sqlite3.SQLITE_DBCONFIG_DEFENSIVE, 1},
		{sqlite3.SQLITE_DBCONFIG_DQS_DDL, 0}, {sqlite3.SQLITE_DBCONFIG_DQS_DML, 0},
	} {
		arguments := libc.VaList(c.arena, option.value, uintptr(0))
		if rc := sqlite3.Xsqlite3_db_config(c.tls, c.db, option.op, arguments); rc != sqlite3.SQLITE_OK {
			return c.fault(rc)
		}
	}
	return nil
}

// Close frees everything. The last connection to a file in WAL mode carries
// the log over into the file.
func (c *Conn) Close() error {
	c.closing.Lock()
	defer c.closing.Unlock()
	if c.tls == nil {
		return nil
	}
	for _, s := range c.stmts {
		sqlite3.Xsqlite3_finalize(c.tls, s.handle)
	}
	var err error
	if rc := sqlite3.Xsqlite3_close_v2(c.tls, c.db); rc != sqlite3.SQLITE_OK {
		err = c.fault(rc)
	} else {
		c.log.free(c.tls)
	}
	libc.Xfree(c.tls, c.out)
	libc.Xfree(c.tls, c.arena)
	c.tls.Close()
	c.tls, c.db = nil, 0
	return err
}

// Interrupt makes the running statement fail with code Interrupt soon.
func (c *Conn) Interrupt() {
	c.closing.Lock()
	defer c.closing.Unlock()
	if c.tls == nil {
		return
	}
	tls := libc.NewTLS() // c.tls belongs to the goroutine that runs the statement
	sqlite3.Xsqlite3_interrupt(tls, c.db)
	tls.Close()
}

// InTransaction says whether a transaction is open. Some errors (a full disk,
// for one) make the library roll back by itself.
func (c *Conn) InTransaction() bool { return sqlite3.Xsqlite3_get_autocommit(c.tls, c.db) == 0 }

// TotalChanges counts the rows changed since Open, undone changes too.
func (c *Conn) TotalChanges() int64 { return sqlite3.Xsqlite3_total_changes64(c.tls, c.db) }

// pointer is what the library has just put into c.out.
func (c *Conn) pointer() uintptr {
	return uintptr(binary.NativeEndian.Uint64(libc.GoBytes(c.out, 8)))
}

// Script runs statements without arguments, separated by semicolons.
func (c *Conn) Script(sql string) error {
	text, err := libc.CString(sql)
	if err != nil {
		return errors.Join(errNoMemory, err)
	}
	defer libc.Xfree(c.tls, text)
	if rc := sqlite3.Xsqlite3_exec(c.tls, c.db, text, 0, 0, 0); rc != sqlite3.SQLITE_OK {
		return c.fault(rc)
	}
	return nil
}

// prepare gives the cached statement, or a fresh one while the cached one is
// running. The texts are constants of the program, so the cache is bounded.
func (c *Conn) prepare(sql string) (*stmt, error) {
	if s, ok := c.stmts[sql]; ok && !s.running {
		return s, nil
	}
	text, err := libc.CString(sql)
	if err != nil {
		return nil, errors.Join(errNoMemory, err)
	}
	defer libc.Xfree(c.tls, text)
	const keep = sqlite3.SQLITE_PREPARE_PERSISTENT
	if rc := sqlite3.Xsqlite3_prepare_v3(c.tls, c.db, text, -1, keep, c.out, 0); rc != sqlite3.SQLITE_OK {
		return nil, fmt.Errorf("%w in %q", c.fault(rc), sql)
	}
	s := &stmt{conn: c, handle: c.pointer()}
	s.columns = make([]string, sqlite3.Xsqlite3_column_count(c.tls, s.handle))
	if s.params, err = c.params(s.handle); err != nil {
		sqlite3.Xsqlite3_finalize(c.tls, s.handle)
		return nil, fmt.Errorf("%w in %q", err, sql)
	}
	if _, taken := c.stmts[sql]; taken {
		s.once = true
	} else {
		c.stmts[sql] = s
	}
	return s, nil
}

// params gives for each parameter of a statement the argument it takes,
// counted from 0. To the library $1 is a name like any other: it numbers
// parameters by their first appearance.
func (c *Conn) params(handle uintptr) ([]int, error) {
	params := make([]int, sqlite3.Xsqlite3_bind_parameter_count(c.tls, handle))
	for i := range params {
		name := libc.GoString(sqlite3.Xsqlite3_bind_parameter_name(c.tls, handle, int32(i+1)))
		n, err := strconv.Atoi(strings.TrimPrefix(name, "$"))
		if err != nil || n < 1 {
			return nil, fmt.Errorf("parameter %q is not $1, $2, …", name)
		}
		params[i] = n - 1
	}
	return params, nil
}

// hold copies b to where the library can read it until release.
func (c *Conn) hold(s *stmt, n int) (uintptr, []byte, error) {
	if c.used+n <= arenaSize {
		p := c.arena + uintptr(c.used)
		c.used += n
		return p, libc.GoBytes(p, n), nil
	}
	p := libc.Xmalloc(c.tls, types.Size_t(n))
	if p == 0 {
		return 0, nil, errNoMemory
	}
	s.large = append(s.large, p)
	return p, libc.GoBytes(p, n), nil
}
