// SPDX-License-Identifier: Apache-2.0

package dav

import (
	"strings"

	"postfach/mailbox"
)

// windowsLimit is the largest file, in bytes, that the redirector of Windows
// opens or sends as delivered (FileSizeLimitInBytes of its service WebClient).
// Beyond it the person reads an error that the server knows nothing of.
const windowsLimit = 50_000_000

// redirector is how the network drives of Windows name themselves.
const redirector = "Microsoft-WebDAV-MiniRedir/"

// nearWindowsLimit leaves a line in the log when a network drive of Windows
// looks at a file that it will perhaps not open, so that the service desk can
// tell a caller why: the drive asks for the file by itself, or begins to fetch
// it, and then gives up on the person's side. Files of more than nine tenths of
// the limit count, since a document grows while it is worked on.
func (q *request) nearWindowsLimit(n *mailbox.Node) {
	if n.Folder || n.Entry.Version.Size <= windowsLimit/10*9 || !strings.HasPrefix(q.UserAgent(), redirector) {
		return
	}
	q.h.log.InfoContext(q.Context(), "windows size limit", "account", q.actor.Account, "member", n.Number, "entry", n.Entry.ID,
		"size", n.Entry.Version.Size, "limit", windowsLimit, "over", n.Entry.Version.Size > windowsLimit)
}
