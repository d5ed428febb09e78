// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"postfach/auth"
	"postfach/mailbox"
)

type accountList struct {
	Member string `placeholder:"NUMBER" help:"Only accounts with a grant for the member, ended ones too."`
	Role   string `placeholder:"ROLE" help:"Only accounts that have the role now."`
	JSON   bool   `name:"json" help:"One JSON object a line."`
}

// accountRow is an account as it is listed. No password in any form stands in it.
type accountRow struct {
	ID              mailbox.AccountID `json:"id"` // as mails and the audit log name it
	Login           string            `json:"login"`
	Person          string            `json:"person"`
	Email           string            `json:"email,omitempty"`
	Language        string            `json:"language,omitempty"`
	Address         string            `json:"address,omitempty"` // lines
	Kind            string            `json:"kind"`
	Layout          string            `json:"layout"`
	Disabled        bool              `json:"disabled"`
	HasPassword     bool              `json:"has_password"`
	LetterUntil     time.Time         `json:"letter_until,omitzero"` // the one-time password waits until then
	NoDAVPassword   bool              `json:"no_dav_password,omitempty"`
	AppPasswords    int               `json:"app_passwords"` // valid ones
	OIDCIssuer      string            `json:"oidc_issuer,omitempty"`
	OIDCSubject     string            `json:"oidc_subject,omitempty"`
	PasswordChanged time.Time         `json:"password_changed,omitzero"`
	Created         time.Time         `json:"created"`
	Networks        []string          `json:"networks,omitempty"`
	ReleaseDirect   bool              `json:"release_direct,omitempty"`
	Grants          []grantRow        `json:"grants"`
}

type grantRow struct {
	Role        string    `json:"role"`
	Member      string    `json:"member"` // number, "all", or "" where the role knows no members
	From        time.Time `json:"from,omitzero"`
	Until       time.Time `json:"until,omitzero"`
	Responsible bool      `json:"responsible"`
	InForce     bool      `json:"in_force"`
}

func accountRowOf(c auth.Credentials, now time.Time) accountRow {
	a := c.Account
	row := accountRow{ID: a.ID, Login: string(a.Login), Person: c.Person.Name, Email: c.Person.Email, Language: c.Person.Language, Kind: string(a.Kind),
		Layout: string(a.Layout), Disabled: a.Disabled, HasPassword: a.Password != "", PasswordChanged: a.PasswordChanged,
		Created: a.Created, ReleaseDirect: a.ReleaseDirect, Grants: []grantRow{}}
	row.Address, row.NoDAVPassword = c.Person.Address, a.NoDAVPassword
	row.OIDCIssuer, row.OIDCSubject = a.External.Parts()
	if !c.OneTime.IsZero() && c.OneTime.Used.IsZero() && now.Before(c.OneTime.Expires) {
		row.LetterUntil = c.OneTime.Expires
	}
	for _, p := range c.Apps {
		if p.Valid() {
			row.AppPasswords++
		}
	}
	for _, n := range a.Networks {
		row.Networks = append(row.Networks, n.String())
	}
	for _, g := range c.Grants {
		member := g.Number
		if g.Grant.Member == 0 && g.Role.Files() {
			member = "all"
		}
		row.Grants = append(row.Grants, grantRow{Role: string(g.Role), Member: member, From: g.From, Until: g.Until,
			Responsible: g.Responsible, InForce: g.InForce(now) && (g.ClosedOn.IsZero() || now.Before(g.ClosedOn))})
	}
	return row
}

// number is what a mail says instead of a name.
func (r accountRow) number() string { return strconv.FormatInt(int64(r.ID), 10) }

func (r accountRow) state() string {
	switch {
	case r.Disabled:
		return "disabled"
	case !r.LetterUntil.IsZero():
		return "letter sent"
	case !r.HasPassword && r.AppPasswords > 0:
		return "app passwords"
	case !r.HasPassword:
		return "no password"
	}
	return "active"
}

// grantsInForce in a few words: "clerk 0815".
func (r accountRow) grantsInForce() string {
	byRole := map[string][]string{}
	var roles []string
	for _, g := range r.Grants {
		if !g.InForce {
			continue
		}
		if !slices.Contains(roles, g.Role) {
			roles = append(roles, g.Role)
		}
		if g.Member != "" {
			byRole[g.Role] = append(byRole[g.Role], g.Member)
		}
	}
	for i, role := range roles {
		members := byRole[role]
		if len(members) > 3 {
			members = append(slices.Clone(members[:3]), fmt.Sprintf("and %d more", len(byRole[role])-3))
		}
		roles[i] = strings.TrimSpace(role + " " + strings.Join(members, " "))
	}
	return strings.Join(roles, ", ")
}

