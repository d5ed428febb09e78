// SPDX-License-Identifier: Apache-2.0

package dav

import (
	"net/http"
	"strings"

	"postfach/mailbox"
	"postfach/reply"
)

// readPlan reads depth and body of a PROPFIND. A missing Depth means infinity,
// which is refused (RFC 4918 section 9.1).
func (q *request) readPlan() (depth, plan, error) {
	d, err := parseDepth(q.Header.Get("Depth"), infinity)
	if err != nil {
		return d, plan{}, err
	}
	if d == infinity {
		return d, plan{}, reply.WithElement("propfind-finite-depth", mailbox.E(mailbox.Forbidden, mailbox.ReasonFiniteDepth))
	}
	body, err := readPropfind(q.Body)
	return d, newPlan(body), err
}

func (q *request) propfind() error {
	d, p, err := q.readPlan()
	if err != nil {
		return err
	}
	l := &listing{q: q, plan: &p, out: q.h.buffers.multistatus(q.w)}
	l.x.clients = &q.h.clients
	defer q.h.buffers.release(l.out)
	if d == 0 {
		var n mailbox.Node
		if n, err = q.h.mailbox.Find(q.Context(), q.actor, q.path, p.want); err == nil {
			q.nearWindowsLimit(&n)
			err = l.add(n)
		}
	} else {
		err = q.h.mailbox.List(q.Context(), q.actor, q.path, p.want, l.add)
	}
	switch {
	case err == nil:
		err = l.out.end()
	case l.out.sent:
		q.h.log.WarnContext(q.Context(), "listing broke off", "err", err)
	}
	if err != nil && l.out.sent {
		panic(http.ErrAbortHandler) // so that nobody takes the half for the whole
	}
	return err
}

// listing turns nodes into responses of a multistatus; the first is the
// resource of the request.
type listing struct {
	q     *request
	plan  *plan
	out   *multistatus
	base  int // length of the top resource's href
	begun bool
	node  mailbox.Node // of x; one for all, since a listing may be long
	x     resource
	space quota
	href  []byte

	number string // member of the top resource; "" for the root over several
}

func (l *listing) add(n mailbox.Node) error {
	l.node = n
	l.x.Node = &l.node
	if !l.begun {
		l.begun = true
		if err := l.top(&l.node); err != nil {
			return err
		}
		return l.out.resource(l.plan, &l.x, true)
	}
	if !n.Folder || n.Number != l.number { // RFC 4331 is about collections; this one's mailbox
		l.x.quota = nil
	} else if l.plan.quota {
		l.x.quota = &l.space
	}
	l.href = appendHref(l.href[:l.base], n.Name)
	if n.Folder {
		l.href = append(l.href, '/')
	}
	l.x.href = l.href
	return l.out.resource(l.plan, &l.x, false)
}

// top prepares what all responses share: the spelling of the request (DESIGN.md
// section 6), the quota and the roots of locks from above.
func (l *listing) top(n *mailbox.Node) error {
	q := l.q
	if n.Entry.Modified.IsZero() { // the root over several mailboxes
		n.Entry.Created, n.Entry.Modified = q.h.born, q.h.born
	}
	l.href = appendHref(make([]byte, 0, 1024), strings.TrimRight(q.decoded, "/"))
	if n.Folder {
		l.href = append(l.href, '/')
	}
	l.base, l.number = len(l.href), n.Number
	l.x.href = l.href
	if l.plan.quota && n.Folder {
		space, err := q.h.mailbox.Space(q.Context(), q.actor, q.path)
		if err != nil {
			return err
		}
		l.space = quota{used: space.Used, available: space.Free}
		l.x.quota = &l.space
	}
	var err error
	if l.x.locks, err = q.lockView(n); err == nil && len(n.Locks) > 0 { // its members may be under its own
		l.x.locks.roots[n.Entry.ID] = append([]byte(nil), l.href...)
	}
	return err
}

// stub answers on "/", so that Windows finds the way to the WebDAV root
// (CLIENTS.md 2.1): a collection that holds it and nothing else.
func (q *request) stub() error {
	if q.Method == http.MethodOptions {
		return q.options()
	}
	d, p, err := q.readPlan()
	if err != nil {
		return err
	}
	out := q.h.buffers.multistatus(q.w)
	defer q.h.buffers.release(out)
	name := strings.Trim(q.h.places.prefix, "/")
	at := mailbox.Entry{Created: q.h.born, Modified: q.h.born}
	root := resource{Node: &mailbox.Node{Folder: true, Fixed: true, Name: "/", Entry: at}, href: []byte("/")}
	if err := out.resource(&p, &root, true); err != nil {
		return err
	}
	if d == 1 {
		child := resource{Node: &mailbox.Node{Folder: true, Fixed: true, Name: name, Entry: at}, href: appendHref([]byte("/"), name+"/")}
		if err := out.resource(&p, &child, false); err != nil {
			return err
		}
	}
	return out.end()
}
