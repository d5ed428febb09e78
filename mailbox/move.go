// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"context"
	"time"
)

// Moved says what became of a MOVE or COPY.
type Moved struct {
	Node         // at the target
	Created bool // false when something stood there
}

// transfer is a MOVE or COPY, decided by the rules.
type transfer struct {
	from, to spot
	role     Role
	right    Right   // of a MOVE
	below    []Entry // of the source
	replaced []Entry // at the target, its end first; nil if nothing stands there
	before   bool    // the other side saw the source
}

// Move renames, takes over, gives back, releases, returns or recalls, by what
// places it leads from and to (DESIGN.md section 2). reason is told to the
// author of a returned document; "" where the door cannot carry one.
func (s *Service) Move(ctx context.Context, a Actor, from, to Path, c Conditions, reason string) (Moved, error) {
	var m Moved
	run := func() error {
		return s.update(ctx, &a, from, func(tx Tx) error {
			x, err := s.planMove(tx, &a, from, to, c)
			if err != nil {
				return err
			}
			m, err = s.move(tx, x, reason)
			return err
		})
	}
	err := run()
	if KindOf(err) == UnreadRelease && s.waitForRead(ctx, &a, from) {
		err = run()
	}
	return m, err
}

// waitForRead gives a download of the document that is just ending a moment to
// be recorded: its last byte may reach the client before the record is made.
func (s *Service) waitForRead(ctx context.Context, a *Actor, p Path) bool {
	n, err := s.Find(ctx, *a, p, Want{})
	k := fetchKey{a.Person, n.Entry.Version.ID}
	if err != nil || !s.reads.underWay(k) {
		return false
	}
	for range 40 {
		time.Sleep(25 * time.Millisecond)
		if !s.reads.underWay(k) {
			return true
		}
	}
	return false
}

