// SPDX-License-Identifier: Apache-2.0

package auth_test

import (
	"crypto/rsa"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"postfach/auth"
	"postfach/mailbox"
)

// Issue 4, item 4: a token of the configured provider signs its account in,
// and every other token does not.
func TestTokens(t *testing.T) {
	p := newPlace(t, "0815")
	p.add("anna", "clerk 0815")
	p.add("gesperrt", "clerk 0815")
	p.must(p.dir.Disable(p.ctx, by, "gesperrt"))
	i := newIssuer(p)
	i.set.Clients, i.set.Scope = []string{"desktop", "rclone"}, "postfach"
	i.open()

	a, err := i.come(i.token(nil), office)
	p.must(err)
	if a.Login != "anna" || len(a.Grants) != 1 || a.Via.Means != "bearer "+i.server.URL {
		t.Errorf("%+v", a)
	}
	now := p.clock().Unix()
	type m = map[string]any
	for what, change := range map[string]m{
		"second audience":           {"aud": []string{"other", "postfach-test"}},
		"scope as a list":           {"scope": nil, "scp": []string{"postfach"}},
		"program by client_id":      {"azp": nil, "client_id": "rclone"},
		"just issued, clock behind": {"iat": now + 30, "nbf": now + 30},
		"just over, clock ahead":    {"exp": now - 30},
	} {
		i.want(signedIn, what, i.token(change))
	}
	for what, change := range map[string]m{
		"wrong audience":       {"aud": "other"},
		"no audience":          {"aud": nil},
		"wrong issuer":         {"iss": "https://elsewhere.example"},
		"issuer with a slash":  {"iss": i.server.URL + "/"},
		"expired":              {"exp": now - 120},
		"without an end":       {"exp": nil},
		"not yet valid":        {"nbf": now + 600},
		"issued in the future": {"iat": now + 600},
		"issued too long ago":  {"iat": now - 90000},
		"not said when issued": {"iat": nil},
		"wrong program":        {"azp": "else"},
		"no program":           {"azp": nil, "client_id": nil},
		"without the scope":    {"scope": "openid postfachx"},
		"without a subject":    {"sub": nil},
		"endless subject":      {"sub": strings.Repeat("x", 300)},
		"unknown account":      {"preferred_username": "fremd"},
		"no account":           {"preferred_username": nil},
		"account of a number":  {"preferred_username": 7},
		"disabled account":     {"preferred_username": "gesperrt"},
		"bound to a key":       {"cnf": m{"jkt": "abc"}},
		"longer than 8 KiB":    {"pad": strings.Repeat("x", 9000)},
	} {
		i.want(mailbox.Unauthenticated, what, i.token(change))
	}
	if p.strangers[office] != 21 {
		t.Errorf("%d strangers counted", p.strangers[office])
	}
}

// What makes a token of something that is none: no signature, a public key
// taken for a secret, another key, another kind of token.
func TestForgedTokens(t *testing.T) {
	p := newPlace(t, "0815")
	p.add("anna", "clerk 0815")
	i := newIssuer(p)
	i.open()
	i.want(signedIn, "right", i.token(nil))
	password, right := right, i.token(nil)
	other, ec := newRSA(t), newEC(t)
	for what, token := range map[string]string{
		"alg none":          i.unsigned(),
		"HS256":             i.sign(i.publicPEM(), jose.HS256, "eins", "at+jwt", i.claims(nil)),
		"another key":       i.sign(other, jose.RS256, "eins", "at+jwt", i.claims(nil)),
		"unknown key":       i.sign(other, jose.RS256, "zwei", "at+jwt", i.claims(nil)),
		"another kind":      i.sign(ec, jose.ES256, "eins", "at+jwt", i.claims(nil)),
		"changed claims":    right[:strings.Index(right, ".")+1] + strings.Split(i.token(map[string]any{"sub": "x"}), ".")[1] + right[strings.LastIndex(right, "."):],
		"cut":               right[:len(right)-3],
		"five parts":        "a.b.c.d.e",
		"JSON form":         `{"payload":"e30","signatures":[]}`,
		"ID token":          i.sign(i.key, jose.RS256, "eins", "JWT", i.claims(map[string]any{"nonce": "n"})),
		"ID token, at_hash": i.sign(i.key, jose.RS256, "eins", "", i.claims(map[string]any{"at_hash": "n"})),
		"Keycloak's ID":     i.sign(i.key, jose.RS256, "eins", "JWT", i.claims(map[string]any{"typ": "ID"})),
		"logout token":      i.sign(i.key, jose.RS256, "eins", "logout+jwt", i.claims(nil)),
		"empty":             "",
	} {
		i.want(mailbox.Unauthenticated, what, token)
	}
	i.want(signedIn, "JWT of Keycloak", i.sign(i.key, jose.RS256, "eins", "JWT", i.claims(map[string]any{"typ": "Bearer"})))
	i.want(signedIn, "Keycloak before 24", i.sign(i.key, jose.RS256, "eins", "JWT", i.claims(map[string]any{"typ": "Bearer", "nonce": "n"})))
	i.want(signedIn, "PS256", i.sign(i.key, jose.PS256, "eins", "at+jwt", i.claims(nil)))
	// A wrong token is no wrong password.
	p.expect(signedIn, "anna", password, office)
	if n := i.looked(); n > 3 {
		t.Errorf("%d looks for keys", n)
	}
}

