// SPDX-License-Identifier: Apache-2.0

// Package oidc starts a real OpenID provider for tests, over TLS on loopback
// and a free port. It knows nothing of Postfach, and nothing outside tests may
// import it.
package oidc

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"postfach/test/certify"
	"postfach/test/porttest"

	"github.com/go-jose/go-jose/v4"
)

const (
	// Audience of the tokens.
	Audience = "postfach"
	// Desktop is the public program that people sign in with (PKCE), as
	// ownCloud's desktop does; its redirect is http://127.0.0.1 with any port.
	Desktop = "desktop"
	// Job is a program that acts for itself with Secret; its tokens name anna.
	Job    = "job"
	Secret = "nur-fuer-diesen-Testlauf"

	startLimit = 3 * time.Minute
)

// Provider is a running OpenID provider.
type Provider struct {
	Issuer string
	CA     string // PEM file
	Client *http.Client
	Key    *rsa.PrivateKey // that signs, under KeyID
	KeyID  string

	t       testing.TB
	dir     string
	tool    string
	address string
	cmd     *exec.Cmd
	exited  chan struct{}
	output  *bytes.Buffer
}

// Start makes a provider that ends with the test.
func Start(t testing.TB) *Provider {
	t.Helper()
	p := &Provider{t: t, dir: t.TempDir(), address: porttest.Free(t)}
	out, err := exec.Command("bash", filepath.Join(here(), "install.sh")).Output()
	if err != nil {
		t.Fatalf("install.sh: %v", err)
	}
	p.tool = strings.TrimSpace(string(out))
	p.Issuer = "https://" + p.address
	p.CA = filepath.Join(p.dir, "ca.pem")
	authority := certify.New(t)
	pair := authority.Server(t, "127.0.0.1")
	for name, text := range map[string][]byte{"ca.pem": authority.PEM(), "cert.pem": pair.Certificate, "key.pem": pair.Key} {
		if err := os.WriteFile(filepath.Join(p.dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p.Client = &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{RootCAs: authority.Roots()}}}
	p.Rotate("eins")
	t.Cleanup(p.Stop)
	p.Run()
	return p
}

func here() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(file)
}

// Rotate makes a new signing key, with which the next Run begins.
func (p *Provider) Rotate(id string) {
	p.t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		p.t.Fatal(err)
	}
	p.Key, p.KeyID = key, id
}

// Run starts the provider and waits until it answers.
func (p *Provider) Run() {
	p.t.Helper()
	file := filepath.Join(p.dir, "settings.json")
	p.write(file)
	p.output = &bytes.Buffer{}
	p.cmd, p.exited = exec.Command(p.node(), filepath.Join(here(), "provider.mjs"), p.tool, file), make(chan struct{})
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		// The signal at the parent's death belongs to the thread that started
		// the process, so that thread must stay.
		runtime.LockOSThread()
		defer close(p.exited)
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		p.t.Fatal(err)
	}
	for end := time.Now().Add(startLimit); ; time.Sleep(50 * time.Millisecond) {
		a, err := p.Client.Get(p.Issuer + "/.well-known/openid-configuration")
		if err == nil {
			a.Body.Close()
			return
		}
		select {
		case <-p.exited:
			p.t.Fatalf("the provider ended at once:\n%s", p.output)
		default:
		}
		if time.Now().After(end) {
			p.t.Fatalf("the provider does not answer: %v", err)
		}
	}
}

// Stop ends the provider; nothing if none runs.
func (p *Provider) Stop() {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Kill()
	<-p.exited
	p.cmd = nil
}

// node is the one that install.sh has brought, or else the system's.
func (p *Provider) node() string {
	if own := filepath.Join(p.tool, "node_modules", ".bin", "node"); exists(own) {
		return own
	}
	return "node"
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (p *Provider) write(file string) {
	p.t.Helper()
	client := func(id, login string, more map[string]any) map[string]any {
		c := map[string]any{"client_id": id, "login": login, "response_types": []string{}, "redirect_uris": []string{}}
		for k, v := range more {
			c[k] = v
		}
		return c
	}
	_, port, _ := net.SplitHostPort(p.address)
	b, err := json.Marshal(map[string]any{
		"issuer": p.Issuer, "port": port, "audience": Audience, "alg": "RS256", "ttl": 600,
		"cert": filepath.Join(p.dir, "cert.pem"), "key": filepath.Join(p.dir, "key.pem"),
		"jwks": jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.Key, KeyID: p.KeyID, Algorithm: "RS256", Use: "sig"}}},
		"clients": []any{
			client(Job, "anna", map[string]any{"client_secret": Secret, "grant_types": []string{"client_credentials"}}),
			client(Desktop, "", map[string]any{"token_endpoint_auth_method": "none", "application_type": "native",
				"grant_types": []string{"authorization_code", "refresh_token"}, "response_types": []string{"code"}, "redirect_uris": []string{"http://127.0.0.1"}}),
		},
	})
	if err == nil {
		err = os.WriteFile(file, b, 0o600)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// Token fetches an access token for Job, as a script does.
func (p *Provider) Token() string {
	p.t.Helper()
	return p.Exchange(url.Values{"grant_type": {"client_credentials"}, "client_id": {Job}, "client_secret": {Secret}, "scope": {"postfach"}})["access_token"].(string)
}

// Exchange asks the token endpoint.
func (p *Provider) Exchange(form url.Values) map[string]any {
	p.t.Helper()
	a, err := p.Client.PostForm(p.Issuer+"/token", form)
	if err != nil {
		p.t.Fatal(err)
	}
	defer a.Body.Close()
	b, _ := io.ReadAll(a.Body)
	var out map[string]any
	if err := json.Unmarshal(b, &out); err != nil || a.StatusCode != http.StatusOK {
		p.t.Fatalf("token endpoint: %s %s\n%s", a.Status, b, p.output)
	}
	return out
}

// Forge signs claims with a key of the test's choice, so with the provider's
// own where that is given.
func (p *Provider) Forge(key any, alg jose.SignatureAlgorithm, id string, claims map[string]any) string {
	p.t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key},
		&jose.SignerOptions{ExtraHeaders: map[jose.HeaderKey]any{"kid": id, "typ": "at+jwt"}})
	if err != nil {
		p.t.Fatal(err)
	}
	b, err := json.Marshal(claims)
	if err != nil {
		p.t.Fatal(err)
	}
	signed, err := signer.Sign(b)
	if err != nil {
		p.t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		p.t.Fatal(err)
	}
	return token
}
