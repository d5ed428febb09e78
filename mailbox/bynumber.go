// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"fmt"
	"slices"
	"time"
)

// ReasonByNumber refuses a sync client of an account whose grants name no
// member: it would fetch every mailbox there is.
const ReasonByNumber Reason = "by-number"

// ByNumber is the actor as sync clients see it: grants for all members count
// only where another grant names the member (DESIGN.md section 6). An account
// that loses its last such grant is refused, kind Forbidden, and never shown an
// empty root, which a client would take for an order to delete everything. For
// the same reason the mailboxes of single grants that have ended stay in the root
// as folders that nobody may enter (see Service.endedBoxes).
func (a Actor) ByNumber() (Actor, error) {
	a.syncs = true
	var numbered, all []Grant
	for _, g := range a.Grants {
		switch {
		case g.Member != 0 || !g.Role.Files():
			numbered = append(numbered, g)
		default:
			all = append(all, g)
		}
	}
	if len(all) == 0 {
		return a, nil
	}
	seen := make(map[MemberID]bool)
	named := numbered
	for _, n := range named {
		if n.Member == 0 || !n.Role.Files() || seen[n.Member] {
			continue
		}
		seen[n.Member] = true
		for _, g := range all {
			g.Member, g.Number, g.Responsible = n.Member, n.Number, n.Responsible
			g.From, g.Until = later(g.From, n.From), earlier(g.Until, n.Until)
			numbered = append(numbered, g)
		}
	}
	a.Grants = numbered
	if len(seen) == 0 {
		return a, E(Forbidden, ReasonByNumber)
	}
	return a, nil
}

// later of two beginnings, of which zero is none.
func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// earlier of two ends, of which zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// hasEnded says that a sync client is to be told of the mailbox, but nothing in
// it.
func (a *Actor) hasEnded(m MemberID) bool { return a.syncs && slices.Contains(a.Ended, m) }

// endedBoxes are the mailboxes in the root of a sync client whose grant has
// ended. Were they to go from the listing, ownCloud's client would remove them
// from the desk with everything in them that the server never had: it forgets
// what is new in folders within a removed one. So they stay, by their number and
// name, with an ETag that never changes, and answer 403; clients leave such a
// folder as it is (discovery.cpp of both: an error of 403 or above of a folder
// within the root ignores the folder). The name is the member's of today, even
// where it was changed after the end: the account knows the member, and the name
// is nothing of the mailbox's content.
func (s *Service) endedBoxes(r Reader, a *Actor) ([]Node, error) {
	if !a.syncs || len(a.Ended) == 0 {
		return nil, nil
	}
	boxes, err := r.Mailboxes(a.Ended)
	nodes := make([]Node, 0, len(boxes))
	for i := range boxes {
		root := &boxes[i].Root
		nodes = append(nodes, Node{Name: MailboxName(boxes[i].Member), Folder: true, Fixed: true, Size: -1,
			ETag: fmt.Sprintf(`"ended-%d"`, root.ID), Entry: Entry{ID: root.ID, Folder: true}, Number: boxes[i].Member.Number})
	}
	return nodes, err
}
