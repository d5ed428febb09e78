// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"fmt"
	"math"
	"sync"
	"time"
)

// Keep says which superseded versions stay although room is needed, of those
// that the other side never could see; all others stay in any case. The zero
// value keeps none.
type Keep struct {
	Days  int // those stored within so many days
	Count int // and so many of each document in view
}

// purgeAtOnce bounds how many versions one upload may have to give up.
const purgeAtOnce = 1000

// quota in bytes of this member; 0 means no limit.
func (s *Service) quota(m Member) int64 {
	if m.Quota != 0 {
		return m.Quota
	}
	return s.o.Quota
}

// demand is what an operation would add to a mailbox's counters, in bytes.
type demand struct{ current, superseded int64 }

// demandOf storing size bytes in the place of old, which may be nil.
func demandOf(t *spot, old *Entry, size int64) demand {
	var d demand
	if t.side == MemberSide {
		d.current = size
	}
	if old != nil && old.Version.Side == MemberSide {
		d.current -= old.Version.Size
		d.superseded = old.Version.Size
	}
	return d
}

// room checks the member side's quota (DESIGN.md section 5): kind OverQuota.
// It gives the versions that have to give up their bytes for it.
func (s *Service) room(r Reader, t *spot, d demand) ([]Version, error) {
	if d.current > 0 && s.headroom(t) < d.current {
		return nil, s.overQuota(t)
	}
	q := s.quota(t.member)
	limit := orDefault(s.o.Superseded, 2*q)
	over := t.member.Usage.Superseded + d.superseded - limit
	if t.side != MemberSide || q == 0 || limit < 0 || over <= 0 {
		return nil, nil
	}
	before := t.now.Add(-time.Duration(s.o.Keep.Days) * 24 * time.Hour)
	old, err := r.Purgeable(t.member.ID, before, s.o.Keep.Count, purgeAtOnce)
	if err != nil {
		return nil, err
	}
	for i := range old {
		if over -= old[i].Size; over <= 0 {
			return old[:i+1], nil
		}
	}
	return nil, s.overQuota(t)
}

// headroom is by how many bytes the member's current versions may grow.
func (s *Service) headroom(t *spot) int64 {
	q := s.quota(t.member)
	if t.side != MemberSide || q == 0 {
		return math.MaxInt64
	}
	return q - t.member.Usage.Current
}

func (s *Service) overQuota(t *spot) error {
	return E(OverQuota, ReasonQuota, fmt.Sprintf("%d MiB", s.quota(t.member)>>20))
}

// purge gives up the bytes of versions. Their rows stay, and so do the records.
func (s *Service) purge(tx Tx, t *spot, role Role, old []Version) error {
	for i := range old {
		v := &old[i]
		if err := tx.Purge(v.ID); err != nil {
			return err
		}
		if err := tx.AddUsage(0, -v.Size); err != nil {
			return err
		}
		rec := s.record(t.actor, OpPurge, ok)
		rec.Time, rec.Role, rec.Member, rec.Entry = t.now, role, t.member.ID, v.Entry
		rec.Version, rec.SHA256, rec.Detail.Size = v.ID, v.SHA256, v.Size
		if err := tx.Audit(rec); err != nil {
			return err
		}
	}
	return nil
}

// flights is what uploads under way on this node have reserved of mailboxes'
// quotas, so that the second of two that take the last bytes is refused before
// its body. The commit counts for all nodes.
type flights struct {
	mu    sync.Mutex
	bytes map[MemberID]int64
}

func newFlights() *flights { return &flights{bytes: make(map[MemberID]int64)} }

// flight is one upload's reservation.
type flight struct {
	all     *flights
	member  MemberID
	free    int64 // what the mailbox could take when the upload began
	credit  int64 // what the upload replaces
	reserve int64
	full    error
}

// begin reserves size bytes (-1: unknown, grows with cover) where free are left
// but for what others have reserved. It gives full when they do not fit.
func (f *flights) begin(m MemberID, free, credit, size int64, full error) (*flight, error) {
	r := &flight{all: f, member: m, free: free, credit: credit, full: full}
	return r, r.cover(size)
}

// cover makes sure that n bytes of the body are reserved.
func (r *flight) cover(n int64) error {
	more := n - r.credit - r.reserve
	if more <= 0 || r.free == math.MaxInt64 {
		return nil
	}
	r.all.mu.Lock()
	defer r.all.mu.Unlock()
	if r.all.bytes[r.member]+more > r.free {
		return r.full
	}
	r.all.bytes[r.member] += more
	r.reserve += more
	return nil
}

// end gives the reservation back; it may be called more than once.
func (r *flight) end() {
	r.all.mu.Lock()
	defer r.all.mu.Unlock()
	if r.all.bytes[r.member] -= r.reserve; r.all.bytes[r.member] <= 0 {
		delete(r.all.bytes, r.member)
	}
	r.reserve = 0
}
