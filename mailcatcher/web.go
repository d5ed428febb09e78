// SPDX-License-Identifier: Apache-2.0

package mailcatcher

import (
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

//go:embed pages.html
var pages embed.FS

var templates = template.Must(template.ParseFS(pages, "pages.html"))

// sheet fills a page.
type sheet struct {
	German bool
	Mails  []Mail // newest first
	Mail   Mail
}

// Handler shows the mails: / the list, /mail/N one, /mail/N.eml as it came,
// /api/messages all as JSON. No script, nothing from elsewhere.
func (c *Catcher) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		mails := c.Mails()
		slices.Reverse(mails)
		render(w, "list", sheet{German: german(r), Mails: mails})
	})
	mux.HandleFunc("GET /mail/{id}", func(w http.ResponseWriter, r *http.Request) {
		name, raw := strings.CutSuffix(r.PathValue("id"), ".eml")
		id, err := strconv.Atoi(name)
		m, found := c.Mail(id)
		switch {
		case err != nil || !found:
			http.NotFound(w, r)
		case raw:
			w.Header().Set("Content-Type", "message/rfc822")
			w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="mail-%d.eml"`, id))
			_, _ = w.Write(m.Raw) // nobody is left to tell
		default:
			render(w, "mail", sheet{German: german(r), Mail: m})
		}
	})
	mux.HandleFunc("GET /api/messages", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		mails := c.Mails()
		if mails == nil {
			mails = []Mail{}
		}
		_ = json.NewEncoder(w).Encode(mails) // nobody is left to tell
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		mux.ServeHTTP(w, r)
	})
}

func render(w http.ResponseWriter, name string, s sheet) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = templates.ExecuteTemplate(w, name, s) // nobody is left to tell
}

// german is the default; a browser that asks for English first gets it.
func german(r *http.Request) bool {
	return !strings.HasPrefix(strings.ToLower(r.Header.Get("Accept-Language")), "en")
}
