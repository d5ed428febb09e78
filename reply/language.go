// SPDX-License-Identifier: Apache-2.0

package reply

import (
	"net/http"
	"strconv"
	"strings"
)

// Language chooses "de" or "en": the actor's, else the request's
// Accept-Language, else the installation's.
func (p *Writer) Language(r *http.Request, actor string) string {
	if actor == "de" || actor == "en" {
		return actor
	}
	if l := accepted(r.Header.Get("Accept-Language")); l != "" {
		return l
	}
	return p.o.Language
}

// accepted is the best of "de" and "en" in an Accept-Language header (RFC 9110
// section 12.5.4), or "" if it names neither. The first of equals wins.
func accepted(header string) string {
	best, bestQ := "", 0.0
	for i, part := range strings.Split(header, ",") {
		if i == 16 { // a browser names a handful
			break
		}
		tag, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		q := 1.0
		if v, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
			f, err := strconv.ParseFloat(v, 64)
			if err != nil {
				continue
			}
			q = f
		}
		primary, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
		if (primary == "de" || primary == "en") && q > bestQ {
			best, bestQ = primary, q
		}
	}
	return best
}
