// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"postfach/auth"
	"postfach/config"
	"postfach/letter"
	"postfach/mailbox"
	"postfach/web"
)

type accountLetter struct {
	Login  []string `arg:"" optional:"" help:"The accounts. What they could sign in with before ends: password, earlier letter, app passwords."`
	Import string   `placeholder:"FILE" help:"All accounts in a file of account import that have neither a password nor a letter yet."`
	Out    string   `required:"" placeholder:"FILE.pdf" help:"Where the letters go. The file must not exist; only its owner may read it."`
	Days   int      `default:"30" placeholder:"N" help:"How many days the one-time passwords are valid (default ${default})."`
	ordered
}

// Help tells what the letters are and where their secrets go.
func (accountLetter) Help() string {
	return `Prints a letter for each account: DIN 5008 with a window address, the link, the login and a one-time password, which opens nothing but the page where the person chooses a password of their own. The person's postal address comes from account set --address or the import file. Letters are sorted by member, name and login; more than one are followed by a list to check the envelopes against, without passwords.

The one-time passwords stand in the file and nowhere else: they are kept as hashes, and no log, mail or later command shows them. Print the file and delete it. A letter that got lost is replaced by another, which ends the first.`
}

func (c *accountLetter) Run(e *env) error {
	if (len(c.Login) == 0) == (c.Import == "") {
		return misuse("give either accounts or --import FILE")
	}
	by, err := c.authBy(e)
	if err != nil {
		return err
	}
	a, err := e.open()
	if err != nil {
		return err
	}
	defer a.done(e)
	logins := c.Login
	if c.Import != "" {
		if logins, err = a.newcomers(e, c.Import); err != nil {
			return err
		}
		if len(logins) == 0 {
			e.say("no account of the file needs a letter")
			return nil
		}
	}
	planned, err := a.directory.PlanLetters(e.ctx, logins, c.Days, a.cfg.Authority.Timezone)
	if err != nil {
		return err
	}
	if err := a.writeLetters(c.Out, planned); err != nil {
		return err
	}
	if err := a.directory.IssueLetters(e.ctx, by, planned); err != nil {
		return errors.Join(err, os.Remove(c.Out)) // none of them is valid
	}
	count := "1 letter"
	if len(planned) > 1 {
		count = strconv.Itoa(len(planned)) + " letters"
	}
	e.say("%s in %s, valid through %s; print the file and delete it", count, c.Out,
		planned[0].Expires.In(a.cfg.Authority.Timezone).AddDate(0, 0, -1).Format(time.DateOnly))
	return nil
}

// newcomers are the accounts of an import file that need a letter: people who
// cannot sign in yet and have none that is still valid.
func (a *app) newcomers(e *env, file string) ([]string, error) {
	f, err := e.input(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows, faults, err := auth.ReadAccounts(f, a.cfg.Authority.Timezone)
	if err != nil {
		return nil, err
	}
	if len(faults) > 0 {
		return nil, e.tellAccountFaults(file, faults)
	}
	var logins []string
	seen := make(map[mailbox.AccountID]bool)
	for _, row := range rows {
		cr, err := a.directory.Show(e.ctx, row.Account.Login)
		if err != nil {
			return nil, err
		}
		acc, pending := cr.Account, cr.OneTime
		if seen[acc.ID] {
			continue
		}
		seen[acc.ID] = true
		switch {
		case acc.Kind == mailbox.MachineAccount || acc.Disabled:
			e.say("no letter for %s: a machine account, or disabled", acc.Login)
		case acc.Password != "":
			e.say("no letter for %s: it has a password", acc.Login)
		case !pending.IsZero() && time.Now().Before(pending.Expires):
			e.say("no letter for %s: it has one already, name the account to replace it", acc.Login)
		default:
			logins = append(logins, string(acc.Login))
		}
	}
	return logins, nil
}

// writeLetters prints letters into a new file and makes sure that it is on the
// disk, before any of them is valid.
func (a *app) writeLetters(file string, planned []auth.Letter) error {
	var pdf bytes.Buffer
	letters := make([]letter.Letter, len(planned))
	for i, p := range planned {
		letters[i] = a.letterOf(p)
	}
	sender := letter.Sender{Name: a.cfg.Authority.Name, Contact: a.cfg.Authority.ServiceContact, Language: a.cfg.Authority.Language,
		Help: a.cfg.URL + web.HelpPath}
	if err := letter.Write(&pdf, sender, letters, len(letters) > 1); err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return misuse("%s exists; letters are never written over others", file)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(pdf.Bytes())
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = syncFolder(filepath.Dir(file))
	}
	if err != nil {
		return errors.Join(err, os.Remove(file))
	}
	return nil
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// letterOf words a planned letter.
func (a *app) letterOf(p auth.Letter) letter.Letter {
	zone := a.cfg.Authority.Timezone
	l := letter.Letter{Language: p.Person.Language, Name: p.Person.Name, Address: p.AddressLines(), Link: signInLink(a.cfg, p.Members),
		Login: string(p.Account.Login), Password: p.Password, Date: p.Issued.In(zone), Through: p.Expires.In(zone).AddDate(0, 0, -1)}
	if l.Language == "" {
		l.Language = a.cfg.Authority.Language
	}
	if len(p.Members) == 1 {
		l.Mailbox = p.Members[0].Number + " " + p.Members[0].Name
	}
	return l
}

// signInLink is the link that mails carry too, where there is one mailbox.
func signInLink(cfg config.Config, members []mailbox.Member) string {
	if len(members) == 1 {
		return cfg.URL + "/postfach/" + url.PathEscape(members[0].Number)
	}
	return cfg.URL + "/anmelden"
}
