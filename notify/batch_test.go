// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"postfach/mailbox"
)

var start = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

var usual = Timing{Quiet: 2 * time.Minute, AtMost: 15 * time.Minute}

var staff = Recipient{Address: "kasse@example.org"}

func person(n int64) Recipient {
	return Recipient{
		Account: mailbox.AccountID(n), Person: mailbox.PersonID(n),
		Address: fmt.Sprintf("p%d@example.org", n), Name: fmt.Sprintf("Person %d", n),
	}
}

// row is a delivery that there is something to tell of.
func row(id, member int64, d mailbox.Direction, at time.Duration) Pending {
	return Pending{
		Delivery: mailbox.Delivery{
			ID: mailbox.DeliveryID(id), Member: mailbox.MemberID(member), Entry: mailbox.EntryID(id),
			Direction: d, Time: start.Add(at), Person: 900,
		},
		Number: fmt.Sprintf("%04d", member), Visible: true, Current: true, Size: 1,
	}
}

// day plays deliveries against the clock: every tick it decides, and does to
// the rows what the catalog would.
type day struct {
	who    Audience
	timing Timing
	open   []Pending
	closed map[mailbox.DeliveryID]How
	mails  []sentBatch
}

type sentBatch struct {
	at time.Duration
	Batch
}

func newDay(of map[Box][]Recipient) *day {
	return &day{timing: usual, who: Audience{Of: of, Staff: staff}, closed: map[mailbox.DeliveryID]How{}}
}

func (d *day) decide(at time.Duration) {
	batches, closings := Decide(Backlog{Now: start.Add(at), Deliveries: d.open}, d.who, d.timing)
	for _, b := range batches {
		d.mails = append(d.mails, sentBatch{at, b})
		for i := range d.open {
			if slices.Contains(b.Deliveries, d.open[i].ID) {
				d.open[i].Told = append(slices.Clone(d.open[i].Told), b.Recipient.Account)
			}
		}
	}
	for _, c := range closings {
		d.closed[c.Delivery] = c.How
	}
	d.open = slices.DeleteFunc(d.open, func(p Pending) bool { _, done := d.closed[p.ID]; return done })
}

// play adds the rows at their times and decides every five seconds until end.
func (d *day) play(rows []Pending, end time.Duration, at func(now time.Duration)) {
	for now := time.Duration(0); now <= end; now += 5 * time.Second {
		for len(rows) > 0 && !rows[0].Time.After(start.Add(now)) {
			d.open, rows = append(d.open, rows[0]), rows[1:]
		}
		if at != nil {
			at(now)
		}
		d.decide(now)
	}
}

func (d *day) perRecipient() map[mailbox.AccountID]int {
	out := map[mailbox.AccountID]int{}
	for _, m := range d.mails {
		out[m.Recipient.Account]++
	}
	return out
}

// Complaint 31, K6: ten files in the quiet period make one mail.
func TestTenFilesOneMail(t *testing.T) {
	d := newDay(map[Box][]Recipient{{1, mailbox.ToMember}: {person(1)}})
	var rows []Pending
	for i := range int64(10) {
		rows = append(rows, row(i+1, 1, mailbox.ToMember, time.Duration(i)*10*time.Second))
	}
	d.play(rows, time.Hour, nil)
	if len(d.mails) != 1 || len(d.mails[0].Deliveries) != 10 || d.mails[0].at != 90*time.Second+2*time.Minute {
		t.Fatalf("mails %+v", d.mails)
	}
	if len(d.open) != 0 || len(d.closed) != 10 || d.closed[1] != Told {
		t.Fatalf("open %v, closed %v", d.open, d.closed)
	}
}

