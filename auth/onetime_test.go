// SPDX-License-Identifier: Apache-2.0

package auth_test

import (
	"strings"
	"testing"
	"time"

	"postfach/auth"
	"postfach/mailbox"
)

// waiting makes accounts without a password, with an address.
func (p *place) waiting(logins ...string) {
	p.Helper()
	for _, l := range logins {
		n := newAccount(l, "clerk 0815")
		n.Password, n.Person.Address = "", "Weg 1\n14467 Potsdam"
		p.must(p.dir.AddAccount(p.ctx, by, n))
	}
}

// Letters are planned before they are valid, sorted, and issued all or none.
func TestLetters(t *testing.T) {
	p := newPlace(t, "0815")
	p.waiting("carla", "Änne", "bert")
	berlin, err := time.LoadLocation("Europe/Berlin")
	p.must(err)
	plan, err := p.dir.PlanLetters(p.ctx, []string{"carla", "ÄNNE", "bert", "carla"}, 30, berlin)
	p.must(err)
	var order []string
	for _, l := range plan {
		order = append(order, string(l.Account.Login))
		if l.Members[0].Number != "0815" || l.Expires.In(berlin).Format("15:04") != "00:00" || l.Expires.Sub(p.clock()) < 30*24*time.Hour {
			t.Errorf("%+v", l)
		}
	}
	if strings.Join(order, " ") != "bert carla Änne" {
		t.Errorf("order %q", order)
	}
	p.expect(mailbox.Unauthenticated, "bert", plan[0].Password, office) // not yet valid: a wrong password
	p.must(p.dir.SetAccount(p.ctx, by, "Änne", auth.Change{Address: new("Weg 2")}))
	p.refused(p.dir.IssueLetters(p.ctx, by, plan), mailbox.Conflict, "changed")
	for _, l := range plan {
		if c, err := p.dir.Show(p.ctx, string(l.Account.Login)); err != nil || !c.OneTime.IsZero() {
			t.Errorf("%s: a letter of a plan that failed, %v", l.Account.Login, err)
		}
	}
}

// Who can have no letter is named, before anything happens.
func TestLettersRefused(t *testing.T) {
	p := newPlace(t, "0815")
	p.waiting("anna")
	p.add("bert", "clerk 0815") // no address
	p.add("dora", "clerk 0815")
	for _, tc := range []struct {
		logins []string
		days   int
		kind   mailbox.Kind
		word   string
	}{
		{[]string{"anna", "niemand"}, 30, mailbox.NotFound, "niemand"},
		{[]string{"anna", "bert", "dora"}, 30, mailbox.Conflict, "bert, dora"},
		{[]string{"anna"}, 0, mailbox.Invalid, "1 to 90"},
		{[]string{"anna"}, 91, mailbox.Invalid, "1 to 90"},
		{make([]string, auth.MaxLetters+1), 30, mailbox.Invalid, "5000"},
	} {
		_, err := p.dir.PlanLetters(p.ctx, tc.logins, tc.days, time.UTC)
		p.refused(err, tc.kind, tc.word)
	}
	p.must(p.dir.Disable(p.ctx, by, "anna"))
	_, err := p.dir.PlanLetters(p.ctx, []string{"anna"}, 30, time.UTC)
	p.refused(err, mailbox.Conflict, "disabled")
}

// A postal address is what fits into the window of an envelope.
func TestAddress(t *testing.T) {
	for in, want := range map[string]string{
		"": "", " | \r\n": "", "Weg 1|14467 Potsdam": "Weg 1\n14467 Potsdam", " A\u0308hrenweg   1\r\n\r\n14467 Potsdam ": "Ährenweg 1\n14467 Potsdam",
		"1|2|3|4|5": "1\n2\n3\n4\n5",
	} {
		if got, err := auth.ParseAddress(in); err != nil || got != want {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	for _, bad := range []string{"1|2|3|4|5|6", strings.Repeat("ü", 61), "a\tb\x07", "a\u202eb", "\xff"} {
		if got, err := auth.ParseAddress(bad); err == nil {
			t.Errorf("%q: %q", bad, got)
		}
	}
	rows, faults, err := auth.ReadAccounts(strings.NewReader("Anmeldename;Person;Anschrift\nanna;Anna;\"Weg 1\n14467 Potsdam\"\n"), time.UTC)
	if err != nil || len(faults) > 0 || rows[0].Account.Person.Address != "Weg 1\n14467 Potsdam" {
		t.Errorf("%+v %v %v", rows, faults, err)
	}
}
