// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"strconv"

	"postfach/mailbox"
	"postfach/notify"
)

// hold is what a change has to itself from its begin to its end, so that two
// changes which look before they write cannot overtake each other: a statement
// that locks rows. SQLite has one writer, which holds everything.
type hold struct {
	sql  string
	args []any
	key  string // the same for changes that certainly lock the same row first; "" for none

	member mailbox.MemberID // whose mailbox it is; 0 for none
}

// NO KEY lets others refer to the row by a foreign key meanwhile.
const (
	lockMember   = "SELECT 1 FROM members WHERE id = $1 FOR NO KEY UPDATE"
	lockAccounts = "SELECT 1 FROM settings WHERE name = 'auth-epoch' FOR NO KEY UPDATE"
	lockNotice   = "SELECT 1 FROM notices WHERE id = $1 FOR NO KEY UPDATE"
	// lockMailboxes takes the mailboxes of deliveries, always in one order.
	lockMailboxes = `SELECT 1 FROM members WHERE id IN
			(SELECT member FROM deliveries WHERE id IN (SELECT value FROM json_each($1)))
		ORDER BY id FOR NO KEY UPDATE`
)

// nothing is for changes that look at nothing before they write.
var nothing hold

// holdMailbox keeps other changes of a mailbox away; 0 is no mailbox.
func holdMailbox(m mailbox.MemberID) hold {
	if m == 0 {
		return nothing
	}
	return hold{lockMember, []any{int64(m)}, "mailbox " + strconv.FormatInt(int64(m), 10), m}
}

// holdAccounts keeps other changes of people, accounts, grants and failed
// sign-ins away.
func holdAccounts() hold { return hold{sql: lockAccounts, key: "accounts"} }

func holdNotice(id notify.NoticeID) hold { return hold{sql: lockNotice, args: []any{int64(id)}} }

// holdForming keeps away whoever else tells of these deliveries, or changes
// their mailboxes.
func holdForming(f notify.Forming) hold {
	var all []mailbox.DeliveryID
	for _, n := range f.Notices {
		all = append(all, n.Deliveries...)
	}
	for _, c := range f.Closings {
		all = append(all, c.Delivery)
	}
	return hold{sql: lockMailboxes, args: []any{list(all)}}
}
