// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"postfach/mailbox"
)

// allMembers is how an order says that a grant names no member.
const allMembers = "all"

// resolve turns the order for a grant into the grant. The member must exist
// and be open.
func (e *editor) resolve(g GrantSpec) (mailbox.Grant, error) {
	if g.Role.Side() == mailbox.NoSide {
		_, err := ParseRole(string(g.Role))
		return mailbox.Grant{}, err
	}
	out := mailbox.Grant{Role: g.Role, From: g.From, Until: g.Until}
	if !g.From.IsZero() && !g.Until.IsZero() && !g.From.Before(g.Until) {
		return out, invalid(textPeriod)
	}
	named := g.Member != "" && g.Member != allMembers
	switch {
	case g.Role.Side() == mailbox.MemberSide && !named:
		return out, invalid(textMemberNeeded, g.Role)
	case g.Role.Side() == mailbox.AuthoritySide && g.Role.Files() && g.Member == "":
		return out, invalid(textMemberOrAll, g.Role)
	case g.Role.Side() == mailbox.AuthoritySide && !g.Role.Files() && named:
		return out, invalid(textNoMemberHere, g.Role)
	}
	out.Responsible = named
	if g.Responsible != nil {
		out.Responsible = *g.Responsible
	}
	if !named {
		return out, nil
	}
	m, err := e.member(g.Member)
	if err != nil {
		return out, err
	}
	if !m.ClosedOn.IsZero() && !e.tx.Now().Before(m.ClosedOn) {
		return out, refuse(mailbox.Conflict, textMemberClosed, m.Number)
	}
	out.Member, out.Number = m.ID, m.Number
	return out, nil
}

func (e *editor) member(number string) (mailbox.Member, error) {
	if m, ok := e.members[number]; ok {
		return m, nil
	}
	m, err := e.tx.MemberByNumber(number)
	if err != nil && mailbox.KindOf(err) == mailbox.NotFound {
		return m, refuse(mailbox.NotFound, textNoMember, number)
	}
	if err == nil {
		e.members[number] = m
	}
	return m, err
}

// place puts a wanted grant among those of an account: an equal one is left
// alone, one of the same role and member that has not ended is changed, and
// otherwise it is a new one. So the same order given twice changes nothing.
// Without a word about responsibility a grant keeps what it has.
func place(held []mailbox.Grant, want mailbox.Grant, responsible *bool, now time.Time) (after []mailbox.Grant, at int, changed bool) {
	change := func(g mailbox.Grant) mailbox.Grant {
		g.From, g.Until = want.From, want.Until
		if responsible != nil {
			g.Responsible = *responsible
		}
		return g
	}
	current := -1
	for i, g := range held {
		if g.Role != want.Role || g.Member != want.Member {
			continue
		}
		if c := change(g); g.From.Equal(c.From) && g.Until.Equal(c.Until) && g.Responsible == c.Responsible {
			return held, i, false
		}
		if g.Until.IsZero() || now.Before(g.Until) {
			current = i
		}
	}
	after = slices.Clone(held)
	if current >= 0 {
		after[current] = change(after[current])
		return after, current, true
	}
	return append(after, want), len(held), true
}

// checkGrants applies the rules about all grants of an account together.
func checkGrants(l mailbox.Layout, releaseDirect bool, all []mailbox.Grant) error {
	caseworker := false
	for i, g := range all {
		caseworker = caseworker || g.Role == mailbox.Caseworker
		for _, h := range all[:i] {
			if g.Role.Side() != h.Role.Side() && overlap(g, h) {
				return refuse(mailbox.Conflict, textTwoSides)
			}
		}
		// Ended grants count here too: the root of a sync client's tree must
		// never turn from one member into another.
		if l == mailbox.Direct && (g.Member == 0 || g.Member != all[0].Member) {
			return refuse(mailbox.Conflict, textDirect)
		}
	}
	if releaseDirect && !caseworker {
		return refuse(mailbox.Conflict, textReleaseDirect)
	}
	return nil
}

func overlap(a, b mailbox.Grant) bool {
	before := func(x, y mailbox.Grant) bool { return !x.Until.IsZero() && !y.From.IsZero() && !y.From.Before(x.Until) }
	empty := func(x mailbox.Grant) bool { return !x.Until.IsZero() && !x.From.IsZero() && !x.From.Before(x.Until) }
	return !before(a, b) && !before(b, a) && !empty(a) && !empty(b)
}

