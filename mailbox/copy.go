// SPDX-License-Identifier: Apache-2.0

package mailbox

import "context"

// Copy copies a document, or a folder with all below it when deep, inside one
// mailbox. The bytes were judged when they came; a copy names the same blob.
func (s *Service) Copy(ctx context.Context, a Actor, from, to Path, c Conditions, deep bool) (Moved, error) {
	var m Moved
	err := s.update(ctx, &a, from, func(tx Tx) error {
		x, err := s.planCopy(tx, &a, from, to, c, deep)
		if err != nil {
			return err
		}
		m, err = s.copy(tx, x)
		return err
	})
	return m, err
}

func (s *Service) planCopy(r Reader, a *Actor, from, to Path, c Conditions, deep bool) (*transfer, error) {
	x, err := s.ends(r, a, from, to)
	if err != nil {
		return nil, err
	}
	if x.to.fixed() || x.from.fixed() {
		return nil, E(Forbidden, ReasonFixedFolder)
	}
	if err := s.mayCopy(x); err != nil {
		return nil, err
	}
	if err := s.newName(r, &x.to); err != nil {
		return nil, err
	}
	if !x.from.found() {
		return nil, E(NotFound, ReasonNotFound)
	}
	if deep {
		if x.below, err = s.below(r, &x.from); err != nil {
			return nil, err
		}
		x.below = x.from.visibleOnly(x.below)
	}
	if err := x.target(false); err != nil {
		return nil, err
	}
	if x.to.found() {
		if err := s.mayOverwrite(r, x); err != nil {
			return nil, err
		}
	}
	g, err := s.guard(r, a, x.from.member.ID, c)
	if err != nil {
		return nil, err
	}
	if err := x.locks(g, false); err != nil {
		return nil, err
	}
	if err := g.conditions(c, &x.from, x.from.entry()); err != nil {
		return nil, err
	}
	if x.to.found() && c.NoOverwrite {
		return nil, E(Precondition, ReasonOverwrite)
	}
	return x, s.room(&x.to, nil, x.bytes())
}

func (x *transfer) bytes() int64 {
	n := x.from.entry().Version.Size
	for _, e := range x.below {
		n += e.Version.Size
	}
	return n
}

// visibleOnly leaves out what the actor does not see.
func (t *spot) visibleOnly(below []Entry) []Entry {
	gone := map[EntryID]bool{}
	out := below[:0:0]
	for _, e := range below {
		if gone[e.Parent] || !t.sees(e) {
			gone[e.ID] = true
			continue
		}
		out = append(out, e)
	}
	return out
}

// mayCopy: read there, create (a folder) here; never a release or take-over.
func (s *Service) mayCopy(x *transfer) error {
	var e *Entry
	right := ToCreate
	if x.from.found() {
		if e = x.from.entry(); e.Folder {
			right = ToMakeFolder
		}
	}
	if _, allowed := s.may(&x.from, ToRead, x.from.place(), e); !allowed {
		return s.forbidden(x.from.side)
	}
	role, allowed := s.may(&x.to, right, x.to.place(), nil)
	if !allowed {
		return s.forbidden(x.to.side)
	}
	if right == ToMakeFolder { // its documents need the right too
		if _, allowed := s.may(&x.to, ToCreate, x.to.place(), nil); !allowed {
			return s.forbidden(x.to.side)
		}
	}
	if !CopyAllowed(x.from.place(), x.to.place()) {
		return E(Forbidden, ReasonCopyRelease)
	}
	if x.to.closed() {
		return E(Forbidden, ReasonClosed)
	}
	x.role = role
	return nil
}

// mayOverwrite: a file over a file is a new version; anything else removes what
// stands there.
func (s *Service) mayOverwrite(r Reader, x *transfer) error {
	below, err := s.below(r, &x.to)
	if err != nil {
		return err
	}
	x.replaced = append([]Entry{*x.to.entry()}, below...)
	for i := range x.replaced {
		e := &x.replaced[i]
		right := removal(e)
		if i == 0 && !e.Folder && !x.from.entry().Folder {
			right = ToReplace
		}
		if _, allowed := s.may(&x.to, right, x.to.place(), e); !allowed {
			return s.forbidden(x.to.side)
		}
	}
	return nil
}

func (s *Service) copy(tx Tx, x *transfer) (Moved, error) {
	src := *x.from.entry()
	created := !x.to.found()
	if !created && (src.Folder || x.to.entry().Folder) {
		if err := s.removeTree(tx, &x.to, x.role, OpRemove, x.replaced[1:]); err != nil {
			return Moved{}, err
		}
		last := len(x.to.chain) - 1
		x.to.rest, x.to.chain = []string{x.to.path.Base()}, x.to.chain[:last]
	}
	top, err := s.copyOne(tx, x, src, x.to)
	if err != nil {
		return Moved{}, err
	}
	made := map[EntryID]spot{}
	if src.Folder {
		made[src.ID] = x.to.into(top)
	}
	for _, e := range x.below {
		at, known := made[e.Parent]
		if !known {
			continue
		}
		at.rest = []string{e.Name}
		n, err := s.copyOne(tx, x, e, at)
		if err != nil {
			return Moved{}, err
		}
		if e.Folder {
			made[e.ID] = at.into(n)
		}
	}
	n := Node{Path: x.to.path, Name: top.Name, Folder: top.Folder, ETag: s.etag(&x.to, &top), Entry: top, Number: x.to.member.Number, Side: x.to.side}
	return Moved{Node: n, Created: created}, nil
}

// into is the spot of a folder just made at the missing end of t.
func (t spot) into(e Entry) spot {
	t.chain, t.rest = append(t.chain[:len(t.chain):len(t.chain)], e), nil
	return t
}

// copyOne copies one entry, without what is below it, to where at leads.
func (s *Service) copyOne(tx Tx, x *transfer, src Entry, at spot) (Entry, error) {
	var e Entry
	var err error
	if src.Folder {
		e, err = s.makeFolder(tx, &at, x.role)
	} else {
		e, err = s.copyFile(tx, x, src, at)
	}
	if err != nil {
		return e, err
	}
	props, err := tx.Props(src.ID)
	if err != nil || len(props[src.ID]) == 0 {
		return e, err
	}
	return e, tx.SetProps(e.ID, props[src.ID], nil)
}

func (s *Service) copyFile(tx Tx, x *transfer, src Entry, at spot) (Entry, error) {
	pl := putPlan{spot: at, role: x.role}
	if at.found() {
		pl.old = at.entry()
	}
	v := src.Version
	v.ID, v.Account, v.Person, v.Side, v.Time, v.Seen = NewVersionID(), at.actor.Account, at.actor.Person, at.side, tx.Now(), false
	authors, err := s.authors(tx, &at, at.place(), v, &src.Version.ID)
	if err != nil {
		return Entry{}, err
	}
	e, err := s.store(tx, &pl, v, authors, src.Modified)
	if err != nil {
		return e, err
	}
	rec := s.record(at.actor, OpCopy, ok).about(tx, &at, x.role, &e, x.from.inside())
	rec.Detail.Target, rec.Detail.Source = at.inside(), int64(src.ID)
	return e, tx.Audit(rec)
}
