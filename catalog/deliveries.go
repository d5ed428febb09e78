// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"encoding/json"
	"fmt"

	"postfach/mailbox"
)

const (
	deliveryColumns = `d.id, d.member, d.entry, v.id, d.direction, d.time, d.account, d.person, d.twin, d.withdrawn,
		d.superseded, d.fetched`
	deliveryWidth = 12

	selectDeliveries = "SELECT " + deliveryColumns + ` FROM deliveries d JOIN versions v ON v.row = d.version
		WHERE d.entry = $1 ORDER BY d.id DESC`
	selectTold = `SELECT told <> 0 OR EXISTS (SELECT 1 FROM notice_deliveries n WHERE n.delivery = d.id)
		FROM deliveries d WHERE d.id = $1`
	insertDelivery = `INSERT INTO deliveries (member, entry, version, direction, time, account, person, twin, withdrawn,
			superseded, fetched)
		SELECT $1, $2, v.row, $4, $5, $6, $7, $8, $9, $10, $11 FROM versions v WHERE v.id = $3`
	updateDelivery = `UPDATE deliveries SET member = $2, entry = $3, version = (SELECT row FROM versions WHERE id = $4),
			direction = $5, time = $6, account = $7, person = $8, twin = $9, withdrawn = $10, superseded = $11, fetched = $12
		WHERE id = $1`

	selectFetch = `SELECT f.ranges, f.complete FROM fetches f JOIN versions v ON v.row = f.version
		WHERE v.id = $1 AND f.person = $2`
	putFetch = `INSERT INTO fetches (version, person, ranges, complete) SELECT row, $2, $3, $4 FROM versions WHERE id = $1
		ON CONFLICT (version, person) DO UPDATE SET ranges = $3, complete = $4`

	insertAlert = `INSERT INTO alerts (kind, member, account, entry, version, signature, time)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`
)

// scanDelivery reads deliveryColumns, from column i on.
func scanDelivery(r tuple, i int) mailbox.Delivery {
	d := mailbox.Delivery{
		ID: mailbox.DeliveryID(r.Int(i)), Member: mailbox.MemberID(r.Int(i + 1)), Entry: mailbox.EntryID(r.Int(i + 2)),
		Direction: mailbox.Direction(r.Same(i + 4)), Time: r.Time(i + 5), Account: mailbox.AccountID(r.Int(i + 6)),
		Person: mailbox.PersonID(r.Int(i + 7)), Withdrawn: r.Time(i + 9), Superseded: r.Time(i + 10), Fetched: r.Time(i + 11),
	}
	d.Version = r.UUID(i + 3)
	d.Twin = r.UUID(i + 8)
	return d
}

// Deliveries gives those of an entry, newest first.
func (r *reader) Deliveries(e mailbox.EntryID) ([]mailbox.Delivery, error) {
	var all []mailbox.Delivery
	err := r.each(selectDeliveries, func(row tuple) error {
		all = append(all, scanDelivery(row, 0))
		return nil
	}, int64(e))
	return all, err
}

// Told says whether a mail about the delivery was formed.
func (r *reader) Told(d mailbox.DeliveryID) (told bool, err error) {
	found, err := r.one(selectTold, func(row tuple) { told = row.Bool(0) }, int64(d))
	if err == nil && !found {
		err = notFound("delivery", d)
	}
	return told, err
}

// InsertDelivery stores a new delivery; its id is given here.
func (t *tx) InsertDelivery(d mailbox.Delivery) error {
	args := []any{int64(d.Member), int64(d.Entry), d.Version[:], string(d.Direction), d.Time, int64(d.Account), int64(d.Person),
		versionRef(d.Twin), d.Withdrawn, d.Superseded, d.Fetched}
	if d.Version == t.stored { // it is certainly there
		return t.later(insertDelivery, args...)
	}
	return t.change("version", d.Version, insertDelivery, args...)
}

// UpdateDelivery stores all of d.
func (t *tx) UpdateDelivery(d mailbox.Delivery) error {
	return t.change("delivery", d.ID, updateDelivery,
		int64(d.ID), int64(d.Member), int64(d.Entry), d.Version[:], string(d.Direction), d.Time, int64(d.Account),
		int64(d.Person), versionRef(d.Twin), d.Withdrawn, d.Superseded, d.Fetched)
}

// Fetch gives what a person has received of a version; nothing if nothing.
func (r *reader) Fetch(v mailbox.VersionID, p mailbox.PersonID) (mailbox.Fetch, error) {
	f := mailbox.Fetch{Version: v, Person: p}
	var ranges string
	_, err := r.one(selectFetch, func(row tuple) { ranges, f.Complete = row.Text(0), row.Time(1) }, v[:], int64(p))
	if err != nil || ranges == "" {
		return f, err
	}
	if err := json.Unmarshal([]byte(ranges), &f.Ranges); err != nil {
		return f, fmt.Errorf("ranges of version %s: %w", v, err)
	}
	return f, nil
}

// PutFetch stores what a person has received.
func (t *tx) PutFetch(f mailbox.Fetch) error {
	ranges, err := json.Marshal(f.Ranges)
	if err != nil {
		return err
	}
	return t.change("version", f.Version, putFetch, f.Version[:], int64(f.Person), string(ranges), f.Complete)
}

// InsertAlert stores what somebody must be told beside deliveries.
func (t *tx) InsertAlert(a mailbox.Alert) error {
	return t.later(insertAlert, string(a.Kind), int64(a.Member), int64(a.Account), int64(a.Entry), versionRef(a.Version),
		a.Signature, a.Time)
}
