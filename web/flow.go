// SPDX-License-Identifier: Apache-2.0

package web

import (
	"encoding/json"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"postfach/auth"
	"postfach/mailbox"
)

// flowTemplate is where a person lets a program in.
var flowTemplate = template.Must(template.New("flow").Parse(alertPart +
	`<p>{{if .Program}}{{printf .T.Wants .Program}}{{else}}{{.T.WantsUnnamed}}{{end}} {{printf .T.BegunAt .Begun}}</p>
{{if .Elsewhere}}<p class="alert">{{.T.ElsewhereHow}}</p>
{{else}}<p class="note">{{.T.OnlyIfYou}}</p>
{{end}}<p>{{.T.WhatItGets}}</p>
<form method="post" action="{{.Post}}">
` + credentialsPart + `<label for="password">{{.T.Password}} <small id="hint">{{.T.PasswordHint}}</small></label>
<input id="password" name="password" type="password" autocomplete="current-password" maxlength="256" required aria-describedby="hint">
<label for="name">{{.T.DeviceName}} <small id="name-hint">{{.T.DeviceHint}}</small></label>
<input id="name" name="name" autocomplete="off" maxlength="100" required value="{{.Name}}" aria-describedby="name-hint">
<p><button>{{.T.Allow}}</button></p>
</form>
`))

var allowedTemplate = template.Must(template.New("allowed").Parse(`<p role="status">{{.T.AllowedHow}}</p>
<p><a href="/anmelden/geraete">{{.T.ToDevices}}</a></p>
`))

var overTemplate = template.Must(template.New("over").Parse(alertPart))

// beginFlow answers a program that has no credentials yet (login flow v2,
// CLIENTS.md 1.4).
func (h *Handler) beginFlow(w http.ResponseWriter, r *http.Request) {
	token, page := h.access.BeginFlow(r)
	type poll struct {
		Token    string `json:"token"`
		Endpoint string `json:"endpoint"`
	}
	writeJSON(w, http.StatusOK, struct {
		Poll  poll   `json:"poll"`
		Login string `json:"login"`
	}{poll{token, h.o.URL + pathFlowPoll}, h.o.URL + pathFlowPage + page})
}

// pollFlow gives the program its app password, once; until then 404.
func (h *Handler) pollFlow(w http.ResponseWriter, r *http.Request) {
	if !h.fields(w, r) {
		return
	}
	login, password, err := h.access.FetchFlow(r.Context(), r, r.PostFormValue("token"))
	_, refused := errors.AsType[*auth.Refusal](err)
	switch {
	case refused || err != nil && mailbox.KindOf(err) == mailbox.NotFound:
		writeJSON(w, http.StatusNotFound, []string{})
	case err != nil:
		h.reply.Fail(w, r, "", err)
	default:
		writeJSON(w, http.StatusOK, struct {
			Server      string `json:"server"`
			LoginName   string `json:"loginName"`
			AppPassword string `json:"appPassword"`
		}{h.o.URL, login, password})
	}
}

// flow reads which program a page is about. false when it was answered.
func (h *Handler) flow(w http.ResponseWriter, r *http.Request) (f auth.FlowRequest, p page, ok bool) {
	lang := h.reply.Language(r, "")
	id := strings.TrimPrefix(r.URL.Path, pathFlowPage)
	f, err := h.access.ReadFlow(r.Context(), r, id)
	if err != nil {
		h.again(w, r, lang, err, texts[lang].Over, overTemplate, page{})
		return f, p, false
	}
	p = page{Program: f.Program, Begun: f.Begun.In(h.o.Timezone).Format("15:04"), Elsewhere: f.Elsewhere,
		Post: pathFlowPage + url.PathEscape(id), Flow: id, Name: f.Program}
	return f, p, true
}

func (h *Handler) flowPage(w http.ResponseWriter, r *http.Request) {
	_, p, ok := h.flow(w, r)
	if !ok {
		return
	}
	if user := r.URL.Query().Get("user"); len(user) <= 200 {
		p.Login = user
	}
	lang := h.reply.Language(r, "")
	h.show(w, r, http.StatusOK, lang, texts[lang].LetIn, flowTemplate, p)
}

// allow takes the person's own credentials together with the permission.
func (h *Handler) allow(w http.ResponseWriter, r *http.Request) {
	if !h.form(w, r) {
		return
	}
	f, p, ok := h.flow(w, r)
	if !ok {
		return
	}
	lang := h.reply.Language(r, "")
	p.Login, p.Name = r.PostFormValue(fieldLogin), r.PostFormValue(fieldName)
	v, err := h.access.SignIn(r.Context(), r, p.Login, r.PostFormValue(fieldPassword))
	if err != nil {
		h.again(w, r, lang, err, texts[lang].LetIn, flowTemplate, p)
		return
	}
	if v.Ticket != "" {
		h.demand(w, r, v, p)
		return
	}
	lang = h.reply.Language(r, v.Actor.Language)
	if err := h.access.AllowFlow(r.Context(), r, f, v, p.Name); err != nil {
		h.again(w, r, lang, err, texts[lang].LetIn, flowTemplate, p)
		return
	}
	h.show(w, r, http.StatusOK, lang, texts[lang].Allowed, allowedTemplate, p)
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	b, err := json.Marshal(v)
	if err != nil { // plain values of ours
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(code)
	_, _ = w.Write(b) // the client may have gone
}
