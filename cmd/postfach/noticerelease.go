// SPDX-License-Identifier: Apache-2.0

package main

import (
	"postfach/catalog"
	"postfach/mailbox"
)

type noticeRelease struct {
	Again  bool `help:"Send what is from before the restore, too. It may have been sent already."`
	DryRun bool `help:"Release nothing; name the deliveries and alerts from before the restore that have no mail yet."`
	ordered
}

// Help says what becomes of the mails.
func (noticeRelease) Help() string {
	return `After a restore no mail is formed or sent. This ends it. Mails and deliveries from before the restore are not told again, since the backup does not know whether they were. Such mails stand in notice list --state dropped afterwards; deliveries and alerts that had no mail yet when the backup was made are named here, and each has an audit record (notice-omitted): where nobody was told after the backup either, tell them. With --again all of it goes out; mails that the backup knows keep their Message-IDs, so that a mail program recognises a repeated one.`
}

func (c *noticeRelease) Run(e *env) error {
	a, by, err := c.open(e)
	if err != nil {
		return err
	}
	defer a.done(e)
	if c.DryRun {
		all, err := a.catalog.Untold(e.ctx)
		if err != nil {
			return err
		}
		a.sayUntold(e, all)
		e.say("%d deliveries and alerts from before the restore have no mail yet", len(all))
		return nil
	}
	done, err := a.catalog.ReleaseNotices(e.ctx, c.Again, by)
	if err != nil && mailbox.KindOf(err) == mailbox.Conflict {
		return &wrongOrder{"no mails are held"}
	}
	if err != nil {
		return err
	}
	e.say("mails go out again: %d are queued", done.Queued)
	if int(done.Notices)+len(done.Untold) > 0 {
		e.say("from before the restore, not sent again: %d mails, and %d deliveries and alerts without one", done.Notices, len(done.Untold))
	}
	a.sayUntold(e, done.Untold)
	return nil
}

// sayUntold names each.
func (a *app) sayUntold(e *env, all []catalog.Untold) {
	for _, u := range all {
		e.say("%s %s: %s, of %s", cell(u.Number), cell(u.Path), u.What, moment(u.Time, a.cfg.Authority.Timezone))
	}
}
