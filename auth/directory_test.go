// SPDX-License-Identifier: Apache-2.0

package auth_test

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"postfach/auth"
	"postfach/mailbox"
)

// records gives the audit log as "operation role name text", oldest first.
func (p *place) records() []string {
	p.Helper()
	db, err := sql.Open("sqlite", "file:"+p.path)
	p.must(err)
	defer db.Close()
	rows, err := db.Query(`SELECT a.operation, a.role, d.detail FROM audit a JOIN audit_detail d USING (sequence) ORDER BY sequence`)
	p.must(err)
	defer rows.Close()
	var out []string
	for rows.Next() {
		var op, role, raw string
		var d mailbox.Detail
		p.must(rows.Scan(&op, &role, &raw))
		p.must(json.Unmarshal([]byte(raw), &d))
		if strings.HasPrefix(op, "member") {
			continue
		}
		if op != "sign-in-paused" && (d.System != "root" || d.Order != "Brief 17") {
			p.Errorf("%s does not say who ordered it: %s", op, raw)
		}
		out = append(out, strings.TrimSpace(op+" "+role+" "+d.Name+" "+d.Text))
	}
	p.must(rows.Err())
	return out
}

// shown is an account in one line.
func (p *place) shown(login string) string {
	p.Helper()
	c, err := p.dir.Show(p.ctx, login)
	p.must(err)
	s := fmt.Sprintf("%s person=%d %q <%s> %s %s disabled=%t", c.Account.Login, c.Person.ID, c.Person.Name, c.Person.Email,
		c.Account.Kind, c.Account.Layout, c.Account.Disabled)
	for _, g := range c.Grants {
		s += fmt.Sprintf(" [%s %q responsible=%t ended=%t]", g.Role, g.Number, g.Responsible, !g.Until.IsZero())
	}
	return s
}

func (p *place) refused(err error, kind mailbox.Kind, word string) {
	p.Helper()
	r, ok := errors.AsType[*auth.Refusal](err)
	if !ok || r.Kind != kind || !strings.Contains(r.Error(), word) {
		p.Errorf("%v, want kind %d with %q", err, kind, word)
	}
}

// The rules for new accounts, and the layout that follows from the grants.
func TestAddAccount(t *testing.T) {
	p := newPlace(t, "0815", "0816")
	p.add("anna", "clerk 0815")
	p.add("bert", "caseworker all")
	p.add("carla", "clerk 0815", "clerk 0816")
	p.add("dora", "caseworker 0815", "reviewer all")
	p.add("emil")
	for login, want := range map[string]string{
		"anna":  `person=1 "anna Beispiel" <anna@example.org> person direct disabled=false [clerk "0815" responsible=true ended=false]`,
		"bert":  `person=2 "bert Beispiel" <bert@example.org> person members disabled=false [caseworker "" responsible=false ended=false]`,
		"carla": `person=3 "carla Beispiel" <carla@example.org> person members disabled=false [clerk "0815" responsible=true ended=false] [clerk "0816" responsible=true ended=false]`,
		"dora":  `person=4 "dora Beispiel" <dora@example.org> person members disabled=false [caseworker "0815" responsible=true ended=false] [reviewer "" responsible=false ended=false]`,
		"emil":  `person=5 "emil Beispiel" <emil@example.org> person members disabled=false`,
	} {
		if got := p.shown(login); got != login+" "+want {
			t.Errorf("%s", got)
		}
	}

	p.close("0816", p.clock())
	for word, n := range map[string]func() auth.NewAccount{
		"exists already":   func() auth.NewAccount { return newAccount("ANNA") },
		"no login":         func() auth.NewAccount { return newAccount("an na") },
		"no member":        func() auth.NewAccount { return newAccount("x", "clerk 9999") },
		"closed":           func() auth.NewAccount { return newAccount("x", "clerk 0816") },
		"needs one member": func() auth.NewAccount { return newAccount("x", "datacentre all") },
		"so many words":    func() auth.NewAccount { return newAccount("x", "caseworker") },
		"whole":            func() auth.NewAccount { return newAccount("x", "auditor 0815") },
		"no role":          func() auth.NewAccount { return newAccount("x", "chef all") },
		"at once":          func() auth.NewAccount { return newAccount("x", "clerk 0815", "caseworker all") },
		"at least 12":      func() auth.NewAccount { n := newAccount("x"); n.Password = "elf Zeichen"; return n },
		"no e-mail":        func() auth.NewAccount { n := newAccount("x"); n.Person.Email = "x"; return n },
		"no name":          func() auth.NewAccount { n := newAccount("x"); n.Person.Name = " "; return n },
		"no language":      func() auth.NewAccount { n := newAccount("x"); n.Person.Language = "fr"; return n },
		"responsible":      func() auth.NewAccount { n := newAccount("x"); n.Kind, n.Person.Email = "machine", ""; return n },
		"no kind":          func() auth.NewAccount { n := newAccount("x"); n.Kind = "robot"; return n },
		"no layout":        func() auth.NewAccount { n := newAccount("x"); n.Layout = "tree"; return n },
		"directly":         func() auth.NewAccount { n := newAccount("x", "caseworker all"); n.Layout = "direct"; return n },
		"machine accounts": func() auth.NewAccount { n := newAccount("x"); n.ReleaseDirect = true; return n },
		"role caseworker":  func() auth.NewAccount { n := newAccount("x"); n.Kind, n.ReleaseDirect = "machine", true; return n },
		"ends before": func() auth.NewAccount {
			n := newAccount("x", "clerk 0815")
			n.Grants[0].From, n.Grants[0].Until = p.now, p.now
			return n
		},
		"several persons": func() auth.NewAccount {
			n := newAccount("x", "reviewer all")
			n.Person.Email = "BERT@example.org"
			return n
		},
	} {
		err := p.dir.AddAccount(p.ctx, by, n())
		if r, ok := errors.AsType[*auth.Refusal](err); !ok || !strings.Contains(r.Error(), word) {
			t.Errorf("%v, want %q", err, word)
		}
	}
	if _, err := p.dir.Show(p.ctx, "x"); err == nil {
		t.Error("a refused account is there")
	}
}

