// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"context"
	"slices"
)

// takeBack removes an empty first version that the actor put at this very place
// and holds a lock on, as a placeholder for the refused content.
func (s *Service) takeBack(tx Tx, pl *putPlan, c Conditions) error {
	if pl.old == nil || pl.returned || pl.old.Version.Size != 0 || pl.old.Version.Account != pl.actor.Account {
		return nil
	}
	g, err := s.guard(tx, pl.actor, pl.member.ID, c)
	if err != nil {
		return err
	}
	own := slices.ContainsFunc(g.covering(pl.chain), func(l Lock) bool {
		return l.Entry == pl.old.ID && l.Account == pl.actor.Account && slices.Contains(g.tokens, l.Token)
	})
	if !own {
		return nil
	}
	vs, err := tx.Versions(pl.old.ID)
	if err != nil || len(vs) != 1 {
		return err
	}
	return s.removeTree(tx, &pl.spot, g, pl.role, nil)
}

// withdraw takes back the placeholder of an upload that is too large or finds no
// room, as a refused content takes back its own: a network drive makes an empty
// file first, and the other side would see it. Where that fails the empty file
// stays, which harms nothing; the refusal is what the client is told.
func (d *delivery) withdraw(ctx context.Context) {
	if d.arrival != nil || len(d.up.Tokens()) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitLimit)
	defer cancel()
	s := d.s
	var member MemberID
	err := s.catalog.View(ctx, func(r Reader) error {
		t, err := s.toWrite(r, &d.actor, d.path)
		if err == nil {
			member = t.member.ID
		}
		return err
	})
	if err == nil {
		err = s.catalog.Update(ctx, member, func(tx Tx) error {
			pl, err := s.planPut(tx, &d.actor, d.path, Conditions{If: d.up.If}, 0)
			if err != nil {
				return err
			}
			return s.takeBack(tx, &pl, d.up.Conditions)
		})
	}
	if err != nil {
		s.o.Log.WarnContext(ctx, "placeholder stays", "err", err)
	}
}
