// SPDX-License-Identifier: Apache-2.0

package auth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc/oidctest"
	"github.com/go-jose/go-jose/v4"

	"postfach/auth"
	"postfach/mailbox"
)

// issuer is a provider over TLS whose keys and outages the test decides.
type issuer struct {
	*place
	server *httptest.Server
	set    auth.ProviderOptions
	key    *rsa.PrivateKey

	mu    sync.Mutex
	oidc  *oidctest.Server
	down  bool
	looks int // for keys
}

func newIssuer(p *place) *issuer {
	p.Helper()
	i := &issuer{place: p, oidc: &oidctest.Server{}, key: newRSA(p.T)}
	i.server = httptest.NewTLSServer(i)
	p.Cleanup(i.server.Close)
	i.oidc.SetIssuer(i.server.URL)
	i.publish("eins", i.key.Public())
	roots := x509.NewCertPool()
	roots.AddCert(i.server.Certificate())
	i.set = auth.ProviderOptions{Issuer: i.server.URL, Audiences: []string{"postfach", "postfach-test"}, LoginClaim: "preferred_username",
		Roots: roots, Now: p.clock}
	return i
}

func newRSA(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if r.URL.Path == "/keys" {
		i.looks++
	}
	if i.down {
		http.Error(w, "down", http.StatusBadGateway)
		return
	}
	i.oidc.ServeHTTP(w, r)
}

// publish lets the provider have one key.
func (i *issuer) publish(id string, k crypto.PublicKey) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.oidc.PublicKeys = []oidctest.PublicKey{{PublicKey: k, KeyID: id}}
}

func (i *issuer) fail(down bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.down = down
}

func (i *issuer) looked() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.looks
}

// open makes the door of an installation with this provider.
func (i *issuer) open() *auth.Provider {
	i.Helper()
	provider := auth.NewProvider(i.set)
	door, err := auth.New(i.ctx, i.store, auth.Options{Provider: provider, Strangers: i.place, Now: i.clock,
		Secure:  func(*http.Request) bool { return true },
		Address: func(r *http.Request) netip.Addr { return netip.MustParseAddrPort(r.RemoteAddr).Addr() }})
	i.must(err)
	i.door = door
	return provider
}

// claims of a token that is right, with changes; nil takes one away.
func (i *issuer) claims(change map[string]any) string {
	now := i.clock().Unix()
	c := map[string]any{"iss": i.server.URL, "sub": "7f3a", "aud": "postfach", "azp": "desktop", "client_id": "desktop",
		"scope": "openid postfach", "iat": now, "exp": now + 300, "preferred_username": "Anna"}
	maps.Copy(c, change)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	b, err := json.Marshal(c)
	i.must(err)
	return string(b)
}

// sign makes a token with the headers that a test wants.
func (i *issuer) sign(key any, alg jose.SignatureAlgorithm, id, typ, claims string) string {
	i.Helper()
	o := &jose.SignerOptions{ExtraHeaders: map[jose.HeaderKey]any{"kid": id}}
	if typ != "" {
		o.ExtraHeaders["typ"] = typ
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, o)
	i.must(err)
	sig, err := s.Sign([]byte(claims))
	i.must(err)
	token, err := sig.CompactSerialize()
	i.must(err)
	return token
}

func (i *issuer) token(change map[string]any) string {
	i.Helper()
	return i.sign(i.key, jose.RS256, "eins", "at+jwt", i.claims(change))
}

func (i *issuer) come(token, from string) (mailbox.Actor, error) {
	r := httptest.NewRequest("PROPFIND", "/dav/", nil)
	r.RemoteAddr = netip.AddrPortFrom(netip.MustParseAddr(from), 4711).String()
	r.Header.Set("Authorization", "Bearer "+token)
	return i.door.Authenticate(r.Context(), r)
}

func (i *issuer) want(kind mailbox.Kind, what, token string) {
	i.Helper()
	if _, err := i.come(token, office); mailbox.KindOf(err) != kind {
		i.Errorf("%s: %v, want kind %d", what, err, kind)
	}
}

// publicPEM is what a confused verifier would take for a shared secret.
func (i *issuer) publicPEM() []byte {
	der, err := x509.MarshalPKIXPublicKey(i.key.Public())
	i.must(err)
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// unsigned is a token with alg none (RFC 7518 section 3.6).
func (i *issuer) unsigned() string {
	signed := strings.Split(i.token(nil), ".")
	return "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0." + signed[1] + "."
}

func newEC(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}
