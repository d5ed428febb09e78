// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"net/netip"
	"time"

	"postfach/mailbox"
)

// Subject names an account in the table of failed sign-ins: an HMAC of the
// login's key, made alike for logins that do not exist. People type passwords
// into the wrong field, so what was typed is not kept.
type Subject [16]byte

// AttemptKey is where wrong passwords are counted: one account from one network.
type AttemptKey struct {
	Subject Subject
	Network netip.Prefix // /24 or /56, masked; String and netip.ParsePrefix store it
}

// MaxAttempts is how many rows of failed sign-ins a Store keeps. Past it those
// with the oldest Last go first.
const MaxAttempts = 100_000

// Store keeps people, accounts, grants and failed sign-ins. Absent things are
// kind NotFound; every method is kind Unavailable when the store cannot be
// reached. The method names do not clash with those of mailbox.Catalog, so one
// type may be both.
type Store interface {
	// Credentials finds an account by Login.Key, in one consistent view. It
	// runs once per account and cache miss, so one or two indexed queries.
	Credentials(ctx context.Context, key string) (Credentials, error)

	// CredentialsOf finds the account that is linked to a provider's, likewise.
	CredentialsOf(ctx context.Context, x External) (Credentials, error)

	// AuthEpoch is a counter in the catalog that grows, in the same
	// transaction, with every PutPerson, PutAccount, PutGrant and with every
	// change of a member's number or closing day, whichever process makes it.
	// It is asked at most once a second.
	AuthEpoch(ctx context.Context) (int64, error)

	// AuthSecret gives 32 random bytes that are made in the catalog at the
	// first call and never change: the key of Subject and of Digest.
	AuthSecret(ctx context.Context) ([32]byte, error)

	// Attempts gives the failed sign-ins under a key; zero and no error if
	// there are none or they have expired (Attempts.Last + AttemptsKept).
	Attempts(ctx context.Context, key AttemptKey) (Attempts, error)

	// ListAccounts pages through accounts by login key, after the given key
	// ("" to begin), at most limit; member 0 means every account, otherwise
	// those with any grant that names it, ended ones too.
	ListAccounts(ctx context.Context, member mailbox.MemberID, after string, limit int) ([]Credentials, error)

	// UpdateAccounts runs fn in one transaction. fn may run more than once and
	// does no I/O but Tx; its error rolls everything back and is returned, so
	// that errors.Is finds it. On nil the change is durable.
	UpdateAccounts(ctx context.Context, fn func(Tx) error) error

	// Flow finds what a person has allowed a program. Programs ask every few
	// seconds, so it changes nothing.
	Flow(ctx context.Context, id FlowID) (Flow, error)
}

// Tx changes people, accounts, grants and failed sign-ins, together with their
// audit records or not at all (I3).
type Tx interface {
	// Now is the catalog's clock, in UTC, to the microsecond.
	Now() time.Time

	// Person finds a person by id.
	Person(id mailbox.PersonID) (Person, error)
	// PersonsByEmail gives the persons with an EmailKey, by id; none is no
	// error. The clerks of a small office may share an address.
	PersonsByEmail(key string) ([]Person, error)
	// AccountByLogin finds an account by Login.Key.
	AccountByLogin(key string) (Account, error)
	// AccountByExternal finds the account that is linked to a provider's.
	AccountByExternal(x External) (Account, error)
	// Grants gives all grants of an account, ended ones too, by id, with Number.
	Grants(id mailbox.AccountID) ([]mailbox.Grant, error)
	// MemberByNumber finds a member, closed ones too.
	MemberByNumber(number string) (mailbox.Member, error)

	// PutPerson stores p under EmailKey(p.Email) and returns its id; id 0
	// makes a new one.
	PutPerson(p Person) (mailbox.PersonID, error)
	// PutAccount stores all of a under a.Login.Key and returns its id; id 0
	// makes a new one, kind Exists when the key was ever given to another.
	PutAccount(a Account) (mailbox.AccountID, error)
	// PutGrant stores all of g but Number and returns its id; id 0 makes a new
	// one. Grants are never deleted, they end.
	PutGrant(g mailbox.Grant) (int64, error)

	// Attempts gives the failed sign-ins under a key, like Store.Attempts.
	Attempts(key AttemptKey) (Attempts, error)
	// PutAttempts stores a under key, or deletes the row when a is zero. It
	// removes expired rows and keeps MaxAttempts. It does not move AuthEpoch.
	PutAttempts(key AttemptKey, a Attempts) error
	// ClearAttempts deletes the rows of a subject from every network and says
	// how many there were.
	ClearAttempts(s Subject) (int, error)

	AccessTx

	// Audit writes a record of this transaction; Sequence and a zero Time are
	// filled in.
	Audit(r mailbox.Record) error
}

// AccessTx changes app passwords, one-time passwords and the sign-ins of
// programs.
type AccessTx interface {
	// AppPasswords gives those of an account by id, revoked ones too.
	AppPasswords(id mailbox.AccountID) ([]AppPassword, error)
	// PutAppPassword stores all of p but Used and returns its id; id 0 makes a
	// new one. It moves AuthEpoch.
	PutAppPassword(p AppPassword) (AppPasswordID, error)
	// DeleteAppPassword removes one for good; none is no error.
	DeleteAppPassword(id AppPasswordID) error
	// UsedAppPassword notes a use, unless a later one is noted. It does not
	// move AuthEpoch.
	UsedAppPassword(id AppPasswordID, at time.Time) error

	// OneTime gives the one-time password of an account; zero and no error if
	// there is none.
	OneTime(id mailbox.AccountID) (OneTime, error)
	// PutOneTime stores o in the place of any earlier one, or removes it when o
	// is zero. It moves AuthEpoch.
	PutOneTime(id mailbox.AccountID, o OneTime) error

	// Flow finds what a person has allowed a program.
	Flow(id FlowID) (Flow, error)
	// PutFlow stores f in the place of one with its id, and removes those that
	// have expired.
	PutFlow(f Flow) error
}
