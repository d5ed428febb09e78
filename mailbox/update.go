// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"context"
	"errors"
	"strings"
)

// update runs fn in a transaction on the mailbox that a path leads to. What
// leads to none is refused before it takes the catalog's writer; rights are
// decided inside fn.
func (s *Service) update(ctx context.Context, a *Actor, p Path, fn func(Tx) error) error {
	m, known := s.knownMailbox(a, p)
	if !known {
		var err error
		if m, err = s.findMailbox(ctx, a, p); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitLimit)
	defer cancel()
	return s.catalog.Update(ctx, m, fn)
}

func (s *Service) findMailbox(ctx context.Context, a *Actor, p Path) (m MemberID, err error) {
	err = s.catalog.View(ctx, func(r Reader) error {
		grants := a.fileGrants(r.Now())
		if len(grants) == 0 {
			return E(Forbidden, ReasonNoGrant)
		}
		box, _, err := s.mailboxOf(r, a, grants, p, nil)
		if err == nil && box == nil || KindOf(err) == NotFound {
			return s.forbidden(sideOf(a))
		}
		if err == nil {
			m = box.ID
			s.numbers.Store(box.Number, m)
		}
		return err
	})
	return m, err
}

// knownMailbox finds the mailbox without asking the catalog, where it was asked
// before: a number leads to the same member for ever. It only says which
// mailbox to hold; whether the actor may is decided inside the change.
func (s *Service) knownMailbox(a *Actor, p Path) (MemberID, bool) {
	grants, names := a.fileGrants(s.o.Now()), p.Segments()
	if len(grants) == 0 || len(names) == 0 {
		return 0, false
	}
	known := Member{ID: grants[0].Member}
	number, _, _ := strings.Cut(names[0], " ")
	if number == "" {
		return 0, false
	}
	if id, asked := s.numbers.Load(number); asked {
		known = Member{ID: id.(MemberID), Number: number}
	}
	box, _, err := s.mailboxOf(unasked{}, a, grants, p, &known)
	if err != nil || box == nil || box.ID == 0 {
		return 0, false
	}
	return box.ID, true
}

// unasked is a catalog that knows no member.
type unasked struct{ Reader }

var errUnasked = errors.New("not asked before")

func (unasked) Member(MemberID) (Member, error)       { return Member{}, errUnasked }
func (unasked) MemberByNumber(string) (Member, error) { return Member{}, errUnasked }
