// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"postfach/auth"
	"postfach/mailbox"
	"postfach/notify"
)

// inhabited is a catalog with something in every table.
func inhabited(t *testing.T, s tables) mailbox.Member {
	t.Helper()
	m, ids, versions := world(t, s)
	const path = "/an_KVBbg/2026/Liste.csv"
	v := versions[path]
	must(t, s.Update(t.Context(), m.ID, func(tx mailbox.Tx) error {
		e, err := tx.Entry(ids[path])
		if err != nil {
			return err
		}
		next := mailbox.Version{ID: mailbox.NewVersionID(), Entry: e.ID, SHA1: []byte{1, 2}, Size: 1 << 40, Person: 6, Time: tx.Now()}
		e.Version, e.Place, e.Replaces = next, mailbox.Outbox, ids["/an_KVBbg/alt/weg.csv"]
		other := e
		other.ID, other.Name, other.Version = 0, "Äußeres \U0001F4E6.csv", mailbox.Version{}
		return errors.Join(
			tx.UpdateEntry(e), tx.InsertVersion(next, []mailbox.PersonID{6, 7}, time.Time{}), tx.InsertEntry(&other),
			tx.LeaveName(e), tx.PutLock(mailbox.Lock{Token: "urn:uuid:1", Member: m.ID, Entry: e.ID, Exclusive: true, Owner: "<x>ß</x>", Expires: tx.Now().Add(time.Hour)}),
			tx.SetProps(e.ID, []mailbox.Prop{{Space: "urn:x", Local: "p", XML: "<p/>"}}, nil),
			tx.InsertDelivery(mailbox.Delivery{Member: m.ID, Entry: e.ID, Version: v, Direction: mailbox.ToTheAuth, Time: tx.Now(), Twin: next.ID}),
			tx.PutFetch(mailbox.Fetch{Version: v, Person: 9, Ranges: [][2]int64{{0, 7}}, Complete: tx.Now()}),
			tx.InsertAlert(mailbox.Alert{Kind: mailbox.AlertRefused, Signature: "Eicar", Time: tx.Now()}),
			tx.Audit(mailbox.Record{Operation: mailbox.OpCreate, Member: m.ID, Entry: e.ID, Version: v, SHA256: [32]byte{7}, Result: "ok", Detail: mailbox.Detail{Path: path}}),
			tx.Audit(mailbox.Record{Operation: mailbox.OpRead, Result: "Gr\xfc\xdfe"}), // latin text of somebody else
		)
	}))
	must(t, s.UpdateAccounts(t.Context(), func(tx auth.Tx) error {
		p, err := tx.PutPerson(auth.Person{Name: "Anna Grün", Email: "anna@example.org", Address: "Weg 1\nOrt"})
		if err != nil {
			return err
		}
		id, err := tx.PutAccount(auth.Account{Person: p, Login: "anna", Kind: "person", Created: tx.Now()})
		if err != nil {
			return err
		}
		_, err = tx.PutGrant(mailbox.Grant{Account: id, Role: mailbox.Clerk, Member: m.ID})
		_, errApp := tx.PutAppPassword(auth.AppPassword{Account: id, Name: "Laptop", Hash: [32]byte{1}, Created: tx.Now()})
		return errors.Join(err, errApp, tx.PutOneTime(id, auth.OneTime{Hash: [32]byte{2}, Issued: tx.Now(), Expires: tx.Now().Add(time.Hour)}),
			tx.PutFlow(auth.Flow{ID: auth.FlowID{3}, Login: "anna", Name: "Laptop", Expires: tx.Now().Add(time.Hour)}),
			tx.PutAttempts(auth.AttemptKey{Subject: auth.Subject{1}}, auth.Attempts{Wrong: []auth.Digest{{1, 2, 3}}, Count: 1, Last: tx.Now()}))
	}))
	must(t, s.Form(t.Context(), notify.Forming{Notices: []notify.NewNotice{{MessageID: "<1@x>", Once: "once", Data: []byte("{}"),
		Recipient: notify.Recipient{Address: "amt@example.org"}, Deliveries: []mailbox.DeliveryID{1}}}}))
	_, err := s.AuthSecret(t.Context())
	must(t, err)
	return m
}

