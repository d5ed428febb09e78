// SPDX-License-Identifier: Apache-2.0

package test

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"postfach/test/oidc"
	"postfach/test/world"
)

// withProvider is a world whose people may come with tokens of p.
func withProvider(p *oidc.Provider) world.Options {
	o := world.Everybody()
	o.Settings = fmt.Sprintf("oidc: {issuer: %q, ca: %s, audiences: [%s], login_claim: preferred_username}", p.Issuer, p.CA, oidc.Audience)
	return o
}

func bearer(token string) map[string]string {
	return map[string]string{"Authorization": "Bearer " + token, "Depth": "0"}
}

// providerClaims are those of a token that is right.
func providerClaims(p *oidc.Provider, change map[string]any) map[string]any {
	now := time.Now().Unix()
	c := map[string]any{"iss": p.Issuer, "aud": oidc.Audience, "sub": "x", "client_id": oidc.Job, "iat": now, "exp": now + 300,
		"preferred_username": "anna", "jti": fmt.Sprint(time.Now().UnixNano())}
	maps.Copy(c, change)
	return c
}

// TestAccessTokens: issue 4, item 4, at every door of WebDAV, with tokens of a
// real provider and with some that only look like it.
func TestAccessTokens(t *testing.T) {
	long(t)
	p := oidc.Start(t)
	w := whole(t, withProvider(p))
	token := p.Token()
	first := func() int { return status(t, w, bearer(token)) }
	eventually(t, "the provider's keys are known", func() bool { return first() == 207 })
	w.Play(t, []world.Exchange{
		{Method: "PROPFIND", Path: "/dav/", Header: bearer(token), Want: 207},
		{Method: "PROPFIND", Path: "/dav/0815/", Header: bearer(token), Want: 207},
		{Method: "PROPFIND", Path: "/remote.php/webdav/", Header: bearer(token), Want: 207},
		{Method: "PROPFIND", Path: "/remote.php/dav/files/anna/", Header: bearer(token), Want: 207},
		{Method: "PUT", Path: "/dav/an_KVBbg/a.txt", Header: bearer(token), Body: "a", Want: 201},
		{Method: "GET", Path: "/ocs/v1.php/cloud/user?format=json", Header: bearer(token), Want: 200, Contains: `"id":"anna"`},
		{Method: "GET", Path: "/dav/0816/", Header: bearer(token), Want: 404},
		{Method: "GET", Path: "/ocs/v2.php/core/getapppassword", Header: map[string]string{"Authorization": "Bearer " + token, "OCS-APIRequest": "true"}, Want: 403},
	})

	now := time.Now().Unix()
	der, err := x509.MarshalPKIXPublicKey(p.Key.Public())
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	mine := func(change map[string]any) string {
		return p.Forge(p.Key, jose.RS256, p.KeyID, providerClaims(p, change))
	}
	if got := status(t, w, bearer(mine(map[string]any{"exp": now - 30, "nbf": now + 30, "iat": now + 30}))); got != 207 {
		t.Errorf("clocks differ by half a minute: %d", got)
	}
	unsigned := "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0." + strings.Split(mine(nil), ".")[1] + "."
	for what, bad := range map[string]string{
		"wrong audience": mine(map[string]any{"aud": "other"}),
		"wrong issuer":   mine(map[string]any{"iss": "https://elsewhere.example"}),
		"expired":        mine(map[string]any{"exp": now - 90}),
		"not yet valid":  mine(map[string]any{"nbf": now + 900}),
		"unknown person": mine(map[string]any{"preferred_username": "fremd"}),
		"alg none":       unsigned,
		"HS256":          p.Forge(public, jose.HS256, p.KeyID, providerClaims(p, nil)),
		"nonsense":       "abc",
	} {
		a := w.Do(t, world.Exchange{Method: "PROPFIND", Path: "/dav/", Header: bearer(bad), Want: 401})
		all := a.Header.Values("WWW-Authenticate")
		if len(all) != 2 || !strings.HasPrefix(all[0], "Basic ") || !strings.HasPrefix(all[1], "Bearer ") || !strings.Contains(all[1], "invalid_token") {
			t.Errorf("%s: challenges %q", what, all)
		}
	}
	w.Do(t, world.Exchange{As: "anna", Method: "GET", Path: "/dav/", Want: 200}) // no wrong password was counted

	w.CLI("", "account", "disable", "anna")
	withinFive(t, "the token of a disabled account is refused", func() bool { return first() == 401 })
	w.CLI("", "account", "enable", "anna")

	// By whom and by what means the file was made, and no token anywhere.
	log := w.CLI("", "audit", "export")
	if !strings.Contains(log, `"means":"bearer `+p.Issuer+`"`) || !strings.Contains(log, `"means":"password"`) {
		t.Error("the audit log does not say by what anna signed in")
	}
	said, err := os.ReadFile(w.LogFile())
	if err != nil {
		t.Fatal(err)
	}
	if secret := token[strings.LastIndex(token, ".")+1:]; strings.Contains(string(said), secret) || strings.Contains(log, secret) {
		t.Error("a token stands in a log")
	}
}

