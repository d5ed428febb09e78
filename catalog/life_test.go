// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"postfach/auth"
	"postfach/catalog/pgtest"
	"postfach/catalog/sqlite"
	"postfach/mailbox"
	"postfach/notify"
)

// TestRevive: on either engine, whoever says that a catalog came out of a backup
// gets ids behind everything, another fingerprint, held mails and a record; on
// PostgreSQL it takes the owner (I6, L16).
func TestRevive(t *testing.T) {
	revive := func(t *testing.T, s tables) {
		m, _, _ := world(t, s)
		before, err := s.Standing(t.Context())
		must(t, err)
		must(t, s.Revive(t.Context(), mailbox.Detail{System: "nacht"}))
		now, err := s.Standing(t.Context())
		must(t, err)
		if now.Instance != before.Instance || now.Fingerprint == before.Fingerprint || now.Records <= before.Records {
			t.Errorf("%+v became %+v", before, now)
		}
		life, err := s.Life(t.Context())
		if err != nil || life.Held.IsZero() || life.Restored.IsZero() || life.Known.After(life.Restored) {
			t.Errorf("%+v, %v", life, err)
		}
		must(t, s.Revive(t.Context(), mailbox.Detail{})) // a second restore
		if again, err := s.Life(t.Context()); err != nil || !again.Known.Equal(life.Known) || !again.Restored.After(life.Restored) || !again.Held.Equal(life.Held) {
			t.Errorf("%+v became %+v, %v", life, again, err)
		}
		must(t, s.GiveUpLost(t.Context(), mailbox.Record{Operation: "storage-collect-lost", Result: "ok"}))
		if given, err := s.Life(t.Context()); err != nil || !given.Known.IsZero() {
			t.Errorf("%+v, %v", given, err)
		}
		must(t, s.Revive(t.Context(), mailbox.Detail{System: "nacht"}))
		if later, err := s.Life(t.Context()); err != nil || !later.Known.After(life.Known) {
			t.Errorf("what was given up is lost again: %+v, %v", later, err)
		}
		const far = int64(1) << 50
		must(t, s.RaiseIDs(t.Context(), far))
		must(t, s.RaiseIDs(t.Context(), 5)) // never back
		next := mailbox.Member{Number: "4712", Name: "Amt"}
		must(t, s.Update(t.Context(), 0, func(tx mailbox.Tx) error {
			return tx.InsertMember(&next, mailbox.FolderNames{ToAuthority: "a", CaseworkerInbox: "b", Outbox: "c"})
		}))
		if int64(next.ID) <= far || int64(next.Folders[0]) <= far || next.ID <= m.ID {
			t.Errorf("member %d with entries from %d", next.ID, next.Folders[0])
		}
		must(t, s.Inquire(t.Context(), func(q *Inquiry) error {
			found := false
			err := q.Records(RecordQuery{Operations: []mailbox.Operation{mailbox.OpRevive}}, func(l Logged) error {
				found = l.Detail.System == "nacht" && strings.Contains(l.Detail.Text, "goes on after record")
				return nil
			})
			if !found {
				t.Error("no record of it")
			}
			return err
		}))
	}
	t.Run("SQLite", func(t *testing.T) { revive(t, openTest(t).tables) })
	t.Run("PostgreSQL", func(t *testing.T) { revive(t, openPostgres(t).tables) })
	t.Run("a node", func(t *testing.T) {
		s := shared.Get(t)
		database := s.Database(t)
		openNode(t, s.URL(database), Options{})
		role := database + "_node"
		must(t, s.Exec(database, "CREATE ROLE "+role+" LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO "+role+
			"; GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO "+role))
		t.Cleanup(func() { must(t, s.Exec(database, "DROP OWNED BY "+role+"; DROP ROLE "+role)) })
		p := openNode(t, strings.Replace(s.URL(database), pgtest.Owner+"@", role+"@", 1), Options{})
		if err := p.Revive(t.Context(), mailbox.Detail{}); err == nil || !strings.Contains(err.Error(), "takes the owner") {
			t.Errorf("%v", err)
		}
		if life, err := p.Life(t.Context()); err != nil || !life.Held.IsZero() {
			t.Errorf("half of it stands: %+v %v", life, err)
		}
	})
}

