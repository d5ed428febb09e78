// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"postfach/mailbox"
)

// Inquiry is one consistent view for the questions of the command line, beside
// those of mailbox.Reader. Its functions stop at the first error of theirs and
// return it.
type Inquiry struct{ *reader }

// Inquire runs fn over one consistent state. A long one keeps SQLite from
// shortening its log, no more.
func (s tables) Inquire(ctx context.Context, fn func(*Inquiry) error) error {
	return s.read(ctx, func(r *reader) error { return fn(&Inquiry{r}) })
}

// clauses gathers the conditions of one question.
type clauses struct {
	text []string
	args []any
}

// add takes a condition; each ? in it stands for one of args.
func (c *clauses) add(when bool, condition string, args ...any) {
	if !when {
		return
	}
	for _, a := range args {
		c.args = append(c.args, a)
		condition = strings.Replace(condition, "?", "$"+strconv.Itoa(len(c.args)), 1)
	}
	c.text = append(c.text, condition)
}

func (c *clauses) where() string {
	if len(c.text) == 0 {
		return " "
	}
	return " WHERE " + strings.Join(c.text, " AND ") + " "
}

const selectRemoved = selectEntries + "WHERE e.member = $1 AND e.removed <> 0 ORDER BY e.removed DESC, e.id DESC"

// EachEntry gives every entry, in view or not, by id; member 0 means all.
func (q *Inquiry) EachEntry(m mailbox.MemberID, fn func(mailbox.Entry) error) error {
	var c clauses
	c.add(m != 0, "e.member = ?", int64(m))
	return q.each(selectEntries+c.where()+"ORDER BY e.id", func(row tuple) error { return fn(scanEntry(row, 0)) }, c.args...)
}

// Removed gives what was taken out of view in a mailbox, the latest first. What
// went with its folder is not listed apart.
func (q *Inquiry) Removed(m mailbox.MemberID) ([]mailbox.Entry, error) {
	return q.entries(selectRemoved, nil, int64(m))
}

// EachVersion gives every version in the order of their storing; member 0
// means all.
func (q *Inquiry) EachVersion(m mailbox.MemberID, fn func(mailbox.Version) error) error {
	var c clauses
	c.add(m != 0, "v.member = ?", int64(m))
	return q.each("SELECT "+versionColumns+" FROM versions v"+c.where()+"ORDER BY v.row",
		func(row tuple) error { return fn(scanVersion(row, 0)) }, c.args...)
}

// VersionsAfter gives versions by id, after one, at most limit; member 0 means
// all.
func (s tables) VersionsAfter(ctx context.Context, m mailbox.MemberID, after mailbox.VersionID, limit int, fn func(mailbox.Version) error) error {
	var c clauses
	c.add(true, "v.id > ?", after[:])
	c.add(m != 0, "v.member = ?", int64(m))
	c.args = append(c.args, int64(limit))
	return s.read(ctx, func(r *reader) error {
		return r.each("SELECT "+versionColumns+" FROM versions v"+c.where()+"ORDER BY v.id LIMIT $"+strconv.Itoa(len(c.args)),
			func(row tuple) error { return fn(scanVersion(row, 0)) }, c.args...)
	})
}

// LatestVersions gives the newest n versions of all members, the latest first.
func (s tables) LatestVersions(ctx context.Context, n int, fn func(mailbox.Version) error) error {
	return s.read(ctx, func(r *reader) error {
		return r.each("SELECT "+versionColumns+" FROM versions v ORDER BY v.id DESC LIMIT $1",
			func(row tuple) error { return fn(scanVersion(row, 0)) }, int64(n))
	})
}

// DeliveryQuery chooses deliveries; zero fields choose nothing out.
type DeliveryQuery struct {
	Member     mailbox.MemberID
	Entry      mailbox.EntryID
	Unfetched  bool      // visible, and nobody of the receiving side has it whole
	Before     time.Time // delivered before
	MailFailed bool      // a mail about it failed for good
}

