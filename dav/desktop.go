// SPDX-License-Identifier: Apache-2.0

package dav

import (
	"hash/fnv"
	"net/http"
	"strings"

	"postfach/mailbox"
)

// The paths at which Nextcloud's and ownCloud's clients look for things
// (CLIENTS.md section 1). They lead to the same operations as the WebDAV root.
const (
	remoteRoot  = "/remote.php/"
	webdavRoot  = "/remote.php/webdav"
	filesRoot   = "/remote.php/dav/files/"
	uploadsRoot = "/remote.php/dav/uploads/"
	ocsRoot     = "/ocs/"
)

// Clients is what sync clients are told about this server.
type Clients struct {
	Product string // name that they show; "" means Postfach
	// Version is that of Nextcloud or ownCloud whose clients' requests are
	// understood, N.N.N: clients compare it with the oldest that they accept.
	// "" means 28.0.0.
	Version     string
	Instance    string // ends the ids of entries, so that no other server has them
	Fingerprint string // of the data; another one tells clients of a restore
}

func (c Clients) withDefaults() Clients {
	if c.Product == "" {
		c.Product = "Postfach"
	}
	if c.Version == "" {
		c.Version = "28.0.0"
	}
	return c
}

// epoch makes the ETags of folders others after a restore. Change numbers are
// counted again from where the backup was, and a client that has noted a number
// from before would take the restored folder for the one that it knows: it would
// miss what is older there, and take it for news after the next change, over its
// own newer files.
func (c Clients) epoch() int64 {
	if c.Fingerprint == "" {
		return 0
	}
	h := fnv.New64a()
	h.Write([]byte(c.Fingerprint))
	return int64(h.Sum64() >> 1)
}

// fileID is how clients know an entry for good: its number, and whose number.
func (h *Handler) fileID(id mailbox.EntryID) string { return string(h.clients.appendID(nil, id)) }

// area is a part of the URL space.
type area int

const (
	nowhere  area = iota // 404, without sign-in and not recorded
	openArea             // answered without sign-in
	stubArea             // "/", for Windows
	fileArea             // below a WebDAV root
	chunkArea
	ocsArea    // signed-in questions about account and server
	hiddenArea // 404, but only after sign-in
)

// site is what a decoded URL path leads to.
type site struct {
	area   area
	inside string // the path below the root
	root   string // as the request spells it, without trailing slash
	login  string // that the path names; "" where none is named
	sync   bool   // in the sync clients' part
}

// locate finds the site of a path.
func (h *Handler) locate(decoded string, r *http.Request) site {
	if inside, ok := h.places.below(decoded); ok {
		return site{area: fileArea, inside: inside, root: h.places.prefix}
	}
	switch {
	case decoded == "/" && (r.Method == http.MethodOptions || r.Method == "PROPFIND"):
		return site{area: stubArea}
	case decoded == "/status.php" || decoded == "/204" || decoded == "/index.php/204":
		return site{area: openArea}
	case strings.HasPrefix(decoded, ocsRoot):
		return locateOCS(decoded, r)
	case strings.HasPrefix(decoded, remoteRoot):
		return locateRemote(decoded)
	}
	// What Windows, Office and Finder probe for above the WebDAV root, and what
	// other servers have at /index.php/ and /.well-known/: cheap, without
	// sign-in, not recorded (CLIENTS.md 1.4, 2.1).
	return site{}
}

func locateRemote(decoded string) site {
	if inside, ok := (places{prefix: webdavRoot}).below(decoded); ok {
		return site{area: fileArea, inside: inside, root: webdavRoot, sync: true}
	}
	for root, area := range map[string]area{filesRoot: fileArea, uploadsRoot: chunkArea} {
		rest, ok := strings.CutPrefix(decoded, root)
		login, inside, slash := strings.Cut(rest, "/")
		if !ok || login == "" {
			continue
		}
		if slash {
			inside = "/" + inside
		}
		return site{area: area, inside: inside, root: root + login, login: login, sync: true}
	}
	return site{area: hiddenArea, sync: true} // avatars, bulk, versions, trash bin …
}

// ForSyncClients says whether a request is for the part that sync clients use,
// the only one where a 401 may offer them more than Basic (CLIENTS.md 1.4).
func ForSyncClients(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, remoteRoot) }

// asSyncClient narrows the request to what sync clients see, and gives it the
// roots that Destination and If may name.
func (q *request) asSyncClient(at site) error {
	if at.login != "" && !strings.EqualFold(at.login, q.actor.Login) {
		return q.unseen()
	}
	q.places = places{prefix: at.root, others: []string{filesRoot + q.actor.Login, webdavRoot}, host: q.h.places.host}
	q.sync = true
	var err error
	q.actor, err = q.actor.ByNumber()
	return err
}

// unseen answers for what does not exist for this account: 404 to reading
// methods, 403 to writing ones (DESIGN.md section 2).
func (q *request) unseen() error {
	switch q.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, "PROPFIND":
		return mailbox.E(mailbox.NotFound, mailbox.ReasonNotFound)
	}
	return mailbox.E(mailbox.Forbidden, mailbox.ReasonNotAllowed)
}
