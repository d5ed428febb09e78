// SPDX-License-Identifier: Apache-2.0

package notify_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postfach/auth"
	"postfach/mailbox"
	"postfach/mailcatcher"
	"postfach/notify"
)

const (
	newDocuments = ": Kasse: Neue Dokumente in Ihrem Postfach"
	submissions  = ": Kasse: Neue Einreichungen"
	forReview    = ": Kasse: Dokumente warten auf Freigabe"
	noneToTell   = ": Kasse: Niemand konnte benachrichtigt werden"
	withdrawn    = ": Kasse: Dokument zurückgezogen"
	unreachable  = ": Kasse: Benachrichtigung nicht zustellbar"
)

// K6, K9, complaint 31: one mail per person and batch, to the right people, in
// their own language, from the catalog to the socket.
func TestRightPeopleOneMail(t *testing.T) {
	h := newHouse(t, mailcatcher.Options{}, notify.Options{})
	m, other := h.member("0815"), h.member("0816")
	h.account("anna", "", clerk(m))
	h.account("bob", "en", clerk(m), clerk(other))
	h.account("eve", "", clerk(other))
	h.account("late", "", mailbox.Grant{Role: mailbox.Clerk, Member: m.ID, Until: h.clock.now().Add(time.Minute)})
	h.account("soon", "", mailbox.Grant{Role: mailbox.Clerk, Member: m.ID, From: h.clock.now().Add(time.Hour)})
	h.account("gone", "", clerk(m))
	h.change("gone", func(a *auth.Account, _ *auth.Person) { a.Disabled = true })
	h.account("admin", "", mailbox.Grant{Role: mailbox.Administrator, Member: m.ID})
	h.account("sb", "", responsible(m))
	h.account("deputy", "", mailbox.Grant{Role: mailbox.Caseworker, Responsible: true})
	h.account("all", "", mailbox.Grant{Role: mailbox.Caseworker})
	h.account("check", "", mailbox.Grant{Role: mailbox.Reviewer})
	for i := range 10 {
		h.put(m, mailbox.Root, fmt.Sprintf("Liste %d.csv", i), 10)
	}
	h.put(m, mailbox.ToAuthority, "Korrektur.csv", 10)
	h.put(m, mailbox.Outbox, "Entwurf.pdf", 10)
	h.pass(5 * time.Minute)
	h.want("anna@example.org"+newDocuments, "bob@example.org: Kasse: New documents in your mailbox",
		"sb@example.org"+submissions, "deputy@example.org"+submissions, "check@example.org"+forReview)
	h.settled()
	for _, mail := range h.catcher.Mails() {
		if strings.Contains(mail.Text, "Liste") || strings.Contains(mail.Text, ".csv") {
			t.Errorf("a file name in\n%s", mail.Text)
		}
		if !strings.Contains(mail.Text, "https://austausch.example.org/postfach/0815") {
			t.Errorf("no link in\n%s", mail.Text)
		}
	}
}

// A delivery that nobody can be told of goes to staff_address (DESIGN.md 7).
func TestNobodyToTell(t *testing.T) {
	h := newHouse(t, mailcatcher.Options{}, notify.Options{})
	m := h.member("0815")
	h.account("mute", "", clerk(m))
	h.change("mute", func(_ *auth.Account, p *auth.Person) { p.Email = "" })
	h.put(m, mailbox.Root, "a", 1)
	h.put(m, mailbox.ToAuthority, "b", 1)
	h.pass(5 * time.Minute)
	h.want("kasse@example.org"+noneToTell, "kasse@example.org"+submissions)
	h.settled()
}

// Recall before and after the mail; placeholders; replacement in the period.
func TestWhatGivesNoMail(t *testing.T) {
	h := newHouse(t, mailcatcher.Options{}, notify.Options{})
	m := h.member("0815")
	h.account("anna", "", clerk(m))
	h.recall(h.put(m, mailbox.Root, "sofort zurück", 1))
	h.put(m, mailbox.Root, "leer", 0)
	h.put(m, mailbox.Root, "~$Liste.docx", 10)
	h.pass(5 * time.Minute)
	h.want()
	h.settled()
	e := h.put(m, mailbox.Root, "Liste", 0)
	h.pass(30 * time.Second)
	h.replace(m, &e, 10)
	h.pass(30 * time.Second)
	h.replace(m, &e, 11)
	h.pass(5 * time.Minute)
	h.want("anna@example.org" + newDocuments)
	h.settled()
	h.recall(e)
	h.pass(5 * time.Minute)
	h.want("anna@example.org"+newDocuments, "anna@example.org"+withdrawn)
	h.settled()
}

