// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"testing"
)

// FuzzToken: nothing that a stranger sends makes the reading fall over or
// passes without a key of the provider.
func FuzzToken(f *testing.F) {
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add("eyJhbGciOiJSUzI1NiIsImtpZCI6ImVpbnMifQ.e30.AA")
	f.Add(`{"payload":"e30","protected":"e30","signature":"AA"}`)
	p := NewProvider(ProviderOptions{Issuer: "https://127.0.0.1:1", Audiences: []string{"postfach"}})
	f.Fuzz(func(t *testing.T, raw string) {
		if jws, err := parseToken(raw, p.o.Algorithms); err == nil {
			if n := len(jws.Signatures); n != 1 {
				t.Fatalf("%q has %d signatures", raw, n)
			}
			if h := jws.Signatures[0].Header; h.Algorithm == "" || h.Algorithm == "none" || h.Algorithm[:2] == "HS" {
				t.Fatalf("%q is read with %q", raw, h.Algorithm)
			}
		}
		if payload, err := p.keys.VerifySignature(context.Background(), raw); err == nil {
			t.Fatalf("%q passes without any key: %s", raw, payload)
		}
	})
}