// layoutFor is the layout of a new account by its grants (DESIGN.md section 6):
// somebody of a single member sees that mailbox as the root.
func layoutFor(grants []mailbox.Grant) mailbox.Layout {
	for _, g := range grants {
		if g.Role.Side() != mailbox.MemberSide || g.Member != grants[0].Member {
			return mailbox.Members
		}
	}
	if len(grants) == 0 {
		return mailbox.Members
	}
	return mailbox.Direct
}

// grant carries out orders for grants of one account, all rules checked over
// the outcome.
func (e *editor) grant(a Account, specs []GrantSpec) error {
	held, err := e.tx.Grants(a.ID)
	if err != nil {
		return err
	}
	before := slices.Clone(held)
	touched := map[int]bool{}
	for _, s := range specs {
		want, err := e.resolve(s)
		if err != nil {
			return err
		}
		want.Account = a.ID
		after, at, changed := place(held, want, s.Responsible, e.tx.Now())
		if held = after; changed {
			touched[at] = true
		}
	}
	if len(touched) == 0 {
		return nil
	}
	if err := checkGrants(a.Layout, a.ReleaseDirect, held); err != nil {
		return err
	}
	if err := e.checkShared(a, held); err != nil {
		return err
	}
	for i := range held {
		if !touched[i] {
			continue
		}
		change := "→ " + describe(held[i])
		if i < len(before) {
			change = describe(before[i]) + " " + change
		}
		if err := e.putGrant(a, held[i], mailbox.OpGrant, change); err != nil {
			return err
		}
	}
	return nil
}

func (e *editor) putGrant(a Account, g mailbox.Grant, op mailbox.Operation, change string) error {
	if _, err := e.tx.PutGrant(g); err != nil {
		return err
	}
	r := e.record(op, a, change)
	r.Role, r.Member = g.Role, g.Member
	return e.audit(r)
}

// checkShared keeps "another person" meaningful: whoever has a role of the
// authority shares the address with nobody under another name (D15).
func (e *editor) checkShared(a Account, grants []mailbox.Grant) error {
	if !slices.ContainsFunc(grants, func(g mailbox.Grant) bool { return g.Role.Side() == mailbox.AuthoritySide }) {
		return nil
	}
	p, err := e.tx.Person(a.Person)
	if err != nil || p.Email == "" {
		return err
	}
	all, err := e.tx.PersonsByEmail(EmailKey(p.Email))
	if err != nil || len(all) < 2 {
		return err
	}
	names := make([]string, len(all))
	for i, p := range all {
		names[i] = p.Name
	}
	return refuse(mailbox.Conflict, textSharedEmail, p.Email, strings.Join(names, ", "))
}

// revoke ends the grants of a role and member that have not ended, now.
func (e *editor) revoke(a Account, role mailbox.Role, member string) error {
	held, err := e.tx.Grants(a.ID)
	if err != nil {
		return err
	}
	var id mailbox.MemberID
	if member != "" && member != allMembers {
		m, err := e.member(member)
		if err != nil {
			return err
		}
		id = m.ID
	}
	now, n := e.tx.Now(), 0
	for _, g := range held {
		if g.Role != role || g.Member != id || !g.Until.IsZero() && !now.Before(g.Until) {
			continue
		}
		was := describe(g)
		g.Until = now
		if err := e.putGrant(a, g, mailbox.OpRevoke, was+" → "+describe(g)); err != nil {
			return err
		}
		n++
	}
	if n == 0 {
		return refuse(mailbox.NotFound, textNoGrant)
	}
	return nil
}

// describe writes a grant for the audit record.
func describe(g mailbox.Grant) string {
	day := func(t time.Time) string {
		if t.IsZero() {
			return "-"
		}
		return t.UTC().Format(time.RFC3339)
	}
	member := allMembers
	if g.Member != 0 {
		member = g.Number
	}
	return fmt.Sprintf("[role=%s member=%s from=%s until=%s responsible=%t]", g.Role, member, day(g.From), day(g.Until), g.Responsible)
}
