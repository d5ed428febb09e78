// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"postfach/auth"
	"postfach/catalog/catalogtest"
	"postfach/catalog/sqlite"
	"postfach/mailbox"
)

// openTest opens a fresh catalog on the real clock.
func openTest(t testing.TB) *SQLite {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "catalog.db"), Options{})
}

func openAt(t testing.TB, path string, o Options) *SQLite {
	t.Helper()
	s, err := OpenSQLite(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func openWhole(t *testing.T, now func() time.Time) catalogtest.Whole {
	return openAt(t, filepath.Join(t.TempDir(), "catalog.db"), Options{Now: now})
}

func TestMailboxSuite(t *testing.T) {
	catalogtest.Run(t, func(t *testing.T) mailbox.Catalog {
		at := time.Now() // standing still, so that what ends now has ended
		return openWhole(t, func() time.Time { return at })
	})
}

func TestAccountsSuite(t *testing.T) { catalogtest.RunAccounts(t, openWhole) }

func TestNoticesSuite(t *testing.T) { catalogtest.RunNotices(t, openWhole) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantKind(t *testing.T, err error, k mailbox.Kind) {
	t.Helper()
	if err == nil || mailbox.KindOf(err) != k {
		t.Errorf("want an error of kind %d, got %v", k, err)
	}
}

// TestFileModes: nobody else reads the catalog, its log or its index.
func TestFileModes(t *testing.T) {
	s := openTest(t)
	must(t, s.beat(context.Background()))
	files, err := filepath.Glob(s.path + "*")
	if must(t, err); len(files) != 4 { // the catalog, its log, its index, the reserve
		t.Errorf("files %v", files)
	}
	for _, f := range files {
		if i, err := os.Stat(f); err != nil || i.Mode() != 0o600 {
			t.Errorf("%s: %v, %v", f, i.Mode(), err)
		}
	}
}

// TestPragmas: what durability stands on is in force (I2).
func TestPragmas(t *testing.T) {
	s := openTest(t)
	reader := <-s.readers
	defer func() { s.readers <- reader }()
	for _, tc := range []struct {
		conn   *sqlite.Conn
		pragma string
		want   string
	}{
		{s.writer.conn, "journal_mode", "wal"}, {s.writer.conn, "synchronous", "2"}, {s.writer.conn, "foreign_keys", "1"},
		{s.writer.conn, "query_only", "0"}, {s.writer.conn, "trusted_schema", "0"}, {s.writer.conn, "wal_autocheckpoint", fmt.Sprint(walPages)},
		{s.writer.conn, "journal_size_limit", fmt.Sprint(walKept)}, {s.writer.conn, "temp_store", "2"}, {reader, "query_only", "1"},
	} {
		must(t, tc.conn.Query("PRAGMA "+tc.pragma, func(r *sqlite.Row) error {
			if got := r.Text(0); got != tc.want {
				t.Errorf("%s is %s, want %s", tc.pragma, got, tc.want)
			}
			return nil
		}))
	}
}

// TestForeignAndNewer: a database that is not ours and one that a newer
// Postfach has written are refused and left as they are.
func TestForeignAndNewer(t *testing.T) {
	dir := t.TempDir()
	database := func(name, script string) string {
		c, err := sqlite.Open(filepath.Join(dir, name), sqlite.Options{})
		must(t, err)
		must(t, c.Script(script))
		must(t, c.Close())
		return filepath.Join(dir, name)
	}
	if _, err := OpenSQLite(database("foreign", "CREATE TABLE t(a)"), Options{}); !errors.Is(err, errForeign) {
		t.Errorf("foreign database: %v", err)
	}
	newer := database("newer", fmt.Sprintf("PRAGMA application_id=%d; CREATE TABLE t(a); PRAGMA user_version=1000", applicationID))
	if _, err := OpenSQLite(newer, Options{}); !errors.Is(err, errNewer) || !strings.Contains(err.Error(), "1000") {
		t.Errorf("newer catalog: %v", err)
	}
	text := filepath.Join(dir, "text")
	must(t, os.WriteFile(text, []byte(strings.Repeat("no database\n", 1000)), 0o600))
	if _, err := OpenSQLite(text, Options{}); err == nil {
		t.Error("a text file was taken for a catalog")
	}
	if _, err := OpenSQLite(filepath.Join(dir, "none", "c.db"), Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing folder: %v", err)
	}
}

// TestReopen: what was committed is there after a restart, and ids go on (I6).
func TestReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.db")
	var first mailbox.Member
	for i := range 3 {
		s, err := OpenSQLite(path, Options{})
		must(t, err)
		m := mailbox.Member{Number: fmt.Sprint(i)}
		must(t, s.Update(t.Context(), 0, func(tx mailbox.Tx) error { return tx.InsertMember(&m, catalogtest.Names) }))
		if i == 0 {
			first = m
		}
		must(t, s.View(t.Context(), func(r mailbox.Reader) error {
			if n, err := r.CountMembers(); err != nil || n != i+1 || int(m.ID-first.ID) != i {
				t.Errorf("%d members, id %d, %v", n, m.ID, err)
			}
			return nil
		}))
		must(t, s.Close())
		if _, err := os.Stat(path + "-wal"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the log was not carried over: %v", err)
		}
	}
}

// TestOpenAtOnce: several processes may make and open a catalog at once.
func TestOpenAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.db")
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			s, err := OpenSQLite(path, patient())
			if err != nil {
				t.Error(err)
				return
			}
			if err := s.beat(t.Context()); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// TestTwoProcesses: a command changes the catalog beside the server, and both
// see each other's changes.
func TestTwoProcesses(t *testing.T) {
	server := openAt(t, filepath.Join(t.TempDir(), "catalog.db"), patient())
	command := openAt(t, server.path, patient())
	m := mailbox.Member{Number: "0815"}
	must(t, command.Update(t.Context(), 0, func(tx mailbox.Tx) error { return tx.InsertMember(&m, catalogtest.Names) }))
	var all sync.WaitGroup
	const each = 50
	for _, s := range []*SQLite{server, command} {
		for range each {
			all.Go(func() {
				err := s.Update(t.Context(), m.ID, func(tx mailbox.Tx) error { _, err := tx.NextChange(); return err })
				if err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	must(t, server.View(t.Context(), func(r mailbox.Reader) error {
		if got, err := r.Member(m.ID); err != nil || got.Change != 2*each {
			t.Errorf("change %d, want %d (%v)", got.Change, 2*each, err)
		}
		return nil
	}))
}

// TestBusy: a lock that another process does not give back is Unavailable, for
// everybody who waits, and reading goes on.
func TestBusy(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "c.db"), Options{BusyTimeout: 50 * time.Millisecond})
	other, err := sqlite.Open(s.path, sqlite.Options{})
	must(t, err)
	defer other.Close()
	must(t, other.Script("BEGIN IMMEDIATE"))
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() { wantKind(t, s.beat(t.Context()), mailbox.Unavailable) })
	}
	all.Wait()
	wantKind(t, s.Ready(t.Context()), mailbox.Unavailable)
	must(t, s.View(t.Context(), func(r mailbox.Reader) error { _, err := r.CountMembers(); return err }))
	must(t, other.Script("ROLLBACK"))
	must(t, s.Ready(t.Context()))
}

// TestClosed: after Close everything is Unavailable, and closing waits for what
// runs.
func TestClosed(t *testing.T) {
	s, err := OpenSQLite(filepath.Join(t.TempDir(), "c.db"), Options{})
	must(t, err)
	running, closed := make(chan struct{}), make(chan error)
	go func() {
		<-running
		closed <- s.Close()
	}()
	must(t, s.View(t.Context(), func(r mailbox.Reader) error {
		close(running)
		_, err := r.CountMembers()
		return err
	}))
	must(t, <-closed)
	must(t, s.Close())
	wantKind(t, s.beat(t.Context()), mailbox.Unavailable)
	wantKind(t, s.View(t.Context(), func(mailbox.Reader) error { return nil }), mailbox.Unavailable)
	_, err = s.Committed(t.Context(), mailbox.NewVersionID())
	wantKind(t, err, mailbox.Unavailable)
}

// TestViewGivenUp: who waits for a connection can go away.
func TestViewGivenUp(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "c.db"), Options{Readers: 1})
	must(t, s.View(t.Context(), func(r mailbox.Reader) error {
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		wantKind(t, s.View(gone, func(mailbox.Reader) error { return nil }), mailbox.Canceled)
		return nil
	}))
	func() {
		defer func() { _ = recover() }()
		_ = s.View(t.Context(), func(mailbox.Reader) error { panic("a fault of ours") })
	}()
	must(t, s.View(t.Context(), func(mailbox.Reader) error { return nil })) // the connection came back
}

