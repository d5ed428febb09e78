// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"context"
	"slices"
)

// Arrival is one document that another system held until now (K13). It goes
// through the same gate as an upload (I1) and keeps its time. Whoever may see
// it could do so there: it is no delivery, and nobody is told.
type Arrival struct {
	Member string // number
	Path   Path   // inside the mailbox
	Origin string // where it stood in the other system, for the audit record
	// Over is the content that it may become a newer version of; zero for none.
	Over [32]byte
	Upload
}

// Import takes one document over, with the folders above it. Kind Exists when
// another content than Over stands there, Forbidden for a draft where four eyes
// need its author; all other refusals are those of an upload.
func (s *Service) Import(ctx context.Context, by By, in Arrival) (Receipt, error) {
	return s.run(ctx, &delivery{s: s, actor: by.actor(), path: in.Path, up: in.Upload, arrival: &in})
}

// CheckImport gives the refusals of Import that need no look into the content.
func (s *Service) CheckImport(ctx context.Context, by By, in Arrival) error {
	if in.Length > s.o.MaxSize {
		return s.tooLarge()
	}
	a := by.actor()
	return s.catalog.View(ctx, func(r Reader) error {
		_, err := s.planImport(r, &a, &in, in.Length)
		return err
	})
}

// ImportFolder makes a folder that holds nothing, with those above it; one that
// exists is left alone.
func (s *Service) ImportFolder(ctx context.Context, by By, member string, p Path) error {
	a, m := by.actor(), MemberID(0)
	err := s.catalog.View(ctx, func(r Reader) error {
		found, err := r.MemberByNumber(member)
		m = found.ID
		return err
	})
	if err != nil {
		return err
	}
	return s.catalog.Update(ctx, m, func(tx Tx) error {
		t, err := s.importSpot(tx, &a, member, p)
		if err != nil || t.found() {
			return err
		}
		if err := s.mayArrive(tx, &t); err != nil {
			return err
		}
		return s.importFolders(tx, &t, 0)
	})
}

// actor stands in for who gives the order: nobody with an account.
func (b By) actor() Actor {
	return Actor{Via: Via{Door: "cli", System: b.System, Order: b.Order}}
}

// importSpot follows a path as the side that works at its place, whose work
// the content there is.
func (s *Service) importSpot(r Reader, a *Actor, member string, p Path) (spot, error) {
	m, err := r.MemberByNumber(member)
	if err != nil {
		return spot{}, err
	}
	if m.Recovering {
		return spot{}, E(Conflict, ReasonRecovering)
	}
	names := slices.Clone(p.Segments())
	t := spot{path: p, member: m, actor: a, now: r.Now(), side: AuthoritySide, roles: []Role{Caseworker}}
	if len(names) > 0 {
		if place := slices.Index(s.folders[:], NameKey(names[0])); place > 0 {
			names[0] = s.o.Folders.Of(Place(place))
			if Place(place) != Outbox { // also what was taken over came from the member
				t.side, t.roles = MemberSide, []Role{Clerk}
			}
		}
	}
	return t, s.walk(r, &t, names)
}

// planImport decides what an arrival becomes, in the order of checks of an
// upload.
func (s *Service) planImport(r Reader, a *Actor, in *Arrival, size int64) (putPlan, error) {
	t, err := s.importSpot(r, a, in.Member, in.Path)
	pl := putPlan{spot: t, known: true}
	if err != nil {
		return pl, err
	}
	if t.found() && t.entry().Folder {
		return pl, E(Conflict, ReasonIsFolder)
	}
	if err := s.mayArrive(r, &t); err != nil {
		return pl, err
	}
	if t.found() {
		pl.old = t.entry()
		if v := &pl.old.Version; v.SHA256 != in.Over {
			return pl, E(Exists, ReasonExists)
		}
	}
	pl.purge, err = s.room(r, &t, demandOf(&t, pl.old, size))
	return pl, err
}

// mayArrive checks what holds for arriving files and folders alike.
func (s *Service) mayArrive(r Reader, t *spot) error {
	if t.closed() {
		return E(Forbidden, ReasonClosed)
	}
	if t.place() == Outbox && s.policy(t.member) == FourEyes {
		return E(Forbidden, ReasonNoAuthor)
	}
	if err := s.newName(r, t); err != nil {
		return err
	}
	for _, n := range t.rest {
		if Hidden(n) {
			return E(NameRefused, ReasonNameHidden)
		}
		if err := s.foreignNumber(r, t, n); err != nil {
			return err
		}
	}
	switch {
	case !t.found() && !t.entry().Folder:
		return E(ParentMissing, ReasonParent)
	case t.twin != nil:
		return E(Twin, ReasonTwin, t.twin.Name)
	case t.unseen:
		return E(Exists, ReasonExists)
	}
	g, err := s.guard(r, t.actor, t.member.ID, Conditions{})
	if err != nil {
		return err
	}
	return g.content(t.chain)
}

// importFolders makes the missing folders of a spot but for the last leave
// names.
func (s *Service) importFolders(tx Tx, t *spot, leave int) error {
	for len(t.rest) > leave {
		rest := t.rest[1:]
		at := *t
		at.rest = t.rest[:1]
		e, err := s.makeFolder(tx, &at, "")
		if err != nil {
			return err
		}
		*t = t.into(e)
		t.rest = rest
	}
	return nil
}

// takeIn is the transaction's function of an arrival.
func (d *delivery) takeIn(tx Tx) (Receipt, error) {
	s := d.s
	pl, err := s.planImport(tx, &d.actor, d.arrival, d.got.size)
	if err != nil {
		return Receipt{}, err
	}
	if err := s.importFolders(tx, &pl.spot, 1); err != nil {
		return Receipt{}, err
	}
	v := d.version(tx, &pl)
	e, err := d.keep(tx, &pl, v)
	if err != nil {
		return Receipt{}, err
	}
	rec := s.record(&d.actor, OpImport, ok).about(tx, &pl.spot, "", &e, pl.inside())
	rec.Detail.Text = d.arrival.Origin
	return d.receipt(&pl, e), tx.Audit(rec)
}
