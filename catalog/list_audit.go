// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"postfach/catalog/sqlite"
	"postfach/mailbox"
)

// AuditFilter chooses records; its conditions are combined by "and".
type AuditFilter struct {
	Member       mailbox.MemberID // 0, "" and the zero time: whatever
	Account      mailbox.AccountID
	Person       mailbox.PersonID
	Entry        mailbox.EntryID
	Path         string // inside the mailbox, with a leading slash: this one and all below, as source or target
	Operation    mailbox.Operation
	Since, Until time.Time // from, up to but without
	After        int64     // sequence
	Limit        int       // 0: all

	last int64 // sequence
}

// AuditRecord is a record with the names as they are now.
type AuditRecord struct {
	mailbox.Record
	PersonName string
	Login      string
	Number     string // of the member
	MemberName string
	Digest     [32]byte // of salt and detail, from the fixed part
	Erased     bool     // the detail was erased by a retention run
	Intact     bool     // the detail is there and is the one that was recorded
}

// auditPage is how many records are read in one view: whoever takes them
// slowly must not keep the log of the database from being carried over.
const auditPage = 500

const selectAudit = `SELECT a.sequence, a.time, a.person, a.account, a.role, a.member, a.operation, a.place, a.entry,
		a.version, a.sha256, a.result, a.request_id, a.digest, d.salt, d.detail, p.name, u.login, m.number, m.name
	FROM audit a LEFT JOIN audit_detail d ON d.sequence = a.sequence LEFT JOIN persons p ON p.id = a.person
		LEFT JOIN accounts u ON u.id = a.account LEFT JOIN members m ON m.id = a.member
	WHERE a.sequence > $1`

func (f AuditFilter) statement() (string, []any) {
	args := []any{
		f.After, int64(auditPage), int64(f.Member), int64(f.Account), int64(f.Person), int64(f.Entry), string(f.Operation),
		f.Since, f.Until, f.Path, f.last,
	}
	sql := selectAudit
	for _, c := range []struct {
		use bool
		sql string
	}{
		{f.Member != 0, "a.member = $3 AND a.member <> 0"},
		{f.Account != 0, "a.account = $4 AND a.account <> 0"},
		{f.Person != 0, "a.person = $5 AND a.person <> 0"},
		{f.Entry != 0, "a.entry = $6 AND a.entry <> 0"},
		{f.Operation != "", "a.operation = $7"},
		{!f.Since.IsZero(), "a.time >= $8"},
		{!f.Until.IsZero(), "a.time < $9"},
		{f.last != 0, "a.sequence <= $11"},
		{f.Path != "", "(" + pathBelow("path") + " OR " + pathBelow("target") + ")"},
	} {
		if c.use {
			sql += " AND " + c.sql
		}
	}
	return sql + " ORDER BY a.sequence LIMIT $2", args
}

// selectPeriod finds the first and last record of a period by its index. The
// clock may have been set back, so that sequences need not follow the time.
const selectPeriod = "SELECT min(sequence), max(sequence) FROM audit WHERE time >= $1 AND time < $2"

// narrow turns a period into sequences; false when nothing happened in it.
func (s *SQLite) narrow(ctx context.Context, f *AuditFilter) (some bool, err error) {
	if f.Since.IsZero() {
		return true, nil
	}
	until := int64(math.MaxInt64)
	if !f.Until.IsZero() {
		until = sqlite.Micros(f.Until)
	}
	err = s.read(ctx, func(r *reader) error {
		_, err := r.one(selectPeriod, func(row *sqlite.Row) {
			some = !row.Null(0)
			f.After, f.last = max(f.After, row.Int(0)-1), row.Int(1)
		}, f.Since, until)
		return err
	})
	return some, err
}

func pathBelow(field string) string {
	return fmt.Sprintf(`d.detail ->> '%s' = $10 OR substr(d.detail ->> '%s', 1, length($10) + 1) = $10 || '/'`, field, field)
}

