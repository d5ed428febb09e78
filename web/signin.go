// SPDX-License-Identifier: Apache-2.0

package web

import (
	"errors"
	"html/template"
	"net/http"

	"postfach/auth"
	"postfach/mailbox"
)

// Fields of our forms.
const (
	fieldLogin    = "login"
	fieldPassword = "password"
	fieldRepeat   = "repeat"
	fieldTicket   = "ticket"
	fieldNumber   = "postfach"
	fieldFlow     = "flow"
	fieldName     = "name"
)

var alertPart = `{{with .Alert}}<p class="alert" role="alert">{{.}}</p>
{{end}}`

var credentialsPart = `<label for="login">{{.T.Login}}</label>
<input id="login" name="login" autocomplete="username" autocapitalize="none" spellcheck="false" maxlength="200" required value="{{.Login}}">
`

// knownPart is the way of who has a password already: first on the page, but
// below the form where something has just been typed into that.
var knownPart = `<h2>{{.T.Known}}</h2>
<p><a class="button" href="{{.Open}}">{{.T.OpenMailbox}}</a></p>
<p>{{.T.BrowserAsks}}</p>
`

// signInTemplate is the page that a letter leads to.
var signInTemplate = template.Must(template.New("sign-in").Parse(alertPart +
	`{{if not .Alert}}` + knownPart + `{{end}}<h2>{{.T.FirstTime}}</h2>
<p>{{.T.FirstTimeHow}}</p>
<form method="post" action="/anmelden">
<input type="hidden" name="postfach" value="{{.Number}}">
` + credentialsPart + `<label for="password">{{.T.OneTime}} <small id="hint">{{.T.OneTimeHint}}</small></label>
<input id="password" name="password" type="password" autocomplete="off" maxlength="256" required aria-describedby="hint">
<p><button>{{.T.Next}}</button></p>
</form>
{{if .Alert}}` + knownPart + `{{end}}<p><a href="/anmelden/geraete">{{.T.ToDevices}}</a></p>
`))

// chooseTemplate demands a password of the person's own.
var chooseTemplate = template.Must(template.New("choose").Parse(alertPart +
	`{{with .Name}}<p>{{printf $.T.Hello .}}</p>
{{end}}<p>{{.T.ChooseHow}}</p>
<form method="post" action="/anmelden/kennwort">
<input type="hidden" name="ticket" value="{{.Ticket}}">
<input type="hidden" name="postfach" value="{{.Number}}">
<input type="hidden" name="flow" value="{{.Flow}}">
<label for="login">{{.T.Login}}</label>
<input id="login" name="login" autocomplete="username" readonly value="{{.Login}}">
<label for="password">{{.T.NewPassword}} <small id="rule">{{printf .T.Rule .Least}}</small></label>
<input id="password" name="password" type="password" autocomplete="new-password" minlength="{{.Least}}" maxlength="256" required aria-describedby="rule">
<label for="repeat">{{.T.Repeat}}</label>
<input id="repeat" name="repeat" type="password" autocomplete="new-password" maxlength="256" required>
<p><button>{{.T.SetPassword}}</button></p>
</form>
`))

// settledTemplate is where somebody ends who has a password of their own.
var settledTemplate = template.Must(template.New("settled").Parse(
	`<p role="status">{{.T.SettledHow}}</p>
{{with .Flow}}<p><a class="button" href="/index.php/login/v2/flow/{{.}}">{{$.T.BackToProgram}}</a></p>
{{else}}<p><a class="button" href="{{.Open}}">{{.T.OpenMailbox}}</a></p>
<p>{{.T.BrowserAsks}}</p>
{{end}}<p>{{.T.ForPrograms}} <code>{{.Address}}</code></p>
`))

// mailboxPage is where the link of a mail or letter leads.
func (h *Handler) mailboxPage(w http.ResponseWriter, r *http.Request) {
	h.welcome(w, r, mailboxNumber(r))
}

func (h *Handler) signInPage(w http.ResponseWriter, r *http.Request) { h.welcome(w, r, "") }

func (h *Handler) welcome(w http.ResponseWriter, r *http.Request, number string) {
	lang := h.reply.Language(r, "")
	h.show(w, r, http.StatusOK, lang, texts[lang].Welcome, signInTemplate, page{Number: number, Open: mailboxHref(number)})
}

// signIn takes the one-time password of a letter.
func (h *Handler) signIn(w http.ResponseWriter, r *http.Request) {
	if !h.form(w, r) {
		return
	}
	lang := h.reply.Language(r, "")
	p := page{Number: r.PostFormValue(fieldNumber), Login: r.PostFormValue(fieldLogin)}
	p.Open = mailboxHref(p.Number)
	v, err := h.access.SignIn(r.Context(), r, p.Login, r.PostFormValue(fieldPassword))
	if err != nil {
		h.again(w, r, lang, err, texts[lang].Welcome, signInTemplate, p)
		return
	}
	lang = h.reply.Language(r, v.Actor.Language)
	if v.Ticket == "" {
		h.show(w, r, http.StatusOK, lang, texts[lang].Settled, settledTemplate, p)
		return
	}
	h.demand(w, r, v, p)
}

// demand shows the form for an own password.
func (h *Handler) demand(w http.ResponseWriter, r *http.Request, v auth.Visitor, p page) {
	lang := h.reply.Language(r, v.Actor.Language)
	p.Login, p.Name, p.Ticket = v.Actor.Login, v.Actor.PersonName, v.Ticket
	h.show(w, r, http.StatusOK, lang, texts[lang].Choose, chooseTemplate, p)
}

// choose takes the own password.
func (h *Handler) choose(w http.ResponseWriter, r *http.Request) {
	if !h.form(w, r) {
		return
	}
	lang := h.reply.Language(r, "")
	p := page{Number: r.PostFormValue(fieldNumber), Flow: r.PostFormValue(fieldFlow), Ticket: r.PostFormValue(fieldTicket),
		Login: r.PostFormValue(fieldLogin)}
	p.Open = mailboxHref(p.Number)
	if r.PostFormValue(fieldPassword) != r.PostFormValue(fieldRepeat) {
		p.Alert = texts[lang].Differ
		h.show(w, r, http.StatusBadRequest, lang, texts[lang].Choose, chooseTemplate, p)
		return
	}
	actor, err := h.access.Activate(r.Context(), r, p.Ticket, r.PostFormValue(fieldPassword))
	refused, ok := errors.AsType[*auth.Refusal](err)
	switch {
	case ok && refused.Kind == mailbox.Conflict: // from the beginning
		h.again(w, r, lang, err, texts[lang].Welcome, signInTemplate, p)
	case err != nil:
		h.again(w, r, lang, err, texts[lang].Choose, chooseTemplate, p)
	default:
		lang = h.reply.Language(r, actor.Language)
		h.show(w, r, http.StatusOK, lang, texts[lang].Settled, settledTemplate, p)
	}
}
