// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"postfach/mailbox"
	"postfach/notify"
)

var (
	_ notify.Store = tables{}
	_ notify.Desk  = tables{}
)

const (
	isOpen = `SELECT 1 FROM deliveries d WHERE d.id = $1 AND d.told = 0 AND d.withdrawn = 0 AND d.superseded = 0
		AND NOT EXISTS (SELECT 1 FROM notice_deliveries x JOIN notices n ON n.id = x.notice
			WHERE x.delivery = d.id AND n.account = $2)`
	insertNotice = `INSERT INTO notices (message_id, topic, direction, account, address, data, once, state, created, begun,
			due, held_until, ended, attempts, reply)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 'queued', $8, $8, $8, 0, 0, 0, '')
		ON CONFLICT (once) DO NOTHING RETURNING id`
	insertNoticeDelivery = "INSERT INTO notice_deliveries (notice, delivery) VALUES ($1, $2)"
	closeDelivery        = ` = $2 WHERE id = $1 AND told = 0 AND withdrawn = 0 AND superseded = 0`
	closeAlert           = "UPDATE alerts SET done = $2 WHERE id = $1 AND done = 0"

	claimable = `FROM notices WHERE state = 'queued' AND due <= $1 AND held_until <= $1
		AND NOT EXISTS (SELECT 1 FROM settings WHERE name = '` + noticesHeld + `' AND number > 0) ORDER BY due, id LIMIT 1`
	claim = `UPDATE notices SET held_until = $2, attempts = attempts + 1 WHERE id = (SELECT id ` + claimable + `)
		RETURNING id, message_id, topic, direction, account, address, data, created, begun, attempts`
	selectAccountRecipient = `SELECT a.id, p.id, p.email, p.name, p.language, a.disabled
		FROM accounts a JOIN persons p ON p.id = a.person WHERE a.id = $1`
	selectItems = `SELECT d.id, d.member, m.number, m.name, d.entry, d.direction, d.withdrawn = 0 AND v.size > 0
		FROM notice_deliveries x JOIN deliveries d ON d.id = x.delivery JOIN members m ON m.id = d.member
			JOIN versions v ON v.row = d.version
		WHERE x.notice = $1 ORDER BY m.number, d.id`

	noticeState = "SELECT state FROM notices WHERE id = $1"
	endNotice   = "UPDATE notices SET state = $2, ended = $3, reply = $4, held_until = 0 WHERE id = $1"
	laterNotice = "UPDATE notices SET due = $2, reply = $3, held_until = 0 WHERE id = $1"
	reopen      = `UPDATE deliveries SET told = 0 WHERE id IN (SELECT delivery FROM notice_deliveries WHERE notice = $1)`
	forget      = "DELETE FROM notice_deliveries WHERE notice = $1"
)

func conflict(format string, args ...any) error {
	return mailbox.Wrap(mailbox.Conflict, "", fmt.Errorf(format, args...))
}

// Form writes all of f or nothing.
func (s tables) Form(ctx context.Context, f notify.Forming) error {
	return s.write(ctx, holdForming(f), func(t *tx) error {
		for _, n := range f.Notices {
			if err := t.free(n); err != nil {
				return err
			}
		}
		for _, n := range f.Notices {
			if err := t.insertNotice(n); err != nil {
				return err
			}
		}
		for _, c := range f.Closings {
			switch c.How {
			case notify.Told, notify.Withdrawn, notify.Superseded: // the names of columns
			default:
				return fmt.Errorf("no way to close a delivery: %q", c.How)
			}
			if err := t.later("UPDATE deliveries SET "+string(c.How)+closeDelivery, int64(c.Delivery), t.at); err != nil {
				return err
			}
		}
		for _, id := range f.Alerts {
			if n, err := t.exec(closeAlert, int64(id), t.at); err != nil {
				return err
			} else if n == 0 {
				return conflict("alert %d is not open", id)
			}
		}
		return nil
	})
}

// free checks that nobody was quicker with the deliveries of a notice.
func (t *tx) free(n notify.NewNotice) error {
	for _, d := range n.Deliveries {
		found, err := t.one(isOpen, func(tuple) {}, int64(d), int64(n.Recipient.Account))
		if err != nil {
			return err
		}
		if !found {
			return conflict("delivery %d is not open for account %d", d, n.Recipient.Account)
		}
	}
	return nil
}

func (t *tx) insertNotice(n notify.NewNotice) error {
	if len(n.Data) > notify.MaxData {
		return fmt.Errorf("notice with %d bytes of data", len(n.Data))
	}
	address := n.Recipient.Address
	if n.Recipient.Account != 0 {
		address = ""
	}
	var once any
	if n.Once != "" {
		once = n.Once
	}
	var id int64
	found, err := t.one(insertNotice, func(r tuple) { id = r.Int(0) },
		n.MessageID, string(n.Topic), string(n.Direction), int64(n.Recipient.Account), address, n.Data, once, t.at)
	if err != nil || !found { // not found: there is one with this Once
		return err
	}
	for _, d := range n.Deliveries {
		if err := t.later(insertNoticeDelivery, id, int64(d)); err != nil {
			return err
		}
	}
	return nil
}

