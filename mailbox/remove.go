// SPDX-License-Identifier: Apache-2.0

package mailbox

import "context"

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
		below, err := s.below(tx, &t)
		if err != nil {
			return err
		}
		for i := range below {
			if _, allowed := s.may(&t, removal(&below[i]), t.place(), &below[i]); !allowed {
				return s.forbidden(t.side)
			}
		}
		g, err := s.guard(tx, &a, t.member.ID, c)
		if err != nil {
			return err
		}
		if err := g.tree(t.chain, below); err != nil {
			return err
		}
		if err := g.membership(t.above()); err != nil {
			return err
		}
		if err := g.conditions(c, &t); err != nil {
			return err
		}
		return s.removeTree(tx, &t, g, role, below)
	})
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

// below gives everything under the end of a spot, parents first, bounded.
func (s *Service) below(r Reader, t *spot) ([]Entry, error) {
	if !t.found() || !t.entry().Folder {
		return nil, nil
	}
	below, err := r.Subtree(t.entry().ID, maxTree+1)
	if err == nil && len(below) > maxTree {
		err = E(Conflict, ReasonTooMany)
	}
	return below, err
}

// walkTree calls fn with the chain of each entry of a subtree: first that of
// its top, whose chain is given, then those below, parents first.
func walkTree(top []Entry, below []Entry, fn func(chain []Entry) error) error {
	chains := map[EntryID][]Entry{top[len(top)-1].ID: top}
	if err := fn(top); err != nil {
		return err
	}
	for i := range below {
		up, known := chains[below[i].Parent]
		if !known {
			continue // below something that was left out
		}
		chain := join(up, below[i])
		if below[i].Folder {
			chains[below[i].ID] = chain
		}
		if err := fn(chain); err != nil {
			return err
		}
	}
	return nil
}

// removeTree takes the end of a spot and all below it out of view. In the root
// that is a recall.
func (s *Service) removeTree(tx Tx, t *spot, g *guard, role Role, below []Entry) error {
	change, err := tx.NextChange()
	if err != nil {
		return err
	}
	e := *t.entry()
	if err := touch(tx, t.above(), e, change); err != nil {
		return err
	}
	if err := s.leaveName(tx, e); err != nil {
		return err
	}
	e.Removed = t.now
	if err := tx.UpdateEntry(e); err != nil {
		return err
	}
	if err := forgetDrops(tx, below); err != nil {
		return err
	}
	if err := g.drop(tx, append([]Entry{e}, below...)); err != nil {
		return err
	}
	var size int64
	err = walkTree(join(t.above(), e), below, func(chain []Entry) error {
		x := &chain[len(chain)-1]
		if x.Folder {
			return nil
		}
		if x.Version.Side == MemberSide {
			size += x.Version.Size
		}
		return s.withdraw(tx, t, chain)
	})
	if err != nil {
		return err
	}
	if size > 0 {
		if err := tx.AddUsage(-size, size); err != nil {
			return err
		}
	}
	op := OpRemove
	if t.place() == Root {
		op = OpRecall
	}
	return tx.Audit(s.record(t.actor, op, ok).about(tx, t, role, &e, t.inside()))
}

// withdraw marks the deliveries of a document, the end of the chain, that the
// delivering side takes out of the other's view. What the authority does with a
// submission that it took over is no withdrawal. A recall after the mail went
// out, or after the document was retrieved, is told (DESIGN.md section 7),
// unless the document had stepped out of view under a hidden name: that is how
// Office saves, and a newer one stands in its place.
func (s *Service) withdraw(tx Tx, t *spot, chain []Entry) error {
	e := &chain[len(chain)-1]
	ds, err := tx.Deliveries(e.ID)
	if err != nil {
		return err
	}
	shown := e.Place == Root && visibleBelow(MemberSide, chain)
	var told, fetched bool
	for _, d := range ds {
		if !d.Withdrawn.IsZero() || d.Direction == ToTheAuth && t.side == AuthoritySide {
			continue
		}
		if d.Direction == ToMember && shown {
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
	return s.tellRecall(tx, t, e, told, fetched)
}

func (s *Service) tellRecall(tx Tx, t *spot, e *Entry, told, fetched bool) error {
	a := Alert{Member: t.member.ID, Account: t.actor.Account, Entry: e.ID, Version: e.Version.ID, Time: t.now}
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
