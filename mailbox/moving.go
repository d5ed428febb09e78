// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"slices"
	"time"
)

// move carries a decided MOVE out.
func (s *Service) move(tx Tx, x *transfer, reason string) (Moved, error) {
	change, err := tx.NextChange()
	if err != nil {
		return Moved{}, err
	}
	if x.right == ToTakeOver {
		if err := s.leaveBehind(tx, x); err != nil {
			return Moved{}, err
		}
	}
	was := x.from // as it was
	e := *was.entry()
	if x.right != ToRelease { // what is released has nothing that anybody could go on from
		if err := s.leaveName(tx, e); err != nil {
			return Moved{}, err
		}
	}
	if x.right == ToRecall {
		err := walkTree(was.chain, x.below, func(chain []Entry) error { return s.withdraw(tx, &was, chain) })
		if err != nil {
			return Moved{}, err
		}
	}
	if x.right == ToReturn && len(x.to.rest) == 2 {
		if err := s.makeReturned(tx, x); err != nil {
			return Moved{}, err
		}
	}
	rec := s.record(was.actor, x.right.operation(), ok)
	created := !x.to.found()
	old, err := s.makeWay(tx, x, &e)
	if err != nil {
		return Moved{}, err
	}
	if old != nil {
		rec.Detail.Replaced = int64(old.ID)
	}
	if err := s.settle(tx, x, &e, old, change); err != nil {
		return Moved{}, err
	}
	if err := s.afterMove(tx, x, &e, reason); err != nil {
		return Moved{}, err
	}
	rec = rec.about(tx, &was, x.role, &e, was.inside())
	rec.Detail.Target, rec.Detail.Text = x.to.inside(), reason
	return x.done(&e, created), tx.Audit(s.byProcedure(rec, &was))
}

// leaveBehind takes out of view what the caseworker does not see in a folder
// that is taken over: the member's clients made it for themselves, and in the
// inbox the authority would see it.
func (s *Service) leaveBehind(tx Tx, x *transfer) error {
	if len(x.left) == 0 {
		return nil
	}
	seen := map[EntryID]bool{x.from.entry().ID: true}
	for i := range x.below {
		seen[x.below[i].ID] = true
	}
	below := map[EntryID][]Entry{} // by the topmost unseen entry
	top := map[EntryID]EntryID{}
	for _, e := range x.left {
		if seen[e.Parent] {
			top[e.ID] = e.ID
			continue
		}
		top[e.ID] = top[e.Parent]
		below[top[e.ID]] = append(below[top[e.ID]], e)
	}
	both := append(x.below[:len(x.below):len(x.below)], x.left...)
	return walkTree(x.from.chain, both, func(chain []Entry) error {
		id := chain[len(chain)-1].ID
		if top[id] != id {
			return nil
		}
		t := x.from
		t.chain = chain
		return s.removeTree(tx, &t, x.guard, x.role, below[id])
	})
}

// makeReturned makes the outbox's folder of returned documents.
func (s *Service) makeReturned(tx Tx, x *transfer) error {
	folder := x.to
	folder.rest = []string{s.o.Returned}
	e, err := s.makeFolder(tx, &folder, x.role)
	if err != nil {
		return err
	}
	x.to.chain, x.to.rest = join(x.to.chain, e), x.to.rest[1:]
	return nil
}

// makeWay frees the name at the target, and gives the document that e replaces
// there, if any.
func (s *Service) makeWay(tx Tx, x *transfer, e *Entry) (*Entry, error) {
	if err := x.guard.drop(tx, append([]Entry{*e}, x.below...)); err != nil {
		return nil, err
	}
	if !x.to.found() {
		return nil, nil
	}
	if !x.documents() {
		return nil, s.clear(tx, x)
	}
	old := *x.to.entry()
	x.to.rest, x.to.chain = []string{old.Name}, x.to.above()
	return &old, s.giveWay(tx, x, e, &old)
}

// giveWay takes a document out of view whose name e takes; its history goes on
// in that of e. A lock on it stays with the name, since its holder goes on
// writing there (Office's save chains).
func (s *Service) giveWay(tx Tx, x *transfer, e, old *Entry) error {
	for _, l := range x.guard.within([]Entry{*old}) {
		l.Entry = e.ID
		if err := tx.PutLock(l); err != nil {
			return err
		}
	}
	if old.Version.Side == MemberSide && old.Version.Size > 0 {
		if err := tx.AddUsage(-old.Version.Size, old.Version.Size); err != nil {
			return err
		}
	}
	if err := follow(tx, e, old); err != nil {
		return err
	}
	old.Removed = x.to.now
	return tx.UpdateEntry(*old)
}

// follow makes old, with all that it had replaced, the history of e, and behind
// that what e had replaced before. Nothing in view has been replaced (Restore
// sees to that), so no circle comes of it. The caller stores e and old.
func follow(tx Tx, e, old *Entry) error {
	earlier := e.Replaces
	e.Replaces = old.ID
	if earlier == 0 {
		return nil
	}
	behind := map[EntryID]bool{} // what e had replaced before
	for id := earlier; id != 0; {
		f, err := tx.Entry(id)
		if err != nil {
			return err
		}
		behind[id], id = true, f.Replaces
	}
	last := old
	for last.Replaces != 0 && !behind[last.Replaces] {
		f, err := tx.Entry(last.Replaces)
		if err != nil {
			return err
		}
		last = &f
	}
	last.Replaces = earlier
	if last == old {
		return nil
	}
	return tx.UpdateEntry(*last)
}

