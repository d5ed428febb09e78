// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"log/slog"
	"regexp"
	"sync"
	"time"
)

// Options are an installation's choices. Zero values are sane.
type Options struct {
	Folders     FolderNames
	Returned    string        // folder in the outbox for returned documents; "" means Zurückgewiesen
	Policy      ReleasePolicy // "" means Single
	ReleaseDoor string        // "" for any; "web" refuses a release through another door
	// ReleaseMachine lets machine accounts that are allowed to write into the
	// root under four-eyes (L8).
	ReleaseMachine bool

	MaxSize    int64         // bytes of one document; 0 means 2000 MiB
	Quota      int64         // bytes of a member's current versions; 0 means no limit
	Superseded int64         // bytes of a member's earlier versions; 0 means twice the quota, less means no limit
	Keep       Keep          // of superseded versions, although room is needed
	MaxUpload  time.Duration // hard limit of one upload; 0 means 12 h
	Memory     int64         // bytes of uploads held in memory at once; 0 means 64 MiB
	Spool      int64         // bytes of uploads on disk at once; 0 means 64 GiB
	PerAccount int64         // bytes of one account's uploads at once; 0 means half of Spool
	Chunks     Chunks        // of uploads that arrive in chunks; nil takes none
	ReadAhead  bool          // listings read their next part while the client takes the one before: for a catalog on another machine
	LargeList  int           // from how many mailboxes on the root lists only those one is responsible for; 0 means 500

	// MemberNumber finds member numbers in names (DESIGN.md section 2); nil
	// looks for none. Its first group, or the whole match, is the number.
	MemberNumber *regexp.Regexp

	Log *slog.Logger     // nil discards
	Now func() time.Time // nil means time.Now; for deadlines only, the catalog's clock decides
}

// Bounds that no configuration changes.
const (
	DefaultMaxSize = 2000 << 20 // what clamd can scan
	MaxLockTime    = 24 * time.Hour
	commitLimit    = time.Minute      // for a commit whose client may be gone
	lookUpLimit    = 20 * time.Second // for what became of one, and for tidying up after it
	maxLocks       = 1000             // per mailbox
	maxTree        = 20000            // entries in one operation
	firstPage      = 100              // entries of a listing's first catalog page, so that a client soon hears something
	pageSize       = 500              // of every further one
	smallBody      = 1 << 20          // bytes; what storages hold in memory
	maxReason      = 2000             // characters of the reason of a return
	formerFor      = 24 * time.Hour   // for so long who writes under a name in the outbox goes on with what stood there
)

// Service is the operations of the mailbox; every door goes through it.
type Service struct {
	catalog  Catalog
	blobs    Blobs
	scanner  Scanner
	o        Options
	folders  [len(Places)]string // name keys by place
	returned string              // name key of Options.Returned
	staging  *staging
	uploads  *uploads
	sizes    *sizes
	flights  *flights
	journal  *journal
	reads    *reads
	pages    pages
	numbers  sync.Map // member number → MemberID, as far as paths led there
}

// New wires the rules to a catalog, a storage and a scanner. The caller runs
// Service.Run for as long as doors are open.
func New(c Catalog, b Blobs, s Scanner, o Options) *Service {
	if o.Returned == "" {
		o.Returned = "Zurückgewiesen"
	}
	if o.Policy == "" {
		o.Policy = Single
	}
	o.MaxSize = orDefault(o.MaxSize, DefaultMaxSize)
	o.MaxUpload = orDefault(o.MaxUpload, 12*time.Hour)
	o.Memory = orDefault(o.Memory, 64<<20)
	o.Spool = orDefault(o.Spool, 64<<30)
	o.PerAccount = orDefault(o.PerAccount, o.Spool/2)
	o.LargeList = orDefault(o.LargeList, 500)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	svc := &Service{catalog: c, blobs: b, scanner: s, o: o,
		returned: NameKey(o.Returned), staging: newStaging(o.Memory, o.Spool, o.PerAccount), flights: newFlights(),
		uploads: newUploads(o.PerAccount, o.Spool, o.Now), sizes: newSizes(),
		journal: newJournal(c, o.Log), reads: newReads()}
	for _, p := range Places[1:] {
		svc.folders[p] = NameKey(o.Folders.Of(p))
	}
	return svc
}

func orDefault[T int | int64 | time.Duration](v, d T) T {
	if v == 0 {
		return d
	}
	return v
}

// policy is how documents of this member are released.
func (s *Service) policy(m Member) ReleasePolicy {
	if m.Policy != "" {
		return m.Policy
	}
	return s.o.Policy
}
