// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"postfach/mailbox"
)

const (
	providerTimeout = 5 * time.Second // of one request to the provider
	providerAnswer  = 256 << 10       // bytes of one of its answers
	providerRetry   = 5 * time.Second
	keysRefresh     = 10 * time.Minute // so that a withdrawn key does not stay
	keysMaxAge      = 24 * time.Hour   // how long an outage may last
	tokenSkew       = time.Minute      // by which clocks may differ
	tokenMaxAge     = 24 * time.Hour
)

// SigningAlgorithms are those that a token may be signed with: asymmetric ones
// only. A shared secret would let whoever can verify make tokens, and "none"
// everybody.
var SigningAlgorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// ProviderOptions say whose access tokens are accepted.
type ProviderOptions struct {
	Issuer     string         // as it stands in the tokens
	Audiences  []string       // a token must name one of them
	Clients    []string       // programs that a token may be made for; nil means any
	LoginClaim string         // whose value is the login of the account; "" means that only linked accounts sign in
	Scope      string         // that a token must have; "" means none
	Algorithms []string       // nil means SigningAlgorithms
	MaxAge     time.Duration  // since the token was issued; 0 means 24 h
	Roots      *x509.CertPool // nil means those of the system
	Refetch    time.Duration  // least time between two looks for an unknown key; 0 means 10 s
	Log        *slog.Logger   // nil discards
	Now        func() time.Time
}

// Provider is an OpenID provider whose access tokens (JWTs, RFC 9068) let
// programs in. It is asked for its keys only, never about a token, so its
// outage stops nobody who holds one.
type Provider struct {
	o        ProviderOptions
	client   *http.Client
	keys     *keySet
	verifier *oidc.IDTokenVerifier
	found    atomic.Pointer[discovered]
	fault    atomic.Pointer[string] // of the last look; nil when it went well
	wrong    *allowance
}

// discovered is what the provider says of itself
// (OpenID Connect Discovery 1.0, section 3).
type discovered struct {
	keysURL string
	fields  map[string]json.RawMessage
}

// NewProvider asks nothing yet: the server starts while the provider is down.
func NewProvider(o ProviderOptions) *Provider {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MaxAge == 0 {
		o.MaxAge = tokenMaxAge
	}
	if len(o.Algorithms) == 0 {
		o.Algorithms = SigningAlgorithms
	}
	if o.Refetch == 0 {
		o.Refetch = 10 * time.Second
	}
	p := &Provider{o: o, client: providerClient(o), wrong: newAllowance(o.Now)}
	p.keys = &keySet{algorithms: o.Algorithms, fetch: p.fetch, refetch: o.Refetch, now: o.Now, one: make(chan struct{}, 1)}
	p.verifier = oidc.NewVerifier(o.Issuer, p.keys, &oidc.Config{
		SupportedSigningAlgs: o.Algorithms,
		SkipClientIDCheck:    true, // ours knows several audiences
		Now:                  func() time.Time { return o.Now().Add(-tokenSkew) },
	})
	return p
}

// providerClient bounds what a request to the provider may take, and stays on
// connections as safe as the issuer's.
func providerClient(o ProviderOptions) *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS12}
	t.ResponseHeaderTimeout = providerTimeout
	return &http.Client{Timeout: providerTimeout, Transport: boundedTransport{t}, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if len(via) > 3 || !sameSafety(o.Issuer, r.URL.String()) {
			return errors.New("the provider redirects to where it should not")
		}
		return nil
	}}
}

// sameSafety refuses http where the issuer has https.
func sameSafety(issuer, other string) bool {
	i, err := url.Parse(issuer)
	if err != nil {
		return false
	}
	u, err := url.Parse(other)
	return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == i.Scheme)
}

// boundedTransport ends an answer that is too long.
type boundedTransport struct{ next http.RoundTripper }

func (b boundedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	a, err := b.next.RoundTrip(r)
	if err == nil {
		a.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(a.Body, providerAnswer), a.Body}
	}
	return a, err
}

