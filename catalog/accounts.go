// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"postfach/auth"
	"postfach/mailbox"
)

var (
	_ auth.Store = tables{}
	_ auth.Tx    = (*tx)(nil)
)

const (
	personColumns = "p.id, p.name, p.email, p.language, p.address"
	personWidth   = 5

	selectPerson         = "SELECT " + personColumns + " FROM persons p WHERE p.id = $1"
	selectPersonsByEmail = "SELECT " + personColumns + " FROM persons p WHERE p.email_key = $1 AND p.email_key <> '' ORDER BY p.id"
	insertPerson         = "INSERT INTO persons (name, email, email_key, language, address) VALUES ($1, $2, $3, $4, $5) RETURNING id"
	updatePerson         = "UPDATE persons SET name = $2, email = $3, email_key = $4, language = $5, address = $6 WHERE id = $1"

	accountColumns = `a.id, a.login, a.person, a.kind, a.layout, a.password, a.former, a.password_changed, a.disabled,
		a.created, a.networks, a.release_direct, a.no_dav_password, a.external`
	accountWidth = 14

	selectCredentials = "SELECT " + accountColumns + ", " + personColumns +
		" FROM accounts a JOIN persons p ON p.id = a.person "
	selectByLogin     = selectCredentials + "WHERE a.login_key = $1"
	selectByExternal  = selectCredentials + "WHERE a.external = $1 AND a.external <> ''"
	selectAccounts    = selectCredentials + "WHERE a.login_key > $1 ORDER BY a.login_key LIMIT $2"
	selectAccountsFor = selectCredentials + `WHERE a.login_key > $1
		AND EXISTS (SELECT 1 FROM grants g WHERE g.account = a.id AND g.member = $3) ORDER BY a.login_key LIMIT $2`

	insertAccount = `INSERT INTO accounts (login, login_key, person, kind, layout, password, former, password_changed,
			disabled, created, networks, release_direct, no_dav_password, external)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
		ON CONFLICT (login_key) DO NOTHING RETURNING id`
	updateAccount = `UPDATE accounts SET login = $2, login_key = $3, person = $4, kind = $5, layout = $6, password = $7,
			former = $8, password_changed = $9, disabled = $10, created = $11, networks = $12, release_direct = $13,
			no_dav_password = $14, external = $15
		WHERE id = $1`
	// putLoginKey changes nothing when the key was given to another account.
	putLoginKey = `INSERT INTO login_keys (login_key, account) VALUES ($1, $2)
		ON CONFLICT (login_key) DO UPDATE SET account = $2 WHERE login_keys.account = $2`

	selectGrants = `SELECT g.account, g.id, g.role, g.member, m.number, g.valid_from, g.valid_until, g.responsible,
			m.closed_on
		FROM grants g LEFT JOIN members m ON m.id = g.member
		WHERE g.account IN (SELECT value FROM json_each($1)) ORDER BY g.id`
	insertGrant = `INSERT INTO grants (account, role, member, valid_from, valid_until, responsible)
		VALUES ($1, $2, $3, $4, $5, $6) RETURNING id`
	updateGrant = `UPDATE grants SET account = $2, role = $3, member = $4, valid_from = $5, valid_until = $6,
			responsible = $7
		WHERE id = $1`
)

func scanPerson(r tuple, i int) auth.Person {
	return auth.Person{
		ID: mailbox.PersonID(r.Int(i)), Name: r.Text(i + 1), Email: r.Text(i + 2), Language: r.Same(i + 3), Address: r.Text(i + 4),
	}
}

