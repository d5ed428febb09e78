// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"time"

	"postfach/auth"
	"postfach/mailbox"
)

const (
	selectAppPasswords = `SELECT account, id, name, hash, created, used, revoked FROM app_passwords
		WHERE account IN (SELECT value FROM json_each($1)) ORDER BY id`
	insertAppPassword = `INSERT INTO app_passwords (account, name, hash, created, used, revoked)
		VALUES ($1, $2, $3, $4, 0, $5) RETURNING id`
	updateAppPassword = "UPDATE app_passwords SET account = $2, name = $3, hash = $4, created = $5, revoked = $6 WHERE id = $1"
	deleteAppPassword = "DELETE FROM app_passwords WHERE id = $1"
	usedAppPassword   = "UPDATE app_passwords SET used = $2 WHERE id = $1 AND used < $2"

	selectOneTimes = `SELECT account, hash, issued, expires, used FROM one_time_passwords
		WHERE account IN (SELECT value FROM json_each($1))`
	putOneTime = `INSERT INTO one_time_passwords (account, hash, issued, expires, used) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (account) DO UPDATE SET hash = $2, issued = $3, expires = $4, used = $5`
	deleteOneTime = "DELETE FROM one_time_passwords WHERE account = $1"

	selectFlow = "SELECT login_key, name, expires, taken FROM login_flows WHERE id = $1"
	putFlow    = `INSERT INTO login_flows (id, login_key, name, expires, taken) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (id) DO UPDATE SET login_key = $2, name = $3, expires = $4, taken = $5`
	expiredFlows = "DELETE FROM login_flows WHERE expires <= $1"
)

// access adds app passwords and one-time passwords to credentials.
func (r *reader) access(ids []mailbox.AccountID, to func(mailbox.AccountID) *auth.Credentials) error {
	err := r.each(selectAppPasswords, func(row tuple) error {
		p := scanAppPassword(row)
		c := to(p.Account)
		c.Apps = append(c.Apps, p)
		return nil
	}, list(ids))
	if err != nil {
		return err
	}
	return r.each(selectOneTimes, func(row tuple) error {
		to(mailbox.AccountID(row.Int(0))).OneTime = scanOneTime(row)
		return nil
	}, list(ids))
}

func scanAppPassword(r tuple) auth.AppPassword {
	p := auth.AppPassword{
		Account: mailbox.AccountID(r.Int(0)), ID: auth.AppPasswordID(r.Int(1)), Name: r.Text(2),
		Created: r.Time(4), Used: r.Time(5), Revoked: r.Time(6),
	}
	p.Hash = r.Sum(3)
	return p
}

func scanOneTime(r tuple) (o auth.OneTime) {
	o.Hash = r.Sum(1)
	o.Issued, o.Expires, o.Used = r.Time(2), r.Time(3), r.Time(4)
	return o
}

// AppPasswords gives those of an account by id, revoked ones too.
func (r *reader) AppPasswords(id mailbox.AccountID) (all []auth.AppPassword, err error) {
	err = r.each(selectAppPasswords, func(row tuple) error {
		all = append(all, scanAppPassword(row))
		return nil
	}, list([]mailbox.AccountID{id}))
	return all, err
}

// PutAppPassword stores all of p but Used; id 0 makes a new one.
func (t *tx) PutAppPassword(p auth.AppPassword) (auth.AppPasswordID, error) {
	values := []any{int64(p.Account), p.Name, p.Hash[:], p.Created, p.Revoked}
	var err error
	if p.ID == 0 {
		_, err = t.one(insertAppPassword, func(r tuple) { p.ID = auth.AppPasswordID(r.Int(0)) }, values...)
	} else {
		err = t.change("app password", p.ID, updateAppPassword, append([]any{int64(p.ID)}, values...)...)
	}
	return p.ID, t.signInsChanged(err)
}

// DeleteAppPassword removes one for good.
func (t *tx) DeleteAppPassword(id auth.AppPasswordID) error {
	err := t.later(deleteAppPassword, int64(id))
	return t.signInsChanged(err)
}

// UsedAppPassword notes a use, unless a later one is noted. One that was
// removed meanwhile needs none.
func (t *tx) UsedAppPassword(id auth.AppPasswordID, at time.Time) error {
	return t.later(usedAppPassword, int64(id), at)
}

// OneTime gives the one-time password of an account.
func (r *reader) OneTime(id mailbox.AccountID) (o auth.OneTime, err error) {
	_, err = r.one(selectOneTimes, func(row tuple) { o = scanOneTime(row) }, list([]mailbox.AccountID{id}))
	return o, err
}

// PutOneTime stores o, or removes what there is when o is zero.
func (t *tx) PutOneTime(id mailbox.AccountID, o auth.OneTime) error {
	var err error
	if o.IsZero() {
		err = t.later(deleteOneTime, int64(id))
	} else {
		err = t.later(putOneTime, int64(id), o.Hash[:], o.Issued, o.Expires, o.Used)
	}
	return t.signInsChanged(err)
}

// Flow finds what a person has allowed a program.
func (s tables) Flow(ctx context.Context, id auth.FlowID) (f auth.Flow, err error) {
	err = s.read(ctx, func(r *reader) (err error) {
		f, err = r.Flow(id)
		return err
	})
	return f, err
}

// Flow finds what a person has allowed a program.
func (r *reader) Flow(id auth.FlowID) (f auth.Flow, err error) {
	found, err := r.one(selectFlow, func(row tuple) {
		f = auth.Flow{ID: id, Login: row.Text(0), Name: row.Text(1), Expires: row.Time(2), Taken: row.Time(3)}
	}, id[:])
	if err == nil && !found {
		err = notFound("sign-in of a program", "asked for")
	}
	return f, err
}

// PutFlow stores f and removes those that have expired.
func (t *tx) PutFlow(f auth.Flow) error {
	if err := t.later(expiredFlows, t.at); err != nil {
		return err
	}
	return t.later(putFlow, f.ID[:], f.Login, f.Name, f.Expires, f.Taken)
}
