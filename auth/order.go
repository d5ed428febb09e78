// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"net/netip"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"postfach/mailbox"
)

// By is who gives an order, for the audit record.
type By struct {
	System string           // operating-system user of a command
	Order  string           // --order, for example the number of a letter
	Person mailbox.PersonID // signed in at a door; 0 for a command
	Via    mailbox.Via
}

// PersonSpec is a person as an order names it.
type PersonSpec struct {
	Name     string
	Email    string // "" means none, except for machine accounts
	Language string // "de", "en" or "" for the installation's
	Address  string // postal, lines separated by line breaks or |
}

// GrantSpec is a grant as an order names it.
type GrantSpec struct {
	Role        mailbox.Role
	Member      string    // a number, "all", or "" where the role knows no members
	From, Until time.Time // zero means no bound
	Responsible *bool     // nil means yes when a member is named, no for all
}

// NewAccount is the order for an account.
type NewAccount struct {
	Login         string
	Person        PersonSpec
	Kind          mailbox.AccountKind // "" means person
	Layout        mailbox.Layout      // "" means direct for one member's own account, else members
	Networks      []netip.Prefix      // machines only
	ReleaseDirect bool                // machines only
	Password      string              // "" means none yet: no sign-in
	Grants        []GrantSpec
}

// Change is an order about an existing account; nil leaves things as they are.
type Change struct {
	Name, Email, Language *string // of the person, so of all the person's accounts
	Address               *string // likewise
	Layout                *mailbox.Layout
	Networks              *[]netip.Prefix
	ReleaseDirect         *bool
	DAVPassword           *bool // whether programs may sign in by the own password
	External              *External
}

const maxName = 200 // bytes

// check brings a person into the form that is stored. The error is the first
// fault.
func (p PersonSpec) check() (PersonSpec, error) {
	p, faults := p.parse()
	return p, first(faults)
}

// parse is check that gives every fault.
func (p PersonSpec) parse() (PersonSpec, []error) {
	var faults []error
	p.Name = norm.NFC.String(strings.Join(strings.Fields(p.Name), " "))
	if p.Name == "" || len(p.Name) > maxName || !utf8.ValidString(p.Name) || strings.ContainsFunc(p.Name, unicode.IsControl) {
		faults = append(faults, invalid(textName, p.Name))
	}
	if p.Email != "" {
		email, err := ParseEmail(p.Email)
		if err != nil {
			faults = append(faults, err)
		}
		p.Email = email
	}
	if p.Language != "" && p.Language != "de" && p.Language != "en" {
		faults = append(faults, invalid(textLanguage, p.Language))
	}
	address, err := ParseAddress(p.Address)
	if err != nil {
		faults = append(faults, err)
	}
	p.Address = address
	return p, faults
}

func first(faults []error) error {
	if len(faults) == 0 {
		return nil
	}
	return faults[0]
}

// What fits below a name in the window of an envelope (DIN 5008).
const (
	maxAddressLines = 5
	maxAddressLine  = 60 // characters
)

// ParseAddress checks a postal address: lines separated by line breaks or |,
// without the name. Empty lines are left out; "" is none. The error is a
// *Refusal.
func ParseAddress(s string) (string, error) {
	var lines []string
	for _, line := range strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' || r == '|' }) {
		line = norm.NFC.String(strings.Join(strings.Fields(line), " "))
		if line == "" {
			continue
		}
		if !utf8.ValidString(line) || strings.ContainsFunc(line, unfit) || utf8.RuneCountInString(line) > maxAddressLine {
			return "", invalid(textAddress, line, maxAddressLines, maxAddressLine)
		}
		lines = append(lines, line)
	}
	if len(lines) > maxAddressLines {
		return "", invalid(textAddress, strings.Join(lines, ", "), maxAddressLines, maxAddressLine)
	}
	return strings.Join(lines, "\n"), nil
}

// check brings the parts of an order that need no store into order. It leaves
// the password alone. The error is the first fault.
func (n NewAccount) check() (NewAccount, error) {
	n, faults := n.parse()
	return n, first(faults)
}

