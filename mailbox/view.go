// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"slices"
	"strings"
	"time"
)

// spot is where a path leads in an actor's view.
type spot struct {
	path    Path
	virtual bool // the root over several mailboxes
	member  Member
	roles   []Role // of the actor for this member, those that touch files
	side    Side
	actor   *Actor
	chain   []Entry  // existing and visible, from the mailbox root down
	rest    []string // names below the chain that do not exist for the actor
	twin    *Entry   // stands under another spelling of rest[0]
	now     time.Time
	noDrop  bool // the chain ends where a data centre's folder will be made
	spelled int  // how many segments of path name the mailbox itself
}

func (t *spot) found() bool   { return !t.virtual && len(t.rest) == 0 }
func (t *spot) entry() *Entry { return &t.chain[len(t.chain)-1] }

// parent is the folder in which the path's last name stands.
func (t *spot) parent() *Entry {
	if len(t.rest) == 0 && len(t.chain) > 1 {
		return &t.chain[len(t.chain)-2]
	}
	return t.entry()
}

// fixed says that the path names the mailbox or one of its three folders.
func (t *spot) fixed() bool {
	return t.virtual || t.found() && isFixed(t.member, t.entry().ID) || t.found() && t.entry().Drop != 0 && t.is(Datacentre)
}

func isFixed(m Member, id EntryID) bool { return slices.Contains(m.Folders[:], id) }

func (t *spot) is(r Role) bool { return slices.Contains(t.roles, r) }

// place of the path, whether it exists or not.
func (t *spot) place() Place { return t.entry().Place }

// inside is the path below the mailbox root as the catalog knows it, for the
// audit record.
func (t *spot) inside() string {
	var b strings.Builder
	for _, e := range t.chain[1:] {
		b.WriteString("/" + e.Name)
	}
	for _, n := range t.rest {
		b.WriteString("/" + n)
	}
	if b.Len() == 0 {
		return "/"
	}
	return b.String()
}

// grants of the actor that touch files, in force now.
func (a *Actor) fileGrants(now time.Time) []Grant {
	var gs []Grant
	for _, g := range a.Grants {
		if g.Role.Files() && g.InForce(now) {
			gs = append(gs, g)
		}
	}
	return gs
}

// resolve follows a path through the actor's view. Errors are final for the
// actor: no grant at all, or a mailbox that does not exist for it. A missing
// entry is no error: rest has the names that were not found.
func (s *Service) resolve(r Reader, a *Actor, p Path) (spot, error) {
	t := spot{path: p, actor: a, now: r.Now()}
	grants := a.fileGrants(t.now)
	if len(grants) == 0 {
		return t, E(Forbidden, ReasonNoGrant)
	}
	m, names, err := s.mailboxOf(r, a, grants, p)
	switch {
	case err != nil:
		return t, err
	case m == nil:
		t.virtual = true
		return t, nil
	}
	t.member = *m
	t.spelled = len(p.Segments()) - len(names)
	for _, g := range grants {
		if g.Member == 0 || g.Member == m.ID {
			t.roles = append(t.roles, g.Role)
		}
	}
	t.side = t.roles[0].Side()
	return t, s.walk(r, &t, names)
}

// mailboxOf finds the member whose mailbox the path enters, and the names
// below. A nil member is the root over several mailboxes.
func (s *Service) mailboxOf(r Reader, a *Actor, grants []Grant, p Path) (*Member, []string, error) {
	names := p.Segments()
	granted := func(id MemberID) bool {
		return slices.ContainsFunc(grants, func(g Grant) bool { return g.Member == 0 || g.Member == id })
	}
	if len(names) > 0 {
		number := names[0]
		if a.Layout != Direct {
			number, _, _ = strings.Cut(number, " ")
		}
		m, err := r.MemberByNumber(number)
		if err == nil && granted(m.ID) {
			return &m, names[1:], nil
		}
		if err != nil && KindOf(err) != NotFound {
			return nil, nil, err
		}
	}
	if a.Layout == Direct && grants[0].Member != 0 {
		m, err := r.Member(grants[0].Member)
		return &m, names, err
	}
	if len(names) == 0 {
		return nil, nil, nil
	}
	if number, _, _ := strings.Cut(names[0], " "); slices.ContainsFunc(a.Grants, func(g Grant) bool { return g.Number == number }) {
		return nil, nil, E(Forbidden, ReasonNoGrant) // its administrator, or a grant that has ended (A22)
	}
	return nil, nil, E(NotFound, ReasonNotFound)
}

// walk goes down from the mailbox root as far as the actor sees.
func (s *Service) walk(r Reader, t *spot, names []string) error {
	m := &t.member
	root := Entry{ID: m.Folders[Root], Member: m.ID, Folder: true, Place: Root}
	if len(names) == 0 || t.is(Datacentre) {
		var err error
		if root, err = r.Entry(root.ID); err != nil {
			return err
		}
	}
	t.chain = append(make([]Entry, 0, len(names)+1), root)
	for i, name := range names {
		e, err := s.step(r, t, t.entry(), name, i == len(names)-1)
		if KindOf(err) == NotFound && err != nil {
			t.rest = names[i:]
			return nil
		}
		if err != nil {
			return err
		}
		if e.Drop != 0 && t.onlyDatacentre() {
			t.chain = append(t.chain, s.toAuthority(t))
		} else if e.Name != name {
			t.rest, t.twin = names[i:], &e
			return nil
		}
		t.chain = append(t.chain, e)
	}
	return nil
}

