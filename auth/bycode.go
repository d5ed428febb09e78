// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"net/netip"

	"postfach/mailbox"
)

// byCode looks for a code that the server made up: an app password, or the
// one-time password of a letter. nil without an error says that it is none of
// this account, so that the password path goes on as for any other password;
// a code costs no hash and is never a guess, whatever has become of it, so a
// program that goes on with a revoked one pauses nobody.
func (a *Authenticator) byCode(ctx context.Context, login Login, code CodeHash, m mark, addr netip.Addr) (*verified, error) {
	epoch, err := a.epoch.current(ctx)
	if err != nil {
		return nil, err
	}
	cred, err := a.store.Credentials(ctx, login.Key())
	if err != nil {
		if mailbox.KindOf(err) == mailbox.NotFound {
			return nil, nil
		}
		return nil, storeError(err)
	}
	e := &verified{cred: cred, epoch: epoch, until: a.o.Now().Add(cacheFor)}
	admitted := cred.admits(e.at(a.o.Now()), addr)
	for _, p := range cred.Apps {
		if !p.Hash.is(code) {
			continue
		}
		if !p.Valid() || !admitted {
			return nil, errSignIn()
		}
		e.app = p.ID
		a.good.put(m, e)
		return e, nil
	}
	if cred.OneTime.IsZero() || !cred.OneTime.Hash.is(code) {
		return nil, nil
	}
	return nil, a.oneTime(cred.OneTime, admitted)
}

// oneTime says what has become of a one-time password that was right. Whoever
// holds the letter may know: a used one may mean that somebody else was first.
func (a *Authenticator) oneTime(o OneTime, admitted bool) error {
	switch {
	case !admitted:
		return errSignIn()
	case !o.Used.IsZero():
		return mailbox.E(mailbox.Unauthenticated, mailbox.ReasonOneTimeUsed)
	case !a.o.Now().Before(o.Expires):
		return mailbox.E(mailbox.Unauthenticated, mailbox.ReasonOneTimeOver)
	}
	return mailbox.E(mailbox.Unauthenticated, mailbox.ReasonOwnPassword)
}