// Recalled while the relay was down: the formed notice never goes out, and
// nobody hears of a withdrawal of what they were not told of.
func TestRecallBeforeTheRelayTookTheMail(t *testing.T) {
	var down atomic.Bool
	h := newHouse(t, mailcatcher.Options{Behave: func(mailcatcher.Event) mailcatcher.Answer {
		return mailcatcher.Answer{Drop: down.Load()}
	}}, notify.Options{})
	m := h.member("0815")
	h.account("anna", "", clerk(m))
	h.account("bob", "", clerk(m))
	e := h.put(m, mailbox.Root, "Liste", 1)
	h.clock.at = h.clock.at.Add(3 * time.Minute)
	h.must(h.worker.Form(h.ctx())) // formed, and not yet claimed by anybody
	h.recall(e)
	h.pass(10 * time.Minute)
	h.want()
	h.settled()
	if got := h.states(); got != "to-member dropped 1, to-member dropped 1" {
		t.Error(got)
	}
}

// An account that is disabled, or a grant that ends, between forming and
// sending: the mail is not sent, and somebody else is told instead.
func TestEntitlementIsAskedAgain(t *testing.T) {
	h := newHouse(t, mailcatcher.Options{}, notify.Options{})
	m := h.member("0815")
	h.account("anna", "", mailbox.Grant{Role: mailbox.Clerk, Member: m.ID, Until: h.clock.now().Add(155 * time.Second)})
	h.account("bob", "", clerk(m))
	h.put(m, mailbox.Root, "Liste", 1)
	h.clock.at = h.clock.at.Add(150 * time.Second)
	h.must(h.worker.Form(h.ctx()))
	h.change("bob", func(a *auth.Account, _ *auth.Person) { a.Disabled = true })
	h.pass(10 * time.Minute)
	h.want("kasse@example.org" + noneToTell)
	h.settled()
}

// 4yz: again later, with growing pauses, and other mails are not held up.
func TestTemporaryRefusal(t *testing.T) {
	h := newHouse(t, mailcatcher.Options{Behave: func(e mailcatcher.Event) mailcatcher.Answer {
		if e.Stage == mailcatcher.StageRcpt && strings.HasPrefix(e.To, "anna@") {
			return mailcatcher.Answer{Code: 450, Text: "greylisted"}
		}
		return mailcatcher.Answer{}
	}}, notify.Options{})
	m := h.member("0815")
	h.account("anna", "", clerk(m))
	h.account("bob", "", clerk(m))
	h.put(m, mailbox.Root, "Liste", 1)
	h.pass(150 * time.Second)
	h.want("bob@example.org" + newDocuments)
	h.pass(14 * time.Minute)
	all, err := h.catalog.Notices(h.ctx(), []notify.State{notify.StateQueued}, 0, 10)
	h.must(err)
	// due at once, and 1, 3 and 7 minutes later
	if len(all) != 1 || all[0].Attempts != 4 || !strings.Contains(all[0].Reply, "greylisted") {
		t.Fatalf("%+v", all)
	}
}

