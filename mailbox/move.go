// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"context"
	"unicode/utf8"
)

// Move renames, takes over, gives back, releases, returns or recalls, by what
// places it leads from and to (DESIGN.md section 2). reason is told to the
// author of a returned document, at most 2000 characters; "" where the door
// cannot carry one.
func (s *Service) Move(ctx context.Context, a Actor, from, to Path, c Conditions, reason string) (Moved, error) {
	var m Moved
	if utf8.RuneCountInString(reason) > maxReason {
		return m, E(Invalid, ReasonMalformed, "reason")
	}
	run := func() error {
		return s.update(ctx, &a, from, func(tx Tx) error {
			x, err := s.planMove(tx, &a, from, to, c)
			if err == nil {
				m, err = s.move(tx, x, reason)
			}
			return err
		})
	}
	err := run()
	if KindOf(err) == UnreadRelease && s.waitForRead(ctx, &a, from) {
		err = run()
	}
	return m, err
}

// planMove decides a MOVE in the order of checks of DESIGN.md section 2.
func (s *Service) planMove(r Reader, a *Actor, from, to Path, c Conditions) (*transfer, error) {
	x, err := s.ends(r, a, from, to)
	if err != nil {
		return nil, err
	}
	if err := s.mayMove(x); err != nil {
		return nil, err
	}
	if err := s.newName(r, &x.to); err != nil {
		return nil, err
	}
	if !x.from.found() {
		return nil, E(NotFound, ReasonNotFound)
	}
	if err := s.source(r, x); err != nil {
		return nil, err
	}
	if err := s.mayTakeAlong(x); err != nil {
		return nil, err
	}
	if err := s.namesBelow(r, &x.from, &x.to, x.below); err != nil {
		return nil, err
	}
	if err := x.target(true); err != nil {
		return nil, err
	}
	if x.to.found() {
		if err := s.mayGiveWay(r, x); err != nil {
			return nil, err
		}
	}
	if x.right == ToRelease && s.inReturned(&x.from) {
		return nil, E(Conflict, ReasonReturned)
	}
	g, err := s.guard(r, a, x.from.member.ID, c)
	if err != nil {
		return nil, err
	}
	if err := x.locks(g, true); err != nil {
		return nil, err
	}
	if err := g.conditions(c, &x.from); err != nil {
		return nil, err
	}
	if x.to.found() && (c.NoOverwrite || x.right == ToGiveBack) {
		return nil, E(Precondition, ReasonOverwrite)
	}
	if x.right == ToRelease {
		return x, s.mayRelease(r, x, c)
	}
	return x, nil
}

// mayMove finds the role and right for the pair of places.
func (s *Service) mayMove(x *transfer) error {
	var e *Entry
	if x.from.found() {
		e = x.from.entry()
	}
	if x.to.taken() {
		return s.forbidden(x.to.side)
	}
	returned, again := s.inReturned(&x.to), s.inReturned(&x.from)
	for _, role := range x.roles(e, returned) {
		right, leads := MoveRight(role, x.from.place(), x.to.place(), returned)
		if !leads || right == ToReturn && again {
			continue
		}
		c := s.caseOf(&x.from, role, x.from.place(), e)
		if right == ToRelease && c.Folder {
			return E(Forbidden, ReasonFolderAsOne)
		}
		if !c.May(right) {
			continue
		}
		if (right == ToRelease || right == ToRename) && x.from.closed() {
			return E(Forbidden, ReasonClosed)
		}
		x.role, x.right = role, right
		return nil
	}
	return s.forbidden(x.from.side)
}

// roles of the actor in the order in which they are asked. Who is a reviewer
// too sends the work of others back as one.
func (x *transfer) roles(e *Entry, returned bool) []Role {
	if returned && e != nil && e.Version.Person != x.from.actor.Person && x.from.is(Reviewer) {
		return append([]Role{Reviewer}, x.from.roles...)
	}
	return x.from.roles
}

// mayTakeAlong checks the right for everything below a moved folder. What only
// follows its folder to another name is asked for as a folder is: renaming
// folders is a right of its own in the root.
func (s *Service) mayTakeAlong(x *transfer) error {
	for i := range x.below {
		c := s.caseOf(&x.from, x.role, x.from.place(), &x.below[i])
		c.Folder = c.Folder || x.right == ToRename
		if !c.May(x.right) {
			return s.forbidden(x.from.side)
		}
	}
	return nil
}

// mayGiveWay checks the right over what stands at the target. A document that
// arrives at another needs none: it becomes the newest version there. But no
// folder gives way to what arrives, nor a document to a folder.
func (s *Service) mayGiveWay(r Reader, x *transfer) error {
	if err := s.occupied(r, x); err != nil {
		return err
	}
	if x.right != ToRename {
		if x.documents() {
			return nil
		}
		if x.right == ToReturn {
			return s.forbidden(x.to.side)
		}
		return E(Conflict, ReasonIsFolder)
	}
	for i := range x.replaced {
		e := &x.replaced[i]
		c := s.caseOf(&x.to, x.role, x.to.place(), e)
		if !c.May(removal(e)) && !(x.documents() && c.May(ToReplace)) {
			return s.forbidden(x.to.side)
		}
	}
	return nil
}
