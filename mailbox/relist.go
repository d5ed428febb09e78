// SPDX-License-Identifier: Apache-2.0

package mailbox

import "context"

// Relist gives the folder in which p stands, and those above it, other ETags
// for the actor's side, so that sync clients list them at their next run. It
// is for moves that a sync client made on the desk and was then refused: where
// the folder itself was moved in the same run, for instance by a take-over,
// ownCloud's client notes the folder as complete without the refused file
// (v2.11 propagateremotemove.cpp, slotMoveJobFinished, and discovery.cpp,
// where the rename takes the file out of its folder), and would not look for
// it until something else changes there. Nothing happens where p does not
// exist for the actor; nothing of the mailbox but the ETags changes, so the
// record of the refusal is the only one.
func (s *Service) Relist(ctx context.Context, a Actor, p Path) error {
	return s.update(ctx, &a, p, func(tx Tx) error {
		t, err := s.toWrite(tx, &a, p)
		if err != nil || !t.found() || len(t.chain) < 2 {
			return err
		}
		change, err := tx.NextChange()
		if err != nil {
			return err
		}
		ids := make([]EntryID, 0, len(t.chain))
		for _, e := range t.above() {
			ids = append(ids, e.ID)
		}
		return tx.Touch(ids, change, t.side == AuthoritySide, t.side == MemberSide)
	})
}
