// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"postfach/mailbox"
)

var security = Recipient{Address: "sicherheit@example.org"}

func alert(id int64, kind mailbox.AlertKind, at time.Duration) Alert {
	return Alert{
		ID:     AlertID(id),
		Alert:  mailbox.Alert{Kind: kind, Member: 1, Account: 5, Signature: "Eicar", Time: start.Add(at)},
		Number: "0001", Name: "Stadt", Uploader: person(5),
	}
}

// play decides every five seconds; done alerts leave the backlog and set
// LastTold of those that follow, as the catalog does.
func playAlerts(rows []Alert, end time.Duration) (mails []string, open int) {
	var backlog []Alert
	last := map[string]time.Time{}
	for now := time.Duration(0); now <= end; now += 5 * time.Second {
		for len(rows) > 0 && !rows[0].Time.After(start.Add(now)) {
			backlog, rows = append(backlog, rows[0]), rows[1:]
		}
		for i := range backlog {
			backlog[i].LastTold = last[fmt.Sprint(backlog[i].Account, backlog[i].Signature)]
		}
		for _, a := range decideAlerts(Backlog{Now: start.Add(now), Alerts: backlog}, security, usual) {
			for _, m := range a.Mails {
				mails = append(mails, fmt.Sprintf("%s %s %s %d", now, m.topic, m.recipient.Address, m.facts.Count))
			}
			for _, x := range backlog {
				if slices.Contains(a.Alerts, x.ID) && x.Kind == mailbox.AlertRefused {
					last[fmt.Sprint(x.Account, x.Signature)] = start.Add(now)
				}
			}
			backlog = slices.DeleteFunc(backlog, func(x Alert) bool { return slices.Contains(a.Alerts, x.ID) })
		}
	}
	return mails, len(backlog)
}

// DESIGN.md section 7: at once, then one per account and signature per hour
// with a count.
func TestRefusedAtOnceThenHourly(t *testing.T) {
	var rows []Alert
	for i := range int64(100) {
		rows = append(rows, alert(i+1, mailbox.AlertRefused, time.Duration(i)*time.Minute))
	}
	other := alert(1000, mailbox.AlertRefused, 30*time.Minute)
	other.Signature = "Other"
	rows = slices.Insert(rows, 31, other)
	mails, open := playAlerts(rows, 150*time.Minute)
	want := []string{
		"0s refused-staff sicherheit@example.org 1", "0s refused p5@example.org 1",
		"30m0s refused-staff sicherheit@example.org 1", "30m0s refused p5@example.org 1",
		"1h0m0s refused-staff sicherheit@example.org 60", "1h0m0s refused p5@example.org 60",
		"2h0m0s refused-staff sicherheit@example.org 39", "2h0m0s refused p5@example.org 39",
	}
	if !slices.Equal(mails, want) || open != 0 {
		t.Fatalf("mails %q, open %d", mails, open)
	}
}

// An uploader without an address: the security address still hears of it.
func TestRefusedWithoutAddress(t *testing.T) {
	a := alert(1, mailbox.AlertRefused, 0)
	a.Uploader = Recipient{Account: 5}
	if mails, open := playAlerts([]Alert{a}, time.Minute); len(mails) != 1 || open != 0 {
		t.Fatalf("mails %q, open %d", mails, open)
	}
}

// A recall tells those who were told, one mail for a cleared folder; a recall
// of which nobody was told yet gives no mail; a retrieved document is reported
// at once.
func TestRecalls(t *testing.T) {
	var rows []Alert
	for i := range int64(20) {
		a := alert(2*i+1, mailbox.AlertRecalled, time.Duration(i)*time.Second)
		a.Told = []Recipient{person(1), person(2)}
		rows = append(rows, a, alert(2*i+2, mailbox.AlertRecalledRead, time.Duration(i)*time.Second))
	}
	unknown := alert(99, mailbox.AlertRecalled, time.Minute)
	unknown.Member = 2
	mails, open := playAlerts(append(rows, unknown), 10*time.Minute)
	count := map[string]int{}
	for _, m := range mails {
		var at, topic, to string
		var n int
		if _, err := fmt.Sscan(m, &at, &topic, &to, &n); err != nil {
			t.Fatal(err)
		}
		count[topic+" "+to] += n
		if topic == "recalled-read" && mails[0] != "0s recalled-read sicherheit@example.org 1" {
			t.Errorf("not at once: %q", mails[0])
		}
	}
	if open != 0 || count["withdrawn p1@example.org"] != 20 || count["withdrawn p2@example.org"] != 20 || count["recalled-read sicherheit@example.org"] != 20 {
		t.Fatalf("%q, open %d", mails, open)
	}
	withdrawn := slices.DeleteFunc(mails, func(m string) bool { return !containsTopic(m, TopicWithdrawn) })
	if len(withdrawn) != 2 {
		t.Fatalf("withdrawn: %q", withdrawn)
	}
}

// A reviewer's return is told to its author, several of them in one mail.
func TestReturned(t *testing.T) {
	a, b := alert(1, mailbox.AlertReturned, 0), alert(2, mailbox.AlertReturned, time.Minute)
	a.Signature = "Unterschrift von Frau Beispiel fehlt"
	mails, open := playAlerts([]Alert{a, b}, 10*time.Minute)
	if want := []string{"3m0s returned p5@example.org 2"}; !slices.Equal(mails, want) || open != 0 {
		t.Fatalf("mails %q, open %d", mails, open)
	}
	for _, x := range decideAlerts(Backlog{Now: start.Add(time.Hour), Alerts: []Alert{a}}, security, usual) {
		for _, m := range x.Mails {
			if m.facts.Signature != "" {
				t.Errorf("the mail holds the reviewer's words: %q", m.facts.Signature)
			}
		}
	}
}

func containsTopic(m string, topic Topic) bool {
	var at, got string
	_, err := fmt.Sscan(m, &at, &got)
	return err == nil && got == string(topic)
}
