// SPDX-License-Identifier: Apache-2.0

// Package auth says who is asking: accounts, passwords and the pauses after
// wrong ones, and the administration of all three. It turns a request into a
// mailbox.Actor and declares the Store that package catalog implements. No SQL
// and no rule about files lives here: what an actor may do is decided in
// package mailbox, and how a refused request reads in package reply.
package auth

import (
	"net/netip"
	"time"

	"postfach/mailbox"
)

// Person is a human being. Several accounts may belong to one person, and rules
// about "another person" compare persons (D15).
type Person struct {
	ID       mailbox.PersonID
	Name     string // NFC
	Email    string // NFC, as written; "" means nobody can be told
	Language string // "de" or "en"; "" means the installation's
	Address  string // postal, below the name: lines separated by "\n"; "" for none
}

// Account is one way to sign in. It is never removed, only disabled, so that
// the audit log can name it for ever.
type Account struct {
	ID     mailbox.AccountID
	Login  Login // as written; unique by its Key
	Person mailbox.PersonID
	Kind   mailbox.AccountKind
	Layout mailbox.Layout

	Password PHC // "" cannot sign in by password (P35)
	// Former is the hash before Password: clients that still send the old
	// password after a change are not counted as guessing.
	Former          PHC
	PasswordChanged time.Time // zero while there is none

	Disabled      bool
	Created       time.Time
	Networks      []netip.Prefix // where a machine may come from; empty means anywhere
	ReleaseDirect bool           // a machine that may write into the root under four-eyes
	NoDAVPassword bool           // programs sign in by app password only
	External      External       // who this is at an OpenID provider; "" for nobody
}

// Held is a grant with what its force depends on beside its own dates.
type Held struct {
	mailbox.Grant
	ClosedOn time.Time // of the grant's member; zero for open and for all
}

// Credentials is an account with everything that a sign-in asks about it.
type Credentials struct {
	Account Account
	Person  Person
	Grants  []Held        // all of them, ended and future ones too, by id
	Apps    []AppPassword // by id, revoked ones too
	OneTime OneTime       // of the last letter; zero if there was none
}
