// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"strings"

	"github.com/google/uuid"
)

// NewMessageID makes the id of a mail (RFC 5322 section 3.6.4), without its
// angle brackets. It is made once, when the batch is formed (I4).
func (c *Composer) NewMessageID() string {
	_, domain, _ := cutLast(c.from.Address)
	return uuid.Must(uuid.NewV7()).String() + "@" + domain
}

func validMessageID(s string) bool {
	left, right, ok := strings.Cut(s, "@")
	return ok && len(s) <= maxAddress && isASCII(s) && plain(s) == nil && isDotAtom(left) && isDotAtom(right)
}
