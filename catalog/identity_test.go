// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"path/filepath"
	"testing"
	"time"

	"postfach/mailbox"
)

// An installation keeps what clients know it by; a copy of its catalog, put in
// its place, is another generation of the same data, each time anew (issue 4,
// item 1), and gives no id that the lost part may have given (I6).
func TestIdentityOverRestore(t *testing.T) {
	dir := t.TempDir()
	open := func(name string) *SQLite {
		t.Helper()
		s, err := OpenSQLite(filepath.Join(dir, name), Options{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	identity := func(s *SQLite) Identity {
		t.Helper()
		i, err := s.Identity(t.Context())
		if err != nil || i.Instance == "" || i.Fingerprint == "" {
			t.Fatalf("%+v %v", i, err)
		}
		return i
	}
	add := func(s *SQLite, number string) mailbox.Member {
		t.Helper()
		m := mailbox.Member{Number: number, Name: "Amt"}
		err := s.Update(t.Context(), 0, func(tx mailbox.Tx) error {
			return tx.InsertMember(&m, mailbox.FolderNames{ToAuthority: "a", CaseworkerInbox: "b", Outbox: "c"})
		})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	live := open("live.db")
	first := identity(live)
	add(live, "1")
	if again := identity(live); again != first {
		t.Errorf("%+v became %+v", first, again)
	}
	for _, name := range []string{"copy1.db", "copy2.db"} {
		if err := snapshotTo(t, live, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	lost := add(live, "2")
	if err := live.Close(); err != nil {
		t.Fatal(err)
	}
	live = open("live.db")
	if again := identity(live); again != first {
		t.Errorf("after a restart %+v became %+v", first, again)
	}
	seen := map[string]bool{first.Fingerprint: true}
	for _, name := range []string{"copy1.db", "copy2.db"} {
		s := open(name)
		i := identity(s)
		if i.Instance != first.Instance || seen[i.Fingerprint] {
			t.Errorf("%s: %+v, first %+v", name, i, first)
		}
		seen[i.Fingerprint] = true
		m := add(s, "3")
		if m.ID <= lost.ID || m.Folders[0] <= lost.Folders[3] || int64(m.Folders[0]) < time.Now().Add(-time.Hour).UnixMilli() {
			t.Errorf("%s: member %d with entries from %d", name, m.ID, m.Folders[0])
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(name)
		if again := identity(s); again != i {
			t.Errorf("%s: %+v became %+v", name, i, again)
		}
		if next := add(s, "4"); next.ID != m.ID+1 {
			t.Errorf("%s: revived again: member %d after %d", name, next.ID, m.ID)
		}
		_ = s.Close()
	}
	_ = live.Close()
}