// 5yz: once to the responsible caseworkers, in the list, and after the address
// is put right a retry reaches the person with the same Message-ID.
func TestPermanentRefusal(t *testing.T) {
	h := newHouse(t, mailcatcher.Options{Behave: func(e mailcatcher.Event) mailcatcher.Answer {
		if e.Stage == mailcatcher.StageRcpt && (strings.HasPrefix(e.To, "anna@") || strings.HasPrefix(e.To, "kasse@")) {
			return mailcatcher.Answer{Code: 550, Text: "unknown user " + strings.Repeat("ü", 600)}
		}
		return mailcatcher.Answer{}
	}}, notify.Options{})
	m, other := h.member("0815"), h.member("0816")
	h.account("anna", "", clerk(m), clerk(other))
	h.account("sb", "", responsible(m))
	h.put(m, mailbox.Root, "Liste", 1)
	h.pass(10 * time.Minute)
	h.want("sb@example.org" + unreachable)
	h.settled()
	failed, err := h.catalog.Notices(h.ctx(), []notify.State{notify.StateFailed}, 0, 10)
	h.must(err)
	if len(failed) != 1 || failed[0].Attempts != 1 || len(failed[0].Reply) > notify.MaxReply || !strings.HasPrefix(failed[0].Reply, "550 ") {
		t.Fatalf("%+v", failed)
	}
	h.change("anna", func(_ *auth.Account, p *auth.Person) { p.Email = "anna.neu@example.org" })
	h.must(h.catalog.Retry(h.ctx(), failed[0].ID, mailbox.Record{Operation: mailbox.OpNoticeRetry, Result: "ok"}))
	h.pass(time.Minute)
	h.want("sb@example.org"+unreachable, "anna.neu@example.org"+newDocuments)
	if got := h.catcher.Mails()[1].MessageID; got != failed[0].MessageID {
		t.Errorf("Message-ID %q, want %q", got, failed[0].MessageID)
	}
	if err := h.catalog.Retry(h.ctx(), failed[0].ID, mailbox.Record{Operation: mailbox.OpNoticeRetry, Result: "ok"}); mailbox.KindOf(err) != mailbox.Conflict {
		t.Errorf("retry of a sent notice: %v", err)
	}
	// Nobody is responsible for the other member, and staff_address is refused
	// as well: the report ends there.
	h.change("anna", func(_ *auth.Account, p *auth.Person) { p.Email = "anna@example.org" })
	h.put(other, mailbox.Root, "Liste", 1)
	h.pass(10 * time.Minute)
	h.settled()
	if got := h.states(); got != "to-member sent 2, undeliverable sent 1, to-member failed 1, undeliverable failed 1" {
		t.Error(got)
	}
}

// A report that cannot be delivered makes no further one.
func TestReportOfAReport(t *testing.T) {
	h := newHouse(t, mailcatcher.Options{Behave: func(e mailcatcher.Event) mailcatcher.Answer {
		if e.Stage == mailcatcher.StageRcpt && !strings.HasPrefix(e.To, "kasse@") {
			return mailcatcher.Answer{Code: 550, Text: "no"}
		}
		return mailcatcher.Answer{}
	}}, notify.Options{})
	m := h.member("0815")
	h.account("anna", "", clerk(m))
	h.account("sb", "", responsible(m))
	h.put(m, mailbox.Root, "Liste", 1)
	h.pass(10 * time.Minute)
	h.want()
	h.settled()
	if got := h.states(); got != "to-member failed 1, undeliverable failed 1" {
		t.Error(got)
	}
}

// Three days of 4yz, then for good.
func TestGivesUpAfterThreeDays(t *testing.T) {
	h := newHouse(t, mailcatcher.Options{Behave: func(e mailcatcher.Event) mailcatcher.Answer {
		if e.Stage == mailcatcher.StageRcpt && strings.HasPrefix(e.To, "anna@") {
			return mailcatcher.Answer{Code: 451, Text: "later"}
		}
		return mailcatcher.Answer{}
	}}, notify.Options{})
	m := h.member("0815")
	h.account("anna", "", clerk(m))
	h.put(m, mailbox.Root, "Liste", 1)
	h.pass(3 * time.Minute)
	for range 71 {
		h.clock.at = h.clock.at.Add(time.Hour)
		h.act()
	}
	h.want()
	for range 3 {
		h.clock.at = h.clock.at.Add(time.Hour)
		h.act()
	}
	h.want("kasse@example.org" + unreachable)
	h.settled()
}

// The relay took the mail and its 250 was lost: the same mail comes again and
// is recognisable as the same (I4).
func TestLostReply(t *testing.T) {
	var once sync.Once
	h := newHouse(t, mailcatcher.Options{Behave: func(e mailcatcher.Event) (a mailcatcher.Answer) {
		if e.Stage == mailcatcher.StageData {
			once.Do(func() { a.Drop = true })
		}
		return a
	}}, notify.Options{})
	m := h.member("0815")
	h.account("anna", "", clerk(m))
	h.put(m, mailbox.Root, "Liste", 1)
	h.pass(10 * time.Minute)
	mails := h.catcher.Mails()
	if len(mails) != 2 || mails[0].MessageID == "" || mails[0].MessageID != mails[1].MessageID {
		t.Fatalf("%+v", mails)
	}
	h.settled()
}

