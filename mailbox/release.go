// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"context"
	"slices"
	"strings"
)

// mayRelease checks what a release needs beyond the right (DESIGN.md section 2,
// four eyes): inside the commit, so that nothing changes between check and
// release (L13).
func (s *Service) mayRelease(r Reader, x *transfer) error {
	if s.o.ReleaseDoor != "" && x.from.actor.Via.Door != s.o.ReleaseDoor {
		return E(Forbidden, ReasonReleaseDoor)
	}
	if s.policy(x.from.member) != FourEyes {
		return nil
	}
	e := x.from.entry()
	authors, err := s.authorsSinceRelease(r, e)
	if err != nil {
		return err
	}
	if slices.Contains(authors, x.from.actor.Person) {
		return E(Forbidden, ReasonOwnWork)
	}
	f, err := r.Fetch(e.Version.ID, x.from.actor.Person)
	if err != nil {
		return err
	}
	if f.Complete.IsZero() {
		return E(UnreadRelease, ReasonUnread)
	}
	return nil
}

// authorsSinceRelease gives everybody whose work is in the current version or
// in any since the last one that was released.
func (s *Service) authorsSinceRelease(r Reader, e *Entry) ([]PersonID, error) {
	versions, err := r.Versions(e.ID)
	if err != nil {
		return nil, err
	}
	var all []PersonID
	for i, v := range versions {
		if i > 0 && v.Seen {
			break
		}
		authors, err := r.Authors(v.ID)
		if err != nil {
			return nil, err
		}
		all = append(all, authors...)
	}
	return all, nil
}

// Return sends a document in the outbox back to its author, with the reason
// that the mail to the author carries.
func (s *Service) Return(ctx context.Context, a Actor, p Path, reason string) (Moved, error) {
	names := p.Segments()
	var to Path
	err := s.catalog.View(ctx, func(r Reader) error {
		t, err := s.toWrite(r, &a, p)
		if err != nil {
			return err
		}
		if t.place() != Outbox || len(names) == 0 {
			return s.forbidden(t.side)
		}
		to = ParsePath("/" + strings.Join(names[:t.spelled], "/")).Child(s.o.Folders.Outbox).Child(s.o.Returned).Child(p.Base())
		return nil
	})
	if err != nil {
		return Moved{}, err
	}
	return s.Move(ctx, a, p, to, Conditions{}, reason)
}
