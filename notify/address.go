// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Longest address and name, in bytes (RFC 5321 section 4.5.3.1: a path has at
// most 256 with its brackets).
const (
	maxAddress = 254
	maxLocal   = 64
	maxName    = 200
)

// ParseAddress is the only way an e-mail address gets into a mail. It takes a
// bare addr-spec (RFC 5322 section 3.4.1, RFC 6532 for other scripts) and gives
// it with its domain in ASCII. No display name, comment, quoted local part,
// address literal or control character passes.
func ParseAddress(s string) (string, error) {
	if len(s) > maxAddress {
		return "", errors.New("e-mail address: longer than 254 bytes")
	}
	if err := plain(s); err != nil {
		return "", fmt.Errorf("e-mail address: %w", err)
	}
	a, err := mail.ParseAddress(s)
	if err != nil || a.Name != "" || a.Address != s {
		return "", fmt.Errorf("e-mail address %q: not of the form name@domain", s)
	}
	local, domain, _ := cutLast(a.Address)
	if len(local) > maxLocal || !isDotAtom(local) {
		return "", fmt.Errorf("e-mail address %q: the part before @ is not usable", s)
	}
	ascii, err := idna.Lookup.ToASCII(domain)
	if err != nil || ascii == "" || strings.HasSuffix(ascii, ".") || len(local)+1+len(ascii) > maxAddress {
		return "", fmt.Errorf("e-mail address %q: the domain is not usable", s)
	}
	return local + "@" + ascii, nil
}

// nameAddr joins a checked address with a display name.
func nameAddr(name, address string) (*mail.Address, error) {
	a, err := ParseAddress(address)
	if err != nil {
		return nil, err
	}
	if len(name) > maxName {
		return nil, errors.New("name: longer than 200 bytes")
	}
	if err := plain(name); err != nil {
		return nil, fmt.Errorf("name: %w", err)
	}
	return &mail.Address{Name: name, Address: a}, nil
}

// plain refuses what could end a header line or a sentence and go on with
// something else: control characters, line separators, invisible direction
// marks, bytes that are not UTF-8.
func plain(s string) error {
	if !utf8.ValidString(s) {
		return errors.New("not valid UTF-8")
	}
	for _, r := range s {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Bidi_Control, r) {
			return fmt.Errorf("holds the control character U+%04X", r)
		}
	}
	return nil
}

// isDotAtom is RFC 5322 section 3.2.3 with the letters of RFC 6532.
func isDotAtom(s string) bool {
	for part := range strings.SplitSeq(s, ".") {
		if part == "" {
			return false
		}
		for _, r := range part {
			if r <= ' ' || r == 0x7f || strings.ContainsRune(`()<>[]:;@\,."`, r) || unicode.IsSpace(r) {
				return false
			}
		}
	}
	return true
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func cutLast(address string) (local, domain string, ok bool) {
	i := strings.LastIndexByte(address, '@')
	if i < 0 {
		return "", "", false
	}
	return address[:i], address[i+1:], true
}
