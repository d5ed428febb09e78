// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"postfach/mailbox"
)

const maxUserAgent = 256 // bytes kept for the audit record

// Strangers counts refused sign-ins per address and minute for the audit (I3).
type Strangers interface {
	Stranger(from netip.Addr, kind mailbox.Kind)
}

// Options of an Authenticator; the zero value serves loopback and TLS.
type Options struct {
	Secure    func(*http.Request) bool       // nil means IsSecure without proxies
	Address   func(*http.Request) netip.Addr // nil means ClientAddress without proxies
	Strangers Strangers                      // nil counts nothing
	Provider  *Provider                      // whose access tokens are accepted; nil for none
	Log       *slog.Logger                   // nil discards
	Now       func() time.Time               // nil means time.Now
}

// Authenticator turns requests into actors by HTTP Basic (RFC 7617) and, where
// a provider is configured, by access tokens (RFC 6750).
type Authenticator struct {
	store   Store
	o       Options
	secret  secret
	dummy   PHC // what unknown accounts are checked against
	marker  *marker
	good    *recent[*verified]
	bad     *recent[wrong]
	epoch   epoch
	turns   *turns
	pairs   *pairs
	uses    uses
	dir     *Directory
	timeout time.Duration // of the store, in sign-ins that outlive their client
}