// ListAudit calls each for the records chosen, by sequence.
func (s *SQLite) ListAudit(ctx context.Context, f AuditFilter, each func(AuditRecord) error) error {
	if some, err := s.narrow(ctx, &f); err != nil || !some {
		return err
	}
	for given := 0; f.Limit == 0 || given < f.Limit; {
		var page []AuditRecord
		err := s.read(ctx, func(r *reader) error {
			sql, args := f.statement()
			return r.each(sql, func(row *sqlite.Row) error {
				a, err := scanAudit(row)
				page = append(page, a)
				return err
			}, args...)
		})
		if err != nil {
			return err
		}
		for _, a := range page {
			if f.Limit > 0 && given == f.Limit {
				return nil
			}
			if err := each(a); err != nil {
				return err
			}
			f.After = a.Sequence
			given++
		}
		if len(page) < auditPage {
			return nil
		}
	}
	return nil
}

func scanAudit(r *sqlite.Row) (AuditRecord, error) {
	a := AuditRecord{Record: mailbox.Record{
		Sequence: r.Int(0), Time: r.Time(1), Person: mailbox.PersonID(r.Int(2)), Account: mailbox.AccountID(r.Int(3)),
		Role: mailbox.Role(r.Same(4)), Member: mailbox.MemberID(r.Int(5)), Operation: mailbox.Operation(r.Same(6)),
		Place: mailbox.Place(r.Int(7)), Entry: mailbox.EntryID(r.Int(8)), Result: r.Same(11), RequestID: r.Text(12),
	}, PersonName: r.Same(16), Login: r.Same(17), Number: r.Same(18), MemberName: r.Same(19)}
	r.Into(9, a.Version[:])
	r.Into(10, a.SHA256[:])
	r.Into(13, a.Digest[:])
	if r.Null(15) {
		a.Erased = true
		return a, nil
	}
	detail := r.Bytes(15)
	a.Intact = detailDigest(r.Bytes(14), detail) == a.Digest
	if err := json.Unmarshal(detail, &a.Detail); err != nil {
		return a, fmt.Errorf("detail of audit record %d: %w", a.Sequence, err)
	}
	return a, nil
}

// MarshalJSON writes the record as one line of an export. Its field names are
// stable: scripts of the authority rely on them.
func (a AuditRecord) MarshalJSON() ([]byte, error) {
	line := struct {
		Sequence   int64             `json:"sequence"`
		Time       time.Time         `json:"time"` // UTC
		PersonID   mailbox.PersonID  `json:"person_id,omitempty"`
		Person     string            `json:"person,omitempty"`
		AccountID  mailbox.AccountID `json:"account_id,omitempty"`
		Account    string            `json:"account,omitempty"`
		Role       mailbox.Role      `json:"role,omitempty"`
		MemberID   mailbox.MemberID  `json:"member_id,omitempty"`
		Member     string            `json:"member,omitempty"` // number
		MemberName string            `json:"member_name,omitempty"`
		Operation  mailbox.Operation `json:"operation"`
		Place      string            `json:"place,omitempty"`
		EntryID    mailbox.EntryID   `json:"entry_id,omitempty"`
		VersionID  string            `json:"version_id,omitempty"`
		SHA256     string            `json:"sha256,omitempty"` // lower-case hex
		Result     string            `json:"result,omitempty"`
		RequestID  string            `json:"request_id,omitempty"`
		Digest     string            `json:"digest"`
		Erased     bool              `json:"detail_erased,omitempty"`
		Altered    bool              `json:"detail_altered,omitempty"` // does not match its digest
		Detail     mailbox.Detail    `json:"detail"`
	}{
		Sequence: a.Sequence, Time: a.Time, PersonID: a.Person, Person: a.PersonName, AccountID: a.Account, Account: a.Login,
		Role: a.Role, MemberID: a.Member, Member: a.Number, MemberName: a.MemberName, Operation: a.Operation, EntryID: a.Entry,
		Result: a.Result, RequestID: a.RequestID, Digest: hex.EncodeToString(a.Digest[:]), Erased: a.Erased,
		Altered: !a.Erased && !a.Intact, Detail: a.Detail,
	}
	if a.Entry != 0 || a.Detail.Path != "" {
		line.Place = placeName(a.Place)
	}
	if !a.Version.IsZero() {
		line.VersionID = a.Version.String()
	}
	if a.SHA256 != [32]byte{} {
		line.SHA256 = hex.EncodeToString(a.SHA256[:])
	}
	return json.Marshal(line)
}

// placeName does not depend on how the folders are called.
func placeName(p mailbox.Place) string {
	switch p {
	case mailbox.ToAuthority:
		return "to-authority"
	case mailbox.CaseworkerInbox:
		return "caseworker-inbox"
	case mailbox.Outbox:
		return "outbox"
	}
	return "root"
}
