// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"postfach/mailbox"
)

// flowFor is how long a person has to allow a program what it asked for, and
// how long the program may then take to fetch it.
const flowFor = 20 * time.Minute

// FlowID names the sign-in of a program by way of the browser (Nextcloud's
// login flow v2): an HMAC of the token that the program asks with, so that the
// catalog holds nothing to ask with.
type FlowID [32]byte

// Flow is what a person has allowed a program. The app password is made when
// the program fetches it, so it is never kept, not even for a moment.
type Flow struct {
	ID      FlowID
	Login   string    // key of the account that allowed it
	Name    string    // of the app password to be made
	Expires time.Time //
	Taken   time.Time // when it was fetched; zero before
}

// BeginFlow answers a program that wants to be let in: the token to ask with,
// and the last part of the address of the page where a person allows it. It
// keeps nothing, so strangers can begin as many as they like.
func (a *Authenticator) BeginFlow(r *http.Request) (token, page string) {
	token = rand.Text() + rand.Text()
	id := a.flowID(token)
	from := a.flowNetwork(r)
	note := append(slices.Clone(id[:]), from[:]...)
	return token, a.secret.seal("flow", a.o.Now(), append(note, agentName(r)...))
}

func (a *Authenticator) flowID(token string) FlowID { return FlowID(a.secret.mac("flow", token)) }

// flowNetwork tells networks apart without naming them.
func (a *Authenticator) flowNetwork(r *http.Request) Digest {
	return Digest(a.secret.mac("flow-network", network(a.o.Address(r)).String())[:len(Digest{})])
}

// agentName is what a program calls itself, fit to be the name of its app
// password; "" when it does not.
func agentName(r *http.Request) string {
	name := strings.Map(func(c rune) rune {
		if unfit(c) {
			return -1
		}
		return c
	}, strings.ToValidUTF8(r.UserAgent(), ""))
	name, err := programName(strings.ToValidUTF8(name[:min(len(name), maxProgramName)], ""))
	if err != nil {
		return ""
	}
	return name
}

// FlowRequest is what a page shows about a program that wants to be let in.
type FlowRequest struct {
	Program   string // what it calls itself; "" when it does not
	Begun     time.Time
	Elsewhere bool // it was begun in another network than the page was opened

	id FlowID
}

// ReadFlow reads the last part of the page's address. A *Refusal of kind
// NotFound says that it is over, or was never handed out.
func (a *Authenticator) ReadFlow(ctx context.Context, r *http.Request, page string) (FlowRequest, error) {
	note, at, ok := a.secret.unseal("flow", page)
	head := len(FlowID{}) + len(Digest{})
	if !ok || len(note) < head || a.o.Now().Sub(at) > flowFor {
		return FlowRequest{}, refuse(mailbox.NotFound, textFlowOver)
	}
	f := FlowRequest{Program: string(note[head:]), Begun: at, id: FlowID(note[:len(FlowID{})])}
	f.Elsewhere = Digest(note[len(FlowID{}):head]) != a.flowNetwork(r)
	_, err := a.store.Flow(ctx, f.id)
	switch {
	case err == nil:
		return f, refuse(mailbox.NotFound, textFlowOver) // once is enough
	case mailbox.KindOf(err) != mailbox.NotFound:
		return f, storeError(err)
	}
	return f, nil
}

// AllowFlow lets the program of a request fetch an app password of the
// visitor's account. A *Refusal says why not.
func (a *Authenticator) AllowFlow(ctx context.Context, r *http.Request, f FlowRequest, v Visitor, name string) error {
	name, err := programName(name)
	if err != nil {
		return err
	}
	if v.Ticket != "" || v.Actor.Account == 0 {
		return errSignIn()
	}
	return storeFault(a.dir.edit(ctx, a.visitorBy(r), func(e *editor) error {
		acc, err := e.account(v.Actor.Login)
		if err != nil {
			return err
		}
		e.by.Person = acc.Person
		if _, err := e.tx.Flow(f.id); err == nil {
			return refuse(mailbox.NotFound, textFlowOver)
		} else if mailbox.KindOf(err) != mailbox.NotFound {
			return err
		}
		all, err := e.tx.AppPasswords(acc.ID)
		if err != nil {
			return err
		}
		if err := roomForApp(all); err != nil {
			return err
		}
		allowed := Flow{ID: f.id, Login: acc.Login.Key(), Name: name, Expires: e.tx.Now().Add(flowFor)}
		if err := e.tx.PutFlow(allowed); err != nil {
			return err
		}
		r := e.record(OpAppPasswordAllow, acc, fmt.Sprintf("for %q", name))
		return e.audit(r)
	}))
}

// FetchFlow gives a program, once, the login and the app password that a person
// has allowed it. Kind NotFound: not yet, no longer, or never.
func (a *Authenticator) FetchFlow(ctx context.Context, r *http.Request, token string) (login, password string, err error) {
	if !a.o.Secure(r) {
		return "", "", mailbox.E(mailbox.Forbidden, mailbox.ReasonInsecure)
	}
	f, err := a.store.Flow(ctx, a.flowID(token))
	if err != nil {
		return "", "", storeError(err)
	}
	c, err := a.store.Credentials(ctx, f.Login)
	if err != nil {
		return "", "", storeError(err)
	}
	if !c.admits((&verified{cred: c}).at(a.o.Now()), a.o.Address(r)) {
		return "", "", mailbox.E(mailbox.NotFound, mailbox.ReasonNotFound)
	}
	password = newCode(appCode)
	err = a.dir.edit(ctx, a.visitorBy(r), func(e *editor) error {
		f, err := e.tx.Flow(f.ID)
		if err != nil {
			return err
		}
		if !f.Taken.IsZero() || !e.tx.Now().Before(f.Expires) {
			return mailbox.E(mailbox.NotFound, mailbox.ReasonNotFound)
		}
		acc, err := e.account(f.Login)
		if err != nil {
			return err
		}
		e.by.Person = acc.Person
		if _, err := e.addAppPassword(acc, f.Name, password, "; allowed in the browser"); err != nil {
			return err
		}
		login, f.Taken = string(acc.Login), e.tx.Now()
		return e.tx.PutFlow(f)
	})
	return login, password, storeFault(err)
}

// AddAppPassword makes an app password for a program that signed in by the own
// password. Kind Forbidden for one that has an app password already, since a
// lost one must not make others, and for an access token, which would outlive
// itself.
func (a *Authenticator) AddAppPassword(ctx context.Context, r *http.Request, p Program) (string, error) {
	if p.App != 0 || p.Bearer {
		return "", mailbox.E(mailbox.Forbidden, mailbox.ReasonNotAllowed)
	}
	name := agentName(r)
	if name == "" {
		name = "WebDAV"
	}
	by := a.visitorBy(r)
	by.Person = p.Actor.Person
	_, password, err := a.dir.AddAppPassword(ctx, by, p.Actor.Login, name)
	return password, storeFault(err)
}

// DropAppPassword ends the app password that a program signed in by. Kind
// Forbidden when it used the own password.
func (a *Authenticator) DropAppPassword(ctx context.Context, r *http.Request, p Program) error {
	if p.App == 0 {
		return mailbox.E(mailbox.Forbidden, mailbox.ReasonNotAllowed)
	}
	by := a.visitorBy(r)
	by.Person = p.Actor.Person
	return storeFault(a.dir.RevokeAppPassword(ctx, by, p.Actor.Login, p.App))
}
