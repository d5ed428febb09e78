// SPDX-License-Identifier: Apache-2.0

package dav

import (
	"io"
	"net/http"

	"postfach/mailbox"
	"postfach/reply"
)

// mkcol makes a folder (RFC 4918 section 9.3); x/net/webdav has the sequence.
func (q *request) mkcol() error {
	if q.hasBody() { // x/net looks at Content-Length alone
		return reply.WithStatus(http.StatusUnsupportedMediaType, mailbox.E(mailbox.Unsupported, mailbox.ReasonUnsupported))
	}
	c, err := q.places.conditions(q.Request)
	if err != nil {
		return err
	}
	return q.throughXNet(&operation{mkdir: func() error {
		n, err := q.h.mailbox.MakeFolder(q.Context(), q.actor, q.path, c)
		if err == nil {
			q.w.Header().Set("ETag", n.ETag)
			q.w.Header().Set("OC-FileId", q.h.fileID(n.Entry.ID))
		}
		return err
	}}, nil)
}

// hasBody says whether any byte follows the headers.
func (q *request) hasBody() bool {
	if q.Body == nil || q.ContentLength == 0 {
		return false
	}
	if q.ContentLength > 0 {
		return true
	}
	n, _ := io.ReadFull(q.Body, make([]byte, 1)) // chunked, so perhaps empty
	return n > 0
}

// delete removes a file or a folder with all below it (RFC 4918 section 9.6).
func (q *request) delete() error {
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
	return q.throughXNet(&operation{removeAll: func() error {
		return q.h.mailbox.Remove(q.Context(), q.actor, q.path, c)
	}}, nil)
}

// copyOrMove serves COPY and MOVE (RFC 4918 sections 9.8 and 9.9).
func (q *request) copyOrMove() error {
	d, err := parseDepth(q.Header.Get("Depth"), infinity)
	if err == nil && d == 1 {
		err = malformed("Depth")
	}
	if err != nil {
		return err
	}
	to, err := q.places.destination(q.Header.Get("Destination"), q.Host)
	if err != nil {
		return err
	}
	c, err := q.places.conditions(q.Request)
	if err != nil {
		return err
	}
	var m mailbox.Moved
	if q.Method == "COPY" {
		m, err = q.h.mailbox.Copy(q.Context(), q.actor, q.path, to, c, d == infinity)
	} else {
		m, err = q.h.mailbox.Move(q.Context(), q.actor, q.path, to, c, "")
		q.relist(err)
	}
	if err != nil {
		return err
	}
	q.w.Header().Set("ETag", m.ETag)
	q.w.Header().Set("OC-FileId", q.h.fileID(m.Entry.ID))
	q.created(m.Created || q.sync && q.Method == "MOVE") // the desktops accept 201 alone (CLIENTS.md 1.6)
	return nil
}

// relist lets a sync client whose move was refused look again at the folder
// that it took the file from on the desk.
func (q *request) relist(refused error) {
	if !q.sync || mailbox.KindOf(refused) != mailbox.Forbidden {
		return
	}
	if err := q.h.mailbox.Relist(q.Context(), q.actor, q.path); err != nil {
		q.h.log.WarnContext(q.Context(), "a refused move left its folder's ETag as it was", "request", q.h.id(q.Request), "err", err)
	}
}
