// SPDX-License-Identifier: Apache-2.0

package mailbox

import "context"

// MakeFolder makes one folder (MKCOL). Kind Exists when the name is taken.
func (s *Service) MakeFolder(ctx context.Context, a Actor, p Path, c Conditions) (Node, error) {
	var n Node
	err := s.update(ctx, &a, p, func(tx Tx) error {
		t, err := s.toWrite(tx, &a, p)
		if err != nil {
			return err
		}
		role, err := s.mayMakeFolder(&t)
		if err != nil {
			return err
		}
		if err := s.newName(tx, &t); err != nil {
			return err
		}
		if t.found() {
			return E(Exists, ReasonExists)
		}
		if err := t.openParent(); err != nil {
			return err
		}
		g, err := s.guard(tx, &a, t.member.ID, c)
		if err != nil {
			return err
		}
		if err := g.membership(t.chain); err != nil {
			return err
		}
		if err := g.conditions(c, &t); err != nil {
			return err
		}
		e, err := s.makeFolder(tx, &t, role)
		if err != nil {
			return err
		}
		n = t.node(&e)
		n.Path, n.ETag = p, t.etag(&e)
		return nil
	})
	return n, err
}

func (s *Service) mayMakeFolder(t *spot) (Role, error) {
	if t.fixed() {
		return "", E(Forbidden, ReasonFixedFolder)
	}
	if t.closed() {
		return "", E(Forbidden, ReasonClosed)
	}
	role, allowed := s.may(t, ToMakeFolder, t.place(), nil)
	if !allowed || t.taken() {
		return "", s.forbidden(t.side)
	}
	return role, nil
}

// makeFolder stores a new folder for the missing last name of a spot.
func (s *Service) makeFolder(tx Tx, t *spot, role Role) (Entry, error) {
	change, err := tx.NextChange()
	if err != nil {
		return Entry{}, err
	}
	e := t.newEntry(Version{}, change)
	e.Folder = true
	if err := tx.InsertEntry(&e); err != nil {
		return e, err
	}
	if err := touch(tx, t.chain, e, change); err != nil {
		return e, err
	}
	return e, tx.Audit(s.record(t.actor, OpMakeFolder, ok).about(tx, t, role, &e, t.inside()))
}