func scanAccount(r tuple, i int) (auth.Account, error) {
	a := auth.Account{
		ID: mailbox.AccountID(r.Int(i)), Login: auth.Login(r.Text(i + 1)), Person: mailbox.PersonID(r.Int(i + 2)),
		Kind: mailbox.AccountKind(r.Same(i + 3)), Layout: mailbox.Layout(r.Same(i + 4)),
		Password: auth.PHC(r.Text(i + 5)), Former: auth.PHC(r.Text(i + 6)), PasswordChanged: r.Time(i + 7),
		Disabled: r.Bool(i + 8), Created: r.Time(i + 9), ReleaseDirect: r.Bool(i + 11), NoDAVPassword: r.Bool(i + 12),
		External: auth.External(r.Text(i + 13)),
	}
	for text := range strings.FieldsSeq(r.Text(i + 10)) {
		p, err := netip.ParsePrefix(text)
		if err != nil { // without the network, the account could come from anywhere
			return a, fmt.Errorf("networks of account %d: %w", a.ID, err)
		}
		a.Networks = append(a.Networks, p)
	}
	return a, nil
}

func scanHeld(r tuple) auth.Held {
	return auth.Held{
		Grant: mailbox.Grant{
			Account: mailbox.AccountID(r.Int(0)), ID: r.Int(1), Role: mailbox.Role(r.Same(2)),
			Member: mailbox.MemberID(r.Int(3)), Number: r.Text(4), From: r.Time(5), Until: r.Time(6), Responsible: r.Bool(7),
		},
		ClosedOn: r.Time(8),
	}
}

// credentials runs a query over selectCredentials and adds the grants.
func (r *reader) credentials(sql string, args ...any) ([]auth.Credentials, error) {
	var all []auth.Credentials
	var ids []mailbox.AccountID
	at := map[mailbox.AccountID]int{}
	err := r.each(sql, func(row tuple) error {
		a, err := scanAccount(row, 0)
		at[a.ID] = len(all)
		ids = append(ids, a.ID)
		all = append(all, auth.Credentials{Account: a, Person: scanPerson(row, accountWidth)})
		return err
	}, args...)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	err = r.each(selectGrants, func(row tuple) error {
		h := scanHeld(row)
		c := &all[at[h.Account]]
		c.Grants = append(c.Grants, h)
		return nil
	}, list(ids))
	if err == nil {
		err = r.access(ids, func(id mailbox.AccountID) *auth.Credentials { return &all[at[id]] })
	}
	return all, err
}

// Credentials finds an account by its login key.
func (s tables) Credentials(ctx context.Context, key string) (auth.Credentials, error) {
	return s.credentials(ctx, selectByLogin, key)
}

// CredentialsOf finds the account that is linked to a provider's.
func (s tables) CredentialsOf(ctx context.Context, x auth.External) (auth.Credentials, error) {
	return s.credentials(ctx, selectByExternal, string(x))
}

func (s tables) credentials(ctx context.Context, sql, key string) (c auth.Credentials, err error) {
	err = s.read(ctx, func(r *reader) error {
		found, err := r.credentials(sql, key)
		if err == nil && len(found) == 0 {
			return notFound("account", key)
		}
		if err == nil {
			c = found[0]
		}
		return err
	})
	return c, err
}

// ListAccounts pages through accounts by login key.
func (s tables) ListAccounts(ctx context.Context, m mailbox.MemberID, after string, limit int) (all []auth.Credentials, err error) {
	err = s.read(ctx, func(r *reader) (err error) {
		if m == 0 {
			all, err = r.credentials(selectAccounts, after, int64(limit))
		} else {
			all, err = r.credentials(selectAccountsFor, after, int64(limit), int64(m))
		}
		return err
	})
	return all, err
}

// UpdateAccounts runs fn in a transaction.
func (s tables) UpdateAccounts(ctx context.Context, fn func(auth.Tx) error) error {
	return s.write(ctx, holdAccounts(), func(t *tx) error { return fn(t) })
}

// Person finds a person by id.
func (r *reader) Person(id mailbox.PersonID) (p auth.Person, err error) {
	found, err := r.one(selectPerson, func(row tuple) { p = scanPerson(row, 0) }, int64(id))
	if err == nil && !found {
		err = notFound("person", id)
	}
	return p, err
}

