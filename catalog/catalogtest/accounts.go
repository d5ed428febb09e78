// SPDX-License-Identifier: Apache-2.0

package catalogtest

import (
	"fmt"
	"net/netip"
	"reflect"
	"sync"
	"testing"
	"time"

	"postfach/auth"
	"postfach/mailbox"
	"postfach/notify"
)

// Whole is everything that a catalog is at once.
type Whole interface {
	mailbox.Catalog
	auth.Store
	notify.Store
	notify.Desk
}

// OpenWhole gives a fresh, empty catalog on the given clock.
type OpenWhole func(t *testing.T, now func() time.Time) Whole

// clock is a clock that the test moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

type wholeCase struct {
	name string
	run  func(*testing.T, Whole, *clock)
}

func runWhole(t *testing.T, open OpenWhole, cases []wholeCase) {
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			c := &clock{at: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
			tc.run(t, open(t, c.now), c)
		})
	}
}

// RunAccounts runs the suite of auth.Store.
func RunAccounts(t *testing.T, open OpenWhole) {
	runWhole(t, open, []wholeCase{
		{"an account is stored whole", wholeAccount},
		{"a login is given once", loginOnce},
		{"persons by address", personsByEmail},
		{"accounts are paged, all or a member's", listAccounts},
		{"the epoch moves with what sign-ins depend on", epoch},
		{"the secret is made once", secretOnce},
		{"failed sign-ins", attempts},
		{"a change of accounts is kept or undone as a whole (I3)", accountsUndone},
	})
}

func updateAccounts(t *testing.T, c Whole, fn func(auth.Tx) error) {
	t.Helper()
	if err := c.UpdateAccounts(ctx(t), fn); err != nil {
		t.Fatal(err)
	}
}

// addAccount makes a person with an account and one grant (member 0: all).
func addAccount(t *testing.T, c Whole, login string, role mailbox.Role, m mailbox.MemberID, responsible bool) (a auth.Account) {
	t.Helper()
	updateAccounts(t, c, func(tx auth.Tx) (err error) {
		p := auth.Person{Name: "Frau " + login, Email: login + "@example.org", Language: "de"}
		a = auth.Account{Login: auth.Login(login), Kind: mailbox.PersonAccount, Layout: mailbox.Direct, Created: tx.Now()}
		if a.Person, err = tx.PutPerson(p); err != nil {
			return err
		}
		if a.ID, err = tx.PutAccount(a); err != nil {
			return err
		}
		_, err = tx.PutGrant(mailbox.Grant{Account: a.ID, Role: role, Member: m, Responsible: responsible})
		return err
	})
	return a
}

func wholeAccount(t *testing.T, c Whole, k *clock) {
	m := addMember(t, c, "0815")
	m.ClosedOn = k.now().Add(time.Hour)
	update(t, c, m.ID, func(tx mailbox.Tx) error { return tx.UpdateMember(m) })
	p := auth.Person{Name: "Jörg Groß", Email: "Joerg@Example.org", Language: "en"}
	a := auth.Account{
		Login: "Jörg", Kind: mailbox.MachineAccount, Layout: mailbox.Members, Password: "$argon2id$x", Former: "$argon2id$y",
		PasswordChanged: k.now(), Disabled: true, Created: k.now().Add(-time.Hour), ReleaseDirect: true,
		Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")},
	}
	g := mailbox.Grant{Role: mailbox.Clerk, Member: m.ID, From: k.now(), Until: k.now().Add(time.Minute), Responsible: true}
	all := mailbox.Grant{Role: mailbox.Datacentre}
	store := func() {
		updateAccounts(t, c, func(tx auth.Tx) (err error) {
			if p.ID, err = tx.PutPerson(p); err != nil {
				return err
			}
			a.Person = p.ID
			if a.ID, err = tx.PutAccount(a); err != nil {
				return err
			}
			g.Account, all.Account = a.ID, a.ID
			if g.ID, err = tx.PutGrant(g); err != nil {
				return err
			}
			all.ID, err = tx.PutGrant(all)
			return err
		})
	}
	check := func() {
		t.Helper()
		got, err := c.Credentials(ctx(t), a.Login.Key())
		numbered := g
		numbered.Number = "0815"
		want := auth.Credentials{Account: a, Person: p, Grants: []auth.Held{{Grant: numbered, ClosedOn: m.ClosedOn}, {Grant: all}}}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v\nwant %+v", got, err, want)
		}
		updateAccounts(t, c, func(tx auth.Tx) error {
			if got, err := tx.AccountByLogin(a.Login.Key()); err != nil || !reflect.DeepEqual(got, a) {
				t.Errorf("account %+v, %v", got, err)
			}
			if got, err := tx.Person(p.ID); err != nil || got != p {
				t.Errorf("person %+v, %v", got, err)
			}
			if got, err := tx.Grants(a.ID); err != nil || !reflect.DeepEqual(got, []mailbox.Grant{numbered, all}) {
				t.Errorf("grants %+v, %v", got, err)
			}
			if got, err := tx.MemberByNumber("0815"); err != nil || got.ID != m.ID {
				t.Errorf("member %+v, %v", got, err)
			}
			return nil
		})
	}
	store()
	check()
	p.Name, p.Email, p.Language = "Jörg Klein", "", ""
	a.Login, a.Kind, a.Layout, a.Password, a.Former, a.PasswordChanged = "joerg", mailbox.PersonAccount, mailbox.Direct, "", "", time.Time{}
	a.Disabled, a.Networks, a.ReleaseDirect = false, nil, false
	g.Role, g.From, g.Until, g.Responsible = mailbox.Administrator, time.Time{}, time.Time{}, false
	store()
	check()
	_, err := c.Credentials(ctx(t), "jörg")
	wantKind(t, err, mailbox.NotFound)
	updateAccounts(t, c, func(tx auth.Tx) error {
		_, err := tx.Person(99)
		wantKind(t, err, mailbox.NotFound)
		_, err = tx.AccountByLogin("jörg")
		wantKind(t, err, mailbox.NotFound)
		return nil
	})
}

