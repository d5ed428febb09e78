// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"

	"postfach/auth"
)

const (
	authEpoch  = "auth-epoch"
	authSecret = "auth-secret"

	selectAttempts = "SELECT wrong, count, paused, last FROM attempts WHERE subject = $1 AND network = $2 AND last > $3"
	putAttempts    = `INSERT INTO attempts (subject, network, wrong, count, paused, last) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (subject, network) DO UPDATE SET wrong = $3, count = $4, paused = $5, last = $6`
	deleteAttempts  = "DELETE FROM attempts WHERE subject = $1 AND network = $2"
	clearAttempts   = "DELETE FROM attempts WHERE subject = $1"
	expiredAttempts = "DELETE FROM attempts WHERE last <= $1"
	oldestAttempts  = `DELETE FROM attempts WHERE (subject, network) IN
		(SELECT subject, network FROM attempts ORDER BY last DESC LIMIT 1000000000 OFFSET $1)`
)

// AuthEpoch grows with everything that a sign-in depends on.
func (s tables) AuthEpoch(ctx context.Context) (n int64, err error) {
	err = s.read(ctx, func(r *reader) error {
		_, err := r.one(selectNumber, func(row tuple) { n = row.Int(0) }, authEpoch)
		return err
	})
	return n, err
}

// AuthSecret gives the installation's key, making it at the first call.
func (s tables) AuthSecret(ctx context.Context) (secret [32]byte, err error) {
	found := false
	err = s.read(ctx, func(r *reader) error {
		found, err = r.secret(&secret)
		return err
	})
	if err != nil || found {
		return secret, err
	}
	err = s.write(ctx, nothing, func(t *tx) error {
		var fresh [32]byte
		rand.Read(fresh[:]) // never fails
		if err := t.later(firstSetting, authSecret, hex.EncodeToString(fresh[:])); err != nil {
			return err
		}
		_, err := t.secret(&secret) // another process may have been first
		return err
	})
	return secret, err
}

func (r *reader) secret(to *[32]byte) (bool, error) {
	var digits string
	found, err := r.one(selectSetting, func(row tuple) { digits = row.Text(0) }, authSecret)
	if err != nil || !found {
		return false, err
	}
	secret, err := hex.DecodeString(digits)
	if err == nil && len(secret) != len(to) {
		err = fmt.Errorf("%d bytes", len(secret))
	}
	if err != nil {
		return false, fmt.Errorf("setting %s: %w", authSecret, err)
	}
	copy(to[:], secret)
	return true, nil
}

// Attempts gives the failed sign-ins under a key.
func (s tables) Attempts(ctx context.Context, key auth.AttemptKey) (a auth.Attempts, err error) {
	err = s.read(ctx, func(r *reader) (err error) {
		a, err = r.Attempts(key)
		return err
	})
	return a, err
}

// Attempts gives the failed sign-ins under a key, unless they have expired.
func (r *reader) Attempts(key auth.AttemptKey) (a auth.Attempts, err error) {
	_, err = r.one(selectAttempts, func(row tuple) {
		wrong := row.Bytes(0)
		for ; len(wrong) >= len(auth.Digest{}); wrong = wrong[len(auth.Digest{}):] {
			a.Wrong = append(a.Wrong, auth.Digest(wrong[:len(auth.Digest{})]))
		}
		a.Count, a.Paused, a.Last = int(row.Int(1)), row.Time(2), row.Time(3)
	}, key.Subject[:], key.Network.String(), r.at.Add(-auth.AttemptsKept))
	return a, err
}

// PutAttempts stores a, or deletes the row when a is zero.
func (t *tx) PutAttempts(key auth.AttemptKey, a auth.Attempts) error {
	if a.IsZero() {
		return t.later(deleteAttempts, key.Subject[:], key.Network.String())
	}
	wrong := []byte{}
	for _, d := range a.Wrong {
		wrong = append(wrong, d[:]...)
	}
	err := t.later(putAttempts, key.Subject[:], key.Network.String(), wrong, int64(a.Count), a.Paused, a.Last)
	if err != nil {
		return err
	}
	if err := t.later(expiredAttempts, t.at.Add(-auth.AttemptsKept)); err != nil {
		return err
	}
	return t.later(oldestAttempts, int64(auth.MaxAttempts))
}

// ClearAttempts deletes the rows of a subject from every network.
func (t *tx) ClearAttempts(s auth.Subject) (int, error) {
	n, err := t.exec(clearAttempts, s[:])
	return int(n), err
}
