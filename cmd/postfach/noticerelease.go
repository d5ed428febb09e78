// SPDX-License-Identifier: Apache-2.0

package main

import "postfach/mailbox"

type noticeRelease struct {
	Again bool `help:"Send what is from before the restore, too. It may have been sent already."`
	ordered
}

// Help says what becomes of the mails.
func (noticeRelease) Help() string {
	return `After a restore no mail is formed or sent. This ends it. Mails and deliveries from before the restore are not told again, since the backup does not know whether they were; notice list --state dropped names them afterwards. With --again they go out; their Message-IDs are the old ones, so that a mail program recognises a repeated one.`
}

func (c *noticeRelease) Run(e *env) error {
	by, err := c.by(e)
	if err != nil {
		return err
	}
	a, err := e.open()
	if err != nil {
		return err
	}
	defer a.done(e)
	done, err := a.catalog.ReleaseNotices(e.ctx, c.Again, by)
	if err != nil && mailbox.KindOf(err) == mailbox.Conflict {
		return &wrongOrder{"no mails are held"}
	}
	if err != nil {
		return err
	}
	e.say("mails go out again: %d are queued", done.Queued)
	if done.Notices+done.Deliveries > 0 {
		e.say("from before the restore, not sent again: %d mails, and %d deliveries without one", done.Notices, done.Deliveries)
	}
	return nil
}
