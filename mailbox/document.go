// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"context"
	"io"
	"slices"
	"time"
)

// Document is a file that the actor may read. Nothing is recorded until Read.
type Document struct {
	Node
	s     *Service
	actor Actor
	spot  spot
	role  Role
}

// Open finds a document to read. A folder is kind Conflict; a file that the
// actor sees but may not read is kind Forbidden.
func (s *Service) Open(ctx context.Context, a Actor, p Path) (*Document, error) {
	d := &Document{s: s, actor: a}
	err := s.catalog.View(ctx, func(r Reader) error {
		var err error
		if d.spot, err = s.toRead(r, &d.actor, p); err != nil {
			return err
		}
		if d.Node, err = s.node(r, &d.spot, Want{}); err != nil {
			return err
		}
		if d.Folder {
			return E(Conflict, ReasonIsFolder)
		}
		var allowed bool
		if d.role, allowed = s.may(&d.spot, ToRead, d.Entry.Place, &d.Entry); !allowed {
			return E(Forbidden, ReasonNoReading)
		}
		return nil
	})
	return d, err
}

// record about the document, as it was opened; the catalog gives the time.
func (d *Document) record(op Operation) Record {
	r := d.s.record(&d.actor, op, ok)
	r.Role, r.Member, r.Place = d.role, d.spot.member.ID, d.Entry.Place
	return r.of(&d.Entry, d.spot.inside())
}

// Read records the access (I3), then gives n bytes from offset, n < 0 to the
// end. If it cannot be recorded the content is not given. Parts of a version
// within five minutes belong to the account's record of the first; the whole is
// a record of its own each time. The caller says how the sending went (Sent).
func (d *Document) Read(ctx context.Context, offset, n int64) (io.ReadCloser, error) {
	v := &d.Entry.Version
	k, now := readKey{d.actor.Account, v.ID}, d.s.o.Now()
	whole := offset == 0 && n < 0
	if whole || !d.s.reads.known(k, now) {
		if err := d.s.catalog.Append(ctx, d.record(OpRead)); err != nil {
			return nil, err
		}
		d.s.reads.remember(k, now)
	}
	body, err := d.s.openWhole(ctx, v, offset, n)
	if err == nil {
		d.s.reads.begin(fetchKey{d.actor.Person, v.ID})
	}
	return body, err
}

// Sent notes that the bytes [from, to) went out whole; the caller says so after
// each successful Read, with from = to when the sending broke off. When all
// bytes of a version went to a person, that is a retrieval: a releasing person
// has then read it, and a delivery has been fetched.
func (d *Document) Sent(ctx context.Context, from, to int64) error {
	v := &d.Entry.Version
	defer d.s.reads.end(fetchKey{d.actor.Person, v.ID})
	if from >= to && v.Size > 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitLimit)
	defer cancel()
	known, err := d.known(ctx)
	if known || err != nil {
		return err
	}
	return d.s.catalog.Update(ctx, d.spot.member.ID, func(tx Tx) error {
		f, err := tx.Fetch(v.ID, d.actor.Person)
		if err != nil {
			return err
		}
		before := f.Complete
		if !before.IsZero() { // a delivery of its own since then counts a whole retrieval
			f.Ranges = nil
		}
		f.Version, f.Person = v.ID, d.actor.Person
		f.Ranges = cover(f.Ranges, from, to)
		if !covers(f.Ranges, v.Size) {
			if !before.IsZero() {
				return nil
			}
			return tx.PutFetch(f)
		}
		f.Complete = tx.Now()
		if before.IsZero() {
			if err := tx.PutFetch(f); err != nil {
				return err
			}
		}
		if err := d.fetched(tx, f.Complete); err != nil {
			return err
		}
		return tx.Audit(d.record(OpRetrieved))
	})
}

// known says whether the person has all bytes and no delivery waits for that.
func (d *Document) known(ctx context.Context) (known bool, err error) {
	err = d.s.catalog.View(ctx, func(r Reader) error {
		f, err := r.Fetch(d.Entry.Version.ID, d.actor.Person)
		if err != nil || f.Complete.IsZero() {
			return err
		}
		ds, err := r.Deliveries(d.Entry.ID)
		known = !slices.ContainsFunc(ds, d.waits)
		return err
	})
	return known, err
}

// waits says whether a delivery is of this version, to the reader's side, and
// not fetched yet.
func (d *Document) waits(v Delivery) bool {
	toReader := v.Direction == ToMember && d.spot.side == MemberSide ||
		v.Direction == ToTheAuth && d.spot.side == AuthoritySide
	return toReader && v.Version == d.Entry.Version.ID && v.Fetched.IsZero() && v.Withdrawn.IsZero()
}

// fetched marks the deliveries that waited.
func (d *Document) fetched(tx Tx, at time.Time) error {
	ds, err := tx.Deliveries(d.Entry.ID)
	if err != nil {
		return err
	}
	for _, v := range ds {
		if d.waits(v) {
			v.Fetched = at
			if err := tx.UpdateDelivery(v); err != nil {
				return err
			}
		}
	}
	return nil
}