// TestCopy: everything goes from one kind of database to the other and back,
// every table with the same digest, ids go on where they were (I6), and the
// catalog is used as before.
func TestCopy(t *testing.T) {
	start := openTest(t)
	m := inhabited(t, start.tables)
	secret, err := start.AuthSecret(t.Context())
	must(t, err)
	must(t, start.write(t.Context(), nothing, func(tx *tx) error { // an id that was given and is gone
		_, err := tx.exec("UPDATE sqlite_sequence SET seq = seq + 1000 WHERE name IN ('entries', 'audit')")
		return err
	}))
	middle := openPostgres(t)
	must(t, middle.Ready(t.Context())) // a server has looked at it once
	end := openTest(t)
	there, err := Copy(t.Context(), start, middle)
	must(t, err)
	back, err := Copy(t.Context(), middle, end)
	must(t, err)
	if !slices.Equal(there, back) {
		t.Errorf("there\n%x\nand back\n%x", there, back)
	}
	for _, one := range there {
		if one.Rows == 0 {
			t.Errorf("table %s is empty: the test shows nothing of it", one.Table)
		}
	}
	ids := map[tables][2]int64{}
	for _, s := range []tables{start.tables, middle.tables, end.tables} {
		if got, err := s.AuthSecret(t.Context()); err != nil || got != secret {
			t.Errorf("secret: %v", err)
		}
		changeWithRecord(t, s, m)
		must(t, s.Update(t.Context(), m.ID, func(tx mailbox.Tx) error {
			e := mailbox.Entry{Member: m.ID, Parent: m.Folders[mailbox.Root], Folder: true, Name: "neu", Created: tx.Now(), Modified: tx.Now()}
			err := tx.InsertEntry(&e)
			ids[s] = [2]int64{int64(e.ID)}
			return err
		}))
		must(t, s.Inquire(t.Context(), func(q *Inquiry) error {
			last, err := q.LastRecord()
			ids[s] = [2]int64{ids[s][0], last}
			return errors.Join(err, q.Records(RecordQuery{}, func(l Logged) error {
				if !l.Intact {
					t.Errorf("record %d does not fit its digest", l.Sequence)
				}
				return nil
			}))
		}))
	}
	if want := ids[start.tables]; ids[middle.tables] != want || ids[end.tables] != want || want[0] < 1000 {
		t.Errorf("next ids %v", ids)
	}
}

// TestCopyRefuses: a target in use is left as it is, and a copy that breaks off
// leaves nothing.
func TestCopyRefuses(t *testing.T) {
	start := openTest(t)
	inhabited(t, start.tables)
	used := openPostgres(t)
	newMember(t, used.tables, "4711")
	if _, err := Copy(t.Context(), start, used); !errors.Is(err, ErrNotEmpty) || mailbox.KindOf(err) != mailbox.Conflict {
		t.Errorf("used: %v", err)
	}
	secret := openPostgres(t)
	_, err := secret.AuthSecret(t.Context())
	must(t, err)
	if _, err := Copy(t.Context(), start, secret); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("with secret: %v", err)
	}
	target := openAt(t, filepath.Join(t.TempDir(), "target.db"), Options{})
	ctx, leave := context.WithCancel(t.Context())
	leave()
	_, err = Copy(ctx, start, target)
	wantKind(t, err, mailbox.Canceled)
	must(t, target.write(t.Context(), nothing, func(tx *tx) error {
		return tx.later("CREATE TRIGGER broken BEFORE INSERT ON versions BEGIN SELECT RAISE(ABORT, 'disk'); END")
	}))
	if _, err := Copy(t.Context(), start, target); err == nil {
		t.Error("a copy that could not be written succeeded")
	}
	must(t, target.View(t.Context(), func(r mailbox.Reader) error {
		if n, err := r.CountMembers(); err != nil || n != 0 {
			t.Errorf("%d members are left (%v)", n, err)
		}
		return nil
	}))
}

// TestCopyLoss: what does not come back as it was is noticed.
func TestCopyLoss(t *testing.T) {
	start, target := openTest(t), openPostgres(t)
	inhabited(t, start.tables)
	must(t, target.write(t.Context(), nothing, func(tx *tx) error {
		_, err := tx.exec(`CREATE FUNCTION altered() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.name := NEW.name || ' '; RETURN NEW; END $$`)
		if err != nil {
			return err
		}
		_, err = tx.exec("CREATE TRIGGER altered BEFORE INSERT ON members FOR EACH ROW EXECUTE FUNCTION altered()")
		return err
	}))
	if _, err := Copy(t.Context(), start, target); err == nil || mailbox.KindOf(err) != mailbox.Internal {
		t.Errorf("an altered row: %v", err)
	}
}
