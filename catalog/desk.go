// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"encoding/json"

	"postfach/mailbox"
	"postfach/notify"
)

const (
	selectNotices = `SELECT n.id, n.state, n.topic, n.direction, n.message_id, n.account,
			coalesce(p.email, n.address), n.created, CASE WHEN n.state = 'queued' THEN n.due ELSE 0 END, n.ended,
			n.attempts, n.reply, (SELECT count(*) FROM notice_deliveries x WHERE x.notice = n.id)
		FROM notices n LEFT JOIN accounts a ON a.id = n.account LEFT JOIN persons p ON p.id = a.person
		WHERE ($1 = '[]' OR n.state IN (SELECT CAST(value AS TEXT) FROM json_each($1))) AND (CAST($2 AS BIGINT) = 0 OR n.id < $2)
		ORDER BY n.id DESC LIMIT $3`
	retryNotice = `UPDATE notices SET state = 'queued', due = $2, begun = $2, held_until = 0, ended = 0 WHERE id = $1`
	selectDepth = `SELECT count(CASE WHEN state = 'queued' THEN 1 END), count(CASE WHEN state = 'failed' THEN 1 END),
			min(CASE WHEN state = 'queued' THEN created END)
		FROM notices WHERE state IN ('queued', 'failed')`
)

// Notices lists notices, newest first.
func (s tables) Notices(ctx context.Context, states []notify.State, before notify.NoticeID, limit int) (all []notify.Record, err error) {
	if states == nil {
		states = []notify.State{}
	}
	wanted, err := json.Marshal(states)
	if err != nil {
		return nil, err
	}
	err = s.read(ctx, func(r *reader) error {
		return r.each(selectNotices, func(row tuple) error {
			all = append(all, notify.Record{
				ID: notify.NoticeID(row.Int(0)), State: notify.State(row.Same(1)), Topic: notify.Topic(row.Same(2)),
				Direction: mailbox.Direction(row.Same(3)), MessageID: row.Text(4), Account: mailbox.AccountID(row.Int(5)),
				Address: row.Text(6), Created: row.Time(7), Due: row.Time(8), Ended: row.Time(9), Attempts: int(row.Int(10)),
				Reply: row.Text(11), Deliveries: int(row.Int(12)),
			})
			return nil
		}, string(wanted), int64(before), int64(limit))
	})
	return all, err
}

// Retry makes a failed notice due now; its three days begin again.
func (s tables) Retry(ctx context.Context, id notify.NoticeID, rec mailbox.Record) error {
	return s.write(ctx, holdNotice(id), func(t *tx) error {
		if err := t.inState(id, notify.StateFailed); err != nil {
			return err
		}
		if err := t.later(retryNotice, int64(id), t.at); err != nil {
			return err
		}
		return t.Audit(rec)
	})
}

// Depth counts notices for metrics and alarms.
func (s tables) Depth(ctx context.Context) (d notify.Depth, err error) {
	err = s.read(ctx, func(r *reader) error {
		_, err := r.one(selectDepth, func(row tuple) {
			d = notify.Depth{Queued: int(row.Int(0)), Failed: int(row.Int(1)), Oldest: row.Time(2)}
		})
		return err
	})
	return d, err
}
