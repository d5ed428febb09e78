// SPDX-License-Identifier: Apache-2.0

package reply

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
	"strconv"
)

// style is the whole of a page's design; its digest is in the policy, so that
// no other style and no script can be brought in.
const style = `body{font:1.05rem/1.55 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff;overflow-wrap:break-word}
h1{font-size:1.4rem}h2{font-size:1.15rem;margin-top:1.6rem}h3{font-size:1.05rem}a{color:#0b4f8a}a:focus-visible{outline:3px solid #0b4f8a;outline-offset:2px}
table{border-collapse:collapse;width:100%}caption{text-align:left;padding:.4rem 0}th,td{text-align:left;padding:.4rem .8rem .4rem 0;border-bottom:1px solid #767676;overflow-wrap:anywhere}
td.n,th.n{text-align:right;white-space:nowrap}footer{margin-top:2rem;border-top:1px solid #767676;padding-top:.6rem}
label{display:block;margin:1rem 0 .3rem;font-weight:600}label small{display:block;font-weight:400}
input{font:inherit;width:100%;max-width:26rem;box-sizing:border-box;padding:.5rem;border:1px solid #767676;border-radius:.2rem;color:inherit;background:#fff}
button,a.button{font:inherit;font-weight:600;display:inline-block;margin:1.2rem 0 .5rem;padding:.6rem 1.2rem;border:0;border-radius:.2rem;color:#fff;background:#0b4f8a;text-decoration:none;cursor:pointer}
input:focus-visible,button:focus-visible,a.button:focus-visible{outline:3px solid #0b4f8a;outline-offset:2px}
.alert{border-left:.4rem solid #a4001d;padding:.3rem .8rem;background:#fbeaec;color:#1a1a1a}.note{border-left:.4rem solid #767676;padding:.3rem .8rem}
code{font:1.05em/1.4 monospace;overflow-wrap:anywhere}
@media(max-width:34rem){table{table-layout:fixed;font-size:.9rem;hyphens:auto}th,td{padding-right:.4rem;vertical-align:top}td.n,th.n{white-space:normal;width:29%}}
@media(prefers-color-scheme:dark){body{color:#eee;background:#16181b}a{color:#8cc4ff}a:focus-visible,input:focus-visible,button:focus-visible,a.button:focus-visible{outline-color:#8cc4ff}
input{background:#22262b}.alert{background:#4a1620;color:#fff}}`

// protection is what the browser is told about a page.
type protection struct{ policy, referrer string }

// Nothing may run, be framed or be loaded; a form goes to this server or does
// not exist. A form page may name itself to this server, else older browsers
// would send "Origin: null" with the form.
var (
	plainPage = protection{policy("'none'"), "no-referrer"}
	formPage  = protection{policy("'self'"), "same-origin"}
)

func policy(formAction string) string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action " + formAction + "; frame-ancestors 'none'"
}

var pageTemplate = template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html lang="{{.Lang}}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="{{.Referrer}}">
<title>{{.Title}}{{with .Authority}} – {{.}}{{end}}</title>
<style>{{.Style}}</style>
</head>
<body>
<main>
<h1>{{.Title}}</h1>
{{.Body}}
</main>
<footer>{{with .Authority}}<p>{{.}}</p>{{end}}{{with .Contact}}<p>{{$.Label}}: {{.}}</p>{{end}}{{with .Help}}<p><a href="{{.}}?lang={{$.Lang}}">{{$.HelpText}}</a></p>{{end}}</footer>
</body>
</html>
`))

// Page writes a complete HTML page: safe (no script, no foreign resource),
// usable by keyboard and screen reader, with the service contact (K25). An
// empty title takes the one that belongs to the status.
func (p *Writer) Page(w http.ResponseWriter, r *http.Request, code int, lang, title string, body template.HTML) {
	p.page(w, r, code, lang, title, body, plainPage)
}

// FormPage is Page for a body with a form that goes to this server.
func (p *Writer) FormPage(w http.ResponseWriter, r *http.Request, code int, lang, title string, body template.HTML) {
	p.page(w, r, code, lang, title, body, formPage)
}

func (p *Writer) page(w http.ResponseWriter, r *http.Request, code int, lang, title string, body template.HTML, to protection) {
	if title == "" {
		title = titles[lang].of(code)
	}
	var b bytes.Buffer
	err := pageTemplate.Execute(&b, map[string]any{
		"Lang": lang, "Title": title, "Authority": p.o.Authority, "Contact": p.o.Contact,
		"Label": titles[lang].contact, "Help": p.o.Help, "HelpText": titles[lang].help, "Style": template.CSS(style), "Body": body, "Referrer": to.referrer,
	})
	if err != nil { // a constant template over plain values: a fault of ours
		p.o.Log.ErrorContext(r.Context(), "page", "err", err)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", to.policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", to.referrer)
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Content-Language", lang)
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(code)
	if r.Method != http.MethodHead {
		_, _ = w.Write(b.Bytes()) // the client may have gone
	}
}

func paragraph(text string) template.HTML {
	return template.HTML("<p>" + template.HTMLEscapeString(text) + "</p>")
}

// words are the fixed texts of a page in one language.
type words struct {
	contact, help, refused, absent, signIn, later, fault string
}

var titles = map[string]words{
	"de": {
		contact: "Service und Kontakt", help: "Hilfe: Netzlaufwerk und Programme verbinden", refused: "Das war nicht möglich", absent: "Nicht gefunden",
		signIn: "Bitte anmelden", later: "Bitte später noch einmal versuchen", fault: "Ein Fehler ist aufgetreten",
	},
	"en": {
		contact: "Service and contact", help: "Help: connecting a network drive and programs", refused: "That was not possible", absent: "Not found",
		signIn: "Please sign in", later: "Please try again later", fault: "Something went wrong",
	},
}

func (t words) of(code int) string {
	switch {
	case code == http.StatusUnauthorized:
		return t.signIn
	case code == http.StatusNotFound:
		return t.absent
	case code == http.StatusServiceUnavailable || code == http.StatusTooManyRequests:
		return t.later
	case code >= 500 && code != http.StatusInsufficientStorage && code != http.StatusNotImplemented:
		return t.fault
	}
	return t.refused
}
