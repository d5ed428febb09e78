// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"regexp"
	"strconv"
)

// Clients is what desktop clients are told about the server.
type Clients struct {
	Product string // name that they show
	Version string // of Nextcloud or ownCloud that they take us for, N.N.N
}

// clients reads what Nextcloud's and ownCloud's desktops are told.
func (l *loader) clients(s *section) {
	defer s.done()
	l.c.Clients = Clients{
		Product: value(s, "product", "Postfach", func(text string) (string, error) { return text, nil }),
		Version: value(s, "version", "28.0.0", parseClientVersion),
	}
}

var clientVersion = regexp.MustCompile(`^([0-9]{1,3})\.[0-9]{1,3}\.[0-9]{1,3}$`)

// parseClientVersion reads a version that both desktops take: ownCloud's
// refuses servers older than 10.
func parseClientVersion(text string) (string, error) {
	m := clientVersion.FindStringSubmatch(text)
	if m == nil {
		return "", fmt.Errorf("%q is not of the form 28.0.0", text)
	}
	if major, err := strconv.Atoi(m[1]); err != nil || major < 10 {
		return "", fmt.Errorf("%s is older than 10.0.0, the oldest that the desktop clients accept", text)
	}
	return text, nil
}
