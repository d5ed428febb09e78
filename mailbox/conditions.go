// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"slices"
	"time"
)

// IfTerm is one condition of an If header (RFC 4918 section 10.4); exactly one
// of Token and ETag is set. ETag is quoted, without a weakness prefix.
type IfTerm struct {
	Not   bool
	Token string
	ETag  string
}

// IfList is one parenthesised list of an If header: all its terms must hold.
type IfList struct {
	Resource *Path // nil means the resource of the request
	Foreign  bool  // tagged with a place outside this server: never holds
	Terms    []IfTerm
}

// ETags is an If-Match or If-None-Match header (RFC 9110 section 13.1).
type ETags struct {
	Present bool
	Any     bool     // "*"
	Tags    []string // quoted; weak ones keep their W/
}

// match says whether etag is among the tags. A resource without an ETag
// (absent) matches nothing, not even "*".
func (e ETags) match(etag string, weak bool) bool {
	if etag == "" {
		return false
	}
	return e.Any || slices.ContainsFunc(e.Tags, func(t string) bool {
		if weak && len(t) > 2 && t[:2] == "W/" {
			t = t[2:]
		}
		return t == etag
	})
}

// Conditions are the preconditions of one request.
type Conditions struct {
	If                []IfList // any one list of a resource must hold
	IfMatch           ETags
	IfNoneMatch       ETags
	IfUnmodifiedSince time.Time // zero for absent
	NoOverwrite       bool      // Overwrite: F
}

// Tokens are the lock tokens that the request submits (RFC 4918 section 10.4.1:
// whether or not their list holds).
func (c Conditions) Tokens() []string {
	var tokens []string
	for _, l := range c.If {
		for _, t := range l.Terms {
			if t.Token != "" {
				tokens = append(tokens, t.Token)
			}
		}
	}
	return tokens
}

// names says whether the request states that it is about the version with this
// ETag, by If-Match or by an ETag in If.
func (c Conditions) names(etag string) bool {
	if slices.Contains(c.IfMatch.Tags, etag) {
		return true
	}
	return slices.ContainsFunc(c.If, func(l IfList) bool {
		return slices.Contains(l.Terms, IfTerm{ETag: etag})
	})
}
