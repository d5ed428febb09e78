// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
)

// Error is what the server or the way to it reports.
type Error struct {
	SQL string // the statement
	err error
}

func (e *Error) Error() string { return "postgres: " + e.err.Error() + " in " + e.SQL }
func (e *Error) Unwrap() error { return e.err }

// Code is the SQLSTATE of an error; "" when it is not the server's.
func Code(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

// Misuse says that err is a fault of the program, not of the server or the way
// to it: wrong SQL, a broken constraint, a wrong type, the error of a trigger.
func Misuse(err error) bool {
	switch code := Code(err); {
	case len(code) < 2:
		return false
	case code == "42501": // a right that the role lacks is the operator's fault
		return false
	default:
		class := code[:2]
		return class == "22" || class == "23" || class == "42" || class == "P0"
	}
}

// Again says that the transaction was given up for the sake of another one and
// may be tried anew: serialization failure, deadlock, or a second row with the
// same key from a change that was quicker.
func Again(err error) bool {
	switch Code(err) {
	case "40001", "40P01", "23505":
		return true
	}
	return false
}

// refused says that the server has answered a COMMIT with an error after which
// the transaction certainly does not stand. Whoever is thrown out while waiting
// for a standby (FATAL) may have committed.
func refused(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.SeverityUnlocalized == "ERROR"
}
