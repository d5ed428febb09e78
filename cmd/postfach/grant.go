// SPDX-License-Identifier: Apache-2.0

package main

import (
	"postfach/auth"
)

type accountGrant struct {
	Login string `arg:"" help:"The account."`
	grantFlags
	ordered
}

func (c *accountGrant) Run(e *env) error {
	cfg, err := e.configuration()
	if err != nil {
		return err
	}
	specs, err := c.specs(cfg.Authority.Timezone)
	if err != nil {
		return err
	}
	if len(specs) == 0 {
		return misuse("give --role")
	}
	return e.administer(c.ordered, func(d *auth.Directory, by auth.By) error {
		for _, g := range specs {
			if err := d.Grant(e.ctx, by, c.Login, g); err != nil {
				return err
			}
			e.say("account %s is %s%s", c.Login, g.Role, forMember(g.Member))
		}
		return nil
	})
}

func forMember(m string) string {
	switch m {
	case "":
		return ""
	case "all":
		return " for all members"
	}
	return " for member " + m
}

type accountRevoke struct {
	Login  string   `arg:"" help:"The account."`
	Role   string   `required:"" placeholder:"ROLE" help:"The role to end."`
	Member []string `placeholder:"NUMBER" help:"Member number, or all. May be repeated."`
	ordered
}

func (c *accountRevoke) Run(e *env) error {
	role, err := auth.ParseRole(c.Role)
	if err != nil {
		return err
	}
	members := c.Member
	if len(members) == 0 {
		members = []string{""}
	}
	return e.administer(c.ordered, func(d *auth.Directory, by auth.By) error {
		for _, m := range members {
			if err := d.Revoke(e.ctx, by, c.Login, role, m); err != nil {
				return err
			}
			e.say("account %s is no longer %s%s", c.Login, role, forMember(m))
		}
		return nil
	})
}