// Claim takes the notice that is due longest.
func (s tables) Claim(ctx context.Context, lease time.Duration) (n notify.Notice, found bool, err error) {
	err = s.read(ctx, func(r *reader) error { // mostly there is none, and nothing to write
		found, err = r.one("SELECT 1 "+claimable, func(tuple) {}, r.at)
		return err
	})
	if err != nil || !found {
		return n, false, err
	}
	err = s.write(ctx, nothing, func(t *tx) error {
		n = notify.Notice{}
		var address string
		var begun time.Time
		found, err = t.one(claim, func(r tuple) {
			n.ID, n.MessageID, n.Topic = notify.NoticeID(r.Int(0)), r.Text(1), notify.Topic(r.Text(2))
			n.Direction, n.Recipient.Account, address = mailbox.Direction(r.Text(3)), mailbox.AccountID(r.Int(4)), r.Text(5)
			n.Data, n.Created, begun, n.Attempts = r.Bytes(6), r.Time(7), r.Time(8), int(r.Int(9))
		}, t.at, t.at.Add(lease))
		if err != nil || !found {
			return err
		}
		n.Age = t.at.Sub(begun)
		if err := t.noticeItems(&n); err != nil {
			return err
		}
		return t.noticeRecipient(&n, address)
	})
	return n, found && err == nil, err
}

func (r *reader) noticeItems(n *notify.Notice) error {
	look := r.onlooker()
	return r.each(selectItems, func(row tuple) error {
		i := notify.Item{
			Delivery: mailbox.DeliveryID(row.Int(0)), Member: mailbox.MemberID(row.Int(1)), Number: row.Text(2), Name: row.Text(3),
		}
		visible, err := look.sees(mailbox.EntryID(row.Int(4)), mailbox.Direction(row.Same(5)))
		i.Live = row.Bool(6) && visible
		n.Items = append(n.Items, i)
		return err
	}, int64(n.ID))
}

// noticeRecipient fills in the account as it is now, and whether it may still
// be told.
func (r *reader) noticeRecipient(n *notify.Notice, address string) error {
	if n.Recipient.Account == 0 {
		n.Recipient.Address, n.Entitled = address, true
		return nil
	}
	found, err := r.one(selectAccountRecipient, func(row tuple) {
		n.Recipient, n.Entitled = scanRecipient(row, 0), !row.Bool(5)
	}, int64(n.Recipient.Account))
	if err != nil || !found || !n.Entitled || n.Direction == "" {
		return err
	}
	var members []mailbox.MemberID
	for _, i := range n.Items {
		members = append(members, i.Member)
	}
	entitled, err := r.recipients(n.Direction, members)
	for _, m := range members {
		named := false
		for _, who := range entitled[m] {
			named = named || who.Account == n.Recipient.Account
		}
		n.Entitled = n.Entitled && named
	}
	return err
}

// inState refuses a notice that is in another state.
func (t *tx) inState(id notify.NoticeID, want notify.State) error {
	var state notify.State
	found, err := t.one(noticeState, func(r tuple) { state = notify.State(r.Text(0)) }, int64(id))
	switch {
	case err != nil:
		return err
	case !found:
		return notFound("notice", id)
	case state != want:
		return conflict("notice %d is %s, not %s", id, state, want)
	}
	return nil
}

// Sent ends a notice that the relay has accepted.
func (s tables) Sent(ctx context.Context, id notify.NoticeID, reply string) error {
	return s.write(ctx, holdNotice(id), func(t *tx) error {
		if err := t.inState(id, notify.StateQueued); err != nil {
			return err
		}
		return t.later(endNotice, int64(id), string(notify.StateSent), t.at, reply)
	})
}

// Failed ends an attempt.
func (s tables) Failed(ctx context.Context, id notify.NoticeID, f notify.Failure) error {
	return s.write(ctx, holdNotice(id), func(t *tx) error {
		err := t.inState(id, notify.StateQueued)
		if err != nil {
			return err
		}
		if f.Permanent {
			err = t.later(endNotice, int64(id), string(notify.StateFailed), t.at, f.Reply)
		} else {
			err = t.later(laterNotice, int64(id), t.at.Add(f.RetryIn), f.Reply)
		}
		for _, n := range f.Report {
			err = errors.Join(err, t.insertNotice(n))
		}
		return err
	})
}

// Drop ends a notice that is not to be sent; its deliveries are open again.
func (s tables) Drop(ctx context.Context, id notify.NoticeID) error {
	return s.write(ctx, holdNotice(id), func(t *tx) error {
		if err := t.inState(id, notify.StateQueued); err != nil {
			return err
		}
		for _, sql := range []string{reopen, forget} {
			if err := t.later(sql, int64(id)); err != nil {
				return err
			}
		}
		return t.later(endNotice, int64(id), string(notify.StateDropped), t.at, "")
	})
}