// DeliveryFacts is a delivery with what is known about its mails.
type DeliveryFacts struct {
	mailbox.Delivery
	Number   string // of the member
	SHA256   [32]byte
	Size     int64     // bytes
	Settled  time.Time // everybody it is for was told; zero for not
	Notified time.Time // a relay first accepted a mail about it; zero for none
	Waiting  int       // mails not sent yet
	Failed   int       // mails that failed for good
	Reply    string    // of the relay to the last of its mails
}

const selectDeliveryFacts = "SELECT " + deliveryColumns + `, m.number, v.sha256, v.size, d.told,
	coalesce((SELECT min(n.ended) FROM notice_deliveries x JOIN notices n ON n.id = x.notice
		WHERE x.delivery = d.id AND n.state = 'sent'), 0),
	(SELECT count(*) FROM notice_deliveries x JOIN notices n ON n.id = x.notice WHERE x.delivery = d.id AND n.state = 'queued'),
	(SELECT count(*) FROM notice_deliveries x JOIN notices n ON n.id = x.notice WHERE x.delivery = d.id AND n.state = 'failed'),
	coalesce((SELECT n.reply FROM notice_deliveries x JOIN notices n ON n.id = x.notice
		WHERE x.delivery = d.id AND n.reply <> '' ORDER BY n.ended DESC, n.id DESC LIMIT 1), '')
	FROM deliveries d JOIN versions v ON v.row = d.version JOIN members m ON m.id = d.member`

const factsOrder = "ORDER BY d.id DESC"

// Facts lists deliveries, the latest first.
func (q *Inquiry) Facts(what DeliveryQuery, fn func(DeliveryFacts) error) error {
	var c clauses
	c.add(what.Member != 0, "d.member = ?", int64(what.Member))
	c.add(what.Entry != 0, "d.entry = ?", int64(what.Entry))
	c.add(what.Unfetched, "d.fetched = 0 AND d.withdrawn = 0 AND d.superseded = 0")
	c.add(!what.Before.IsZero(), "d.time < ?", what.Before)
	c.add(what.MailFailed, `EXISTS (SELECT 1 FROM notice_deliveries x JOIN notices n ON n.id = x.notice
		WHERE x.delivery = d.id AND n.state = 'failed')`)
	return q.each(selectDeliveryFacts+c.where()+factsOrder, func(row tuple) error {
		f := DeliveryFacts{Delivery: scanDelivery(row, 0), Number: row.Same(deliveryWidth), Size: row.Int(deliveryWidth + 2),
			Settled: row.Time(deliveryWidth + 3), Notified: row.Time(deliveryWidth + 4), Waiting: int(row.Int(deliveryWidth + 5)),
			Failed: int(row.Int(deliveryWidth + 6)), Reply: row.Text(deliveryWidth + 7)}
		f.SHA256 = row.Sum(deliveryWidth + 1)
		return fn(f)
	}, c.args...)
}

// RecordQuery chooses audit records; zero fields choose nothing out.
type RecordQuery struct {
	After, To   int64 // sequence: later than After, To at most
	From, Until time.Time
	Member      mailbox.MemberID
	Person      mailbox.PersonID
	Account     mailbox.AccountID
	Entry       mailbox.EntryID
	Operations  []mailbox.Operation
	Newest      bool // the latest first, else as they were written
	Limit       int  // 0 means all
}

// Logged is an audit record as it stands in the log, with the names that its
// numbers have today.
type Logged struct {
	mailbox.Record
	PersonName string
	Login      string
	Number     string   // of the member
	Digest     [32]byte // SHA-256 of salt and detail
	Erased     bool     // the detail is gone
	Intact     bool     // the detail is gone, or is the one that the record was written with
}

const selectRecords = `SELECT a.sequence, a.time, a.person, a.account, a.role, a.member, a.operation, a.place, a.entry, a.version,
	a.sha256, a.result, a.request_id, a.digest, x.salt, x.detail, coalesce(p.name, ''), coalesce(c.login, ''), coalesce(m.number, '')
	FROM audit a LEFT JOIN audit_detail x ON x.sequence = a.sequence LEFT JOIN persons p ON p.id = a.person
	LEFT JOIN accounts c ON c.id = a.account LEFT JOIN members m ON m.id = a.member`

