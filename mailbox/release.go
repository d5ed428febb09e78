// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"context"
	"slices"
	"strings"
	"time"
)

// mayRelease checks what a release needs beyond the right (DESIGN.md section 2,
// four eyes): inside the commit, so that nothing changes between check and
// release (L13). The conditions of the request are known to hold.
func (s *Service) mayRelease(r Reader, x *transfer, c Conditions) error {
	actor, e := x.from.actor, x.from.entry()
	if s.o.ReleaseDoor != "" && actor.Via.Door != s.o.ReleaseDoor {
		return E(Forbidden, ReasonReleaseDoor)
	}
	if s.policy(x.from.member) != FourEyes {
		return nil
	}
	authors, err := r.Authors(e.Version.ID)
	if err != nil {
		return err
	}
	if slices.Contains(authors, actor.Person) {
		return E(Forbidden, ReasonOwnWork)
	}
	if slices.Contains(authors, UnknownPerson) {
		return E(Forbidden, ReasonUnknownAuthor)
	}
	if (c.IfMatch.Present || len(c.If) > 0) && !c.names(e.Version.ETag()) {
		return E(Precondition, ReasonCondition)
	}
	f, err := r.Fetch(e.Version.ID, actor.Person)
	if err != nil {
		return err
	}
	if f.Complete.IsZero() {
		return E(UnreadRelease, ReasonUnread)
	}
	return nil
}

// waitForRead gives a download of the document that is just ending a moment to
// be recorded: its last byte may reach the client before the record is made.
func (s *Service) waitForRead(ctx context.Context, a *Actor, p Path) bool {
	n, err := s.Find(ctx, *a, p, Want{})
	k := fetchKey{a.Person, n.Entry.Version.ID}
	if err != nil || !s.reads.underWay(k) {
		return false
	}
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for range 40 {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
		if !s.reads.underWay(k) {
			return true
		}
	}
	return false
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
