// SPDX-License-Identifier: Apache-2.0

package scrub

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"

	"postfach/mailbox"
)

// OpDamaged is the operation of the record about a content that is missing or
// differs; its result is the state, its text says more.
const OpDamaged mailbox.Operation = "content-damaged"

// OpIntact is that of a content that was damaged and is intact again.
const OpIntact mailbox.Operation = "content-intact"

// Scrubber reads a share of the contents in every round, others each time.
// Several nodes may run one each; a lease lets one work.
type Scrubber struct {
	Checker
	Every  time.Duration // how often a round begins; 0 means never
	Sample int           // percent of the versions in a round
	Log    *slog.Logger

	holder string
}

const (
	noteName  = "scrub"
	leaseName = "lease:scrub"
	pageSize  = 200
	saveEvery = 10 * time.Second
	leaseFor  = 2 * time.Minute
	// maxDamaged bounds the list that is kept; the records have all.
	maxDamaged = 1000
)

// Report is how far the scrubbing is, and what is damaged as far as it knows.
type Report struct {
	Round    int64     `json:"round"`    // that runs, or ran last
	Started  time.Time `json:"started"`  // of that round
	Finished time.Time `json:"finished"` // of the last whole round; zero for none
	After    string    `json:"after"`    // version where the round stands; "" when it has ended
	Running  bool      `json:"running"`
	Checked  int64     `json:"checked"` // versions in that round
	Read     int64     `json:"read"`    // bytes in it
	Damaged  []Damage  `json:"damaged"`
}

// Damage is a content that is missing or differs.
type Damage struct {
	Version string          `json:"version"`
	Key     string          `json:"key"`
	Entry   mailbox.EntryID `json:"entry"`
	State   State           `json:"state"`
	Since   time.Time       `json:"since"`
}

// Known gives the report as it stands in the catalog.
func Known(ctx context.Context, c Catalog) (Report, error) {
	r, _, err := known(ctx, c)
	return r, err
}

func known(ctx context.Context, c Catalog) (r Report, text string, err error) {
	text, err = c.Note(ctx, noteName)
	if err == nil && text != "" {
		err = json.Unmarshal([]byte(text), &r)
	}
	return r, text, err
}

// change changes the report, over and over until nobody else does at the same
// time.
func change(ctx context.Context, c Catalog, fn func(*Report)) (Report, error) {
	for {
		r, text, err := known(ctx, c)
		if err != nil {
			return r, err
		}
		fn(&r)
		next, err := json.Marshal(r)
		if err != nil {
			return r, err
		}
		if done, err := c.SwapNote(ctx, noteName, text, string(next)); done || err != nil {
			return r, err
		}
	}
}

