// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// OIDC is the provider whose access tokens let programs in; Issuer is "" where
// there is none.
type OIDC struct {
	Issuer     string // exactly as it stands in the tokens
	CA         string // PEM file; "" means the system's
	Audiences  []string
	Clients    []string // nil means any
	LoginClaim string   // "" means that only linked accounts sign in
	Scope      string   // "" means none
	Algorithms []string // nil means all that are asymmetric
	MaxAge     time.Duration
	Challenge  bool // sync clients are told of it
}

// signingAlgorithms are asymmetric ones only (RFC 8725 section 3.1).
var signingAlgorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// oidc reads whose access tokens are accepted.
func (l *loader) oidc(top *section) {
	s := top.sub("oidc")
	defer s.done()
	c := OIDC{
		Issuer:     value(s, "issuer", "", parseIssuer),
		CA:         l.roots(s, "ca"),
		Audiences:  l.providerNames(s, "audiences"),
		Clients:    l.providerNames(s, "clients"),
		LoginClaim: value(s, "login_claim", "", parseProviderName),
		Scope:      value(s, "scope", "", parseProviderName),
		Algorithms: l.providerNames(s, "algorithms"),
		MaxAge:     value(s, "max_age", 24*time.Hour, durationBetween(time.Minute, 7*24*time.Hour)),
		Challenge:  s.choice("challenge", "on", "off") == "on",
	}
	if !top.given("oidc") {
		return
	}
	if !s.given("issuer") {
		s.required("issuer", "https://anmeldung.example.org/realms/kasse")
	}
	if !s.given("audiences") {
		s.fault("audiences", "is missing; tokens made for other servers would be accepted")
	}
	for _, a := range c.Algorithms {
		if !slices.Contains(signingAlgorithms, a) {
			s.fault("algorithms", "%q is none of %s", a, strings.Join(signingAlgorithms, ", "))
		}
	}
	for _, id := range c.Clients {
		if slices.Contains(c.Audiences, id) {
			s.fault("audiences", "%q is a program of clients too; its ID tokens would pass for access tokens", id)
		}
	}
	l.c.OIDC = c
}

// providerNames reads a list of names as they stand in tokens.
func (l *loader) providerNames(s *section, key string) []string {
	var out []string
	for _, i := range s.list(key) {
		name, err := parseProviderName(i.text)
		if err != nil {
			l.add(i.line, s.prefix+key, err.Error())
			continue
		}
		out = append(out, name)
	}
	return out
}

// parseProviderName reads a name of the provider's.
func parseProviderName(text string) (string, error) {
	if text == "" || len(text) > 255 || strings.ContainsFunc(text, isControl) || strings.Contains(text, " ") {
		return "", fmt.Errorf("%q must have 1 to 255 characters and no space", text)
	}
	return text, nil
}

// parseIssuer reads the address of a provider (OpenID Connect Discovery 1.0
// section 2), which is compared letter by letter and so not changed.
func parseIssuer(text string) (string, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Opaque != "":
		return "", fmt.Errorf("%q is no address such as https://anmeldung.example.org/realms/kasse", text)
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(text, "#"):
		return "", fmt.Errorf("%q may hold host, port and path only", text)
	case strings.HasSuffix(u.Path, "/.well-known/openid-configuration"):
		return "", fmt.Errorf("leave out /.well-known/openid-configuration")
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return text, nil
	}
	return "", fmt.Errorf("%q does not begin with https://; keys that came in plain text would prove nothing", text)
}
