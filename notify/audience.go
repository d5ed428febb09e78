// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"postfach/mailbox"
)

// resolve asks who is told of the open deliveries, by the grants in force now.
func resolve(ctx context.Context, s Batches, rows []Pending, staff Recipient) (Audience, error) {
	who := Audience{Of: map[Box][]Recipient{}, Staff: staff}
	for _, d := range []mailbox.Direction{mailbox.ToMember, mailbox.ToTheAuth, mailbox.ToReviewers} {
		members := membersOf(rows, d)
		if len(members) == 0 {
			continue
		}
		found, err := s.Recipients(ctx, d, members)
		if err != nil {
			return Audience{}, err
		}
		for m, r := range found {
			who.Of[Box{m, d}] = reachable(r)
		}
	}
	return who, nil
}

func membersOf(rows []Pending, d mailbox.Direction) []mailbox.MemberID {
	var out []mailbox.MemberID
	for _, p := range rows {
		if p.Direction == d {
			out = append(out, p.Member)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// reachable keeps the accounts with a usable address, each once, and of several
// accounts of one person the oldest: a person gets one mail (K6).
func reachable(in []Recipient) []Recipient {
	in = slices.Clone(in)
	slices.SortFunc(in, func(a, b Recipient) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), strings.Compare(a.Address, b.Address))
	})
	var out []Recipient
	seen := map[mailbox.PersonID]bool{}
	for _, r := range slices.Compact(in) {
		if _, err := ParseAddress(r.Address); err != nil || (r.Person != 0 && seen[r.Person]) {
			continue
		}
		seen[r.Person] = true
		out = append(out, r)
	}
	return out
}