// closed says that the member takes part no more.
func (t *spot) closed() bool {
	return !t.member.ClosedOn.IsZero() && !t.now.Before(t.member.ClosedOn)
}

// step finds one name below a folder; kind NotFound when the actor sees none.
func (s *Service) step(r Reader, t *spot, up *Entry, name string, last bool) (Entry, error) {
	absent := E(NotFound, ReasonNotFound)
	if !up.Folder || up.Place == Outbox && t.side == MemberSide || t.noDrop {
		return Entry{}, absent
	}
	key := NameKey(name)
	if up.Parent == 0 { // the mailbox root
		for _, p := range Places[1:] {
			if s.folders[p] != key {
				continue
			}
			if t.onlyDatacentre() {
				return s.dropFolder(r, t, p)
			}
			if last {
				return r.Entry(t.member.Folders[p])
			}
			stub := s.toAuthority(t)
			stub.ID, stub.Place, stub.Name = t.member.Folders[p], p, s.o.Folders.Of(p)
			return stub, nil
		}
		if t.onlyDatacentre() {
			return Entry{}, absent
		}
	}
	e, err := r.Child(up.ID, key)
	if err != nil {
		return Entry{}, err
	}
	if !t.sees(e) {
		return Entry{}, absent
	}
	return e, nil
}

// onlyDatacentre says that the actor has no wider role here.
func (t *spot) onlyDatacentre() bool {
	return !slices.ContainsFunc(t.roles, func(r Role) bool { return r != Datacentre })
}

// dropFolder is what a data centre sees as an_KVBbg: its own folder there,
// made when it first delivers.
func (s *Service) dropFolder(r Reader, t *spot, p Place) (Entry, error) {
	if p != ToAuthority {
		return Entry{}, E(NotFound, ReasonNotFound)
	}
	e, err := r.DropFolder(t.member.ID, t.actor.Account)
	if err != nil && KindOf(err) == NotFound {
		t.noDrop = true
		return s.toAuthority(t), nil
	}
	return e, err
}

// toAuthority is the fixed folder, for paths that lead through it.
func (s *Service) toAuthority(t *spot) Entry {
	return Entry{ID: t.member.Folders[ToAuthority], Member: t.member.ID, Parent: t.member.Folders[Root],
		Place: ToAuthority, Folder: true, Name: s.o.Folders.ToAuthority}
}

// sees says whether an entry shows to the actor where its parent does.
func (t *spot) sees(e Entry) bool {
	if t.onlyDatacentre() && e.Account != t.actor.Account {
		return false
	}
	return visible(t.side, e.Place, e.Name)
}

// writers is the side that works at a place, and so sees its hidden names.
func writers(p Place) Side {
	if p == ToAuthority {
		return MemberSide
	}
	return AuthoritySide
}

// visible says whether a name at a place shows to a side at all.
func visible(side Side, p Place, name string) bool {
	if side == MemberSide && p == Outbox {
		return false
	}
	return side == writers(p) || !Hidden(name)
}

// visibleBelow says whether what stands in the last folder of a chain shows to
// a side: no folder above may be hidden from it.
func visibleBelow(side Side, chain []Entry) bool {
	for _, e := range chain[1:] {
		if e.Parent != chain[0].ID || e.Place == Root { // the fixed folders themselves show to both
			if !visible(side, e.Place, e.Name) {
				return false
			}
		}
	}
	return side == AuthoritySide || chain[len(chain)-1].Place != Outbox
}

// case_ puts the question for an object below the spot; e nil is one that does
// not exist yet, which counts as the actor's own.
func (s *Service) case_(t *spot, role Role, p Place, e *Entry) Case {
	c := Case{Role: role, Place: p, Policy: s.policy(t.member), OwnSide: true, Own: true,
		Direct: t.actor.ReleaseDirect && t.actor.Kind == MachineAccount}
	if e != nil {
		c.Folder = e.Folder
		c.OwnSide = e.Side == role.Side()
		c.Own = e.Account == t.actor.Account
	}
	return c
}

// may finds the first role of the actor that has the right.
func (s *Service) may(t *spot, r Right, p Place, e *Entry) (Role, bool) {
	for _, role := range t.roles {
		if s.case_(t, role, p, e).May(r) {
			return role, true
		}
	}
	return "", false
}

// forbidden is the constant 403 of the actor's side.
func (s *Service) forbidden(side Side) *Error {
	if side == MemberSide {
		return E(Forbidden, ReasonOtherSide, s.o.Folders.ToAuthority)
	}
	return E(Forbidden, ReasonNotAllowed)
}

// toWrite resolves a path for a writing operation: what the actor does not see
// answers the constant 403, so that a refusal tells nothing (I5).
func (s *Service) toWrite(r Reader, a *Actor, p Path) (spot, error) {
	t, err := s.resolve(r, a, p)
	if err != nil {
		if KindOf(err) == NotFound {
			return t, s.forbidden(sideOf(a))
		}
		return t, err
	}
	if t.virtual {
		return t, s.forbidden(sideOf(a))
	}
	return t, nil
}

// sideOf the actor's grants; an account never holds both.
func sideOf(a *Actor) Side {
	for _, g := range a.Grants {
		return g.Role.Side()
	}
	return NoSide
}
