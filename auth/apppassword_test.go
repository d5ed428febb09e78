// SPDX-License-Identifier: Apache-2.0

package auth_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"postfach/auth"
	"postfach/catalog"
	"postfach/mailbox"
)

func (p *place) app(login, name string) (auth.AppPasswordID, string) {
	p.Helper()
	made, password, err := p.dir.AddAppPassword(p.ctx, by, login, name)
	p.must(err)
	return made.ID, password
}

// Issue 4 item 2: an app password lets a program in without a hash, is revoked
// alone, on every node within 5 s, and goes with its account.
func TestAppPassword(t *testing.T) {
	p := newPlace(t, "0815")
	p.add("anna", "clerk 0815")
	id, one := p.app("anna", "Notebook")
	_, two := p.app("ANNA", "Büro")
	for _, typed := range []string{one, strings.ToLower(one), strings.ReplaceAll(one, "-", "")} {
		p.expect(signedIn, `KASSE\anna`, typed, office)
	}
	p.expect(signedIn, "anna", two, office)
	p.expect(signedIn, "anna", right, office)
	p.add("bert", "clerk 0815")
	p.expect(mailbox.Unauthenticated, "bert", one, office) // another account's

	cli := auth.NewDirectory(p.open()) // another process
	p.must(cli.RevokeAppPassword(p.ctx, by, "anna", id))
	p.wait(time.Second)
	p.expect(mailbox.Unauthenticated, "anna", one, office)
	p.expect(signedIn, "anna", two, office)
	p.refused(cli.RevokeAppPassword(p.ctx, by, "anna", id), mailbox.NotFound, "no valid app password")
	p.refused(cli.RevokeAppPassword(p.ctx, by, "bert", id+1), mailbox.NotFound, "no valid app password")

	p.must(cli.Disable(p.ctx, by, "anna"))
	p.wait(time.Second)
	p.expect(mailbox.Unauthenticated, "anna", two, office)
	_, _, err := cli.AddAppPassword(p.ctx, by, "anna", "Neu")
	p.refused(err, mailbox.Conflict, "disabled")
	p.must(cli.Enable(p.ctx, by, "anna"))
	p.wait(time.Second)
	p.expect(signedIn, "anna", two, office)
	p.close("0815", p.clock())
	p.wait(time.Second)
	p.expect(mailbox.Unauthenticated, "anna", two, office)
}

// A program that goes on with a revoked app password pauses nobody, and a
// neighbour's guesses do not keep a program out that is not remembered.
func TestAppPasswordsAndPauses(t *testing.T) {
	p := newPlace(t, "0815")
	p.add("anna", "clerk 0815")
	var old []string
	for i := range 5 {
		id, password := p.app("anna", fmt.Sprint("Gerät ", i))
		p.must(p.dir.RevokeAppPassword(p.ctx, by, "anna", id))
		old = append(old, password)
	}
	_, valid := p.app("anna", "Notebook")
	for _, password := range slices.Concat(old, old) {
		p.expect(mailbox.Unauthenticated, "anna", password, office)
	}
	p.expect(signedIn, "anna", right, office)
	for i := range 3 {
		p.expect(mailbox.Unauthenticated, "anna", fmt.Sprint("geraten ", i), office)
	}
	p.expect(mailbox.Paused, "anna", "geraten", office)
	p.expect(signedIn, "anna", valid, office)
	// Codes that were never made are guesses like any other.
	for _, wrong := range []string{"ACDE-FGHJ-KLMN-PQRT", "ACDE-FGHJ-KLMN-PQRU", "ACDEF-GHJKL-MNPQR-TUWXY-23456"} {
		p.expect(mailbox.Unauthenticated, "anna", wrong, home)
	}
	p.expect(mailbox.Paused, "anna", right+"!", home)
}

// The own password may be absent or switched off; machines keep their networks.
func TestAppPasswordAlone(t *testing.T) {
	p := newPlace(t, "0815")
	n := newAccount("job", "clerk 0815")
	n.Kind, n.Password, n.Networks = mailbox.MachineAccount, "", []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	p.must(p.dir.AddAccount(p.ctx, by, n))
	_, password := p.app("job", "Cron")
	p.expect(signedIn, "job", password, office)
	p.expect(mailbox.Unauthenticated, "job", password, home)
	p.expect(mailbox.Unauthenticated, "job", right, office)
}

