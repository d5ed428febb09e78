// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strconv"
	"time"

	"postfach/catalog"
	"postfach/mailbox"
)

type deliveryCmd struct {
	List deliveryList `cmd:"" help:"List deliveries, the latest first."`
}

type deliveryList struct {
	Member     string `placeholder:"NUMBER" help:"Only those of a member."`
	New        bool   `help:"Only what the receiving side has not retrieved yet and still can."`
	Unfetched  int    `placeholder:"DAYS" help:"As --new, and delivered at least so many days ago."`
	MailFailed bool   `help:"Only those about which a mail failed for good."`
	Limit      int    `help:"At most this many; 0 for all."`
	JSON       bool   `name:"json" help:"One JSON object a line."`
}

// deliveryRow is a delivery as it is listed. Times are absent where a thing has
// not happened.
type deliveryRow struct {
	ID         mailbox.DeliveryID `json:"id"`
	Member     string             `json:"member"`
	Direction  string             `json:"direction"`
	Path       string             `json:"path"`
	Entry      mailbox.EntryID    `json:"entry"`
	Version    string             `json:"version"`
	SHA256     string             `json:"sha256"`
	Size       int64              `json:"size"` // bytes
	Person     string             `json:"person"`
	Time       time.Time          `json:"time"`
	Notified   time.Time          `json:"notified,omitzero"` // the relay took the first mail
	Settled    time.Time          `json:"settled,omitzero"`  // everybody it is for was told
	Fetched    time.Time          `json:"fetched,omitzero"`  // first complete retrieval
	Withdrawn  time.Time          `json:"withdrawn,omitzero"`
	Superseded time.Time          `json:"superseded,omitzero"`
	Twin       string             `json:"twin,omitempty"` // an earlier version with these bytes, taken over before
	Waiting    int                `json:"mails_waiting"`
	Failed     int                `json:"mails_failed"`
	Reply      string             `json:"reply,omitempty"` // of the relay
}

func (c *deliveryList) Run(e *env) error {
	a, err := e.open()
	if err != nil {
		return err
	}
	defer a.done(e)
	zone := a.cfg.Authority.Timezone
	l := newListing(e, c.JSON, []string{"TIME", "MEMBER", "DIRECTION", "PATH", "SIZE", "BY", "MAIL", "RETRIEVED"}, func(r deliveryRow) []string {
		return []string{moment(r.Time, zone), r.Member, r.Direction, r.Path, bytesOf(r.Size), r.Person, r.mail(zone), r.retrieved(zone)}
	})
	err = a.catalog.Inquire(e.ctx, func(q *catalog.Inquiry) error {
		what, err := c.query(q)
		if err != nil {
			return err
		}
		who := newPeople(q)
		err = q.Facts(what, func(f catalog.DeliveryFacts) error {
			if c.Limit > 0 && l.rows >= c.Limit {
				return errEnough
			}
			row, err := deliveryRowOf(q, who, f)
			if err != nil {
				return err
			}
			return l.add(row)
		})
		return enough(err)
	})
	if err != nil {
		return err
	}
	return l.end()
}

func (c *deliveryList) query(q *catalog.Inquiry) (what catalog.DeliveryQuery, err error) {
	if c.Unfetched < 0 {
		return what, misuse("--unfetched: a number of days")
	}
	what = catalog.DeliveryQuery{Unfetched: c.New || c.Unfetched > 0, MailFailed: c.MailFailed}
	if c.Unfetched > 0 {
		what.Before = q.Now().AddDate(0, 0, -c.Unfetched)
	}
	if c.Member != "" {
		m, err := memberOf(q, c.Member)
		if err != nil {
			return what, err
		}
		what.Member = m.ID
	}
	return what, nil
}

func deliveryRowOf(q *catalog.Inquiry, who *people, f catalog.DeliveryFacts) (deliveryRow, error) {
	x, err := q.Entry(f.Entry)
	if err != nil {
		return deliveryRow{}, err
	}
	path, err := mailbox.PathOf(q, x)
	if err != nil {
		return deliveryRow{}, err
	}
	row := deliveryRow{ID: f.ID, Member: f.Number, Direction: string(f.Direction), Path: path, Entry: f.Entry, Version: f.Version.String(),
		SHA256: mailbox.Version{SHA256: f.SHA256}.SHA256Hex(), Size: f.Size, Person: who.name(f.Person), Time: f.Time, Notified: f.Notified,
		Settled: f.Settled, Fetched: f.Fetched, Withdrawn: f.Withdrawn, Superseded: f.Superseded, Waiting: f.Waiting, Failed: f.Failed, Reply: f.Reply}
	if !f.Twin.IsZero() {
		row.Twin = f.Twin.String()
	}
	return row, nil
}

// mail says in a few words what became of the mails.
func (r deliveryRow) mail(zone *time.Location) string {
	switch {
	case r.Failed > 0:
		return strconv.Itoa(r.Failed) + " failed: " + r.Reply
	case !r.Notified.IsZero():
		return "sent " + moment(r.Notified, zone)
	case r.Waiting > 0:
		return "waits"
	case !r.Superseded.IsZero():
		return "superseded"
	case !r.Withdrawn.IsZero(), !r.Settled.IsZero():
		return "none"
	}
	return "not yet"
}

func (r deliveryRow) retrieved(zone *time.Location) string {
	switch {
	case !r.Fetched.IsZero() && !r.Withdrawn.IsZero():
		return moment(r.Fetched, zone) + ", withdrawn since"
	case !r.Fetched.IsZero():
		return moment(r.Fetched, zone)
	case !r.Withdrawn.IsZero():
		return "withdrawn"
	}
	return ""
}
