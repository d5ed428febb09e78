// SPDX-License-Identifier: Apache-2.0

package auth_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"postfach/auth"
	"postfach/catalog"
	"postfach/mailbox"
)

// place is an installation with one member per number and a clock that the
// test turns; every part but the clock is real.
type place struct {
	*testing.T
	ctx   context.Context
	path  string
	store *catalog.SQLite
	dir   *auth.Directory
	door  *auth.Authenticator
	log   bytes.Buffer

	mu        sync.Mutex
	now       time.Time
	strangers map[string]int
}

func (p *place) Stranger(a netip.Addr, _ mailbox.Kind) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.strangers[a.String()]++
}

func (p *place) clock() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

func (p *place) wait(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = p.now.Add(d)
}

var folders = mailbox.FolderNames{ToAuthority: "an_KVBbg", CaseworkerInbox: "KVBBG-SB-Posteingang", Outbox: "Postausgang"}

func newPlace(t *testing.T, members ...string) *place {
	t.Helper()
	p := &place{T: t, ctx: t.Context(), path: filepath.Join(t.TempDir(), "catalog.db"), now: time.Now(), strangers: map[string]int{}}
	p.store = p.open()
	p.dir = auth.NewDirectory(p.store)
	p.addMembers(members...)
	p.door = p.authenticator(p.store)
	return p
}

// open gives one more handle on the catalog, as another process has it.
func (p *place) open() *catalog.SQLite {
	p.Helper()
	s, err := catalog.OpenSQLite(p.path, catalog.Options{Now: p.clock})
	p.must(err)
	p.Cleanup(func() { s.Close() })
	return s
}

func (p *place) authenticator(s auth.Store) *auth.Authenticator {
	p.Helper()
	a, err := auth.New(p.ctx, s, auth.Options{
		Strangers: p, Now: p.clock, Log: slog.New(slog.NewJSONHandler(&p.log, nil)),
		Secure:  func(r *http.Request) bool { return r.Header.Get("X-Plain") == "" },
		Address: func(r *http.Request) netip.Addr { return netip.MustParseAddrPort(r.RemoteAddr).Addr() },
	})
	p.must(err)
	return a
}

func (p *place) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

func (p *place) addMembers(numbers ...string) {
	p.Helper()
	for _, n := range numbers {
		p.must(p.store.Update(p.ctx, 0, func(tx mailbox.Tx) error {
			return tx.InsertMember(&mailbox.Member{Number: n, Name: "Stadt " + n}, folders)
		}))
	}
}

func (p *place) close(number string, on time.Time) {
	p.Helper()
	p.must(p.store.Update(p.ctx, 0, func(tx mailbox.Tx) error {
		m, err := tx.MemberByNumber(number)
		if err != nil {
			return err
		}
		m.ClosedOn = on
		return tx.UpdateMember(m)
	}))
}

const (
	right  = "ein langes Kennwort"
	office = "192.0.2.10"
	home   = "198.51.100.20"
)

var by = auth.By{System: "root", Order: "Brief 17"}

// add makes an account with the password right and the grants "role member".
func (p *place) add(login string, grants ...string) {
	p.Helper()
	p.must(p.dir.AddAccount(p.ctx, by, newAccount(login, grants...)))
}

func newAccount(login string, grants ...string) auth.NewAccount {
	n := auth.NewAccount{Login: login, Password: right, Person: auth.PersonSpec{Name: login + " Beispiel", Email: login + "@example.org"}}
	for _, g := range grants {
		role, member, _ := strings.Cut(g, " ")
		n.Grants = append(n.Grants, auth.GrantSpec{Role: mailbox.Role(role), Member: member})
	}
	return n
}

// ask signs in as a request would.
func (p *place) ask(login, password, from string) (mailbox.Actor, error) {
	return ask(p.door, login, password, from)
}

func ask(a *auth.Authenticator, login, password, from string) (mailbox.Actor, error) {
	r := httptest.NewRequest("PROPFIND", "/dav/", nil)
	r.RemoteAddr = netip.AddrPortFrom(netip.MustParseAddr(from), 4711).String()
	r.SetBasicAuth(login, password)
	r.Header.Set("User-Agent", "Test/1.0")
	return a.Authenticate(r.Context(), r)
}

// kind is the outcome of a sign-in; the zero kind is success.
func (p *place) kind(login, password, from string) mailbox.Kind {
	p.Helper()
	_, err := p.ask(login, password, from)
	if err != nil && mailbox.KindOf(err) == mailbox.Internal {
		p.Fatal(err)
	}
	return mailbox.KindOf(err)
}

const signedIn = mailbox.Internal // the kind of nil

func (p *place) expect(want mailbox.Kind, login, password, from string) {
	p.Helper()
	if got := p.kind(login, password, from); got != want {
		p.Errorf("%s with %q from %s: kind %d, want %d", login, password, from, got, want)
	}
}
