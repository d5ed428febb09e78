// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"

	"postfach/mailbox"
)

const (
	insertAudit = `INSERT INTO audit (time, person, account, role, member, operation, place, entry, version, sha256,
			result, request_id, digest)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`
	// insertDetail belongs to the row that was inserted last.
	insertDetail = "INSERT INTO audit_detail (sequence, salt, detail) VALUES (last_insert_rowid(), $1, $2)"
)

// Append writes audit records that belong to no change.
func (s *SQLite) Append(ctx context.Context, records ...mailbox.Record) error {
	if len(records) == 0 {
		return nil
	}
	return s.write(ctx, nothing, auditing(records))
}

// auditing is the change that writes records and does nothing else.
func auditing(records []mailbox.Record) func(*tx) error {
	return func(t *tx) error {
		for _, r := range records {
			if err := t.Audit(r); err != nil {
				return err
			}
		}
		return nil
	}
}

// Audit writes a record with this change. The catalog gives the sequence, and
// the time where there is none.
func (t *tx) Audit(r mailbox.Record) error {
	if r.Time.IsZero() {
		r.Time = t.at
	}
	detail, err := encodeDetail(r.Detail)
	if err != nil {
		return err
	}
	var salt [16]byte
	rand.Read(salt[:]) // never fails
	digest := detailDigest(salt[:], detail)
	var sha []byte
	if r.SHA256 != [32]byte{} {
		sha = r.SHA256[:]
	}
	if t.witness.time == 0 {
		t.witness = witness{r.Time.UnixMicro(), digest}
	}
	err = t.later(insertAudit, r.Time, int64(r.Person), int64(r.Account), string(r.Role), int64(r.Member), string(r.Operation), int64(r.Place),
		int64(r.Entry), versionRef(r.Version), sha, r.Result, r.RequestID, digest[:])
	if err != nil {
		return err
	}
	return t.later(insertDetail, salt[:], string(detail))
}

func encodeDetail(d mailbox.Detail) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // paths stay readable
	if err := e.Encode(d); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// detailDigest binds the fixed part of a record to its erasable one.
func detailDigest(salt, detail []byte) [32]byte {
	h := sha256.New()
	h.Write(salt)
	h.Write(detail)
	return [32]byte(h.Sum(nil))
}