// Run scrubs until ctx ends.
func (s *Scrubber) Run(ctx context.Context) {
	if s.Every <= 0 {
		return
	}
	s.holder = uuid.NewString()
	t := time.NewTicker(min(s.Every/60, time.Minute))
	defer t.Stop()
	latest := false
	for {
		if !latest {
			err := s.latest(ctx)
			if latest = err == nil; !latest && ctx.Err() == nil && !errors.Is(err, errTaken) {
				s.Log.WarnContext(ctx, "reading the latest contents waits", "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if err := s.turn(ctx); err != nil && ctx.Err() == nil {
			s.Log.WarnContext(ctx, "scrubbing waits", "err", err)
		}
	}
}

// turn goes on with a round that was broken off, or begins one that is due.
func (s *Scrubber) turn(ctx context.Context) error {
	r, err := Known(ctx, s.Catalog)
	if err != nil || !r.Running && time.Since(r.Started) < s.Every {
		return err
	}
	release, err := s.take(ctx)
	if errors.Is(err, errTaken) {
		return nil
	}
	if err != nil {
		return err
	}
	defer release()
	if !r.Running {
		r, err = change(ctx, s.Catalog, func(r *Report) {
			r.Round, r.Started, r.Running, r.After, r.Checked, r.Read = r.Round+1, time.Now().UTC(), true, "", 0, 0
		})
		if err != nil {
			return err
		}
	}
	if err := s.again(ctx, r.Damaged); err != nil {
		return err
	}
	return s.round(ctx, r)
}

// take makes this node the one that reads; errTaken when another one is.
// release lets the next have its turn.
func (s *Scrubber) take(ctx context.Context) (release func(), err error) {
	if err := s.keep(ctx, leaseFor); err != nil {
		return nil, err
	}
	return func() { _, _ = s.Catalog.Lease(context.WithoutCancel(ctx), leaseName, s.holder, -time.Second) }, nil
}

// keep goes on being that node for d.
func (s *Scrubber) keep(ctx context.Context, d time.Duration) error {
	mine, err := s.Catalog.Lease(ctx, leaseName, s.holder, d)
	if err == nil && !mine {
		err = errTaken
	}
	return err
}

// again looks at what was damaged before.
func (s *Scrubber) again(ctx context.Context, damaged []Damage) error {
	for _, d := range damaged {
		id, err := mailbox.ParseVersionID(d.Version)
		if err != nil {
			return err
		}
		var v mailbox.Version
		err = s.Catalog.View(ctx, func(r mailbox.Reader) (err error) { v, err = r.Version(id); return err })
		if err != nil {
			return err
		}
		if _, err := s.look(ctx, v); err != nil {
			return err
		}
	}
	return nil
}

// errTaken ends a round that another node goes on with.
var errTaken = errors.New("another node scrubs")

func (s *Scrubber) round(ctx context.Context, r Report) error {
	var after mailbox.VersionID
	if r.After != "" {
		var err error
		if after, err = mailbox.ParseVersionID(r.After); err != nil {
			return err
		}
	}
	saved := time.Now()
	checked, read := int64(0), int64(0)
	save := func(done bool) error {
		if err := s.keep(ctx, leaseFor); err != nil {
			return err
		}
		_, err := change(ctx, s.Catalog, func(r *Report) {
			r.After, r.Checked, r.Read = after.String(), r.Checked+checked, r.Read+read
			if done {
				r.Running, r.After, r.Finished = false, "", time.Now().UTC()
			}
		})
		saved, checked, read = time.Now(), 0, 0
		return err
	}
	for {
		page, err := s.page(ctx, after)
		if err != nil {
			return err
		}
		for _, v := range page {
			after = v.ID
			if v.Purged || !Chosen(v.ID, s.Sample, r.Round) {
				continue
			}
			f, err := s.look(ctx, v)
			if err != nil {
				return err
			}
			checked, read = checked+1, read+f.Read
			if time.Since(saved) > saveEvery {
				if err := save(false); err != nil {
					return err
				}
			}
		}
		if len(page) < pageSize {
			break
		}
	}
	if err := save(true); err != nil {
		return err
	}
	end, err := Known(ctx, s.Catalog)
	if err == nil {
		s.Log.InfoContext(ctx, "contents scrubbed", "round", end.Round, "versions", end.Checked, "bytes", end.Read, "damaged", len(end.Damaged))
	}
	return err
}

func (s *Scrubber) page(ctx context.Context, after mailbox.VersionID) (page []mailbox.Version, err error) {
	err = s.Catalog.VersionsAfter(ctx, 0, after, pageSize, func(v mailbox.Version) error {
		page = append(page, v)
		return nil
	})
	return page, err
}

// look checks a content, with a lease that is long enough, and keeps what it
// found.
func (s *Scrubber) look(ctx context.Context, v mailbox.Version) (Finding, error) {
	if s.Rate > 0 && v.Size/s.Rate > int64(leaseFor/time.Second)/4 {
		needs := time.Duration(v.Size/s.Rate)*time.Second + leaseFor
		if err := s.keep(ctx, 3*needs); err != nil {
			return Finding{}, err
		}
	}
	f, err := s.Check(ctx, v)
	if err == nil {
		err = Note(ctx, s.Catalog, f, s.Log)
	}
	return f, err
}

// Chosen says whether a version belongs to a round that reads a share of them.
// Rounds that follow each other choose others, until all had their turn.
func Chosen(v mailbox.VersionID, percent int, round int64) bool {
	if percent >= 100 {
		return true
	}
	groups := int64((99 + percent) / percent)
	return int64(binary.BigEndian.Uint32(v[12:]))%groups == round%groups
}

// Note keeps what a reading found, says what is new in the log and in an audit
// record, and forgets what is intact again.
func Note(ctx context.Context, c Catalog, f Finding, log *slog.Logger) error {
	id := f.Version.ID.String()
	is := func(d Damage) bool { return d.Version == id }
	r, err := Known(ctx, c)
	if err != nil {
		return err
	}
	was := slices.ContainsFunc(r.Damaged, is)
	if f.Damaged() == was {
		return nil
	}
	op := OpDamaged
	if was {
		op = OpIntact
	}
	v := f.Version
	var e mailbox.Entry
	if err := c.View(ctx, func(r mailbox.Reader) (err error) { e, err = r.Entry(v.Entry); return err }); err != nil {
		return err
	}
	err = c.Append(ctx, mailbox.Record{Operation: op, Member: e.Member, Place: e.Place, Entry: v.Entry, Version: v.ID, SHA256: v.SHA256,
		Result: string(f.State), Detail: mailbox.Detail{Text: f.Detail, Size: v.Size}})
	if err != nil {
		return err
	}
	_, err = change(ctx, c, func(r *Report) {
		r.Damaged = slices.DeleteFunc(r.Damaged, is)
		if f.Damaged() && len(r.Damaged) < maxDamaged {
			r.Damaged = append(r.Damaged, Damage{Version: id, Key: v.Blob.String(), Entry: v.Entry, State: f.State, Since: time.Now().UTC()})
		}
	})
	if err != nil {
		return err
	}
	if f.Damaged() {
		log.ErrorContext(ctx, "stored content is damaged", "state", f.State, "key", v.Blob.String(), "entry", v.Entry, "version", id, "found", f.Detail)
	} else {
		log.InfoContext(ctx, "stored content is intact again", "key", v.Blob.String(), "entry", v.Entry, "version", id)
	}
	return nil
}
