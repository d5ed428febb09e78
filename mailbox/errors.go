// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"errors"
	"fmt"
	"time"
)

// Kind classes an error by what the caller may do about it. Package reply maps
// each kind to one HTTP status; the zero kind is Internal, is logged whole and
// told to nobody.
type Kind int

const (
	Internal           Kind = iota // a fault of ours
	Unauthenticated                // no or wrong credentials
	Paused                         // too many wrong passwords; see Error.RetryAfter
	NotFound                       // absent, or not visible to this actor (I5)
	Forbidden                      // the right is missing
	Invalid                        // malformed request, mismatch of length or digest
	NameRefused                    // the name policy refuses the name
	Exists                         // MKCOL on an existing name
	ParentMissing                  // an ancestor of the target is absent
	Twin                           // another spelling of the name exists
	Conflict                       // the state forbids the operation
	Locked                         // another lock covers the resource
	Precondition                   // a condition of the request does not hold
	UnreadRelease                  // the releasing person has not read this version
	TooLarge                       // over max_size
	Infected                       // the scanner found a signature
	Unscannable                    // the scanner could not look inside
	OverQuota                      // the mailbox is full
	Unavailable                    // a dependency is down; see Error.RetryAfter
	RangeUnsatisfiable             // no byte of the range exists
	Unsupported                    // a method or feature that is not served
	Canceled                       // the client went away
)

// Reason names the sentence that tells a person why; package reply holds the
// sentences in German and English. A reason belongs to one situation, a kind
// to a class of them.
type Reason string

// Error is every error that leaves this package. Args fill the sentence of
// Reason and never carry anything the actor may not know.
type Error struct {
	Kind       Kind
	Reason     Reason
	Args       []string
	RetryAfter time.Duration // 0 means none is promised
	Err        error         // the cause, for the log only
}

func (e *Error) Error() string {
	s := string(e.Reason)
	if s == "" {
		s = fmt.Sprintf("kind %d", e.Kind)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// E makes an Error of kind k whose sentence is r filled with args.
func E(k Kind, r Reason, args ...string) *Error {
	return &Error{Kind: k, Reason: r, Args: args}
}

// Wrap makes an Error of kind k with a cause that only the log sees.
func Wrap(k Kind, r Reason, cause error) *Error {
	return &Error{Kind: k, Reason: r, Err: cause}
}

// KindOf looks through wrapping; an error that is no *Error is Internal.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

// asError finds our error in a chain.
func asError(err error) (*Error, bool) { return errors.AsType[*Error](err) }
