// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"context"
	"time"
)

// Lock is a write lock (RFC 4918 section 6).
type Lock struct {
	Token     string // "urn:uuid:…"
	Member    MemberID
	Entry     EntryID
	Account   AccountID
	Person    PersonID
	Holder    string // the person's name, for the answer 423
	Exclusive bool
	Infinite  bool   // depth infinity
	Owner     string // the client's XML, verbatim
	Expires   time.Time
}

// Prop is a dead property; XML is the whole element, self-contained.
type Prop struct {
	Space, Local string
	XML          string
}

// AlertKind says what somebody must be told beside deliveries.
type AlertKind string

const (
	AlertRefused      AlertKind = "refused"       // infected or unscannable upload: uploader and security address
	AlertRecalled     AlertKind = "recalled"      // withdrawn after the mail went out: the clerks
	AlertRecalledRead AlertKind = "recalled-read" // withdrawn after it was retrieved: security address, at once
	AlertReturned     AlertKind = "returned"      // sent back by a reviewer: the author
)

// Alert is written in the transaction of what it reports.
type Alert struct {
	Kind      AlertKind
	Member    MemberID
	Account   AccountID // the uploader, or who recalled
	Entry     EntryID
	Version   VersionID
	Signature string // of AlertRefused; the reason of AlertReturned
	Time      time.Time
}

// Mailbox is a member with the state of its root, for listings over several.
type Mailbox struct {
	Member Member
	Root   Entry
}

// Fetch is what one person has received of a version: ranges [from, to) of
// bytes, sorted and disjoint.
type Fetch struct {
	Version  VersionID
	Person   PersonID
	Ranges   [][2]int64
	Complete time.Time // zero until every byte was sent
}

// Reader looks at the catalog inside one consistent view. Absent things are
// kind NotFound. "In view" means not removed; a removed folder hides all below.
type Reader interface {
	// Now is the catalog's clock, in UTC, to the microsecond.
	Now() time.Time

	Member(id MemberID) (Member, error)
	MemberByNumber(number string) (Member, error)
	// Mailboxes gives those of ids, or all when ids is nil, by number.
	Mailboxes(ids []MemberID) ([]Mailbox, error)
	// CountMembers counts all members, closed ones too.
	CountMembers() (int, error)
	// SumChanges adds up the roots' change numbers of one side, and counts the
	// roots, over ids or over all when ids is nil.
	SumChanges(ids []MemberID, side Side) (sum int64, n int, err error)

	// Entry finds an entry whether in view or not.
	Entry(id EntryID) (Entry, error)
	// Child finds the entry in view whose NameKey is key.
	Child(parent EntryID, key string) (Entry, error)
	// Children pages through the entries in view by name key, after the given
	// one, at most limit. The result lies in into where that has room.
	Children(parent EntryID, after string, limit int, into []Entry) ([]Entry, error)
	// DropFolder finds a data centre's own folder in view in an_KVBbg.
	DropFolder(m MemberID, account AccountID) (Entry, error)
	// Subtree gives the entries in view below top, without it, parents first, at
	// most limit.
	Subtree(top EntryID, limit int) ([]Entry, error)

	// Versions gives the history of an entry, newest first, with that of the
	// entries it replaced.
	Versions(id EntryID) ([]Version, error)
	Version(id VersionID) (Version, error)
	// Authors gives everybody whose work a version is, its uploader included.
	Authors(id VersionID) ([]PersonID, error)
	// OutboxTwins gives the versions with these bytes that are or were in this
	// mailbox's outbox.
	OutboxTwins(m MemberID, sha [32]byte) ([]VersionID, error)
	// TakenOverTwin gives the newest version with these bytes that was taken
	// over, kind NotFound if there is none (I7).
	TakenOverTwin(m MemberID, sha [32]byte) (VersionID, error)

	// Former gives the entries that bore a name key in a folder until they left
	// it (Tx.LeaveName) not before since.
	Former(parent EntryID, key string, since time.Time) ([]Entry, error)
	// ReplacedBy finds the entry whose Replaces is id, kind NotFound if there is
	// none.
	ReplacedBy(id EntryID) (Entry, error)
	// Purgeable gives superseded versions of the member's side that were never
	// Seen, oldest first, at most limit: stored before the given time and, of a
	// document in view, not among the newest keep that were replaced. The blob of
	// none of them is named by another version.
	Purgeable(m MemberID, before time.Time, keep, limit int) ([]Version, error)

	// Locks gives the unexpired locks of a mailbox.
	Locks(m MemberID) ([]Lock, error)
	// Props gives the dead properties of entries.
	Props(ids ...EntryID) (map[EntryID][]Prop, error)
	// Deliveries gives those of an entry, newest first.
	Deliveries(e EntryID) ([]Delivery, error)
	// Told says whether a mail about the delivery was formed.
	Told(d DeliveryID) (bool, error)
	// Fetch gives what a person has received of a version; zero if nothing.
	Fetch(v VersionID, p PersonID) (Fetch, error)
}

