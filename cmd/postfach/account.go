// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/netip"
	"strings"
	"time"

	"postfach/auth"
	"postfach/mailbox"
)

type accountCmd struct {
	Add      accountAdd         `cmd:"" help:"Make an account, with its person and grants."`
	Import   accountImport      `cmd:"" help:"Carry out a CSV file of accounts, all of it or nothing."`
	List     accountList        `cmd:"" help:"List accounts."`
	Show     accountShow        `cmd:"" help:"Show an account with its grants."`
	Set      accountSet         `cmd:"" help:"Change an account or its person."`
	Disable  accountDisable     `cmd:"" help:"End all sign-ins of an account, within five seconds."`
	Enable   accountEnable      `cmd:"" help:"Let a disabled account sign in again."`
	Unlock   accountUnlock      `cmd:"" help:"End the pauses after wrong passwords."`
	Password accountPassword    `cmd:"" help:"Give an account a new password."`
	Letter   accountLetter      `cmd:"" help:"Print access letters with one-time passwords."`
	App      accountAppPassword `cmd:"" name:"app-password" help:"Make, list or revoke passwords of single programs."`
	Grant    accountGrant       `cmd:"" help:"Give an account a role."`
	Revoke   accountRevoke      `cmd:"" help:"End a role of an account."`
}

// grantFlags describe grants of one role.
type grantFlags struct {
	Role        string   `placeholder:"ROLE" help:"caseworker, reviewer, registrar, auditor, operator; clerk, administrator or datacentre. German names are taken too."`
	Member      []string `placeholder:"NUMBER" help:"Member number, or all. May be repeated."`
	From        string   `placeholder:"DATE" help:"First day of the grant, such as 2026-01-31 or 31.01.2026."`
	Until       string   `placeholder:"DATE" help:"Last day of the grant."`
	Responsible *bool    `negatable:"" help:"Is told of uploads. Default: yes for a member, no for all."`
}

// specs gives one grant for each member named.
func (g grantFlags) specs(zone *time.Location) ([]auth.GrantSpec, error) {
	if g.Role == "" {
		if len(g.Member) > 0 || g.From != "" || g.Until != "" || g.Responsible != nil {
			return nil, misuse("--member, --from, --until and --responsible need --role")
		}
		return nil, nil
	}
	role, err := auth.ParseRole(g.Role)
	if err != nil {
		return nil, err
	}
	spec := auth.GrantSpec{Role: role, Responsible: g.Responsible}
	if spec.From, err = auth.ParseFrom(g.From, zone); err != nil {
		return nil, err
	}
	if spec.Until, err = auth.ParseUntil(g.Until, zone); err != nil {
		return nil, err
	}
	if len(g.Member) == 0 {
		return []auth.GrantSpec{spec}, nil
	}
	var all []auth.GrantSpec
	for _, m := range g.Member {
		spec.Member = m
		if m == "all" && role.Side() == mailbox.AuthoritySide && !role.Files() {
			spec.Member = "" // such a role knows no members
		}
		all = append(all, spec)
	}
	return all, nil
}

// networks reads repeated flags; each may hold several.
func networks(flags []string) ([]netip.Prefix, error) {
	return auth.ParseNetworks(strings.Join(flags, " "))
}

type accountAdd struct {
	Login         string   `arg:"" help:"Name to sign in with. It never changes and is never given again."`
	Person        string   `required:"" placeholder:"NAME" help:"The person's name. For a machine account: who is responsible for it."`
	Email         string   `placeholder:"ADDRESS" help:"Where notices go. The same name and address is the same person."`
	Language      string   `placeholder:"LANG" help:"de or en; else the authority's."`
	Address       string   `placeholder:"LINES" help:"Postal address for letters, without the name; lines separated by |."`
	Kind          string   `default:"person" enum:"person,machine" help:"person, or machine for a script or job (${enum})."`
	Layout        string   `placeholder:"LAYOUT" help:"direct: the one mailbox is the root; members: one folder a member. Default: direct for an account of one member's own, else members. Fixed from then on."`
	Network       []string `placeholder:"CIDR" help:"Where a machine may come from. May be repeated."`
	ReleaseDirect bool     `help:"A machine that may write into the root under four-eyes."`
	grantFlags
	secret
	ordered
}

func (c *accountAdd) Run(e *env) error {
	cfg, err := e.configuration()
	if err != nil {
		return err
	}
	n := auth.NewAccount{Login: c.Login, Person: auth.PersonSpec{Name: c.Person, Email: c.Email, Language: c.Language, Address: c.Address},
		Kind: mailbox.AccountKind(c.Kind), Layout: mailbox.Layout(c.Layout), ReleaseDirect: c.ReleaseDirect}
	if n.Networks, err = networks(c.Network); err != nil {
		return err
	}
	if n.Grants, err = c.specs(cfg.Authority.Timezone); err != nil {
		return err
	}
	if n.Password, err = c.read(e); err != nil {
		return err
	}
	if c.ReleaseDirect && cfg.ReleaseMachine != "direct" {
		return misuse("--release-direct: the configuration says release_machine: %s", cfg.ReleaseMachine)
	}
	said := "account %s added"
	if n.Password == "" {
		said = "account %s added; it has no password yet and cannot sign in"
	}
	return e.administer(c.ordered, func(d *auth.Directory, by auth.By) error {
		if err := d.AddAccount(e.ctx, by, n); err != nil {
			return err
		}
		e.say(said, c.Login)
		return nil
	})
}

