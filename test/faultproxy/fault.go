// SPDX-License-Identifier: Apache-2.0

package faultproxy

import "time"

// Fault is what a Proxy does to its connections. The zero value passes
// everything on. Byte counts begin with Set, for connections that are open by
// then too; below 0 means before the first byte, 0 never.
type Fault struct {
	Match string // only connections on which the client's first bytes are these; "" means all
	Times int    // on so many connections; 0 means on all

	Refuse bool // nobody listens, and what is open is reset
	Reset  bool // connections are taken and reset at once, open ones too

	CutUp     int64  // break off after that many bytes from the client
	CutDown   int64  // break off after that many bytes from the server
	Orderly   bool   // a cut is the end of the stream, not a reset
	StallUp   int64  // hold back what follows that many bytes from the client, until Set
	StallDown int64  // likewise from the server
	Rate      int    // bytes a second in each direction; 0 for no bound
	Garbage   string // said once instead of the server's next bytes, and then the stream ends
}

// way is the direction of a byte.
type way int

const (
	up   way = iota // from the client
	down            // from the server
)

// deed is what happens behind the bytes that may pass.
type deed int

const (
	pass deed = iota
	cut
	stall
	garble
)

// limits of a direction: where it is cut, where it stalls.
func (f *Fault) limits(w way) (cutAt, stallAt int64) {
	if w == up {
		return f.CutUp, f.StallUp
	}
	return f.CutDown, f.StallDown
}

// rule says how many of n bytes pass after those that have passed since Set,
// and what happens then.
func (f *Fault) rule(w way, passed, n int64) (int64, deed) {
	if f.Garbage != "" && w == down {
		return 0, garble
	}
	cutAt, stallAt := f.limits(w)
	what := pass
	for _, x := range []struct {
		at int64
		do deed
	}{{stallAt, stall}, {cutAt, cut}} {
		if x.at == 0 {
			continue
		}
		if left := max(x.at, 0) - passed; left <= n {
			if left < n || x.do == cut { // exactly at its end a cut is due, a stall not yet
				n, what = max(left, 0), x.do
			}
		}
	}
	return n, what
}

// slice is how much passes at a time, and for how long it is held first.
func (f *Fault) slice(n int) (int, time.Duration) {
	if f.Rate <= 0 {
		return n, 0
	}
	const tick = 20 * time.Millisecond
	n = min(n, max(1, f.Rate/int(time.Second/tick)))
	return n, time.Duration(n) * time.Second / time.Duration(f.Rate)
}

// concerns says whether a connection that began like this is meant; undecided
// while it has not said enough.
func (f *Fault) concerns(first []byte) (meant, decided bool) {
	n := min(len(first), len(f.Match))
	same := string(first[:n]) == f.Match[:n]
	return same && n == len(f.Match), !same || n == len(f.Match)
}
