// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"crypto/tls"
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

var proxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}

func TestClientAddress(t *testing.T) {
	for _, tc := range []struct {
		peer      string
		forwarded []string
		want      string
	}{
		{"203.0.113.9:4711", nil, "203.0.113.9"},
		{"203.0.113.9:4711", []string{"198.51.100.1"}, "203.0.113.9"}, // a stranger's word
		{"10.0.0.1:1", nil, "10.0.0.1"},
		{"10.0.0.1:1", []string{"198.51.100.1"}, "198.51.100.1"},
		{"10.0.0.1:1", []string{"192.0.2.66, 198.51.100.1"}, "198.51.100.1"}, // only what our proxy saw
		{"10.0.0.1:1", []string{"192.0.2.66", "198.51.100.1, 10.0.0.2"}, "198.51.100.1"},
		{"10.0.0.1:1", []string{"198.51.100.1:5555"}, "198.51.100.1"},
		{"10.0.0.1:1", []string{"[2001:db8::1]:5555"}, "2001:db8::1"},
		{"10.0.0.1:1", []string{"[2001:db8::1]"}, "2001:db8::1"},
		{"10.0.0.1:1", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		{"10.0.0.1:1", []string{"unknown"}, "10.0.0.1"},
		{"10.0.0.1:1", []string{"198.51.100.1, nonsense, 10.0.0.2"}, "10.0.0.2"},
		{"[::ffff:10.0.0.1]:1", []string{"198.51.100.1"}, "198.51.100.1"},
		{"[fd00::1%eth0]:1", []string{"198.51.100.1"}, "198.51.100.1"},
		{"10.0.0.1:1", []string{"198.51.100.1" + strings.Repeat(",10.0.0.2", maxHops)}, "10.0.0.2"},
		{"@", []string{"198.51.100.1"}, "invalid IP"},
	} {
		r := &http.Request{RemoteAddr: tc.peer, Header: http.Header{"X-Forwarded-For": tc.forwarded}}
		if got := ClientAddress(r, proxies).String(); got != tc.want {
			t.Errorf("%s %q: %s, want %s", tc.peer, tc.forwarded, got, tc.want)
		}
	}
}

// Issue 2 item 4: plain HTTP is accepted on loopback or behind trusted proxies
// and nowhere else.
func TestIsSecure(t *testing.T) {
	for _, tc := range []struct {
		peer  string
		tls   bool
		proto []string
		want  bool
	}{
		{"203.0.113.9:1", false, nil, false},
		{"203.0.113.9:1", false, []string{"https"}, false},
		{"203.0.113.9:1", true, nil, true},
		{"127.0.0.1:1", false, nil, true},
		{"[::1]:1", false, nil, true},
		{"[::ffff:127.0.0.1]:1", false, nil, true},
		{"10.0.0.1:1", false, nil, true},
		{"10.0.0.1:1", false, []string{"https"}, true},
		{"10.0.0.1:1", false, []string{"http"}, false},
		{"10.0.0.1:1", false, []string{"https, http"}, false},
		{"10.0.0.1:1", false, []string{"https", "http"}, false},
		{"", false, nil, false},
	} {
		r := &http.Request{RemoteAddr: tc.peer, Header: http.Header{"X-Forwarded-Proto": tc.proto}}
		if tc.tls {
			r.TLS = &tls.ConnectionState{}
		}
		if got := IsSecure(r, proxies); got != tc.want {
			t.Errorf("%+v: %t", tc, got)
		}
	}
}

// Whatever a stranger writes, a request through the proxy is attributed to the
// address that the proxy appended, and without a proxy to the peer.
func FuzzClientAddress(f *testing.F) {
	f.Add("10.0.0.9, 192.0.2.1")
	f.Add("[::1]:80,,")
	f.Add("\"x\", 127.0.0.1%lo")
	f.Fuzz(func(t *testing.T, s string) {
		r := &http.Request{RemoteAddr: "10.0.0.1:1", Header: http.Header{"X-Forwarded-For": {s + ",198.51.100.1"}}}
		if got := ClientAddress(r, proxies); got != netip.MustParseAddr("198.51.100.1") {
			t.Fatalf("%q: %s", s, got)
		}
		r = &http.Request{RemoteAddr: "10.0.0.1:1", Header: http.Header{"X-Forwarded-For": {s}}}
		if got := ClientAddress(r, proxies); !got.IsValid() || got.Zone() != "" || got.Is4In6() {
			t.Fatalf("%q: %s", s, got)
		}
		r.RemoteAddr = "203.0.113.9:1"
		if got := ClientAddress(r, proxies); got != netip.MustParseAddr("203.0.113.9") {
			t.Fatalf("%q: %s", s, got)
		}
	})
}
