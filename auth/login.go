// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Login is the name of an account as its registrar wrote it, NFC. It stands in
// paths (/remote.php/dav/files/<login>/) and in Basic credentials.
type Login string

const maxLogin = 100 // bytes

// ParseLogin checks a login for a new account. The error is a *Refusal.
func ParseLogin(s string) (Login, error) {
	if s == "" || len(s) > maxLogin {
		return "", invalid(textLogin, s)
	}
	if !utf8.ValidString(s) {
		return "", invalid(textLogin, s)
	}
	s = norm.NFC.String(s)
	for i, r := range s {
		word := unicode.IsLetter(r) || unicode.IsDigit(r) || i > 0 && unicode.IsMark(r)
		if !word && (i == 0 || !strings.ContainsRune("._-+@", r)) {
			return "", invalid(textLogin, s)
		}
	}
	if len(s) > maxLogin {
		return "", invalid(textLogin, s)
	}
	return Login(s), nil
}

// Key is by what logins are compared: case folded and NFC.
func (l Login) Key() string { return foldKey(string(l)) }

// typedLogin turns what a client sent into a login: Windows puts a domain
// before it (CLIENTS.md 2.1).
func typedLogin(s string) Login {
	if i := strings.LastIndexByte(s, '\\'); i >= 0 {
		s = s[i+1:]
	}
	return Login(s)
}

func foldKey(s string) string {
	ascii := true
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			ascii = false
			break
		}
	}
	if ascii {
		return strings.ToLower(s)
	}
	return norm.NFC.String(cases.Fold().String(norm.NFC.String(s)))
}

// EmailKey is by what addresses are compared: case folded, NFC.
func EmailKey(email string) string { return foldKey(email) }

// ParseEmail checks the syntax of a single bare address (RFC 5321 section
// 4.1.2, without quoted local parts and address literals). The error is a
// *Refusal.
func ParseEmail(s string) (string, error) {
	if len(s) > 254 || !utf8.ValidString(s) {
		return "", invalid(textEmail, s)
	}
	s = norm.NFC.String(s)
	if strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || unicode.IsSpace(r) || strings.ContainsRune(`"(),:;<>[\]`, r)
	}) {
		return "", invalid(textEmail, s)
	}
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s || a.Name != "" {
		return "", invalid(textEmail, s)
	}
	local, domain, _ := strings.Cut(s, "@")
	if len(local) > 64 || !strings.Contains(domain, ".") || strings.Contains(domain, "..") ||
		strings.HasPrefix(domain, ".") || strings.HasSuffix(domain, ".") {
		return "", invalid(textEmail, s)
	}
	return s, nil
}
