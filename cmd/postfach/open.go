// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"postfach/auth"
	"postfach/config"
	"postfach/mailbox"
)

// configuration reads the file that the command line names.
func (e *env) configuration() (config.Config, error) {
	return config.Load(e.config, e.getenv)
}

// open opens the installation for a command. What a command has to say stands
// in its output, so the log keeps to what went wrong.
func (e *env) open() (*app, error) {
	cfg, err := e.configuration()
	if err != nil {
		return nil, err
	}
	return open(cfg, newLogger(config.Log{Level: "warn", Format: "text"}, e.stderr))
}

// done closes what open opened.
func (a *app) done(e *env) {
	if err := a.close(); err != nil {
		fmt.Fprintln(e.stderr, "postfach: closing: "+plain(err.Error()))
	}
}

// accountPage is how many accounts are asked for at a time.
const accountPage = 500

// accountsOf gives the accounts with a grant of a member, ended ones too;
// member 0 gives all.
func (a *app) accountsOf(e *env, m mailbox.MemberID) ([]auth.Credentials, error) {
	var all []auth.Credentials
	for after := ""; ; {
		page, err := a.directory.List(e.ctx, m, after, accountPage)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if len(page) < accountPage {
			return all, nil
		}
		after = page[len(page)-1].Account.Login.Key()
	}
}
