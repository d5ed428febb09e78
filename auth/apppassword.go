// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"postfach/mailbox"
)

const (
	// MaxAppPasswords is how many valid ones an account may have.
	MaxAppPasswords = 30

	revokedKept    = 30  // revoked ones of an account, so that a program that goes on is no guesser
	maxProgramName = 100 // bytes
)

// Operations of the audit log that belong to this package alone.
const (
	OpAppPasswordAllow  mailbox.Operation = "app-password-allow" // by a person, in the browser
	OpAppPasswordAdd    mailbox.Operation = "app-password-add"
	OpAppPasswordRevoke mailbox.Operation = "app-password-revoke"
	OpOneTimePassword   mailbox.Operation = "one-time-password" // a letter was made
)

// AppPasswordID names an app password for ever.
type AppPasswordID int64

// AppPassword ("Gerätepasswort") lets one program in by WebDAV, and nowhere
// else: no page accepts it.
type AppPassword struct {
	ID      AppPasswordID
	Account mailbox.AccountID
	Name    string // of the program, NFC
	Hash    CodeHash
	Created time.Time
	Used    time.Time // last, a few minutes late; zero for never
	Revoked time.Time // zero while it is valid
}

// Valid says whether it still lets a program in.
func (p AppPassword) Valid() bool { return p.Revoked.IsZero() }

// programName brings the name of a program into the form that is stored.
func programName(s string) (string, error) {
	s = norm.NFC.String(strings.Join(strings.Fields(s), " "))
	if s == "" || len(s) > maxProgramName || !utf8.ValidString(s) || strings.ContainsFunc(s, unfit) {
		return "", invalid(textProgramName, s, maxProgramName)
	}
	return s, nil
}

// unfit are characters that a list could not show as they are.
func unfit(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }

// AddAppPassword makes an app password and gives it, for the only time, as the
// program is to send it.
func (d *Directory) AddAppPassword(ctx context.Context, by By, login, name string) (p AppPassword, password string, err error) {
	if name, err = programName(name); err != nil {
		return p, "", err
	}
	password = newCode(appCode)
	err = d.editAccount(ctx, by, login, func(e *editor, a Account) error {
		p, err = e.addAppPassword(a, name, password, "")
		return err
	})
	return p, password, err
}

// RevokeAppPassword ends one app password of an account, on every node within
// five seconds.
func (d *Directory) RevokeAppPassword(ctx context.Context, by By, login string, id AppPasswordID) error {
	return d.editAccount(ctx, by, login, func(e *editor, a Account) error {
		all, err := e.tx.AppPasswords(a.ID)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(all, func(p AppPassword) bool { return p.ID == id && p.Valid() })
		if i < 0 {
			return refuse(mailbox.NotFound, textNoAppPassword, id)
		}
		return e.revokeAppPassword(a, all[i])
	})
}

// addAppPassword keeps the hash of a new code. how is said in the record.
func (e *editor) addAppPassword(a Account, name, code, how string) (AppPassword, error) {
	_, letters, _ := readCode(code)
	p := AppPassword{Account: a.ID, Name: name, Hash: e.secret.code(appCode, letters), Created: e.tx.Now()}
	if a.Disabled {
		return p, refuse(mailbox.Conflict, textDisabled, a.Login)
	}
	all, err := e.tx.AppPasswords(a.ID)
	if err != nil {
		return p, err
	}
	if err := roomForApp(all); err != nil {
		return p, err
	}
	var revoked []AppPassword
	for _, old := range all {
		if !old.Valid() {
			revoked = append(revoked, old)
		}
	}
	slices.SortFunc(revoked, func(p, q AppPassword) int { return p.Revoked.Compare(q.Revoked) })
	for _, old := range revoked[:max(0, len(revoked)-revokedKept)] {
		if err := e.tx.DeleteAppPassword(old.ID); err != nil {
			return p, err
		}
	}
	if p.ID, err = e.tx.PutAppPassword(p); err != nil {
		return p, err
	}
	return p, e.audit(e.record(OpAppPasswordAdd, a, p.describe()+how))
}

// roomForApp refuses an app password too many.
func roomForApp(all []AppPassword) error {
	valid := 0
	for _, p := range all {
		if p.Valid() {
			valid++
		}
	}
	if valid >= MaxAppPasswords {
		return refuse(mailbox.Conflict, textManyAppPasswords, MaxAppPasswords)
	}
	return nil
}

func (e *editor) revokeAppPassword(a Account, p AppPassword) error {
	p.Revoked = e.tx.Now()
	if _, err := e.tx.PutAppPassword(p); err != nil {
		return err
	}
	return e.audit(e.record(OpAppPasswordRevoke, a, p.describe()))
}

// revokeAppPasswords ends all of an account.
func (e *editor) revokeAppPasswords(a Account) error {
	all, err := e.tx.AppPasswords(a.ID)
	if err != nil {
		return err
	}
	for _, p := range all {
		if p.Valid() {
			if err := e.revokeAppPassword(a, p); err != nil {
				return err
			}
		}
	}
	return nil
}

// describe names an app password in a record, never what it is.
func (p AppPassword) describe() string { return fmt.Sprintf("app password %d %q", p.ID, p.Name) }
