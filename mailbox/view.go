// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"slices"
	"strings"
	"time"
)

// fileGrants of the actor: those that touch files and are in force now.
func (a *Actor) fileGrants(now time.Time) []Grant {
	var gs []Grant
	for _, g := range a.Grants {
		if g.Role.Files() && g.InForce(now) {
			gs = append(gs, g)
		}
	}
	return gs
}

// rolesFor a member, by the grants in force.
func rolesFor(grants []Grant, m MemberID) []Role {
	var roles []Role
	for _, g := range grants {
		if (g.Member == 0 || g.Member == m) && !slices.Contains(roles, g.Role) {
			roles = append(roles, g.Role)
		}
	}
	return roles
}

// sideOf the actor's grants; an account never holds both.
func sideOf(a *Actor) Side {
	for _, g := range a.Grants {
		return g.Role.Side()
	}
	return NoSide
}

// resolve follows a path through the actor's view. Errors are final for the
// actor: no grant at all, or a mailbox that does not exist for it. A missing
// entry is no error: rest has the names that were not found.
func (s *Service) resolve(r Reader, a *Actor, p Path) (spot, error) {
	return s.resolveBeside(r, a, p, nil)
}

// resolveBeside is resolve where the path most likely leads into a mailbox that
// is known already.
func (s *Service) resolveBeside(r Reader, a *Actor, p Path, known *Member) (spot, error) {
	t := spot{path: p, actor: a, now: r.Now()}
	grants := a.fileGrants(t.now)
	if len(grants) == 0 {
		return t, E(Forbidden, ReasonNoGrant)
	}
	m, names, err := s.mailboxOf(r, a, grants, p, known)
	switch {
	case err != nil:
		return t, err
	case m == nil:
		t.virtual = true
		return t, nil
	}
	t.member = *m
	t.spelled = len(p.Segments()) - len(names)
	t.roles = rolesFor(grants, m.ID)
	t.side = t.roles[0].Side()
	if m.Recovering { // an empty or half folder would be taken for an order to delete
		return t, &Error{Kind: Unavailable, Reason: ReasonRecovering, RetryAfter: retryRecovering}
	}
	return t, s.walk(r, &t, names)
}

// toRead resolves a path for a reading operation: what is absent or unseen is
// NotFound.
func (s *Service) toRead(r Reader, a *Actor, p Path) (spot, error) {
	t, err := s.resolve(r, a, p)
	if err != nil {
		return t, err
	}
	if err := p.Fault(); err != nil {
		return t, err
	}
	if !t.virtual && len(t.rest) > 0 {
		return t, E(NotFound, ReasonNotFound)
	}
	return t, nil
}

// toWrite resolves a path for a writing operation: a mailbox that the actor
// does not see answers the constant 403, so that a refusal tells nothing (I5).
func (s *Service) toWrite(r Reader, a *Actor, p Path) (spot, error) {
	return s.toWriteBeside(r, a, p, nil)
}

func (s *Service) toWriteBeside(r Reader, a *Actor, p Path, known *Member) (spot, error) {
	t, err := s.resolveBeside(r, a, p, known)
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

// mailboxOf finds the member whose mailbox the path enters, and the names
// below. A nil member is the root over several mailboxes.
func (s *Service) mailboxOf(r Reader, a *Actor, grants []Grant, p Path, known *Member) (*Member, []string, error) {
	names := p.Segments()
	if len(names) > 0 {
		m, err := s.byNumber(r, a, names[0], known)
		if err == nil && len(rolesFor(grants, m.ID)) > 0 {
			return &m, names[1:], nil
		}
		if err == nil && a.hasEnded(m.ID) {
			return nil, nil, E(Forbidden, ReasonNoGrant)
		}
		if err != nil && KindOf(err) != NotFound {
			return nil, nil, err
		}
	}
	if a.Layout == Direct && grants[0].Member != 0 {
		if known != nil && known.ID == grants[0].Member {
			return known, names, nil
		}
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

// byNumber finds the member that the first name of a path means: its number, in
// a layout over several followed by anything. What no number can be, and the
// names of the fixed folders, which are none either (CheckMember), are not
// looked up.
func (s *Service) byNumber(r Reader, a *Actor, name string, known *Member) (Member, error) {
	if a.Layout != Direct {
		name, _, _ = strings.Cut(name, " ")
	}
	if known != nil && known.Number == name {
		return *known, nil
	}
	if !isNumber(name) || slices.Contains(s.folders[1:], NameKey(name)) {
		return Member{}, E(NotFound, ReasonNotFound)
	}
	return r.MemberByNumber(name)
}

// walk goes down from the mailbox root as far as the actor sees.
func (s *Service) walk(r Reader, t *spot, names []string) error {
	root := Entry{ID: t.member.Folders[Root], Member: t.member.ID, Folder: true, Place: Root}
	if len(names) == 0 {
		var err error
		if root, err = r.Entry(root.ID); err != nil {
			return err
		}
	}
	t.chain = append(make([]Entry, 0, len(names)+2), root)
	if len(names) > 0 && t.onlyDatacentre() {
		return s.walkDrop(r, t, names)
	}
	return s.descend(r, t, names)
}

// descend follows names from the end of the chain.
func (s *Service) descend(r Reader, t *spot, names []string) error {
	for i, name := range names {
		e, err := s.step(r, t, name, i == len(names)-1)
		if err != nil {
			if KindOf(err) == NotFound {
				t.rest = names[i:]
				return nil
			}
			return err
		}
		if e.Name != name {
			t.rest, t.twin = names[i:], &e
			return nil
		}
		t.chain = append(t.chain, e)
	}
	return nil
}

// step finds one name below the end of the chain; kind NotFound when the actor
// sees none.
func (s *Service) step(r Reader, t *spot, name string, last bool) (Entry, error) {
	up, key := t.entry(), NameKey(name)
	if !up.Folder || up.Place == Outbox && t.side == MemberSide || t.noDrop {
		return Entry{}, E(NotFound, ReasonNotFound)
	}
	if p := slices.Index(s.folders[:], key); len(t.chain) == 1 && p > 0 {
		return s.fixedFolder(r, t, Place(p), last)
	}
	e, err := r.Child(up.ID, key)
	if err == nil && !t.sees(&e) {
		t.unseen = true
		err = E(NotFound, ReasonNotFound)
	}
	return e, err
}

// fixedFolder gives one of the three folders, read from the catalog only where
// more than its place is asked for. Its name is the configured one, whatever it
// was called when the mailbox was made.
func (s *Service) fixedFolder(r Reader, t *spot, p Place, whole bool) (Entry, error) {
	e := Entry{ID: t.member.Folders[p], Member: t.member.ID, Parent: t.member.Folders[Root], Place: p, Folder: true}
	var err error
	if whole {
		e, err = r.Entry(e.ID)
	}
	e.Name = s.o.Folders.Of(p)
	return e, err
}