// TestHeldNotices: while mails are held nothing is formed or claimed; released,
// what is from before goes out only when somebody says so, and what therefore
// gives no mail is named and recorded (I4). A second restore holds what came
// after the first one no less.
func TestHeldNotices(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) { heldNotices(t, func() tables { return openTest(t).tables }) })
	t.Run("PostgreSQL", func(t *testing.T) { heldNotices(t, func() tables { return openPostgres(t).tables }) })
}

func heldNotices(t *testing.T, open func() tables) {
	for _, again := range []bool{false, true} {
		s := open()
		const list = "/an_KVBbg/2026/Liste.csv"
		m, ids, versions := world(t, s)
		old := notify.NewNotice{MessageID: "alt@x", Topic: notify.TopicSignatures, Recipient: notify.Recipient{Address: "a@example.org"}}
		must(t, s.Form(t.Context(), notify.Forming{Notices: []notify.NewNotice{old}}))
		must(t, s.Update(t.Context(), 0, func(tx mailbox.Tx) error {
			return tx.InsertAlert(mailbox.Alert{Kind: mailbox.AlertRefused, Account: 1, Signature: "Eicar", Time: tx.Now()})
		}))
		deliver := func() {
			t.Helper()
			must(t, s.Update(t.Context(), m.ID, func(tx mailbox.Tx) error {
				return tx.InsertDelivery(mailbox.Delivery{Member: m.ID, Entry: ids[list], Version: versions[list], Direction: mailbox.ToTheAuth, Time: tx.Now()})
			}))
		}
		deliver() // in its quiet period: it has no mail
		backlog := func(alerts, deliveries int) {
			t.Helper()
			if b, err := s.Backlog(t.Context(), 10); err != nil || len(b.Alerts) != alerts || len(b.Deliveries) != deliveries {
				t.Errorf("%d alerts and %d deliveries to tell of, not %d and %d (%v)", len(b.Alerts), len(b.Deliveries), alerts, deliveries, err)
			}
		}
		backlog(1, 1)
		time.Sleep(2 * time.Millisecond) // another moment of the clock
		must(t, s.Revive(t.Context(), mailbox.Detail{}))
		fresh := old
		fresh.MessageID = "neu@x"
		must(t, s.Form(t.Context(), notify.Forming{Notices: []notify.NewNotice{fresh}}))
		deliver()
		time.Sleep(2 * time.Millisecond)
		must(t, s.Revive(t.Context(), mailbox.Detail{}))
		if _, due, err := s.Claim(t.Context(), time.Minute); due || err != nil {
			t.Errorf("a held mail is claimed: %v", err)
		}
		backlog(0, 0)
		waiting, err := s.Untold(t.Context())
		must(t, err)
		named := []string{"to-authority 0815 " + list, "refused  "}
		if got := namesOf(waiting); !slices.Equal(got, named) {
			t.Errorf("%q have no mail, not %q", got, named)
		}
		done, err := s.ReleaseNotices(t.Context(), again, mailbox.By{System: "nacht"})
		want := map[bool]Released{false: {Notices: 1, Untold: waiting, Queued: 1}, true: {Queued: 2}}[again]
		if err != nil || !reflect.DeepEqual(done, want) {
			t.Errorf("%+v, %v, want %+v", done, err, want)
		}
		records := 0
		must(t, s.Inquire(t.Context(), func(q *Inquiry) error {
			return q.Records(RecordQuery{Operations: []mailbox.Operation{mailbox.OpUntold}}, func(l Logged) error {
				if records++; l.Entry != 0 && (l.Entry != ids[list] || l.Detail.Path != list || l.Version != versions[list] || l.Detail.System != "nacht") {
					t.Errorf("%+v", l)
				}
				return nil
			})
		}))
		if records != len(want.Untold) {
			t.Errorf("%d records of what gives no mail, not %d", records, len(want.Untold))
		}
		var got []string
		for {
			n, due, err := s.Claim(t.Context(), time.Minute)
			must(t, err)
			if !due {
				break
			}
			got = append(got, n.MessageID)
		}
		if want := map[bool]string{false: "neu@x", true: "alt@x neu@x"}[again]; strings.Join(got, " ") != want {
			t.Errorf("%q went out, not %q", got, want)
		}
		if again {
			backlog(1, 2)
		} else {
			backlog(0, 1)
		}
		_, err = s.ReleaseNotices(t.Context(), again, mailbox.By{})
		wantKind(t, err, mailbox.Conflict)
	}
}

