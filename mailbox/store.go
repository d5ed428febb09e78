// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"slices"
	"time"
)

// store makes v the newest version at the plan's place: of a new entry, of an
// existing one, or of one that comes back from the returned documents.
func (s *Service) store(tx Tx, pl *putPlan, v Version, authors []PersonID, modified time.Time) (Entry, error) {
	if err := s.purge(tx, &pl.spot, pl.role, pl.purge); err != nil {
		return Entry{}, err
	}
	change, err := tx.NextChange()
	if err != nil {
		return Entry{}, err
	}
	if pl.makeDrop {
		if err := s.makeDrop(tx, &pl.spot, change); err != nil {
			return Entry{}, err
		}
	}
	folders := pl.chain
	if pl.found() {
		folders = pl.above()
	}
	e := pl.newEntry(v, change)
	if pl.old != nil {
		e = *pl.old
		if pl.returned {
			if err := s.backFrom(tx, &e, change); err != nil {
				return e, err
			}
			if err := setReason(tx, e.ID, ""); err != nil {
				return e, err
			}
			e.Parent, e.Name = pl.entry().ID, pl.rest[0]
		}
	}
	e.Modified = modified
	direction := s.direction(pl.member, join(folders, e))
	v.Seen = direction == ToTheAuth || direction == ToMember
	if pl.known {
		v.Seen, direction = pl.place() != Outbox, ""
	}
	if err := s.insert(tx, &e, v, authors, pl.old == nil); err != nil {
		return e, err
	}
	if err := countUsage(tx, demandOf(&pl.spot, pl.old, v.Size)); err != nil {
		return e, err
	}
	if err := touch(tx, folders, e, change); err != nil {
		return e, err
	}
	return e, s.announce(tx, &pl.spot, direction, &e)
}

// insert stores a version with its entry, of which it becomes the current one.
func (s *Service) insert(tx Tx, e *Entry, v Version, authors []PersonID, isNew bool) error {
	oldest := tx.Now().Add(-s.o.MaxUpload)
	e.Version = v
	if isNew {
		if err := tx.InsertEntry(e); err != nil {
			return err
		}
		e.Version.Entry = e.ID
		return tx.InsertVersion(e.Version, authors, oldest)
	}
	e.Version.Entry = e.ID
	if err := tx.InsertVersion(e.Version, authors, oldest); err != nil {
		return err
	}
	return tx.UpdateEntry(*e)
}

// backFrom touches the folder of returned documents that e leaves.
func (s *Service) backFrom(tx Tx, e *Entry, change int64) error {
	return tx.Touch([]EntryID{e.Parent}, change, true, false)
}

// newEntry is the file that a new name becomes.
func (t *spot) newEntry(v Version, change int64) Entry {
	up, name := t.entry(), ""
	if len(t.rest) > 0 {
		name = t.rest[len(t.rest)-1]
	}
	return Entry{Member: t.member.ID, Parent: up.ID, Place: up.Place, Name: name, Side: t.side,
		Account: t.actor.Account, Person: t.actor.Person, Created: t.now, Modified: t.now, Version: v,
		ChangeAuthority: change, ChangeMember: change}
}

// countUsage keeps the counters of what the member side uploaded.
func countUsage(tx Tx, d demand) error {
	if d == (demand{}) {
		return nil
	}
	return tx.AddUsage(d.current, d.superseded)
}

// sides that see something.
type sides struct{ authority, member bool }

func sidesOf(chain []Entry) sides {
	return sides{visibleBelow(AuthoritySide, chain), visibleBelow(MemberSide, chain)}
}

// touch stores the change number in the folders above e, for each side that
// sees e there (I5: an ETag never depends on what its viewer cannot see).
func touch(tx Tx, folders []Entry, e Entry, change int64) error {
	return touchBoth(tx, join(folders, e), nil, change)
}

// touchBoth is touch for the ends of two chains, either of which may be nil,
// that share folders.
func touchBoth(tx Tx, from, to []Entry, change int64) error {
	see := map[EntryID]sides{}
	for _, chain := range [][]Entry{from, to} {
		if len(chain) == 0 {
			continue
		}
		s := sidesOf(chain)
		for i := range chain[:len(chain)-1] {
			id := chain[i].ID
			see[id] = sides{s.authority || see[id].authority, s.member || see[id].member}
		}
	}
	for _, s := range []sides{{true, true}, {true, false}, {false, true}} {
		var ids []EntryID
		for id, of := range see {
			if of == s {
				ids = append(ids, id)
			}
		}
		if len(ids) == 0 {
			continue
		}
		slices.Sort(ids)
		if err := tx.Touch(ids, change, s.authority, s.member); err != nil {
			return err
		}
	}
	return nil
}

// direction says who is told of a document, the end of a chain: the other side
// that sees it now, or the reviewers for whom it waits; "" for nobody.
func (s *Service) direction(m Member, chain []Entry) Direction {
	switch chain[len(chain)-1].Place {
	case ToAuthority:
		if visibleBelow(AuthoritySide, chain) {
			return ToTheAuth
		}
	case Root:
		if visibleBelow(MemberSide, chain) {
			return ToMember
		}
	case Outbox:
		if s.policy(m) == FourEyes && !hiddenBelow(chain) && !s.returnedBelow(chain) {
			return ToReviewers
		}
	}
	return ""
}

// announce writes the delivery of a document in this direction (DESIGN.md
// section 7).
func (s *Service) announce(tx Tx, t *spot, to Direction, e *Entry) error {
	if to == "" {
		return nil
	}
	d := Delivery{Member: t.member.ID, Entry: e.ID, Version: e.Version.ID, Direction: to, Time: t.now,
		Account: t.actor.Account, Person: t.actor.Person}
	if to == ToTheAuth {
		twin, err := tx.TakenOverTwin(t.member.ID, e.Version.SHA256)
		if err != nil && KindOf(err) != NotFound {
			return err
		}
		if twin != e.Version.ID {
			d.Twin = twin
		}
	}
	if to != ToReviewers && !e.Version.Seen {
		if err := tx.SetSeen(e.Version.ID); err != nil {
			return err
		}
	}
	return tx.InsertDelivery(d)
}