// TestAttemptsBounded: the table of failed sign-ins keeps MaxAttempts rows; the
// oldest make room.
func TestAttemptsBounded(t *testing.T) { forBoth(t, Options{}, attemptsBounded) }

func attemptsBounded(t *testing.T, s tables) {
	must(t, s.write(t.Context(), nothing, func(tx *tx) error {
		_, err := tx.exec(`INSERT INTO attempts (subject, network, wrong, count, paused, last)
			WITH RECURSIVE n (i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < $1)
			SELECT $3, CAST(i AS TEXT), $3, 1, 0, CAST($2 AS BIGINT) + i FROM n`,
			int64(auth.MaxAttempts), tx.at.Add(-time.Hour), []byte("other"))
		return err
	}))
	key := auth.AttemptKey{Subject: auth.Subject{1}}
	must(t, s.UpdateAccounts(t.Context(), func(tx auth.Tx) error { return tx.PutAttempts(key, auth.Attempts{Count: 1, Last: tx.Now()}) }))
	must(t, s.read(t.Context(), func(r *reader) error {
		var n, oldest int64
		_, err := r.one("SELECT count(*), min(CAST(network AS BIGINT)) FROM attempts WHERE subject <> $1", func(row tuple) { n, oldest = row.Int(0), row.Int(1) }, key.Subject[:])
		if n != auth.MaxAttempts-1 || oldest != 2 {
			t.Errorf("%d others, the oldest %d", n, oldest)
		}
		return err
	}))
	if a, err := s.Attempts(t.Context(), key); err != nil || a.Count != 1 {
		t.Errorf("the newest: %+v, %v", a, err)
	}
}

// TestProbes: the scanner's probes are remembered.
func TestProbes(t *testing.T) { forBoth(t, Options{}, probes) }

func probes(t *testing.T, s tables) {
	if at, err := s.LastProbe(t.Context(), "limit"); err != nil || !at.IsZero() {
		t.Errorf("never: %v, %v", at, err)
	}
	at := time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)
	for range 2 {
		at = at.Add(time.Hour)
		must(t, s.Remember(t.Context(), "limit", at))
		if got, err := s.LastProbe(t.Context(), "limit"); err != nil || !got.Equal(at) {
			t.Errorf("%v, %v", got, err)
		}
	}
	if at, err := s.LastProbe(t.Context(), "other"); err != nil || !at.IsZero() {
		t.Errorf("another: %v, %v", at, err)
	}
}
