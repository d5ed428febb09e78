// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net/http"
	"strings"

	"postfach/auth"
	"postfach/mailbox"
)

type entryReturn struct {
	Member string `arg:"" help:"Member number."`
	Path   string `arg:"" help:"Path of the document in the outbox, such as /Postausgang/Bescheid.pdf."`
	As     string `required:"" placeholder:"LOGIN" help:"The reviewer's account. A return is the act of a person, so it takes that person's password."`
	Reason string `required:"" placeholder:"TEXT" help:"Why, for the mail to the author."`
	secret
	ordered
}

func (c *entryReturn) Run(e *env) error {
	if !c.given() {
		return misuse("give --password-stdin or --password-file")
	}
	by, err := c.by(e)
	if err != nil {
		return err
	}
	password, err := c.read(e)
	if err != nil {
		return err
	}
	a, err := e.open()
	if err != nil {
		return err
	}
	defer a.done(e)
	actor, err := signIn(e, a, c.As, password)
	if err != nil {
		return err
	}
	actor.Via = mailbox.Via{Door: "cli", UserAgent: strings.TrimSpace("system user " + by.System + " " + by.Order)}
	path := mailbox.ParsePath("/" + c.Member + "/" + strings.TrimPrefix(c.Path, "/"))
	moved, err := a.service.Return(e.ctx, actor, path, c.Reason)
	if err != nil {
		a.service.Refused(actor, "return", path.String(), err)
		a.flush(e)
		return err
	}
	e.say("%s was sent back to its author as %s", c.Path, moved.Path)
	return nil
}

// signIn checks a password as the doors do: with pauses after wrong ones.
func signIn(e *env, a *app, login, password string) (mailbox.Actor, error) {
	authenticator, err := auth.New(e.ctx, a.catalog, auth.Options{Secure: func(*http.Request) bool { return true }, Log: a.log})
	if err != nil {
		return mailbox.Actor{}, err
	}
	r, err := http.NewRequestWithContext(e.ctx, http.MethodGet, "/", nil)
	if err != nil {
		return mailbox.Actor{}, err
	}
	r.RemoteAddr = "127.0.0.1:0"
	r.SetBasicAuth(login, password)
	return authenticator.Authenticate(e.ctx, r)
}

// flush writes the records that the service gathers while it runs.
func (a *app) flush(e *env) {
	over, cancel := context.WithCancel(context.WithoutCancel(e.ctx))
	cancel()
	a.service.Run(over)
}