// D15: accounts with the same name and address belong to one person; clerks of
// an office may share an address under different names.
func TestPersons(t *testing.T) {
	p := newPlace(t, "0815")
	p.add("anna", "caseworker all")
	second := newAccount("anna2", "reviewer all")
	second.Person = auth.PersonSpec{Name: "ANNA  beispiel", Email: "Anna@Example.org"}
	p.must(p.dir.AddAccount(p.ctx, by, second))
	if a, b := p.shown("anna"), p.shown("anna2"); !strings.Contains(a, "person=1 ") || !strings.Contains(b, "person=1 ") {
		t.Errorf("%s\n%s", a, b)
	}
	for i, name := range []string{"Bert Beispiel", "Carla Beispiel"} {
		n := newAccount(fmt.Sprint("clerk", i), "clerk 0815")
		n.Person = auth.PersonSpec{Name: name, Email: "personal@example.org"}
		p.must(p.dir.AddAccount(p.ctx, by, n))
	}
	if a, b := p.shown("clerk0"), p.shown("clerk1"); !strings.Contains(a, "person=2 ") || !strings.Contains(b, "person=3 ") {
		t.Errorf("%s\n%s", a, b)
	}
	p.must(p.dir.SetAccount(p.ctx, by, "anna2", auth.Change{Name: new("Anna Muster")}))
	if s := p.shown("anna"); !strings.Contains(s, `"Anna Muster"`) {
		t.Errorf("the person has two names: %s", s)
	}
}

// Orders about grants, what they refuse, and that nothing happens twice.
func TestGrantAndRevoke(t *testing.T) {
	p := newPlace(t, "0815", "0816")
	p.add("anna", "clerk 0815")
	p.add("bert")
	grant := func(login, role, member string) error {
		return p.dir.Grant(p.ctx, by, login, auth.GrantSpec{Role: mailbox.Role(role), Member: member})
	}
	p.refused(grant("anna", "clerk", "0816"), mailbox.Conflict, "directly")
	p.refused(grant("anna", "auditor", ""), mailbox.Conflict, "at once")
	p.refused(grant("niemand", "clerk", "0815"), mailbox.NotFound, "no account")
	p.must(p.dir.SetAccount(p.ctx, by, "anna", auth.Change{Layout: new(mailbox.Members)}))
	p.must(grant("anna", "clerk", "0816"))
	p.refused(p.dir.SetAccount(p.ctx, by, "anna", auth.Change{Layout: new(mailbox.Direct)}), mailbox.Conflict, "directly")
	p.refused(p.dir.Revoke(p.ctx, by, "anna", mailbox.Clerk, "all"), mailbox.NotFound, "no such grant")
	p.must(p.dir.Revoke(p.ctx, by, "anna", mailbox.Clerk, "0815"))
	p.refused(p.dir.Revoke(p.ctx, by, "anna", mailbox.Clerk, "0815"), mailbox.NotFound, "no such grant")
	p.must(grant("bert", "caseworker", "all"))
	p.must(p.dir.Revoke(p.ctx, by, "bert", mailbox.Caseworker, ""))
	p.wait(time.Second)
	p.must(grant("bert", "caseworker", "all"))
	if a, err := p.ask("anna", right, office); err != nil || len(a.Grants) != 1 || a.Grants[0].Number != "0816" {
		t.Errorf("anna: %v, %v", a.Grants, err)
	}
	if s := p.shown("bert"); strings.Count(s, "ended=true") != 1 || strings.Count(s, "ended=false") != 1 {
		t.Error(s)
	}

	before := len(p.records())
	p.must(grant("bert", "caseworker", "all"))
	p.must(p.dir.Enable(p.ctx, by, "bert"))
	p.must(p.dir.SetAccount(p.ctx, by, "bert", auth.Change{Email: new("bert@example.org")}))
	if n, err := p.dir.Unlock(p.ctx, by, "bert"); err != nil || n != 0 {
		t.Errorf("unlocked %d, %v", n, err)
	}
	if after := p.records(); len(after) != before {
		t.Errorf("orders that change nothing left records: %v", after[before:])
	}
}

