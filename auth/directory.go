// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"fmt"

	"postfach/mailbox"
)

// Directory administers accounts. Each order is one transaction with its audit
// records; what was ordered already is no change and leaves no record. Errors
// of type *Refusal say in words why an order cannot be carried out.
type Directory struct{ store Store }

// NewDirectory administers the accounts of s.
func NewDirectory(s Store) *Directory { return &Directory{store: s} }

// AddAccount makes an account with its person and grants. An account for
// somebody with the same name and e-mail address as a known person belongs to
// that person. It takes the time of one password hash.
func (d *Directory) AddAccount(ctx context.Context, by By, n NewAccount) error {
	n, err := n.check()
	if err != nil {
		return err
	}
	var hash PHC
	if n.Password != "" {
		if hash, err = hashPassword(n.Password); err != nil {
			return err
		}
	}
	return d.edit(ctx, by, func(e *editor) error { return e.add(n, hash) })
}

// SetAccount changes an account, and its person for all of that person's
// accounts.
func (d *Directory) SetAccount(ctx context.Context, by By, login string, c Change) error {
	return d.editAccount(ctx, by, login, func(e *editor, a Account) error { return e.set(a, c) })
}

// Disable ends all sign-ins of an account, on every node within five seconds.
func (d *Directory) Disable(ctx context.Context, by By, login string) error {
	return d.setDisabled(ctx, by, login, true, mailbox.OpDisable)
}

// Enable lets a disabled account sign in again.
func (d *Directory) Enable(ctx context.Context, by By, login string) error {
	return d.setDisabled(ctx, by, login, false, mailbox.OpEnable)
}

func (d *Directory) setDisabled(ctx context.Context, by By, login string, to bool, op mailbox.Operation) error {
	return d.editAccount(ctx, by, login, func(e *editor, a Account) error {
		if a.Disabled == to {
			return nil
		}
		a.Disabled = to
		return e.putAccount(a, op, "")
	})
}

// SetPassword gives an account a new password, which ends its pauses. It takes
// the time of one hash.
func (d *Directory) SetPassword(ctx context.Context, by By, login, password string) error {
	hash, err := hashPassword(password)
	if err != nil {
		return err
	}
	return d.editAccount(ctx, by, login, func(e *editor, a Account) error { return e.setPassword(a, hash) })
}

// Unlock ends the pauses of an account in every network and forgets its wrong
// passwords. It says from how many networks there were any.
func (d *Directory) Unlock(ctx context.Context, by By, login string) (int, error) {
	var n int
	err := d.editAccount(ctx, by, login, func(e *editor, a Account) error {
		var err error
		if n, err = e.tx.ClearAttempts(e.secret.subject(a.Login.Key())); err != nil || n == 0 {
			return err
		}
		return e.audit(e.record(mailbox.OpUnlockLogin, a, fmt.Sprintf("networks: %d", n)))
	})
	return n, err
}

// Grant gives an account a role, or changes the dates and the responsibility
// of a grant of that role and member that has not ended.
func (d *Directory) Grant(ctx context.Context, by By, login string, g GrantSpec) error {
	return d.editAccount(ctx, by, login, func(e *editor, a Account) error { return e.grant(a, []GrantSpec{g}) })
}

// Revoke ends the account's grants of a role for a member ("all" or "" for one
// that names none) now; those of other members stay.
func (d *Directory) Revoke(ctx context.Context, by By, login string, role mailbox.Role, member string) error {
	return d.editAccount(ctx, by, login, func(e *editor, a Account) error { return e.revoke(a, role, member) })
}

// Show gives an account. A *Refusal of kind NotFound says that there is none.
func (d *Directory) Show(ctx context.Context, login string) (Credentials, error) {
	c, err := d.store.Credentials(ctx, Login(login).Key())
	if err != nil && mailbox.KindOf(err) == mailbox.NotFound {
		return c, refuse(mailbox.NotFound, textNoAccount, login)
	}
	return c, err
}

// List pages through accounts by Login.Key, after the given key ("" to begin),
// at most limit: all of them, or those with any grant that names the member.
func (d *Directory) List(ctx context.Context, member mailbox.MemberID, after string, limit int) ([]Credentials, error) {
	return d.store.ListAccounts(ctx, member, after, limit)
}
