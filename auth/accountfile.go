// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"errors"
	"io"
	"time"

	"postfach/mailbox"
)

// AccountColumns are those of an account file: one line per account and grant.
// Lines of one login belong together; what describes the account may stand in
// the first of them only.
var AccountColumns = []Column{
	{Key: "login", Names: []string{"Anmeldename", "login"}, Required: true},
	{Key: "person", Names: []string{"Person", "Name"}},
	{Key: "email", Names: []string{"E-Mail", "email"}},
	{Key: "language", Names: []string{"Sprache", "language"}},
	{Key: "address", Names: []string{"Anschrift", "address"}, Lines: true},
	{Key: "role", Names: []string{"Rolle", "role"}},
	{Key: "member", Names: []string{"Mitgliedsnummer", "Mitglied", "member"}},
	{Key: "from", Names: []string{"Von", "from"}},
	{Key: "until", Names: []string{"Bis", "until"}},
	{Key: "responsible", Names: []string{"Zuständig", "responsible"}},
	{Key: "kind", Names: []string{"Art", "kind"}},
	{Key: "layout", Names: []string{"Ansicht", "layout"}},
	{Key: "networks", Names: []string{"Netze", "networks"}},
	{Key: "password", Names: []string{"Kennwort", "password"}},
}

// AccountRow is one line of an account file.
type AccountRow struct {
	Line    int
	Faulty  bool       // a fault of it was told
	Account NewAccount // with at most one grant
}

// ReadAccounts reads an account file; days are those of loc. A file with
// faults is not carried out, but all its lines can still be asked for what only
// the catalog knows. The error is the reader's.
func ReadAccounts(r io.Reader, loc *time.Location) ([]AccountRow, []Fault, error) {
	rows, faults, err := ReadTable(r, AccountColumns)
	if err != nil {
		return nil, nil, err
	}
	out := make([]AccountRow, 0, len(rows))
	for _, row := range rows {
		p := rowParser{row: row, loc: loc}
		account := p.account()
		faults = append(faults, p.faults...)
		out = append(out, AccountRow{Line: row.Line, Faulty: row.Faulty || len(p.faults) > 0, Account: account})
	}
	return out, faults[:min(len(faults), maxFaults)], nil
}

// rowParser reads the cells of a line, noting every fault.
type rowParser struct {
	row    Row
	loc    *time.Location
	faults []Fault
}

func (p *rowParser) note(err error) {
	if r, ok := errors.AsType[*Refusal](err); ok {
		p.faults = append(p.faults, Fault{p.row.Line, r})
	}
}

func (p *rowParser) account() NewAccount {
	n := NewAccount{
		Login: p.row.Get("login"),
		Person: PersonSpec{Name: p.row.Get("person"), Email: p.row.Get("email"), Language: p.row.Get("language"),
			Address: p.row.Get("address")},
		Kind:     mailbox.AccountKind(foldKey(p.row.Get("kind"))),
		Layout:   mailbox.Layout(foldKey(p.row.Get("layout"))),
		Password: p.row.Get("password"),
	}
	var err error
	n.Networks, err = ParseNetworks(p.row.Get("networks"))
	p.note(err)
	if n.Password != "" {
		p.note(CheckPassword(n.Password))
	}
	member := p.row.Get("member")
	if foldKey(member) == "alle" || foldKey(member) == allMembers {
		member = allMembers
	}
	if p.row.Get("role") == "" {
		if member != "" {
			p.note(invalid(textRoleMissing, member))
		}
		return n
	}
	g := GrantSpec{Member: member}
	role, wrongRole := ParseRole(p.row.Get("role"))
	p.note(wrongRole)
	g.Role = role
	g.From, err = ParseFrom(p.row.Get("from"), p.loc)
	p.note(err)
	g.Until, err = ParseUntil(p.row.Get("until"), p.loc)
	p.note(err)
	g.Responsible, err = parseYesNo(p.row.Get("responsible"))
	p.note(err)
	if wrongRole == nil { // else nobody can say what it needs
		n.Grants = []GrantSpec{g}
	}
	return n
}

func parseYesNo(s string) (*bool, error) {
	switch foldKey(s) {
	case "":
		return nil, nil
	case "ja", "j", "yes", "y", "true", "1", "x":
		return new(true), nil
	case "nein", "n", "no", "false", "0":
		return new(false), nil
	}
	return nil, invalid(textYesNo, s)
}
