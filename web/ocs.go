// SPDX-License-Identifier: Apache-2.0

package web

import (
	"encoding/xml"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"postfach/auth"
	"postfach/mailbox"
	"postfach/reply"
)

// getAppPassword gives a program that signed in by the own password an app
// password in its place. It is a GET that changes something, so it wants the
// header that only a program sends, never a link or picture on a page.
func (h *Handler) getAppPassword(w http.ResponseWriter, r *http.Request) {
	p, ok := h.program(w, r)
	if !ok {
		return
	}
	password, err := h.access.AddAppPassword(r.Context(), r, p)
	if err != nil {
		h.ocsFail(w, r, p.Actor.Language, err)
		return
	}
	h.ocs(w, r, http.StatusOK, "OK", &appData{AppPassword: password})
}

// dropAppPassword ends the app password of the program that asks; it is how a
// desktop client signs out.
func (h *Handler) dropAppPassword(w http.ResponseWriter, r *http.Request) {
	p, ok := h.program(w, r)
	if !ok {
		return
	}
	if err := h.access.DropAppPassword(r.Context(), r, p); err != nil {
		h.ocsFail(w, r, p.Actor.Language, err)
		return
	}
	h.ocs(w, r, http.StatusOK, "OK", nil)
}

// program signs a program in.
func (h *Handler) program(w http.ResponseWriter, r *http.Request) (auth.Program, bool) {
	if !strings.EqualFold(r.Header.Get("OCS-APIRequest"), "true") {
		h.ocsFail(w, r, "", reply.WithStatus(http.StatusPreconditionFailed, mailbox.E(mailbox.Precondition, mailbox.ReasonCrossSite)))
		return auth.Program{}, false
	}
	p, err := h.access.Program(r.Context(), r)
	if err != nil {
		h.ocsFail(w, r, "", err)
		return p, false
	}
	return p, true
}

// ocsFail answers with err. Unlike version 1, version 2 of the protocol has the
// status of HTTP in both places.
func (h *Handler) ocsFail(w http.ResponseWriter, r *http.Request, lang string, err error) {
	lang = h.reply.Language(r, lang)
	code, text := reply.Status(err), reply.Sentence(lang, err)
	if refused, ok := errors.AsType[*auth.Refusal](err); ok {
		code, text = http.StatusForbidden, refused.In(lang)
	}
	if code == http.StatusUnauthorized {
		w.Header()["Www-Authenticate"] = h.reply.Challenges(r, err)
	}
	if ours, ok := errors.AsType[*mailbox.Error](err); ok && ours.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(ours.RetryAfter.Seconds())))
	}
	h.ocs(w, r, code, text, nil)
}

// envelope is the answer of OCS (the desktop clients' protocol beside WebDAV).
type envelope struct {
	XMLName xml.Name `json:"-" xml:"ocs"`
	Meta    meta     `json:"meta" xml:"meta"`
	Data    any      `json:"data" xml:"data"`
}

type meta struct {
	Status  string `json:"status" xml:"status"`
	Code    int    `json:"statuscode" xml:"statuscode"`
	Message string `json:"message" xml:"message"`
}

type appData struct {
	AppPassword string `json:"apppassword" xml:"apppassword"`
}

// noData is an empty list in JSON and an empty element in XML.
type noData []struct{}

// MarshalXML writes the element, which a list of nothing would leave out.
func (noData) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	return e.EncodeElement("", start)
}

// ocs answers in JSON where it is asked for, else in XML.
func (h *Handler) ocs(w http.ResponseWriter, r *http.Request, code int, message string, data *appData) {
	out := envelope{Meta: meta{Status: "ok", Code: code, Message: message}, Data: noData{}}
	if data != nil {
		out.Data = data
	}
	if code >= http.StatusBadRequest {
		out.Meta.Status = "failure"
		if code == http.StatusUnauthorized {
			out.Meta.Code = 997
		}
	}
	if r.URL.Query().Get("format") == "json" || strings.Contains(r.Header.Get("Accept"), "application/json") {
		writeJSON(w, code, struct {
			OCS envelope `json:"ocs"`
		}{out})
		return
	}
	b, err := xml.Marshal(out)
	if err != nil { // plain values of ours
		h.reply.Fail(w, r, "", err)
		return
	}
	b = append([]byte(xml.Header), b...)
	w.Header().Set("Content-Type", "application/xml; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(code)
	_, _ = w.Write(b) // the client may have gone
}
