// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"

	"postfach/mailbox"
	"postfach/notify"
)

const (
	selectOpenDeliveries = "SELECT " + deliveryColumns + `, m.number, m.name, v.row = e.version, v.size
		FROM deliveries d JOIN versions v ON v.row = d.version JOIN members m ON m.id = d.member
			JOIN entries e ON e.id = d.entry
		WHERE d.told = 0 AND d.withdrawn = 0 AND d.superseded = 0 ORDER BY d.id LIMIT $1`
	selectToldAccounts = `SELECT x.delivery, n.account FROM notice_deliveries x JOIN notices n ON n.id = x.notice
		WHERE x.delivery IN (SELECT value FROM json_each($1)) ORDER BY n.id`

	selectOpenAlerts = `SELECT a.id, a.kind, a.member, a.account, a.entry, a.version, a.signature, a.time,
			m.number, m.name, u.id, u.person, CASE WHEN u.disabled = 0 THEN p.email END, p.name, p.language
		FROM alerts a LEFT JOIN members m ON m.id = a.member LEFT JOIN accounts u ON u.id = a.account
			LEFT JOIN persons p ON p.id = u.person
		WHERE a.done = 0 ORDER BY a.id LIMIT $1`
	selectLastTold = `SELECT max(done) FROM alerts
		WHERE kind = 'refused' AND account = $1 AND signature = $2 AND done <> 0`
	// selectToldOfEntry finds those who were told that an entry is there.
	selectToldOfEntry = `SELECT DISTINCT u.id, u.person, coalesce(p.email, n.address), p.name, p.language
		FROM deliveries d JOIN notice_deliveries x ON x.delivery = d.id JOIN notices n ON n.id = x.notice
			LEFT JOIN accounts u ON u.id = n.account LEFT JOIN persons p ON p.id = u.person
		WHERE d.entry = $1 AND d.direction = 'to-member' AND n.direction = 'to-member'
			AND (n.state = 'sent' OR n.attempts > 0 AND n.state <> 'dropped')
			AND (n.account = 0 OR u.disabled = 0)`
)

// scanRecipient reads account, person, address, name, language from column i on.
func scanRecipient(r tuple, i int) notify.Recipient {
	return notify.Recipient{
		Account: mailbox.AccountID(r.Int(i)), Person: mailbox.PersonID(r.Int(i + 1)), Address: r.Text(i + 2),
		Name: r.Text(i + 3), Language: r.Same(i + 4),
	}
}

// Backlog reads what nobody has finished telling yet.
func (s tables) Backlog(ctx context.Context, limit int) (b notify.Backlog, err error) {
	err = s.read(ctx, func(r *reader) error {
		b = notify.Backlog{Now: r.at}
		if held, err := r.number(noticesHeld); err != nil || held > 0 {
			return err // nothing is formed while notices are held
		}
		if b.Deliveries, err = r.openDeliveries(limit); err != nil {
			return err
		}
		b.Alerts, err = r.openAlerts(limit)
		return err
	})
	return b, err
}

func (r *reader) openDeliveries(limit int) ([]notify.Pending, error) {
	var all []notify.Pending
	var ids []mailbox.DeliveryID
	at := map[mailbox.DeliveryID]int{}
	err := r.each(selectOpenDeliveries, func(row tuple) error {
		p := notify.Pending{
			Delivery: scanDelivery(row, 0), Number: row.Text(deliveryWidth), Name: row.Text(deliveryWidth + 1),
			Current: row.Bool(deliveryWidth + 2), Size: row.Int(deliveryWidth + 3),
		}
		at[p.ID] = len(all)
		ids, all = append(ids, p.ID), append(all, p)
		return nil
	}, int64(limit))
	if err != nil || len(all) == 0 {
		return nil, err
	}
	look := r.onlooker()
	for i := range all {
		if all[i].Visible, err = look.sees(all[i].Entry, all[i].Direction); err != nil {
			return nil, err
		}
	}
	err = r.each(selectToldAccounts, func(row tuple) error {
		p := &all[at[mailbox.DeliveryID(row.Int(0))]]
		p.Told = append(p.Told, mailbox.AccountID(row.Int(1)))
		return nil
	}, list(ids))
	return all, err
}

func (r *reader) openAlerts(limit int) ([]notify.Alert, error) {
	var all []notify.Alert
	err := r.each(selectOpenAlerts, func(row tuple) error {
		a := notify.Alert{
			ID: notify.AlertID(row.Int(0)),
			Alert: mailbox.Alert{
				Kind: mailbox.AlertKind(row.Text(1)), Member: mailbox.MemberID(row.Int(2)),
				Account: mailbox.AccountID(row.Int(3)), Entry: mailbox.EntryID(row.Int(4)),
				Signature: row.Text(6), Time: row.Time(7),
			},
			Number: row.Text(8), Name: row.Text(9),
		}
		a.Version = row.UUID(5)
		if a.Kind == mailbox.AlertRefused || a.Kind == mailbox.AlertReturned {
			a.Uploader = scanRecipient(row, 10)
		}
		all = append(all, a)
		return nil
	}, int64(limit))
	if err != nil {
		return nil, err
	}
	for i := range all {
		if err := r.aboutAlert(&all[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// aboutAlert adds what only one kind of alert needs.
func (r *reader) aboutAlert(a *notify.Alert) error {
	switch a.Kind {
	case mailbox.AlertRefused:
		_, err := r.one(selectLastTold, func(row tuple) { a.LastTold = row.Time(0) }, int64(a.Account), a.Signature)
		return err
	case mailbox.AlertRecalled:
		return r.each(selectToldOfEntry, func(row tuple) error {
			a.Told = append(a.Told, scanRecipient(row, 0))
			return nil
		}, int64(a.Entry))
	}
	return nil
}
