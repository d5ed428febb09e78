// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"postfach/auth"
	"postfach/catalog/catalogtest"
	"postfach/mailbox"
	"postfach/notify"
)

// world is a mailbox with folders, files in them and one removed folder.
func world(t *testing.T, s tables) (m mailbox.Member, ids map[string]mailbox.EntryID, versions map[string]mailbox.VersionID) {
	t.Helper()
	m = mailbox.Member{Number: "0815", Name: "Stadt Musterhausen"}
	must(t, s.Update(t.Context(), 0, func(tx mailbox.Tx) error { return tx.InsertMember(&m, catalogtest.Names) }))
	ids, versions = map[string]mailbox.EntryID{}, map[string]mailbox.VersionID{}
	add := func(path string, parent mailbox.EntryID, folder, removed bool) {
		must(t, s.Update(t.Context(), m.ID, func(tx mailbox.Tx) error {
			e := mailbox.Entry{Member: m.ID, Parent: parent, Place: mailbox.ToAuthority, Folder: folder, Name: filepath.Base(path), Created: tx.Now(), Modified: tx.Now()}
			if removed {
				e.Removed = tx.Now()
			}
			if err := tx.InsertEntry(&e); err != nil || folder {
				ids[path] = e.ID
				return err
			}
			ids[path] = e.ID
			id := mailbox.NewVersionID()
			versions[path] = id
			e.Version = mailbox.Version{ID: id, Entry: e.ID, Size: 7, SHA256: [32]byte{7}, Person: 5, Blob: mailbox.BlobKey{Member: "0815", Folder: "an_KVBbg", Version: id}}
			if err := tx.InsertVersion(e.Version, nil, time.Time{}); err != nil {
				return err
			}
			return tx.UpdateEntry(e)
		}))
	}
	add("/an_KVBbg/2026", m.Folders[mailbox.ToAuthority], true, false)
	add("/an_KVBbg/2026/Liste.csv", ids["/an_KVBbg/2026"], false, false)
	add("/an_KVBbg/alt", m.Folders[mailbox.ToAuthority], true, true)
	add("/an_KVBbg/alt/Liste.csv", ids["/an_KVBbg/alt"], false, false)
	add("/an_KVBbg/alt/weg.csv", ids["/an_KVBbg/alt"], false, true)
	return m, ids, versions
}

func TestInquireEntries(t *testing.T) { forBoth(t, Options{}, inquireEntries) }

func inquireEntries(t *testing.T, s tables) {
	m, ids, versions := world(t, s)
	must(t, s.Inquire(t.Context(), func(q *Inquiry) error {
		gone, err := q.Removed(m.ID)
		if err != nil || len(gone) != 2 || gone[0].ID != ids["/an_KVBbg/alt/weg.csv"] || gone[1].ID != ids["/an_KVBbg/alt"] {
			t.Errorf("%v, %v", gone, err)
		}
		for _, member := range []mailbox.MemberID{0, m.ID, 99} {
			entries, all := 0, 0
			must(t, q.EachEntry(member, func(e mailbox.Entry) error { entries++; return nil }))
			must(t, q.EachVersion(member, func(v mailbox.Version) error { all++; return nil }))
			if member == 99 && entries+all > 0 || member != 99 && (entries != 9 || all != len(versions)) {
				t.Errorf("member %d: %d entries, %d versions", member, entries, all)
			}
		}
		return nil
	}))
}

func TestInquireDeliveries(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	forBoth(t, Options{Now: func() time.Time { return now }}, func(t *testing.T, s tables) { inquireDeliveries(t, s, now) })
}

