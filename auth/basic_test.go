// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"encoding/base64"
	"net/http"
	"testing"
	"unicode/utf8"
)

// What is read is what net/http reads, less what is not UTF-8, empty or longer
// than any password.
func FuzzParseBasic(f *testing.F) {
	f.Add("Basic " + base64.StdEncoding.EncodeToString([]byte(`KASSE\anna:ein:Kennwort`)))
	f.Add("basic " + base64.StdEncoding.EncodeToString([]byte("anna:\xe4")))
	f.Add("Basic YQ")
	f.Fuzz(func(t *testing.T, header string) {
		login, password, ok := parseBasic(header)
		user, want, known := (&http.Request{Header: http.Header{"Authorization": {header}}}).BasicAuth()
		if !ok {
			if known && user != "" && want != "" && utf8.ValidString(user) && utf8.ValidString(want) {
				t.Fatalf("%q is refused", header)
			}
			return
		}
		if password == "" || len(password) > 8*MaxPassword || len(login) > 8*maxLogin {
			t.Fatalf("%q: %q, %q", header, login, password)
		}
		if known && len(want) <= MaxPassword && password != want || known && len(user) <= maxLogin && login != typedLogin(user) {
			t.Fatalf("%q: %q, %q; net/http reads %q, %q", header, login, password, user, want)
		}
	})
}