// Only the algorithms that are allowed.
func TestTokenAlgorithms(t *testing.T) {
	p := newPlace(t, "0815")
	p.add("anna", "clerk 0815")
	i := newIssuer(p)
	i.set.Algorithms = []string{"ES256"}
	i.open()
	ec := newEC(t)
	i.publish("ec", ec.Public())
	i.want(signedIn, "ES256", i.sign(ec, jose.ES256, "ec", "at+jwt", i.claims(nil)))
	i.publish("eins", i.key.Public())
	p.wait(time.Minute)
	i.want(mailbox.Unauthenticated, "RS256", i.token(nil))
}

// A new key is looked for, an unknown one at most every ten seconds whoever
// comes with it, and a withdrawn one is forgotten.
func TestKeyRotation(t *testing.T) {
	p := newPlace(t, "0815")
	p.add("anna", "clerk 0815")
	i := newIssuer(p)
	provider := i.open()
	i.want(signedIn, "first key", i.token(nil))
	next := newRSA(t)
	i.publish("zwei", next.Public())
	byNext := func() string {
		return i.sign(next, jose.RS256, "zwei", "at+jwt", i.claims(map[string]any{"jti": p.clock().String()}))
	}
	i.want(mailbox.Unauthenticated, "new key, looked a moment ago", byNext())
	p.wait(11 * time.Second)
	i.want(signedIn, "new key", byNext())
	i.want(mailbox.Unauthenticated, "old key", i.token(map[string]any{"jti": "2"}))
	n := i.looked()
	for n := range 50 {
		claims := i.claims(map[string]any{"jti": n})
		i.want(mailbox.Unauthenticated, "unknown key", i.sign(i.key, jose.RS256, "drei", "at+jwt", claims))
		i.want(mailbox.Unauthenticated, "wrong signature", i.sign(i.key, jose.RS256, "zwei", "at+jwt", claims))
	}
	if got := i.looked() - n; got > 1 {
		t.Errorf("%d looks for the keys of 100 forged tokens", got)
	}
	p.must(provider.Probe(p.ctx))
}

// A token that names no key is tried with the new ones too, after one look.
func TestKeyRotationWithoutNames(t *testing.T) {
	p := newPlace(t, "0815")
	p.add("anna", "clerk 0815")
	i := newIssuer(p)
	i.open()
	unnamed := func(k *rsa.PrivateKey) string {
		return i.sign(k, jose.RS256, "", "at+jwt", i.claims(map[string]any{"jti": p.clock().String()}))
	}
	i.want(signedIn, "first key", unnamed(i.key))
	next := newRSA(t)
	i.publish("zwei", next.Public())
	p.wait(11 * time.Second)
	i.want(signedIn, "new key", unnamed(next))
	i.want(mailbox.Unauthenticated, "old key", unnamed(i.key))
	other, looks := newRSA(t), i.looked()
	for n := range 20 {
		i.want(mailbox.Unauthenticated, "no key of the provider", i.sign(other, jose.RS256, "", "at+jwt", i.claims(map[string]any{"jti": n})))
	}
	if got := i.looked() - looks; got > 1 {
		t.Errorf("%d looks for the keys of 20 forged tokens", got)
	}
	i.fail(true)
	p.wait(11 * time.Second)
	i.want(mailbox.Unavailable, "perhaps a newer key, and nobody to ask", unnamed(i.key))
	i.want(signedIn, "known key, provider down", unnamed(next))
}

