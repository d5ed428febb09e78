// SPDX-License-Identifier: Apache-2.0

package dav

import (
	"math"
	"net/http"
	"strconv"
	"strings"

	"postfach/mailbox"
)

// open answers what is asked before anybody has signed in: what kind of server
// this is, and whether a captive portal stands in between.
func (h *Handler) open(w http.ResponseWriter, r *http.Request, decoded string) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.reply.Fail(w, r, "", mailbox.E(mailbox.NotFound, mailbox.ReasonNotFound))
		return
	}
	switch {
	case decoded == "/status.php":
		writeDocument(w, r, http.StatusOK, "application/json", h.clients.status().appendJSON(nil))
	case strings.HasPrefix(decoded, ocsRoot):
		h.openOCS(w, r, decoded)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// status is what status.php says (CLIENTS.md 1.2).
func (c *Clients) status() object {
	return object{{"installed", true}, {"maintenance", false}, {"needsDbUpgrade", false}, {"version", c.Version + ".0"},
		{"versionstring", c.Version}, {"edition", ""}, {"productname", c.Product}, {"product", c.Product}, {"extendedSupport", false}}
}

// capabilities is what clients adapt to. Chunks are advertised where this
// installation keeps them. Bulk upload, TUS, spaces, locking, notifications and
// encryption stay unsaid: a client that reads of them uses them
// (CLIENTS.md 1.3).
func (h *Handler) capabilities(signedIn bool) object {
	c := &h.clients
	core := object{{"pollinterval", 60000}, {"webdav-root", strings.TrimPrefix(webdavRoot, "/")}, {"status", c.status()}}
	all := object{{"core", core}}
	if signedIn {
		dav := object{}
		if h.mailbox.TakesChunks() {
			dav = object{{"chunking", "1.0"}}
		}
		all = append(all, field{"dav", dav},
			field{"files", object{{"bigfilechunking", len(dav) > 0}, {"versioning", false}, {"undelete", false}}},
			field{"checksums", object{{"supportedTypes", []string{"SHA1", "MD5"}}, {"preferredUploadType", "SHA1"}}},
			field{"files_sharing", object{{"api_enabled", false}, {"user", object{{"profile_picture", false}}}}})
	}
	return object{{"version", c.version()}, {"capabilities", all}}
}

func (c *Clients) version() object {
	v := object{}
	numbers := strings.Split(c.Version, ".")
	for i, name := range []string{"major", "minor", "micro"} {
		n := 0
		if i < len(numbers) {
			n, _ = strconv.Atoi(numbers[i]) // the configuration has checked it
		}
		v = append(v, field{name, n})
	}
	return append(v, field{"string", c.Version}, field{"edition", ""}, field{"extendedSupport", false})
}

// user says who has signed in; id is what stands in /remote.php/dav/files/.
func (q *request) user() (object, error) {
	space := mailbox.Space{}
	if a, err := q.actor.ByNumber(); err == nil {
		space, err = q.h.mailbox.Space(q.Context(), a, mailbox.ParsePath("/"))
		if err != nil && mailbox.KindOf(err) != mailbox.Forbidden {
			return nil, err
		}
	}
	total := space.Free + space.Used
	relative := 0.0
	if total > 0 {
		relative = math.Round(float64(space.Used)/float64(total)*10000) / 100
	}
	return object{{"id", q.actor.Login}, {"enabled", true}, {"display-name", q.actor.PersonName}, {"displayname", q.actor.PersonName},
		{"email", nil}, {"language", q.language()},
		{"quota", object{{"free", space.Free}, {"used", space.Used}, {"total", total}, {"relative", relative}, {"quota", total}}}}, nil
}
