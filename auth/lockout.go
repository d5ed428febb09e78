// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"net/netip"
	"slices"
	"time"
)

const (
	// AttemptsKept is how long failed sign-ins are remembered after the last.
	AttemptsKept = 24 * time.Hour

	freeGuesses   = 3                // distinct wrong passwords before the first pause
	firstPause    = time.Minute      // doubled by each further one …
	longestPause  = 15 * time.Minute // … up to this
	keptDigests   = 16               // distinct wrong passwords remembered
	networkBitsV4 = 24
	networkBitsV6 = 56
)

// Digest tells wrong passwords apart without keeping them: 24 bits of an HMAC
// under the catalog's secret. Few bits on purpose: whoever steals the catalog
// with its secret could otherwise find the typing errors of good passwords.
type Digest [3]byte

// Attempts are the failed sign-ins of one account from one network. Counted are
// distinct wrong passwords, so a client that repeats one does not lock anybody
// out (owncloudcmd sends a wrong password six times).
type Attempts struct {
	Wrong  []Digest  // the last of them, oldest first; a store keeps them as 3 bytes each
	Count  int       // distinct wrong passwords since the last success
	Paused time.Time // the password path is closed until then
	Last   time.Time // when the last one was counted
}

// IsZero says that nothing is counted.
func (a Attempts) IsZero() bool { return a.Count == 0 && len(a.Wrong) == 0 && a.Paused.IsZero() }

// Expired says whether the failures may be forgotten at now.
func (a Attempts) Expired(now time.Time) bool { return !now.Before(a.Last.Add(AttemptsKept)) }

// pause is how long the password path is still closed; 0 when it is open.
func (a Attempts) pause(now time.Time) time.Duration {
	return max(0, a.Paused.Sub(now))
}

// fail counts a wrong password. It reports false when this one was counted
// before and nothing changed.
func (a Attempts) fail(d Digest, now time.Time) (Attempts, bool) {
	if a.Expired(now) {
		a = Attempts{}
	}
	if slices.Contains(a.Wrong, d) {
		return a, false
	}
	wrong := append(slices.Clone(a.Wrong), d)
	a.Wrong = wrong[max(0, len(wrong)-keptDigests):]
	a.Count++
	a.Last = now
	if a.Count >= freeGuesses {
		a.Paused = now.Add(pauseAfter(a.Count))
	}
	return a, true
}

// pauseAfter is the length of the pause that the n-th distinct wrong password
// brings, n >= freeGuesses.
func pauseAfter(n int) time.Duration {
	p := firstPause
	for range n - freeGuesses {
		if p *= 2; p >= longestPause {
			return longestPause
		}
	}
	return p
}

// network is the part of an address by which failures are counted: what one
// line or one office usually has.
func network(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := networkBitsV6
	if a.Is4() {
		bits = networkBitsV4
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // the zero address: one common network
	}
	return p
}

// secret makes the names and digests that the table of failures holds.
type secret [32]byte

// Subject names the account of a login key, existing or not.
func (s secret) subject(loginKey string) Subject {
	return Subject(s.mac("subject", loginKey)[:len(Subject{})])
}

func (s secret) digest(sub Subject, password string) Digest {
	return Digest(s.mac("wrong", string(sub[:]), password)[:len(Digest{})])
}

func (s secret) mac(parts ...string) []byte {
	h := hmac.New(sha256.New, s[:])
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return h.Sum(nil)
}
