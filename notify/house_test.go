// SPDX-License-Identifier: Apache-2.0

package notify_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postfach/auth"
	"postfach/catalog"
	"postfach/mailbox"
	"postfach/mailcatcher"
	"postfach/notify"
)

// house is an installation without doors: the real catalog on a clock of ours,
// a real SMTP server, and the worker between them.
type house struct {
	t       *testing.T
	catalog *catalog.SQLite
	catcher *mailcatcher.Catcher
	worker  *notify.Worker
	clock   *clock
	port    int
	path    string // of the catalog
	options notify.Options
}

type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func newHouse(t *testing.T, o mailcatcher.Options, n notify.Options) *house {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, clock: &clock{at: time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)}, port: l.Addr().(*net.TCPAddr).Port}
	o.Keep = 10_000
	h.catcher = mailcatcher.New(o)
	done := make(chan error, 1)
	go func() { done <- h.catcher.Serve(l) }()
	t.Cleanup(func() { h.catcher.Close(); <-done })
	h.path = filepath.Join(t.TempDir(), "catalog.db")
	if h.catalog, err = catalog.OpenSQLite(h.path, catalog.Options{Now: h.clock.now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.catalog.Close() })
	n.Timing = notify.Timing{Quiet: 2 * time.Minute, AtMost: 15 * time.Minute}
	n.Staff, n.Security = "kasse@example.org", "sicherheit@example.org"
	h.options = n
	h.worker = h.newWorker()
	return h
}

// useRealClock is for tests in which other processes use the catalog too.
func (h *house) useRealClock() {
	h.t.Helper()
	h.must(h.catalog.Close())
	var err error
	h.catalog, err = catalog.OpenSQLite(h.path, catalog.Options{})
	h.must(err)
}

