// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"context"
	"time"
)

// Restore brings a removed entry back to where it was, with all that was below
// it when it went. Kind Twin when the name is taken meanwhile, ParentMissing
// when its folder is out of view, Conflict when it is in view or its bytes were
// given up, Forbidden when that would be a delivery of a closed member. What
// becomes visible to the other side is a delivery again.
func (s *Service) Restore(ctx context.Context, by By, id EntryID) error {
	var m MemberID
	err := s.catalog.View(ctx, func(r Reader) error {
		e, err := r.Entry(id)
		m = e.Member
		return err
	})
	if err != nil {
		return err
	}
	return s.catalog.Update(ctx, m, func(tx Tx) error {
		e, err := tx.Entry(id)
		if err != nil {
			return err
		}
		t, err := s.planRestore(tx, &e)
		if err != nil {
			return err
		}
		return s.restore(tx, by, t, e)
	})
}

func (s *Service) planRestore(r Reader, e *Entry) (*spot, error) {
	if e.Removed.IsZero() || e.Version.Purged {
		return nil, E(Conflict, ReasonExists)
	}
	t, err := s.spotAbove(r, *e)
	if err != nil {
		return nil, err
	}
	if t.member.Recovering {
		return nil, E(Conflict, ReasonRecovering)
	}
	if t.closed() && t.place() != CaseworkerInbox {
		return nil, E(Forbidden, ReasonClosed)
	}
	twin, err := r.Child(e.Parent, NameKey(e.Name))
	switch {
	case err == nil:
		return nil, E(Twin, ReasonTwin, twin.Name)
	case KindOf(err) != NotFound:
		return nil, err
	}
	if e.Drop != 0 { // a new one stands in for it meanwhile
		if _, err := r.DropFolder(e.Member, e.Drop); err == nil {
			e.Drop = 0
		} else if KindOf(err) != NotFound {
			return nil, err
		}
	}
	return t, nil
}

// spotAbove finds the folder of an entry as the catalog knows it, without an
// actor's view.
func (s *Service) spotAbove(r Reader, e Entry) (*spot, error) {
	m, err := r.Member(e.Member)
	if err != nil {
		return nil, err
	}
	t := &spot{member: m, side: e.Side, actor: &Actor{Account: e.Account, Person: e.Person}, now: r.Now(), rest: []string{e.Name}}
	for id := e.Parent; id != 0; {
		up, err := r.Entry(id)
		if err != nil {
			return nil, err
		}
		if !up.Removed.IsZero() {
			return nil, E(ParentMissing, ReasonParent)
		}
		t.chain = append([]Entry{up}, t.chain...)
		id = up.Parent
	}
	return t, nil
}

func (s *Service) restore(tx Tx, by By, t *spot, e Entry) error {
	change, err := tx.NextChange()
	if err != nil {
		return err
	}
	if err := unlink(tx, e); err != nil {
		return err
	}
	e.Removed, e.Place = time.Time{}, t.place()
	if err := tx.UpdateEntry(e); err != nil {
		return err
	}
	if err := touch(tx, t.chain, e, change); err != nil {
		return err
	}
	back := t.into(e)
	below, err := s.below(tx, &back)
	if err != nil {
		return err
	}
	if err := restoreUsage(tx, append([]Entry{e}, below...)); err != nil {
		return err
	}
	err = walkTree(back.chain, below, func(chain []Entry) error { return s.deliverAgain(tx, t, chain) })
	if err != nil {
		return err
	}
	return tx.Audit(by.record(tx, OpRestore).about(tx, t, "", &e, t.inside()))
}

// unlink takes an entry out of the histories that go on through it, since it
// has one of its own again.
func unlink(tx Tx, e Entry) error {
	for {
		next, err := tx.ReplacedBy(e.ID)
		if err != nil {
			if KindOf(err) == NotFound {
				return nil
			}
			return err
		}
		next.Replaces = e.Replaces
		if err := tx.UpdateEntry(next); err != nil {
			return err
		}
	}
}

func restoreUsage(tx Tx, entries []Entry) error {
	var size int64
	for i := range entries {
		if e := &entries[i]; !e.Folder && e.Version.Side == MemberSide {
			size += e.Version.Size
		}
	}
	if size == 0 {
		return nil
	}
	return tx.AddUsage(size, -size)
}

// deliverAgain delivers the end of a chain if the other side sees it now. An
// earlier delivery of what had given way to another that nobody was told of yet
// is told by the new one.
func (s *Service) deliverAgain(tx Tx, t *spot, chain []Entry) error {
	e := &chain[len(chain)-1]
	to := s.direction(t.member, chain)
	if e.Folder || to == "" {
		return nil
	}
	ds, err := tx.Deliveries(e.ID)
	if err != nil {
		return err
	}
	for _, d := range ds {
		if d.Direction != to || !d.stands() {
			continue
		}
		told, err := tx.Told(d.ID)
		if err != nil {
			return err
		}
		if told {
			continue
		}
		d.Superseded = t.now
		if err := tx.UpdateDelivery(d); err != nil {
			return err
		}
	}
	return s.announce(tx, t, to, e)
}
