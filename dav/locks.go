// SPDX-License-Identifier: Apache-2.0

package dav

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"postfach/mailbox"
	"postfach/reply"
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
	b = strconv.AppendInt(b, int64(max(l.Expires.Sub(v.now)+time.Second/2, time.Second)/time.Second), 10)
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

// lockView prepares how locks are told; it looks for the roots of those that
// come from above the node.
func (q *request) lockView(n *mailbox.Node) (lockView, error) {
	v := lockView{account: q.actor.Account, now: q.h.now(), roots: map[mailbox.EntryID][]byte{}}
	for i := range n.Locks {
		if n.Locks[i].Entry != n.Entry.ID {
			return v, q.lockRoots(&v)
		}
	}
	return v, nil
}

// lockRoots goes up the request's path and notes the hrefs of all folders.
func (q *request) lockRoots(v *lockView) error {
	href := strings.TrimRight(q.decoded, "/")
	for p := q.path; !p.IsRoot(); {
		p = p.Parent()
		href = strings.TrimRight(href[:strings.LastIndexByte(href, '/')+1], "/")
		n, err := q.h.mailbox.Find(q.Context(), q.actor, p, mailbox.Want{})
		if err != nil {
			return err
		}
		v.roots[n.Entry.ID] = append(appendHref(nil, href), '/')
	}
	return nil
}

// lock serves LOCK (RFC 4918 section 9.10): a new lock, or the refresh of one.
func (q *request) lock() error {
	d, err := parseDepth(q.Header.Get("Depth"), infinity)
	if err == nil && d == 1 {
		err = malformed("Depth")
	}
	if err != nil {
		return err
	}
	c, err := q.places.conditions(q.Request)
	if err != nil {
		return err
	}
	timeout := parseTimeout(q.Header.Get("Timeout"))
	info, refresh, err := readLockInfo(q.Body)
	if err != nil {
		return err
	}
	if refresh {
		l, err := q.h.mailbox.RefreshLock(q.Context(), q.actor, q.path, c, timeout)
		if err != nil {
			return err
		}
		return q.tellLock(l, http.StatusOK)
	}
	l, created, err := q.h.mailbox.Lock(q.Context(), q.actor, q.path, mailbox.LockRequest{
		Exclusive: info.exclusive, Infinite: d == infinity, Owner: info.owner, Timeout: timeout, Conditions: c})
	if err != nil {
		return err
	}
	q.w.Header().Set("Lock-Token", "<"+l.Token+">")
	if created {
		return q.tellLock(l, http.StatusCreated)
	}
	return q.tellLock(l, http.StatusOK)
}

// tellLock writes the lock as RFC 4918 section 9.10.1 wants it.
func (q *request) tellLock(l mailbox.Lock, code int) error {
	n, err := q.h.mailbox.Find(q.Context(), q.actor, q.path, mailbox.Want{})
	if err != nil {
		return err
	}
	href := appendHref(nil, strings.TrimRight(q.decoded, "/"))
	if n.Folder {
		href = append(href, '/')
	}
	v := lockView{account: q.actor.Account, now: q.h.now(), roots: map[mailbox.EntryID][]byte{}}
	if l.Entry != n.Entry.ID {
		if err := q.lockRoots(&v); err != nil {
			return err
		}
		href = v.roots[l.Entry]
	}
	b := append([]byte(xmlHead), `<D:prop xmlns:D="DAV:"><D:lockdiscovery>`...)
	b = append(v.appendLock(b, &l, href), "</D:lockdiscovery></D:prop>\n"...)
	h := q.w.Header()
	h.Set("Content-Type", xmlType)
	h.Set("Content-Length", strconv.Itoa(len(b)))
	q.w.WriteHeader(code)
	_, _ = q.w.Write(b) // the lock stands; a client that has gone asks for it
	return nil
}

// unlock serves UNLOCK (RFC 4918 section 9.11).
func (q *request) unlock() error {
	token, err := parseLockToken(q.Header.Get("Lock-Token"))
	if err != nil {
		return err
	}
	err = q.h.mailbox.Unlock(q.Context(), q.actor, q.path, token)
	if mailbox.KindOf(err) == mailbox.Conflict && err != nil {
		return reply.WithElement("lock-token-matches-request-uri", err)
	}
	if err != nil {
		return err
	}
	q.w.WriteHeader(http.StatusNoContent)
	return nil
}
