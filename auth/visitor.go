// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"net/http"
	"time"

	"postfach/mailbox"
)

// ticketFor is how long a person may think about a password of their own.
const ticketFor = 30 * time.Minute

// Visitor is who signed in at a page.
type Visitor struct {
	Actor mailbox.Actor // only Login, PersonName and Language while there is a Ticket
	// Ticket is not "" when the password was the one-time password of a letter.
	// It allows nothing but Activate.
	Ticket string
}

// SignIn checks what a person typed at a page: the own password, or the
// one-time password of a letter. Wrong ones count, pause and cost what they do
// at WebDAV. The kinds are those of Authenticate; Unauthenticated has a reason
// of this package for an app password, which no page accepts, for a machine
// account, and for a one-time password that is over.
func (a *Authenticator) SignIn(ctx context.Context, r *http.Request, login, password string) (Visitor, error) {
	if !a.o.Secure(r) {
		return Visitor{}, mailbox.E(mailbox.Forbidden, mailbox.ReasonInsecure)
	}
	if login == "" || password == "" {
		return Visitor{}, errSignIn()
	}
	header := "Basic " + base64.StdEncoding.EncodeToString([]byte(login+":"+password))
	e, err := a.enter(ctx, header, a.o.Address(r), (*verified).asVisitor)
	if ours, ok := errors.AsType[*mailbox.Error](err); ok && ours.Reason == mailbox.ReasonOwnPassword {
		return a.firstVisit(ctx, typedLogin(login), err)
	}
	if err != nil {
		return Visitor{}, err
	}
	return Visitor{Actor: a.actor(e, r)}, nil
}

// asVisitor says whether the credentials are fit for a page.
func (e *verified) asVisitor() error {
	switch {
	case e.app != 0:
		return mailbox.E(mailbox.Unauthenticated, mailbox.ReasonProgramsOnly)
	case e.cred.Account.Kind == mailbox.MachineAccount:
		return mailbox.E(mailbox.Unauthenticated, mailbox.ReasonMachine)
	}
	return nil
}

// firstVisit makes the ticket of an account whose one-time password was right.
func (a *Authenticator) firstVisit(ctx context.Context, login Login, refused error) (Visitor, error) {
	c, err := a.store.Credentials(ctx, login.Key())
	if err != nil {
		return Visitor{}, storeError(err)
	}
	if c.OneTime.IsZero() || !c.OneTime.Used.IsZero() || c.Account.Kind == mailbox.MachineAccount {
		return Visitor{}, refused // taken back in this very moment
	}
	note := binary.BigEndian.AppendUint64(nil, uint64(c.OneTime.Issued.UnixMicro()))
	return Visitor{
		Actor:  mailbox.Actor{Login: string(c.Account.Login), PersonName: c.Person.Name, Language: c.Person.Language},
		Ticket: a.secret.seal("ticket", a.o.Now(), append(note, c.Account.Login.Key()...)),
	}, nil
}

// Activate gives an account the password that its person has chosen, in the
// place of the one-time password of the letter, which is used by this (A19).
// A *Refusal says what is wrong with the password, or (Conflict) that the
// ticket is over.
func (a *Authenticator) Activate(ctx context.Context, r *http.Request, ticket, password string) (mailbox.Actor, error) {
	if !a.o.Secure(r) {
		return mailbox.Actor{}, mailbox.E(mailbox.Forbidden, mailbox.ReasonInsecure)
	}
	note, at, ok := a.secret.unseal("ticket", ticket)
	if !ok || len(note) < 8 || a.o.Now().Sub(at) > ticketFor {
		return mailbox.Actor{}, refuse(mailbox.Conflict, textTicketOver)
	}
	issued, key := int64(binary.BigEndian.Uint64(note)), string(note[8:])
	if err := CheckPassword(password); err != nil {
		return mailbox.Actor{}, err
	}
	if err := a.turns.take(ctx, network(a.o.Address(r))); err != nil {
		return mailbox.Actor{}, err
	}
	hash, err := hashPassword(password)
	a.turns.done()
	if err != nil {
		return mailbox.Actor{}, err
	}
	kind, letters, isCode := readCode(password)
	err = a.dir.edit(ctx, a.visitorBy(r), func(e *editor) error {
		acc, err := e.account(key)
		if err != nil {
			return err
		}
		o, err := e.tx.OneTime(acc.ID)
		if err != nil {
			return err
		}
		if o.IsZero() || o.Issued.UnixMicro() != issued || !o.Used.IsZero() || !e.tx.Now().Before(o.Expires) || acc.Disabled {
			return refuse(mailbox.Conflict, textTicketOver)
		}
		if isCode && e.secret.code(kind, letters).is(o.Hash) {
			return invalid(textOneTimeKept)
		}
		return e.activate(acc, o, hash)
	})
	if err != nil {
		return mailbox.Actor{}, storeFault(err)
	}
	c, err := a.store.Credentials(ctx, key)
	if err != nil {
		return mailbox.Actor{}, storeError(err)
	}
	return a.actor(&verified{cred: c}, r), nil
}

// activate ends the letter with an own password.
func (e *editor) activate(a Account, o OneTime, hash PHC) error {
	e.by.Person = a.Person
	a.Password, a.PasswordChanged = hash, e.tx.Now()
	o.Used = e.tx.Now()
	if err := e.tx.PutOneTime(a.ID, o); err != nil {
		return err
	}
	if _, err := e.tx.ClearAttempts(e.secret.subject(a.Login.Key())); err != nil {
		return err
	}
	return e.putAccount(a, mailbox.OpPassword, "chosen by the person, with the one-time password of the letter")
}

// visitorBy is who gives an order at a page or by a program, for the record;
// the person is known when the account is.
func (a *Authenticator) visitorBy(r *http.Request) By {
	return By{Via: mailbox.Via{Door: "web", Address: a.o.Address(r), UserAgent: userAgent(r), RequestID: r.Header.Get("X-Request-Id")}}
}

// storeFault leaves refusals as they are and makes other errors of the store
// fit to leave the package.
func storeFault(err error) error {
	if _, ok := errors.AsType[*Refusal](err); ok || err == nil {
		return err
	}
	return storeError(err)
}
