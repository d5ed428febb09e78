// SPDX-License-Identifier: Apache-2.0

package mailbox

import "context"

// Space is how full a mailbox is, in bytes, for the quota properties of RFC
// 4331.
type Space struct {
	Used int64 // current versions that the member side uploaded
	Free int64 // what it may still upload
}

// noLimit is what is free where nothing limits: clients that are told nothing
// show the size of the local disk instead (CLIENTS.md 2.1).
const noLimit = 1 << 40

// Space gives the space of the mailbox at a path. A data centre, which learns
// nothing about others' files, and the root over several are told that nothing
// limits (I5).
func (s *Service) Space(ctx context.Context, a Actor, p Path) (Space, error) {
	free := Space{Free: noLimit}
	err := s.catalog.View(ctx, func(r Reader) error {
		t, err := s.toRead(r, &a, p)
		if err != nil || t.virtual || t.onlyDatacentre() {
			return err
		}
		free.Used = t.member.Usage.Current
		if q := s.quota(t.member); q > 0 && t.side == MemberSide {
			free.Free = max(q-free.Used, 0)
		}
		return nil
	})
	return free, err
}