// New makes an Authenticator. It needs the store's secret, so the kind is
// Unavailable when the store is.
func New(ctx context.Context, s Store, o Options) (*Authenticator, error) {
	if o.Secure == nil {
		o.Secure = func(r *http.Request) bool { return IsSecure(r, nil) }
	}
	if o.Address == nil {
		o.Address = func(r *http.Request) netip.Addr { return ClientAddress(r, nil) }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	key, err := s.AuthSecret(ctx)
	if err != nil {
		return nil, fmt.Errorf("sign-in: %w", storeError(err))
	}
	a := &Authenticator{
		store: s, o: o, secret: key, dummy: dummyHash(), marker: newMarker(),
		good: newRecent[*verified](cacheSize), bad: newRecent[wrong](cacheSize),
		turns: newTurns(hashesAtOnce, hashWait), pairs: newPairs(2 * hashWait), dir: NewDirectory(s), timeout: 5 * time.Second,
	}
	a.epoch.load, a.epoch.now = s.AuthEpoch, o.Now
	return a, nil
}

// Authenticate gives the actor of a request, with Via.Address and Via.UserAgent
// set. The grants are those in force now; the slice is shared and must not be
// changed. Kinds: Unauthenticated (alike for wrong password, unknown, disabled,
// closed and a machine from elsewhere; with a reason of this package when the
// password is right but not fit for programs), Paused and Unavailable with
// RetryAfter, Forbidden with ReasonInsecure when the connection is not fit for
// a password.
func (a *Authenticator) Authenticate(ctx context.Context, r *http.Request) (mailbox.Actor, error) {
	p, err := a.Program(ctx, r)
	return p.Actor, err
}

// Program is who signed in without a page.
type Program struct {
	Actor  mailbox.Actor
	App    AppPasswordID // 0: by the account's own password, unless
	Bearer bool          // by an access token
}

// Program is Authenticate, and says by what.
func (a *Authenticator) Program(ctx context.Context, r *http.Request) (Program, error) {
	if !a.o.Secure(r) {
		return Program{}, mailbox.E(mailbox.Forbidden, mailbox.ReasonInsecure)
	}
	header := r.Header.Get("Authorization")
	if header == "" {
		// Every client asks once without; this is no failed sign-in.
		return Program{}, errSignIn()
	}
	e, err := a.enter(ctx, header, a.o.Address(r), (*verified).asProgram)
	if err != nil {
		return Program{}, err
	}
	if e.app != 0 {
		a.uses.note(e, a.o.Now())
	}
	return Program{Actor: a.actor(e, r), App: e.app, Bearer: e.bearer != nil}, nil
}

// enter checks credentials for a door that asks for more than that they are
// right.
func (a *Authenticator) enter(ctx context.Context, header string, addr netip.Addr, fit func(*verified) error) (*verified, error) {
	m := a.marker.of(header, netip.Prefix{})
	e, err := a.remembered(ctx, m, addr, false)
	if err == nil && e == nil {
		e, err = a.signIn(ctx, header, m, addr)
	}
	if err == nil {
		err = fit(e)
	}
	if err != nil {
		if k := mailbox.KindOf(err); a.o.Strangers != nil && (k == mailbox.Unauthenticated || k == mailbox.Paused) {
			a.o.Strangers.Stranger(addr, k)
		}
		return nil, err
	}
	return e, nil
}

// asProgram says whether the credentials are fit for WebDAV.
func (e *verified) asProgram() error {
	if e.app == 0 && e.bearer == nil && e.cred.Account.NoDAVPassword {
		return mailbox.E(mailbox.Unauthenticated, mailbox.ReasonAppPassword)
	}
	return nil
}

// actor is who makes the request, at this moment.
func (a *Authenticator) actor(e *verified, r *http.Request) mailbox.Actor {
	actor := e.at(a.o.Now()).actor
	actor.Via = mailbox.Via{Address: a.o.Address(r), UserAgent: userAgent(r), Means: a.means(e)}
	return actor
}

// means is by what somebody signed in, for the record.
func (a *Authenticator) means(e *verified) string {
	switch {
	case e.bearer != nil:
		return "bearer " + a.o.Provider.o.Issuer
	case e.app != 0:
		return "app password " + strconv.FormatInt(int64(e.app), 10)
	}
	return "password"
}

func errSignIn() error { return mailbox.E(mailbox.Unauthenticated, mailbox.ReasonSignIn) }

// remembered gives credentials that were verified lately, or at any time, or
// nil. After a change of any account they are read again; if the password is
// still the one that was verified, nothing is hashed.
func (a *Authenticator) remembered(ctx context.Context, m mark, addr netip.Addr, anytime bool) (*verified, error) {
	e, ok := a.good.get(m)
	now := a.o.Now()
	if !ok || !anytime && !now.Before(e.until) {
		return nil, nil
	}
	current, err := a.epoch.current(ctx)
	if err != nil {
		return nil, err
	}
	if e.epoch != current {
		if e, err = a.renew(ctx, m, e, current); e == nil || err != nil {
			return nil, err
		}
	}
	if !e.cred.admits(e.at(now), addr) {
		return nil, nil
	}
	return e, nil
}

func (a *Authenticator) renew(ctx context.Context, m mark, e *verified, epoch int64) (*verified, error) {
	cred, err := a.store.Credentials(ctx, e.cred.Account.Login.Key())
	gone := mailbox.KindOf(err) == mailbox.NotFound
	if err != nil && !gone {
		return nil, storeError(err)
	}
	if gone || !e.holdsIn(cred) {
		a.good.drop(m)
		return nil, nil
	}
	fresh := &verified{cred: cred, app: e.app, bearer: e.bearer, epoch: epoch, until: e.until}
	a.good.put(m, fresh)
	return fresh, nil
}

// holdsIn says whether what was verified is still valid.
func (e *verified) holdsIn(c Credentials) bool {
	switch {
	case e.bearer != nil:
		return e.bearer.about(c.Account)
	case e.app == 0:
		return c.Account.Password == e.cred.Account.Password
	}
	return slices.ContainsFunc(c.Apps, func(p AppPassword) bool { return p.ID == e.app && p.Valid() })
}

// signIn checks credentials that are not remembered.
func (a *Authenticator) signIn(ctx context.Context, header string, m mark, addr netip.Addr) (*verified, error) {
	if raw, ok := bearerToken(header); ok {
		return a.byToken(ctx, raw, m, addr)
	}
	login, password, ok := parseBasic(header)
	if !ok {
		return nil, errSignIn()
	}
	if kind, letters, ok := readCode(password); ok {
		if e, err := a.byCode(ctx, login, a.secret.code(kind, letters), m, addr); e != nil || err != nil {
			return e, err
		}
	}
	key := AttemptKey{Subject: a.secret.subject(login.Key()), Network: network(addr)}
	unlock, err := a.pairs.lock(ctx, key)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if e, err := a.remembered(ctx, m, addr, false); e != nil || err != nil {
		return e, err // a parallel request was first
	}
	failures, err := a.store.Attempts(ctx, key)
	if err != nil {
		return nil, storeError(err)
	}
	if p := failures.pause(a.o.Now()); p > 0 {
		// Who was signed in works on while a neighbour guesses.
		if e, err := a.remembered(ctx, m, addr, true); e != nil || err != nil {
			return e, err
		}
		return nil, errPaused(p)
	}
	epoch, err := a.epoch.current(ctx)
	if err != nil {
		return nil, err
	}
	before := a.marker.of(header, key.Network)
	if w, ok := a.bad.get(before); ok && w.epoch == epoch && a.o.Now().Before(w.until) {
		return nil, errSignIn() // counted already
	}
	return a.check(ctx, attempt{login: login, password: password, key: key, addr: addr, epoch: epoch, good: m, bad: before}, failures)
}

func errPaused(p time.Duration) error {
	return &mailbox.Error{Kind: mailbox.Paused, Reason: mailbox.ReasonPaused, RetryAfter: p.Round(time.Second) + time.Second}
}

// parseBasic reads user and password (RFC 7617 section 2). Both are UTF-8; a
// client that sends Latin-1 gets no second try, since the password would
// depend on the guess.
func parseBasic(header string) (Login, string, bool) {
	scheme, rest, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return "", "", false
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(rest))
	if err != nil || !utf8.Valid(raw) {
		return "", "", false
	}
	user, password, ok := strings.Cut(string(raw), ":")
	// What is cut here is too long to be right in any normal form.
	user, password = user[:min(len(user), 8*maxLogin)], password[:min(len(password), 8*MaxPassword)]
	return typedLogin(user), password, ok && user != "" && password != ""
}

func userAgent(r *http.Request) string {
	s := r.UserAgent()
	if len(s) > maxUserAgent {
		s = s[:maxUserAgent]
	}
	return strings.ToValidUTF8(s, "")
}
