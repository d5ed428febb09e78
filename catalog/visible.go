// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"postfach/mailbox"
)

// standing is where an entry stands at this moment.
type standing struct {
	inView   bool // neither it nor a folder above it is removed or hidden by name
	returned bool // in the outbox's folder of returned documents
	place    mailbox.Place
	parent   mailbox.EntryID
}

// onlooker answers whether the receiving side of a delivery can see an entry.
// It remembers the folders it has walked through, for one view.
type onlooker struct {
	r        *reader
	returned string // name key of the folder of returned documents
	known    map[mailbox.EntryID]standing
}

func (r *reader) onlooker() *onlooker {
	return &onlooker{r: r, returned: mailbox.NameKey(r.returned), known: map[mailbox.EntryID]standing{}}
}

const selectStanding = "SELECT parent, place, name, removed FROM entries WHERE id = $1"

// at walks from an entry up to the root of its mailbox.
func (o *onlooker) at(id mailbox.EntryID) (standing, error) {
	if s, ok := o.known[id]; ok {
		return s, nil
	}
	var s standing
	var name string
	removed := false
	found, err := o.r.one(selectStanding, func(row tuple) {
		s.parent, s.place = mailbox.EntryID(row.Int(0)), mailbox.Place(row.Int(1))
		name, removed = row.Text(2), row.Int(3) != 0
	}, int64(id))
	if err != nil || !found {
		return s, err
	}
	s.inView = !removed && !mailbox.Hidden(name)
	if s.parent != 0 {
		up, err := o.at(s.parent)
		if err != nil {
			return s, err
		}
		s.inView = s.inView && up.inView
		// Directly below the outbox, whose own parent is the mailbox root.
		below := s.place == mailbox.Outbox && up.parent != 0 && o.known[up.parent].parent == 0
		s.returned = up.returned || below && mailbox.NameKey(name) == o.returned
	}
	o.known[id] = s
	return s, nil
}

// sees says whether a delivery in this direction still leads somewhere.
func (o *onlooker) sees(id mailbox.EntryID, d mailbox.Direction) (bool, error) {
	s, err := o.at(id)
	if err != nil || !s.inView {
		return false, err
	}
	switch d {
	case mailbox.ToMember:
		return s.place == mailbox.Root, nil
	case mailbox.ToTheAuth:
		return s.place == mailbox.ToAuthority || s.place == mailbox.CaseworkerInbox, nil
	case mailbox.ToReviewers:
		return s.place == mailbox.Outbox && !s.returned, nil
	}
	return false, nil
}
