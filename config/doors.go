// SPDX-License-Identifier: Apache-2.0

package config

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// doors reads how the server is reached.
func (l *loader) doors(top *section) {
	l.c.Listen = value(top, "listen", "127.0.0.1:8080", parseListen)
	l.c.MetricsListen = value(top, "metrics_listen", "127.0.0.1:9090", orOff(parseListen))
	l.c.URL = value(top, "url", "", parseBase)
	if !top.given("url") {
		top.required("url", "https://austausch.example.org")
	}
	l.certificate(top)
	l.proxies(top)
	l.c.Shutdown = value(top, "shutdown", time.Minute, durationBetween(time.Second, time.Hour))

	if l.c.Listen == l.c.MetricsListen && !strings.HasSuffix(l.c.Listen, ":0") {
		top.fault("metrics_listen", "is the same as listen; metrics must not answer where members come in")
	}
	if host, _, err := net.SplitHostPort(l.c.Listen); err == nil && !loopback(host) &&
		!top.given("tls") && !top.given("trusted_proxies") {
		top.fault("listen", "%s takes passwords in plain text from elsewhere; give tls or trusted_proxies, or listen on 127.0.0.1",
			l.c.Listen)
	}
}

// parseBase reads the public base URL and takes off its last slash.
func parseBase(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Hostname() == "" || u.Opaque != "" {
		return "", fmt.Errorf("%q is no address such as https://austausch.example.org", text)
	}
	if u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(text, "#") || strings.Trim(u.Path, "/") != "" {
		return "", fmt.Errorf("%q must end after the host name and the port", text)
	}
	switch {
	case u.Scheme == "https":
	case u.Scheme == "http" && loopback(u.Hostname()):
	case u.Scheme == "http":
		return "", fmt.Errorf("%s would send passwords in plain text; http is for localhost only", text)
	default:
		return "", fmt.Errorf("%q does not begin with https://", text)
	}
	return u.Scheme + "://" + u.Host, nil
}

// certificate reads tls and tries the pair.
func (l *loader) certificate(top *section) {
	s := top.sub("tls")
	defer s.done()
	l.c.TLS = TLS{Cert: l.path(s, "cert"), Key: l.path(s, "key")}
	if !top.given("tls") {
		return
	}
	if l.c.TLS.Cert == "" || l.c.TLS.Key == "" {
		for _, key := range []string{"cert", "key"} {
			if !s.given(key) {
				s.fault(key, "is missing; tls needs cert and key")
			}
		}
		return
	}
	cert, _, err := readFile(l.c.TLS.Cert)
	if err != nil {
		s.fault("cert", "%s", plainError(err))
		return
	}
	key, err := l.secretFile(l.c.TLS.Key)
	if err != nil {
		s.fault("key", "%s", plainError(err))
		return
	}
	if _, err := tls.X509KeyPair(cert, key); err != nil {
		s.fault("cert", "certificate and key cannot be used: %s", strings.TrimPrefix(err.Error(), "tls: "))
	}
}

// proxies reads whose forwarding headers are believed.
func (l *loader) proxies(top *section) {
	for _, i := range top.list("trusted_proxies") {
		p, err := parseProxy(i.text)
		if err != nil {
			top.r.add(i.line, "trusted_proxies", err.Error())
			continue
		}
		l.c.TrustedProxies = append(l.c.TrustedProxies, p)
	}
}

func parseProxy(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return netip.Prefix{}, fmt.Errorf("%q is neither an address nor a network such as 10.0.0.0/8", text)
	case p.Bits() == 0:
		return netip.Prefix{}, fmt.Errorf("%s trusts everybody, so everybody could forge an address", text)
	}
	return p.Masked(), nil
}
