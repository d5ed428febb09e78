// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"encoding/binary"
	"hash/fnv"
	"net/netip"
	"slices"
	"time"

	"postfach/mailbox"
)

// view is an actor as it is until some grant begins, ends or loses its member.
type view struct {
	actor   mailbox.Actor
	from    time.Time
	until   time.Time // zero: nothing is going to change by the clock
	refused bool      // the member is closed: no sign-in
}

func (v *view) holds(now time.Time) bool {
	return !now.Before(v.from) && (v.until.IsZero() || now.Before(v.until))
}

// at gives the view of the account at now, made anew only when the clock has
// passed a bound of a grant. The slice of grants is shared and never written.
func (e *verified) at(now time.Time) *view {
	if v := e.view.Load(); v != nil && v.holds(now) {
		return v
	}
	v := newView(e.cred, now)
	e.view.Store(v)
	return v
}

// newView works out the grants in force. Those of the member's side end with
// their member (member close); when that leaves none, nobody signs in. The
// authority keeps its own: the content of a closed member is kept to be read.
// An account whose last grant has simply ended signs in and may do nothing.
func newView(c Credentials, now time.Time) *view {
	v := &view{from: now}
	var grants []mailbox.Grant
	var ended []mailbox.MemberID
	closed := false
	for _, g := range c.Grants {
		end := g.end()
		v.bound(now, g.From, g.Until, g.ClosedOn)
		over := !end.IsZero() && !now.Before(end)
		switch {
		case !over && g.InForce(now):
			grants = append(grants, g.Grant)
		case over && g.Member != 0 && g.Role.Files() && g.From.Before(end): // else it never began
			ended = append(ended, g.Member)
		}
		closed = closed || g.closes() && !now.Before(g.ClosedOn)
	}
	ended = slices.DeleteFunc(ended, func(m mailbox.MemberID) bool {
		return slices.ContainsFunc(grants, func(g mailbox.Grant) bool { return g.Role.Files() && g.Member == m })
	})
	slices.Sort(ended)
	v.refused = closed && len(grants) == 0
	v.actor = mailbox.Actor{
		Account:       c.Account.ID,
		Login:         string(c.Account.Login),
		Person:        c.Person.ID,
		PersonName:    c.Person.Name,
		Kind:          c.Account.Kind,
		Layout:        c.Account.Layout,
		Language:      c.Person.Language,
		Grants:        slices.Clip(grants), // shared: an append must not write into it
		Ended:         slices.Compact(ended),
		Revision:      revision(c.Account.Layout, grants),
		ReleaseDirect: c.Account.Kind == mailbox.MachineAccount && c.Account.ReleaseDirect,
	}
	return v
}

// closes says whether the grant ends with its member.
func (h *Held) closes() bool { return h.Role.Side() == mailbox.MemberSide && !h.ClosedOn.IsZero() }

// end is when the grant ends, by itself or with its member; zero for never.
func (h *Held) end() time.Time {
	if h.closes() && (h.Until.IsZero() || h.ClosedOn.Before(h.Until)) {
		return h.ClosedOn
	}
	return h.Until
}

// bound lets the view end at the first of the moments still to come.
func (v *view) bound(now time.Time, moments ...time.Time) {
	for _, m := range moments {
		if m.After(now) && (v.until.IsZero() || m.Before(v.until)) {
			v.until = m
		}
	}
}

// revision is a number that changes with what the account sees, by an order or
// by the clock alone; equal on every node.
func revision(l mailbox.Layout, grants []mailbox.Grant) int64 {
	h := fnv.New64a()
	h.Write([]byte(l))
	var b [17]byte
	for _, g := range grants {
		binary.BigEndian.PutUint64(b[:], uint64(g.ID))
		binary.BigEndian.PutUint64(b[8:], uint64(g.Member))
		b[16] = 0
		if g.Responsible {
			b[16] = 1
		}
		h.Write(b[:])
		h.Write([]byte(g.Role))
	}
	return int64(h.Sum64() >> 1)
}

// admits says whether the account may sign in from addr at all. The view is
// that of the same moment.
func (c *Credentials) admits(v *view, addr netip.Addr) bool {
	if c.Account.Disabled || v.refused {
		return false
	}
	machine := c.Account.Kind == mailbox.MachineAccount
	return !machine || len(c.Account.Networks) == 0 || within(addr.Unmap(), c.Account.Networks)
}