// newWorker is also what a restart does: nothing but the catalog is kept.
func (h *house) newWorker() *notify.Worker {
	h.t.Helper()
	composer, err := notify.NewComposer(notify.Letterhead{
		URL: "https://austausch.example.org", From: "Kasse <postfach@kasse.example>",
		Authority: notify.Authority{Name: "Kasse", ServiceContact: "Telefon 0123"},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	sender, err := notify.NewSender(notify.Relay{Host: "localhost", Port: h.port, TLS: notify.TLSNone, Connect: time.Minute})
	if err != nil {
		h.t.Fatal(err)
	}
	h.options.Log = slog.New(slog.NewTextHandler(testWriter{h.t}, nil))
	w, err := notify.New(h.catalog, composer, sender, h.options)
	if err != nil {
		h.t.Fatal(err)
	}
	return w
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

func (h *house) ctx() context.Context {
	ctx, cancel := context.WithTimeout(h.t.Context(), 3*time.Minute)
	h.t.Cleanup(cancel)
	return ctx
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// pass moves the clock in steps of ten seconds; the worker acts at each. A relay
// that fails is no fault here: the tests look at what it leaves behind.
func (h *house) pass(d time.Duration) {
	h.t.Helper()
	for end := h.clock.now().Add(d); h.clock.now().Before(end); {
		h.clock.mu.Lock()
		h.clock.at = h.clock.at.Add(10 * time.Second)
		h.clock.mu.Unlock()
		h.act()
	}
}

func (h *house) act() {
	h.t.Helper()
	h.must(h.worker.Form(h.ctx()))
	if err := h.worker.Send(h.ctx()); err != nil {
		h.t.Log("send:", err)
	}
}

func (h *house) member(number string) mailbox.Member {
	h.t.Helper()
	m := mailbox.Member{Number: number, Name: "Stadt " + number}
	names := mailbox.FolderNames{ToAuthority: "an_KVBbg", CaseworkerInbox: "KVBBG-SB-Posteingang", Outbox: "Postausgang"}
	h.update(0, func(tx mailbox.Tx) error { return tx.InsertMember(&m, names) })
	return m
}

func (h *house) update(m mailbox.MemberID, fn func(mailbox.Tx) error) {
	h.t.Helper()
	h.must(h.catalog.Update(h.ctx(), m, fn))
}

// account makes a person with one account; its address is <login>@example.org.
func (h *house) account(login, language string, grants ...mailbox.Grant) mailbox.AccountID {
	h.t.Helper()
	var id mailbox.AccountID
	h.must(h.catalog.UpdateAccounts(h.ctx(), func(tx auth.Tx) error {
		p, err := tx.PutPerson(auth.Person{Name: "Person " + login, Email: login + "@example.org", Language: language})
		if err != nil {
			return err
		}
		id, err = tx.PutAccount(auth.Account{Login: auth.Login(login), Person: p, Kind: mailbox.PersonAccount, Layout: mailbox.Members, Created: tx.Now()})
		if err != nil {
			return err
		}
		for _, g := range grants {
			g.Account = id
			if _, err := tx.PutGrant(g); err != nil {
				return err
			}
		}
		return nil
	}))
	return id
}

// change edits an account.
func (h *house) change(login string, edit func(*auth.Account, *auth.Person)) {
	h.t.Helper()
	h.must(h.catalog.UpdateAccounts(h.ctx(), func(tx auth.Tx) error {
		a, err := tx.AccountByLogin(auth.Login(login).Key())
		if err != nil {
			return err
		}
		p, err := tx.Person(a.Person)
		if err != nil {
			return err
		}
		edit(&a, &p)
		if _, err := tx.PutPerson(p); err != nil {
			return err
		}
		_, err = tx.PutAccount(a)
		return err
	}))
}

func clerk(m mailbox.Member) mailbox.Grant {
	return mailbox.Grant{Role: mailbox.Clerk, Member: m.ID}
}

func responsible(m mailbox.Member) mailbox.Grant {
	return mailbox.Grant{Role: mailbox.Caseworker, Member: m.ID, Responsible: true}
}

// put makes a file with its delivery, in one transaction as the mailbox does.
func (h *house) put(m mailbox.Member, p mailbox.Place, name string, size int64) mailbox.Entry {
	h.t.Helper()
	e := mailbox.Entry{Member: m.ID, Parent: m.Folders[p], Place: p, Name: name, Side: mailbox.AuthoritySide, Account: 900, Person: 900}
	h.update(m.ID, func(tx mailbox.Tx) error {
		e.Created, e.Modified = tx.Now(), tx.Now()
		e.Version = h.version(tx, m, size)
		if err := tx.InsertEntry(&e); err != nil {
			return err
		}
		return h.announce(tx, &e)
	})
	return e
}

// replace puts a new version with a delivery of its own.
func (h *house) replace(m mailbox.Member, e *mailbox.Entry, size int64) {
	h.t.Helper()
	h.update(m.ID, func(tx mailbox.Tx) error {
		e.Version = h.version(tx, m, size)
		if err := h.announce(tx, e); err != nil {
			return err
		}
		return tx.UpdateEntry(*e)
	})
}

func (h *house) version(tx mailbox.Tx, m mailbox.Member, size int64) mailbox.Version {
	id := mailbox.NewVersionID()
	return mailbox.Version{
		ID: id, Blob: mailbox.BlobKey{Member: m.Number, Folder: "root", Version: id}, Size: size,
		Account: 900, Person: 900, Side: mailbox.AuthoritySide, Time: tx.Now(), Engine: "e", Database: "d",
	}
}

func (h *house) announce(tx mailbox.Tx, e *mailbox.Entry) error {
	e.Version.Entry = e.ID
	if err := tx.InsertVersion(e.Version, nil, time.Time{}); err != nil {
		return err
	}
	d := map[mailbox.Place]mailbox.Direction{
		mailbox.Root: mailbox.ToMember, mailbox.ToAuthority: mailbox.ToTheAuth, mailbox.Outbox: mailbox.ToReviewers,
	}[e.Place]
	return tx.InsertDelivery(mailbox.Delivery{
		Member: e.Member, Entry: e.ID, Version: e.Version.ID, Direction: d, Time: tx.Now(), Account: 900, Person: 900,
	})
}

// recall removes an entry as mailbox.Service does: deliveries withdrawn, and an
// alert when a mail was formed.
func (h *house) recall(e mailbox.Entry) {
	h.t.Helper()
	h.update(e.Member, func(tx mailbox.Tx) error {
		ds, err := tx.Deliveries(e.ID)
		if err != nil {
			return err
		}
		var told bool
		for _, d := range ds {
			formed, err := tx.Told(d.ID)
			if err != nil {
				return err
			}
			told = told || formed
			d.Withdrawn = tx.Now()
			if err := tx.UpdateDelivery(d); err != nil {
				return err
			}
		}
		if told {
			a := mailbox.Alert{Kind: mailbox.AlertRecalled, Member: e.Member, Account: 900, Entry: e.ID, Version: e.Version.ID, Time: tx.Now()}
			if err := tx.InsertAlert(a); err != nil {
				return err
			}
		}
		e.Removed = tx.Now()
		return tx.UpdateEntry(e)
	})
}

// caught lists recipients and subjects in the order of arrival.
func (h *house) caught() []string {
	var out []string
	for _, m := range h.catcher.Mails() {
		out = append(out, m.To[0]+": "+m.Subject)
	}
	return out
}

func (h *house) want(mails ...string) {
	h.t.Helper()
	got := h.caught()
	slices.Sort(got)
	slices.Sort(mails)
	if !slices.Equal(got, mails) {
		h.t.Fatalf("caught\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(mails, "\n  "))
	}
}

// settled checks I4: every delivery is told, withdrawn or superseded, and every
// notice sent, failed or dropped.
func (h *house) settled() {
	h.t.Helper()
	b, err := h.catalog.Backlog(h.ctx(), 1000)
	h.must(err)
	if len(b.Deliveries) != 0 || len(b.Alerts) != 0 {
		h.t.Fatalf("open: %+v %+v", b.Deliveries, b.Alerts)
	}
	depth, err := h.catalog.Depth(h.ctx())
	h.must(err)
	if depth.Queued != 0 {
		h.t.Fatalf("queued: %+v", depth)
	}
}

func (h *house) states() string {
	h.t.Helper()
	all, err := h.catalog.Notices(h.ctx(), nil, 0, 1000)
	h.must(err)
	var out []string
	for _, r := range slices.Backward(all) {
		out = append(out, fmt.Sprintf("%s %s %d", r.Topic, r.State, r.Attempts))
	}
	return strings.Join(out, ", ")
}
