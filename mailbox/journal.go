// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"time"
)

// journal gathers the records that need not be durable before an answer (I3):
// listings and absent names coalesced per actor, place and minute, refusals
// with their answer, strangers counted per address and minute. What is gathered
// is written within a second and at shutdown.
type journal struct {
	catalog Catalog
	log     *slog.Logger

	mu     sync.Mutex
	counts map[journalKey]*tally
	queue  []Record
	failed error // of the last attempt to write
}

// journalKey is what makes two occurrences one record.
type journalKey struct {
	op      Operation
	account AccountID
	member  MemberID
	entry   EntryID
	what    string // address of strangers, result of refusals
	minute  int64
}

// tally counts the occurrences of one minute. The first are written within a
// second; those that follow in the same minute once it is over.
type tally struct {
	first   Record
	more    int64 // not written yet
	written bool
}

// maxJournal bounds the queue, and the counts. Beyond it, which happens only
// while the catalog is down or under a flood, records lose what tells them
// apart and are counted together, and listings are refused (journal.full): so
// nothing goes unrecorded and memory stays bounded.
const maxJournal = 20000

func newJournal(c Catalog, log *slog.Logger) *journal {
	return &journal{catalog: c, log: log, counts: make(map[journalKey]*tally)}
}

// count adds one occurrence to the record of its minute.
func (j *journal) count(k journalKey, r Record) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.tally(k, r)
}

func (j *journal) tally(k journalKey, r Record) {
	k.minute = r.Time.Unix() / 60
	t := j.counts[k]
	if t == nil && len(j.counts) >= maxJournal {
		k = journalKey{op: k.op, account: k.account, what: r.Result, minute: k.minute}
		r.Member, r.Entry, r.Place, r.Detail = 0, 0, 0, Detail{Text: "many"}
		t = j.counts[k]
	}
	if t == nil {
		t = &tally{first: r}
		j.counts[k] = t
	}
	t.more++
}

// add queues one record as it is.
func (j *journal) add(r Record) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.queue) < maxJournal {
		j.queue = append(j.queue, r)
		return
	}
	text := r.Detail.Text
	j.tally(journalKey{op: r.Operation, account: r.Account, what: r.Result + text}, r)
}

// full says that records wait which the catalog did not take.
func (j *journal) full() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.queue) < maxJournal {
		return nil
	}
	return &Error{Kind: Unavailable, Reason: ReasonCatalog, RetryAfter: 10 * time.Second, Err: j.failed}
}

// run writes once a second until ctx ends, then a last time.
func (j *journal) run(ctx context.Context, now func() time.Time) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			j.flush(ctx, now(), false)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
			defer cancel()
			j.flush(last, now(), true)
			return
		}
	}
}

// due takes what is to be written now.
func (j *journal) due(now time.Time, all bool) []Record {
	j.mu.Lock()
	defer j.mu.Unlock()
	batch := j.queue
	j.queue = nil
	minute := now.Unix() / 60
	crowded := len(j.counts) > maxJournal/2
	for k, t := range j.counts {
		over := k.minute < minute || all || crowded
		if t.more > 0 && (over || !t.written) {
			r := t.first
			r.Detail.Count = t.more
			batch = append(batch, r)
			t.more, t.written = 0, true
		}
		if over {
			delete(j.counts, k)
		}
	}
	return batch
}

func (j *journal) flush(ctx context.Context, now time.Time, all bool) {
	batch := j.due(now, all)
	for len(batch) > 0 {
		part := batch[:min(len(batch), 500)]
		if err := j.catalog.Append(ctx, part...); err != nil {
			j.log.ErrorContext(ctx, "audit records wait", "count", len(batch), "err", err)
			j.mu.Lock()
			j.queue = append(batch, j.queue...)
			j.failed = err
			j.mu.Unlock()
			return
		}
		batch = batch[len(part):]
	}
}

// Run does the background work of the service until ctx ends: it writes the
// gathered audit records. It returns after the last of them.
func (s *Service) Run(ctx context.Context) { s.journal.run(ctx, s.o.Now) }

// Refused records that a request of a signed-in account was refused, with its
// answer. Absent names are counted per account and minute, since clients probe
// for them all day.
func (s *Service) Refused(a Actor, method, path string, err error) {
	if KindOf(err) == Canceled {
		return
	}
	r := s.record(&a, OpRefused, ok)
	r.Time = s.o.Now().UTC()
	r.Result = resultOf(err)
	r.Detail.Path, r.Detail.Text = path, method
	if KindOf(err) == NotFound {
		s.journal.count(journalKey{op: OpRefused, account: a.Account, what: r.Result}, r)
		return
	}
	s.journal.add(r)
}

// Stranger counts a request without valid credentials, per address and minute.
func (s *Service) Stranger(from netip.Addr, kind Kind) {
	r := Record{Time: s.o.Now().UTC(), Operation: OpStrangers, Result: results[kind], Detail: Detail{Address: from.String()}}
	s.journal.count(journalKey{op: OpStrangers, what: r.Result + from.String()}, r)
}

// ok is the result of a record about something that happened.
const ok = "ok"

// results names kinds in audit records; the words stay when statuses change.
var results = map[Kind]string{
	Internal: "internal", Unauthenticated: "unauthenticated", Paused: "paused", NotFound: "not-found",
	Forbidden: "forbidden", Invalid: "invalid", NameRefused: "name-refused", Exists: "exists",
	ParentMissing: "parent-missing", Twin: "twin", Conflict: "conflict", Locked: "locked",
	Precondition: "precondition", UnreadRelease: "unread", TooLarge: "too-large", Infected: "infected",
	Unscannable: "unscannable", OverQuota: "over-quota", Unavailable: "unavailable",
	RangeUnsatisfiable: "range", Unsupported: "unsupported", Canceled: "canceled",
}

func resultOf(err error) string {
	r := results[KindOf(err)]
	if e, isOurs := asError(err); isOurs && e.Reason != "" {
		r += ":" + string(e.Reason)
	}
	return r
}

// record begins a record about what an actor did.
func (s *Service) record(a *Actor, op Operation, result string) Record {
	r := Record{Person: a.Person, Account: a.Account, Operation: op, Result: result, RequestID: a.Via.RequestID,
		Detail: Detail{Door: a.Via.Door, Means: a.Via.Means, UserAgent: a.Via.UserAgent, System: a.Via.System, Order: a.Via.Order}}
	if a.Via.Address.IsValid() {
		r.Detail.Address = a.Via.Address.String()
	}
	return r
}

// about fills in what a record is about. Its place is where the entry stands
// afterwards.
func (r Record) about(tx Reader, t *spot, role Role, e *Entry, path string) Record {
	r.Time, r.Role, r.Member, r.Place = tx.Now(), role, t.member.ID, e.Place
	return r.of(e, path)
}

// of fills in the entry of a record.
func (r Record) of(e *Entry, path string) Record {
	r.Entry, r.Detail.Folder = e.ID, e.Folder
	if !e.Folder {
		r.Version, r.SHA256, r.Detail.Size = e.Version.ID, e.Version.SHA256, e.Version.Size
	}
	r.Detail.Path = path
	return r
}