// Issue 2 item 11: 3,000 releases in an hour, evenly to 3,000 members, whose
// clerks get one mail each; and all to one member, whose clerk gets four.
func TestThreeThousandReleases(t *testing.T) {
	const n = 3000
	of := map[Box][]Recipient{}
	var many, one []Pending
	for i := int64(1); i <= n; i++ {
		of[Box{mailbox.MemberID(i), mailbox.ToMember}] = []Recipient{person(i)}
		at := time.Duration(i-1) * time.Hour / n
		many = append(many, row(i, i, mailbox.ToMember, at))
		one = append(one, row(i, 1, mailbox.ToMember, at))
	}
	d := newDay(of)
	d.play(many, 70*time.Minute, nil)
	if got := d.perRecipient(); len(d.mails) != n || len(got) != n {
		t.Errorf("%d mails to %d people, want one each", len(d.mails), len(got))
	}
	d = newDay(of)
	d.play(one, 80*time.Minute, nil)
	if got := d.perRecipient(); got[1] != 4 || len(got) != 1 || len(d.open) != 0 {
		t.Errorf("mails %v, open %d, want 4 to one", got, len(d.open))
	}
}

// Issue 2 item 11: 500 uploads by 300 members in 15 minutes; two caseworkers
// are responsible for half of them each, a deputy for all (K9).
func TestUploadsAcrossMembers(t *testing.T) {
	of := map[Box][]Recipient{}
	for m := int64(1); m <= 300; m++ {
		of[Box{mailbox.MemberID(m), mailbox.ToTheAuth}] = []Recipient{person(1 + m%2), person(3)}
	}
	var rows []Pending
	for i := range int64(500) {
		rows = append(rows, row(i+1, 1+i%300, mailbox.ToTheAuth, time.Duration(i)*15*time.Minute/500))
	}
	d := newDay(of)
	d.play(rows, time.Hour, nil)
	if got, want := d.perRecipient(), map[mailbox.AccountID]int{1: 1, 2: 1, 3: 1}; !maps.Equal(got, want) {
		t.Fatalf("mails %v, want %v", got, want)
	}
	told := map[mailbox.AccountID]int{}
	for _, m := range d.mails {
		told[m.Recipient.Account] += len(m.Deliveries)
	}
	if told[3] != 500 || told[1]+told[2] != 500 || len(d.open) != 0 {
		t.Fatalf("told %v, open %d", told, len(d.open))
	}
}

// Two people with different timing: one waits on because of another member.
func TestRecipientsHaveTheirOwnTiming(t *testing.T) {
	d := newDay(map[Box][]Recipient{
		{1, mailbox.ToMember}: {person(1), person(2)},
		{2, mailbox.ToMember}: {person(1)},
	})
	d.play([]Pending{row(1, 1, mailbox.ToMember, 0), row(2, 2, mailbox.ToMember, 90*time.Second)}, 10*time.Minute, nil)
	if len(d.mails) != 2 {
		t.Fatalf("mails %+v", d.mails)
	}
	if m := d.mails[0]; m.Recipient.Account != 2 || m.at != 2*time.Minute || len(m.Deliveries) != 1 {
		t.Errorf("first %+v", m)
	}
	if m := d.mails[1]; m.Recipient.Account != 1 || m.at != 210*time.Second || len(m.Deliveries) != 2 {
		t.Errorf("second %+v", m)
	}
}

// Directions are never mixed in one mail.
func TestDirectionsApart(t *testing.T) {
	d := newDay(map[Box][]Recipient{{1, mailbox.ToTheAuth}: {person(1)}, {1, mailbox.ToReviewers}: {person(1)}})
	d.play([]Pending{row(1, 1, mailbox.ToTheAuth, 0), row(2, 1, mailbox.ToReviewers, 0)}, 5*time.Minute, nil)
	if len(d.mails) != 2 || d.mails[0].Topic == d.mails[1].Topic {
		t.Fatalf("mails %+v", d.mails)
	}
}