// Tokens with unknown keys are bounded too while the provider is down, since
// each waits for the look.
func TestUnknownKeysAreBounded(t *testing.T) {
	p := newPlace(t, "0815")
	p.add("anna", "clerk 0815")
	i := newIssuer(p)
	i.open()
	good := i.token(nil)
	i.want(signedIn, "at first", good)
	i.fail(true)
	p.wait(11 * time.Second)
	unknown := i.sign(i.key, jose.RS256, "zwei", "at+jwt", i.claims(nil))
	for range 300 {
		i.want(mailbox.Unavailable, "unknown key", unknown)
	}
	i.want(mailbox.Paused, "too many", unknown)
	i.want(signedIn, "who was signed in", good)
}

// While the provider is down, known keys go on for a day; before it was ever
// reached, and for new keys, the answer is 503 with Retry-After, and passwords
// go on.
func TestProviderDown(t *testing.T) {
	p := newPlace(t, "0815")
	p.add("anna", "clerk 0815")
	i := newIssuer(p)
	i.fail(true)
	provider := i.open()
	i.want(mailbox.Unavailable, "never reached", i.token(nil))
	if _, err := i.come(i.token(nil), office); retryAfter(err) == 0 || provider.Ready() == nil {
		t.Errorf("no Retry-After in %v, ready %v", err, provider.Ready())
	}
	if _, err := provider.Metadata(); mailbox.KindOf(err) != mailbox.Unavailable {
		t.Errorf("metadata: %v", err)
	}
	p.expect(signedIn, "anna", right, office)

	i.fail(false)
	p.wait(time.Minute)
	i.want(signedIn, "reached", i.token(nil))
	if _, err := provider.Metadata(); err != nil || provider.Ready() != nil {
		t.Errorf("metadata: %v, ready %v", err, provider.Ready())
	}
	i.fail(true)
	p.wait(23 * time.Hour)
	i.want(signedIn, "known key", i.token(nil))
	i.want(mailbox.Unavailable, "new key", i.sign(newRSA(t), jose.RS256, "zwei", "at+jwt", i.claims(nil)))
	p.wait(2 * time.Hour)
	i.want(mailbox.Unavailable, "a day without the provider", i.token(nil))
}

func retryAfter(err error) time.Duration {
	if e, ok := err.(*mailbox.Error); ok {
		return e.RetryAfter
	}
	return 0
}

// A disabled account ends at once, a verified token at its own end, whatever
// is remembered; enabling lets the same token go on.
func TestTokenEnds(t *testing.T) {
	p := newPlace(t, "0815")
	p.add("anna", "clerk 0815")
	i := newIssuer(p)
	i.open()
	token := i.token(map[string]any{"exp": p.clock().Unix() + 120})
	i.want(signedIn, "at first", token)
	p.must(p.dir.Disable(p.ctx, by, "anna"))
	p.wait(4 * time.Second)
	i.want(mailbox.Unauthenticated, "disabled", token)
	p.must(p.dir.Enable(p.ctx, by, "anna"))
	p.wait(4 * time.Second)
	i.want(signedIn, "enabled", token)
	p.wait(110 * time.Second) // 118: the last seconds, and some for the clocks
	i.want(signedIn, "before its end", token)
	p.wait(65 * time.Second)
	i.want(mailbox.Unauthenticated, "after its end", token)
}

