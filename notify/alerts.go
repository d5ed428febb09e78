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

// decideAlerts says which alerts are told now. Pure, like Decide.
func decideAlerts(b Backlog, security Recipient, t Timing) []alarm {
	out := refused(b, security)
	for _, group := range []func() (alarm, bool){
		func() (alarm, bool) { return recalledRead(b, security) },
		func() (alarm, bool) { return recalled(b, t) },
		func() (alarm, bool) { return returned(b, t) },
	} {
		if a, ok := group(); ok {
			out = append(out, a)
		}
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

// recalled tells those who got the mail that a document was withdrawn.
func recalled(b Backlog, t Timing) (alarm, bool) {
	return gathered(b, t, mailbox.AlertRecalled, TopicWithdrawn, func(a Alert) []Recipient { return a.Told })
}

// returned tells authors that a reviewer sent their documents back. The reason
// is a reviewer's own words and does not go by mail.
func returned(b Backlog, t Timing) (alarm, bool) {
	return gathered(b, t, mailbox.AlertReturned, TopicReturned, func(a Alert) []Recipient { return []Recipient{a.Uploader} })
}

// gathered makes one mail per recipient of the alerts of one kind. Those of one
// mailbox wait out the quiet period together, so that clearing a folder is one
// mail.
func gathered(b Backlog, t Timing, kind mailbox.AlertKind, topic Topic, who func(Alert) []Recipient) (alarm, bool) {
	first, last := map[mailbox.MemberID]time.Time{}, map[mailbox.MemberID]time.Time{}
	for _, a := range b.Alerts {
		if a.Kind != kind {
			continue
		}
		if first[a.Member].IsZero() {
			first[a.Member] = a.Time
		}
		last[a.Member] = a.Time
	}
	var due []Alert
	of := map[mailbox.AccountID][]Alert{}
	var all []Recipient
	for _, a := range b.Alerts {
		if a.Kind != kind || !t.due(b.Now, first[a.Member], last[a.Member]) {
			continue
		}
		due = append(due, a)
		for _, r := range who(a) {
			of[r.Account] = append(of[r.Account], a)
			all = append(all, r)
		}
	}
	out := alarm{Alerts: idsOf(due)}
	for _, r := range reachable(all) {
		out.Mails = append(out.Mails, draft{topic: topic, recipient: r, facts: factsOf(of[r.Account])})
	}
	return out, len(due) > 0
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