// Somebody who saves every minute: one mail at most 15 minutes after the first
// version, then one per 15 minutes; every other version is superseded.
func TestSavingEveryMinute(t *testing.T) {
	d := newDay(map[Box][]Recipient{{1, mailbox.ToMember}: {person(1)}})
	var rows []Pending
	for i := range int64(30) {
		r := row(i+1, 1, mailbox.ToMember, time.Duration(i)*time.Minute)
		r.Entry = 7
		rows = append(rows, r)
	}
	d.play(rows, time.Hour, func(time.Duration) {
		for i := range d.open {
			d.open[i].Current = i == len(d.open)-1
		}
	})
	if len(d.mails) != 2 || d.mails[0].at != 15*time.Minute || len(d.mails[0].Deliveries) != 1 {
		t.Fatalf("mails %+v", d.mails)
	}
	how := map[How]int{}
	for _, h := range d.closed {
		how[h]++
	}
	if how[Told] != 2 || how[Superseded] != 28 || len(d.open) != 0 {
		t.Fatalf("closed %v, open %d", how, len(d.open))
	}
}

// What gives no mail (DESIGN.md section 7), and what is recorded of it (I4).
func TestNothingToTell(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*Pending)
		want   How
	}{
		{"recalled before the mail", func(p *Pending) { p.Visible = false }, Withdrawn},
		{"marked by the mailbox", func(p *Pending) { p.Withdrawn = start }, Withdrawn},
		{"replaced by something that is gone", func(p *Pending) { p.Current = false }, Superseded},
		{"a client's placeholder", func(p *Pending) { p.Size = 0 }, Withdrawn},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := newDay(map[Box][]Recipient{{1, mailbox.ToMember}: {person(1)}})
			p := row(1, 1, mailbox.ToMember, 0)
			tc.change(&p)
			d.play([]Pending{p}, 10*time.Minute, nil)
			if len(d.mails) != 0 || d.closed[1] != tc.want {
				t.Fatalf("mails %v, closed %v", d.mails, d.closed)
			}
		})
	}
}

// Explorer puts an empty file first and the content afterwards (complaint 20).
func TestPlaceholderThenContent(t *testing.T) {
	d := newDay(map[Box][]Recipient{{1, mailbox.ToTheAuth}: {person(1)}})
	empty, full := row(1, 1, mailbox.ToTheAuth, 0), row(2, 1, mailbox.ToTheAuth, 30*time.Second)
	empty.Size, full.Entry = 0, empty.Entry
	d.play([]Pending{empty, full}, 10*time.Minute, func(now time.Duration) {
		if now == 30*time.Second {
			d.open[0].Current = false
		}
	})
	if len(d.mails) != 1 || d.closed[1] != Superseded || d.closed[2] != Told {
		t.Fatalf("mails %+v, closed %v", d.mails, d.closed)
	}
}

// A recall between two people's mails: who was not told is not, and the row
// says that somebody was.
func TestRecallBetweenTwoMails(t *testing.T) {
	d := newDay(map[Box][]Recipient{{1, mailbox.ToMember}: {person(1), person(2)}, {2, mailbox.ToMember}: {person(1)}})
	d.play([]Pending{row(1, 1, mailbox.ToMember, 0), row(2, 2, mailbox.ToMember, 90*time.Second)}, 10*time.Minute, func(now time.Duration) {
		if now == 150*time.Second {
			for i := range d.open {
				d.open[i].Visible = d.open[i].Visible && d.open[i].ID != 1
			}
		}
	})
	if len(d.mails) != 2 || d.mails[1].Recipient.Account != 1 || !slices.Equal(d.mails[1].Deliveries, []mailbox.DeliveryID{2}) || d.closed[1] != Told {
		t.Fatalf("mails %+v, closed %v", d.mails, d.closed)
	}
}

