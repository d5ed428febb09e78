// SPDX-License-Identifier: Apache-2.0

// Package scan judges uploads: it reads the outermost archive's structure
// itself, asks clamd about the bytes, and keeps asking whether clamd can still
// be believed. Nothing here knows of HTTP, of names or of accounts, and nothing
// here stores or discards an upload; a verdict is all that leaves.
package scan

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// Address is where clamd listens.
type Address struct {
	Network string // "unix" or "tcp"
	Path    string // socket path, or host:port
	TLS     bool   // TLS in front of clamd
}

// ParseAddress reads unix:PATH, tls:HOST:PORT or tcp:HOST:PORT.
func ParseAddress(s string) (Address, error) {
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || rest == "" {
		return Address{}, fmt.Errorf("clamd address %q: want unix:PATH, tls:HOST:PORT or tcp:HOST:PORT", s)
	}
	switch scheme {
	case "unix":
		if !strings.HasPrefix(rest, "/") {
			return Address{}, fmt.Errorf("clamd address %q: the socket path must begin with /", s)
		}
		return Address{Network: "unix", Path: rest}, nil
	case "tcp", "tls":
		host, port, err := net.SplitHostPort(rest)
		if err != nil || host == "" || port == "" {
			return Address{}, fmt.Errorf("clamd address %q: want %s:HOST:PORT", s, scheme)
		}
		return Address{Network: "tcp", Path: rest, TLS: scheme == "tls"}, nil
	}
	return Address{}, fmt.Errorf("clamd address %q: unknown scheme %q", s, scheme)
}

func (a Address) String() string {
	switch {
	case a.Network == "unix":
		return "unix:" + a.Path
	case a.TLS:
		return "tls:" + a.Path
	}
	return "tcp:" + a.Path
}

// Exposed says that contents would cross a network in plain text. Names other
// than localhost count as beyond loopback: what they resolve to may change.
func (a Address) Exposed() bool {
	if a.Network == "unix" || a.TLS {
		return false
	}
	host, _, err := net.SplitHostPort(a.Path)
	if err != nil {
		return true
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return !ip.IsLoopback()
	}
	return host != "localhost"
}

// errExposed is the refusal of a plain connection beyond loopback (P31).
var errExposed = errors.New("clamd over plain TCP beyond loopback needs scan.plain_tcp: allow; tls:HOST:PORT is better")