func loginOnce(t *testing.T, c Whole, _ *clock) {
	a := addAccount(t, c, "anna", mailbox.Clerk, 0, false)
	other := auth.Account{Login: "ANNA", Person: a.Person}
	put := func(x auth.Account) error {
		return c.UpdateAccounts(ctx(t), func(tx auth.Tx) error { _, err := tx.PutAccount(x); return err })
	}
	wantKind(t, put(other), mailbox.Exists)
	renamed := a
	renamed.Login = "anna.neu"
	if err := put(renamed); err != nil {
		t.Fatal(err)
	}
	wantKind(t, put(other), mailbox.Exists) // hers for ever
	if err := put(a); err != nil {
		t.Errorf("back to her own former login: %v", err)
	}
}

func personsByEmail(t *testing.T, c Whole, _ *clock) {
	updateAccounts(t, c, func(tx auth.Tx) error {
		for _, p := range []auth.Person{{Name: "A", Email: "Amt@Example.org"}, {Name: "B", Email: "amt@example.ORG"}, {Name: "C"}} {
			if _, err := tx.PutPerson(p); err != nil {
				return err
			}
		}
		for key, want := range map[string]int{auth.EmailKey("AMT@example.org"): 2, "": 0, "nobody@example.org": 0} {
			if got, err := tx.PersonsByEmail(key); err != nil || len(got) != want {
				t.Errorf("%q: %+v, %v", key, got, err)
			}
		}
		return nil
	})
}