func inquireDeliveries(t *testing.T, s tables, now time.Time) {
	m, ids, versions := world(t, s)
	other := mailbox.Member{Number: "0816"}
	must(t, s.Update(t.Context(), 0, func(tx mailbox.Tx) error { return tx.InsertMember(&other, catalogtest.Names) }))
	const path = "/an_KVBbg/2026/Liste.csv"
	day := 24 * time.Hour
	for i, d := range []mailbox.Delivery{ // ids 1 to 5
		{Member: m.ID, Time: now.Add(-10 * day)},
		{Member: m.ID, Time: now.Add(-9 * day), Fetched: now},
		{Member: m.ID, Time: now.Add(-9 * day), Withdrawn: now},
		{Member: other.ID, Time: now.Add(-2 * day)},
		{Member: m.ID, Time: now},
	} {
		d.Entry, d.Version, d.Direction = ids[path], versions[path], mailbox.ToTheAuth
		must(t, s.Update(t.Context(), m.ID, func(tx mailbox.Tx) error { return tx.InsertDelivery(d) }))
		must(t, s.Form(t.Context(), notify.Forming{Notices: []notify.NewNotice{{
			MessageID: fmt.Sprint(i), Recipient: notify.Recipient{Address: "amt@example.org"}, Deliveries: openOnly(d, mailbox.DeliveryID(i+1)),
		}}}))
	}
	n, _, err := s.Claim(t.Context(), time.Hour)
	must(t, err)
	must(t, s.Failed(t.Context(), n.ID, notify.Failure{Reply: "550 nein", Permanent: true}))
	for _, tc := range []struct {
		name string
		q    DeliveryQuery
		want []mailbox.DeliveryID
	}{
		{"all", DeliveryQuery{}, []mailbox.DeliveryID{5, 4, 3, 2, 1}},
		{"member", DeliveryQuery{Member: other.ID}, []mailbox.DeliveryID{4}},
		{"entry", DeliveryQuery{Entry: 1}, nil},
		{"unfetched", DeliveryQuery{Unfetched: true}, []mailbox.DeliveryID{5, 4, 1}},
		{"unfetched for long", DeliveryQuery{Unfetched: true, Before: now.Add(-3 * day), Member: m.ID}, []mailbox.DeliveryID{1}},
		{"mail failed", DeliveryQuery{MailFailed: true}, []mailbox.DeliveryID{1}},
	} {
		var list []mailbox.DeliveryID
		must(t, s.Inquire(t.Context(), func(q *Inquiry) error {
			return q.Facts(tc.q, func(d DeliveryFacts) error {
				list = append(list, d.ID)
				if d.Size != 7 || d.SHA256[0] != 7 || d.Number == "" || d.ID == 1 && (d.Failed != 1 || d.Waiting != 0 || d.Reply != "550 nein") {
					t.Errorf("%+v", d)
				}
				return nil
			})
		}))
		if !slices.Equal(list, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, list, tc.want)
		}
	}
}

func openOnly(d mailbox.Delivery, id mailbox.DeliveryID) []mailbox.DeliveryID {
	if !d.Withdrawn.IsZero() {
		return nil
	}
	return []mailbox.DeliveryID{id}
}

func TestInquireAudit(t *testing.T) { forBoth(t, Options{}, inquireAudit) }

