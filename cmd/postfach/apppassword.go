// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strconv"
	"time"

	"postfach/auth"
)

type accountAppPassword struct {
	Login  string `arg:"" help:"The account."`
	Name   string `placeholder:"TEXT" help:"Make one for the program or device of this name; it is shown once."`
	List   bool   `help:"List the account's app passwords, with their last use."`
	Revoke int64  `placeholder:"ID" help:"End the one with this number of the list, within five seconds."`
	JSON   bool   `name:"json" help:"With --list one JSON object a line, with --name one object."`
	ordered
}

// Help says what an app password is.
func (accountAppPassword) Help() string {
	return `An app password lets one program in by WebDAV and nowhere else; no page in the browser accepts it. Sync clients fetch theirs through the browser by themselves. Only a hash is kept, so a lost one is revoked and another made. Last uses are a minute or two late.`
}

func (c *accountAppPassword) Run(e *env) error {
	given := 0
	for _, is := range []bool{c.Name != "", c.List, c.Revoke != 0} {
		if is {
			given++
		}
	}
	switch {
	case given != 1:
		return misuse("give one of --name, --list and --revoke")
	case c.List:
		return c.list(e)
	case c.Revoke != 0:
		return e.administer(c.ordered, func(d *auth.Directory, by auth.By) error {
			if err := d.RevokeAppPassword(e.ctx, by, c.Login, auth.AppPasswordID(c.Revoke)); err != nil {
				return err
			}
			e.say("app password %d of account %s revoked", c.Revoke, c.Login)
			return nil
		})
	}
	return e.administer(c.ordered, func(d *auth.Directory, by auth.By) error {
		p, password, err := d.AddAppPassword(e.ctx, by, c.Login, c.Name)
		if err != nil {
			return err
		}
		if c.JSON {
			return e.object(struct {
				ID       int64  `json:"id"`
				Name     string `json:"name"`
				Password string `json:"password"`
			}{int64(p.ID), p.Name, password})
		}
		e.say("app password %d for %q of account %s, shown only this once:\n\n    %s\n", p.ID, p.Name, c.Login, password)
		return nil
	})
}

// appRow is an app password as it is listed.
type appRow struct {
	ID      int64     `json:"id"`
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
	Used    time.Time `json:"last_use,omitzero"`
	Revoked time.Time `json:"revoked,omitzero"`
}

func (c *accountAppPassword) list(e *env) error {
	a, err := e.open()
	if err != nil {
		return err
	}
	defer a.done(e)
	cr, err := a.directory.Show(e.ctx, c.Login)
	if err != nil {
		return err
	}
	zone := a.cfg.Authority.Timezone
	l := newListing(e, c.JSON, []string{"ID", "NAME", "CREATED", "LAST USE", "REVOKED"}, func(r appRow) []string {
		return []string{strconv.FormatInt(r.ID, 10), r.Name, moment(r.Created, zone), moment(r.Used, zone), moment(r.Revoked, zone)}
	})
	for _, p := range cr.Apps {
		if err := l.add(appRow{int64(p.ID), p.Name, p.Created, p.Used, p.Revoked}); err != nil {
			return err
		}
	}
	return l.end()
}