// PersonsByEmail gives the persons with that address, by id.
func (r *reader) PersonsByEmail(key string) (all []auth.Person, err error) {
	err = r.each(selectPersonsByEmail, func(row tuple) error {
		all = append(all, scanPerson(row, 0))
		return nil
	}, key)
	return all, err
}

// AccountByLogin finds an account by its login key.
func (r *reader) AccountByLogin(key string) (auth.Account, error) {
	return r.account(selectByLogin, key)
}

// AccountByExternal finds the account that is linked to a provider's.
func (r *reader) AccountByExternal(x auth.External) (auth.Account, error) {
	return r.account(selectByExternal, string(x))
}

func (r *reader) account(sql, key string) (a auth.Account, err error) {
	var fault error
	found, err := r.one(sql, func(row tuple) { a, fault = scanAccount(row, 0) }, key)
	switch {
	case err != nil:
		return a, err
	case !found:
		return a, notFound("account", key)
	}
	return a, fault
}

// Grants gives all grants of an account, by id.
func (r *reader) Grants(id mailbox.AccountID) (all []mailbox.Grant, err error) {
	err = r.each(selectGrants, func(row tuple) error {
		all = append(all, scanHeld(row).Grant)
		return nil
	}, list([]mailbox.AccountID{id}))
	return all, err
}

// PutPerson stores p; id 0 makes a new one.
func (t *tx) PutPerson(p auth.Person) (mailbox.PersonID, error) {
	var err error
	if p.ID == 0 {
		_, err = t.one(insertPerson, func(r tuple) { p.ID = mailbox.PersonID(r.Int(0)) },
			p.Name, p.Email, auth.EmailKey(p.Email), p.Language, p.Address)
	} else {
		err = t.change("person", p.ID, updatePerson, int64(p.ID), p.Name, p.Email, auth.EmailKey(p.Email), p.Language, p.Address)
	}
	return p.ID, t.signInsChanged(err)
}

// PutAccount stores all of a; id 0 makes a new one. The key of a login stays
// with its account for ever.
func (t *tx) PutAccount(a auth.Account) (mailbox.AccountID, error) {
	var networks []string
	for _, p := range a.Networks {
		networks = append(networks, p.String())
	}
	values := []any{
		string(a.Login), a.Login.Key(), int64(a.Person), string(a.Kind), string(a.Layout), string(a.Password),
		string(a.Former), a.PasswordChanged, a.Disabled, a.Created, strings.Join(networks, " "), a.ReleaseDirect,
		a.NoDAVPassword, string(a.External),
	}
	free, fresh := true, a.ID == 0
	var err error
	if fresh {
		free, err = t.one(insertAccount, func(r tuple) { a.ID = mailbox.AccountID(r.Int(0)) }, values...)
	}
	if err == nil && free {
		var n int64
		n, err = t.exec(putLoginKey, a.Login.Key(), int64(a.ID))
		free = n > 0
	}
	switch {
	case err != nil:
		return 0, err
	case !free:
		return 0, mailbox.Wrap(mailbox.Exists, mailbox.ReasonExists, fmt.Errorf("login %s was given before", a.Login))
	case !fresh:
		err = t.change("account", a.ID, updateAccount, append([]any{int64(a.ID)}, values...)...)
	}
	return a.ID, t.signInsChanged(err)
}

// PutGrant stores all of g but Number; id 0 makes a new one.
func (t *tx) PutGrant(g mailbox.Grant) (int64, error) {
	values := []any{int64(g.Account), string(g.Role), ref(g.Member), g.From, g.Until, g.Responsible}
	var err error
	if g.ID == 0 {
		_, err = t.one(insertGrant, func(r tuple) { g.ID = r.Int(0) }, values...)
	} else {
		err = t.change("grant", g.ID, updateGrant, append([]any{g.ID}, values...)...)
	}
	return g.ID, t.signInsChanged(err)
}

// signInsChanged moves the epoch after a change that went well.
func (t *tx) signInsChanged(err error) error {
	if err == nil {
		err = t.later(nextAuthEpoch)
	}
	return err
}