func inquireAudit(t *testing.T, s tables) {
	m, ids, _ := world(t, s)
	var account auth.Account
	must(t, s.UpdateAccounts(t.Context(), func(tx auth.Tx) (err error) {
		if account.Person, err = tx.PutPerson(auth.Person{Name: "Anna Grün"}); err != nil {
			return err
		}
		account.Login = "anna"
		account.ID, err = tx.PutAccount(account)
		return err
	}))
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	first := mailbox.Record{
		Operation: mailbox.OpCreate, Person: account.Person, Account: account.ID, Role: mailbox.Clerk, Member: m.ID, Time: at,
		Entry: ids["/an_KVBbg/alt"], Version: mailbox.VersionID{1}, SHA256: [32]byte{0xab}, Place: mailbox.ToAuthority,
		Result: "ok", RequestID: "abc", Detail: mailbox.Detail{Path: "/an_KVBbg/alt", Door: "dav", Size: 7},
	}
	for _, r := range []mailbox.Record{ // sequences 1 to 6
		first,
		{Operation: mailbox.OpRename, Member: m.ID, Time: at.Add(time.Hour), Detail: mailbox.Detail{Path: "/an_KVBbg/alt/x", Target: "/y"}},
		{Operation: mailbox.OpRead, Account: account.ID, Time: at.Add(-time.Hour), Detail: mailbox.Detail{Path: "/an_KVBbg/alter"}}, // the clock was set back
		{Operation: mailbox.OpRead, Person: account.Person, Time: at.Add(2 * time.Hour), Detail: mailbox.Detail{Path: "/y", Target: "/an_KVBbg/alt"}},
		{Operation: mailbox.OpStrangers, Time: at.Add(3 * time.Hour), Detail: mailbox.Detail{Count: 7}},
		{Operation: mailbox.OpRead, Member: m.ID, Time: at.Add(4 * time.Hour)},
	} {
		must(t, s.Append(t.Context(), r))
	}
	for _, tc := range []struct {
		name string
		q    RecordQuery
		want []int64
	}{
		{"all", RecordQuery{}, []int64{1, 2, 3, 4, 5, 6}},
		{"after, limited", RecordQuery{After: 2, Limit: 2}, []int64{3, 4}},
		{"up to", RecordQuery{To: 2}, []int64{1, 2}},
		{"newest", RecordQuery{Newest: true, Limit: 2}, []int64{6, 5}},
		{"member", RecordQuery{Member: m.ID}, []int64{1, 2, 6}},
		{"account", RecordQuery{Account: account.ID}, []int64{1, 3}},
		{"person", RecordQuery{Person: account.Person}, []int64{1, 4}},
		{"entry", RecordQuery{Entry: ids["/an_KVBbg/alt"]}, []int64{1}},
		{"operations", RecordQuery{Operations: []mailbox.Operation{mailbox.OpRead, mailbox.OpRename}, Member: m.ID}, []int64{2, 6}},
		{"since", RecordQuery{From: at.Add(time.Hour)}, []int64{2, 4, 5, 6}},
		{"until", RecordQuery{Until: at}, []int64{3}},
		{"period", RecordQuery{From: at, Until: at.Add(2 * time.Hour)}, []int64{1, 2}},
		{"period and bounds", RecordQuery{From: at, After: 1, To: 5}, []int64{2, 4, 5}},
		{"empty period", RecordQuery{From: at.Add(24 * time.Hour)}, nil},
	} {
		var got []int64
		must(t, s.Inquire(t.Context(), func(q *Inquiry) error {
			return q.Records(tc.q, func(l Logged) error {
				if got = append(got, l.Sequence); !l.Intact || l.Erased {
					t.Errorf("%+v", l)
				}
				return nil
			})
		}))
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
	stop := errors.New("stop")
	err := s.Inquire(t.Context(), func(q *Inquiry) error {
		if last, err := q.LastRecord(); err != nil || last != 6 {
			t.Errorf("last %d, %v", last, err)
		}
		return q.Records(RecordQuery{}, func(l Logged) error {
			got := l.Record
			got.Sequence = 0
			if got != first || l.PersonName != "Anna Grün" || l.Login != "anna" || l.Number != "0815" {
				t.Errorf("%+v", l)
			}
			return stop
		})
	})
	if !errors.Is(err, stop) {
		t.Errorf("want the error of fn, got %v", err)
	}
}

// TestSnapshot: the copy is a catalog with everything in it.
func TestSnapshot(t *testing.T) {
	s := openTest(t)
	m, _, _ := world(t, s.tables)
	path := filepath.Join(t.TempDir(), "copy.db")
	must(t, snapshotTo(t, s, path))
	c := openAt(t, path, Options{})
	must(t, c.View(t.Context(), func(r mailbox.Reader) error {
		if got, err := r.MemberByNumber("0815"); err != nil || got != m {
			t.Errorf("%+v, %v", got, err)
		}
		return nil
	}))
}
