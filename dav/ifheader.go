// SPDX-License-Identifier: Apache-2.0

package dav

import (
	"strings"

	"postfach/mailbox"
)

// Bounds of an If header. Office sends one list with one token; a MOVE between
// two locked folders a handful.
const (
	maxIf      = 8192 // bytes
	maxIfTerms = 128
	maxToken   = 1024 // bytes
)

// parseIf reads an If header (RFC 4918 section 10.4.2):
//
//	If = ( 1*No-tag-list | 1*Tagged-list )
//	Tagged-list = "<" Simple-ref ">" 1*List
//	List = "(" 1*( ["Not"] ( State-token | "[" entity-tag "]" ) ) ")"
//
// Anything else is kind Invalid, since to ignore a condition would be to
// overwrite somebody's work.
func (p places) parseIf(s, requestHost string) ([]mailbox.IfList, error) {
	if len(s) > maxIf {
		return nil, malformed("If")
	}
	var lists []mailbox.IfList
	var tag mailbox.IfList // resource of the lists that follow
	tagged, terms, open := false, 0, false
	for rest := trim(s); rest != ""; rest = trim(rest) {
		switch rest[0] {
		case '<':
			ref, tail, ok := strings.Cut(rest[1:], ">")
			if !ok || open || !tagged && len(lists) > 0 {
				return nil, malformed("If")
			}
			path, foreign, err := p.reference(ref, requestHost)
			if err != nil {
				return nil, malformed("If")
			}
			tag = mailbox.IfList{Resource: &path, Foreign: foreign}
			tagged, open, rest = true, true, tail
		case '(':
			list, tail, err := parseList(rest[1:])
			if err != nil {
				return nil, err
			}
			if terms += len(list); terms > maxIfTerms {
				return nil, malformed("If")
			}
			lists = append(lists, mailbox.IfList{Resource: tag.Resource, Foreign: tag.Foreign, Terms: list})
			open, rest = false, tail
		default:
			return nil, malformed("If")
		}
	}
	if len(lists) == 0 || open {
		return nil, malformed("If")
	}
	return lists, nil
}

// parseList reads the terms of one list up to and with its closing bracket.
func parseList(s string) (terms []mailbox.IfTerm, rest string, err error) {
	for rest = trim(s); rest != "" && rest[0] != ')'; rest = trim(rest) {
		var t mailbox.IfTerm
		if len(rest) > 3 && strings.EqualFold(rest[:3], "Not") {
			t.Not = true
			rest = trim(rest[3:])
		}
		switch {
		case strings.HasPrefix(rest, "<"):
			token, tail, ok := strings.Cut(rest[1:], ">")
			if !ok || token == "" || len(token) > maxToken || strings.ContainsAny(token, "< \t") {
				return nil, "", malformed("If")
			}
			t.Token, rest = token, tail
		case strings.HasPrefix(rest, "["):
			etag, tail, ok := cutETag(trim(rest[1:]))
			tail = trim(tail)
			if !ok || !strings.HasPrefix(tail, "]") {
				return nil, "", malformed("If")
			}
			t.ETag, rest = strings.TrimPrefix(etag, "W/"), tail[1:]
		default:
			return nil, "", malformed("If")
		}
		terms = append(terms, t)
	}
	if rest == "" || len(terms) == 0 {
		return nil, "", malformed("If")
	}
	return terms, rest[1:], nil
}

func trim(s string) string { return strings.TrimLeft(s, " \t") }