// planMove decides a MOVE in the order of checks of DESIGN.md section 2.
func (s *Service) planMove(r Reader, a *Actor, from, to Path, c Conditions) (*transfer, error) {
	x, err := s.ends(r, a, from, to)
	if err != nil {
		return nil, err
	}
	if x.from.fixed() || x.to.fixed() {
		return nil, E(Forbidden, ReasonFixedFolder)
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
	if x.below, err = s.below(r, &x.from); err != nil {
		return nil, err
	}
	if err := s.mayTakeAlong(x); err != nil {
		return nil, err
	}
	if err := x.target(true); err != nil {
		return nil, err
	}
	if x.to.found() {
		if err := s.mayReplace(r, x); err != nil {
			return nil, err
		}
	}
	g, err := s.guard(r, a, x.from.member.ID, c)
	if err != nil {
		return nil, err
	}
	if err := x.locks(g, true); err != nil {
		return nil, err
	}
	if err := g.conditions(c, &x.from, x.from.entry()); err != nil {
		return nil, err
	}
	if x.to.found() && (c.NoOverwrite || x.right == ToGiveBack) {
		return nil, E(Precondition, ReasonOverwrite)
	}
	if x.right == ToRelease {
		return x, s.mayRelease(r, x)
	}
	return x, nil
}

// ends resolves both paths; nothing leads from one mailbox to another.
func (s *Service) ends(r Reader, a *Actor, from, to Path) (*transfer, error) {
	src, err := s.toWrite(r, a, from)
	if err != nil {
		return nil, err
	}
	dst, err := s.toWrite(r, a, to)
	if err != nil {
		return nil, err
	}
	if src.member.ID != dst.member.ID {
		return nil, E(Forbidden, ReasonBetween)
	}
	return &transfer{from: src, to: dst}, nil
}

// mayMove finds the role and right for the pair of places.
func (s *Service) mayMove(x *transfer) error {
	var e *Entry
	if x.from.found() {
		e = x.from.entry()
	}
	returned := s.inReturned(&x.to)
	for _, role := range x.from.roles {
		right, leads := MoveRight(role, x.from.place(), x.to.place(), returned)
		if !leads {
			continue
		}
		cs := s.case_(&x.from, role, x.from.place(), e)
		if right == ToRelease && cs.Folder {
			return E(Forbidden, ReasonFolderAsOne)
		}
		if !cs.May(right) {
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

// inReturned says whether a spot lies below the outbox's folder of returned
// documents.
func (s *Service) inReturned(t *spot) bool {
	if t.place() != Outbox {
		return false
	}
	key := NameKey(s.o.Returned)
	if len(t.chain) > 2 {
		return NameKey(t.chain[2].Name) == key
	}
	return len(t.rest) > 1 && NameKey(t.rest[0]) == key
}

// mayTakeAlong checks the right for everything below a moved folder.
func (s *Service) mayTakeAlong(x *transfer) error {
	for i := range x.below {
		if !s.case_(&x.from, x.role, x.from.place(), &x.below[i]).May(x.right) {
			return s.forbidden(x.from.side)
		}
	}
	return nil
}

// target checks parent, twin and that a folder does not go into itself.
func (x *transfer) target(move bool) error {
	src := x.from.entry()
	if x.to.found() && x.to.entry().ID == src.ID {
		return E(Forbidden, ReasonIntoItself)
	}
	for _, e := range x.to.chain {
		if e.ID == src.ID {
			return E(Forbidden, ReasonIntoItself)
		}
	}
	if x.to.found() {
		for _, e := range x.from.chain {
			if e.ID == x.to.entry().ID {
				return E(Forbidden, ReasonIntoItself)
			}
		}
		return nil
	}
	if move && x.right == ToReturn && len(x.to.rest) == 2 && x.to.entry().ID == x.to.member.Folders[Outbox] {
		return nil // the folder of returned documents is made on first use
	}
	if move && x.to.twin != nil && x.to.twin.ID == src.ID && len(x.to.rest) == 1 {
		return nil // to its own twin
	}
	return x.to.openParent()
}

// mayReplace checks the right over what stands at the target. A document that
// arrives needs none: it becomes the newest version there.
func (s *Service) mayReplace(r Reader, x *transfer) error {
	old := x.to.entry()
	below, err := s.below(r, &x.to)
	if err != nil {
		return err
	}
	x.replaced = append([]Entry{*old}, below...)
	arrives := x.right != ToRename && !old.Folder && !x.from.entry().Folder
	if arrives {
		return nil
	}
	for i := range x.replaced {
		e := &x.replaced[i]
		cs := s.case_(&x.to, x.role, x.to.place(), e)
		if !cs.May(ToReplace) && !cs.May(removal(e)) {
			return s.forbidden(x.to.side)
		}
	}
	return nil
}

// locks guards both ends. A copy does not touch its source.
func (x *transfer) locks(g *guard, move bool) error {
	if move {
		if err := g.tree(x.from.chain, x.below); err != nil {
			return err
		}
		if err := g.membership(x.from.chain[:len(x.from.chain)-1]); err != nil {
			return err
		}
	}
	if x.to.found() {
		return g.tree(x.to.chain, x.replaced)
	}
	return g.membership(x.to.chain)
}

// move carries the decided transfer out.
func (s *Service) move(tx Tx, x *transfer, reason string) (Moved, error) {
	change, err := tx.NextChange()
	if err != nil {
		return Moved{}, err
	}
	e := *x.from.entry()
	source, wasReturned := x.from.inside(), s.inReturned(&x.from)
	up := x.from.chain[:len(x.from.chain)-1]
	x.before = visibleBelow(otherSide(writers(e.Place)), x.from.chain)
	if err := touch(tx, up, e, change); err != nil {
		return Moved{}, err
	}
	if x.right == ToRecall {
		for _, f := range append([]Entry{e}, x.below...) {
			if err := s.withdraw(tx, &x.from, f); err != nil {
				return Moved{}, err
			}
		}
	}
	if x.right == ToReturn && len(x.to.rest) == 2 {
		if err := s.makeReturned(tx, x); err != nil {
			return Moved{}, err
		}
	}
	created := !x.to.found()
	folders := x.to.chain
	name := x.to.path.Base()
	if !created {
		folders = folders[:len(folders)-1]
		if err := s.giveWay(tx, x, e); err != nil {
			return Moved{}, err
		}
		e.Replaces = x.to.entry().ID
	} else if err := s.dropLocks(tx, e.Member, append([]Entry{e}, x.below...)); err != nil {
		return Moved{}, err
	}
	from := e
	e.Parent, e.Name, e.Place = folders[len(folders)-1].ID, name, x.to.place()
	switch x.right {
	case ToTakeOver:
		e.TakenBy, e.TakenAt = x.from.actor.Person, x.from.now
	case ToGiveBack:
		e.TakenBy, e.TakenAt = 0, time.Time{}
	}
	if err := tx.UpdateEntry(e); err != nil {
		return Moved{}, err
	}
	if e.Place != from.Place {
		if err := tx.SetPlace(e.ID, e.Place); err != nil {
			return Moved{}, err
		}
	}
	if err := touch(tx, folders, e, change); err != nil {
		return Moved{}, err
	}
	if err := s.afterMove(tx, x, folders, e, wasReturned, reason); err != nil {
		return Moved{}, err
	}
	rec := s.record(x.from.actor, x.right.operation(), ok).about(tx, &x.from, x.role, &e, source)
	rec.Detail.Target, rec.Detail.Text = x.to.inside(), reason
	n := Node{Path: x.to.path, Name: e.Name, Folder: e.Folder, ETag: s.etag(&x.to, &e), Entry: e, Number: x.to.member.Number, Side: x.to.side}
	return Moved{Node: n, Created: created}, tx.Audit(rec)
}

func otherSide(s Side) Side {
	if s == MemberSide {
		return AuthoritySide
	}
	return MemberSide
}

// makeReturned makes the outbox's folder of returned documents.
func (s *Service) makeReturned(tx Tx, x *transfer) error {
	folder := x.to
	folder.rest = []string{s.o.Returned}
	e, err := s.makeFolder(tx, &folder, x.role)
	if err != nil {
		return err
	}
	x.to.chain, x.to.rest = append(x.to.chain, e), x.to.rest[1:]
	return nil
}

// giveWay takes what stands at the target out of view, its history reachable
// through the arriving entry. A lock on the target stays with the name, since
// its holder goes on writing there (Office's save chains).
func (s *Service) giveWay(tx Tx, x *transfer, arriving Entry) error {
	old := *x.to.entry()
	if err := s.dropLocks(tx, arriving.Member, append(append([]Entry{arriving}, x.below...), x.replaced[1:]...)); err != nil {
		return err
	}
	locks, err := tx.Locks(old.Member)
	if err != nil {
		return err
	}
	for _, l := range locks {
		if l.Entry == old.ID {
			l.Entry = arriving.ID
			if err := tx.PutLock(l); err != nil {
				return err
			}
		}
	}
	var size int64
	for _, e := range x.replaced {
		if !e.Folder && e.Version.Side == MemberSide {
			size += e.Version.Size
		}
	}
	if size > 0 {
		if err := tx.AddUsage(-size, size); err != nil {
			return err
		}
	}
	old.Removed = x.to.now
	return tx.UpdateEntry(old)
}

// afterMove writes the deliveries that the move brought about.
func (s *Service) afterMove(tx Tx, x *transfer, folders []Entry, e Entry, wasReturned bool, reason string) error {
	switch x.right {
	case ToRelease:
		return s.announce(tx, &x.to, folders, e)
	case ToTakeOver:
		return s.setSeen(tx, append([]Entry{e}, x.below...))
	case ToReturn:
		return tx.InsertAlert(Alert{Kind: AlertReturned, Member: e.Member, Account: e.Version.Account, Entry: e.ID,
			Version: e.Version.ID, Signature: reason, Time: x.from.now})
	case ToRecall:
		return nil
	}
	becameVisible := !x.before && visibleBelow(otherSide(writers(e.Place)), append(folders[:len(folders):len(folders)], e))
	if e.Place == Outbox {
		becameVisible = wasReturned && !s.inReturned(&x.to) || Hidden(x.from.entry().Name) && !Hidden(e.Name)
	}
	if !becameVisible || x.right == ToGiveBack {
		return nil
	}
	return s.announceTree(tx, x, folders, e)
}

func (s *Service) setSeen(tx Tx, entries []Entry) error {
	for _, e := range entries {
		if !e.Folder {
			if err := tx.SetSeen(e.Version.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// announceTree writes a delivery for each document that came into the other
// side's view by leaving a hidden name, unless this very version already was
// delivered.
func (s *Service) announceTree(tx Tx, x *transfer, folders []Entry, e Entry) error {
	chains := map[EntryID][]Entry{}
	for _, f := range append([]Entry{e}, x.below...) {
		up := folders
		if f.ID != e.ID {
			up = chains[f.Parent]
		}
		f.Place = e.Place
		if f.Folder {
			chains[f.ID] = append(up[:len(up):len(up)], f)
			continue
		}
		ds, err := tx.Deliveries(f.ID)
		if err != nil {
			return err
		}
		delivered := false
		for _, d := range ds {
			delivered = delivered || d.Version == f.Version.ID && d.Withdrawn.IsZero()
		}
		if delivered {
			continue
		}
		if err := s.announce(tx, &x.to, up, f); err != nil {
			return err
		}
	}
	return nil
}
