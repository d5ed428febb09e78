// SPDX-License-Identifier: Apache-2.0

// Package mailbox holds the rules of exchange between an authority and its
// members: who may put, see, take and remove entries, what becomes a delivery,
// and what is recorded when they do. No HTTP, SQL, files or network live here;
// what the rules need of the world they declare as interfaces (Catalog, Blobs,
// Scanner), and every door goes through the same Service.
package mailbox

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"time"

	"github.com/google/uuid"
)

// Numbers given by the catalog, never reused (I6).
type (
	MemberID   int64
	EntryID    int64
	PersonID   int64
	AccountID  int64
	DeliveryID int64
)

// VersionID is a UUIDv7 made when an upload begins.
type VersionID [16]byte

// NewVersionID makes the id of an upload that begins now.
func NewVersionID() VersionID { return VersionID(uuid.Must(uuid.NewV7())) }

// ParseVersionID reads the canonical form of a UUID.
func ParseVersionID(s string) (VersionID, error) {
	u, err := uuid.Parse(s)
	if err != nil || len(s) != 36 {
		return VersionID{}, fmt.Errorf("version id %q: not a UUID", s)
	}
	return VersionID(u), nil
}

func (v VersionID) String() string { return uuid.UUID(v).String() }

// IsZero says that there is no version.
func (v VersionID) IsZero() bool { return v == VersionID{} }

// Time is when the id was made, to the millisecond, by the clock of the node
// that made it (RFC 9562 section 5.7).
func (v VersionID) Time() time.Time {
	ms := int64(v[0])<<40 | int64(v[1])<<32 | int64(v[2])<<24 | int64(v[3])<<16 | int64(v[4])<<8 | int64(v[5])
	return time.UnixMilli(ms).UTC()
}

// Side is one of the two parties of a mailbox.
type Side int

const (
	NoSide Side = iota
	MemberSide
	AuthoritySide
)

// Role is what a grant makes of an account.
type Role string

const (
	Caseworker    Role = "caseworker"    // Sachbearbeitung
	Reviewer      Role = "reviewer"      // Prüfung
	Registrar     Role = "registrar"     // Zugangsverwaltung
	Auditor       Role = "auditor"       // Revision
	Operator      Role = "operator"      // Systemverwaltung
	Clerk         Role = "clerk"         // Personalsachbearbeitung
	Administrator Role = "administrator" // of a member; no files
	Datacentre    Role = "datacentre"    // Rechenzentrum; delivers, reads nothing
)

// Roles lists every role, authority first.
var Roles = []Role{Caseworker, Reviewer, Registrar, Auditor, Operator, Clerk, Administrator, Datacentre}

// Side of the mailbox on which the role acts.
func (r Role) Side() Side {
	switch r {
	case Clerk, Administrator, Datacentre:
		return MemberSide
	case Caseworker, Reviewer, Registrar, Auditor, Operator:
		return AuthoritySide
	}
	return NoSide
}

// Files says whether the role touches files at all (A22).
func (r Role) Files() bool {
	return r == Caseworker || r == Reviewer || r == Clerk || r == Datacentre
}

// Place is one of the four parts of a mailbox (K18).
type Place int

const (
	Root            Place = iota // documents provided for the member
	ToAuthority                  // an_KVBbg
	CaseworkerInbox              // KVBBG-SB-Posteingang
	Outbox                       // Postausgang
)

// Places in the order in which a mailbox shows them.
var Places = [...]Place{Root, ToAuthority, CaseworkerInbox, Outbox}

// FolderNames are the configured names of the three fixed folders.
type FolderNames struct {
	ToAuthority, CaseworkerInbox, Outbox string
}

// Of gives the name of a place; Root is "root", the word used in blob keys.
func (f FolderNames) Of(p Place) string {
	switch p {
	case ToAuthority:
		return f.ToAuthority
	case CaseworkerInbox:
		return f.CaseworkerInbox
	case Outbox:
		return f.Outbox
	}
	return "root"
}

// ReleasePolicy says how a document leaves the outbox.
type ReleasePolicy string

const (
	Single   ReleasePolicy = "single"    // a caseworker releases
	FourEyes ReleasePolicy = "four-eyes" // a reviewer releases, never an author
)

// Member is an employer with its one mailbox.
type Member struct {
	ID        MemberID
	Number    string // Mitgliedsnummer; never reissued
	Name      string
	Parent    MemberID      // of a settlement office; 0 for none
	Successor MemberID      // 0 for none
	Policy    ReleasePolicy // "" means the installation's
	ClosedOn  time.Time     // from then on no sign-ins and deliveries; zero for open
	Quota     int64         // bytes of current versions; 0 means the installation's
	Folders   [4]EntryID    // by Place; Folders[Root] is the mailbox root
	Usage     Usage
	Change    int64 // last change number given out
	// Recovering says that the mailbox was rebuilt from the storage alone and
	// nobody has confirmed it yet: nobody enters it.
	Recovering bool
}

