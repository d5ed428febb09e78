// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"slices"
	"time"

	"postfach/mailbox"
)

const (
	selectLocks = `SELECT token, member, entry, account, person, holder, exclusive, infinite, owner, expires
		FROM locks WHERE member = $1 ORDER BY token`
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

func scanLock(r tuple) mailbox.Lock {
	return mailbox.Lock{
		Token: r.Text(0), Member: mailbox.MemberID(r.Int(1)), Entry: mailbox.EntryID(r.Int(2)),
		Account: mailbox.AccountID(r.Int(3)), Person: mailbox.PersonID(r.Int(4)), Holder: r.Text(5),
		Exclusive: r.Bool(6), Infinite: r.Bool(7), Owner: r.Text(8), Expires: r.Time(9),
	}
}

// unexpired keeps the locks that hold at a moment. Those that have expired are
// few: the next new one of their mailbox clears them away.
func unexpired(all []mailbox.Lock, at time.Time) []mailbox.Lock {
	return slices.DeleteFunc(all, func(l mailbox.Lock) bool { return !l.Expires.After(at) })
}

// Locks gives the unexpired locks of a mailbox.
func (r *reader) Locks(m mailbox.MemberID) ([]mailbox.Lock, error) {
	var all []mailbox.Lock
	err := r.each(selectLocks, func(row tuple) error {
		all = append(all, scanLock(row))
		return nil
	}, int64(m))
	return unexpired(all, r.at), err
}

// PutLock stores a new or refreshed lock and clears away expired ones.
func (t *tx) PutLock(l mailbox.Lock) error {
	t.forgetLocks()
	if err := t.later(expiredLocks, int64(l.Member), t.at); err != nil {
		return err
	}
	return t.later(putLock, l.Token, int64(l.Member), int64(l.Entry), int64(l.Account), int64(l.Person), l.Holder,
		l.Exclusive, l.Infinite, l.Owner, l.Expires)
}

// DeleteLocks ends locks; a token that is not there is no fault.
func (t *tx) DeleteLocks(tokens ...string) error {
	t.forgetLocks()
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
