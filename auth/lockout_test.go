// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"net/netip"
	"testing"
	"time"
)

func digests(n int) []Digest {
	var s secret
	out := make([]Digest, n)
	for i := range out {
		out[i] = s.digest(s.subject("anna"), string(rune('a'+i)))
	}
	return out
}

// Issue 2 item 10: distinct wrong passwords are counted, after three the
// password path pauses, growing from one minute to fifteen.
func TestPauseGrows(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var a Attempts
	want := []time.Duration{0, 0, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 15 * time.Minute, 15 * time.Minute}
	for i, d := range digests(len(want)) {
		var counted bool
		if a, counted = a.fail(d, now); !counted {
			t.Errorf("wrong password %d was not counted", i+1)
		}
		if got := a.pause(now); got != want[i] {
			t.Errorf("after %d wrong passwords a pause of %v, want %v", i+1, got, want[i])
		}
		now = now.Add(want[i])
		if got := a.pause(now); got != 0 {
			t.Errorf("pause %d has not ended: %v", i+1, got)
		}
	}
}

// CLIENTS.md 1.1: owncloudcmd sends a wrong password six times.
func TestRepeatedPasswordCountsOnce(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	d := digests(2)
	var a Attempts
	for range 3 {
		for _, d := range d {
			a, _ = a.fail(d, now)
		}
	}
	if a.Count != 2 || a.pause(now) != 0 {
		t.Errorf("two wrong passwords, three times each, count %d and pause %v", a.Count, a.pause(now))
	}
	if !a.Last.Equal(now) {
		t.Errorf("last at %v", a.Last)
	}
}

// Failures are forgotten a day after the last; the list of digests is bounded.
func TestAttemptsExpireAndStayBounded(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var a Attempts
	for _, d := range digests(3 * keptDigests) {
		a, _ = a.fail(d, now)
	}
	if len(a.Wrong) != keptDigests || a.Count != 3*keptDigests {
		t.Errorf("%d digests, count %d", len(a.Wrong), a.Count)
	}
	later := now.Add(AttemptsKept)
	if !a.Expired(later) || a.Expired(later.Add(-time.Microsecond)) {
		t.Error("expiry is not a day after the last failure")
	}
	a, _ = a.fail(digests(1)[0], later)
	if a.Count != 1 || a.pause(later) != 0 {
		t.Errorf("a day later: count %d, pause %v", a.Count, a.pause(later))
	}
}

func TestNetwork(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.77":             "192.0.2.0/24",
		"::ffff:192.0.2.77":      "192.0.2.0/24",
		"2001:db8:1:2ff:3:4:5:6": "2001:db8:1:200::/56",
		"fe80::1%eth0":           "fe80::/56",
		"127.0.0.1":              "127.0.0.0/24",
	} {
		if got := network(netip.MustParseAddr(in)); got.String() != want {
			t.Errorf("%s is of %s", in, got)
		}
	}
	if got := network(netip.Addr{}); got.IsValid() {
		t.Errorf("no address is of %s", got)
	}
}

// The names in the table of failures depend on the secret and not on whether
// the account exists; digests of two accounts differ.
func TestSubjectAndDigest(t *testing.T) {
	s, other := secret{1}, secret{2}
	anna := s.subject(Login("Anna").Key())
	if anna != s.subject(typedLogin(`KASSE\ANNA`).Key()) {
		t.Error("spellings of one login have two subjects")
	}
	if anna == other.subject("anna") || anna == s.subject("bert") {
		t.Error("subjects meet")
	}
	if s.digest(anna, "falsch") == s.digest(s.subject("bert"), "falsch") || s.digest(anna, "falsch") == s.digest(anna, "auch falsch") {
		t.Error("digests meet")
	}
}
