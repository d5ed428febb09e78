// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"encoding/binary"
	"errors"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
	"modernc.org/libc"
	"modernc.org/libc/sys/types"
	"modernc.org/sqlite/lib"
)

// gathered is how much of the log is written in one system call, in bytes: 31
// pages with their headers. The library writes less than 128 KiB at a time.
const gathered = 31 * (4096 + 24)

// log stands between a connection and its file of the write-ahead log while a
// transaction commits. The library writes each page in two system calls, header
// and page, and then calls fsync, which also writes down when the file was last
// changed: a commit of the file system's own journal. Here what is adjacent goes
// in one call, and fdatasync writes all that is needed to read the file again.
//
// Nothing is held back but between the begin of a commit and its sync, under
// the lock of the only writer. Readers look at what the index of the log names;
// the library brings that up to date after the sync.
type log struct {
	file uintptr // the library's sqlite3_file; 0 leaves everything to the library
	room uintptr // our functions, where the library looks
	was  sqlite3.Tsqlite3_io_methods
	ours struct { // keeps alive what room names
		read, write func(tls *libc.TLS, file, p uintptr, n int32, at int64) int32
		sync        func(tls *libc.TLS, file uintptr, flags int32) int32
	}
	held   []byte // not written yet, for offset at
	at     int64
	gather bool // a commit is under way
}

// Commit ends the transaction. Where the connection does not wait for the disk
// or writes no log, it is COMMIT and no more.
func (c *Conn) Commit() error {
	if c.log == nil {
		if err := c.ownLog(); err != nil {
			return err
		}
	}
	l := c.log
	l.gather = l.file != 0
	_, err := c.Exec("COMMIT")
	left := len(l.held)
	// What a failed commit did not write must never be: others may write there.
	l.gather, l.held = false, l.held[:0]
	if err == nil && left > 0 {
		return errNotSynced
	}
	return err
}

// errNotSynced cannot be: with synchronous=FULL the library ends a commit with a
// sync, which leaves nothing held.
var errNotSynced = errors.New("sqlite: the log was not synced by a commit")

// ownLog puts our functions for the log before those of the library.
func (c *Conn) ownLog() error {
	waits, logs := false, false
	if err := c.Query("PRAGMA synchronous", func(r *Row) error { waits = r.Int(0) >= 2; return nil }); err != nil {
		return err
	}
	if err := c.Query("PRAGMA journal_mode", func(r *Row) error { logs = r.Text(0) == "wal"; return nil }); err != nil {
		return err
	}
	l := &log{}
	if waits && logs {
		// The journal of a connection in WAL mode is the log.
		if rc := sqlite3.Xsqlite3_file_control(c.tls, c.db, 0, sqlite3.SQLITE_FCNTL_JOURNAL_POINTER, c.out); rc != sqlite3.SQLITE_OK {
			return c.fault(rc)
		}
		if err := l.take(c.tls, c.pointer()); err != nil {
			return err
		}
	}
	c.log = l
	return nil
}

// take puts our functions in the place of a file's own, which it keeps.
func (l *log) take(tls *libc.TLS, file uintptr) error {
	const size = int(unsafe.Sizeof(l.was))
	first := libc.GoBytes(file, 8) // sqlite3_file begins with the pointer to its functions
	library := uintptr(binary.NativeEndian.Uint64(first))
	if library == 0 { // not open
		return nil
	}
	if l.room = libc.Xmalloc(tls, types.Size_t(size)); l.room == 0 {
		return errNoMemory
	}
	methods := libc.GoBytes(l.room, size)
	copy(methods, libc.GoBytes(library, size))
	table := (*sqlite3.Tsqlite3_io_methods)(unsafe.Pointer(&methods[0]))
	l.was, l.file, l.held = *table, file, make([]byte, 0, gathered)
	l.ours.read, l.ours.write, l.ours.sync = l.read, l.write, l.sync
	table.FxRead, table.FxWrite, table.FxSync = pointer(&l.ours.read), pointer(&l.ours.write), pointer(&l.ours.sync)
	binary.NativeEndian.PutUint64(first, uint64(l.room))
	return nil
}

// free is for after the library has closed the file.
func (l *log) free(tls *libc.TLS) {
	if l != nil && l.room != 0 {
		libc.Xfree(tls, l.room)
		l.room = 0
	}
}

// pointer is what the library calls a function by.
func pointer[F any](f *F) uintptr { return *(*uintptr)(unsafe.Pointer(f)) }

// function is the reverse for the library's own.
func function[F any](like F, p uintptr) F {
	return *(*F)(unsafe.Pointer(&struct{ uintptr }{p}))
}

func (l *log) write(tls *libc.TLS, file, p uintptr, n int32, at int64) int32 {
	if len(l.held) > 0 && at != l.at+int64(len(l.held)) || len(l.held)+int(n) > cap(l.held) {
		if rc := l.flush(tls, file); rc != sqlite3.SQLITE_OK {
			return rc
		}
	}
	if !l.gather || int(n) > cap(l.held) {
		return function(l.ours.write, l.was.FxWrite)(tls, file, p, n, at)
	}
	if len(l.held) == 0 {
		l.at = at
	}
	l.held = append(l.held, libc.GoBytes(p, int(n))...)
	return sqlite3.SQLITE_OK
}

// flush writes what is held. What could not be written is given up, and the
// commit with it.
func (l *log) flush(tls *libc.TLS, file uintptr) int32 {
	if len(l.held) == 0 {
		return sqlite3.SQLITE_OK
	}
	b := l.held
	l.held = l.held[:0]
	rc := function(l.ours.write, l.was.FxWrite)(tls, file, uintptr(unsafe.Pointer(&b[0])), int32(len(b)), l.at)
	runtime.KeepAlive(b)
	return rc
}

func (l *log) read(tls *libc.TLS, file, p uintptr, n int32, at int64) int32 {
	if rc := l.flush(tls, file); rc != sqlite3.SQLITE_OK {
		return rc
	}
	return function(l.ours.read, l.was.FxRead)(tls, file, p, n, at)
}

func (l *log) sync(tls *libc.TLS, file uintptr, flags int32) int32 {
	if rc := l.flush(tls, file); rc != sqlite3.SQLITE_OK {
		return rc
	}
	f := (*sqlite3.TunixFile)(unsafe.Pointer(&libc.GoBytes(file, int(unsafe.Sizeof(sqlite3.TunixFile{})))[0]))
	if f.FctrlFlags&sqlite3.UNIXFILE_DIRSYNC != 0 { // a new file: its folder too, once
		return function(l.ours.sync, l.was.FxSync)(tls, file, flags)
	}
	for {
		switch err := unix.Fdatasync(int(f.Fh)); err {
		case nil:
			return sqlite3.SQLITE_OK
		case unix.EINTR:
		default:
			return sqlite3.SQLITE_IOERR_FSYNC
		}
	}
}
