// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"fmt"

	"postfach/mailbox"
)

const (
	memberColumns = `m.id, m.number, m.name, m.parent, m.successor, m.policy, m.closed_on, m.quota,
		m.root, m.to_authority, m.caseworker_inbox, m.outbox, m.usage_current, m.usage_superseded, m.change, m.recovering`
	memberWidth = 16

	selectMember         = "SELECT " + memberColumns + " FROM members m WHERE m.id = $1"
	selectMemberByNumber = "SELECT " + memberColumns + " FROM members m WHERE m.number = $1"

	selectMailboxes = "SELECT " + memberColumns + ", " + entryColumns +
		" FROM members m JOIN entries e ON e.id = m.root LEFT JOIN versions v ON v.row = e.version"
	selectAllMailboxes   = selectMailboxes + " ORDER BY m.number"
	selectTheseMailboxes = selectMailboxes + " WHERE m.id IN (SELECT value FROM json_each($1)) ORDER BY m.number"

	sumAll   = " FROM members m JOIN entries e ON e.id = m.root"
	sumThese = sumAll + " WHERE m.id IN (SELECT value FROM json_each($1))"

	insertMember = `INSERT INTO members (number, name, parent, successor, policy, closed_on, quota)
		VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (number) DO NOTHING RETURNING id`
	setMemberFolders = "UPDATE members SET root = $2, to_authority = $3, caseworker_inbox = $4, outbox = $5 WHERE id = $1"
	updateMember     = `UPDATE members SET name = $2, parent = $3, successor = $4, policy = $5, closed_on = $6, quota = $7, recovering = $8
		WHERE id = $1`
	nextChange = "UPDATE members SET change = change + 1 WHERE id = $1 RETURNING change"
	setChange  = "UPDATE members SET change = $2 WHERE id = $1"
	addUsage   = `UPDATE members SET usage_current = usage_current + $2, usage_superseded = usage_superseded + $3
		WHERE id = $1`
	nextAuthEpoch = "UPDATE settings SET number = number + 1 WHERE name = 'auth-epoch'"
)

func scanMember(r tuple) mailbox.Member {
	m := mailbox.Member{
		ID: mailbox.MemberID(r.Int(0)), Number: r.Text(1), Name: r.Text(2),
		Parent: mailbox.MemberID(r.Int(3)), Successor: mailbox.MemberID(r.Int(4)),
		Policy: mailbox.ReleasePolicy(r.Same(5)), ClosedOn: r.Time(6), Quota: r.Int(7),
		Usage: mailbox.Usage{Current: r.Int(12), Superseded: r.Int(13)}, Change: r.Int(14), Recovering: r.Bool(15),
	}
	for i, p := range mailbox.Places {
		m.Folders[p] = mailbox.EntryID(r.Int(8 + i))
	}
	return m
}

// Member finds a member by id.
func (r *reader) Member(id mailbox.MemberID) (m mailbox.Member, err error) {
	found, err := r.one(selectMember, func(row tuple) { m = scanMember(row) }, int64(id))
	if err == nil && !found {
		err = notFound("member", id)
	}
	return m, err
}

// MemberByNumber finds a member by its number, closed ones too.
func (r *reader) MemberByNumber(number string) (m mailbox.Member, err error) {
	found, err := r.one(selectMemberByNumber, func(row tuple) { m = scanMember(row) }, number)
	if err == nil && !found {
		err = notFound("member number", number)
	}
	return m, err
}

// Mailboxes lists members with their roots, by number.
func (r *reader) Mailboxes(ids []mailbox.MemberID) ([]mailbox.Mailbox, error) {
	var all []mailbox.Mailbox
	scan := func(row tuple) error {
		all = append(all, mailbox.Mailbox{Member: scanMember(row), Root: scanEntry(row, memberWidth)})
		return nil
	}
	var err error
	if ids == nil {
		err = r.each(selectAllMailboxes, scan)
	} else {
		err = r.each(selectTheseMailboxes, scan, list(ids))
	}
	return all, err
}

// CountMembers counts all members.
func (r *reader) CountMembers() (n int, err error) {
	_, err = r.one("SELECT count(*) FROM members", func(row tuple) { n = int(row.Int(0)) })
	return n, err
}

// SumChanges adds up one side's change numbers of the roots.
func (r *reader) SumChanges(ids []mailbox.MemberID, side mailbox.Side) (sum int64, n int, err error) {
	columns := "SELECT CAST(coalesce(sum(e.change_member), 0) AS BIGINT), count(*)"
	if side == mailbox.AuthoritySide {
		columns = "SELECT CAST(coalesce(sum(e.change_authority), 0) AS BIGINT), count(*)"
	}
	scan := func(row tuple) { sum, n = row.Int(0), int(row.Int(1)) }
	if ids == nil {
		_, err = r.one(columns+sumAll, scan)
	} else {
		_, err = r.one(columns+sumThese, scan, list(ids))
	}
	return sum, n, err
}

// InsertMember stores a member with its root and the three fixed folders.
func (t *tx) InsertMember(m *mailbox.Member, names mailbox.FolderNames) error {
	found, err := t.one(insertMember, func(r tuple) { m.ID = mailbox.MemberID(r.Int(0)) },
		m.Number, m.Name, ref(m.Parent), ref(m.Successor), string(m.Policy), m.ClosedOn, m.Quota)
	if err == nil && !found {
		return mailbox.Wrap(mailbox.Exists, mailbox.ReasonExists, fmt.Errorf("member number %s was given before", m.Number))
	}
	if err != nil {
		return err
	}
	for _, p := range mailbox.Places {
		e := mailbox.Entry{
			Member: m.ID, Place: p, Folder: true, Side: mailbox.AuthoritySide, Created: t.at, Modified: t.at,
		}
		if p != mailbox.Root {
			e.Parent, e.Name = m.Folders[mailbox.Root], names.Of(p)
		}
		if err := t.InsertEntry(&e); err != nil {
			return err
		}
		m.Folders[p] = e.ID
	}
	return t.later(setMemberFolders, int64(m.ID), int64(m.Folders[mailbox.Root]), int64(m.Folders[mailbox.ToAuthority]),
		int64(m.Folders[mailbox.CaseworkerInbox]), int64(m.Folders[mailbox.Outbox]))
}

// UpdateMember stores what may change about a member. Sign-ins depend on the
// closing day.
func (t *tx) UpdateMember(m mailbox.Member) error {
	t.forgetMember()
	err := t.change("member", m.ID, updateMember,
		int64(m.ID), m.Name, ref(m.Parent), ref(m.Successor), string(m.Policy), m.ClosedOn, m.Quota, m.Recovering)
	if err != nil {
		return err
	}
	return t.later(nextAuthEpoch)
}

// NextChange gives the mailbox's next change number.
func (t *tx) NextChange() (n int64, err error) {
	if t.counted() {
		t.ahead.box.Change++
		return t.ahead.box.Change, t.later(setChange, int64(t.member), t.ahead.box.Change)
	}
	found, err := t.one(nextChange, func(r tuple) { n = r.Int(0) }, int64(t.member))
	if err == nil && !found {
		err = notFound("member", t.member)
	}
	return n, err
}

// AddUsage changes the mailbox's counters.
func (t *tx) AddUsage(current, superseded int64) error {
	if t.counted() {
		t.ahead.box.Usage.Current += current
		t.ahead.box.Usage.Superseded += superseded
		return t.later(addUsage, int64(t.member), current, superseded)
	}
	return t.change("member", t.member, addUsage, int64(t.member), current, superseded)
}