// namesOf says of each what it is, and where.
func namesOf(all []Untold) (names []string) {
	for _, u := range all {
		names = append(names, u.What+" "+u.Number+" "+u.Path)
	}
	return names
}

// TestClear: only an empty catalog that nobody has open gives way, and nothing
// that may hold changes is thrown away.
func TestClear(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "c.db")
	must(t, Clear(path)) // nothing is there
	s := openAt(t, path, Options{})
	_, err := s.Identity(t.Context()) // as a server that was started once
	must(t, err)
	if err := Clear(path); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("while it is open: %v", err)
	}
	must(t, s.Close())
	must(t, Clear(path))
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("it is still there: %v", err)
	}
	s = openAt(t, path, Options{})
	must(t, s.UpdateAccounts(t.Context(), func(tx auth.Tx) error { _, err := tx.PutPerson(auth.Person{Name: "Anna"}); return err }))
	must(t, s.Close())
	if err := Clear(path); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("with a person in it: %v", err)
	}
	must(t, os.WriteFile(filepath.Join(dir, "d.db-wal"), []byte("x"), 0o600))
	if err := Clear(filepath.Join(dir, "d.db")); err == nil {
		t.Error("a log without its catalog was passed over")
	}
	must(t, os.WriteFile(filepath.Join(dir, "e.db"), []byte("no database at all, but a text of some length"), 0o600))
	if err := Clear(filepath.Join(dir, "e.db")); err == nil {
		t.Error("something else was thrown away")
	}
}

// TestSnapshotWhole: a snapshot that is taken while others write holds one state
// of all tables, passes SQLite's own check, and a damaged catalog is noticed.
func TestSnapshotWhole(t *testing.T) {
	s := openTest(t)
	m, _, _ := world(t, s.tables)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				changeWithRecord(t, s.tables, m)
			}
		}
	}()
	for range 5 {
		path := filepath.Join(t.TempDir(), "c.db")
		must(t, snapshotTo(t, s, path))
		c, err := sqlite.Open(path, sqlite.Options{})
		must(t, err)
		must(t, c.Query("PRAGMA integrity_check", func(r *sqlite.Row) error {
			if r.Text(0) != "ok" {
				t.Error(r.Text(0))
			}
			return nil
		}))
		must(t, c.Query("SELECT (SELECT count(*) FROM audit) - (SELECT count(*) FROM audit_detail)", func(r *sqlite.Row) error {
			if r.Int(0) != 0 {
				t.Errorf("%d records without their detail", r.Int(0))
			}
			return nil
		}))
		must(t, c.Close())
	}
	close(stop)
	<-done
	must(t, s.Check(t.Context()))
	path := filepath.Join(t.TempDir(), "damaged.db")
	must(t, snapshotTo(t, s, path))
	b, err := os.ReadFile(path)
	must(t, err)
	for i := 3 * 4096; i+200 < len(b); i += 4096 { // the heads of many pages
		copy(b[i:], make([]byte, 120))
	}
	must(t, os.WriteFile(path, b, 0o600))
	if c, err := OpenSQLite(path, Options{}); err == nil {
		if err := c.Check(t.Context()); err == nil {
			t.Error("nobody notices the damage")
		}
		_ = c.Close()
	}
}
