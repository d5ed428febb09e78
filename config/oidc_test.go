// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// TestOIDC: the whole group, and what is left out of it.
func TestOIDC(t *testing.T) {
	c, err := Load(write(t, base+"oidc: {issuer: https://a.example.org/realms/x/, audiences: [postfach]}\n"), env())
	if err != nil {
		t.Fatal(err)
	}
	if o := c.OIDC; o.Issuer != "https://a.example.org/realms/x/" || !slices.Equal(o.Audiences, []string{"postfach"}) || o.LoginClaim != "" ||
		o.Clients != nil || o.Algorithms != nil || o.MaxAge != 24*time.Hour || !o.Challenge {
		t.Errorf("%+v", o)
	}
	c, err = Load(write(t, base+"oidc: {issuer: 'http://127.0.0.1:9/', audiences: [a, b], clients: [c], login_claim: upn, scope: s, algorithms: [ES256], max_age: 1h, challenge: off}\n"), env())
	if err != nil {
		t.Fatal(err)
	}
	if o := c.OIDC; o.Issuer != "http://127.0.0.1:9/" || len(o.Audiences) != 2 || o.LoginClaim != "upn" || o.Scope != "s" || o.Challenge || o.MaxAge != time.Hour {
		t.Errorf("%+v", o)
	}
	if c, err = Load(write(t, base), env()); err != nil || c.OIDC.Issuer != "" {
		t.Errorf("%+v, %v", c.OIDC, err)
	}
}

// What is impossible or unsafe is refused, with line and key.
func TestOIDCRefusals(t *testing.T) {
	for _, tc := range []struct{ lines, want string }{
		{"oidc: {audiences: [postfach]}", "12: oidc.issuer: is missing"},
		{"oidc: {issuer: https://a.example.org}", "12: oidc.audiences: is missing"},
		{"oidc:", "12: oidc.issuer: is missing"},
		{"oidc: {issuer: http://a.example.org, audiences: [x]}", "12: oidc.issuer: \"http://a.example.org\" does not begin with https://"},
		{"oidc: {issuer: a.example.org, audiences: [x]}", "12: oidc.issuer: \"a.example.org\" is no address"},
		{"oidc: {issuer: 'https://a.example.org?x', audiences: [x]}", "12: oidc.issuer: \"https://a.example.org?x\" may hold host, port and path only"},
		{"oidc: {issuer: https://a.example.org/.well-known/openid-configuration, audiences: [x]}", "12: oidc.issuer: leave out"},
		{"oidc: {issuer: https://a.example.org, audiences: ['a b']}", "12: oidc.audiences: \"a b\" must have 1 to 255"},
		{"oidc: {issuer: https://a.example.org, audiences: []}", "12: oidc.audiences: holds nothing"},
		{"oidc: {issuer: https://a.example.org, audiences: [x], clients: [x]}", "12: oidc.audiences: \"x\" is a program of clients too"},
		{"oidc: {issuer: https://a.example.org, audiences: [x], algorithms: [HS256]}", "12: oidc.algorithms: \"HS256\" is none of"},
		{"oidc: {issuer: https://a.example.org, audiences: [x], algorithms: [none]}", "12: oidc.algorithms: \"none\" is none of"},
		{"oidc: {issuer: https://a.example.org, audiences: [x], max_age: 1s}", "12: oidc.max_age: 1s is under 1m"},
		{"oidc: {issuer: https://a.example.org, audiences: [x], challenge: maybe}", "12: oidc.challenge: \"maybe\" is none of on, off"},
		{"oidc: {issuer: https://a.example.org, audiences: [x], ca: missing.pem}", "12: oidc.ca: "},
	} {
		path := write(t, base+tc.lines+"\n")
		if _, err := Load(path, env()); err == nil || !strings.Contains(err.Error(), path+":"+tc.want) {
			t.Errorf("%s: %v\nwant %s", tc.lines, err, tc.want)
		}
	}
}