// A relay that is away: deliveries are formed all the same, nothing is lost,
// and when it is back everything goes out.
func TestRelayAway(t *testing.T) {
	var down atomic.Bool
	down.Store(true)
	h := newHouse(t, mailcatcher.Options{Behave: func(mailcatcher.Event) mailcatcher.Answer {
		return mailcatcher.Answer{Drop: down.Load()}
	}}, notify.Options{})
	var want []string
	for i := range 20 {
		m := h.member(fmt.Sprintf("%04d", i))
		h.account(fmt.Sprintf("c%d", i), "", clerk(m))
		h.put(m, mailbox.Root, "Liste", 1)
		want = append(want, fmt.Sprintf("c%d@example.org%s", i, newDocuments))
	}
	h.pass(10 * time.Minute)
	h.want()
	if depth, err := h.catalog.Depth(h.ctx()); err != nil || depth.Queued != 20 || depth.Failed != 0 {
		t.Fatalf("%+v, %v", depth, err)
	}
	down.Store(false)
	h.pass(time.Hour + 5*time.Minute)
	h.want(want...)
	h.settled()
}

// A worker that died after claiming: its lease runs out and another one sends.
func TestDiedBetweenClaimAndMail(t *testing.T) {
	h := newHouse(t, mailcatcher.Options{}, notify.Options{})
	m := h.member("0815")
	h.account("anna", "", clerk(m))
	h.put(m, mailbox.Root, "Liste", 1)
	h.clock.at = h.clock.at.Add(3 * time.Minute)
	h.must(h.worker.Form(h.ctx()))
	n, due, err := h.catalog.Claim(h.ctx(), 5*time.Minute)
	if err != nil || !due || n.Attempts != 1 || len(n.Items) != 1 || !n.Items[0].Live || n.Items[0].Number != "0815" {
		t.Fatalf("%+v, %v, %v", n, due, err)
	}
	h.worker = h.newWorker()
	h.pass(4 * time.Minute)
	h.want()
	h.pass(2 * time.Minute)
	h.want("anna@example.org" + newDocuments)
	h.settled()
}

// Alerts through the catalog: refused uploads at once, then counted.
func TestRefusedUpload(t *testing.T) {
	h := newHouse(t, mailcatcher.Options{}, notify.Options{})
	m := h.member("0815")
	anna := h.account("anna", "", clerk(m))
	refuse := func() {
		h.update(m.ID, func(tx mailbox.Tx) error {
			return tx.InsertAlert(mailbox.Alert{Kind: mailbox.AlertRefused, Member: m.ID, Account: anna, Signature: "Eicar-Test", Time: tx.Now()})
		})
	}
	refuse()
	h.pass(10 * time.Second)
	first := []string{"anna@example.org: Kasse: Ihre Datei wurde nicht angenommen", "sicherheit@example.org: Kasse: Hochgeladene Datei abgewiesen"}
	h.want(first...)
	refuse()
	refuse()
	h.pass(50 * time.Minute)
	h.want(first...)
	h.pass(15 * time.Minute)
	h.want(append(first, first...)...)
	if text := h.catcher.Mails()[3].Text; !strings.Contains(text, "2 ") || !strings.Contains(text, "Eicar-Test") || strings.Contains(text, "anna@") {
		t.Error(text)
	}
	h.settled()
}

// Old signatures: once per state of the database, to operators.
func TestOldSignatures(t *testing.T) {
	h := newHouse(t, mailcatcher.Options{}, notify.Options{})
	h.account("op", "", mailbox.Grant{Role: mailbox.Operator})
	for range 3 {
		h.must(h.worker.SignaturesOld(h.ctx(), "27000/Mon Mar 2", 40*time.Hour, 72*time.Hour))
		h.worker = h.newWorker() // a restart does not repeat it
	}
	h.must(h.worker.SignaturesOld(h.ctx(), "27001/Tue Mar 3", 40*time.Hour, 72*time.Hour))
	h.act()
	h.want("op@example.org: Kasse: Virensignaturen veralten", "op@example.org: Kasse: Virensignaturen veralten")
}

// A relay that was away for hours has the mails within seconds of its return:
// they did nothing to be punished for (P68).
func TestRelayReturns(t *testing.T) {
	var down atomic.Bool
	down.Store(true)
	h := newHouse(t, mailcatcher.Options{Behave: func(mailcatcher.Event) mailcatcher.Answer {
		return mailcatcher.Answer{Drop: down.Load()}
	}}, notify.Options{})
	m := h.member("0815")
	h.account("anna", "", clerk(m))
	h.put(m, mailbox.Root, "Liste", 1)
	h.pass(5 * time.Hour)
	h.want()
	down.Store(false)
	h.pass(15 * time.Second)
	h.want("anna@example.org" + newDocuments)
	h.settled()
}
