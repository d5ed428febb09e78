// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"strings"
	"time"

	"postfach/catalog/sqlite"
)

// Identity is what sync clients know an installation by.
type Identity struct {
	// Instance makes the ids of its entries unique: twelve characters, never
	// changed.
	Instance string
	// Fingerprint says that this is still the data of yesterday. A catalog that
	// comes out of a backup gets another one when it is first opened, so that
	// clients do not delete what the backup did not know yet.
	Fingerprint string
}

const (
	instanceID      = "instance"
	dataFingerprint = "data-fingerprint"
)

// Identity gives the installation's, making it at the first call.
func (s tables) Identity(ctx context.Context) (Identity, error) {
	var i Identity
	err := s.read(ctx, func(r *reader) error { return r.identity(&i) })
	if err != nil || i.Instance != "" && i.Fingerprint != "" {
		return i, err
	}
	err = s.write(ctx, nothing, func(t *tx) error {
		if _, err := t.exec(firstSetting, instanceID, "oc"+word(10)); err != nil {
			return err
		}
		if _, err := t.exec(firstSetting, dataFingerprint, word(16)); err != nil {
			return err
		}
		return t.identity(&i) // another process may have been first
	})
	return i, err
}

func (r *reader) identity(i *Identity) error {
	if _, err := r.one(selectSetting, func(row tuple) { i.Instance = row.Text(0) }, instanceID); err != nil {
		return err
	}
	_, err := r.one(selectSetting, func(row tuple) { i.Fingerprint = row.Text(0) }, dataFingerprint)
	return err
}

// word makes n random letters and digits.
func word(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return strings.ToLower(base32.StdEncoding.EncodeToString(b)[:n])
}

// copied is set in a copy of a catalog, until it is opened in the place of the
// one that it was copied from.
const copied = "copied"

// markCopy tells a copied catalog what it is.
func markCopy(path string) error {
	c, err := sqlite.Open(path, sqlite.Options{})
	if err != nil {
		return err
	}
	_, err = c.Exec(putSetting, copied, "yes")
	return errors.Join(err, c.Close())
}

// revive begins a new life of a catalog that was a copy: another fingerprint,
// and ids from where no earlier life has come to (I6). Those begin at the
// milliseconds since 1970: no installation makes a thousand entries a second for
// years. The audit record goes on where the copy ends.
func revive(c *sqlite.Conn, now time.Time) error {
	is := false
	err := c.Query(selectSetting, func(*sqlite.Row) error { is = true; return nil }, copied)
	if err != nil || !is {
		return err
	}
	if _, err := c.Exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	for _, s := range []struct {
		sql  string
		args []any
	}{
		{"DELETE FROM settings WHERE name = $1", []any{copied}},
		{putSetting, []any{dataFingerprint, word(16)}},
		{"DELETE FROM sqlite_sequence WHERE name <> 'audit' AND seq < $1", []any{now.UnixMilli()}},
		{`INSERT INTO sqlite_sequence (name, seq) SELECT name, $1 FROM sqlite_schema WHERE type = 'table'
			AND sql LIKE '%AUTOINCREMENT%' AND name NOT IN (SELECT name FROM sqlite_sequence)`, []any{now.UnixMilli()}},
	} {
		if _, err := c.Exec(s.sql, s.args...); err != nil {
			_, rollback := c.Exec("ROLLBACK")
			return errors.Join(err, rollback)
		}
	}
	_, err = c.Exec("COMMIT")
	return err
}