// Usage counts what the member side uploaded, in bytes.
type Usage struct {
	Current    int64 // current versions
	Superseded int64 // earlier versions that are still kept
}

// Grant gives an account a role for one member or all.
type Grant struct {
	ID          int64
	Account     AccountID
	Role        Role
	Member      MemberID  // 0 means all members
	Number      string    // of Member; "" means all
	From, Until time.Time // zero means no bound
	Responsible bool      // is told of uploads
}

// InForce says whether the grant holds at t.
func (g Grant) InForce(t time.Time) bool {
	return (g.From.IsZero() || !t.Before(g.From)) && (g.Until.IsZero() || t.Before(g.Until))
}

// Layout is how an account's paths lead to mailboxes; fixed at creation.
type Layout string

const (
	Direct  Layout = "direct"  // the one mailbox is the DAV root
	Members Layout = "members" // one folder per member
)

// AccountKind tells people from programs.
type AccountKind string

const (
	PersonAccount  AccountKind = "person"
	MachineAccount AccountKind = "machine" // has a responsible person, no browser sign-in
)

// Actor is the signed-in account with the grants in force, as the rules see
// it. Package auth makes it anew for each request.
type Actor struct {
	Account       AccountID
	Login         string
	Person        PersonID // "another person" compares this (D15)
	PersonName    string
	Kind          AccountKind
	Layout        Layout
	Language      string // "de" or "en"; "" means the installation's
	Grants        []Grant
	Ended         []MemberID // whose files it was granted by number, and is no more
	Revision      int64      // changes whenever a grant of the account does
	ReleaseDirect bool       // machine account that may write into the root under four-eyes
	Via           Via

	syncs bool // see ByNumber
}

// Via says how a request came in, for the audit record.
type Via struct {
	Door      string // "dav", "web" or "cli"
	Means     string // by what the account signed in: "password", "app password 7", "bearer ISSUER"; "" for a command
	Address   netip.Addr
	UserAgent string
	RequestID string
	System    string // operating-system user of a command
	Order     string // that the command carries out
}

// Entry is a file or folder of a mailbox.
type Entry struct {
	ID      EntryID
	Member  MemberID
	Parent  EntryID // 0 for the mailbox root
	Place   Place
	Folder  bool
	Name    string // NFC, as written
	Side    Side   // that created it
	Account AccountID
	Person  PersonID
	Created time.Time
	// Modified is the content's time as the client gave it, else the server's.
	Modified time.Time
	Version  Version   // the current one; zero for folders
	Removed  time.Time // zero while in view
	TakenBy  PersonID  // who took it over; 0 if nobody
	TakenAt  time.Time
	Drop     AccountID // the data centre whose folder this is; 0 for all others
	Replaces EntryID   // the entry whose name this one took by arriving; its versions are this one's history

	ChangeAuthority int64 // last change below, visible to that side
	ChangeMember    int64
}

// Version is one immutable content of a file entry.
type Version struct {
	ID     VersionID
	Entry  EntryID
	Blob   BlobKey // its own, or that of the version it was copied from
	Size   int64   // bytes
	SHA256 [32]byte
	SHA1   []byte // 20 bytes when it was computed, else nil
	MD5    []byte // 16 bytes when it was computed, else nil

	Account  AccountID
	Person   PersonID
	Side     Side
	Time     time.Time
	Engine   string // that called it clean
	Database string
	Seen     bool // was ever delivered, taken over or released: nothing destroys it
	Purged   bool // the bytes were given up because room was needed; only superseded versions that were never Seen
}

// ETag is the strong validator of the version, quoted (RFC 9110 section 8.8.3).
// It survives MOVE and never depends on a path.
func (v Version) ETag() string {
	var b [2 + 2*len(v.ID)]byte
	b[0], b[len(b)-1] = '"', '"'
	hex.Encode(b[1:], v.ID[:])
	return string(b[:])
}

// Direction of a delivery.
type Direction string

const (
	ToMember    Direction = "to-member"
	ToTheAuth   Direction = "to-authority"
	ToReviewers Direction = "to-reviewers" // a document waits for release
)

// Delivery is the moment a version becomes visible to the other side.
type Delivery struct {
	ID         DeliveryID
	Member     MemberID
	Entry      EntryID
	Version    VersionID
	Direction  Direction
	Time       time.Time
	Account    AccountID // who delivered
	Person     PersonID
	Twin       VersionID // an earlier version with the same bytes, already taken over (I7); zero for none
	Withdrawn  time.Time // recalled or no longer visible; zero for neither
	Superseded time.Time // replaced before anyone was told; zero for not
	Fetched    time.Time // first complete retrieval by the receiving side; zero for none
}

// stands says that the delivery was neither withdrawn nor superseded.
func (d Delivery) stands() bool { return d.Withdrawn.IsZero() && d.Superseded.IsZero() }
