// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"postfach/auth"
	"postfach/config"
	"postfach/dav"
	"postfach/server"
)

// newProvider is the OpenID provider whose tokens are accepted; nil for none.
func newProvider(c config.Config, log *slog.Logger) (*auth.Provider, error) {
	o := c.OIDC
	if o.Issuer == "" {
		return nil, nil
	}
	roots, err := readRoots(o.CA)
	if err != nil {
		return nil, err
	}
	return auth.NewProvider(auth.ProviderOptions{Issuer: o.Issuer, Audiences: o.Audiences, Clients: o.Clients, LoginClaim: o.LoginClaim,
		Scope: o.Scope, Algorithms: o.Algorithms, MaxAge: o.MaxAge, Roots: roots, Log: log}), nil
}

// bearerOffer says which 401s offer access tokens: those to sync clients, where
// there is a provider that they are to be told of.
func bearerOffer(c config.Config) func(*http.Request) bool {
	if c.OIDC.Issuer == "" || !c.OIDC.Challenge {
		return nil
	}
	return dav.ForSyncClients
}

// registerProvider exposes whether tokens can be judged. Uploads do not depend
// on it.
func registerProvider(r *prometheus.Registry, p *auth.Provider) server.Check {
	r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "postfach_oidc_ready",
		Help: "1 when access tokens can be judged; absent without a provider."}, func() float64 {
		if p.Ready() != nil {
			return 0
		}
		return 1
	}))
	return server.Check{Name: "oidc", Ask: func(context.Context) error { return p.Ready() }, Beside: true}
}

// checkProvider asks the provider for its keys.
func checkProvider(ctx context.Context, c config.Config) []finding {
	const part = "openid provider"
	if c.OIDC.Issuer == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	p, err := newProvider(c, quiet)
	if err != nil {
		return []finding{found(part, gradeCritical, err.Error())}
	}
	if err := p.Probe(ctx); err != nil { // passwords and known keys go on
		return []finding{found(part, gradeWarning, err.Error())}
	}
	return []finding{found(part, gradeOK, c.OIDC.Issuer)}
}
