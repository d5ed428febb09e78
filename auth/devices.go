// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"encoding/binary"
	"net/http"
	"time"

	"postfach/mailbox"
)

// devicesFor is how long a page with the app passwords of an account may stay
// open.
const devicesFor = 15 * time.Minute

// Devices are the app passwords with which programs of an account come in, as
// its person sees them.
type Devices struct {
	Actor  mailbox.Actor
	Valid  []AppPassword // by id
	Ticket string        // for the next request of the page
}

// OpenDevices gives a visitor the ticket of the page. It is bound to the own
// password, so it ends with that. Kind Unauthenticated for a visitor with a
// one-time password.
func (a *Authenticator) OpenDevices(ctx context.Context, r *http.Request, v Visitor) (Devices, error) {
	if v.Ticket != "" || v.Actor.Account == 0 {
		return Devices{}, errSignIn()
	}
	c, err := a.store.Credentials(ctx, Login(v.Actor.Login).Key())
	if err != nil {
		return Devices{}, storeError(err)
	}
	return a.devices(r, c), nil
}

// EndDevice ends one app password of the ticket's account and gives the others.
// A *Refusal of kind NotFound, with the others, says that there was none; of
// kind Conflict, alone, that the ticket is over.
func (a *Authenticator) EndDevice(ctx context.Context, r *http.Request, ticket string, id AppPasswordID) (Devices, error) {
	c, err := a.deviceAccount(ctx, r, ticket)
	if err != nil {
		return Devices{}, err
	}
	by := a.visitorBy(r)
	by.Person, by.Via.Means = c.Person.ID, "password"
	ended := storeFault(a.dir.RevokeAppPassword(ctx, by, string(c.Account.Login), id))
	if c, err = a.store.Credentials(ctx, c.Account.Login.Key()); err != nil {
		return Devices{}, storeError(err)
	}
	return a.devices(r, c), ended
}

func (a *Authenticator) devices(r *http.Request, c Credentials) Devices {
	d := Devices{Actor: a.actor(&verified{cred: c}, r)}
	for _, p := range c.Apps {
		if p.Valid() {
			d.Valid = append(d.Valid, p)
		}
	}
	note := binary.BigEndian.AppendUint64(nil, uint64(c.Account.PasswordChanged.UnixMicro()))
	d.Ticket = a.secret.seal("devices", a.o.Now(), append(note, c.Account.Login.Key()...))
	return d
}

// deviceAccount reads a ticket. The account must still be one that may sign in
// with the same password.
func (a *Authenticator) deviceAccount(ctx context.Context, r *http.Request, ticket string) (Credentials, error) {
	if !a.o.Secure(r) {
		return Credentials{}, mailbox.E(mailbox.Forbidden, mailbox.ReasonInsecure)
	}
	note, at, ok := a.secret.unseal("devices", ticket)
	if age := a.o.Now().Sub(at); !ok || len(note) < 8 || age > devicesFor {
		return Credentials{}, refuse(mailbox.Conflict, textPageOver)
	}
	c, err := a.store.Credentials(ctx, string(note[8:]))
	if err != nil {
		return Credentials{}, storeError(err)
	}
	e := &verified{cred: c}
	if uint64(c.Account.PasswordChanged.UnixMicro()) != binary.BigEndian.Uint64(note) || c.Account.Password == "" ||
		!c.admits(e.at(a.o.Now()), a.o.Address(r)) {
		return Credentials{}, refuse(mailbox.Conflict, textPageOver)
	}
	return c, nil
}
