// SPDX-License-Identifier: Apache-2.0

package web

import (
	"errors"
	"html/template"
	"net/http"
	"strconv"
	"time"

	"postfach/auth"
	"postfach/mailbox"
)

// Fields and paths of the page where people see and end their app passwords.
const (
	fieldDevice = "geraet"

	pathDevices   = "/anmelden/geraete"
	pathEndDevice = "/anmelden/geraete/widerrufen"
)

// devicesSignIn asks who it is. The page carries no session, so this is asked
// each time that it is opened.
var devicesSignIn = template.Must(template.New("devices-sign-in").Parse(alertPart +
	`<p>{{.T.DevicesHow}}</p>
<form method="post" action="/anmelden/geraete">
` + credentialsPart + `<label for="password">{{.T.Password}} <small id="hint">{{.T.OwnHint}}</small></label>
<input id="password" name="password" type="password" autocomplete="current-password" maxlength="256" required aria-describedby="hint">
<p><button>{{.T.ShowDevices}}</button></p>
</form>
`))

var devicesTemplate = template.Must(template.New("devices").Parse(alertPart +
	`{{with .Done}}<p role="status" class="note">{{.}}</p>
{{end}}{{if .Devices}}<p>{{.T.EndHow}}</p>
<p>{{printf .T.DevicesOf .Name}}</p>
{{range .Devices}}<h2>{{.Name}}</h2>
<p>{{$.T.Made}}: {{.Made}}<br>{{$.T.Used}}: {{.Used}}</p>
<form method="post" action="/anmelden/geraete/widerrufen">
<input type="hidden" name="ticket" value="{{$.Ticket}}"><input type="hidden" name="geraet" value="{{.ID}}">
<button aria-label="{{$.T.EndIt}}: {{.Name}}">{{$.T.EndIt}}</button>
</form>
{{end}}<p><small>{{.T.UsedLate}}</small></p>
{{else}}<p>{{printf .T.NoDevices .Name}}</p>
{{end}}`))

// device is one app password on the page. Each has a heading of its own, since
// the columns of a table would be too narrow on a telephone.
type device struct {
	ID               int64
	Name, Made, Used string
}

func (h *Handler) devicesPage(w http.ResponseWriter, r *http.Request) {
	lang := h.reply.Language(r, "")
	h.show(w, r, http.StatusOK, lang, texts[lang].DevicesTitle, devicesSignIn, page{})
}

// devices shows the app passwords to the person whose they are.
func (h *Handler) devices(w http.ResponseWriter, r *http.Request) {
	if !h.form(w, r) {
		return
	}
	lang := h.reply.Language(r, "")
	p := page{Login: r.PostFormValue(fieldLogin)}
	v, err := h.access.SignIn(r.Context(), r, p.Login, r.PostFormValue(fieldPassword))
	if err == nil && v.Ticket != "" {
		h.demand(w, r, v, p)
		return
	}
	var d auth.Devices
	if err == nil {
		d, err = h.access.OpenDevices(r.Context(), r, v)
	}
	if err != nil {
		h.again(w, r, lang, err, texts[lang].DevicesTitle, devicesSignIn, p)
		return
	}
	h.listDevices(w, r, http.StatusOK, d, p)
}

// endDevice ends one and shows what is left.
func (h *Handler) endDevice(w http.ResponseWriter, r *http.Request) {
	if !h.form(w, r) {
		return
	}
	lang := h.reply.Language(r, "")
	id, err := strconv.ParseInt(r.PostFormValue(fieldDevice), 10, 64)
	if err != nil {
		h.reply.Fail(w, r, "", mailbox.Wrap(mailbox.Invalid, mailbox.ReasonMalformed, err))
		return
	}
	d, err := h.access.EndDevice(r.Context(), r, r.PostFormValue(fieldTicket), auth.AppPasswordID(id))
	refused, ok := errors.AsType[*auth.Refusal](err)
	switch {
	case ok && refused.Kind == mailbox.NotFound: // ended meanwhile, perhaps by a second click
		h.listDevices(w, r, http.StatusOK, d, page{Done: texts[h.reply.Language(r, d.Actor.Language)].EndedBefore})
	case err != nil:
		h.again(w, r, lang, err, texts[lang].DevicesTitle, devicesSignIn, page{})
	default:
		h.listDevices(w, r, http.StatusOK, d, page{Done: texts[h.reply.Language(r, d.Actor.Language)].Ended})
	}
}

func (h *Handler) listDevices(w http.ResponseWriter, r *http.Request, code int, d auth.Devices, p page) {
	lang := h.reply.Language(r, d.Actor.Language)
	p.Ticket, p.Name = d.Ticket, d.Actor.PersonName
	for _, a := range d.Valid {
		p.Devices = append(p.Devices, device{int64(a.ID), a.Name, h.moment(lang, a.Created), h.moment(lang, a.Used)})
	}
	h.show(w, r, code, lang, texts[lang].DevicesTitle, devicesTemplate, p)
}

// moment is a time as people of the language write it.
func (h *Handler) moment(lang string, t time.Time) string {
	switch {
	case t.IsZero():
		return texts[lang].NeverUsed
	case lang == "en":
		return t.In(h.o.Timezone).Format("2 Jan 2006, 15:04")
	}
	return t.In(h.o.Timezone).Format("02.01.2006, 15:04")
}
