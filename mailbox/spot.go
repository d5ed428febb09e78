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
	unseen  bool     // something that the actor does not see has the name rest[0]
	now     time.Time
	noDrop  bool // the chain ends where a data centre's folder will be made
	spelled int  // how many segments of path name the mailbox itself
}

func (t *spot) found() bool   { return !t.virtual && len(t.rest) == 0 }
func (t *spot) entry() *Entry { return &t.chain[len(t.chain)-1] }

// above is the chain without its end.
func (t *spot) above() []Entry { return t.chain[:len(t.chain)-1] }

// fixed says that the path names the mailbox or one of its three folders, as
// the actor sees them.
func (t *spot) fixed() bool {
	if t.virtual {
		return true
	}
	return t.found() && (isFixed(t.member, t.entry().ID) || t.onlyDatacentre() && t.entry().Drop == t.actor.Account)
}

func isFixed(m Member, id EntryID) bool { return slices.Contains(m.Folders[:], id) }

// taken says that what the actor does not see bears the very name that the
// path would make. It cannot be made, and no answer may say why (I5).
func (t *spot) taken() bool { return t.unseen && len(t.rest) == 1 }

func (t *spot) is(r Role) bool { return slices.Contains(t.roles, r) }

// onlyDatacentre says that the actor has no wider role here.
func (t *spot) onlyDatacentre() bool {
	return !slices.ContainsFunc(t.roles, func(r Role) bool { return r != Datacentre })
}

// name is the last one of the path, as it is or would be stored.
func (t *spot) name() string {
	if len(t.rest) > 0 {
		return t.rest[len(t.rest)-1]
	}
	return t.entry().Name
}

// parent is the folder in which the path's last name stands.
func (t *spot) parent() *Entry {
	if len(t.rest) == 0 && len(t.chain) > 1 {
		return &t.chain[len(t.chain)-2]
	}
	return t.entry()
}

// place of the path, whether it exists or not.
func (t *spot) place() Place { return t.entry().Place }

// inside is the path below the mailbox root as the catalog knows it, for the
// audit record.
func (t *spot) inside() string {
	var b strings.Builder
	for i := range t.chain[1:] {
		b.WriteString("/" + t.chain[i+1].Name)
	}
	for _, n := range t.rest {
		b.WriteString("/" + n)
	}
	if b.Len() == 0 {
		return "/"
	}
	return b.String()
}

// into is the spot of a folder just made at the missing end of t.
func (t spot) into(e Entry) spot {
	t.chain, t.rest, t.twin = join(t.chain, e), nil, nil
	return t
}

// join is a chain with one more entry; the chain given stays as it is.
func join(chain []Entry, e Entry) []Entry {
	return append(chain[:len(chain):len(chain)], e)
}

// closed says that the member takes part no more.
func (t *spot) closed() bool {
	return !t.member.ClosedOn.IsZero() && !t.now.Before(t.member.ClosedOn)
}

// sees says whether an entry shows to the actor where its parent does.
func (t *spot) sees(e *Entry) bool {
	if e.Account != t.actor.Account && t.onlyDatacentre() {
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

// visibleBelow says whether the last entry of a chain shows to a side: no
// folder above may be hidden from it.
func visibleBelow(side Side, chain []Entry) bool {
	for i := range chain[1:] {
		e := &chain[i+1]
		if e.Parent != chain[0].ID || e.Place == Root { // the fixed folders themselves show to both
			if !visible(side, e.Place, e.Name) {
				return false
			}
		}
	}
	return side == AuthoritySide || chain[len(chain)-1].Place != Outbox
}

// hiddenBelow says whether a chain leads through a hidden name.
func hiddenBelow(chain []Entry) bool {
	return slices.ContainsFunc(chain[1:], func(e Entry) bool { return Hidden(e.Name) })
}

// returnedBelow says whether a chain leads through the outbox's folder of
// returned documents.
func (s *Service) returnedBelow(chain []Entry) bool {
	return len(chain) > 2 && chain[2].Place == Outbox && NameKey(chain[2].Name) == s.returned
}

// inReturned says whether a spot lies below the folder of returned documents,
// which may not exist yet.
func (s *Service) inReturned(t *spot) bool {
	if len(t.chain) > 2 {
		return s.returnedBelow(t.chain)
	}
	return t.place() == Outbox && len(t.rest) > 1 && NameKey(t.rest[0]) == s.returned
}

// caseOf puts the question for an object below the spot; e nil is one that does
// not exist yet, which counts as the actor's own.
func (s *Service) caseOf(t *spot, role Role, p Place, e *Entry) Case {
	c := Case{Role: role, Place: p, Policy: s.policy(t.member), OwnSide: true, Own: true, Direct: s.direct(t.actor)}
	if e != nil {
		c.Folder = e.Folder
		c.OwnSide = e.Side == role.Side()
		c.Own = e.Account == t.actor.Account
	}
	return c
}

// direct says whether the actor is a program that may write into the root under
// four-eyes (L8).
func (s *Service) direct(a *Actor) bool {
	return s.o.ReleaseMachine && a.ReleaseDirect && a.Kind == MachineAccount
}

// may finds the first role of the actor that has the right.
func (s *Service) may(t *spot, r Right, p Place, e *Entry) (Role, bool) {
	for _, role := range t.roles {
		if s.caseOf(t, role, p, e).May(r) {
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
