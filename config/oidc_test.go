// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"
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
