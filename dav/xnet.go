// SPDX-License-Identifier: Apache-2.0

package dav

import (
	"context"
	"encoding/xml"
	"io"
	"net/http"
	"os"
	"time"

	"golang.org/x/net/webdav"

	"postfach/mailbox"
	"postfach/reply"
)

// operation is what one request does, in the shape in which x/net/webdav asks
// for it. Only the function of the method is set. The first error that one of
// them gives is the answer; x/net's own status for it is dropped, since its
// interfaces have no room for kinds of errors.
type operation struct {
	mkdir     func() error
	removeAll func() error
	patch     func([]webdav.Proppatch) ([]webdav.Propstat, error)
	err       error
}

var (
	_ webdav.FileSystem      = (*operation)(nil)
	_ webdav.LockSystem      = (*operation)(nil)
	_ webdav.File            = (*patched)(nil)
	_ webdav.DeadPropsHolder = (*patched)(nil)
)

// throughXNet lets x/net/webdav serve the request over op. Locks and conditions
// are judged by the mailbox inside the commit, so the If header is not shown to
// it and its lock system agrees to everything.
func (q *request) throughXNet(op *operation, body io.ReadCloser) error {
	r := q.Request.Clone(q.Context())
	r.Header.Del("If")
	r.Body = body
	if body == nil {
		r.Body, r.ContentLength = http.NoBody, 0
	}
	x := &webdav.Handler{FileSystem: op, LockSystem: op}
	x.ServeHTTP(&held{ResponseWriter: q.w, op: op}, r)
	return op.err
}

// held holds an answer back once the operation has failed, and says the
// content type that ownCloud insists on (CLIENTS.md section 4, row 25).
type held struct {
	http.ResponseWriter
	op *operation
}

func (h *held) WriteHeader(code int) {
	if h.op.err == nil && code >= http.StatusBadRequest { // x/net's own refusal, answered in our form
		h.op.err = reply.WithStatus(code, mailbox.E(mailbox.Invalid, mailbox.ReasonMalformed, "WebDAV"))
	}
	if h.op.err != nil {
		return
	}
	switch code {
	case http.StatusMultiStatus:
		h.Header().Set("Content-Type", xmlType)
	case http.StatusCreated:
		h.Header().Set("Content-Length", "0")
	}
	h.ResponseWriter.WriteHeader(code)
}

func (h *held) Write(p []byte) (int, error) {
	if h.op.err != nil || h.Header().Get("Content-Length") == "0" { // the word "Created" is of no use
		return len(p), nil
	}
	return h.ResponseWriter.Write(p)
}

func (o *operation) note(err error) error {
	if o.err == nil {
		o.err = err
	}
	return err
}

func (o *operation) Mkdir(context.Context, string, os.FileMode) error { return o.note(o.mkdir()) }

func (o *operation) RemoveAll(context.Context, string) error { return o.note(o.removeAll()) }

// Stat finds everything: whether it exists is the mailbox's answer, in its
// order of checks.
func (o *operation) Stat(context.Context, string) (os.FileInfo, error) { return nil, nil }

func (o *operation) OpenFile(context.Context, string, int, os.FileMode) (webdav.File, error) {
	return &patched{op: o}, nil
}

func (o *operation) Rename(context.Context, string, string) error {
	return o.note(mailbox.E(mailbox.Unsupported, mailbox.ReasonUnsupported)) // MOVE does not come here
}

func (o *operation) Confirm(time.Time, string, string, ...webdav.Condition) (func(), error) {
	return func() {}, nil
}

func (o *operation) Create(time.Time, webdav.LockDetails) (string, error) { return "", nil }

func (o *operation) Refresh(time.Time, string, time.Duration) (webdav.LockDetails, error) {
	return webdav.LockDetails{}, webdav.ErrNoSuchLock // LOCK does not come here
}

func (o *operation) Unlock(time.Time, string) error { return nil }

// patched is the resource of a PROPPATCH. It has no content.
type patched struct{ op *operation }

func (p *patched) Patch(ps []webdav.Proppatch) ([]webdav.Propstat, error) {
	stats, err := p.op.patch(ps)
	return stats, p.op.note(err)
}

func (p *patched) DeadProps() (map[xml.Name]webdav.Property, error) { return nil, nil }
func (p *patched) Close() error                                     { return nil }
func (p *patched) Read([]byte) (int, error)                         { return 0, io.EOF }
func (p *patched) Write([]byte) (int, error)                        { return 0, os.ErrPermission }
func (p *patched) Seek(int64, int) (int64, error)                   { return 0, nil }
func (p *patched) Readdir(int) ([]os.FileInfo, error)               { return nil, io.EOF }
func (p *patched) Stat() (os.FileInfo, error)                       { return nil, os.ErrNotExist }
