// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"time"

	"postfach/catalog/sqlite"
	"postfach/mailbox"
	"postfach/notify"
)

// DeliveryFilter chooses deliveries; its conditions are combined by "and".
type DeliveryFilter struct {
	Member       mailbox.MemberID   // 0: of all
	Entry        mailbox.EntryID    // 0: of all
	New          bool               // nobody of the receiving side has retrieved it, and it is still to be had
	UnfetchedFor time.Duration      // the same, and it is at least that old; 0: whatever
	MailFailed   bool               // a mail about it has failed for good
	Before       mailbox.DeliveryID // older than this one; 0: from the newest
	Limit        int                // 0 means 1000
}

// ListedDelivery is a delivery with what a person wants to know about it.
type ListedDelivery struct {
	mailbox.Delivery
	Number string // of the member
	Path   string // where the document is now; of a removed one, where it was
	Size   int64  // bytes
	SHA256 [32]byte
	Told   time.Time // everybody it is for was told; zero while not
	Mails  []Mail
}

// Mail is one mail about a delivery.
type Mail struct {
	Notice  notify.NoticeID
	State   notify.State
	Address string    // of the account as it is now, or the fixed address
	At      time.Time // accepted by the relay, or failed; zero while queued
	Reply   string    // the relay's last
}

const (
	selectListedDeliveries = "SELECT " + deliveryColumns + `, m.number, v.size, v.sha256, d.told
		FROM deliveries d JOIN versions v ON v.row = d.version JOIN members m ON m.id = d.member
		WHERE ($1 = 0 OR d.id < $1)`
	selectMails = `SELECT x.delivery, n.id, n.state, coalesce(p.email, n.address), n.ended, n.reply
		FROM notice_deliveries x JOIN notices n ON n.id = x.notice LEFT JOIN accounts a ON a.id = n.account
			LEFT JOIN persons p ON p.id = a.person
		WHERE x.delivery IN (SELECT value FROM json_each($1)) ORDER BY n.id`
)

func (f DeliveryFilter) statement(now time.Time) (string, []any) {
	var oldest time.Time
	if f.UnfetchedFor > 0 {
		f.New, oldest = true, now.Add(-f.UnfetchedFor)
	}
	limit := int64(f.Limit)
	if limit == 0 {
		limit = 1000
	}
	args := []any{int64(f.Before), limit, int64(f.Member), int64(f.Entry), oldest}
	sql := selectListedDeliveries
	if f.Member != 0 {
		sql += " AND d.member = $3"
	}
	if f.Entry != 0 {
		sql += " AND d.entry = $4"
	}
	if f.New {
		sql += " AND d.fetched = 0 AND d.withdrawn = 0 AND d.superseded = 0"
	}
	if f.UnfetchedFor > 0 {
		sql += " AND d.time <= $5"
	}
	if f.MailFailed {
		sql += ` AND EXISTS (SELECT 1 FROM notice_deliveries x JOIN notices n ON n.id = x.notice
			WHERE x.delivery = d.id AND n.state = 'failed')`
	}
	return sql + " ORDER BY d.id DESC LIMIT $2", args
}

// ListDeliveries lists deliveries, newest first.
func (s *SQLite) ListDeliveries(ctx context.Context, f DeliveryFilter) (all []ListedDelivery, err error) {
	err = s.read(ctx, func(r *reader) error {
		sql, args := f.statement(r.at)
		at := map[mailbox.DeliveryID]int{}
		var ids []mailbox.DeliveryID
		err := r.each(sql, func(row *sqlite.Row) error {
			d := ListedDelivery{
				Delivery: scanDelivery(row, 0), Number: row.Text(deliveryWidth), Size: row.Int(deliveryWidth + 1),
				Told: row.Time(deliveryWidth + 3),
			}
			row.Into(deliveryWidth+2, d.SHA256[:])
			at[d.ID] = len(all)
			ids, all = append(ids, d.ID), append(all, d)
			return nil
		}, args...)
		if err != nil {
			return err
		}
		for i := range all {
			if all[i].Path, _, err = r.path(all[i].Entry); err != nil {
				return err
			}
		}
		return r.each(selectMails, func(row *sqlite.Row) error {
			d := &all[at[mailbox.DeliveryID(row.Int(0))]]
			d.Mails = append(d.Mails, Mail{
				Notice: notify.NoticeID(row.Int(1)), State: notify.State(row.Same(2)), Address: row.Text(3), At: row.Time(4), Reply: row.Text(5),
			})
			return nil
		}, list(ids))
	})
	return all, err
}