// settle stores e, with all below it, at the free name of the target.
func (s *Service) settle(tx Tx, x *transfer, e *Entry, old *Entry, change int64) error {
	before := e.Place
	e.Parent, e.Name, e.Place = x.to.entry().ID, x.to.name(), x.to.place()
	if x.right == ToTakeOver || x.right == ToGiveBack {
		if err := s.hand(tx, x, e); err != nil {
			return err
		}
	}
	if err := tx.UpdateEntry(*e); err != nil {
		return err
	}
	if e.Place != before && e.Folder {
		if err := tx.SetPlace(e.ID, e.Place); err != nil {
			return err
		}
	}
	if err := touchBoth(tx, x.from.chain, join(x.to.chain, *e), change); err != nil {
		return err
	}
	if err := s.reveal(tx, x, e, change); err != nil {
		return err
	}
	return s.inherit(tx, e, old)
}

// hand notes who took e and the documents below it over, or that they were given
// back.
func (s *Service) hand(tx Tx, x *transfer, e *Entry) error {
	by, at := x.from.actor.Person, x.from.now
	if x.right == ToGiveBack {
		by, at = 0, time.Time{}
	}
	e.TakenBy, e.TakenAt, e.Drop = by, at, 0
	for i := range x.below {
		f := &x.below[i]
		if f.Folder && f.Drop == 0 {
			continue
		}
		f.Place, f.Drop = e.Place, 0
		if !f.Folder {
			f.TakenBy, f.TakenAt = by, at
		}
		if err := tx.UpdateEntry(*f); err != nil {
			return err
		}
	}
	return nil
}

// reveal gives a folder that a side sees now and did not see before a new
// state, with the folders in it: their content may have changed meanwhile.
func (s *Service) reveal(tx Tx, x *transfer, e *Entry, change int64) error {
	if !e.Folder {
		return nil
	}
	now := join(x.to.chain, *e)
	shows := func(side Side) bool { return visibleBelow(side, now) && !visibleBelow(side, x.from.chain) }
	authority, member := shows(AuthoritySide), shows(MemberSide)
	if !authority && !member {
		return nil
	}
	ids := []EntryID{e.ID}
	for i := range x.below {
		if x.below[i].Folder {
			ids = append(ids, x.below[i].ID)
		}
	}
	return tx.Touch(ids, change, authority, member)
}

// afterMove writes the deliveries that the move brought about.
func (s *Service) afterMove(tx Tx, x *transfer, e *Entry, reason string) error {
	switch x.right {
	case ToTakeOver:
		return s.setSeen(tx, append([]Entry{*e}, x.below...))
	case ToReturn:
		if err := setReason(tx, e.ID, reason); err != nil {
			return err
		}
		return tx.InsertAlert(Alert{Kind: AlertReturned, Member: e.Member, Account: e.Version.Account, Entry: e.ID,
			Version: e.Version.ID, Signature: reason, Time: x.from.now})
	case ToRelease:
		if err := setReason(tx, e.ID, ""); err != nil { // nothing that was said about a draft reaches the member (I5)
			return err
		}
		if err := s.setSeen(tx, []Entry{*e}); err != nil {
			return err
		}
		e.Version.Seen = true
		return s.announce(tx, &x.to, s.direction(x.to.member, join(x.to.chain, *e)), e)
	case ToRename:
		if s.inReturned(&x.from) && !s.inReturned(&x.to) {
			if err := dropReasons(tx, append(x.below[:len(x.below):len(x.below)], *e)); err != nil {
				return err
			}
		}
		if s.direction(x.from.member, x.from.chain) != "" {
			return nil
		}
		below := x.below
		for i := range below {
			below[i].Place = e.Place
		}
		return s.announceTree(tx, &x.to, join(x.to.chain, *e), below)
	}
	return nil
}

func (s *Service) setSeen(tx Tx, entries []Entry) error {
	for i := range entries {
		if e := &entries[i]; !e.Folder && !e.Version.Seen {
			if err := tx.SetSeen(e.Version.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// announceTree writes a delivery for each document that came into the other
// side's view, unless this very version was delivered and that stands: it only
// went aside and came back.
func (s *Service) announceTree(tx Tx, t *spot, top []Entry, below []Entry) error {
	return walkTree(top, below, func(chain []Entry) error {
		e := &chain[len(chain)-1]
		to := s.direction(t.member, chain)
		if e.Folder || to == "" {
			return nil
		}
		ds, err := tx.Deliveries(e.ID)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(ds, func(d Delivery) bool { return d.Version == e.Version.ID && d.Direction == to && d.stands() }) {
			return nil
		}
		return s.announce(tx, t, to, e)
	})
}