// parse is check that gives every fault.
func (n NewAccount) parse() (NewAccount, []error) {
	login, err := ParseLogin(n.Login)
	var faults []error
	if err != nil {
		faults = append(faults, err)
	}
	n.Login = string(login)
	person, more := n.Person.parse()
	faults = append(faults, more...)
	switch n.Kind {
	case "":
		n.Kind = mailbox.PersonAccount
	case mailbox.PersonAccount:
	case mailbox.MachineAccount:
		if n.Person.Email == "" {
			faults = append(faults, invalid(textMachinePerson))
		}
	default:
		faults = append(faults, invalid(textKind, n.Kind))
	}
	n.Person = person
	if n.Layout != "" {
		if err := checkLayout(n.Layout); err != nil {
			faults = append(faults, err)
		}
	}
	if err := checkMachine(n.Kind, n.Networks, n.ReleaseDirect); err != nil {
		faults = append(faults, err)
	}
	return n, faults
}

// changeFaults are those of what an order says about an account that exists:
// what it leaves out, the account has.
func (n NewAccount) changeFaults() []error {
	if n.Person.Name == "" {
		n.Person.Name = n.Login
	}
	_, faults := n.Person.parse()
	if n.Layout != "" {
		if err := checkLayout(n.Layout); err != nil {
			faults = append(faults, err)
		}
	}
	return faults
}

func checkLayout(l mailbox.Layout) error {
	if l != mailbox.Direct && l != mailbox.Members {
		return invalid(textLayout, l)
	}
	return nil
}

func checkMachine(k mailbox.AccountKind, networks []netip.Prefix, releaseDirect bool) error {
	if k != mailbox.MachineAccount && (len(networks) > 0 || releaseDirect) {
		return invalid(textMachineOnly)
	}
	return nil
}

// german are the names of the roles in texts (DESIGN.md section 1).
var german = map[mailbox.Role]string{
	mailbox.Caseworker:    "Sachbearbeitung",
	mailbox.Reviewer:      "Prüfung",
	mailbox.Registrar:     "Zugangsverwaltung",
	mailbox.Auditor:       "Revision",
	mailbox.Operator:      "Systemverwaltung",
	mailbox.Clerk:         "Personalsachbearbeitung",
	mailbox.Administrator: "Administration",
	mailbox.Datacentre:    "Rechenzentrum",
}

// ParseRole reads the name of a role, English or German. The error is a
// *Refusal.
func ParseRole(s string) (mailbox.Role, error) {
	all := make([]string, len(mailbox.Roles))
	for i, r := range mailbox.Roles {
		if key := foldKey(s); key == string(r) || key == foldKey(german[r]) {
			return r, nil
		}
		all[i] = string(r)
	}
	return "", invalid(textRole, s, strings.Join(all, ", "))
}

// ParseNetworks reads networks or single addresses separated by space or comma.
// The error is a *Refusal.
func ParseNetworks(s string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, f := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || unicode.IsSpace(r) }) {
		p, err := netip.ParsePrefix(f)
		if a, e := netip.ParseAddr(f); e == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil || p.Addr().Zone() != "" || p.Addr().Is4In6() {
			return nil, invalid(textNetwork, f)
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

// ParseFrom reads the first day of a grant, which begins at midnight in loc; or
// an exact time (RFC 3339). "" is no bound. The error is a *Refusal.
func ParseFrom(s string, loc *time.Location) (time.Time, error) { return parseDay(s, loc, 0) }

// ParseUntil reads the last day of a grant, at whose end it ends.
func ParseUntil(s string, loc *time.Location) (time.Time, error) { return parseDay(s, loc, 1) }

func parseDay(s string, loc *time.Location, days int) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil && t.Year() > 0 {
		return t.UTC().Truncate(time.Microsecond), nil
	}
	for _, form := range []string{time.DateOnly, "02.01.2006", "2.1.2006"} {
		if t, err := time.ParseInLocation(form, s, loc); err == nil && t.Year() >= 1900 {
			return time.Date(t.Year(), t.Month(), t.Day()+days, 0, 0, 0, 0, loc).UTC(), nil
		}
	}
	return time.Time{}, invalid(textDate, s)
}
