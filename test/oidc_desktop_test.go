// SPDX-License-Identifier: Apache-2.0

package test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"postfach/test/oidc"
	"postfach/test/world"
)

// TestDesktopSignsInByProvider does what ownCloud's graphical desktop does,
// which cannot be run here: it reads of Bearer in the answer to its first
// PROPFIND, asks our address for the provider's, sends the person there (code
// flow with PKCE and a loopback redirect), trades the code for tokens, asks who
// that is, works, and renews the token (CLIENTS.md 1.4).
func TestDesktopSignsInByProvider(t *testing.T) {
	long(t)
	p := oidc.Start(t)
	o := withProvider(p)
	o.Settings = strings.Replace(o.Settings, "login_claim", "clients: ["+oidc.Desktop+"], login_claim", 1)
	w := whole(t, o)
	a := w.Do(t, world.Exchange{Method: "PROPFIND", Path: "/remote.php/webdav/", Header: depth0, Want: 401})
	if !strings.Contains(strings.ToLower(strings.Join(a.Header.Values("WWW-Authenticate"), ", ")), "bearer ") {
		t.Fatal("the desktop would ask for a password")
	}
	var found struct {
		Authorize string   `json:"authorization_endpoint"`
		Token     string   `json:"token_endpoint"`
		Register  string   `json:"registration_endpoint"`
		Methods   []string `json:"token_endpoint_auth_methods_supported"`
		Internal  any      `json:"dpop_signing_alg_values_supported"`
	}
	var said []byte
	eventually(t, "the provider is known", func() bool {
		a, err := w.Send(world.Exchange{Method: "GET", Path: "/.well-known/openid-configuration"})
		said = a.Body
		return err == nil && a.Status == 200 && a.Header.Get("Content-Type") == "application/json; charset=utf-8"
	})
	if err := json.Unmarshal(said, &found); err != nil || !strings.HasPrefix(found.Authorize, p.Issuer) || found.Token != p.Issuer+"/token" ||
		found.Register != "" || len(found.Methods) == 0 || found.Internal != nil {
		t.Fatalf("%v: %s", err, said)
	}

	verifier := rand.Text() + rand.Text()
	sum := sha256.Sum256([]byte(verifier))
	redirect := "http://127.0.0.1:40815"
	code := signInAt(t, p, found.Authorize+"?"+url.Values{"response_type": {"code"}, "client_id": {oidc.Desktop}, "redirect_uri": {redirect},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
		"scope": {"openid offline_access email profile"}, "prompt": {"consent"}, "state": {"zustand"}}.Encode(), "emil")
	got := p.Exchange(url.Values{"grant_type": {"authorization_code"}, "client_id": {oidc.Desktop}, "code": {code}, "redirect_uri": {redirect}, "code_verifier": {verifier}})
	access, refresh, id := text(got["access_token"]), text(got["refresh_token"]), text(got["id_token"])
	if access == "" || refresh == "" || id == "" || !strings.EqualFold(text(got["token_type"]), "bearer") {
		t.Fatalf("the provider gives %v", got)
	}
	w.Play(t, []world.Exchange{
		{Method: "GET", Path: "/ocs/v2.php/cloud/user?format=json", Header: bearer(access), Want: 200, Contains: `"id":"emil"`},
		{Method: "PROPFIND", Path: "/remote.php/dav/files/emil/", Header: bearer(access), Want: 207},
		{Method: "PUT", Path: "/remote.php/dav/files/emil/an_KVBbg/a.txt", Header: bearer(access), Body: "a", Want: 201},
		{Method: "PROPFIND", Path: "/dav/", Header: bearer(id), Want: 401},        // made for the program, not for us
		{Method: "PROPFIND", Path: "/dav/", Header: bearer(refresh), Want: 401},   // for the provider alone
		{Method: "PROPFIND", Path: "/dav/", Header: bearer(p.Token()), Want: 401}, // another program than configured
	})
	renewed := p.Exchange(url.Values{"grant_type": {"refresh_token"}, "client_id": {oidc.Desktop}, "refresh_token": {refresh}})
	w.Do(t, world.Exchange{Method: "PROPFIND", Path: "/dav/", Header: bearer(text(renewed["access_token"])), Want: 207})
}

func text(v any) string { s, _ := v.(string); return s }

var formAction = regexp.MustCompile(`<form[^>]* action="([^"]+)"`)

// signInAt is a person at the provider's pages, and gives the code that they
// end with.
func signInAt(t *testing.T, p *oidc.Provider, address, login string) string {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := *p.Client
	browser.Jar = jar
	var code string
	browser.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Scheme == "http" { // the desktop listens there
			code = r.URL.Query().Get("code")
			return http.ErrUseLastResponse
		}
		return nil
	}
	a, err := browser.Get(address)
	for range 4 {
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(a.Body)
		a.Body.Close()
		if code != "" {
			return code
		}
		m := formAction.FindSubmatch(b)
		if m == nil {
			t.Fatalf("no form at the provider: %s\n%s", a.Status, b)
		}
		to, perr := a.Request.URL.Parse(string(m[1]))
		if perr != nil {
			t.Fatal(perr)
		}
		form := url.Values{"prompt": {"login"}, "login": {login}, "password": {"egal"}}
		if strings.Contains(string(b), `value="consent"`) {
			form = url.Values{"prompt": {"consent"}}
		}
		a, err = browser.PostForm(to.String(), form)
	}
	t.Fatal("no code after four pages")
	return ""
}
