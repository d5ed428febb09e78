// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"postfach/auth"
	"postfach/catalog/catalogtest"
	"postfach/mailbox"
	"postfach/notify"
)

// world is a mailbox with folders, files in them and one removed folder.
func world(t *testing.T, s *SQLite) (m mailbox.Member, ids map[string]mailbox.EntryID, versions map[string]mailbox.VersionID) {
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

func TestListEntries(t *testing.T) {
	s := openTest(t)
	m, ids, _ := world(t, s)
	for removed, want := range map[bool][]string{
		false: {"/KVBBG-SB-Posteingang", "/Postausgang", "/an_KVBbg", "/an_KVBbg/2026", "/an_KVBbg/2026/Liste.csv"},
		true:  {"/an_KVBbg/alt", "/an_KVBbg/alt/weg.csv"},
	} {
		var got []string
		must(t, s.ListEntries(t.Context(), EntryFilter{Member: m.ID, Removed: removed}, func(e ListedEntry) error {
			if got = append(got, e.Path); e.Gone != removed || e.Folder != e.Version.ID.IsZero() {
				t.Errorf("%+v", e)
			}
			return nil
		}))
		if !slices.Equal(got, want) {
			t.Errorf("removed %v: %v, want %v", removed, got, want)
		}
	}
	for path, id := range ids {
		e, err := s.FindEntry(t.Context(), id)
		if err != nil || e.Path != path || e.Gone != strings.Contains(path, "alt") {
			t.Errorf("%s: %+v, %v", path, e, err)
		}
	}
	if e, err := s.FindEntry(t.Context(), m.Folders[mailbox.Root]); err != nil || e.Path != "/" {
		t.Errorf("root: %s, %v", e.Path, err)
	}
	_, err := s.FindEntry(t.Context(), 999)
	wantKind(t, err, mailbox.NotFound)
	if page, err := s.ListMembers(t.Context(), "", 10); err != nil || len(page) != 1 || page[0] != m {
		t.Errorf("%+v, %v", page, err)
	}
	if page, err := s.ListMembers(t.Context(), "0815", 10); err != nil || len(page) != 0 {
		t.Errorf("%+v, %v", page, err)
	}
}

func TestListDeliveries(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	s := openAt(t, filepath.Join(t.TempDir(), "c.db"), Options{Now: func() time.Time { return now }})
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
		f    DeliveryFilter
		want []mailbox.DeliveryID
	}{
		{"all", DeliveryFilter{}, []mailbox.DeliveryID{5, 4, 3, 2, 1}},
		{"page", DeliveryFilter{Before: 4, Limit: 2}, []mailbox.DeliveryID{3, 2}},
		{"member", DeliveryFilter{Member: other.ID}, []mailbox.DeliveryID{4}},
		{"entry", DeliveryFilter{Entry: 1}, nil},
		{"new", DeliveryFilter{New: true}, []mailbox.DeliveryID{5, 4, 1}},
		{"unfetched", DeliveryFilter{UnfetchedFor: 2 * day}, []mailbox.DeliveryID{4, 1}},
		{"unfetched of a member", DeliveryFilter{UnfetchedFor: 3 * day, Member: m.ID}, []mailbox.DeliveryID{1}},
		{"mail failed", DeliveryFilter{MailFailed: true}, []mailbox.DeliveryID{1}},
	} {
		got, err := s.ListDeliveries(t.Context(), tc.f)
		must(t, err)
		var list []mailbox.DeliveryID
		for _, d := range got {
			list = append(list, d.ID)
			if d.Path != path || d.Size != 7 || d.SHA256[0] != 7 || d.Number == "" {
				t.Errorf("%+v", d)
			}
			if want := (Mail{Notice: 1, State: notify.StateFailed, Address: "amt@example.org", At: now, Reply: "550 nein"}); d.ID == 1 && !slices.Equal(d.Mails, []Mail{want}) {
				t.Errorf("mails %+v", d.Mails)
			}
		}
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

func TestListAudit(t *testing.T) {
	s := openTest(t)
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
	for _, r := range []mailbox.Record{ // sequences 1 to 6
		{Operation: mailbox.OpCreate, Person: account.Person, Account: account.ID, Role: mailbox.Clerk, Member: m.ID, Time: at, Entry: ids["/an_KVBbg/alt"],
			Version: mailbox.VersionID{1}, SHA256: [32]byte{0xab}, Place: mailbox.ToAuthority, Result: "ok", Detail: mailbox.Detail{Path: "/an_KVBbg/alt"}},
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
		f    AuditFilter
		want []int64
	}{
		{"all", AuditFilter{}, []int64{1, 2, 3, 4, 5, 6}},
		{"after, limited", AuditFilter{After: 2, Limit: 2}, []int64{3, 4}},
		{"member", AuditFilter{Member: m.ID}, []int64{1, 2, 6}},
		{"account", AuditFilter{Account: account.ID}, []int64{1, 3}},
		{"person", AuditFilter{Person: account.Person}, []int64{1, 4}},
		{"entry", AuditFilter{Entry: ids["/an_KVBbg/alt"]}, []int64{1}},
		{"path and below", AuditFilter{Path: "/an_KVBbg/alt"}, []int64{1, 2, 4}},
		{"operation", AuditFilter{Operation: mailbox.OpRead, Member: m.ID}, []int64{6}},
		{"since", AuditFilter{Since: at.Add(time.Hour)}, []int64{2, 4, 5, 6}},
		{"until", AuditFilter{Until: at}, []int64{3}},
		{"period", AuditFilter{Since: at, Until: at.Add(2 * time.Hour)}, []int64{1, 2}},
		{"empty period", AuditFilter{Since: at.Add(24 * time.Hour)}, nil},
	} {
		var got []int64
		must(t, s.ListAudit(t.Context(), tc.f, func(a AuditRecord) error {
			if got = append(got, a.Sequence); !a.Intact || a.Erased {
				t.Errorf("%+v", a)
			}
			return nil
		}))
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
	stop := errors.New("stop")
	err := s.ListAudit(t.Context(), AuditFilter{}, func(a AuditRecord) error {
		line, err := json.Marshal(a)
		must(t, err)
		var got map[string]any
		must(t, json.Unmarshal(line, &got))
		delete(got, "digest")
		want := map[string]any{
			"sequence": 1.0, "time": "2026-11-21T12:00:00Z", "person_id": float64(account.Person), "person": "Anna Grün",
			"account_id": float64(account.ID), "account": "anna", "role": "clerk", "member_id": float64(m.ID), "member": "0815",
			"member_name": "Stadt Musterhausen", "operation": "create", "place": "to-authority", "entry_id": float64(a.Entry),
			"version_id": "01000000-0000-0000-0000-000000000000", "sha256": "ab" + strings.Repeat("00", 31), "result": "ok",
			"detail": map[string]any{"path": "/an_KVBbg/alt"},
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %v\nwant %v", got, want)
		}
		return stop
	})
	if !errors.Is(err, stop) {
		t.Errorf("want the error of each, got %v", err)
	}
}

// TestListAuditPages: an export longer than a page is complete and in order.
func TestListAuditPages(t *testing.T) {
	s := openTest(t)
	const n = 2*auditPage + 1
	must(t, s.Append(t.Context(), slices.Repeat([]mailbox.Record{{Operation: mailbox.OpRead}}, n)...))
	last := int64(0)
	must(t, s.ListAudit(t.Context(), AuditFilter{}, func(a AuditRecord) error {
		if a.Sequence != last+1 {
			t.Fatalf("%d after %d", a.Sequence, last)
		}
		last = a.Sequence
		return nil
	}))
	if last != n {
		t.Errorf("ended at %d", last)
	}
}

// TestListBlobs: every blob once, also when copies share it.
func TestListBlobs(t *testing.T) {
	s := openTest(t)
	m, ids, versions := world(t, s)
	v := mailbox.Version{ID: mailbox.NewVersionID(), Entry: ids["/an_KVBbg/2026/Liste.csv"], Blob: mailbox.BlobKey{Member: "0815", Folder: "an_KVBbg", Version: versions["/an_KVBbg/alt/Liste.csv"]}}
	must(t, s.Update(t.Context(), m.ID, func(tx mailbox.Tx) error { return tx.InsertVersion(v, nil, time.Time{}) }))
	got := map[string]int{}
	must(t, s.ListBlobs(t.Context(), func(b NamedBlob) error {
		if got[b.Key.String()]++; b.Size != 7 || b.SHA256[0] != 7 || b.Version != b.Key.Version {
			t.Errorf("%+v", b)
		}
		return nil
	}))
	want := map[string]int{}
	for _, id := range versions {
		want["0815/an_KVBbg/"+id.String()] = 1
		if named, err := s.BlobNamed(t.Context(), id); err != nil || !named {
			t.Errorf("%s: %v, %v", id, named, err)
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	if named, err := s.BlobNamed(t.Context(), mailbox.NewVersionID()); err != nil || named {
		t.Errorf("a stranger's blob: %v, %v", named, err)
	}
}

// TestBackup: the copy is a catalog with everything in it, readable by us only.
func TestBackup(t *testing.T) {
	s := openTest(t)
	m, _, _ := world(t, s)
	path := filepath.Join(t.TempDir(), "copy.db")
	must(t, s.Backup(t.Context(), path))
	if i, err := os.Stat(path); err != nil || i.Mode() != 0o600 {
		t.Errorf("%v, %v", i, err)
	}
	if err := s.Backup(t.Context(), path); !errors.Is(err, os.ErrExist) {
		t.Errorf("onto an existing file: %v", err)
	}
	c := openAt(t, path, Options{})
	must(t, c.View(t.Context(), func(r mailbox.Reader) error {
		if got, err := r.MemberByNumber("0815"); err != nil || got != m {
			t.Errorf("%+v, %v", got, err)
		}
		return nil
	}))
}
