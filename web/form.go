// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bytes"
	"errors"
	"html/template"
	"mime"
	"net/http"
	"strconv"

	"postfach/auth"
	"postfach/mailbox"
	"postfach/reply"
)

const maxForm = 16 << 10 // bytes; our largest form has about one kB

// form reads what a page of ours has sent. Another site cannot send it: the
// browser says where a request comes from (Sec-Fetch-Site, Origin), and every
// form that changes something carries the credentials themselves, which no
// other site knows and no browser adds by itself.
func (h *Handler) form(w http.ResponseWriter, r *http.Request) bool {
	if err := h.cross.Check(r); err != nil {
		h.reply.Fail(w, r, "", mailbox.Wrap(mailbox.Forbidden, mailbox.ReasonCrossSite, err))
		return false
	}
	return h.fields(w, r)
}

// fields reads a form, whoever sent it.
func (h *Handler) fields(w http.ResponseWriter, r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		h.reply.Fail(w, r, "", reply.WithStatus(http.StatusUnsupportedMediaType, mailbox.E(mailbox.Invalid, mailbox.ReasonMalformed, "form")))
		return false
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			h.reply.Fail(w, r, "", mailbox.E(mailbox.TooLarge, mailbox.ReasonTooLarge, strconv.Itoa(maxForm)+" B"))
		} else {
			h.reply.Fail(w, r, "", mailbox.Wrap(mailbox.Invalid, mailbox.ReasonMalformed, err))
		}
		return false
	}
	return true
}

// page is what a template is filled with.
type page struct {
	T     words // in the language of the page
	Alert string
	Login string // typed before, shown again

	Number  string // of the mailbox that the person wants to see; ""
	Open    string // where the content is
	Post    string // where the form goes
	Name    string // of the person
	Ticket  string
	Program string
	Begun   string
	Flow    string // of the page that lets a program in, to come back to; ""
	Address string // for programs

	Devices []device
	Done    string // what has just been done

	Elsewhere bool
	Least     int // characters of a password
}

// show writes a page with the given template.
func (h *Handler) show(w http.ResponseWriter, r *http.Request, code int, lang, title string, t *template.Template, p page) {
	p.T, p.Least, p.Address = texts[lang], auth.MinPassword, h.o.URL+"/dav/"
	var b bytes.Buffer
	if err := t.Execute(&b, p); err != nil { // a constant template over plain values
		h.reply.Fail(w, r, lang, err)
		return
	}
	h.reply.FormPage(w, r, code, lang, title, template.HTML(b.String()))
}

// refusal is how a page answers what could not be done: the sentence to show
// and the status. A status of 0 says that it is no matter of this page.
func refusal(lang string, err error) (text string, code int) {
	if refused, ok := errors.AsType[*auth.Refusal](err); ok {
		return refused.In(lang), reply.Status(mailbox.E(refused.Kind, ""))
	}
	switch mailbox.KindOf(err) {
	case mailbox.Unauthenticated:
		// 403 and not 401: with a challenge the browser would ask by itself.
		return reply.Sentence(lang, err), http.StatusForbidden
	case mailbox.Paused, mailbox.Unavailable, mailbox.Forbidden:
		return reply.Sentence(lang, err), reply.Status(err)
	}
	return "", 0
}

// again shows a page once more with what was wrong.
func (h *Handler) again(w http.ResponseWriter, r *http.Request, lang string, err error, title string, t *template.Template, p page) {
	text, code := refusal(lang, err)
	if code == 0 {
		h.reply.Fail(w, r, lang, err)
		return
	}
	if ours, ok := errors.AsType[*mailbox.Error](err); ok && ours.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(ours.RetryAfter.Seconds())))
	}
	if code == http.StatusForbidden && mailbox.KindOf(err) == mailbox.Unauthenticated && plainlyWrong(err) {
		text = texts[lang].Wrong
	}
	p.Alert = text
	h.show(w, r, code, lang, title, t, p)
}

// plainlyWrong says that nothing more is known than that it was not right.
func plainlyWrong(err error) bool {
	ours, ok := errors.AsType[*mailbox.Error](err)
	return ok && ours.Reason == mailbox.ReasonSignIn
}
