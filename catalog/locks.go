// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"postfach/mailbox"
)

const (
	selectLocks = `SELECT token, member, entry, account, person, holder, exclusive, infinite, owner, expires
		FROM locks WHERE member = $1 AND expires > $2 ORDER BY token`
	putLock = `INSERT INTO locks (token, member, entry, account, person, holder, exclusive, infinite, owner, expires)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (token) DO UPDATE SET member = $2, entry = $3, account = $4, person = $5, holder = $6,
			exclusive = $7, infinite = $8, owner = $9, expires = $10`
	deleteLock   = "DELETE FROM locks WHERE token = $1"
	expiredLocks = "DELETE FROM locks WHERE member = $1 AND expires <= $2"

	selectProps = `SELECT entry, space, local, xml FROM props
		WHERE entry IN (SELECT value FROM json_each($1)) ORDER BY entry, space, local`
	putProp = `INSERT INTO props (entry, space, local, xml) VALUES ($1, $2, $3, $4)
		ON CONFLICT (entry, space, local) DO UPDATE SET xml = $4`
	deleteProp = "DELETE FROM props WHERE entry = $1 AND space = $2 AND local = $3"
)

// Locks gives the unexpired locks of a mailbox.
func (r *reader) Locks(m mailbox.MemberID) ([]mailbox.Lock, error) {
	var all []mailbox.Lock
	err := r.each(selectLocks, func(row tuple) error {
		all = append(all, mailbox.Lock{
			Token: row.Text(0), Member: mailbox.MemberID(row.Int(1)), Entry: mailbox.EntryID(row.Int(2)),
			Account: mailbox.AccountID(row.Int(3)), Person: mailbox.PersonID(row.Int(4)), Holder: row.Text(5),
			Exclusive: row.Bool(6), Infinite: row.Bool(7), Owner: row.Text(8), Expires: row.Time(9),
		})
		return nil
	}, int64(m), r.at)
	return all, err
}

// PutLock stores a new or refreshed lock and clears away expired ones.
func (t *tx) PutLock(l mailbox.Lock) error {
	if err := t.later(expiredLocks, int64(l.Member), t.at); err != nil {
		return err
	}
	return t.later(putLock, l.Token, int64(l.Member), int64(l.Entry), int64(l.Account), int64(l.Person), l.Holder,
		l.Exclusive, l.Infinite, l.Owner, l.Expires)
}

// DeleteLocks ends locks; a token that is not there is no fault.
func (t *tx) DeleteLocks(tokens ...string) error {
	for _, token := range tokens {
		if err := t.later(deleteLock, token); err != nil {
			return err
		}
	}
	return nil
}

// Props gives the dead properties of entries; those without any are absent.
func (r *reader) Props(ids ...mailbox.EntryID) (map[mailbox.EntryID][]mailbox.Prop, error) {
	all := map[mailbox.EntryID][]mailbox.Prop{}
	err := r.each(selectProps, func(row tuple) error {
		id := mailbox.EntryID(row.Int(0))
		all[id] = append(all[id], mailbox.Prop{Space: row.Same(1), Local: row.Same(2), XML: row.Text(3)})
		return nil
	}, list(ids))
	return all, err
}

// SetProps stores and removes dead properties of an entry.
func (t *tx) SetProps(id mailbox.EntryID, set []mailbox.Prop, remove []mailbox.Prop) error {
	for _, p := range remove {
		if err := t.later(deleteProp, int64(id), p.Space, p.Local); err != nil {
			return err
		}
	}
	for _, p := range set {
		if err := t.later(putProp, int64(id), p.Space, p.Local, p.XML); err != nil {
			return err
		}
	}
	return nil
}
