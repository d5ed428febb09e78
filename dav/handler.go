// SPDX-License-Identifier: Apache-2.0

package dav

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"postfach/mailbox"
	"postfach/reply"
)

// Authenticator says who is asking. Its errors are those of package mailbox;
// the actor it gives holds the grants in force.
type Authenticator interface {
	Authenticate(ctx context.Context, r *http.Request) (mailbox.Actor, error)
}

// Options of a Handler. Zero values are sane.
type Options struct {
	Prefix   string         // of the WebDAV root, without trailing slash; "" means "/dav"
	Host     string         // of the public address, without port; "" when only the Host header counts
	Timezone *time.Location // of times in HTML listings; nil means UTC
	Clients  Clients        // what sync clients are told
	// LargeHelp is where a person reads what to do about files that Windows
	// does not open, for the listings; "" for no such page.
	LargeHelp string
	// RequestID gives the id under which a request is logged; nil means none.
	RequestID func(*http.Request) string
	Log       *slog.Logger     // nil discards
	Now       func() time.Time // nil means time.Now
}

// Handler serves WebDAV. It answers on its prefix, on "/" as far as Windows
// needs it to find the prefix, and where sync clients look (desktop.go).
type Handler struct {
	mailbox *mailbox.Service
	auth    Authenticator
	reply   *reply.Writer
	places  places
	clients Clients
	epoch   int64 // part of the ETags of folders, see Clients.epoch
	buffers *buffers
	zone    *time.Location
	id      func(*http.Request) string
	log     *slog.Logger
	now     func() time.Time
	born    time.Time // stands for times of resources that have none

	largeHelp string
}

var _ http.Handler = (*Handler)(nil)

// New makes the door to a mailbox service.
func New(s *mailbox.Service, a Authenticator, w *reply.Writer, o Options) *Handler {
	if o.Prefix == "" {
		o.Prefix = "/dav"
	}
	if o.Timezone == nil {
		o.Timezone = time.UTC
	}
	if o.RequestID == nil {
		o.RequestID = func(*http.Request) string { return "" }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Handler{mailbox: s, auth: a, reply: w, places: places{prefix: o.Prefix, host: hostname(o.Host)},
		clients: o.Clients.withDefaults(), epoch: o.Clients.epoch(), buffers: newBuffers(), zone: o.Timezone, id: o.RequestID, log: o.Log, now: o.Now, born: o.Now(),
		largeHelp: o.LargeHelp}
}

// request is one request of a signed-in account.
type request struct {
	*http.Request
	h       *Handler
	w       http.ResponseWriter
	actor   mailbox.Actor
	path    mailbox.Path
	decoded string // URL path as the client spelled it, decoded once
	places  places // that Destination and If may name
	sync    bool   // in the sync clients' part
}

// methods that are served below the prefix.
var methods = map[string]func(*request) error{
	"OPTIONS": (*request).options, "GET": (*request).get, "HEAD": (*request).get, "PUT": (*request).put,
	"DELETE": (*request).delete, "MKCOL": (*request).mkcol, "COPY": (*request).copyOrMove, "MOVE": (*request).copyOrMove,
	"PROPFIND": (*request).propfind, "PROPPATCH": (*request).proppatch, "LOCK": (*request).lock, "UNLOCK": (*request).unlock,
}

const allow = "OPTIONS, GET, HEAD, PUT, DELETE, MKCOL, COPY, MOVE, PROPFIND, PROPPATCH, LOCK, UNLOCK"

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	reply.Track(r)
	header := w.Header()
	header.Set("DAV", "1, 2")
	header.Set("MS-Author-Via", "DAV")
	decoded, err := h.places.decode(r.URL.EscapedPath())
	if err != nil {
		h.reply.Fail(w, r, "", err)
		return
	}
	at := h.locate(decoded, r)
	switch at.area {
	case nowhere:
		h.reply.Fail(w, r, "", mailbox.E(mailbox.NotFound, mailbox.ReasonNotFound))
		return
	case openArea:
		h.open(w, r, decoded)
		return
	}
	if err := sameSite(r); err != nil {
		h.reply.Fail(w, r, "", err)
		return
	}
	actor, err := h.auth.Authenticate(r.Context(), r)
	if err != nil {
		h.reply.Fail(w, r, "", err)
		return
	}
	actor.Via.Door, actor.Via.RequestID = "dav", h.id(r)
	actor.Revision ^= h.epoch
	q := &request{Request: r, h: h, w: w, actor: actor, path: mailbox.ParsePath(at.inside), decoded: decoded, places: h.places}
	if err := q.serve(at); err != nil {
		q.fail(err)
	}
}

// serve dispatches by the part of the URL space, then by method.
func (q *request) serve(at site) error {
	switch at.area {
	case stubArea:
		return q.stub()
	case ocsArea:
		return q.ocs()
	case hiddenArea:
		return mailbox.E(mailbox.NotFound, mailbox.ReasonNotFound)
	}
	if at.sync {
		if err := q.asSyncClient(at); err != nil {
			return err
		}
	}
	if at.area == chunkArea {
		return q.chunks(at.inside)
	}
	if q.Header.Get("OC-Chunked") != "" {
		return mailbox.E(mailbox.Unsupported, mailbox.ReasonUnsupported) // CLIENTS.md 0.11
	}
	serve, ok := methods[q.Method]
	if ok {
		return serve(q)
	}
	q.w.Header().Set("Allow", allow)
	err := mailbox.E(mailbox.Unsupported, mailbox.ReasonMethod)
	switch q.Method {
	case http.MethodPost, http.MethodPatch, http.MethodTrace, http.MethodConnect:
		return reply.WithStatus(http.StatusMethodNotAllowed, err)
	}
	return err
}

// fail answers with err and has the refusal recorded.
func (q *request) fail(err error) {
	if mailbox.KindOf(err) == mailbox.Canceled && q.Context().Err() != nil {
		return // nobody is there to answer
	}
	q.h.mailbox.Refused(q.actor, q.Method, bounded(q.decoded), err)
	if mailbox.KindOf(err) == mailbox.Locked {
		element := "lock-token-submitted"
		if q.Method == "LOCK" {
			element = "no-conflicting-lock"
		}
		err = reply.WithElement(element, err, string(appendHref(nil, q.decoded)))
	}
	q.h.reply.Fail(q.w, q.Request, q.actor.Language, err)
}

// bounded keeps a path short and well-formed for the audit record.
func bounded(s string) string {
	return strings.ToValidUTF8(s[:min(len(s), mailbox.MaxPath)], "\uFFFD")
}

func (q *request) language() string { return q.h.reply.Language(q.Request, q.actor.Language) }

// sameSite refuses what another site makes a signed-in browser send (DESIGN.md
// section 6). Other clients send no Sec-Fetch-Site.
func sameSite(r *http.Request) error {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, "PROPFIND":
		return nil
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return nil
	}
	return mailbox.E(mailbox.Forbidden, mailbox.ReasonCrossSite)
}

// options answers OPTIONS (RFC 4918 section 10.1) without looking at the
// resource, which needs no listing of what is allowed where.
func (q *request) options() error {
	h := q.w.Header()
	h.Set("Allow", allow)
	h.Set("Content-Length", "0")
	q.w.WriteHeader(http.StatusOK)
	return nil
}