func status(t *testing.T, w *world.World, header map[string]string) int {
	t.Helper()
	a, err := w.Send(world.Exchange{Method: "PROPFIND", Path: "/dav/", Header: header})
	if err != nil {
		t.Fatal(err)
	}
	return a.Status
}

// TestProviderOutage: a server starts without its provider, and goes on without
// it; a new key is found.
func TestProviderOutage(t *testing.T) {
	long(t)
	p := oidc.Start(t)
	token := p.Token()
	p.Stop()
	w := whole(t, withProvider(p)) // ready: uploads do not need the provider
	a := w.Do(t, world.Exchange{Method: "PROPFIND", Path: "/dav/", Header: bearer(token), Want: 503})
	if a.Header.Get("Retry-After") == "" || strings.Contains(string(a.Body), "ServiceUnavailable") {
		t.Errorf("%v\n%s", a.Header, a.Body)
	}
	w.Put(t, "anna", "/dav/an_KVBbg/a.txt", "a")
	w.Do(t, world.Exchange{Method: "GET", Path: "/.well-known/openid-configuration", Want: 503})
	if said := inside(t, w, "/readyz?verbose"); !strings.Contains(said, `"oidc":"`) || strings.Contains(said, `"oidc":""`) {
		t.Errorf("readiness says %s", said)
	}
	if said := inside(t, w, "/metrics"); !strings.Contains(said, "postfach_oidc_ready 0") {
		t.Error("no metric of the outage")
	}
	if said, err := w.Try("", "check"); err != nil || !strings.Contains(said, "openid provider") || !strings.Contains(said, "warning") {
		t.Errorf("check: %v\n%s", err, said)
	}

	p.Run()
	eventually(t, "the provider is found", func() bool { return status(t, w, bearer(token)) == 207 })
	p.Stop()
	fresh := p.Forge(p.Key, jose.RS256, p.KeyID, providerClaims(p, nil))
	if got := status(t, w, bearer(fresh)); got != 207 {
		t.Errorf("by a known key while the provider is down: %d", got)
	}
	old := p.Forge(p.Key, jose.RS256, p.KeyID, providerClaims(p, map[string]any{"jti": "old"}))
	p.Rotate("zwei")
	p.Run()
	next := p.Token()
	eventually(t, "the new key is found", func() bool { return status(t, w, bearer(next)) == 207 })
	if got := status(t, w, bearer(old)); got != 401 {
		t.Errorf("by the withdrawn key: %d", got)
	}
}

