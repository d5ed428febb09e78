// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"bytes"
	"context"
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
	for range crossings { // others may make or remove the document meanwhile
		err = s.update(ctx, &a, p, func(tx Tx) error {
			t, err := s.planLock(tx, &a, p, q)
			if err == nil {
				l, err = s.putLock(tx, t, t.entry(), q)
			}
			return err
		})
		if KindOf(err) != NotFound {
			return l, false, err
		}
		up := Upload{Body: bytes.NewReader(nil), Length: 0, Expected: -1, Conditions: q.Conditions}
		_, err = s.deliver(ctx, a, p, up, func(tx Tx, t *spot, e *Entry) (err error) {
			l, err = s.lockNew(tx, t, e, q)
			return err
		})
		if KindOf(err) != Exists {
			return l, true, err
		}
	}
	return l, false, &Error{Kind: Unavailable, Reason: ReasonCatalog, RetryAfter: time.Second, Err: err}
}

// crossings is how often a LOCK begins anew because others made or removed the
// document meanwhile.
const crossings = 20

// planLock decides a LOCK of what exists. Kind NotFound says that a document
// may be made.
func (s *Service) planLock(tx Tx, a *Actor, p Path, q LockRequest) (*spot, error) {
	t, err := s.toWrite(tx, a, p)
	if err != nil {
		return nil, err
	}
	if t.fixed() {
		return nil, E(Forbidden, ReasonFixedFolder)
	}
	if !t.found() {
		if _, err := s.mayPut(&t); err != nil {
			return nil, err
		}
		return nil, E(NotFound, ReasonNotFound)
	}
	if _, allowed := s.may(&t, ToLock, t.place(), t.entry()); !allowed {
		return nil, s.forbidden(t.side)
	}
	g, err := s.guard(tx, a, t.member.ID, q.Conditions)
	if err != nil {
		return nil, err
	}
	var below []Entry
	if q.Infinite {
		if below, err = s.below(tx, &t); err != nil {
			return nil, err
		}
	}
	if err := g.compatible(t.chain, below, q.Exclusive); err != nil {
		return nil, err
	}
	return &t, g.conditions(q.Conditions, &t)
}

// lockNew locks a document that this very commit makes. What its folder is
// locked by holds for it too.
func (s *Service) lockNew(tx Tx, t *spot, e *Entry, q LockRequest) (Lock, error) {
	g, err := s.guard(tx, t.actor, t.member.ID, q.Conditions)
	if err != nil {
		return Lock{}, err
	}
	at := t.into(*e)
	if err := g.compatible(at.chain, nil, q.Exclusive); err != nil {
		return Lock{}, err
	}
	return s.putLock(tx, &at, e, q)
}

// compatible says whether a new lock may stand beside those that exist (RFC
// 4918 section 6.1).
func (g *guard) compatible(chain, below []Entry, exclusive bool) error {
	for _, l := range append(g.covering(chain), g.within(below)...) {
		if exclusive || l.Exclusive {
			return E(Locked, ReasonLocked, l.Holder)
		}
	}
	if len(g.locks) >= maxLocks {
		return E(Locked, ReasonLockMany)
	}
	return nil
}

func (s *Service) putLock(tx Tx, t *spot, e *Entry, q LockRequest) (Lock, error) {
	l := Lock{Token: newToken(tx.Now()), Member: t.member.ID, Entry: e.ID, Account: t.actor.Account,
		Person: t.actor.Person, Holder: t.actor.PersonName, Exclusive: q.Exclusive, Infinite: q.Infinite, Owner: q.Owner}
	l.Expires = expiry(l.Token, tx.Now(), q.Timeout)
	if err := tx.PutLock(l); err != nil {
		return l, err
	}
	return l, tx.Audit(s.record(t.actor, OpLock, ok).about(tx, t, t.roles[0], e, t.inside()))
}

const tokenPrefix = "urn:uuid:"

// newToken makes a lock token that cannot be guessed and says when it was made:
// a UUIDv7 by the catalog's clock.
func newToken(now time.Time) string {
	u := uuid.New()
	ms := uint64(now.UnixMilli())
	for i := range 6 {
		u[i] = byte(ms >> (40 - 8*i))
	}
	u[6] = 0x70 | u[6]&0x0f
	return tokenPrefix + u.String()
}

// expiry of a lock that is made or refreshed now. Nobody holds one for longer
// than MaxLockTime, however often it is refreshed (DESIGN.md section 2).
func expiry(token string, now time.Time, wanted time.Duration) time.Time {
	if wanted <= 0 || wanted > MaxLockTime {
		wanted = MaxLockTime
	}
	end := now.Add(MaxLockTime)
	if v, err := ParseVersionID(token[len(tokenPrefix):]); err == nil {
		end = v.Time().Add(MaxLockTime)
	}
	if until := now.Add(wanted); until.Before(end) {
		return until
	}
	return end
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
			if err != nil {
				if KindOf(err) == Conflict {
					continue
				}
				return err
			}
			l = found
			l.Expires = expiry(l.Token, tx.Now(), timeout)
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