// The number of app passwords is bounded, also of revoked ones that are kept.
func TestAppPasswordsAreBounded(t *testing.T) {
	p := newPlace(t, "0815")
	p.add("anna", "clerk 0815")
	for i := range auth.MaxAppPasswords {
		p.app("anna", fmt.Sprint(i))
	}
	_, _, err := p.dir.AddAppPassword(p.ctx, by, "anna", "einer zu viel")
	p.refused(err, mailbox.Conflict, "30 app passwords")
	for range 40 {
		c, err := p.dir.Show(p.ctx, "anna")
		p.must(err)
		i := slices.IndexFunc(c.Apps, auth.AppPassword.Valid)
		p.must(p.dir.RevokeAppPassword(p.ctx, by, "anna", c.Apps[i].ID))
		p.app("anna", "neu")
	}
	c, err := p.dir.Show(p.ctx, "anna")
	p.must(err)
	if n := len(c.Apps); n > auth.MaxAppPasswords+31 {
		t.Errorf("%d app passwords are kept", n)
	}
	for _, name := range []string{"", " ", strings.Repeat("ü", 51), "a\x00b", "a\u202eb", "\xff"} {
		if _, _, err := p.dir.AddAppPassword(p.ctx, by, "anna", name); err == nil {
			t.Errorf("name %q", name)
		}
	}
}

// The last use is written by Run, not by the requests, and never goes back.
func TestLastUse(t *testing.T) {
	p := newPlace(t, "0815")
	p.add("anna", "clerk 0815")
	_, password := p.app("anna", "Notebook")
	used := func() time.Time {
		c, err := p.dir.Show(p.ctx, "anna")
		p.must(err)
		return c.Apps[0].Used
	}
	for range 50 {
		p.expect(signedIn, "anna", password, office)
		p.wait(time.Second)
	}
	if !used().IsZero() {
		t.Error("a request wrote the last use")
	}
	flush := func(a *auth.Authenticator) {
		ctx, cancel := context.WithCancel(p.ctx)
		cancel()
		a.Run(ctx) // writes what is left and ends
	}
	flush(p.door)
	last := used()
	if age := p.clock().Sub(last); age < 0 || age > time.Minute {
		t.Errorf("last use %v ago", age)
	}
	p.wait(time.Hour)
	p.expect(signedIn, "anna", password, office)
	flush(p.door)
	if !used().After(last) {
		t.Error("the later use is not noted")
	}
	last = used()
	behind := p.authenticator(p.store)
	p.wait(-30 * time.Minute) // another node's clock
	if _, err := ask(behind, "anna", password, office); err != nil {
		t.Fatal(err)
	}
	flush(behind)
	if !used().Equal(last) {
		t.Error("the last use went back")
	}
}

// Programs ask often: by app password a request costs what it costs by the own
// one, and the first of a process needs no hash.
func BenchmarkAppPassword(b *testing.B) {
	s, err := catalog.OpenSQLite(filepath.Join(b.TempDir(), "catalog.db"), catalog.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	d := auth.NewDirectory(s)
	if err := d.AddAccount(b.Context(), by, newAccount("anna", "caseworker all")); err != nil {
		b.Fatal(err)
	}
	_, password, err := d.AddAppPassword(b.Context(), by, "anna", "Notebook")
	if err != nil {
		b.Fatal(err)
	}
	open := func() *auth.Authenticator {
		a, err := auth.New(b.Context(), s, auth.Options{})
		if err != nil {
			b.Fatal(err)
		}
		return a
	}
	r := httptest.NewRequest("PROPFIND", "/dav/", nil)
	r.RemoteAddr = "127.0.0.1:4711"
	r.SetBasicAuth("anna", password)
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			if _, err := open().Authenticate(b.Context(), r); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("further", func(b *testing.B) {
		a := open()
		b.ReportAllocs()
		for b.Loop() {
			if _, err := a.Authenticate(b.Context(), r); err != nil {
				b.Fatal(err)
			}
		}
	})
}
