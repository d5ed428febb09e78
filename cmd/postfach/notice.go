// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strconv"
	"time"

	"postfach/mailbox"
	"postfach/notify"
)

type noticeCmd struct {
	List  noticeList  `cmd:"" help:"List mails that are to be sent, were sent, failed or were dropped."`
	Retry noticeRetry `cmd:"" help:"Send a failed mail again; its three days begin anew."`

	Release noticeRelease `cmd:"" help:"Let mails go out again that a restore has held back."`
}

type noticeList struct {
	State []string `placeholder:"STATE" enum:"queued,sent,failed,dropped" help:"Only mails in a state: ${enum}. May be repeated."`
	Limit int      `default:"100" help:"At most this many, newest first; 0 for all."`
	JSON  bool     `name:"json" help:"One JSON object a line."`
}

// noticeRow is a mail as it is listed.
type noticeRow struct {
	ID         notify.NoticeID `json:"id"`
	State      string          `json:"state"`
	Topic      string          `json:"topic"`
	To         string          `json:"to"`
	MessageID  string          `json:"message_id"`
	Created    time.Time       `json:"created"`
	Due        time.Time       `json:"due,omitzero"`   // next attempt
	Ended      time.Time       `json:"ended,omitzero"` // sent, failed or dropped
	Attempts   int             `json:"attempts"`
	Reply      string          `json:"reply,omitempty"` // the relay's last one
	Deliveries int             `json:"deliveries"`
}

func (c *noticeList) Run(e *env) error {
	a, err := e.open()
	if err != nil {
		return err
	}
	defer a.done(e)
	var states []notify.State
	for _, s := range c.State {
		states = append(states, notify.State(s))
	}
	zone := a.cfg.Authority.Timezone
	l := newListing(e, c.JSON, []string{"NOTICE", "STATE", "TOPIC", "TO", "CREATED", "NEXT ATTEMPT", "ATTEMPTS", "LAST REPLY"}, func(n noticeRow) []string {
		return []string{strconv.FormatInt(int64(n.ID), 10), n.State, n.Topic, n.To, moment(n.Created, zone), moment(n.Due, zone),
			strconv.Itoa(n.Attempts), n.Reply}
	})
	const page = 500
	for before := notify.NoticeID(0); ; {
		want := page
		if c.Limit > 0 {
			want = min(page, c.Limit-l.rows)
		}
		if want <= 0 {
			break
		}
		records, err := a.catalog.Notices(e.ctx, states, before, want)
		if err != nil {
			return err
		}
		for _, n := range records {
			if err := l.add(noticeRow{ID: n.ID, State: string(n.State), Topic: string(n.Topic), To: n.Address, MessageID: n.MessageID, Created: n.Created,
				Due: n.Due, Ended: n.Ended, Attempts: n.Attempts, Reply: n.Reply, Deliveries: n.Deliveries}); err != nil {
				return err
			}
			before = n.ID
		}
		if len(records) < want {
			break
		}
	}
	return l.end()
}

type noticeRetry struct {
	ID []notify.NoticeID `arg:"" help:"Numbers of failed mails, from notice list --state failed."`
	ordered
}

func (c *noticeRetry) Run(e *env) error {
	a, by, err := c.open(e)
	if err != nil {
		return err
	}
	defer a.done(e)
	for _, id := range c.ID {
		err := a.catalog.Retry(e.ctx, id, mailbox.Record{Operation: mailbox.OpNoticeRetry, Result: "ok",
			Detail: mailbox.Detail{Door: "cli", System: by.System, Order: by.Order, Text: "notice " + strconv.FormatInt(int64(id), 10)}})
		switch {
		case err != nil && mailbox.KindOf(err) == mailbox.NotFound:
			return &wrongOrder{"there is no notice " + strconv.FormatInt(int64(id), 10)}
		case err != nil && mailbox.KindOf(err) == mailbox.Conflict:
			return &wrongOrder{"notice " + strconv.FormatInt(int64(id), 10) + " has not failed"}
		case err != nil:
			return err
		}
		e.say("notice %d is queued again", id)
	}
	return nil
}
