// SPDX-License-Identifier: Apache-2.0

package mailbox

import "slices"

// Four eyes need to know everybody whose work is in a version of the outbox.
// So a version is stored with the authors of what it goes on from: of the
// version before it that was not released, of the source of a copy, of equal
// bytes that are or were in this outbox, and of what bore its name until lately
// (Office saves by renaming). Then Reader.Authors of one version is complete.

// authors of a version that is about to be stored by the plan; source is what
// it is a copy of, nil for none.
func (s *Service) authors(r Reader, pl *putPlan, v Version, source *VersionID) ([]PersonID, error) {
	all := []PersonID{pl.actor.Person}
	var from []VersionID
	if source != nil {
		from = append(from, *source)
	}
	if pl.place() == Outbox {
		more, err := s.forerunners(r, pl.old, pl.parent().ID, pl.name())
		if err != nil {
			return nil, err
		}
		from = append(from, more...)
		if v.Size > 0 {
			twins, err := r.OutboxTwins(pl.member.ID, v.SHA256)
			if err != nil {
				return nil, err
			}
			from = append(from, twins...)
		}
	}
	return authorsOf(r, all, from)
}

// forerunners are the unreleased versions that something new under this name in
// the outbox goes on from.
func (s *Service) forerunners(r Reader, old *Entry, folder EntryID, name string) ([]VersionID, error) {
	var from []VersionID
	if old != nil {
		if !old.Version.Seen {
			from = append(from, old.Version.ID)
		}
		return from, nil
	}
	former, err := r.Former(folder, NameKey(name), r.Now().Add(-formerFor))
	for i := range former {
		if v := &former[i].Version; !v.Seen {
			from = append(from, v.ID)
		}
	}
	return from, err
}

func authorsOf(r Reader, all []PersonID, from []VersionID) ([]PersonID, error) {
	for _, id := range from {
		more, err := r.Authors(id)
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// leaveName remembers the name that a document in the outbox loses. Hidden
// names are nobody's.
func (s *Service) leaveName(tx Tx, e Entry) error {
	if e.Folder || e.Place != Outbox || Hidden(e.Name) {
		return nil
	}
	return tx.LeaveName(e)
}

// inherit makes the authors of what stood under a name in the outbox authors of
// the document that took the name by moving there.
func (s *Service) inherit(tx Tx, e *Entry, old *Entry) error {
	if e.Folder || e.Place != Outbox {
		return nil
	}
	from, err := s.forerunners(tx, old, e.Parent, e.Name)
	if err != nil {
		return err
	}
	from = slices.DeleteFunc(from, func(v VersionID) bool { return v == e.Version.ID })
	if len(from) == 0 {
		return nil
	}
	people, err := authorsOf(tx, nil, from)
	if err != nil {
		return err
	}
	return tx.AddAuthors(e.Version.ID, people)
}
