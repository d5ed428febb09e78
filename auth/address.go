// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"net/http"
	"net/netip"
	"strings"
)

const maxHops = 32 // entries of X-Forwarded-For that are looked at

// ClientAddress is where a request comes from: the peer, or what a trusted
// proxy says in X-Forwarded-For. From the right, the first address that is not
// itself a trusted proxy counts; what stands left of it, or is no address, was
// written by a stranger and is not believed. The zero Addr means unknown.
func ClientAddress(r *http.Request, trusted []netip.Prefix) netip.Addr {
	addr := peer(r)
	if !within(addr, trusted) {
		return addr
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= max(0, len(hops)-maxHops); i-- {
		hop, ok := parseHop(hops[i])
		if !ok {
			return addr
		}
		addr = hop
		if !within(addr, trusted) {
			return addr
		}
	}
	return addr
}

// IsSecure says whether credentials may travel over the request's connection:
// TLS, loopback, or a trusted proxy. Where the proxy says in X-Forwarded-Proto
// how it was itself reached, that must be https.
func IsSecure(r *http.Request, trusted []netip.Prefix) bool {
	if r.TLS != nil {
		return true
	}
	addr := peer(r)
	if within(addr, trusted) {
		for _, v := range r.Header.Values("X-Forwarded-Proto") {
			for p := range strings.SplitSeq(v, ",") {
				if !strings.EqualFold(strings.TrimSpace(p), "https") {
					return false
				}
			}
		}
		return true
	}
	return addr.IsLoopback()
}

func peer(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return clean(ap.Addr())
}

// parseHop reads one entry of X-Forwarded-For: an address, with a port or
// brackets as some proxies write them.
func parseHop(s string) (netip.Addr, bool) {
	s = strings.TrimSpace(s)
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return clean(ap.Addr()), true
	}
	s = strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}, false
	}
	return clean(a), true
}

func clean(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

func within(a netip.Addr, list []netip.Prefix) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