// Who is told when the obvious people cannot be.
func TestFallback(t *testing.T) {
	for _, tc := range []struct {
		name      string
		direction mailbox.Direction
		people    []Recipient
		author    mailbox.PersonID
		accounts  []mailbox.AccountID
		topic     Topic
	}{
		{"nobody has access", mailbox.ToMember, nil, 900, []mailbox.AccountID{0}, TopicNobody},
		{"nobody is responsible", mailbox.ToTheAuth, nil, 900, []mailbox.AccountID{0}, TopicToAuthority},
		{"an author does not review", mailbox.ToReviewers, []Recipient{person(1), person(2)}, 1, []mailbox.AccountID{2}, TopicToReviewers},
		{"the only reviewer is the author", mailbox.ToReviewers, []Recipient{person(1)}, 1, []mailbox.AccountID{0}, TopicToReviewers},
		{"two accounts of one person", mailbox.ToMember, []Recipient{{Account: 5, Person: 1, Address: "a@example.org"}, {Account: 4, Person: 1, Address: "b@example.org"}}, 900, []mailbox.AccountID{4}, TopicToMember},
		{"no usable address", mailbox.ToMember, []Recipient{{Account: 5, Person: 1}, {Account: 6, Person: 2, Address: "a@b\r\nc"}}, 900, []mailbox.AccountID{0}, TopicNobody},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := newDay(map[Box][]Recipient{{1, tc.direction}: reachable(tc.people)})
			p := row(1, 1, tc.direction, 0)
			p.Person = tc.author
			d.play([]Pending{p}, 5*time.Minute, nil)
			var got []mailbox.AccountID
			for _, m := range d.mails {
				got = append(got, m.Recipient.Account)
				if m.Topic != tc.topic {
					t.Errorf("topic %s", m.Topic)
				}
			}
			if !slices.Equal(got, tc.accounts) || d.closed[1] != Told {
				t.Fatalf("told %v, want %v; closed %v", got, tc.accounts, d.closed)
			}
		})
	}
}

// Whatever the facts: a live delivery is told to everybody once or waits, no
// dead one is ever told, and after the period nothing is open (I4).
func FuzzDecide(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 255, 17, 4, 90}, uint16(130))
	f.Fuzz(func(t *testing.T, seed []byte, late uint16) {
		if len(seed) > 200 {
			return
		}
		d := newDay(map[Box][]Recipient{{1, mailbox.ToMember}: {person(1), person(2)}, {2, mailbox.ToMember}: {person(2)}, {0, mailbox.ToTheAuth}: {person(3)}})
		now := time.Duration(0)
		dead := map[mailbox.DeliveryID]bool{}
		for i, b := range seed {
			p := row(int64(i+1), int64(b%3), mailbox.ToMember, now)
			if b&16 != 0 {
				p.Direction = mailbox.ToTheAuth
			}
			p.Entry = mailbox.EntryID(b % 5)
			p.Visible, p.Current, p.Size = b&32 == 0, b&64 == 0, int64(b&128)+int64(b%2)
			dead[p.ID] = conditionOf(p) != live
			d.open = append(d.open, p)
			d.decide(now)
			now += time.Duration(b) * time.Second
		}
		told := map[string]bool{}
		d.decide(now + time.Duration(late)*time.Second)
		d.decide(now + time.Hour)
		for _, m := range d.mails {
			if len(m.Deliveries) == 0 {
				t.Fatal("an empty mail")
			}
			for _, id := range m.Deliveries {
				k := fmt.Sprint(m.Recipient.Account, id)
				if dead[id] || told[k] {
					t.Fatalf("delivery %d told to %d: dead %v, twice %v", id, m.Recipient.Account, dead[id], told[k])
				}
				told[k] = true
			}
		}
		if len(d.open) != 0 || len(d.closed) != len(seed) {
			t.Fatalf("open %d, closed %d of %d", len(d.open), len(d.closed), len(seed))
		}
		for id, how := range d.closed {
			if (how == Told) == dead[id] {
				t.Fatalf("delivery %d, dead %v, closed as %s", id, dead[id], how)
			}
		}
	})
}

func BenchmarkDecide(b *testing.B) {
	of := map[Box][]Recipient{}
	var rows []Pending
	for i := int64(1); i <= 3000; i++ {
		of[Box{mailbox.MemberID(i), mailbox.ToMember}] = []Recipient{person(i), person(i + 10_000)}
		rows = append(rows, row(i, i, mailbox.ToMember, 0))
	}
	backlog := Backlog{Now: start.Add(time.Hour), Deliveries: rows}
	for b.Loop() {
		Decide(backlog, Audience{Of: of, Staff: staff}, usual)
	}
}
