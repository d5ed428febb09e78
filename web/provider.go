// SPDX-License-Identifier: Apache-2.0

package web

import "net/http"

// provider tells ownCloud's desktop where to sign in (CLIENTS.md 1.4). It is
// our copy of what the provider says, with the fields that a program needs: a
// redirect would not be followed by every client, and 404 would send it to
// paths that ownCloud's server had before OpenID Connect.
func (h *Handler) provider(w http.ResponseWriter, r *http.Request) {
	fields, err := h.o.Provider.Metadata()
	if err != nil {
		h.reply.Fail(w, r, "", err)
		return
	}
	writeJSON(w, http.StatusOK, fields)
}