func listAccounts(t *testing.T, c Whole, _ *clock) {
	m := addMember(t, c, "0815")
	for i := range 7 {
		addAccount(t, c, fmt.Sprintf("k%d", i), mailbox.Clerk, []mailbox.MemberID{0, m.ID}[i%2], false)
	}
	page := func(m mailbox.MemberID, after string, limit int) (logins []string) {
		all, err := c.ListAccounts(ctx(t), m, after, limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range all {
			if len(a.Grants) != 1 || a.Grants[0].Account != a.Account.ID || a.Person.ID != a.Account.Person {
				t.Errorf("%+v", a)
			}
			logins = append(logins, string(a.Account.Login))
		}
		return logins
	}
	same(t, "first", page(0, "", 3), []string{"k0", "k1", "k2"})
	same(t, "next", page(0, "k2", 9), []string{"k3", "k4", "k5", "k6"})
	same(t, "of a member", page(m.ID, "k1", 9), []string{"k3", "k5"})
}

func epoch(t *testing.T, c Whole, _ *clock) {
	last := int64(-1)
	moved := func(what string, want bool) {
		t.Helper()
		now, err := c.AuthEpoch(ctx(t))
		if err != nil || now > last != want || now < last {
			t.Errorf("%s: from %d to %d, %v", what, last, now, err)
		}
		last = now
	}
	moved("start", true)
	m := addMember(t, c, "0815")
	last, _ = c.AuthEpoch(ctx(t))
	a := addAccount(t, c, "anna", mailbox.Clerk, m.ID, false)
	moved("a new account", true)
	put := func(what string, fn func(auth.Tx) error) {
		t.Helper()
		updateAccounts(t, c, fn)
		moved(what, true)
	}
	put("person", func(tx auth.Tx) error { _, err := tx.PutPerson(auth.Person{ID: a.Person}); return err })
	put("account", func(tx auth.Tx) error { _, err := tx.PutAccount(a); return err })
	put("grant", func(tx auth.Tx) error { _, err := tx.PutGrant(mailbox.Grant{ID: 1, Account: a.ID}); return err })
	m.ClosedOn = time.Now()
	update(t, c, m.ID, func(tx mailbox.Tx) error { return tx.UpdateMember(m) })
	moved("closing day", true)
	updateAccounts(t, c, func(tx auth.Tx) error {
		return tx.PutAttempts(auth.AttemptKey{}, auth.Attempts{Count: 1, Last: tx.Now()})
	})
	moved("attempts", false)
	if err := c.UpdateAccounts(ctx(t), func(tx auth.Tx) error { tx.PutAccount(a); return errUndo }); err == nil {
		t.Error("not undone")
	}
	moved("an undone change", false)
}

func secretOnce(t *testing.T, c Whole, _ *clock) {
	var mu sync.Mutex
	seen := map[[32]byte]bool{}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			s, err := c.AuthSecret(ctx(t))
			mu.Lock()
			defer mu.Unlock()
			if seen[s] = true; err != nil || s == [32]byte{} {
				t.Errorf("secret %v, %v", s, err)
			}
		})
	}
	if all.Wait(); len(seen) != 1 {
		t.Errorf("%d secrets", len(seen))
	}
}

func attempts(t *testing.T, c Whole, k *clock) {
	key := auth.AttemptKey{Subject: auth.Subject{1}, Network: netip.MustParsePrefix("192.0.2.0/24")}
	other := auth.AttemptKey{Subject: auth.Subject{1}, Network: netip.MustParsePrefix("2001:db8::/56")}
	stranger := auth.AttemptKey{Subject: auth.Subject{2}, Network: key.Network}
	check := func(key auth.AttemptKey, want auth.Attempts) {
		t.Helper()
		if got, err := c.Attempts(ctx(t), key); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
	put := func(key auth.AttemptKey, a auth.Attempts) {
		t.Helper()
		updateAccounts(t, c, func(tx auth.Tx) error {
			if err := tx.PutAttempts(key, a); err != nil {
				return err
			}
			if got, err := tx.Attempts(key); err != nil || !reflect.DeepEqual(got, a) {
				t.Errorf("inside: %+v, %v", got, err)
			}
			return nil
		})
	}
	check(key, auth.Attempts{})
	a := auth.Attempts{Wrong: []auth.Digest{{1, 2, 3}, {0, 0, 0}}, Count: 2, Paused: k.now().Add(time.Minute), Last: k.now()}
	put(key, auth.Attempts{Wrong: a.Wrong[:1], Count: 1, Last: k.now()})
	put(key, a)
	put(other, auth.Attempts{Count: 1, Last: k.now()})
	put(stranger, a)
	check(key, a)
	put(key, auth.Attempts{})
	check(key, auth.Attempts{})
	put(key, a)
	updateAccounts(t, c, func(tx auth.Tx) error {
		if n, err := tx.ClearAttempts(key.Subject); err != nil || n != 2 {
			t.Errorf("cleared %d, %v", n, err)
		}
		return nil
	})
	check(other, auth.Attempts{})
	k.pass(auth.AttemptsKept - time.Microsecond)
	check(stranger, a)
	k.pass(time.Microsecond)
	check(stranger, auth.Attempts{})
}

func accountsUndone(t *testing.T, c Whole, _ *clock) {
	err := c.UpdateAccounts(ctx(t), func(tx auth.Tx) error {
		id, err := tx.PutPerson(auth.Person{Name: "x"})
		if err != nil {
			return err
		}
		if _, err := tx.PutAccount(auth.Account{Login: "x", Person: id}); err != nil {
			return err
		}
		if err := tx.Audit(record(mailbox.OpAccountAdd)); err != nil {
			return err
		}
		return errUndo
	})
	if err == nil {
		t.Fatal("no error")
	}
	_, err = c.Credentials(ctx(t), "x")
	wantKind(t, err, mailbox.NotFound)
}
