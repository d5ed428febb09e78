// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"postfach/mailbox"
)

const (
	maxToken = 8 << 10 // bytes
	maxClaim = 255     // bytes of a subject (OpenID Connect Core 1.0 section 2) or login
)

// token is what a verified access token says.
type token struct {
	external External
	login    string // "" where the claim is missing
	expires  time.Time
}

// tokenFault is why a token is refused. forged says that nobody with a key of
// the provider has signed it.
type tokenFault struct {
	err    error
	forged bool
}

func (f *tokenFault) Error() string { return f.err.Error() }

func forged(err error) error { return &tokenFault{err: err, forged: true} }

func unfitToken(format string, args ...any) error {
	return &tokenFault{err: fmt.Errorf(format, args...)}
}

// verify judges a token. The error is a *tokenFault, or of kind Unavailable
// when its key is not known and the provider cannot be asked, or Canceled.
func (p *Provider) verify(ctx context.Context, raw string) (token, error) {
	if len(raw) > maxToken {
		return token{}, forged(errors.New("longer than 8 KiB"))
	}
	jws, err := parseToken(raw, p.o.Algorithms)
	if err != nil {
		return token{}, forged(err)
	}
	h := jws.Signatures[0].Header
	if err := p.signed(ctx, raw, h); err != nil {
		return token{}, err
	}
	id, err := p.verifier.Verify(ctx, raw)
	if err != nil {
		return token{}, unfitToken("%w", err)
	}
	typ, _ := h.ExtraHeaders[jose.HeaderType].(string)
	return p.claims(id, typ)
}

// signed says whether a key of the provider has signed a token. Kind Unavailable
// when that cannot be known; then errors.Is finds errNoKey where other keys are
// known.
func (p *Provider) signed(ctx context.Context, raw string, h jose.Header) error {
	away := p.keys.learn(ctx, h.KeyID, h.Algorithm)
	if !p.keys.usable() {
		return errAway(ctx, away)
	}
	if away != nil && len(p.keys.named(h.KeyID, h.Algorithm)) == 0 {
		return errAway(ctx, errors.Join(errNoKey, away))
	}
	_, err := p.keys.VerifySignature(ctx, raw)
	if errors.Is(err, errSignature) { // perhaps by a key newer than the last look, under no name or an old one
		away = p.keys.refresh(ctx, p.o.Refetch)
		if _, err = p.keys.VerifySignature(ctx, raw); err != nil && away != nil && h.KeyID == "" {
			return errAway(ctx, errors.Join(errNoKey, away))
		}
	}
	if err != nil {
		return forged(err)
	}
	return nil
}

// errAway says that the provider did not answer, or that the client has gone
// before.
func errAway(ctx context.Context, cause error) error {
	if ctx.Err() != nil {
		return mailbox.Wrap(mailbox.Canceled, "", cause)
	}
	return errProvider(cause)
}

// accessClaims are those that go-oidc does not look at.
type accessClaims struct {
	Type          string          `json:"typ"` // Keycloak's: Bearer, ID, Refresh, Logout
	AuthorizedFor string          `json:"azp"`
	Client        string          `json:"client_id"`
	Scope         spaced          `json:"scope"`
	Scopes        spaced          `json:"scp"` // as Entra ID has it
	EmailVerified any             `json:"email_verified"`
	Confirmation  json.RawMessage `json:"cnf"`
	Nonce         string          `json:"nonce"`
	AccessHash    string          `json:"at_hash"`
}

// spaced is a list that some providers write as one text.
type spaced []string

func (s *spaced) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err == nil {
		*s = strings.Fields(text)
		return nil
	}
	return json.Unmarshal(b, (*[]string)(s))
}

// claims looks at what is special to access tokens (RFC 9068 section 4) and
// finds out whom the token is about.
func (p *Provider) claims(id *oidc.IDToken, typ string) (token, error) {
	var c accessClaims
	if err := id.Claims(&c); err != nil {
		return token{}, unfitToken("claims: %w", err)
	}
	if err := c.isAccessToken(typ); err != nil {
		return token{}, err
	}
	now := p.o.Now()
	client := c.AuthorizedFor
	if client == "" {
		client = c.Client
	}
	switch {
	case !slices.ContainsFunc(id.Audience, func(a string) bool { return slices.Contains(p.o.Audiences, a) }):
		return token{}, unfitToken("made for %q", id.Audience)
	case len(p.o.Clients) > 0 && !slices.Contains(p.o.Clients, client):
		return token{}, unfitToken("made for the program %q", client)
	case p.o.Scope != "" && !slices.Contains(c.Scope, p.o.Scope) && !slices.Contains(c.Scopes, p.o.Scope):
		return token{}, unfitToken("without the scope %s", p.o.Scope)
	case id.IssuedAt.After(now.Add(tokenSkew)):
		return token{}, unfitToken("issued in the future, at %s", id.IssuedAt)
	case now.Sub(id.IssuedAt) > p.o.MaxAge+tokenSkew: // a missing iat is 1970
		return token{}, unfitToken("issued at %s, more than %s ago", id.IssuedAt, p.o.MaxAge)
	case id.Subject == "" || len(id.Subject) > maxClaim || !utf8.ValidString(id.Subject):
		return token{}, unfitToken("without a fit subject")
	}
	t := token{external: external(p.o.Issuer, id.Subject), expires: id.Expiry}
	if oldest := id.IssuedAt.Add(p.o.MaxAge); oldest.Before(t.expires) {
		t.expires = oldest
	}
	var err error
	t.login, err = p.loginOf(id, c)
	return t, err
}

// isAccessToken refuses what the same provider signs for other purposes. A
// provider that follows RFC 9068 says at+jwt; others are told by what only ID
// tokens have.
func (c *accessClaims) isAccessToken(typ string) error {
	typ = strings.TrimPrefix(strings.ToLower(typ), "application/")
	switch {
	case len(c.Confirmation) > 0 && string(c.Confirmation) != "null":
		return unfitToken("bound to a key of its holder (cnf), no bearer token")
	case typ == "at+jwt":
		return nil
	case typ != "" && typ != "jwt":
		return unfitToken("of type %q, no access token", typ)
	case strings.EqualFold(c.Type, "Bearer"):
		return nil // Keycloak before 24 repeats the nonce of the sign-in here too
	case c.Type != "":
		return unfitToken("of type %q, no access token", c.Type)
	case c.Nonce != "" || c.AccessHash != "":
		return unfitToken("an ID token, no access token")
	}
	return nil
}

// loginOf is the login that the configured claim names.
func (p *Provider) loginOf(id *oidc.IDToken, c accessClaims) (string, error) {
	if p.o.LoginClaim == "" {
		return "", nil
	}
	var all map[string]json.RawMessage
	if err := id.Claims(&all); err != nil {
		return "", unfitToken("claims: %w", err)
	}
	var login string
	if raw, ok := all[p.o.LoginClaim]; !ok {
		return "", nil
	} else if err := json.Unmarshal(raw, &login); err != nil || len(login) > maxClaim || !utf8.ValidString(login) {
		return "", unfitToken("%s is no text that could be a login", p.o.LoginClaim)
	}
	if p.o.LoginClaim == "email" && c.EmailVerified != true && c.EmailVerified != "true" {
		return "", unfitToken("the provider has not verified the address")
	}
	return login, nil
}
