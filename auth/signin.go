// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"fmt"
	"net/netip"

	"postfach/mailbox"
)

// attempt is one sign-in by password.
type attempt struct {
	login     Login
	password  string
	key       AttemptKey
	addr      netip.Addr
	epoch     int64
	good, bad mark
}

// check hashes the password. Every failure costs two hashes, whether the
// account exists or not, has had another password or not, is disabled, closed
// or called from elsewhere: time tells nothing.
func (a *Authenticator) check(ctx context.Context, t attempt, failures Attempts) (*verified, error) {
	cred, err := a.store.Credentials(ctx, t.login.Key())
	known := err == nil
	if err != nil && mailbox.KindOf(err) != mailbox.NotFound {
		return nil, storeError(err)
	}
	e := &verified{cred: cred, epoch: t.epoch}
	v := e.at(a.o.Now())
	if err := a.turns.take(ctx, t.key.Network); err != nil {
		return nil, err
	}
	ok := a.orDummy(cred.Account.Password).matches(t.password) && cred.Account.Password != "" && known && cred.admits(v, t.addr)
	former := false
	if !ok {
		former = a.orDummy(cred.Account.Former).matches(t.password) && cred.Account.Former != ""
	}
	a.turns.done()

	if ok {
		a.accept(ctx, t, e, failures)
		return e, nil
	}
	a.bad.put(t.bad, wrong{epoch: t.epoch, until: a.o.Now().Add(wrongFor)})
	if former {
		return nil, errSignIn()
	}
	return nil, a.refuse(ctx, t, cred)
}

func (a *Authenticator) orDummy(h PHC) PHC {
	if h == "" {
		return a.dummy
	}
	return h
}

// dummyHash costs what a real one costs and belongs to no password.
func dummyHash() PHC {
	p := params{memory: argonMemory, time: argonTime, salt: make([]byte, saltBytes), hash: make([]byte, hashBytes)}
	return p.format()
}

// accept remembers verified credentials and forgets the failures before them.
// When the store cannot write (a full disk) they stay counted, which is the
// strict side, and the sign-in goes on.
func (a *Authenticator) accept(ctx context.Context, t attempt, e *verified, failures Attempts) {
	if !failures.IsZero() {
		err := a.store.UpdateAccounts(ctx, func(tx Tx) error { return tx.PutAttempts(t.key, Attempts{}) })
		if err != nil {
			a.o.Log.WarnContext(ctx, "failed sign-ins stay counted", "account", int64(e.cred.Account.ID), "err", err)
		}
	}
	e.until = a.o.Now().Add(cacheFor)
	a.good.put(t.good, e)
}

// refuse counts a wrong password, also when the client has hung up meanwhile.
// The pause that may begin is told by the next attempt.
func (a *Authenticator) refuse(ctx context.Context, t attempt, cred Credentials) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.timeout)
	defer cancel()
	d := a.secret.digest(t.key.Subject, t.password)
	err := a.store.UpdateAccounts(ctx, func(tx Tx) error {
		old, err := tx.Attempts(t.key)
		if err != nil {
			return err
		}
		next, counted := old.fail(d, tx.Now())
		if !counted {
			return nil
		}
		if err := tx.PutAttempts(t.key, next); err != nil {
			return err
		}
		if p := next.pause(tx.Now()); p > 0 && cred.Account.ID != 0 {
			return tx.Audit(pauseRecord(t, cred, next, fmt.Sprint(p)))
		}
		return nil
	})
	if err != nil {
		return storeError(err)
	}
	a.o.Log.InfoContext(ctx, "sign-in refused", "address", t.addr.String(), "account", int64(cred.Account.ID))
	return errSignIn()
}

// pauseRecord tells the auditor that somebody guesses at an account that
// exists. Guesses at others are counted with the strangers.
func pauseRecord(t attempt, cred Credentials, next Attempts, pause string) mailbox.Record {
	return mailbox.Record{
		Person:    cred.Person.ID,
		Account:   cred.Account.ID,
		Operation: mailbox.OpSignInPaused,
		Result:    "429",
		Detail: mailbox.Detail{
			Name:    string(cred.Account.Login),
			Address: t.addr.String(),
			Text:    fmt.Sprintf("wrong passwords: %d; network: %s; pause: %s", next.Count, t.key.Network, pause),
		},
	}
}
