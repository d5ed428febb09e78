// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"context"
	"time"
)

// Remove takes an entry, with all below it, out of view; versions stay (DESIGN.md
// section 2). In the root it is a recall.
func (s *Service) Remove(ctx context.Context, a Actor, p Path, c Conditions) error {
	return s.update(ctx, &a, p, func(tx Tx) error {
		t, err := s.toWrite(tx, &a, p)
		if err != nil {
			return err
		}
		role, err := s.mayRemove(&t)
		if err != nil {
			return err
		}
		if err := p.Fault(); err != nil {
			return err
		}
		if !t.found() {
			return E(NotFound, ReasonNotFound)
		}
		g, err := s.guard(tx, &a, t.member.ID, c)
		if err != nil {
			return err
		}
		below, err := s.below(tx, &t)
		if err != nil {
			return err
		}
		for i := range below {
			if _, allowed := s.may(&t, removal(&below[i]), t.place(), &below[i]); !allowed {
				return s.forbidden(t.side)
			}
		}
		if err := g.tree(t.chain, below); err != nil {
			return err
		}
		if err := g.conditions(c, &t, t.entry()); err != nil {
			return err
		}
		op := OpRemove
		if t.place() == Root {
			op = OpRecall
		}
		return s.removeTree(tx, &t, role, op, below)
	})
}

// update runs fn in a transaction on the mailbox that a path leads to.
func (s *Service) update(ctx context.Context, a *Actor, p Path, fn func(Tx) error) error {
	var m MemberID
	err := s.catalog.View(ctx, func(r Reader) error {
		t, err := s.toWrite(r, a, p)
		m = t.member.ID
		return err
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitLimit)
	defer cancel()
	return s.catalog.Update(ctx, m, fn)
}

// removal is the right that removing an entry needs.
func removal(e *Entry) Right {
	if e.Folder {
		return ToRemoveFolder
	}
	return ToRemove
}

func (s *Service) mayRemove(t *spot) (Role, error) {
	if t.fixed() {
		return "", E(Forbidden, ReasonFixedFolder)
	}
	right, e := ToRemove, (*Entry)(nil)
	if t.found() {
		e = t.entry()
		right = removal(e)
	}
	role, allowed := s.may(t, right, t.place(), e)
	if !allowed {
		return "", s.forbidden(t.side)
	}
	return role, nil
}

// below gives everything under the end of a spot, bounded.
func (s *Service) below(r Reader, t *spot) ([]Entry, error) {
	if !t.found() || !t.entry().Folder {
		return nil, nil
	}
	below, err := r.Subtree(t.entry().ID)
	if err == nil && len(below) > maxTree {
		err = E(Conflict, ReasonTooMany)
	}
	return below, err
}

// remove is removeTree for a file.
func (s *Service) remove(tx Tx, t *spot, role Role, op Operation) error {
	return s.removeTree(tx, t, role, op, nil)
}

// removeTree takes the end of a spot and all below it out of view.
func (s *Service) removeTree(tx Tx, t *spot, role Role, op Operation, below []Entry) error {
	change, err := tx.NextChange()
	if err != nil {
		return err
	}
	e := *t.entry()
	if err := touch(tx, t.chain[:len(t.chain)-1], e, change); err != nil {
		return err
	}
	e.Removed = t.now
	if err := tx.UpdateEntry(e); err != nil {
		return err
	}
	all := append([]Entry{e}, below...)
	if err := s.dropLocks(tx, t.member.ID, all); err != nil {
		return err
	}
	var size int64
	for _, x := range all {
		if x.Folder {
			continue
		}
		if x.Version.Side == MemberSide {
			size += x.Version.Size
		}
		if err := s.withdraw(tx, t, x); err != nil {
			return err
		}
	}
	if size > 0 {
		if err := tx.AddUsage(-size, size); err != nil {
			return err
		}
	}
	return tx.Audit(s.record(t.actor, op, ok).about(tx, t, role, &e, t.inside()))
}

// dropLocks removes the locks of entries that leave their place (RFC 4918
// sections 9.6, 9.9).
func (s *Service) dropLocks(tx Tx, m MemberID, entries []Entry) error {
	locks, err := tx.Locks(m)
	if err != nil || len(locks) == 0 {
		return err
	}
	gone := make(map[EntryID]bool, len(entries))
	for _, e := range entries {
		gone[e.ID] = true
	}
	var tokens []string
	for _, l := range locks {
		if gone[l.Entry] {
			tokens = append(tokens, l.Token)
		}
	}
	if len(tokens) == 0 {
		return nil
	}
	return tx.DeleteLocks(tokens...)
}

// withdraw marks the deliveries of an entry that leaves the other side's view.
// A recall after the mail went out, or after the document was retrieved, is
// told (DESIGN.md section 7).
func (s *Service) withdraw(tx Tx, t *spot, e Entry) error {
	ds, err := tx.Deliveries(e.ID)
	if err != nil {
		return err
	}
	var told, fetched bool
	for _, d := range ds {
		if !d.Withdrawn.IsZero() {
			continue
		}
		if d.Direction == ToMember && e.Place == Root {
			mailed, err := tx.Told(d.ID)
			if err != nil {
				return err
			}
			told, fetched = told || mailed, fetched || !d.Fetched.IsZero()
		}
		d.Withdrawn = t.now
		if err := tx.UpdateDelivery(d); err != nil {
			return err
		}
	}
	return s.tellRecall(tx, t, e, told, fetched, t.now)
}

func (s *Service) tellRecall(tx Tx, t *spot, e Entry, told, fetched bool, now time.Time) error {
	a := Alert{Member: t.member.ID, Account: t.actor.Account, Entry: e.ID, Version: e.Version.ID, Time: now}
	if told {
		a.Kind = AlertRecalled
		if err := tx.InsertAlert(a); err != nil {
			return err
		}
	}
	if fetched {
		a.Kind = AlertRecalledRead
		return tx.InsertAlert(a)
	}
	return nil
}
