// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"postfach/mailbox"
)

const (
	// OneTimeDays is how long a one-time password is valid when nothing else
	// is said.
	OneTimeDays = 30
	// MaxOneTimeDays is the longest that may be said.
	MaxOneTimeDays = 90
	// MaxLetters is how many letters are made at once.
	MaxLetters = 5000
)

// OneTime is the one-time password that a letter brings (A18, A19). It opens
// nothing but the page where a person chooses a password of their own.
type OneTime struct {
	Hash    CodeHash
	Issued  time.Time
	Expires time.Time
	Used    time.Time // when the own password was chosen; zero before
}

// IsZero says that there is none.
func (o OneTime) IsZero() bool { return o.Issued.IsZero() }

// Letter is what stands in an access letter. Password is known to nobody
// afterwards.
type Letter struct {
	Account  Account
	Person   Person
	Members  []mailbox.Member // of the grants in force or to come, by number
	Password string           // as it is printed
	Issued   time.Time
	Expires  time.Time // the first moment at which it is no longer valid

	hash CodeHash
}

// PlanLetters makes up letters for accounts, sorted by member, name and login,
// and stores nothing: the letters are to be printed before IssueLetters makes
// them valid, so that none gets lost. They are valid through the days-th day
// from now in loc. A *Refusal names the accounts that can have none.
func (d *Directory) PlanLetters(ctx context.Context, logins []string, days int, loc *time.Location) ([]Letter, error) {
	if days < 1 || days > MaxOneTimeDays {
		return nil, invalid(textDays, MaxOneTimeDays)
	}
	if len(logins) > MaxLetters {
		return nil, invalid(textManyLetters, MaxLetters)
	}
	var all []Letter
	err := d.edit(ctx, By{}, func(e *editor) error {
		all = nil
		seen := make(map[string]bool)
		var noAddress []string
		for _, login := range logins {
			key := Login(login).Key()
			if seen[key] {
				continue
			}
			seen[key] = true
			l, err := e.planLetter(login, days, loc)
			if err != nil {
				return err
			}
			if l.Person.Address == "" {
				noAddress = append(noAddress, string(l.Account.Login))
			}
			all = append(all, l)
		}
		if len(noAddress) > 0 {
			return refuse(mailbox.Conflict, textNoAddress, strings.Join(noAddress, ", "))
		}
		return nil
	})
	slices.SortFunc(all, func(a, b Letter) int { return strings.Compare(a.order(), b.order()) })
	return all, err
}

func (e *editor) planLetter(login string, days int, loc *time.Location) (l Letter, err error) {
	if l.Account, err = e.account(login); err != nil {
		return l, err
	}
	if err := letterFor(l.Account); err != nil {
		return l, err
	}
	if l.Person, err = e.tx.Person(l.Account.Person); err != nil {
		return l, err
	}
	grants, err := e.tx.Grants(l.Account.ID)
	if err != nil {
		return l, err
	}
	l.Issued = e.tx.Now()
	for _, g := range grants {
		if g.Member == 0 || !g.Until.IsZero() && !l.Issued.Before(g.Until) ||
			slices.ContainsFunc(l.Members, func(m mailbox.Member) bool { return m.ID == g.Member }) {
			continue
		}
		m, err := e.member(g.Number)
		if err != nil {
			return l, err
		}
		l.Members = append(l.Members, m)
	}
	slices.SortFunc(l.Members, func(a, b mailbox.Member) int { return strings.Compare(a.Number, b.Number) })
	today := l.Issued.In(loc)
	l.Expires = time.Date(today.Year(), today.Month(), today.Day()+days+1, 0, 0, 0, 0, loc).UTC()
	l.Password = newCode(oneTimeCode)
	_, letters, _ := readCode(l.Password)
	l.hash = e.secret.code(oneTimeCode, letters)
	return l, nil
}

// letterFor says whether an account can have a letter at all: a machine has no
// browser to sign in with.
func letterFor(a Account) error {
	switch {
	case a.Kind == mailbox.MachineAccount:
		return refuse(mailbox.Conflict, textMachineLetter, a.Login)
	case a.Disabled:
		return refuse(mailbox.Conflict, textDisabled, a.Login)
	}
	return nil
}

// AddressLines are the lines of the postal address below the name.
func (l Letter) AddressLines() []string {
	if l.Person.Address == "" {
		return nil
	}
	return strings.Split(l.Person.Address, "\n")
}

// order sorts letters as they are put into envelopes.
func (l Letter) order() string {
	number := ""
	if len(l.Members) > 0 {
		number = l.Members[0].Number
	}
	return number + "\x00" + foldKey(l.Person.Name) + "\x00" + l.Account.Login.Key()
}

// IssueLetters makes the one-time passwords of planned letters valid, all of
// them or none. What the accounts could sign in with before ends: the own
// password, an earlier letter, and all app passwords (A25). Kind Conflict when
// an account or its person has changed since the plan.
func (d *Directory) IssueLetters(ctx context.Context, by By, letters []Letter) error {
	return d.edit(ctx, by, func(e *editor) error {
		for _, l := range letters {
			if err := e.issue(l); err != nil {
				return err
			}
		}
		return nil
	})
}

func (e *editor) issue(l Letter) error {
	a, err := e.account(string(l.Account.Login))
	if err != nil {
		return err
	}
	p, err := e.tx.Person(a.Person)
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(a, l.Account) || p != l.Person {
		return refuse(mailbox.Conflict, textChangedBetween)
	}
	if err := e.revokeAppPasswords(a); err != nil {
		return err
	}
	if _, err := e.tx.ClearAttempts(e.secret.subject(a.Login.Key())); err != nil {
		return err
	}
	had := a.Password != ""
	if had {
		a.Former = a.Password
	}
	a.Password, a.PasswordChanged = "", time.Time{}
	if _, err := e.tx.PutAccount(a); err != nil {
		return err
	}
	if err := e.tx.PutOneTime(a.ID, OneTime{Hash: l.hash, Issued: e.tx.Now(), Expires: l.Expires}); err != nil {
		return err
	}
	change := fmt.Sprintf("letter, valid until %s", l.Expires.Format(time.RFC3339))
	if had {
		change += "; the own password has ended"
	}
	return e.audit(e.record(OpOneTimePassword, a, change))
}
