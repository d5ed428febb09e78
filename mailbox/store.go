// SPDX-License-Identifier: Apache-2.0

package mailbox

import "time"

// store makes v the newest version at the plan's place: of a new entry, of an
// existing one, or of one that comes back from the returned documents.
func (s *Service) store(tx Tx, pl *putPlan, v Version, authors []PersonID, modified time.Time) (Entry, error) {
	change, err := tx.NextChange()
	if err != nil {
		return Entry{}, err
	}
	if pl.makeDrop {
		if err := s.makeDrop(tx, &pl.spot, change); err != nil {
			return Entry{}, err
		}
	}
	var e Entry
	if pl.old == nil {
		e = pl.newEntry(v, change)
		e.Modified = modified
		if err := tx.InsertEntry(&e); err != nil {
			return e, err
		}
		v.Entry = e.ID
		e.Version = v
	} else {
		e = *pl.old
		v.Entry = e.ID
		e.Version, e.Modified = v, modified
		if pl.returned {
			e.Parent, e.Name = pl.entry().ID, pl.rest[0]
		}
		if err := tx.UpdateEntry(e); err != nil {
			return e, err
		}
	}
	if err := tx.InsertVersion(v, authors, tx.Now().Add(-s.o.MaxUpload)); err != nil {
		return e, err
	}
	if err := countUsage(tx, pl.old, v); err != nil {
		return e, err
	}
	folders := pl.chain
	if pl.found() {
		folders = folders[:len(folders)-1]
	}
	if err := touch(tx, folders, e, change); err != nil {
		return e, err
	}
	return e, s.announce(tx, &pl.spot, folders, e)
}

// newEntry is the file that a new name becomes.
func (t *spot) newEntry(v Version, change int64) Entry {
	up := t.entry()
	return Entry{Member: t.member.ID, Parent: up.ID, Place: up.Place, Name: t.rest[len(t.rest)-1], Side: t.side,
		Account: t.actor.Account, Person: t.actor.Person, Created: t.now, Modified: t.now, Version: v,
		ChangeAuthority: change, ChangeMember: change}
}

// makeDrop makes a data centre's own folder in an_KVBbg, named after the
// account, and lets the chain end there.
func (s *Service) makeDrop(tx Tx, t *spot, change int64) error {
	name := t.actor.Login
	if _, err := tx.Child(t.entry().ID, NameKey(name)); err == nil {
		name += " (Rechenzentrum)"
	} else if KindOf(err) != NotFound {
		return err
	}
	e := t.newEntry(Version{}, change)
	e.Name, e.Folder, e.Drop = name, true, t.actor.Account
	if err := tx.InsertEntry(&e); err != nil {
		return err
	}
	t.chain, t.noDrop = append(t.chain, e), false
	rec := s.record(t.actor, OpMakeFolder, ok).about(tx, t, Datacentre, &e, "/"+s.o.Folders.ToAuthority+"/"+name)
	return tx.Audit(rec)
}

// countUsage keeps the counters of what the member side uploaded.
func countUsage(tx Tx, old *Entry, v Version) error {
	var current, superseded int64
	if v.Side == MemberSide {
		current = v.Size
	}
	if old != nil && old.Version.Side == MemberSide {
		current -= old.Version.Size
		superseded = old.Version.Size
	}
	if current == 0 && superseded == 0 {
		return nil
	}
	return tx.AddUsage(current, superseded)
}

// touch stores the change number in the folders above e, for each side that
// sees e there (I5: an ETag never depends on what its viewer cannot see).
func touch(tx Tx, folders []Entry, e Entry, change int64) error {
	with := append(folders[:len(folders):len(folders)], e)
	authority, member := visibleBelow(AuthoritySide, with), visibleBelow(MemberSide, with)
	if !authority && !member {
		return nil
	}
	ids := make([]EntryID, len(folders))
	for i, f := range folders {
		ids[i] = f.ID
	}
	return tx.Touch(ids, change, authority, member)
}

// announce writes the delivery of a version that became visible to the other
// side (DESIGN.md section 7), or that waits for a reviewer.
func (s *Service) announce(tx Tx, t *spot, folders []Entry, e Entry) error {
	with := append(folders[:len(folders):len(folders)], e)
	d := Delivery{Member: t.member.ID, Entry: e.ID, Version: e.Version.ID, Time: t.now, Account: t.actor.Account, Person: t.actor.Person}
	switch {
	case e.Place == ToAuthority && visibleBelow(AuthoritySide, with):
		d.Direction = ToTheAuth
		twin, err := tx.TakenOverTwin(t.member.ID, e.Version.SHA256)
		if err != nil && KindOf(err) != NotFound {
			return err
		}
		d.Twin = twin
	case e.Place == Root && visibleBelow(MemberSide, with):
		d.Direction = ToMember
	case e.Place == Outbox && s.policy(t.member) == FourEyes && !Hidden(e.Name):
		d.Direction = ToReviewers
	default:
		return nil
	}
	if d.Direction != ToReviewers {
		if err := tx.SetSeen(e.Version.ID); err != nil {
			return err
		}
	}
	return tx.InsertDelivery(d)
}

// authors of a version that is about to be stored: who stores it, and where it
// goes to the outbox everybody whose bytes these already were there, so that a
// copy or a new upload hides no author (D4).
func (s *Service) authors(tx Tx, t *spot, p Place, v Version, source *VersionID) ([]PersonID, error) {
	all := []PersonID{t.actor.Person}
	from := []VersionID{}
	if source != nil {
		from = append(from, *source)
	}
	if p == Outbox {
		twins, err := tx.OutboxTwins(t.member.ID, v.SHA256)
		if err != nil {
			return nil, err
		}
		from = append(from, twins...)
	}
	for _, id := range from {
		more, err := tx.Authors(id)
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	return unique(all), nil
}

func unique(ids []PersonID) []PersonID {
	seen := make(map[PersonID]bool, len(ids))
	out := ids[:0]
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	return out
}

// comesBack finds the returned document that a new upload under its name in the
// outbox continues.
func (s *Service) comesBack(r Reader, pl *putPlan) error {
	if pl.place() != Outbox || pl.entry().ID != pl.member.Folders[Outbox] {
		return nil
	}
	folder, err := r.Child(pl.entry().ID, NameKey(s.o.Returned))
	if err == nil {
		var e Entry
		if e, err = r.Child(folder.ID, NameKey(pl.rest[0])); err == nil && !e.Folder {
			pl.old, pl.returned = &e, true
		}
	}
	if err != nil && KindOf(err) != NotFound {
		return err
	}
	return nil
}
