// SPDX-License-Identifier: Apache-2.0

// Package reply is the one place where an error of the mailbox becomes an HTTP
// answer: status, DAV error body, headers and a sentence in the reader's
// language. Every door answers failures through it. No rule of the mailbox, no
// routing and no method lives here.
package reply

import (
	"cmp"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"postfach/mailbox"
)

// Options of a Writer. The zero value answers in German without a contact.
type Options struct {
	Language  string // of the installation: "de" or "en"; "" means "de"
	Authority string // its name, in the title of pages and in the realm
	Contact   string // telephone or address of the service, on every page (K25)
	Help      string // path of the page that helps to connect, on every page; "" for none
	// Bearer says where a 401 offers access tokens; nil means nowhere.
	Bearer func(*http.Request) bool
	Log    *slog.Logger
}

// Writer answers failures. It is safe for concurrent use.
type Writer struct {
	o     Options
	realm string
}

// New makes a Writer.
func New(o Options) *Writer {
	if o.Language != "en" {
		o.Language = "de"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	realm := cmp.Or(asciiOnly(o.Authority), "Postfach")
	return &Writer{o: o, realm: realm}
}

// status is the one table from the kind of an error to the answer. 499 is what
// the log shows for a client that has gone.
var status = map[mailbox.Kind]int{
	mailbox.Internal:           http.StatusInternalServerError,
	mailbox.Unauthenticated:    http.StatusUnauthorized,
	mailbox.Paused:             http.StatusTooManyRequests,
	mailbox.NotFound:           http.StatusNotFound,
	mailbox.Forbidden:          http.StatusForbidden,
	mailbox.Invalid:            http.StatusBadRequest,
	mailbox.NameRefused:        http.StatusBadRequest,
	mailbox.Exists:             http.StatusMethodNotAllowed,
	mailbox.ParentMissing:      http.StatusConflict,
	mailbox.Twin:               http.StatusConflict,
	mailbox.Conflict:           http.StatusConflict,
	mailbox.Locked:             http.StatusLocked,
	mailbox.Precondition:       http.StatusPreconditionFailed,
	mailbox.UnreadRelease:      http.StatusPreconditionRequired,
	mailbox.TooLarge:           http.StatusRequestEntityTooLarge,
	mailbox.Infected:           http.StatusUnsupportedMediaType,
	mailbox.Unscannable:        http.StatusUnsupportedMediaType,
	mailbox.OverQuota:          http.StatusInsufficientStorage,
	mailbox.Unavailable:        http.StatusServiceUnavailable,
	mailbox.RangeUnsatisfiable: http.StatusRequestedRangeNotSatisfiable,
	mailbox.Unsupported:        http.StatusNotImplemented,
	mailbox.Canceled:           499,
}

// Status gives the answer that belongs to err.
func Status(err error) int {
	if d, ok := errors.AsType[*detail](err); ok && d.Status != 0 {
		return d.Status
	}
	if code, ok := status[mailbox.KindOf(err)]; ok {
		return code
	}
	return http.StatusInternalServerError
}

// Fail answers the request with err. lang is the actor's language, "" when
// nobody is signed in yet. What is left of the request body is read first, so
// that a client that is still sending sees the answer (CLIENTS.md 1.6).
func (p *Writer) Fail(w http.ResponseWriter, r *http.Request, lang string, err error) {
	code := Status(err)
	switch {
	case code == 499:
		p.o.Log.DebugContext(r.Context(), "client gone", "method", r.Method, "err", err)
	case code == http.StatusInternalServerError:
		p.o.Log.ErrorContext(r.Context(), "request failed", "method", r.Method, "err", err)
	case code == http.StatusServiceUnavailable:
		p.o.Log.WarnContext(r.Context(), "request refused, dependency down", "method", r.Method, "err", err)
	}
	lang = p.Language(r, lang)
	text := Sentence(lang, err)
	drained := drain(w, r)

	h := w.Header()
	clearEntity(h)
	if !drained {
		h.Set("Connection", "close")
	}
	if wait := retryAfter(err, code); wait > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64(math.Ceil(wait.Seconds())), 10))
	}
	if code == http.StatusUnauthorized {
		h["Www-Authenticate"] = p.Challenges(r, err)
	}
	// Both desktop clients read this header as UTF-8 (QString::fromUtf8); RFC
	// 9110 section 5.5 lets such bytes pass as obs-text.
	h.Set("OC-ErrorString", oneLine(text))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Language", lang)
	if wantsHTML(r) {
		p.Page(w, r, code, lang, "", paragraph(text))
		return
	}
	body := davError(err, code, text)
	h.Set("Content-Type", "application/xml; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(code)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the client may have gone; there is nobody to tell
	}
}

// Challenges is what a 401 says in WWW-Authenticate: Basic (RFC 7617) before
// anything else, since most clients know nothing more. Bearer (RFC 6750) is
// offered only where it is wanted, as ownCloud's desktop gives up Basic as soon
// as it reads of it, and to whoever came with a token.
func (p *Writer) Challenges(r *http.Request, err error) []string {
	all := []string{`Basic realm="` + p.realm + `", charset="UTF-8"`}
	if e, ok := errors.AsType[*mailbox.Error](err); ok && e.Reason == mailbox.ReasonToken {
		return append(all, `Bearer realm="`+p.realm+`", error="invalid_token"`)
	}
	if p.o.Bearer != nil && p.o.Bearer(r) {
		all = append(all, `Bearer realm="`+p.realm+`"`)
	}
	return all
}

// clearEntity removes what a handler may have said about a body that is not
// going to be sent.
func clearEntity(h http.Header) {
	for _, k := range []string{"Content-Length", "Content-Disposition", "Content-Security-Policy", "ETag",
		"Last-Modified", "Accept-Ranges", "Repr-Digest", "OC-Checksum", "Content-Encoding"} {
		h.Del(k)
	}
}

// retryAfter is what the error promises; a 503 or 429 without a promise says
// half a minute, because a client that gets none may never come back.
func retryAfter(err error, code int) time.Duration {
	if e, ok := errors.AsType[*mailbox.Error](err); ok && e.RetryAfter > 0 {
		return e.RetryAfter
	}
	if code == http.StatusServiceUnavailable || code == http.StatusTooManyRequests {
		return 30 * time.Second
	}
	return 0
}

// wantsHTML says whether a browser asks: no WebDAV or sync client names
// text/html in Accept, and */* alone does not count.
func wantsHTML(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodPost {
		return false
	}
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

// oneLine keeps a sentence within one header line.
func oneLine(s string) string {
	return strings.Map(func(c rune) rune {
		if c < 0x20 || c == 0x7f {
			return ' '
		}
		return c
	}, s)
}

// asciiOnly makes a realm that every client can show: realm has no agreed
// character set, so umlauts are written out and the rest is left away.
func asciiOnly(s string) string {
	s = strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "Ä", "Ae", "Ö", "Oe", "Ü", "Ue", "ß", "ss").Replace(s)
	return strings.Map(func(c rune) rune {
		if c < 0x20 || c > 0x7e || c == '"' || c == '\\' {
			return -1
		}
		return c
	}, s)
}
