// SPDX-License-Identifier: Apache-2.0

package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postfach/catalog/pgtest"
	"postfach/test/world"
)

// TestPostgresArchive: with the configuration of docs/postgresql.md, a catalog
// whose server is destroyed comes back with everything that was acknowledged and
// archived, up to the minute that was chosen; one that is older is refused until
// somebody says that it was restored, and then gives no id twice and repeats no
// mail (L16, P63, P64).
func TestPostgresArchive(t *testing.T) {
	t.Parallel()
	long(t)
	s := pgtest.Private(t)
	wal, base := s.Folder(t, "wal"), filepath.Join(filepath.Dir(s.Data()), "base")
	paths := strings.NewReplacer("/backup/postfach-wal", wal, "/backup/postfach-base", base, "/var/lib/postgresql/15/main", s.Data())
	must(t, s.Configure(paths.Replace(block(t, "postgresql.md", "archiving"))))
	database := s.Database(t)
	o := world.Everybody()
	o.Catalog = s.URL(database)
	w := whole(t, o)
	w.Put(t, "anna", "/dav/an_KVBbg/vor%20der%20Basis.txt", "eins")
	must(t, s.Run(paths.Replace(block(t, "postgresql.md", "base"))))
	w.Put(t, "anna", "/dav/an_KVBbg/nach%20der%20Basis.txt", "zwei")
	w.Move(t, "bert", "/dav/0815/an_KVBbg/vor%20der%20Basis.txt", "/dav/0815/KVBBG-SB-Posteingang/vor%20der%20Basis.txt", 201)
	last := fileID(t, w, "/dav/an_KVBbg/nach%20der%20Basis.txt")
	before := minute(t, s) // a mistake follows
	w.Do(t, world.Exchange{As: "anna", Method: "DELETE", Path: "/dav/an_KVBbg/nach%20der%20Basis.txt", Want: 204})
	w.Put(t, "anna", "/dav/an_KVBbg/danach.txt", "drei")
	w.WaitMails(t, "bert@example.org", 1)
	must(t, w.Stop())
	archive(t, s)

	destroy := func() {
		s.Kill()
		must(t, os.RemoveAll(s.Data()))
		must(t, s.Run(paths.Replace(block(t, "postgresql.md", "recover"))))
	}
	recovered := func() {
		must(t, s.Start())
		eventually(t, "the recovery ends", func() bool {
			rows, err := s.Query("postgres", "SELECT pg_is_in_recovery()")
			return err == nil && rows[0][0] == "f"
		})
	}
	// The segments after the base are missing: the catalog is too old.
	destroy()
	away := wal + "-away"
	must(t, os.Rename(wal, away))
	must(t, os.Mkdir(wal, 0o755))
	keepFirst(t, away, wal)
	recovered()
	w.Launch()
	refusedStart(t, w, "the catalog is older than the storage")

	destroy()
	must(t, os.RemoveAll(wal))
	must(t, os.Rename(away, wal))
	must(t, s.Run(strings.ReplaceAll(paths.Replace(block(t, "postgresql.md", "minute")), "2027-03-03 14:05:00+01", before)))
	recovered()
	w.Launch()
	refusedStart(t, w, "the catalog is older than the storage")
	out := follow(t, w, block(t, "postgresql.md", "here"), "/etc/postfach/postfach.yaml", w.Config,
		"postgres://postfach_owner@db.example.org/postfach", "'"+s.URL(database)+"'")
	if !strings.Contains(out, "mails are held") {
		t.Error(out)
	}
	mails := len(w.AllMails())
	w.Serve()
	w.Do(t, world.Exchange{As: "anna", Method: "GET", Path: "/dav/an_KVBbg/danach.txt", Want: 404})
	for path, want := range map[string]string{"KVBBG-SB-Posteingang/vor%20der%20Basis.txt": "eins", "an_KVBbg/nach%20der%20Basis.txt": "zwei"} {
		if a := w.Get(t, "bert", "/dav/0815/"+path); string(a.Body) != want {
			t.Errorf("%s: %q", path, a.Body)
		}
	}
	w.Put(t, "bert", "/dav/0815/Neu.txt", "neu")
	if id := fileID(t, w, "/dav/Neu.txt"); id <= last {
		t.Errorf("id %s after %s", id, last)
	}
	w.CLI("", "notice", "release")
	w.WaitMails(t, "anna@example.org", 1)
	if n := len(w.AllMails()); n != mails+1 {
		t.Errorf("%d mails after the restore, not 1", n-mails)
	}
	if out := w.CLI("", "audit", "replay", "--verify"); !strings.Contains(out, "0 differences") || !strings.Contains(out, "0 missing") {
		t.Error(out)
	}
}

// minute is a moment by the server's clock between what came before the call
// and what comes after it.
func minute(t *testing.T, s *pgtest.Server) string {
	t.Helper()
	time.Sleep(1500 * time.Millisecond)
	rows, err := s.Query("postgres", "SELECT clock_timestamp()::text")
	must(t, err)
	time.Sleep(1500 * time.Millisecond)
	return rows[0][0]
}

// archive waits until everything that was written is archived.
func archive(t *testing.T, s *pgtest.Server) {
	t.Helper()
	rows, err := s.Query("postgres", "SELECT pg_walfile_name(pg_switch_wal())")
	must(t, err)
	eventually(t, "the last segment is archived", func() bool {
		got, err := s.Query("postgres", "SELECT last_archived_wal >= '"+rows[0][0]+"' FROM pg_stat_archiver")
		return err == nil && len(got) == 1 && got[0][0] == "t"
	})
}

// keepFirst copies what the base backup needs, and no more: the segments up to
// the end of it.
func keepFirst(t *testing.T, from, to string) {
	t.Helper()
	names, err := os.ReadDir(from)
	must(t, err)
	end := ""
	for _, n := range names { // SEGMENT.OFFSET.backup says where the base ends
		if !strings.HasSuffix(n.Name(), ".backup") {
			continue
		}
		for line := range strings.Lines(readFile(t, filepath.Join(from, n.Name()))) {
			if rest, ok := strings.CutPrefix(line, "STOP WAL LOCATION: "); ok {
				_, file, _ := strings.Cut(rest, "(file ")
				end = strings.TrimSuffix(strings.TrimSpace(file), ")")
			}
		}
	}
	if end == "" {
		t.Fatal("no segment says where the base ends")
	}
	for _, n := range names {
		if n.Name() <= end || strings.HasSuffix(n.Name(), ".backup") {
			writeFile(t, filepath.Join(to, n.Name()), readFile(t, filepath.Join(from, n.Name())))
			must(t, os.Chmod(filepath.Join(to, n.Name()), 0o644))
		}
	}
}