// Forged tokens of one network are bounded; those of others, and whoever was
// signed in, go on.
func TestForgedTokensAreBounded(t *testing.T) {
	p := newPlace(t, "0815")
	p.add("anna", "clerk 0815")
	i := newIssuer(p)
	i.open()
	good := i.token(nil)
	i.want(signedIn, "at first", good)
	other := newRSA(t)
	bad := func(n int) string {
		return i.sign(other, jose.RS256, "eins", "at+jwt", i.claims(map[string]any{"jti": n}))
	}
	same := bad(0)
	for range 400 { // a program that goes on with one token is no attack
		i.want(mailbox.Unauthenticated, "the same one", same)
	}
	for n := range 299 {
		i.want(mailbox.Unauthenticated, "forged", bad(n+1))
	}
	i.want(mailbox.Paused, "too many", bad(300))
	i.want(mailbox.Paused, "a new one", i.token(map[string]any{"jti": "2"}))
	i.want(signedIn, "who was signed in", good)
	if _, err := i.come(i.token(map[string]any{"jti": "3"}), home); err != nil {
		t.Errorf("from elsewhere: %v", err)
	}
	p.expect(signedIn, "anna", right, office)
	p.wait(time.Minute)
	i.want(signedIn, "a minute later", i.token(map[string]any{"jti": "4"}))
}

// A token makes no app password, which would outlive it.
func TestTokenMakesNoAppPassword(t *testing.T) {
	p := newPlace(t, "0815")
	p.add("anna", "clerk 0815")
	i := newIssuer(p)
	i.open()
	r := httptest.NewRequest("GET", "/ocs/v2.php/core/getapppassword", nil)
	r.RemoteAddr = office + ":1"
	r.Header.Set("Authorization", "bearer "+i.token(nil))
	who, err := i.door.Program(p.ctx, r)
	p.must(err)
	if _, err := i.door.AddAppPassword(p.ctx, r, who); !who.Bearer || mailbox.KindOf(err) != mailbox.Forbidden {
		t.Errorf("%+v: %v", who, err)
	}
}

// Where the issuer has https, its keys do not come in plain text.
func TestMetadata(t *testing.T) {
	p := newPlace(t, "0815")
	i := newIssuer(p)
	provider := i.open()
	p.must(provider.Probe(p.ctx))
	fields, err := provider.Metadata()
	p.must(err)
	if fields["authorization_endpoint"] == nil || fields["token_endpoint"] == nil || fields["issuer"] == nil {
		t.Errorf("%s", fields)
	}
	i.set.Roots = nil
	if err := auth.NewProvider(i.set).Probe(p.ctx); err == nil {
		t.Error("a certificate of an unknown issuer was accepted")
	}
}

// An account that is linked to a subject is that subject's, whatever the names
// say: a name given to somebody else at the provider opens nothing.
func TestLinkedAccount(t *testing.T) {
	p := newPlace(t, "0815", "0816")
	p.add("anna", "clerk 0815")
	p.add("bert", "clerk 0816")
	i := newIssuer(p)
	i.open()
	link := func(login, subject string) error {
		x, err := auth.ParseExternal(i.server.URL, subject)
		p.must(err)
		return p.dir.SetAccount(p.ctx, by, login, auth.Change{External: &x})
	}
	byName := i.token(map[string]any{"sub": "fremd"})
	i.want(signedIn, "by name", byName)
	p.must(link("anna", "7f3a"))
	p.wait(4 * time.Second)
	i.want(mailbox.Unauthenticated, "by name, once linked", byName)
	a, err := i.come(i.token(map[string]any{"preferred_username": "bert"}), office)
	if err != nil || a.Login != "anna" {
		t.Errorf("the link and another's name: %s, %v", a.Login, err)
	}
	i.want(mailbox.Unauthenticated, "subjects differ by case", i.token(map[string]any{"sub": "7F3A"}))
	if err := link("bert", "7f3a"); err == nil {
		t.Error("two accounts are one at the provider")
	}
	if _, err := auth.ParseExternal(i.server.URL, "a\nb"); err == nil {
		t.Error("a line break in a subject")
	}

	i.set.LoginClaim = ""
	i.open()
	i.want(signedIn, "linked, without names", i.token(nil))
	i.want(mailbox.Unauthenticated, "not linked, without names", i.token(map[string]any{"sub": "b", "preferred_username": "bert"}))
}