func (c *accountList) Run(e *env) error {
	var role mailbox.Role
	if c.Role != "" {
		var err error
		if role, err = auth.ParseRole(c.Role); err != nil {
			return err
		}
	}
	a, err := e.open()
	if err != nil {
		return err
	}
	defer a.done(e)
	var member mailbox.MemberID
	if c.Member != "" {
		all, err := a.members(e)
		if err != nil {
			return err
		}
		m, err := all.find(c.Member)
		if err != nil {
			return err
		}
		member = m.ID
	}
	accounts, err := a.accountsOf(e, member)
	if err != nil {
		return err
	}
	l := newListing(e, c.JSON, []string{"NO.", "LOGIN", "PERSON", "E-MAIL", "KIND", "STATE", "GRANTS IN FORCE"}, func(r accountRow) []string {
		return []string{r.number(), r.Login, r.Person, r.Email, r.Kind, r.state(), r.grantsInForce()}
	})
	now := time.Now()
	for _, cr := range accounts {
		row := accountRowOf(cr, now)
		if role != "" && !slices.ContainsFunc(row.Grants, func(g grantRow) bool { return g.InForce && g.Role == string(role) }) {
			continue
		}
		if err := l.add(row); err != nil {
			return err
		}
	}
	return l.end()
}

type accountShow struct {
	Login string `arg:"" help:"The account."`
	JSON  bool   `name:"json" help:"As a JSON object."`
}

func (c *accountShow) Run(e *env) error {
	a, err := e.open()
	if err != nil {
		return err
	}
	defer a.done(e)
	cr, err := a.directory.Show(e.ctx, c.Login)
	if err != nil {
		return err
	}
	row := accountRowOf(cr, time.Now())
	if c.JSON {
		return e.object(row)
	}
	zone := a.cfg.Authority.Timezone
	direct := ""
	if row.ReleaseDirect {
		direct = "may write into the root under four-eyes"
	}
	if err := e.facts([2]string{"account no.", row.number()}, [2]string{"login", row.Login}, [2]string{"person", row.Person}, [2]string{"e-mail", row.Email},
		[2]string{"language", row.Language},
		[2]string{"address", strings.ReplaceAll(row.Address, "\n", ", ")}, [2]string{"kind", row.Kind}, [2]string{"layout", row.Layout}, [2]string{"state", row.state()},
		[2]string{"password changed", moment(row.PasswordChanged, zone)}, [2]string{"created", moment(row.Created, zone)},
		[2]string{"letter valid until", moment(row.LetterUntil, zone)}, [2]string{"app passwords", strconv.Itoa(row.AppPasswords)},
		[2]string{"own password in programs", map[bool]string{true: "refused"}[row.NoDAVPassword]}, [2]string{"at the provider", strings.TrimSpace(row.OIDCSubject + " " + row.OIDCIssuer)},
		[2]string{"networks", strings.Join(row.Networks, ", ")}, [2]string{"release", direct}); err != nil {
		return err
	}
	e.say("")
	l := newListing(e, false, []string{"ROLE", "MEMBER", "FROM", "UNTIL", "RESPONSIBLE", "IN FORCE"}, func(g grantRow) []string {
		return []string{g.Role, g.Member, moment(g.From, zone), moment(g.Until, zone), yesNo(g.Responsible), yesNo(g.InForce)}
	})
	for _, g := range row.Grants {
		if err := l.add(g); err != nil {
			return err
		}
	}
	return l.end()
}

type accountImport struct {
	File   string `arg:"" help:"CSV file, - for standard input. Separated by ; or , in UTF-8 or Windows-1252."`
	DryRun bool   `help:"Store nothing; print every fault with its line."`
	ordered
}

// Help documents the file.
func (accountImport) Help() string {
	var b strings.Builder
	b.WriteString("The first line names the columns; a line is an account with at most one grant, and lines of one login belong together. Columns:\n\n")
	for _, col := range auth.AccountColumns {
		b.WriteString("  " + strings.Join(col.Names, " or "))
		if col.Required {
			b.WriteString(" (must be there)")
		}
		b.WriteString("\n")
	}
	b.WriteString("\nThe whole file is carried out, or nothing. The same file again changes nothing; a password only serves accounts that have none. Delete a file with passwords when it is imported.")
	return b.String()
}

func (c *accountImport) Run(e *env) error {
	f, err := e.input(c.File)
	if err != nil {
		return err
	}
	defer f.Close()
	cfg, err := e.configuration()
	if err != nil {
		return err
	}
	rows, faults, err := auth.ReadAccounts(f, cfg.Authority.Timezone)
	if err != nil {
		return err
	}
	return e.administer(c.ordered, func(d *auth.Directory, by auth.By) error {
		sum, more, err := d.Import(e.ctx, by, rows, c.DryRun || len(faults) > 0)
		if err != nil {
			return err
		}
		if faults = append(faults, more...); len(faults) > 0 {
			slices.SortStableFunc(faults, func(a, b auth.Fault) int { return a.Line - b.Line })
			return e.tellAccountFaults(c.File, faults)
		}
		would := ""
		if c.DryRun {
			would = "no fault; would be: "
		}
		e.say("%s%d accounts added, %d changed, %d unchanged", would, sum.Added, sum.Changed, sum.Unchanged)
		return nil
	})
}

func (e *env) tellAccountFaults(file string, faults []auth.Fault) error {
	for _, f := range faults {
		fmt.Fprintf(e.stderr, "%s:%d: %s\n", file, f.Line, plain(f.Error()))
	}
	fmt.Fprintf(e.stderr, "postfach: %d faults, nothing stored\n", len(faults))
	return foundWrong
}