// Tx changes one mailbox. All changes and their audit records commit together
// or not at all (I3).
type Tx interface {
	Reader

	// NextChange gives the mailbox's next change number.
	NextChange() (int64, error)
	// InsertEntry stores e and sets e.ID. Kind Twin when the name is taken.
	InsertEntry(e *Entry) error
	// UpdateEntry stores all of e but its id and member.
	UpdateEntry(e Entry) error
	// Touch stores the change number at folders, for the sides named.
	Touch(folders []EntryID, change int64, authority, member bool) error
	// SetPlace moves a whole subtree, top included, to another place.
	SetPlace(top EntryID, p Place) error

	// InsertVersion stores v with its authors. It refuses, kind Unavailable, an
	// id older than the limit by the catalog's clock.
	InsertVersion(v Version, authors []PersonID, oldest time.Time) error
	// AddAuthors makes more people authors of a stored version.
	AddAuthors(v VersionID, people []PersonID) error
	// Purge gives up the bytes of a version: its row stays, and no longer names
	// its blob (Committed says no).
	Purge(v VersionID) error
	// LeaveName remembers that e leaves the name that it bears now, the latest
	// of each entry only.
	LeaveName(e Entry) error
	// SetSeen marks a version as delivered, taken over or released.
	SetSeen(v VersionID) error
	// AddUsage changes the mailbox's counters, in bytes.
	AddUsage(current, superseded int64) error

	PutLock(l Lock) error
	DeleteLocks(tokens ...string) error
	// SetProps stores and removes dead properties of an entry.
	SetProps(id EntryID, set []Prop, remove []Prop) error

	InsertDelivery(d Delivery) error
	UpdateDelivery(d Delivery) error
	PutFetch(f Fetch) error
	InsertAlert(a Alert) error

	// InsertMember stores m with its root and fixed folders, setting the ids.
	// Kind Exists when the number was ever given.
	InsertMember(m *Member, names FolderNames) error
	// UpdateMember stores name, parent, successor, policy, closing day, quota.
	UpdateMember(m Member) error

	Audit(r Record) error
}

// Catalog is the truth about names, versions, locks, deliveries and audit.
// Implementations pass catalogtest. Every method is kind Unavailable when the
// catalog cannot be reached.
type Catalog interface {
	// View runs fn over one consistent state.
	View(ctx context.Context, fn func(Reader) error) error
	// Update runs fn in a transaction that holds the row of mailbox m (0 for
	// none). fn may run more than once, does no I/O but Tx and decides policy
	// inside; its error rolls everything back. On nil the change is durable. An
	// error of kind Unavailable after fn ran may mean either outcome: ask
	// Committed.
	Update(ctx context.Context, m MemberID, fn func(Tx) error) error
	// Committed looks up by its version id whether an upload was stored and its
	// blob is still named.
	Committed(ctx context.Context, v VersionID) (bool, error)
	// Append writes audit records that belong to no change, durable on return.
	Append(ctx context.Context, r ...Record) error
	// Ready says whether a change could be committed now.
	Ready(ctx context.Context) error
}
