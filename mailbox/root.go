// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The root over several mailboxes, of accounts with the layout "members".

// MailboxName is how a layout over several members names a mailbox: the number,
// then what of the member's name a name may hold. It is found by the number.
func MailboxName(m Member) string {
	name := strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || strings.ContainsRune(`/\:*?"<>|.`, c) {
			return ' '
		}
		return c
	}, m.Name)
	name = m.Number + " " + strings.Join(strings.Fields(name), " ")
	for len(name) > MaxName {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return strings.TrimRight(name, " ")
}

// listed gives the ids of the mailboxes that the root shows; nil means all.
func (s *Service) listed(r Reader, grants []Grant) ([]MemberID, error) {
	all := slices.ContainsFunc(grants, func(g Grant) bool { return g.Member == 0 })
	ids, responsible := []MemberID{}, []MemberID{}
	seen := make(map[MemberID]bool, len(grants))
	for _, g := range grants {
		if g.Member == 0 {
			continue
		}
		if !seen[g.Member] {
			seen[g.Member] = true
			ids = append(ids, g.Member)
		}
		if g.Responsible && !slices.Contains(responsible, g.Member) {
			responsible = append(responsible, g.Member)
		}
	}
	n := len(ids)
	if all {
		var err error
		if n, err = r.CountMembers(); err != nil {
			return nil, err
		}
	}
	switch {
	case n > s.o.LargeList:
		return responsible, nil
	case all:
		return nil, nil
	}
	return ids, nil
}

// onlyDrops splits off the mailboxes of which the actor sees its data centre's
// folder only. Nobody is a data centre for all members (package auth).
func onlyDrops(grants []Grant, ids []MemberID) (whole, drops []MemberID) {
	if ids == nil || !slices.ContainsFunc(grants, func(g Grant) bool { return g.Role == Datacentre }) {
		return ids, nil
	}
	whole = []MemberID{}
	for _, id := range ids {
		if slices.Equal(rolesFor(grants, id), []Role{Datacentre}) {
			drops = append(drops, id)
		} else {
			whole = append(whole, id)
		}
	}
	return whole, drops
}

// virtualRoot describes the root. Its ETag adds up what the mailboxes' own
// depend on.
func (s *Service) virtualRoot(r Reader, t *spot) (Node, error) {
	grants := t.actor.fileGrants(t.now)
	ids, err := s.listed(r, grants)
	if err != nil {
		return Node{}, err
	}
	whole, drops := onlyDrops(grants, ids)
	sum, count, err := r.SumChanges(whole, sideOf(t.actor))
	if err != nil {
		return Node{}, err
	}
	state := fmt.Sprintf("%d-%d", count, sum)
	if len(drops) > 0 {
		h := sha256.New()
		for _, id := range drops {
			_ = binary.Write(h, binary.BigEndian, int64(id)) // a hash never fails
			box := spot{member: Member{ID: id}, actor: t.actor, roles: []Role{Datacentre}, side: MemberSide}
			if err := s.hashDrop(r, &box, h); err != nil {
				return Node{}, err
			}
		}
		state += "-" + hex.EncodeToString(h.Sum(nil)[:12])
	}
	return Node{Path: t.path, Folder: true, Fixed: true, Size: -1,
		ETag: fmt.Sprintf(`"r%d-%s-%d"`, t.actor.Account, state, t.actor.Revision)}, nil
}

// mailboxes are the children of the root.
func (s *Service) mailboxes(r Reader, t *spot, w Want) ([]Node, error) {
	grants := t.actor.fileGrants(r.Now())
	ids, err := s.listed(r, grants)
	if err != nil {
		return nil, err
	}
	boxes, err := r.Mailboxes(ids)
	if err != nil {
		return nil, err
	}
	of := make(map[MemberID][]Role, len(grants))
	for _, g := range grants {
		of[g.Member] = append(of[g.Member], g.Role)
	}
	nodes := make([]Node, 0, len(boxes))
	for i := range boxes {
		b := &boxes[i]
		box := spot{member: b.Member, actor: t.actor, chain: []Entry{b.Root}, side: sideOf(t.actor), now: t.now,
			roles: slices.Concat(of[0], of[b.Member.ID])}
		n, err := s.nodeOf(r, &box)
		if err != nil {
			return nil, err
		}
		if n.Size = -1; w.Rights { // to count all of them is not worth its while
			n.Rights = s.rights(&box, &n.Entry)
		}
		nodes = append(nodes, n)
	}
	ended, err := s.endedBoxes(r, t.actor)
	return append(nodes, ended...), err
}
