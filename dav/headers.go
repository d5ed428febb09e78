// SPDX-License-Identifier: Apache-2.0

package dav

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"postfach/mailbox"
)

func malformed(what string) error {
	return mailbox.E(mailbox.Invalid, mailbox.ReasonMalformed, what)
}

// depth of a request: 0, 1 or infinity.
type depth int

const infinity depth = -1

// parseDepth reads a Depth header (RFC 4918 section 10.2); absent gives def.
func parseDepth(s string, def depth) (depth, error) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "":
		return def, nil
	case "0":
		return 0, nil
	case "1":
		return 1, nil
	case "infinity":
		return infinity, nil
	}
	return 0, malformed("Depth")
}

// parseOverwrite reads an Overwrite header (RFC 4918 section 10.6). Absent
// means T.
func parseOverwrite(s string) (overwrite bool, err error) {
	switch strings.TrimSpace(s) {
	case "", "T", "t":
		return true, nil
	case "F", "f":
		return false, nil
	}
	return false, malformed("Overwrite")
}

// maxLock is the longest time that a lock is held without a refresh
// (DESIGN.md 2).
const maxLock = 24 * time.Hour

// parseTimeout reads a Timeout header (RFC 4918 section 10.7): the first entry
// that we understand, capped at 24 h; 0 when the client leaves it to us.
// Nothing in it is ever an error, since the server has the last word anyway.
func parseTimeout(s string) time.Duration {
	for entry := range strings.SplitSeq(s, ",") {
		entry = strings.TrimSpace(entry)
		if strings.EqualFold(entry, "Infinite") {
			return maxLock
		}
		if len(entry) > 7 && strings.EqualFold(entry[:7], "Second-") {
			n, err := strconv.ParseUint(entry[7:], 10, 32)
			switch {
			case err != nil && allDigits(entry[7:]): // more than 2^32-1
				return maxLock
			case err == nil && n > 0:
				return min(time.Duration(n)*time.Second, maxLock)
			}
		}
	}
	return 0
}

func allDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// parseLockToken reads a Lock-Token header (RFC 4918 section 10.5).
func parseLockToken(s string) (string, error) {
	s = strings.TrimSpace(s)
	if len(s) < 3 || len(s) > maxToken || s[0] != '<' || s[len(s)-1] != '>' || strings.ContainsAny(s[1:len(s)-1], "<> \t") {
		return "", malformed("Lock-Token")
	}
	return s[1 : len(s)-1], nil
}

// parseETags reads an If-Match or If-None-Match header (RFC 9110 section
// 13.1.1). A tag without quotes, which old clients send, is kept as it is and
// so matches nothing.
func parseETags(values []string, name string) (mailbox.ETags, error) {
	if len(values) == 0 {
		return mailbox.ETags{}, nil
	}
	s := strings.Join(values, ",")
	if len(s) > maxIf {
		return mailbox.ETags{}, malformed(name)
	}
	e := mailbox.ETags{Present: true}
	if strings.TrimSpace(s) == "*" {
		e.Any = true
		return e, nil
	}
	for rest := s; ; {
		rest = strings.TrimLeft(rest, " \t,")
		if rest == "" {
			break
		}
		tag, tail, ok := cutETag(rest)
		if !ok {
			if tag, tail, _ = strings.Cut(rest, ","); strings.ContainsAny(tag, `"*`) {
				return mailbox.ETags{}, malformed(name)
			}
			tag = strings.TrimSpace(tag)
		} else if t := strings.TrimLeft(tail, " \t"); t != "" && t[0] != ',' {
			return mailbox.ETags{}, malformed(name)
		}
		e.Tags = append(e.Tags, tag)
		rest = tail
	}
	if len(e.Tags) == 0 {
		return mailbox.ETags{}, malformed(name)
	}
	return e, nil
}

// cutETag takes one entity-tag (RFC 9110 section 8.8.3) off the front of s.
func cutETag(s string) (tag, rest string, ok bool) {
	start := 0
	if strings.HasPrefix(s, "W/") {
		start = 2
	}
	if len(s) <= start || s[start] != '"' {
		return "", s, false
	}
	end := strings.IndexByte(s[start+1:], '"')
	if end < 0 {
		return "", s, false
	}
	end += start + 2
	return s[:end], s[end:], true
}

// conditions reads all preconditions of a request.
func (p places) conditions(r *http.Request) (mailbox.Conditions, error) {
	var c mailbox.Conditions
	var err error
	h := r.Header
	if values := h.Values("If"); len(values) > 0 {
		if c.If, err = p.parseIf(strings.Join(values, " "), r.Host); err != nil {
			return c, err
		}
	}
	if c.IfMatch, err = parseETags(h.Values("If-Match"), "If-Match"); err != nil {
		return c, err
	}
	if c.IfNoneMatch, err = parseETags(h.Values("If-None-Match"), "If-None-Match"); err != nil {
		return c, err
	}
	// RFC 9110 sections 13.1.3 and 13.1.4: an unreadable date is ignored, and
	// If-Match makes the date irrelevant.
	if v := h.Get("If-Unmodified-Since"); v != "" && !c.IfMatch.Present {
		if t, err := http.ParseTime(v); err == nil {
			c.IfUnmodifiedSince = t
		}
	}
	overwrite, err := parseOverwrite(h.Get("Overwrite"))
	c.NoOverwrite = !overwrite
	return c, err
}
