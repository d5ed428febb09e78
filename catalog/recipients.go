// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"slices"

	"postfach/mailbox"
	"postfach/notify"
)

const (
	inForce = ` a.disabled = 0 AND (g.valid_from = 0 OR g.valid_from <= $1) AND (g.valid_until = 0 OR $1 < g.valid_until) `

	selectOpenMembers = `SELECT id FROM members
		WHERE id IN (SELECT value FROM json_each($2)) AND (closed_on = 0 OR $1 < closed_on)`
	selectHolders = `SELECT a.id, p.id, p.email, p.name, p.language, g.member
		FROM grants g JOIN accounts a ON a.id = g.account JOIN persons p ON p.id = a.person
		WHERE g.role = $2 AND (g.responsible <> 0 OR $3 = 0) AND` + inForce
	selectHoldersNamed = selectHolders + "AND g.member IN (SELECT value FROM json_each($4)) ORDER BY a.id"
	selectHoldersOfAll = selectHolders + "AND g.member IS NULL ORDER BY a.id"
	selectOperators    = `SELECT DISTINCT a.id, p.id, p.email, p.name, p.language
		FROM grants g JOIN accounts a ON a.id = g.account JOIN persons p ON p.id = a.person
		WHERE g.role = 'operator' AND` + inForce + "ORDER BY a.id"
)

// audience is the role that a delivery in this direction is for, and whether
// only responsible holders are.
func audience(d mailbox.Direction) (role mailbox.Role, responsible bool) {
	switch d {
	case mailbox.ToMember:
		return mailbox.Clerk, false
	case mailbox.ToReviewers:
		return mailbox.Reviewer, false
	}
	return mailbox.Caseworker, true
}

// Recipients gives those whom a delivery in this direction is for.
func (s tables) Recipients(ctx context.Context, d mailbox.Direction, members []mailbox.MemberID) (all map[mailbox.MemberID][]notify.Recipient, err error) {
	err = s.read(ctx, func(r *reader) error {
		all, err = r.recipients(d, members)
		return err
	})
	return all, err
}

func (r *reader) recipients(d mailbox.Direction, members []mailbox.MemberID) (map[mailbox.MemberID][]notify.Recipient, error) {
	var open []mailbox.MemberID
	err := r.each(selectOpenMembers, func(row tuple) error {
		open = append(open, mailbox.MemberID(row.Int(0)))
		return nil
	}, r.at, list(members))
	if err != nil || len(open) == 0 {
		return nil, err
	}
	all := make(map[mailbox.MemberID][]notify.Recipient, len(open))
	add := func(m mailbox.MemberID, who notify.Recipient) {
		if !slices.ContainsFunc(all[m], func(o notify.Recipient) bool { return o.Account == who.Account }) {
			all[m] = append(all[m], who)
		}
	}
	role, responsible := audience(d)
	err = r.each(selectHoldersNamed, func(row tuple) error {
		add(mailbox.MemberID(row.Int(5)), scanRecipient(row, 0))
		return nil
	}, r.at, string(role), responsible, list(open))
	if err != nil {
		return nil, err
	}
	err = r.each(selectHoldersOfAll, func(row tuple) error {
		who := scanRecipient(row, 0)
		for _, m := range open {
			add(m, who)
		}
		return nil
	}, r.at, string(role), responsible)
	return all, err
}

// Operators gives the accounts with an operator grant in force.
func (s tables) Operators(ctx context.Context) (all []notify.Recipient, err error) {
	err = s.read(ctx, func(r *reader) error {
		return r.each(selectOperators, func(row tuple) error {
			all = append(all, scanRecipient(row, 0))
			return nil
		}, r.at)
	})
	return all, err
}