// Run looks for the provider until it is found, and for its keys from time to
// time, until ctx ends.
func (p *Provider) Run(ctx context.Context) {
	for {
		wait := keysRefresh
		if err := p.keys.refresh(ctx, 0); err != nil {
			wait = providerRetry
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// Ready says whether tokens can be judged.
func (p *Provider) Ready() error {
	if p.keys.usable() {
		return nil
	}
	if why := p.fault.Load(); why != nil {
		return errors.New(*why)
	}
	return errors.New("the provider has not been asked yet")
}

// Probe asks the provider once, for a check of the configuration.
func (p *Provider) Probe(ctx context.Context) error { return p.keys.refresh(ctx, 0) }

// Issuer names the provider.
func (p *Provider) Issuer() string { return p.o.Issuer }

// fetch asks the provider where its keys are, and for them. Its first failure
// and its return are logged, and nothing between.
func (p *Provider) fetch(ctx context.Context) ([]jose.JSONWebKey, error) {
	keys, err := p.ask(ctx)
	if ctx.Err() != nil {
		return keys, err
	}
	if err != nil {
		text := err.Error()
		if p.fault.Swap(&text) == nil {
			p.o.Log.WarnContext(ctx, "OpenID provider not reached", "issuer", p.o.Issuer, "err", err)
		}
		return nil, err
	}
	if p.fault.Swap(nil) != nil {
		p.o.Log.InfoContext(ctx, "OpenID provider reached again", "issuer", p.o.Issuer)
	}
	return keys, nil
}

func (p *Provider) ask(ctx context.Context) ([]jose.JSONWebKey, error) {
	ctx = oidc.ClientContext(ctx, p.client)
	provider, err := oidc.NewProvider(ctx, p.o.Issuer)
	if err != nil {
		return nil, err
	}
	d := &discovered{}
	var where struct {
		Keys string `json:"jwks_uri"`
	}
	if err := errors.Join(provider.Claims(&d.fields), provider.Claims(&where)); err != nil {
		return nil, err
	}
	if !sameSafety(p.o.Issuer, where.Keys) {
		return nil, fmt.Errorf("jwks_uri %.200q is no safe address", where.Keys)
	}
	d.keysURL = where.Keys
	keys, err := p.askKeys(ctx, d.keysURL)
	if err == nil {
		p.found.Store(d)
	}
	return keys, err
}

func (p *Provider) askKeys(ctx context.Context, from string) ([]jose.JSONWebKey, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, err
	}
	a, err := p.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer a.Body.Close()
	if a.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", from, a.Status)
	}
	var all jose.JSONWebKeySet
	if err := json.NewDecoder(a.Body).Decode(&all); err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	return usableKeys(all.Keys)
}

// metadataFields are what desktop clients and their browsers need to sign in
// (OpenID Connect Discovery 1.0, section 3).
var metadataFields = []string{
	"issuer", "authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "end_session_endpoint",
	"revocation_endpoint", "device_authorization_endpoint", "scopes_supported", "response_types_supported",
	"response_modes_supported", "grant_types_supported", "subject_types_supported", "claims_supported",
	"id_token_signing_alg_values_supported", "token_endpoint_auth_methods_supported", "code_challenge_methods_supported",
	"prompt_values_supported", "authorization_response_iss_parameter_supported",
}

// Metadata is what the provider says of itself, as far as programs need it to
// sign in. They may register themselves only where no list of programs says
// who may. Kind Unavailable until the provider was reached.
func (p *Provider) Metadata() (map[string]json.RawMessage, error) {
	d := p.found.Load()
	if d == nil {
		return nil, errProvider(nil)
	}
	out := make(map[string]json.RawMessage)
	fields := metadataFields
	if len(p.o.Clients) == 0 {
		fields = append(fields[:len(fields):len(fields)], "registration_endpoint")
	}
	for _, name := range fields {
		if v, ok := d.fields[name]; ok {
			out[name] = v
		}
	}
	return out, nil
}

func errProvider(cause error) error {
	return &mailbox.Error{Kind: mailbox.Unavailable, Reason: mailbox.ReasonProvider, RetryAfter: 30 * time.Second, Err: cause}
}
