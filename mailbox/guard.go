// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"slices"
	"time"
)

// guard holds what the locks of a mailbox and the conditions of a request say
// about an operation (RFC 4918 sections 7 and 10.4). It is the only place where
// locks and conditions are judged.
type guard struct {
	s      *Service
	r      Reader
	actor  *Actor
	locks  []Lock
	tokens []string // submitted
}

func (s *Service) guard(r Reader, a *Actor, m MemberID, c Conditions) (*guard, error) {
	locks, err := r.Locks(m)
	return &guard{s: s, r: r, actor: a, locks: locks, tokens: c.Tokens()}, err
}

// covering gives the locks that cover the last entry of a chain: its own, and
// those of infinite depth above it.
func (g *guard) covering(chain []Entry) []Lock {
	var ls []Lock
	for _, l := range g.locks {
		for i := range chain {
			if l.Entry == chain[i].ID && (l.Infinite || i == len(chain)-1) {
				ls = append(ls, l)
			}
		}
	}
	return ls
}

// within gives the locks of entries themselves, not of what is above them.
func (g *guard) within(entries []Entry) []Lock {
	if len(g.locks) == 0 {
		return nil
	}
	ids := make(map[EntryID]bool, len(entries))
	for i := range entries {
		ids[entries[i].ID] = true
	}
	var ls []Lock
	for _, l := range g.locks {
		if ids[l.Entry] {
			ls = append(ls, l)
		}
	}
	return ls
}

// permits says whether the request may write under these locks: for each
// locked entry it submits a token of a lock that its account holds.
func (g *guard) permits(ls []Lock) error {
	for _, l := range ls {
		held := slices.ContainsFunc(ls, func(o Lock) bool {
			return o.Entry == l.Entry && o.Account == g.actor.Account && slices.Contains(g.tokens, o.Token)
		})
		if !held {
			return E(Locked, ReasonLocked, l.Holder)
		}
	}
	return nil
}

// content guards a change of the entry at the end of a chain.
func (g *guard) content(chain []Entry) error { return g.permits(g.covering(chain)) }

// membership guards adding to or removing from the folder at the end of a
// chain; a lock of depth 0 on a folder protects its members' names (RFC 4918
// section 7.4).
func (g *guard) membership(folder []Entry) error { return g.permits(g.covering(folder)) }

// tree guards the removal of an entry with all below.
func (g *guard) tree(chain []Entry, below []Entry) error {
	return g.permits(append(g.covering(chain), g.within(below)...))
}

// drop removes the locks of entries that leave their place (RFC 4918 sections
// 9.6, 9.9).
func (g *guard) drop(tx Tx, entries []Entry) error {
	var tokens []string
	for _, l := range g.within(entries) {
		tokens = append(tokens, l.Token)
	}
	if len(tokens) == 0 {
		return nil
	}
	return tx.DeleteLocks(tokens...)
}

// conditions judges the preconditions of a request for the resource at t. Kind
// Precondition when they do not hold.
func (g *guard) conditions(c Conditions, t *spot) error {
	failed := E(Precondition, ReasonCondition)
	etag, err := g.etag(t)
	if err != nil {
		return err
	}
	if c.IfMatch.Present && !c.IfMatch.match(etag, false) {
		return failed
	}
	if c.IfNoneMatch.Present && c.IfNoneMatch.match(etag, true) {
		return failed
	}
	if !c.IfUnmodifiedSince.IsZero() && !c.IfMatch.Present && t.found() &&
		t.entry().Modified.Truncate(time.Second).After(c.IfUnmodifiedSince) {
		return failed
	}
	return g.ifHeader(c, t)
}

// etag of what stands at t, "" if nothing does.
func (g *guard) etag(t *spot) (string, error) {
	if !t.found() {
		return "", nil
	}
	n, err := g.s.nodeOf(g.r, t)
	return n.ETag, err
}

// ifHeader evaluates RFC 4918 section 10.4.3: one list that holds is enough.
func (g *guard) ifHeader(c Conditions, t *spot) error {
	if len(c.If) == 0 {
		return nil
	}
	for _, l := range c.If {
		holds, err := g.list(l, t)
		if err != nil {
			return err
		}
		if holds {
			return nil
		}
	}
	return E(Precondition, ReasonCondition)
}

func (g *guard) list(l IfList, t *spot) (bool, error) {
	if l.Foreign {
		return false, nil
	}
	if l.Resource != nil && l.Resource.String() != t.path.String() {
		other, err := g.s.resolve(g.r, g.actor, *l.Resource)
		if k := KindOf(err); err != nil && k != NotFound && k != Forbidden {
			return false, err
		}
		if err != nil { // nothing that the actor sees
			other = spot{rest: []string{""}}
		}
		t = &other
	}
	var covering []Lock
	if len(t.chain) > 0 {
		covering = g.covering(t.chain)
	}
	etag, err := g.etag(t)
	if err != nil {
		return false, err
	}
	for _, term := range l.Terms {
		var holds bool
		if term.Token != "" {
			holds = slices.ContainsFunc(covering, func(k Lock) bool { return k.Token == term.Token && k.Account == g.actor.Account })
		} else {
			holds = etag != "" && term.ETag == etag
		}
		if holds == term.Not {
			return false, nil
		}
	}
	return true, nil
}
