// SPDX-License-Identifier: Apache-2.0

package catalog

import "postfach/mailbox"

// ahead is what a change of a mailbox knows since its begin, as far as it has
// not changed it. SQLite reads it when it is asked for: that costs nothing there.
type ahead struct {
	box    mailbox.Member
	found  bool // box is there
	locks  []mailbox.Lock
	locked bool // locks were changed since
}

// Member finds a member by id.
func (t *tx) Member(id mailbox.MemberID) (mailbox.Member, error) {
	if a := t.ahead; a != nil && a.found && a.box.ID == id {
		return a.box, nil
	}
	return t.reader.Member(id)
}

// MemberByNumber finds a member by its number, closed ones too.
func (t *tx) MemberByNumber(number string) (mailbox.Member, error) {
	if a := t.ahead; a != nil && a.found && a.box.Number == number {
		return a.box, nil
	}
	return t.reader.MemberByNumber(number)
}

// Locks gives the unexpired locks of a mailbox.
func (t *tx) Locks(m mailbox.MemberID) ([]mailbox.Lock, error) {
	if a := t.ahead; a != nil && !a.locked && a.found && a.box.ID == m {
		return unexpired(append([]mailbox.Lock(nil), a.locks...), t.at), nil
	}
	return t.reader.Locks(m)
}

// counted says that the mailbox's row is known and is this change's to count in.
func (t *tx) counted() bool { return t.ahead != nil && t.ahead.found && t.ahead.box.ID == t.member }

// forget is for changes of members and locks by their own statements.
func (t *tx) forgetMember() {
	if t.ahead != nil {
		t.ahead.found = false
	}
}

func (t *tx) forgetLocks() {
	if t.ahead != nil {
		t.ahead.locked = true
	}
}

// goOn is what the next change in the same transaction knows at its begin.
func (a *ahead) goOn() *ahead {
	if a == nil || !a.found {
		return nil
	}
	b := *a
	return &b
}
