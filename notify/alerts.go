// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"strings"
	"time"

	"postfach/mailbox"
)

// refusedPause is how long further refusals of one account and signature are
// only counted (DESIGN.md section 7).
const refusedPause = time.Hour

// maxSignature bounds what a mail repeats of a scanner's word, in bytes.
const maxSignature = 200

// alarm is one group of alerts that is told now, or that needs no telling.
type alarm struct {
	Mails  []draft
	Alerts []AlertID
}

// draft is a notice that has no Message-ID yet.
type draft struct {
	topic     Topic
	recipient Recipient
	facts     facts
	once      string
}

// DecideAlerts says which alerts are told now. Pure, like Decide.
func decideAlerts(b Backlog, security Recipient, t Timing) []alarm {
	t = t.orDefault()
	out := refused(b, security)
	out = append(out, recalled(b, t)...)
	if a, ok := recalledRead(b, security); ok {
		out = append(out, a)
	}
	return out
}

// refused tells uploader and security address at once, then once an hour per
// account and signature, with the count since.
func refused(b Backlog, security Recipient) []alarm {
	type key struct {
		account   mailbox.AccountID
		signature string
	}
	groups := map[key][]Alert{}
	var order []key
	for _, a := range b.Alerts {
		if a.Kind != mailbox.AlertRefused {
			continue
		}
		k := key{a.Account, a.Signature}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], a)
	}
	var out []alarm
	for _, k := range order {
		g := groups[k]
		if told := g[0].LastTold; !told.IsZero() && b.Now.Sub(told) < refusedPause {
			continue
		}
		f := factsOf(g)
		f.Signature, f.Account = printable(k.signature, maxSignature), k.account
		mails := []draft{{topic: TopicRefusedStaff, recipient: security, facts: f}}
		if up := reachable([]Recipient{g[0].Uploader}); len(up) == 1 {
			mails = append(mails, draft{topic: TopicRefused, recipient: up[0], facts: f})
		}
		out = append(out, alarm{mails, idsOf(g)})
	}
	return out
}

// recalled tells those who got the mail that a document was withdrawn. The
// alerts of one mailbox wait out the quiet period together, so that clearing a
// folder is one mail.
func recalled(b Backlog, t Timing) []alarm {
	boxes := map[mailbox.MemberID][]Alert{}
	var order []mailbox.MemberID
	for _, a := range b.Alerts {
		if a.Kind != mailbox.AlertRecalled {
			continue
		}
		if boxes[a.Member] == nil {
			order = append(order, a.Member)
		}
		boxes[a.Member] = append(boxes[a.Member], a)
	}
	var due []Alert
	for _, m := range order {
		if g := boxes[m]; t.due(b.Now, g[0].Time, g[len(g)-1].Time) {
			due = append(due, g...)
		}
	}
	if len(due) == 0 {
		return nil
	}
	of := map[mailbox.AccountID][]Alert{}
	var all []Recipient
	for _, a := range due {
		for _, r := range a.Told {
			if of[r.Account] == nil {
				all = append(all, r)
			}
			of[r.Account] = append(of[r.Account], a)
		}
	}
	out := alarm{Alerts: idsOf(due)}
	for _, r := range reachable(all) {
		out.Mails = append(out.Mails, draft{topic: TopicWithdrawn, recipient: r, facts: factsOf(of[r.Account])})
	}
	return []alarm{out}
}

// recalledRead reports everything known now in one mail, at once.
func recalledRead(b Backlog, security Recipient) (alarm, bool) {
	var g []Alert
	for _, a := range b.Alerts {
		if a.Kind == mailbox.AlertRecalledRead {
			g = append(g, a)
		}
	}
	if len(g) == 0 {
		return alarm{}, false
	}
	mail := draft{topic: TopicRecalledRead, recipient: security, facts: factsOf(g)}
	return alarm{[]draft{mail}, idsOf(g)}, true
}

func factsOf(g []Alert) facts {
	f := facts{Count: len(g), First: g[0].Time, Last: g[0].Time}
	boxes := tally{}
	for _, a := range g {
		if a.Number != "" {
			boxes.add(a.Number, a.Name)
		}
		if a.Time.Before(f.First) {
			f.First = a.Time
		}
		if a.Time.After(f.Last) {
			f.Last = a.Time
		}
	}
	f.Members, f.More = boxes.list()
	return f
}

func idsOf(g []Alert) []AlertID {
	out := make([]AlertID, len(g))
	for i, a := range g {
		out[i] = a.ID
	}
	return out
}

// printable makes one line of at most max bytes out of foreign text.
func printable(s string, max int) string {
	s = strings.ToValidUTF8(s, "?")
	s = strings.Map(func(r rune) rune {
		if plain(string(r)) != nil {
			return ' '
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > max {
		s = strings.ToValidUTF8(s[:max], "")
	}
	return s
}
