// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"fmt"
	"time"

	"postfach/mailbox"
)

// Untold is a delivery or an alert from before a restore about which the backup
// holds no mail that is whole: nobody, or not everybody, was told before it was
// made. Whether they were told after that, it does not know.
type Untold struct {
	Delivery mailbox.DeliveryID // 0 for an alert
	What     string             // the direction of a delivery, the kind of an alert
	Member   mailbox.MemberID
	Number   string // of the member; "" for none
	Entry    mailbox.EntryID
	Version  mailbox.VersionID
	Path     string // inside the mailbox; "" where there is no entry
	Time     time.Time
}

const (
	selectUntold = `SELECT d.id, d.direction, d.member, m.number, d.entry, v.id, d.time
		FROM deliveries d JOIN versions v ON v.row = d.version JOIN members m ON m.id = d.member
		WHERE d.told = 0 AND d.withdrawn = 0 AND d.superseded = 0 AND d.time < $1 ORDER BY d.id`
	selectUntoldAlerts = `SELECT CAST(0 AS BIGINT), a.kind, a.member, coalesce(m.number, ''), a.entry, a.version, a.time
		FROM alerts a LEFT JOIN members m ON m.id = a.member WHERE a.done = 0 AND a.time < $1 ORDER BY a.id`
)

// Untold lists what ReleaseNotices would not tell any more; nothing when no
// mails are held.
func (s tables) Untold(ctx context.Context) (all []Untold, err error) {
	err = s.read(ctx, func(r *reader) error {
		held, err := r.number(noticesHeld)
		if err == nil && held > 0 {
			all, err = r.untold(time.UnixMicro(held))
		}
		return err
	})
	return all, err
}

func (r *reader) untold(before time.Time) (all []Untold, err error) {
	for _, sql := range []string{selectUntold, selectUntoldAlerts} {
		err := r.each(sql, func(row tuple) error {
			u := Untold{Delivery: mailbox.DeliveryID(row.Int(0)), What: row.Text(1), Member: mailbox.MemberID(row.Int(2)), Number: row.Text(3),
				Entry: mailbox.EntryID(row.Int(4)), Time: row.Time(6)}
			u.Version = row.UUID(5)
			all = append(all, u)
			return nil
		}, before)
		if err != nil {
			return nil, err
		}
	}
	for i := range all {
		u := &all[i]
		if u.Entry == 0 { // an upload that was refused became none
			continue
		}
		x, err := r.Entry(u.Entry)
		if err == nil {
			u.Path, err = mailbox.PathOf(r, x)
		}
		if err != nil && mailbox.KindOf(err) != mailbox.NotFound {
			return nil, err
		}
	}
	return all, nil
}

// recordUntold names in the audit log what nobody is told of any more (I4).
func (t *tx) recordUntold(all []Untold, by mailbox.By) error {
	for _, u := range all {
		err := t.Audit(mailbox.Record{Operation: mailbox.OpUntold, Result: "ok", Member: u.Member, Entry: u.Entry, Version: u.Version,
			Detail: mailbox.Detail{Path: u.Path, Door: "cli", System: by.System, Order: by.Order,
				Text: fmt.Sprintf("%s of %s: %s", u.What, u.Time.UTC().Format(time.RFC3339), notAgain)}})
		if err != nil {
			return err
		}
	}
	return nil
}
