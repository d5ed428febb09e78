// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"time"

	"postfach/mailbox"
)

// bearerFor bounds how long a verified token is not verified again. It is
// never longer than the token is valid.
const bearerFor = 5 * time.Minute

// wrongTokenFor is how long a refused token is not looked at again. It is short,
// since it may become valid by itself, or by a key that is not known yet.
const wrongTokenFor = 5 * time.Second

// bearerToken is the access token of a header (RFC 6750 section 2.1), fit or
// not.
func bearerToken(header string) (string, bool) {
	scheme, rest, _ := strings.Cut(header, " ")
	return strings.TrimSpace(rest), strings.EqualFold(scheme, "Bearer")
}

// byToken signs in by an access token of the configured provider. Accounts are
// never made by it.
func (a *Authenticator) byToken(ctx context.Context, raw string, m mark, addr netip.Addr) (*verified, error) {
	p := a.o.Provider
	if p == nil || raw == "" {
		return nil, errToken()
	}
	epoch, err := a.epoch.current(ctx)
	if err != nil {
		return nil, err
	}
	if w, ok := a.bad.get(m); ok && w.epoch == epoch && a.o.Now().Before(w.until) {
		return nil, errToken() // looked at a moment ago
	}
	from := network(addr)
	if wait := p.wrong.spent(from); wait > 0 {
		return nil, &mailbox.Error{Kind: mailbox.Paused, Reason: mailbox.ReasonTokens, RetryAfter: wait.Round(time.Second) + time.Second}
	}
	e, err := a.judge(ctx, raw, addr, epoch)
	if fault, ok := errors.AsType[*tokenFault](err); ok {
		if fault.forged {
			p.wrong.count(from)
		}
		a.bad.put(m, wrong{epoch: epoch, until: a.o.Now().Add(wrongTokenFor)})
		a.o.Log.InfoContext(ctx, "access token refused", "address", addr.String(), "why", shortened(fault.Error()))
		return nil, errToken()
	}
	if errors.Is(err, errNoKey) {
		p.wrong.count(from) // each costs a look, or the wait for another's
	}
	if err == nil {
		a.good.put(m, e)
	}
	return e, err
}

// judge verifies a token and finds its account. A *tokenFault says why it is
// refused.
func (a *Authenticator) judge(ctx context.Context, raw string, addr netip.Addr, epoch int64) (*verified, error) {
	t, err := a.o.Provider.verify(ctx, raw)
	if err != nil {
		return nil, err
	}
	cred, err := a.accountOf(ctx, t)
	if err != nil {
		return nil, err
	}
	now := a.o.Now()
	e := &verified{cred: cred, epoch: epoch, bearer: &t, until: now.Add(bearerFor)}
	if t.expires.Before(e.until) {
		e.until = t.expires
	}
	if !cred.admits(e.at(now), addr) {
		return nil, unfitToken("account %d may not sign in", cred.Account.ID)
	}
	return e, nil
}

// accountOf finds the account that a token is about: the one that is linked to
// its subject, or else the one whose login it names, unless that is linked to
// another.
func (a *Authenticator) accountOf(ctx context.Context, t token) (Credentials, error) {
	c, err := a.store.CredentialsOf(ctx, t.external)
	if err != nil && mailbox.KindOf(err) == mailbox.NotFound && t.login != "" {
		c, err = a.store.Credentials(ctx, Login(t.login).Key())
	}
	switch {
	case err == nil && t.about(c.Account):
		return c, nil
	case err == nil, mailbox.KindOf(err) == mailbox.NotFound:
		return c, unfitToken("it belongs to no account")
	}
	return c, storeError(err)
}

// about says whether the token belongs to the account as it is now.
func (t *token) about(a Account) bool {
	if a.External != "" {
		return a.External == t.external
	}
	return t.login != "" && Login(t.login).Key() == a.Login.Key()
}

// shortened keeps what a stranger wrote from filling the log.
func shortened(s string) string { return strings.ToValidUTF8(s[:min(len(s), 200)], "") }

func errToken() error { return mailbox.E(mailbox.Unauthenticated, mailbox.ReasonToken) }
