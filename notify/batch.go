// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"slices"
	"time"

	"postfach/mailbox"
)

// Timing says how long a batch waits for more. The zero value waits for
// nothing; package config has the defaults of 2 and 15 minutes.
type Timing struct {
	Quiet  time.Duration // since the last delivery
	AtMost time.Duration // since the first
}

// due says whether a batch with these first and last deliveries goes out now.
func (t Timing) due(now, first, last time.Time) bool {
	return now.Sub(last) >= t.Quiet || now.Sub(first) >= t.AtMost
}

// Box is one direction of one member, the unit of which people are told.
type Box struct {
	Member    mailbox.MemberID
	Direction mailbox.Direction
}

// Audience is who is told of what. Staff stands in where nobody else is left.
type Audience struct {
	Of    map[Box][]Recipient // usable addresses only, one account per person
	Staff Recipient           // staff_address; its Account is 0
}

// of gives the recipients of one delivery. A person who put a document into
// the outbox cannot be its reviewer and is not asked to be.
func (a Audience) of(d mailbox.Delivery) (who []Recipient, fallback bool) {
	for _, r := range a.Of[Box{d.Member, d.Direction}] {
		if d.Direction == mailbox.ToReviewers && r.Person == d.Person {
			continue
		}
		who = append(who, r)
	}
	if len(who) == 0 {
		return []Recipient{a.Staff}, true
	}
	return who, false
}

// Batch is one mail to be formed.
type Batch struct {
	Recipient  Recipient
	Topic      Topic
	Direction  mailbox.Direction
	Deliveries []mailbox.DeliveryID
}

// condition of an open delivery.
type condition int

const (
	live     condition = iota
	replaced           // a newer version of the same entry is there
	gone               // no longer visible
	empty              // a placeholder of a client; its content comes or not
)

func conditionOf(p Pending) condition {
	switch {
	case !p.Visible || !p.Withdrawn.IsZero():
		return gone
	case !p.Current:
		return replaced
	case p.Size == 0:
		return empty
	}
	return live
}

// thread is the sequence of versions of one entry in one direction.
type thread struct {
	entry     mailbox.EntryID
	direction mailbox.Direction
}

// target is one mail in the making.
type target struct {
	account   mailbox.AccountID
	direction mailbox.Direction
	topic     Topic
}

type group struct {
	batch       Batch
	first, last time.Time
}

// Decide says which mails are to be formed now and which deliveries have
// nothing more to tell. It is pure: the same backlog at the same time gives the
// same decision (DESIGN.md section 7).
func Decide(b Backlog, who Audience, t Timing) ([]Batch, []Closing) {
	groups, order := gather(b.Deliveries, who)
	var batches []Batch
	forming := map[mailbox.DeliveryID][]mailbox.AccountID{}
	for _, k := range order {
		g := groups[k]
		if !t.due(b.Now, g.first, g.last) {
			continue
		}
		batches = append(batches, g.batch)
		for _, d := range g.batch.Deliveries {
			forming[d] = append(forming[d], k.account)
		}
	}
	return batches, closings(b, who, t, forming)
}

// gather sorts the live deliveries into mails. A delivery that replaced others
// nobody was told of waits since the first of them, so that somebody who saves
// every minute does not put the mail off for ever.
func gather(rows []Pending, who Audience) (map[target]*group, []target) {
	earlier := map[thread][]Pending{}
	for _, p := range rows {
		if conditionOf(p) == replaced {
			k := thread{p.Entry, p.Direction}
			earlier[k] = append(earlier[k], p)
		}
	}
	groups := map[target]*group{}
	var order []target
	for _, p := range rows {
		if conditionOf(p) != live {
			continue
		}
		recipients, fallback := who.of(p.Delivery)
		for _, r := range recipients {
			if slices.Contains(p.Told, r.Account) {
				continue
			}
			k := target{r.Account, p.Direction, topicOf(p.Direction, fallback)}
			g, known := groups[k]
			if !known {
				g = &group{batch: Batch{Recipient: r, Topic: k.topic, Direction: p.Direction}, first: p.Time}
				groups[k], order = g, append(order, k)
			}
			g.add(p, since(p, earlier[thread{p.Entry, p.Direction}], r.Account))
		}
	}
	return groups, order
}

func (g *group) add(p Pending, since time.Time) {
	g.batch.Deliveries = append(g.batch.Deliveries, p.ID)
	if since.Before(g.first) {
		g.first = since
	}
	if p.Time.After(g.last) {
		g.last = p.Time
	}
}

// since is when the account's waiting for this entry began.
func since(p Pending, earlier []Pending, account mailbox.AccountID) time.Time {
	begin := p.Time
	for _, e := range earlier {
		if e.Time.Before(begin) && !slices.Contains(e.Told, account) {
			begin = e.Time
		}
	}
	return begin
}

// closings ends the deliveries that everybody was told of (forming counts) or
// that give no mail. A replaced one stays open as long as its successor, since
// it says how long that has been waiting.
func closings(b Backlog, who Audience, t Timing, forming map[mailbox.DeliveryID][]mailbox.AccountID) []Closing {
	var out []Closing
	waiting := map[thread]bool{}
	for _, p := range b.Deliveries {
		switch conditionOf(p) {
		case gone:
			out = append(out, Closing{p.ID, toldOr(p, Withdrawn)})
		case empty:
			if b.Now.Sub(p.Time) >= t.Quiet {
				out = append(out, Closing{p.ID, toldOr(p, Withdrawn)})
			}
		case live:
			if everybody(p, who, forming[p.ID]) {
				out = append(out, Closing{p.ID, Told})
			} else {
				waiting[thread{p.Entry, p.Direction}] = true
			}
		}
	}
	for _, p := range b.Deliveries {
		if conditionOf(p) == replaced && !waiting[thread{p.Entry, p.Direction}] {
			out = append(out, Closing{p.ID, toldOr(p, Superseded)})
		}
	}
	return out
}

func everybody(p Pending, who Audience, forming []mailbox.AccountID) bool {
	recipients, _ := who.of(p.Delivery)
	for _, r := range recipients {
		if !slices.Contains(p.Told, r.Account) && !slices.Contains(forming, r.Account) {
			return false
		}
	}
	return true
}

func toldOr(p Pending, how How) How {
	if len(p.Told) > 0 {
		return Told
	}
	return how
}