func inside(t *testing.T, w *world.World, path string) string {
	t.Helper()
	a, err := http.Get(w.Metrics + path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestProviderIsOffered to sync clients, after Basic, and nowhere else; programs
// that know passwords alone go on by them (CLIENTS.md 1.4, check 25).
func TestProviderIsOffered(t *testing.T) {
	long(t)
	p := oidc.Start(t)
	w := whole(t, withProvider(p))
	for path, want := range map[string]int{"/dav/": 1, "/remote.php/webdav/": 2, "/remote.php/dav/files/anna/": 2, "/ocs/v1.php/cloud/user": 1} {
		a := w.Do(t, world.Exchange{Method: "PROPFIND", Path: path, Header: depth0, Want: 401})
		all := a.Header.Values("WWW-Authenticate")
		if len(all) != want || !strings.HasPrefix(all[0], `Basic realm="`) || want > 1 && !strings.HasPrefix(all[1], `Bearer realm="`) {
			t.Errorf("%s: %q", path, all)
		}
	}
	for _, path := range []string{"/dav/", "/remote.php/webdav/"} {
		out, err := exec.CommandContext(t.Context(), "curl", "-sS", "--anyauth", "-u", "anna:"+world.Password, "-X", "PROPFIND", "-H", "Depth: 0",
			"-o", "/dev/null", "-w", "%{http_code}", w.URL+path).Output()
		if err != nil || string(out) != "207" {
			t.Errorf("curl --anyauth %s: %s %v", path, out, err)
		}
	}
	src := t.TempDir()
	writeFile(t, filepath.Join(src, "f"), "Inhalt\n")
	newRemote(t, w, "rclone", "owncloud", "anna").run("copy", src, "REMOTEan_KVBbg/rc")
	home := t.TempDir()
	writeFile(t, filepath.Join(home, ".netrc"), "machine 127.0.0.1\nlogin anna\npassword "+world.Password+"\n")
	cmd := exec.CommandContext(t.Context(), "cadaver", w.URL+"/remote.php/webdav/an_KVBbg/")
	cmd.Dir, cmd.Env, cmd.Stdin = src, append(os.Environ(), "HOME="+home, "LC_ALL=C"), strings.NewReader("put f\nquit\n")
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "succeeded") {
		t.Errorf("cadaver: %v\n%s", err, out)
	}
	for _, vendor := range vendors {
		d := newDesk(t, w, vendor, "anna")
		d.write("an_KVBbg/von "+vendor+".txt", "Inhalt\n")
		d.sync()
		if !d.has("an_KVBbg/f") {
			t.Errorf("%s has not fetched anything", vendor)
		}
	}
}

// TestRcloneByToken: issue 4, item 7: a token, and a command that fetches one.
func TestRcloneByToken(t *testing.T) {
	long(t)
	p := oidc.Start(t)
	w := whole(t, withProvider(p))
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "f"), "Inhalt\n")
	fetch := filepath.Join(dir, "token.sh")
	form := "grant_type=client_credentials&client_id=" + oidc.Job + "&client_secret=" + oidc.Secret + "&scope=postfach"
	script := fmt.Sprintf("#!/bin/sh\ncurl -sS --cacert %s -d '%s' %s/token | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/'\n", p.CA, form, p.Issuer)
	if err := os.WriteFile(fetch, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the provider's keys are known", func() bool { return status(t, w, bearer(p.Token())) == 207 })
	for name, how := range map[string][]string{
		"token":   {"--webdav-bearer-token", p.Token()},
		"command": {"--webdav-bearer-token-command", fetch},
	} {
		args := append([]string{"--config", "/dev/null", "--retries", "1", "--webdav-url", w.URL + "/remote.php/dav/files/anna", "--webdav-vendor", "nextcloud"}, how...)
		out, err := exec.CommandContext(t.Context(), "rclone", append(args, "copy", filepath.Join(dir, "f"), ":webdav:an_KVBbg/"+name)...).CombinedOutput()
		if err != nil {
			t.Fatalf("rclone by %s: %v\n%s", name, err, out)
		}
		if got := w.Get(t, "anna", "/dav/an_KVBbg/"+name+"/f"); string(got.Body) != "Inhalt\n" {
			t.Errorf("by %s: %q", name, got.Body)
		}
	}
}
