// SPDX-License-Identifier: Apache-2.0

package dav

import (
	"strconv"
	"time"

	"postfach/mailbox"
)

// lockView is how the locks of a listing are told to one account.
type lockView struct {
	account mailbox.AccountID
	now     time.Time
	roots   map[mailbox.EntryID][]byte // hrefs of locked folders above the listing
}

// appendDiscovery appends lockdiscovery (RFC 4918 section 15.8). The token of
// somebody else's lock is withheld: it is of no use to others.
func (v lockView) appendDiscovery(b []byte, x *resource) []byte {
	if len(x.Locks) == 0 {
		return append(b, "<D:lockdiscovery/>"...)
	}
	b = append(b, "<D:lockdiscovery>"...)
	for i := range x.Locks {
		l := &x.Locks[i]
		root := x.href
		if l.Entry != x.Entry.ID {
			root = v.roots[l.Entry]
		}
		b = v.appendLock(b, l, root)
	}
	return append(b, "</D:lockdiscovery>"...)
}

func (v lockView) appendLock(b []byte, l *mailbox.Lock, root []byte) []byte {
	b = append(b, "<D:activelock><D:locktype><D:write/></D:locktype><D:lockscope>"...)
	if l.Exclusive {
		b = append(b, "<D:exclusive/>"...)
	} else {
		b = append(b, "<D:shared/>"...)
	}
	b = append(b, "</D:lockscope><D:depth>"...)
	if l.Infinite {
		b = append(b, "infinity"...)
	} else {
		b = append(b, '0')
	}
	b = append(b, "</D:depth>"...)
	if l.Owner != "" {
		b = append(b, "<D:owner>"...)
		b = append(b, l.Owner...) // kept well-formed and self-contained
		b = append(b, "</D:owner>"...)
	}
	b = append(b, "<D:timeout>Second-"...)
	b = strconv.AppendInt(b, int64(max(l.Expires.Sub(v.now), time.Second)/time.Second), 10)
	b = append(b, "</D:timeout>"...)
	if l.Account == v.account {
		b = append(b, "<D:locktoken><D:href>"...)
		b = appendText(b, l.Token)
		b = append(b, "</D:href></D:locktoken>"...)
	}
	if root != nil {
		b = append(b, "<D:lockroot><D:href>"...)
		b = append(b, root...)
		b = append(b, "</D:href></D:lockroot>"...)
	}
	return append(b, "</D:activelock>"...)
}
