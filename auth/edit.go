// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"postfach/mailbox"
)

// editor is one order being carried out.
type editor struct {
	tx      Tx
	by      By
	secret  secret
	members map[string]mailbox.Member // looked up in this transaction, by number
	changes int                       // records written
}

func (d *Directory) edit(ctx context.Context, by By, fn func(*editor) error) error {
	key, err := d.store.AuthSecret(ctx)
	if err != nil {
		return err
	}
	return d.store.UpdateAccounts(ctx, func(tx Tx) error {
		return fn(&editor{tx: tx, by: by, secret: key, members: make(map[string]mailbox.Member)})
	})
}

func (d *Directory) editAccount(ctx context.Context, by By, login string, fn func(*editor, Account) error) error {
	return d.edit(ctx, by, func(e *editor) error {
		a, err := e.account(login)
		if err != nil {
			return err
		}
		return fn(e, a)
	})
}

// account finds an account by its login.
func (e *editor) account(login string) (Account, error) {
	a, err := e.tx.AccountByLogin(Login(login).Key())
	if err != nil && mailbox.KindOf(err) == mailbox.NotFound {
		return a, refuse(mailbox.NotFound, textNoAccount, login)
	}
	return a, err
}

// record begins the audit record of an order about an account. A command has no
// account of its own; its records name the account and person concerned, and
// the operating-system user in the detail.
func (e *editor) record(op mailbox.Operation, a Account, change string) mailbox.Record {
	r := mailbox.Record{
		Person: e.by.Person, Account: a.ID, Operation: op, Result: "ok", RequestID: e.by.Via.RequestID,
		Detail: mailbox.Detail{
			Name: string(a.Login), Text: change, Order: e.by.Order, System: e.by.System,
			Door: e.by.Via.Door, UserAgent: e.by.Via.UserAgent, Means: e.by.Via.Means,
		},
	}
	if r.Person == 0 {
		r.Person = a.Person
	}
	if e.by.Via.Address.IsValid() {
		r.Detail.Address = e.by.Via.Address.String()
	}
	return r
}

func (e *editor) audit(r mailbox.Record) error {
	e.changes++
	return e.tx.Audit(r)
}

// putAccount stores an existing account and records the change.
func (e *editor) putAccount(a Account, op mailbox.Operation, change string) error {
	if _, err := e.tx.PutAccount(a); err != nil {
		return err
	}
	return e.audit(e.record(op, a, change))
}

// add makes a checked account.
func (e *editor) add(n NewAccount, hash PHC) error {
	a := Account{
		Login: Login(n.Login), Kind: n.Kind, Layout: n.Layout, Password: hash, Created: e.tx.Now(),
		Networks: n.Networks, ReleaseDirect: n.ReleaseDirect,
	}
	if _, err := e.tx.AccountByLogin(a.Login.Key()); err == nil {
		return refuse(mailbox.Exists, textAccountExists, n.Login)
	} else if mailbox.KindOf(err) != mailbox.NotFound {
		return err
	}
	if hash != "" {
		a.PasswordChanged = a.Created
	}
	if a.Layout == "" {
		var grants []mailbox.Grant
		for _, s := range n.Grants {
			g, err := e.resolve(s)
			if err != nil {
				return err
			}
			grants = append(grants, g)
		}
		a.Layout = layoutFor(grants)
	}
	if a.ReleaseDirect && len(n.Grants) == 0 {
		return refuse(mailbox.Conflict, textReleaseDirect)
	}
	var err error
	if a.Person, err = e.person(n.Person); err != nil {
		return err
	}
	if a.ID, err = e.tx.PutAccount(a); err != nil {
		return err
	}
	// Guesses at this login from before it existed do not pause it.
	if _, err = e.tx.ClearAttempts(e.secret.subject(a.Login.Key())); err != nil {
		return err
	}
	change := fmt.Sprintf("account %d, kind=%s layout=%s networks=%s release-direct=%t password=%t",
		a.ID, a.Kind, a.Layout, networksText(a.Networks), a.ReleaseDirect, hash != "")
	if err := e.audit(e.record(mailbox.OpAccountAdd, a, change)); err != nil {
		return err
	}
	return e.grant(a, n.Grants)
}

// set carries out a change of an account.
func (e *editor) set(a Account, c Change) error {
	if err := e.setPerson(a, c); err != nil {
		return err
	}
	var changes []string
	if c.Layout != nil && *c.Layout != a.Layout {
		if err := checkLayout(*c.Layout); err != nil {
			return err
		}
		changes = append(changes, fmt.Sprintf("layout: %s → %s", a.Layout, *c.Layout))
		a.Layout = *c.Layout
	}
	if c.Networks != nil && !slices.Equal(*c.Networks, a.Networks) {
		changes = append(changes, fmt.Sprintf("networks: %s → %s", networksText(a.Networks), networksText(*c.Networks)))
		a.Networks = *c.Networks
	}
	if c.ReleaseDirect != nil && *c.ReleaseDirect != a.ReleaseDirect {
		changes = append(changes, fmt.Sprintf("release-direct: %t → %t", a.ReleaseDirect, *c.ReleaseDirect))
		a.ReleaseDirect = *c.ReleaseDirect
	}
	if c.DAVPassword != nil && *c.DAVPassword == a.NoDAVPassword {
		changes = append(changes, fmt.Sprintf("dav-password: %t → %t", !a.NoDAVPassword, *c.DAVPassword))
		a.NoDAVPassword = !*c.DAVPassword
	}
	if c.External != nil && *c.External != a.External {
		if err := e.freeExternal(*c.External); err != nil {
			return err
		}
		changes = append(changes, fmt.Sprintf("external: %q → %q", a.External, *c.External))
		a.External = *c.External
	}
	if len(changes) == 0 {
		return nil
	}
	if err := checkMachine(a.Kind, a.Networks, a.ReleaseDirect); err != nil {
		return err
	}
	held, err := e.tx.Grants(a.ID)
	if err != nil {
		return err
	}
	if err := checkGrants(a.Layout, a.ReleaseDirect, held); err != nil {
		return err
	}
	return e.putAccount(a, mailbox.OpAccountSet, strings.Join(changes, "; "))
}

func (e *editor) setPassword(a Account, hash PHC) error {
	a.Former, a.Password, a.PasswordChanged = a.Password, hash, e.tx.Now()
	if o, err := e.tx.OneTime(a.ID); err != nil {
		return err
	} else if !o.IsZero() { // the letter is no longer needed
		if err := e.tx.PutOneTime(a.ID, OneTime{}); err != nil {
			return err
		}
	}
	if _, err := e.tx.ClearAttempts(e.secret.subject(a.Login.Key())); err != nil {
		return err
	}
	return e.putAccount(a, mailbox.OpPassword, "")
}

func networksText(list []netip.Prefix) string {
	if len(list) == 0 {
		return "-"
	}
	out := make([]string, len(list))
	for i, p := range list {
		out[i] = p.String()
	}
	return strings.Join(out, ",")
}
