// SPDX-License-Identifier: Apache-2.0

package segment

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"postfach/mailbox"
)

// Catalog is the log that is shipped.
type Catalog interface {
	// AuditHorizon gives a sequence up to which no further record appears; 0
	// for an empty log.
	AuditHorizon(ctx context.Context) (int64, error)
	// AuditRaw gives the records after one sequence and up to another, at most
	// limit, in their order.
	AuditRaw(ctx context.Context, after, to int64, limit int, fn func(Record) error) error
	// AuditSince gives the time of the first record after a sequence, and the
	// catalog's own; zero when there is none.
	AuditSince(ctx context.Context, after int64) (first, now time.Time, err error)
	// Note gives a short text of the installation; "" when there is none.
	Note(ctx context.Context, name string) (string, error)
	// SwapNote replaces a text, if it is still the old one.
	SwapNote(ctx context.Context, name, old, text string) (bool, error)
	// Lease gives the holder something for a time by the catalog's clock, unless
	// another one has it.
	Lease(ctx context.Context, name, holder string, d time.Duration) (bool, error)
}

// Store keeps segments. Names have the form <life>/<number>.log and .detail.
type Store interface {
	// PutSegment writes an object that is never replaced, durable on return;
	// kind Exists when there is one. A lasting one is locked where the storage
	// locks.
	PutSegment(ctx context.Context, name string, data []byte, lasting bool) error
	// Segment reads one; kind NotFound when there is none.
	Segment(ctx context.Context, name string) ([]byte, error)
	// Segments calls fn with every name.
	Segments(ctx context.Context, fn func(name string) error) error
}

// Shipper brings the audit log into the storage. Several may run at a time, on
// several nodes: that a segment is written once decides between them, and a
// lease only saves them the trouble.
type Shipper struct {
	Catalog  Catalog
	Store    Store
	Life     string        // of the catalog (catalog.Identity.Fingerprint)
	Instance string        // catalog.Identity.Instance
	Every    time.Duration // how often to look
	Limit    int           // records in a segment; 0 means 5000
	Log      *slog.Logger

	holder string
}

const (
	stateNote    = "audit-shipped"
	leaseName    = "lease:audit-shipping"
	defaultLimit = 5000
	maxSegment   = 8 << 20 // bytes of details, about
	lastRound    = 10 * time.Second
)

// state is how far the log was shipped.
type state struct {
	Life   string `json:"life"`
	Number int64  `json:"number"`
	Last   int64  `json:"last"` // sequence
	Digest string `json:"digest"`
}

// Run ships until ctx ends, and once more then.
func (s *Shipper) Run(ctx context.Context) {
	t := time.NewTicker(s.Every)
	defer t.Stop()
	failed := false
	for {
		select {
		case <-ctx.Done():
			end, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastRound)
			defer cancel()
			if _, err := s.Ship(end); err != nil {
				s.Log.WarnContext(end, "the last audit records were not shipped to the storage; the next start does", "err", err)
			}
			if s.holder != "" { // so that another node need not wait
				_, _ = s.Catalog.Lease(end, leaseName, s.holder, -time.Second)
			}
			return
		case <-t.C:
		}
		_, err := s.Ship(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			s.Log.ErrorContext(ctx, "audit records not shipped to the storage", "err", err)
		case failed:
			s.Log.InfoContext(ctx, "audit records are shipped to the storage again")
		}
		failed = err != nil
	}
}

// Ship writes segments until the storage has every record that is settled, and
// says how many records that were. It does nothing while another node ships.
func (s *Shipper) Ship(ctx context.Context) (shipped int, err error) {
	first, now, err := s.waiting(ctx)
	if err != nil || first.IsZero() {
		return 0, err
	}
	if s.holder == "" {
		s.holder = uuid.NewString()
	}
	mine, err := s.Catalog.Lease(ctx, leaseName, s.holder, 2*s.Every+5*time.Second)
	if err != nil || !mine {
		return 0, err
	}
	to, err := s.Catalog.AuditHorizon(ctx)
	if err != nil {
		return 0, err
	}
	for {
		n, err := s.one(ctx, to, now)
		shipped += n
		if err != nil || n == 0 {
			return shipped, err
		}
	}
}

// Lag is how old the oldest record is that the storage does not have; 0 when it
// has all.
func (s *Shipper) Lag(ctx context.Context) (time.Duration, error) {
	first, now, err := s.waiting(ctx)
	if err != nil || first.IsZero() {
		return 0, err
	}
	return max(now.Sub(first), 0), nil
}

// waiting is when the oldest record was written that the storage does not have,
// zero for none, and the catalog's clock.
func (s *Shipper) waiting(ctx context.Context) (first, now time.Time, err error) {
	at, _, err := s.state(ctx)
	if err != nil {
		return first, now, err
	}
	return s.Catalog.AuditSince(ctx, at.Last)
}

