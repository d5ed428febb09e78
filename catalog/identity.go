// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"strings"
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
