// SPDX-License-Identifier: Apache-2.0

// Package config turns one YAML file and the environment into settings that
// are possible and safe, or into the list of everything that is wrong with
// them, each with its line. It opens no connection, and no other package
// knows the form of the file: cmd copies fields into their options.
package config

import (
	"net/netip"
	"regexp"
	"time"
)

// Config is a checked configuration. Paths are absolute, sizes in bytes.
type Config struct {
	File           string // as given to Load
	Listen         string // HOST:PORT; an empty host means all addresses
	MetricsListen  string // likewise; "" means no metrics
	URL            string // public base without a slash at its end
	TLS            TLS
	TrustedProxies []netip.Prefix
	Shutdown       time.Duration // how long uploads may finish when the server stops

	Authority Authority
	Folders   Folders
	Names     Names

	Catalog        Place    // Kind "sqlite" or "postgres"; then Path is for people
	Database       Database // of Kind "postgres"
	Storage        Place    // Kind "dir" or "s3"
	Bucket         Bucket   // of Kind "s3"
	StorageReserve int64    // bytes that uploads leave free

	Scan   Scan
	Notify Notify

	Release        string // "single" or "four-eyes"
	ReleaseDoor    string // "any" or "web"
	ReleaseMachine string // "refuse" or "direct"

	Quota        Quota
	VersionsKeep VersionsKeep
	Upload       Upload
	Clients      Clients
	OIDC         OIDC
	Backup       Backup
	Log          Log
	Upkeep       Upkeep

	exposed []string // secret files that everybody on the machine can read
}

// TLS names the certificate of the doors; both are "" without TLS.
type TLS struct{ Cert, Key string }

// Authority is the institution that runs the server.
type Authority struct {
	Name            string
	Short           string // Name when none was given
	Language        string // "de" or "en"
	Timezone        *time.Location
	ServiceContact  string
	SecurityAddress string
}

// Folders are the names of the three fixed folders and of the one for
// returned documents inside the outbox.
type Folders struct{ ToAuthority, CaseworkerInbox, Outbox, Returned string }

// Names are rules for file names.
type Names struct {
	MemberNumber *regexp.Regexp // its first group, or the whole match, is a number; nil checks nothing
}

// Place is where catalog or storage lie; for a bucket, Path is its name and
// the prefix.
type Place struct{ Kind, Path string }

// Scan is the scanner gate.
type Scan struct {
	Clamd            string        // unix:PATH, tls:HOST:PORT or tcp:HOST:PORT
	CA               string        // PEM file for tls: addresses; "" means the system's
	PlainTCP         bool          // contents may go in plain text beyond loopback
	MaxSize          int64         // bytes of one document
	SignaturesMaxAge time.Duration // 0 means off: no limit, and an unknown date is accepted
	OwnSignatures    bool          // postfach.ndb must be loaded
	Encrypted        Encrypted
	Timeout          time.Duration // for one verdict after the last byte
	Concurrent       int           // scans at once
}

// Encrypted says what encrypted documents are accepted unread.
type Encrypted struct{ AcceptArchives, AcceptDocuments bool }

// Notify is the mail.
type Notify struct {
	SMTP            SMTP
	CA              string // PEM file for the relay; "" means the system's
	From            string // address, or name and address
	Quiet, AtMost   time.Duration
	StaffAddress    string
	OperatorAddress string
	Templates       string // folder of replacements; "" for none
	Rate            int    // mails per minute; 0 means no bound
}

// SMTP is the relay. Password comes from the environment only.
type SMTP struct {
	Host           string
	Port           int
	TLS            string // "required", "implicit" or "none"
	User, Password string // "" for no sign-in
}

// Quota bounds what a member side's versions may take, in bytes; 0 means no
// bound.
type Quota struct{ Current, Superseded int64 }

// VersionsKeep says which superseded versions stay although room is needed.
type VersionsKeep struct{ Days, Count int }

// Upload bounds what is under way at a time; sizes in bytes.
type Upload struct {
	MaxDuration                  time.Duration
	Memory, SpoolMax, PerAccount int64
}

// Upkeep is what the server does for its stock by itself.
type Upkeep struct {
	AuditSegments time.Duration // how often the audit log is shipped into the storage
	Scrub         Scrub
}

// Scrub reads stored contents again and compares them with their digests.
type Scrub struct {
	Every  time.Duration // how often a round begins; 0 means off
	Sample int           // percent of the versions in a round; each round has others
	Rate   int64         // bytes a second that are read
}

// Log is the log of the server.
type Log struct {
	Level, Format string
	Syslog        string // unix:PATH, tls:HOST:PORT or tcp:HOST:PORT of a collector; "" for none
	CA            string // PEM file for tls: addresses; "" means the system's
}
