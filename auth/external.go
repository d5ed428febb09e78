// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"strings"
	"unicode/utf8"

	"postfach/mailbox"
)

// External is who an account is at an OpenID provider: issuer and subject,
// parted by a space; "" for nobody. The two together name one person for ever
// (OpenID Connect Core 1.0 section 5.7), where names and addresses may be given
// to somebody else.
type External string

// ParseExternal checks a subject. The error is a *Refusal.
func ParseExternal(issuer, subject string) (External, error) {
	if subject == "" || len(subject) > maxClaim || !utf8.ValidString(subject) || strings.ContainsFunc(subject, unfit) {
		return "", invalid(textSubject, subject)
	}
	return external(issuer, subject), nil
}

// external needs no check of the issuer: the configuration allows no space in it.
func external(issuer, subject string) External { return External(issuer + " " + subject) }

// Parts gives issuer and subject.
func (x External) Parts() (issuer, subject string) {
	issuer, subject, _ = strings.Cut(string(x), " ")
	return issuer, subject
}

// freeExternal refuses what is linked to an account already.
func (e *editor) freeExternal(x External) error {
	if x == "" {
		return nil
	}
	other, err := e.tx.AccountByExternal(x)
	switch {
	case err == nil:
		return refuse(mailbox.Exists, textExternalTaken, other.Login)
	case mailbox.KindOf(err) == mailbox.NotFound:
		return nil
	}
	return err
}