// administer carries an order about accounts out.
func (e *env) administer(o ordered, do func(d *auth.Directory, by auth.By) error) error {
	by, err := o.authBy(e)
	if err != nil {
		return err
	}
	a, err := e.open()
	if err != nil {
		return err
	}
	defer a.done(e)
	return do(a.directory, by)
}

type accountSet struct {
	Login         string    `arg:"" help:"The account."`
	Person        *string   `placeholder:"NAME" help:"New name of the person, on all of the person's accounts."`
	Email         *string   `placeholder:"ADDRESS" help:"New address of the person; none for none."`
	Language      *string   `placeholder:"LANG" help:"de, en, or none for the authority's."`
	Address       *string   `placeholder:"LINES" help:"Postal address of the person for letters, without the name; lines separated by |; none for none."`
	DAVPassword   *string   `name:"dav-password" enum:"on,off" placeholder:"on|off" help:"Whether programs may sign in by the own password, or by app passwords only."`
	OIDCSubject   *string   `name:"oidc-subject" placeholder:"SUB" help:"Who this is at the provider of the configuration's oidc (claim sub); none for nobody. From then on only its tokens sign this account in."`
	Layout        *string   `placeholder:"LAYOUT" help:"direct or members. Changes every path of the account: sync clients must be set up anew."`
	Network       *[]string `placeholder:"CIDR" help:"Where a machine may come from; none for anywhere. May be repeated."`
	ReleaseDirect *bool     `negatable:"" help:"A machine that may write into the root under four-eyes."`
	ordered
}

func (c *accountSet) Run(e *env) error {
	ch := auth.Change{Name: c.Person, Email: orNone(c.Email, "none"), Language: orNone(c.Language, "none"), Address: orNone(c.Address, "none"), ReleaseDirect: c.ReleaseDirect}
	if c.DAVPassword != nil {
		ch.DAVPassword = new(*c.DAVPassword == "on")
	}
	if c.Layout != nil {
		l := mailbox.Layout(*c.Layout)
		ch.Layout = &l
	}
	if c.Network != nil {
		list := *c.Network
		if len(list) == 1 && list[0] == "none" {
			list = nil
		}
		n, err := networks(list)
		if err != nil {
			return err
		}
		ch.Networks = &n
	}
	if err := c.link(e, &ch); err != nil {
		return err
	}
	if ch == (auth.Change{}) {
		return misuse("nothing to change: give --person, --email, --language, --address, --dav-password, --oidc-subject, --layout, --network or --release-direct")
	}
	return e.administer(c.ordered, func(d *auth.Directory, by auth.By) error {
		if err := d.SetAccount(e.ctx, by, c.Login, ch); err != nil {
			return err
		}
		e.say("account %s changed", c.Login)
		return nil
	})
}

// link reads who the account is at the configured provider.
func (c *accountSet) link(e *env, ch *auth.Change) error {
	if c.OIDCSubject == nil {
		return nil
	}
	if *c.OIDCSubject == "none" {
		ch.External = new(auth.External(""))
		return nil
	}
	cfg, err := e.configuration()
	if err != nil {
		return err
	}
	if cfg.OIDC.Issuer == "" {
		return misuse("--oidc-subject: the configuration names no provider (oidc.issuer)")
	}
	x, err := auth.ParseExternal(cfg.OIDC.Issuer, *c.OIDCSubject)
	ch.External = &x
	return err
}

type accountDisable struct {
	Login string `arg:"" help:"The account."`
	ordered
}

func (c *accountDisable) Run(e *env) error {
	return e.administer(c.ordered, func(d *auth.Directory, by auth.By) error {
		if err := d.Disable(e.ctx, by, c.Login); err != nil {
			return err
		}
		e.say("account %s disabled", c.Login)
		return nil
	})
}

type accountEnable struct {
	Login string `arg:"" help:"The account."`
	ordered
}

func (c *accountEnable) Run(e *env) error {
	return e.administer(c.ordered, func(d *auth.Directory, by auth.By) error {
		if err := d.Enable(e.ctx, by, c.Login); err != nil {
			return err
		}
		e.say("account %s enabled", c.Login)
		return nil
	})
}

type accountUnlock struct {
	Login string `arg:"" help:"The account."`
	ordered
}

func (c *accountUnlock) Run(e *env) error {
	return e.administer(c.ordered, func(d *auth.Directory, by auth.By) error {
		n, err := d.Unlock(e.ctx, by, c.Login)
		if err != nil {
			return err
		}
		e.say("account %s unlocked; wrong passwords had come from %d networks", c.Login, n)
		return nil
	})
}

type accountPassword struct {
	Login string `arg:"" help:"The account."`
	secret
	ordered
}

func (c *accountPassword) Run(e *env) error {
	if !c.given() {
		return misuse("give --password-stdin or --password-file")
	}
	password, err := c.read(e)
	if err != nil {
		return err
	}
	return e.administer(c.ordered, func(d *auth.Directory, by auth.By) error {
		if err := d.SetPassword(e.ctx, by, c.Login, password); err != nil {
			return err
		}
		e.say("account %s has a new password", c.Login)
		return nil
	})
}
