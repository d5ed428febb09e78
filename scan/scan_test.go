// SPDX-License-Identifier: Apache-2.0

package scan

import "testing"

// Issue 2, contract: unix:PATH, tls:HOST:PORT, tcp:HOST:PORT; plain beyond
// loopback only when it is allowed.
func TestParseAddress(t *testing.T) {
	for _, tc := range []struct {
		s       string
		want    Address
		exposed bool
	}{
		{"unix:/run/clamav/clamd.ctl", Address{"unix", "/run/clamav/clamd.ctl", false}, false},
		{"tcp:127.0.0.1:3310", Address{"tcp", "127.0.0.1:3310", false}, false},
		{"tcp:[::1]:3310", Address{"tcp", "[::1]:3310", false}, false},
		{"tcp:localhost:3310", Address{"tcp", "localhost:3310", false}, false},
		{"tcp:10.0.0.5:3310", Address{"tcp", "10.0.0.5:3310", false}, true},
		{"tcp:clamd:3310", Address{"tcp", "clamd:3310", false}, true},
		{"tls:clamd:3310", Address{"tcp", "clamd:3310", true}, false},
	} {
		a, err := ParseAddress(tc.s)
		if err != nil || a != tc.want || a.String() != tc.s || a.Exposed() != tc.exposed {
			t.Errorf("%q: %+v, exposed %v, %v", tc.s, a, a.Exposed(), err)
		}
		if _, err := NewGate(Options{Address: a}); (err != nil) != tc.exposed {
			t.Errorf("%q: a gate without permission: %v", tc.s, err)
		}
		if _, err := NewGate(Options{Address: a, PlainTCP: true}); err != nil {
			t.Errorf("%q: a gate with permission: %v", tc.s, err)
		}
	}
	for _, s := range []string{"", "unix:", "unix:run", "/run/x", "tcp:host", "tcp::3310", "tls:host:", "http://x"} {
		if a, err := ParseAddress(s); err == nil {
			t.Errorf("%q became %+v", s, a)
		}
	}
}
