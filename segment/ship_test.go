// SPDX-License-Identifier: Apache-2.0

package segment_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postfach/catalog"
	"postfach/mailbox"
	"postfach/segment"
	"postfach/storage"
)

// archive is a catalog on disk with its storage.
type archive struct {
	*catalog.SQLite
	store *storage.Dir
	dir   string
	life  string
}

func open(t *testing.T) *archive {
	t.Helper()
	dir := t.TempDir()
	return openIn(t, filepath.Join(dir, "c.db"), filepath.Join(dir, "blobs"))
}

func openIn(t *testing.T, db, blobs string) *archive {
	t.Helper()
	c, err := catalog.OpenSQLite(db, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := storage.OpenDir(blobs, storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); s.Close() })
	known, err := c.Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return &archive{c, s, blobs, known.Fingerprint}
}

func (a *archive) shipper() *segment.Shipper {
	return &segment.Shipper{Catalog: a, Store: a.store, Life: a.life, Instance: "ocabcdefghij", Limit: 7,
		Every: -3 * time.Second, // a lease that is over at once
		Log:   slog.New(slog.DiscardHandler)}
}

func (a *archive) write(t *testing.T, n int) {
	t.Helper()
	for i := range n {
		err := a.Append(t.Context(), mailbox.Record{Operation: mailbox.OpRead, Person: 3, Account: 4, Entry: mailbox.EntryID(i + 1), Result: "ok",
			Version: mailbox.NewVersionID(), SHA256: [32]byte{1}, Detail: mailbox.Detail{Path: fmt.Sprintf("/an_KVBbg/Prüfung & <%d>.pdf", i), Address: "192.0.2.7"}})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// ship ships all, and says whether the storage now tells what the log does.
func (a *archive) ship(t *testing.T) {
	t.Helper()
	if _, err := a.shipper().Ship(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.same(t)
}

func (a *archive) same(t *testing.T) {
	t.Helper()
	got, err := segment.Open(t.Context(), a.store)
	if err != nil {
		t.Fatal(err)
	}
	var want []segment.Record
	if err := a.AuditRaw(t.Context(), 0, 1<<60, 1<<30, func(r segment.Record) error { want = append(want, r); return nil }); err != nil {
		t.Fatal(err)
	}
	n := 0
	err = got.Records(t.Context(), got.Chain, func(r segment.Record) error {
		if n < len(want) {
			w := want[n]
			if r.Sequence != w.Sequence || r.Digest != w.Digest || !bytes.Equal(r.Text, w.Text) || !bytes.Equal(r.Salt, w.Salt) ||
				!r.Time.Equal(w.Time) || r.Version != w.Version || r.SHA256 != w.SHA256 || r.Entry != w.Entry || !r.Intact() {
				t.Errorf("record %d: %+v, want %+v", n, r, w)
			}
			if len(r.Text) > 0 && r.Detail.Path == "" && strings.Contains(string(r.Text), "path") {
				t.Errorf("record %d has lost its detail", n)
			}
		}
		n++
		return nil
	})
	if err != nil || n != len(want) || len(got.Faults) > 0 {
		t.Errorf("%d records in the storage, %d in the log; faults %q, %v", n, len(want), got.Faults, err)
	}
	if lag, err := a.shipper().Lag(t.Context()); err != nil || lag != 0 {
		t.Errorf("lag %s, %v", lag, err)
	}
}

// TestShip: the storage has every record once, in segments that hang together
// (issue 3, item 5; P29).
func TestShip(t *testing.T) {
	a := open(t)
	if n, err := a.shipper().Ship(t.Context()); n != 0 || err != nil {
		t.Errorf("an empty log: %d, %v", n, err)
	}
	a.write(t, 23)
	if lag, err := a.shipper().Lag(t.Context()); err != nil || lag <= 0 {
		t.Errorf("lag of what was never shipped: %s, %v", lag, err)
	}
	a.ship(t)
	a.write(t, 1)
	a.ship(t)
	a.ship(t)
}

// TestShipAfterKill: wherever a node was killed while it shipped, the next one
// goes on without losing or repeating a record (issue 3, item 5).
func TestShipAfterKill(t *testing.T) {
	a := open(t)
	a.write(t, 5)
	a.ship(t)
	for _, tc := range []struct {
		name  string
		after func(n int) // undoes the end of the shipping of segment n
	}{
		{"before the log", func(n int) { a.remove(t, n, "log") }},
		{"after the log", func(int) {}},
		{"before everything", func(n int) { a.remove(t, n, "log"); a.remove(t, n, "detail") }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := a.note(t)
			segments := a.count(t)
			a.write(t, 3)
			if _, err := a.shipper().Ship(t.Context()); err != nil {
				t.Fatal(err)
			}
			if ok, err := a.SwapNote(t.Context(), "audit-shipped", a.note(t), before); !ok || err != nil {
				t.Fatal(ok, err)
			}
			tc.after(segments + 1)
			a.write(t, 2) // which are not in what was begun
			a.ship(t)
		})
	}
}

func (a *archive) note(t *testing.T) string {
	t.Helper()
	text, err := a.Note(t.Context(), "audit-shipped")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (a *archive) file(n int, suffix string) string {
	return filepath.Join(a.dir, ".audit", a.life, fmt.Sprintf("%012d.%s", n, suffix))
}

func (a *archive) remove(t *testing.T, n int, suffix string) {
	t.Helper()
	if err := os.Remove(a.file(n, suffix)); err != nil {
		t.Fatal(err)
	}
}

func (a *archive) count(t *testing.T) (n int) {
	t.Helper()
	err := a.store.Segments(t.Context(), func(name string) error {
		if strings.HasSuffix(name, ".log") {
			n++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestManyShippers: nodes that ship at the same time neither lose nor repeat a
// record, even where the lease does not keep them apart.
func TestManyShippers(t *testing.T) {
	a := open(t)
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	for range 4 {
		wg.Go(func() {
			for ctx.Err() == nil {
				_, _ = a.shipper().Ship(ctx) // whose turn it is not says so
			}
		})
	}
	for range 40 {
		a.write(t, 3)
	}
	cancel()
	wg.Wait()
	a.ship(t)
}

// TestDamagedArchive: a segment that is missing, changed or repeated shows; a
// detail that was erased is no damage (DESIGN.md section 8).
func TestDamagedArchive(t *testing.T) {
	for _, tc := range []struct {
		name, fault string
		do          func(a *archive)
		records     int
	}{
		{"nothing", "", func(*archive) {}, 21},
		{"detail erased", "", func(a *archive) { os.Remove(a.file(2, "detail")) }, 21},
		{"segment missing", "is missing or was changed", func(a *archive) { os.Remove(a.file(2, "log")) }, 14},
		{"first missing", "is missing or was changed", func(a *archive) { os.Remove(a.file(1, "log")) }, 14},
		{"segment changed", "is missing or was changed", func(a *archive) { a.edit(2, "log", `"person":3`, `"person":5`) }, 21},
		{"detail changed", "was changed", func(a *archive) { a.edit(2, "detail", "192.0.2.7", "192.0.2.8") }, 21},
		{"segment torn", "unexpected EOF", func(a *archive) { os.Chmod(a.file(2, "log"), 0o600); os.Truncate(a.file(2, "log"), 700) }, 14},
		{"renamed", "it says that it is", func(a *archive) { os.Rename(a.file(3, "log"), a.file(4, "log")) }, 14},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := open(t)
			a.write(t, 21)
			a.ship(t)
			tc.do(a)
			got, err := segment.Open(t.Context(), a.store)
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			if err := got.Records(t.Context(), got.Chain, func(segment.Record) error { n++; return nil }); err != nil {
				t.Fatal(err)
			}
			if said := strings.Join(got.Faults, "\n"); !strings.Contains(said, tc.fault) || tc.fault == "" && said != "" {
				t.Errorf("faults %q, want %q", said, tc.fault)
			}
			if n != tc.records {
				t.Errorf("%d records, want %d", n, tc.records)
			}
		})
	}
}

func (a *archive) edit(n int, suffix, old, text string) {
	b, _ := os.ReadFile(a.file(n, suffix))
	os.Remove(a.file(n, suffix))
	os.WriteFile(a.file(n, suffix), bytes.Replace(b, []byte(old), []byte(text), 1), 0o400)
}

// TestRestoredBackup: what a restored backup did not know stays in the storage
// as an end of its own, and the log goes on beside it (issue 3, item 5).
func TestRestoredBackup(t *testing.T) {
	a := open(t)
	a.write(t, 5)
	a.ship(t)
	b := a.restored(t, 4)
	b.write(t, 2)
	b.ship(t)
	got, err := segment.Open(t.Context(), b.store)
	if err != nil {
		t.Fatal(err)
	}
	lost := 0
	for _, h := range got.Lost {
		lost += h.Records
	}
	if lost != 4 {
		t.Errorf("%d records of the lost end, want 4", lost)
	}
}

// restored begins a second life with a backup that does not know the last n
// records, which were shipped.
func (a *archive) restored(t *testing.T, n int) *archive {
	t.Helper()
	backup := filepath.Join(t.TempDir(), "backup.db")
	file, err := os.Create(backup)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Snapshot(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	a.write(t, n)
	a.ship(t)
	b := openIn(t, backup, a.dir)
	if b.life == a.life {
		t.Fatal("a restored backup lives the same life")
	}
	return b
}

// TestGapOfLives: a segment that is missing is not bridged by one of a life that
// a restore ended, and a damaged one there leaves the end of the log certain.
func TestGapOfLives(t *testing.T) {
	for _, tc := range []struct {
		name   string
		do     func(a, b *archive)
		chain  string // a and b for the lives
		before bool   // a gap inside
		end    bool   // the end is not known
	}{
		{"whole", func(*archive, *archive) {}, "a1 a2 b3 b4 b5 b6", false, false},
		{"missing inside a life", func(_, b *archive) { os.Remove(b.file(4, "log")); os.Remove(b.file(5, "log")) }, "a1 a2 b3 b6", true, false},
		{"missing at its start", func(_, b *archive) { os.Remove(b.file(3, "log")) }, "a1 a2 b4 b5 b6", true, false},
		{"newest damaged", func(_, b *archive) { b.edit(6, "log", `"person":3`, `"person":x`) }, "a1 a2 b3 b4 b5", false, true},
		{"all of the newest life damaged", func(_, b *archive) {
			for n := 3; n <= 6; n++ {
				b.edit(n, "log", `"person":3`, `"person":x`)
			}
		}, "a1 a2 a3 a4 a5 a6", false, true},
		{"end of a lost life damaged", func(a, _ *archive) { a.edit(6, "log", `"person":3`, `"person":x`) }, "a1 a2 b3 b4 b5 b6", false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := open(t)
			a.write(t, 14) // two segments
			a.ship(t)
			b := a.restored(t, 28)
			b.write(t, 27) // four, with the record of the restore
			b.ship(t)
			tc.do(a, b)
			got, err := segment.Open(t.Context(), b.store)
			if err != nil {
				t.Fatal(err)
			}
			var chain []string
			for _, h := range got.Chain {
				chain = append(chain, map[string]string{a.life: "a", b.life: "b"}[h.Life]+fmt.Sprint(h.Number))
			}
			if said := strings.Join(chain, " "); said != tc.chain {
				t.Errorf("the log is %s, want %s", said, tc.chain)
			}
			before := slices.ContainsFunc(got.Gaps, func(n int64) bool { return n < math.MaxInt64 })
			if before != tc.before || slices.Contains(got.Gaps, math.MaxInt64) != tc.end {
				t.Errorf("gaps before %d", got.Gaps)
			}
		})
	}
}

// TestCopy: a storage that moves takes the log along, and again without harm.
func TestCopy(t *testing.T) {
	a, b := open(t), open(t)
	a.write(t, 9)
	a.ship(t)
	for range 2 {
		if c, err := segment.Copy(t.Context(), a.store, b.store); err != nil || len(c.Different) > 0 {
			t.Fatal(c, err)
		}
	}
	got, err := segment.Open(t.Context(), b.store)
	if err != nil || len(got.Chain) != 2 || len(got.Faults) > 0 {
		t.Errorf("%d segments came along, faults %q, %v", len(got.Chain), got.Faults, err)
	}
	b.life = a.life
	b.edit(1, "log", `"ok"`, `"no"`)
	if c, err := segment.Copy(t.Context(), a.store, b.store); err != nil || len(c.Different) != 1 {
		t.Error(c, err, "another content under the same name was taken for the same")
	}
}

// TestLease: nobody gets what another one holds until its time is over.
func TestLease(t *testing.T) {
	a := open(t)
	lease := func(holder string, d time.Duration, want bool) {
		t.Helper()
		if got, err := a.Lease(t.Context(), "lease:x", holder, d); got != want || err != nil {
			t.Errorf("%s: %t, %v", holder, got, err)
		}
	}
	lease("eins", time.Hour, true)
	lease("zwei", time.Hour, false)
	lease("eins", -time.Second, true) // gives it up
	lease("zwei", time.Hour, true)
	lease("eins", time.Hour, false)
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"format":1,"life":"l","instance":"i","number":1,"first":1,"last":1,"records":1,"detail":"","made":"2026-01-02T03:04:05Z"}
{"sequence":1,"time":5,"operation":"read","result":"ok","detail_digest":""}
`), []byte(`{"sequence":1,"salt":"00000000000000000000000000000000","detail":"{}"}`))
	f.Fuzz(func(t *testing.T, log, detail []byte) {
		h, records, err := segment.Decode(log, detail)
		if err == nil && (len(records) != h.Records || len(records) == 0) {
			t.Errorf("%d records, header %+v", len(records), h)
		}
	})
}
