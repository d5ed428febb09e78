// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"net/netip"
	"sync"
	"time"
)

const (
	forgedAtOnce   = 300 // from one network in a minute; an office has many desks
	forgedNetworks = 10_000
)

// allowance bounds how many forged tokens of a network are looked at within a
// minute. They are no wrong passwords and pause nobody: signatures cannot be
// guessed, but checking them takes time.
type allowance struct {
	now   func() time.Time
	mu    sync.Mutex
	since time.Time
	seen  map[netip.Prefix]int
}

func newAllowance(now func() time.Time) *allowance { return &allowance{now: now} }

// spent gives how long a network must wait; 0 when it may go on.
func (a *allowance) spent(from netip.Prefix) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	left := time.Minute - a.now().Sub(a.since)
	if left <= 0 || left > time.Minute || a.seen[a.slot(from)] < forgedAtOnce {
		return 0
	}
	return left
}

// count notes a forged token.
func (a *allowance) count(from netip.Prefix) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if d := a.now().Sub(a.since); d < 0 || d >= time.Minute {
		a.since, a.seen = a.now(), make(map[netip.Prefix]int)
	}
	a.seen[a.slot(from)]++
}

// slot is where a network is counted; when there are very many, those that
// come last share one.
func (a *allowance) slot(from netip.Prefix) netip.Prefix {
	if _, ok := a.seen[from]; !ok && len(a.seen) >= forgedNetworks {
		return netip.Prefix{}
	}
	return from
}