func (s *Shipper) state(ctx context.Context) (at state, text string, err error) {
	text, err = s.Catalog.Note(ctx, stateNote)
	if err == nil && text != "" {
		err = json.Unmarshal([]byte(text), &at)
	}
	return at, text, err
}

// one writes the next segment. Where a node wrote it before it was killed, the
// segment counts, if it says what the log says.
func (s *Shipper) one(ctx context.Context, to int64, now time.Time) (int, error) {
	at, text, err := s.state(ctx)
	if err != nil {
		return 0, err
	}
	h := Header{Life: s.Life, Instance: s.Instance, Number: at.Number + 1, Made: now}
	if h.Previous, err = parseDigits(at.Digest); err != nil {
		return 0, err
	}
	records, err := s.records(ctx, at.Last, to, s.limit())
	if err != nil || len(records) == 0 {
		return 0, err
	}
	log, records, err := s.write(ctx, h, records)
	if err != nil {
		return 0, err
	}
	sum := sha256.Sum256(log)
	next, err := json.Marshal(state{Life: s.Life, Number: h.Number, Last: records[len(records)-1].Sequence, Digest: digits(sum)})
	if err != nil {
		return 0, err
	}
	swapped, err := s.Catalog.SwapNote(ctx, stateNote, text, string(next))
	if err == nil && !swapped {
		err = errors.New("another node has shipped at the same time")
	}
	return len(records), err
}

func (s *Shipper) limit() int {
	if s.Limit > 0 {
		return s.Limit
	}
	return defaultLimit
}

func (s *Shipper) records(ctx context.Context, after, to int64, limit int) (all []Record, err error) {
	size := 0
	full := errors.New("full")
	err = s.Catalog.AuditRaw(ctx, after, to, limit, func(r Record) error {
		if size += len(r.Text); size > maxSegment && len(all) > 0 {
			return full
		}
		all = append(all, r)
		return nil
	})
	if errors.Is(err, full) {
		err = nil
	}
	return all, err
}

// write stores the detail and then the log, which makes the segment count. It
// gives the log that stands there and its records.
func (s *Shipper) write(ctx context.Context, h Header, records []Record) ([]byte, []Record, error) {
	log, detail, err := encode(&h, records)
	if err != nil {
		return nil, nil, err
	}
	err = s.Store.PutSegment(ctx, h.detailName(), detail, false)
	if mailbox.KindOf(err) == mailbox.Exists && err != nil {
		return s.adopt(ctx, h, records)
	}
	if err != nil {
		return nil, nil, err
	}
	err = s.Store.PutSegment(ctx, h.logName(), log, true)
	if err != nil && mailbox.KindOf(err) == mailbox.Exists {
		return s.adopt(ctx, h, records)
	}
	return log, records, err
}

// adopt goes on with a segment that somebody has begun: its detail says which
// records are in it.
func (s *Shipper) adopt(ctx context.Context, h Header, records []Record) ([]byte, []Record, error) {
	if there, err := s.Store.Segment(ctx, h.logName()); err == nil {
		return s.accept(there, h, records)
	} else if mailbox.KindOf(err) != mailbox.NotFound {
		return nil, nil, err
	}
	detail, err := s.Store.Segment(ctx, h.detailName())
	if err != nil {
		return nil, nil, err
	}
	n, err := lastOf(detail)
	if err != nil {
		return nil, nil, err
	}
	for i, r := range records {
		if r.Sequence == n {
			records = records[:i+1]
		}
	}
	log, again, err := encode(&h, records)
	if err != nil {
		return nil, nil, err
	}
	if !bytes.Equal(detail, again) {
		return nil, nil, fmt.Errorf("segment %s in the storage holds other records than the log", h.detailName())
	}
	err = s.Store.PutSegment(ctx, h.logName(), log, true)
	if err != nil && mailbox.KindOf(err) == mailbox.Exists {
		there, err := s.Store.Segment(ctx, h.logName())
		if err != nil {
			return nil, nil, err
		}
		return s.accept(there, h, records)
	}
	return log, records, err
}

// lastOf is the sequence of the last detail.
func lastOf(detail []byte) (last int64, err error) {
	in := scanner(detail)
	for in.Scan() {
		var d detailLine
		if err := strict(in.Bytes(), &d); err != nil {
			return 0, err
		}
		last = d.Sequence
	}
	return last, in.Err()
}

// accept takes a segment that stands in the storage for the one that would have
// been written, if it continues the same chain with the same records.
func (s *Shipper) accept(there []byte, h Header, records []Record) ([]byte, []Record, error) {
	foreign := fmt.Errorf("segment %s in the storage is not of this log", h.logName())
	old, stored, err := Decode(there, nil)
	if err != nil {
		return nil, nil, errors.Join(foreign, err)
	}
	if old.Previous != h.Previous || old.Number != h.Number || len(stored) > len(records) {
		return nil, nil, foreign
	}
	for i, r := range stored {
		if fixedOf(r) != fixedOf(records[i]) {
			return nil, nil, foreign
		}
	}
	return there, records[:len(stored)], nil
}
