// SPDX-License-Identifier: Apache-2.0

// Package web is the browser door. So far it holds the link that mails carry
// for ever and the way from the bare address to the listing; what it leads to
// is served by the WebDAV door until the browser has pages of its own. No rule
// of the mailbox lives here.
package web

import (
	"net/http"
	"net/url"
	"strings"
)

// New serves the browser's paths and hands everything else to the WebDAV door.
func New(dav http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			dav.ServeHTTP(w, r)
			return
		}
		switch number, isLink := strings.CutPrefix(r.URL.Path, "/postfach/"); {
		case r.URL.Path == "/":
			redirect(w, "/dav/")
		case isLink && number != "" && !strings.Contains(strings.TrimSuffix(number, "/"), "/"):
			redirect(w, "/dav/"+url.PathEscape(strings.TrimSuffix(number, "/"))+"/")
		default:
			dav.ServeHTTP(w, r)
		}
	})
}

// redirect tells nothing about what is there: the link of a mail gives nothing
// without sign-in (K20).
func redirect(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusSeeOther)
}