// A20, I3: each change is recorded with what was before and after.
func TestOrdersAreAudited(t *testing.T) {
	p := newPlace(t, "0815")
	p.add("anna", "clerk 0815")
	p.must(p.dir.Disable(p.ctx, by, "anna"))
	p.must(p.dir.Enable(p.ctx, by, "anna"))
	p.must(p.dir.SetPassword(p.ctx, by, "anna", "das neue Kennwort"))
	p.must(p.dir.SetAccount(p.ctx, by, "anna", auth.Change{Email: new("neu@example.org"), Layout: new(mailbox.Members)}))
	p.must(p.dir.Grant(p.ctx, by, "anna", auth.GrantSpec{Role: mailbox.Clerk, Member: "0815", Responsible: new(false)}))
	p.must(p.dir.Revoke(p.ctx, by, "anna", mailbox.Clerk, "0815"))
	for i := range 3 {
		p.expect(mailbox.Unauthenticated, "anna", fmt.Sprint("geraten", i), office)
	}
	_, err := p.dir.Unlock(p.ctx, by, "anna")
	p.must(err)
	want := []string{
		"person-add  anna Beispiel person 1",
		"account-add  anna account 1, kind=person layout=direct",
		"grant clerk anna → [role=clerk member=0815 from=- until=- responsible=true]",
		"disable  anna", "enable  anna", "password  anna",
		`person-set  anna Beispiel email: "anna@example.org" → "neu@example.org"`,
		"account-set  anna layout: direct → members",
		"grant clerk anna [role=clerk member=0815 from=- until=- responsible=true] → [role=clerk member=0815 from=- until=- responsible=false]",
		"revoke clerk anna [role=clerk member=0815 from=- until=- responsible=false] → [role=clerk member=0815 from=- until=2",
		"sign-in-paused  anna wrong passwords: 3; network: 192.0.2.0/24; pause: 1m0s",
		"unlock-login  anna networks: 1",
	}
	got := p.records()
	for i, w := range want {
		if i >= len(got) || !strings.HasPrefix(got[i], w) {
			t.Fatalf("record %d: want %q\n%s", i, w, strings.Join(got, "\n"))
		}
	}
	if len(got) != len(want) {
		t.Errorf("more records: %v", got[len(want):])
	}
}

func TestMachineAccounts(t *testing.T) {
	p := newPlace(t, "0815")
	p.add("anna", "caseworker all")
	n := newAccount("job", "caseworker all")
	n.Person = auth.PersonSpec{Name: "anna Beispiel", Email: "anna@example.org"}
	n.Kind, n.ReleaseDirect = mailbox.MachineAccount, true
	p.must(p.dir.AddAccount(p.ctx, by, n))
	a, err := p.ask("job", right, office)
	p.must(err)
	if a.Kind != mailbox.MachineAccount || !a.ReleaseDirect || a.Person != 1 {
		t.Errorf("%+v", a)
	}
	networks := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	p.must(p.dir.SetAccount(p.ctx, by, "job", auth.Change{Networks: &networks, ReleaseDirect: new(false)}))
	p.wait(time.Second)
	p.expect(mailbox.Unauthenticated, "job", right, home)
	if a, err = p.ask("job", right, office); err != nil || a.ReleaseDirect {
		t.Errorf("%+v, %v", a, err)
	}
	p.refused(p.dir.SetAccount(p.ctx, by, "anna", auth.Change{Networks: &networks}), mailbox.Invalid, "machine accounts")
	p.refused(p.dir.SetAccount(p.ctx, by, "job", auth.Change{Email: new("")}), mailbox.Invalid, "responsible")
}
