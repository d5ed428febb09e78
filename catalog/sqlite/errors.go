// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"errors"

	"modernc.org/libc"
	"modernc.org/sqlite/lib"
)

var errNoMemory = errors.New("sqlite: out of memory")

// Error is what the library reports.
type Error struct {
	Code    int // extended result code, https://sqlite.org/rescode.html
	Message string
}

func (e *Error) Error() string { return "sqlite: " + e.Message }

// Primary is the result code without its extension.
func (e *Error) Primary() int { return e.Code & 0xff }

// Misuse says that err is a fault of the program, not of the disk or of
// another process: wrong SQL, a broken constraint, a wrong type.
func Misuse(err error) bool {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return false
	}
	switch e.Primary() {
	case sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_MISUSE,
		sqlite3.SQLITE_RANGE, sqlite3.SQLITE_TOOBIG:
		return true
	}
	return false
}

// Busy says that another connection held the file.
func Busy(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Primary() == sqlite3.SQLITE_BUSY
}

// fault makes an Error of a result code and the connection's last message.
func (c *Conn) fault(rc int32) error {
	message := libc.GoString(sqlite3.Xsqlite3_errstr(c.tls, rc))
	if c.db != 0 && sqlite3.Xsqlite3_extended_errcode(c.tls, c.db) == rc {
		if more := libc.GoString(sqlite3.Xsqlite3_errmsg(c.tls, c.db)); more != message {
			message += ": " + more
		}
	}
	return &Error{Code: int(rc), Message: message}
}
