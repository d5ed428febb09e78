// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
)

// LockRequest is a LOCK with a body (RFC 4918 section 9.10).
type LockRequest struct {
	Exclusive  bool
	Infinite   bool          // depth infinity
	Owner      string        // the client's XML, verbatim
	Timeout    time.Duration // wanted; 0 means the longest, which is MaxLockTime
	Conditions Conditions
}

// Lock locks what stands at a path. A missing name becomes an empty document
// that passes the gate like any other (RFC 4918 section 7.3); created says so.
func (s *Service) Lock(ctx context.Context, a Actor, p Path, q LockRequest) (l Lock, created bool, err error) {
	err = s.update(ctx, &a, p, func(tx Tx) error {
		t, e, err := s.planLock(tx, &a, p, q)
		if err != nil {
			return err
		}
		l, err = s.putLock(tx, t, e, q)
		return err
	})
	if KindOf(err) != NotFound {
		return l, false, err
	}
	up := Upload{Body: bytes.NewReader(nil), Length: 0, Expected: -1, Conditions: q.Conditions}
	_, err = s.deliver(ctx, a, p, up, func(tx Tx, t *spot, e *Entry) error {
		l, err = s.putLock(tx, t, e, q)
		return err
	})
	return l, true, err
}

func (s *Service) planLock(tx Tx, a *Actor, p Path, q LockRequest) (*spot, *Entry, error) {
	t, err := s.toWrite(tx, a, p)
	if err != nil {
		return nil, nil, err
	}
	if t.fixed() {
		return nil, nil, E(Forbidden, ReasonFixedFolder)
	}
	if !t.found() {
		if _, err := s.mayPut(&t); err != nil {
			return nil, nil, err
		}
		return nil, nil, E(NotFound, ReasonNotFound)
	}
	e := t.entry()
	if _, allowed := s.may(&t, ToLock, t.place(), e); !allowed {
		return nil, nil, s.forbidden(t.side)
	}
	g, err := s.guard(tx, a, t.member.ID, q.Conditions)
	if err != nil {
		return nil, nil, err
	}
	var below []Entry
	if q.Infinite {
		if below, err = s.below(tx, &t); err != nil {
			return nil, nil, err
		}
	}
	if err := g.compatible(t.chain, below, q.Exclusive); err != nil {
		return nil, nil, err
	}
	return &t, e, g.conditions(q.Conditions, &t, e)
}

// compatible says whether a new lock may stand beside those that exist (RFC
// 4918 section 6.1).
func (g *guard) compatible(chain, below []Entry, exclusive bool) error {
	for _, l := range g.locks {
		over := slices.ContainsFunc(g.covering(chain), func(c Lock) bool { return c.Token == l.Token })
		under := slices.ContainsFunc(below, func(e Entry) bool { return e.ID == l.Entry })
		if (over || under) && (exclusive || l.Exclusive) {
			return E(Locked, ReasonLocked, l.Holder)
		}
	}
	if len(g.locks) >= maxLocks {
		return E(Locked, ReasonLockMany)
	}
	return nil
}

func (s *Service) putLock(tx Tx, t *spot, e *Entry, q LockRequest) (Lock, error) {
	l := Lock{Token: "urn:uuid:" + uuid.NewString(), Member: t.member.ID, Entry: e.ID, Account: t.actor.Account,
		Person: t.actor.Person, Holder: t.actor.PersonName, Exclusive: q.Exclusive, Infinite: q.Infinite, Owner: q.Owner,
		Expires: tx.Now().Add(lockTime(q.Timeout))}
	if err := tx.PutLock(l); err != nil {
		return l, err
	}
	return l, tx.Audit(s.record(t.actor, OpLock, ok).about(tx, t, t.roles[0], e, t.inside()))
}

func lockTime(wanted time.Duration) time.Duration {
	if wanted <= 0 || wanted > MaxLockTime {
		return MaxLockTime
	}
	return wanted
}

// held finds a lock by its token, if it covers the path and is the actor's.
func (s *Service) held(tx Tx, a *Actor, p Path, token string) (*spot, Lock, error) {
	t, err := s.toWrite(tx, a, p)
	if err != nil {
		return nil, Lock{}, err
	}
	if !t.found() {
		return nil, Lock{}, E(Conflict, ReasonLockToken)
	}
	locks, err := tx.Locks(t.member.ID)
	if err != nil {
		return nil, Lock{}, err
	}
	g := guard{locks: locks}
	for _, l := range g.covering(t.chain) {
		if l.Token != token {
			continue
		}
		if l.Account != a.Account {
			return nil, Lock{}, E(Forbidden, ReasonLockToken)
		}
		return &t, l, nil
	}
	return nil, Lock{}, E(Conflict, ReasonLockToken)
}

// RefreshLock gives a lock a new timeout (RFC 4918 section 9.10.2). Kind
// Precondition when none of the submitted tokens covers the path.
func (s *Service) RefreshLock(ctx context.Context, a Actor, p Path, c Conditions, timeout time.Duration) (l Lock, err error) {
	err = s.update(ctx, &a, p, func(tx Tx) error {
		for _, token := range c.Tokens() {
			t, found, err := s.held(tx, &a, p, token)
			if KindOf(err) == Conflict && err != nil {
				continue
			}
			if err != nil {
				return err
			}
			found.Expires = tx.Now().Add(lockTime(timeout))
			l = found
			if err := tx.PutLock(l); err != nil {
				return err
			}
			return tx.Audit(s.record(&a, OpRefreshLock, ok).about(tx, t, t.roles[0], t.entry(), t.inside()))
		}
		return E(Precondition, ReasonLockToken)
	})
	return l, err
}

// Unlock removes a lock of the actor's (RFC 4918 section 9.11). Kind Conflict
// when the token is not of a lock on the path.
func (s *Service) Unlock(ctx context.Context, a Actor, p Path, token string) error {
	return s.update(ctx, &a, p, func(tx Tx) error {
		t, l, err := s.held(tx, &a, p, token)
		if err != nil {
			return err
		}
		if err := tx.DeleteLocks(l.Token); err != nil {
			return err
		}
		return tx.Audit(s.record(&a, OpUnlock, ok).about(tx, t, t.roles[0], t.entry(), t.inside()))
	})
}
