// SPDX-License-Identifier: Apache-2.0

package mailbox

import "context"

// Copy copies a document, or a folder with all below it when deep, inside one
// mailbox. The bytes were judged when they came; a copy names the same blob.
func (s *Service) Copy(ctx context.Context, a Actor, from, to Path, c Conditions, deep bool) (Moved, error) {
	var m Moved
	err := s.update(ctx, &a, from, func(tx Tx) error {
		x, err := s.planCopy(tx, &a, from, to, c, deep)
		if err == nil {
			m, err = s.copy(tx, x)
		}
		return err
	})
	return m, err
}

// planCopy decides a COPY in the order of checks of DESIGN.md section 2.
func (s *Service) planCopy(r Reader, a *Actor, from, to Path, c Conditions, deep bool) (*transfer, error) {
	x, err := s.ends(r, a, from, to)
	if err != nil {
		return nil, err
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
		if err := s.source(r, x); err != nil {
			return nil, err
		}
		if err := s.namesBelow(r, &x.from, &x.to, x.below); err != nil {
			return nil, err
		}
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
	if err := g.conditions(c, &x.from); err != nil {
		return nil, err
	}
	if x.to.found() && c.NoOverwrite {
		return nil, E(Precondition, ReasonOverwrite)
	}
	x.purge, err = s.room(r, &x.to, x.demand())
	return x, err
}

// demand of a copy: the bytes of all documents, in the place of what gives way.
func (x *transfer) demand() demand {
	d := demandOf(&x.to, nil, x.from.entry().Version.Size)
	for i := range x.below {
		d.current += demandOf(&x.to, nil, x.below[i].Version.Size).current
	}
	for i := range x.replaced {
		gone := demandOf(&x.to, &x.replaced[i], 0)
		d.current += gone.current
		d.superseded += gone.superseded
	}
	return d
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
	if !allowed || x.to.taken() {
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
	if err := s.occupied(r, x); err != nil {
		return err
	}
	for i := range x.replaced {
		e := &x.replaced[i]
		right := removal(e)
		if x.documents() {
			right = ToReplace
		}
		if _, allowed := s.may(&x.to, right, x.to.place(), e); !allowed {
			return s.forbidden(x.to.side)
		}
	}
	return nil
}

// copy carries a decided COPY out.
func (s *Service) copy(tx Tx, x *transfer) (Moved, error) {
	if err := s.purge(tx, &x.to, x.role, x.purge); err != nil {
		return Moved{}, err
	}
	created := !x.to.found()
	if !created && !x.documents() {
		if err := s.clear(tx, x); err != nil {
			return Moved{}, err
		}
	}
	var made Entry               // the top
	into := map[EntryID]spot{}   // where the content of a copied folder goes
	top := len(x.from.chain) - 1 // of the chains that walkTree gives
	err := walkTree(x.from.chain, x.below, func(chain []Entry) error {
		src := chain[len(chain)-1]
		at := x.to
		if len(chain)-1 > top {
			at = into[src.Parent]
			at.rest = []string{src.Name}
		}
		e, err := s.copyOne(tx, x, chain, at)
		if src.Folder {
			into[src.ID] = at.into(e)
		}
		if len(chain)-1 == top {
			made = e
		}
		return err
	})
	return x.done(&made, created), err
}

// copyOne copies the end of a chain, without what is below it, to where at
// leads.
func (s *Service) copyOne(tx Tx, x *transfer, chain []Entry, at spot) (Entry, error) {
	src := &chain[len(chain)-1]
	var e Entry
	var err error
	if src.Folder {
		e, err = s.makeFolder(tx, &at, x.role)
	} else {
		e, err = s.copyFile(tx, x, chain, at)
	}
	if err != nil {
		return e, err
	}
	props, err := tx.Props(src.ID)
	if err != nil || len(props[src.ID]) == 0 {
		return e, err
	}
	return e, tx.SetProps(e.ID, withoutReason(props[src.ID]), nil)
}

func (s *Service) copyFile(tx Tx, x *transfer, chain []Entry, at spot) (Entry, error) {
	src := &chain[len(chain)-1]
	pl := putPlan{spot: at, role: x.role}
	if at.found() {
		pl.old = at.entry()
	}
	v := src.Version
	v.ID, v.Account, v.Person, v.Side, v.Time, v.Seen = NewVersionID(), at.actor.Account, at.actor.Person, at.side, tx.Now(), false
	authors, err := s.authors(tx, &pl, v, &src.Version.ID)
	if err != nil {
		return Entry{}, err
	}
	e, err := s.store(tx, &pl, v, authors, src.Modified)
	if err != nil {
		return e, err
	}
	from := spot{chain: chain}
	rec := s.record(at.actor, OpCopy, ok).about(tx, &at, x.role, &e, from.inside())
	rec.Detail.Target, rec.Detail.Source = at.inside(), int64(src.ID)
	return e, tx.Audit(s.byProcedure(rec, &at))
}
