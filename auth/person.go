// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"fmt"
	"strings"

	"postfach/mailbox"
)

// person finds the person of a checked order or makes one. Name and address
// together tell who it is; without an address it is always somebody new.
func (e *editor) person(s PersonSpec) (mailbox.PersonID, error) {
	if s.Email != "" {
		known, err := e.tx.PersonsByEmail(EmailKey(s.Email))
		if err != nil {
			return 0, err
		}
		for _, p := range known {
			if foldKey(p.Name) != foldKey(s.Name) {
				continue
			}
			if p.Address == "" && s.Address != "" {
				p.Address = s.Address
				if _, err := e.tx.PutPerson(p); err != nil {
					return 0, err
				}
				r := e.record(mailbox.OpPersonSet, Account{Person: p.ID}, fmt.Sprintf("address: %q → %q", "", p.Address))
				r.Detail.Name = p.Name
				return p.ID, e.audit(r)
			}
			return p.ID, nil
		}
	}
	p := Person{Name: s.Name, Email: s.Email, Language: s.Language, Address: s.Address}
	id, err := e.tx.PutPerson(p)
	if err != nil {
		return 0, err
	}
	r := e.record(mailbox.OpPersonAdd, Account{Person: id}, fmt.Sprintf("person %d, email=%s language=%s address=%q", id, p.Email, p.Language, p.Address))
	r.Detail.Name = p.Name
	return id, e.audit(r)
}

// setPerson changes the person of an account.
func (e *editor) setPerson(a Account, c Change) error {
	p, err := e.tx.Person(a.Person)
	if err != nil {
		return err
	}
	want := PersonSpec{Name: p.Name, Email: p.Email, Language: p.Language, Address: p.Address}
	for _, f := range []struct {
		to   *string
		from *string
	}{{&want.Name, c.Name}, {&want.Email, c.Email}, {&want.Language, c.Language}, {&want.Address, c.Address}} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
	if want, err = want.check(); err != nil {
		return err
	}
	if a.Kind == mailbox.MachineAccount && want.Email == "" {
		return invalid(textMachinePerson)
	}
	var changes []string
	for _, f := range []struct {
		name string
		old  *string
		to   string
	}{{"name", &p.Name, want.Name}, {"email", &p.Email, want.Email}, {"language", &p.Language, want.Language},
		{"address", &p.Address, want.Address}} {
		if *f.old != f.to {
			changes = append(changes, fmt.Sprintf("%s: %q → %q", f.name, *f.old, f.to))
			*f.old = f.to
		}
	}
	if len(changes) == 0 {
		return nil
	}
	if _, err := e.tx.PutPerson(p); err != nil {
		return err
	}
	r := e.record(mailbox.OpPersonSet, a, strings.Join(changes, "; "))
	r.Detail.Name = p.Name
	if err := e.audit(r); err != nil {
		return err
	}
	held, err := e.tx.Grants(a.ID)
	if err != nil {
		return err
	}
	return e.checkShared(a, held)
}