// Records reads the audit log.
func (q *Inquiry) Records(what RecordQuery, fn func(Logged) error) error {
	if some, err := q.narrow(&what); err != nil || !some {
		return err
	}
	sql, args, err := what.statement()
	if err != nil {
		return err
	}
	return q.each(sql, func(row tuple) error {
		l, err := scanLogged(row)
		if err != nil {
			return err
		}
		return fn(l)
	}, args...)
}

// selectPeriod finds the first and the last record of a period by its index.
// The clock may have been set back, so sequences need not follow the time.
const selectPeriod = "SELECT min(sequence), max(sequence) FROM audit WHERE time >= $1 AND time < $2"

// narrow turns a period into sequences; false when nothing was recorded in it.
func (q *Inquiry) narrow(what *RecordQuery) (some bool, err error) {
	if what.From.IsZero() {
		return true, nil
	}
	until := any(int64(math.MaxInt64))
	if !what.Until.IsZero() {
		until = what.Until
	}
	_, err = q.one(selectPeriod, func(row tuple) {
		some = !row.Null(0)
		what.After = max(what.After, row.Int(0)-1)
		if last := row.Int(1); what.To == 0 || last < what.To {
			what.To = last
		}
	}, what.From, until)
	return some, err
}

func (what RecordQuery) statement() (string, []any, error) {
	operations, err := json.Marshal(what.Operations)
	if err != nil {
		return "", nil, err
	}
	var c clauses
	c.add(what.After != 0, "a.sequence > ?", what.After)
	c.add(what.To != 0, "a.sequence <= ?", what.To)
	c.add(!what.From.IsZero(), "a.time >= ?", what.From)
	c.add(!what.Until.IsZero(), "a.time < ?", what.Until)
	// The indexes leave out 0, so the conditions have to as well.
	c.add(what.Member != 0, "a.member = ? AND a.member <> 0", int64(what.Member))
	c.add(what.Person != 0, "a.person = ? AND a.person <> 0", int64(what.Person))
	c.add(what.Account != 0, "a.account = ? AND a.account <> 0", int64(what.Account))
	c.add(what.Entry != 0, "a.entry = ? AND a.entry <> 0", int64(what.Entry))
	c.add(len(what.Operations) > 0, "a.operation IN (SELECT CAST(value AS TEXT) FROM json_each(?))", string(operations))
	sql := selectRecords + c.where() + "ORDER BY a.sequence"
	if what.Newest {
		sql += " DESC"
	}
	if what.Limit > 0 {
		c.args = append(c.args, int64(what.Limit))
		sql += " LIMIT $" + strconv.Itoa(len(c.args))
	}
	return sql, c.args, nil
}

func scanLogged(row tuple) (Logged, error) {
	l := Logged{Record: mailbox.Record{
		Sequence: row.Int(0), Time: row.Time(1), Person: mailbox.PersonID(row.Int(2)), Account: mailbox.AccountID(row.Int(3)),
		Role: mailbox.Role(row.Same(4)), Member: mailbox.MemberID(row.Int(5)), Operation: mailbox.Operation(row.Same(6)),
		Place: mailbox.Place(row.Int(7)), Entry: mailbox.EntryID(row.Int(8)), Result: row.Text(11), RequestID: row.Text(12),
	}, Erased: row.Null(15), PersonName: row.Text(16), Login: row.Text(17), Number: row.Text(18)}
	l.Version = row.UUID(9)
	l.SHA256 = row.Sum(10)
	l.Digest = row.Sum(13)
	if l.Erased {
		l.Intact = true
		return l, nil
	}
	detail := row.Bytes(15)
	l.Intact = detailDigest(row.Bytes(14), detail) == l.Digest
	if err := json.Unmarshal(detail, &l.Detail); err != nil {
		return l, fmt.Errorf("detail of audit record %d: %w", l.Sequence, err)
	}
	return l, nil
}

// LastRecord is the sequence of the newest audit record; 0 for none.
func (q *Inquiry) LastRecord() (last int64, err error) {
	_, err = q.one("SELECT coalesce(max(sequence), 0) FROM audit", func(row tuple) { last = row.Int(0) })
	return last, err
}
