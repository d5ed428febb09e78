// SPDX-License-Identifier: Apache-2.0

package mailbox

import "time"

// ReasonByNumber refuses a sync client of an account whose grants name no
// member: it would fetch every mailbox there is.
const ReasonByNumber Reason = "by-number"

// ByNumber is the actor as sync clients see it: grants for all members count
// only where another grant names the member (DESIGN.md section 6). An account
// that loses its last such grant is refused, kind Forbidden, and never shown an
// empty root, which a client would take for an order to delete everything.
func (a Actor) ByNumber() (Actor, error) {
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
