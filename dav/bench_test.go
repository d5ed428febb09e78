// SPDX-License-Identifier: Apache-2.0

package dav_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"postfach/catalog"
	"postfach/catalog/pgtest"
	"postfach/mailbox"
)

// fill puts n files into anna's an_KVBbg without their bytes: listings look at
// the catalog alone.
func (w *world) fill(b *testing.B, n int) {
	b.Helper()
	var m mailbox.Member
	must(b, w.store.View(context.Background(), func(r mailbox.Reader) (err error) {
		m, err = r.MemberByNumber("0815")
		return err
	}))
	for done := 0; done < n; done += 1000 {
		must(b, w.store.Update(context.Background(), m.ID, func(tx mailbox.Tx) error {
			for i := done; i < min(n, done+1000); i++ {
				v := mailbox.Version{ID: mailbox.NewVersionID(), Size: int64(i), Side: mailbox.MemberSide, Account: 1, Person: 1, Time: tx.Now()}
				v.Blob = mailbox.BlobKey{Member: m.Number, Folder: "an_KVBbg", Version: v.ID}
				e := mailbox.Entry{Member: m.ID, Parent: m.Folders[mailbox.ToAuthority], Place: mailbox.ToAuthority, Name: fmt.Sprintf("Datei %05d.csv", i),
					Side: mailbox.MemberSide, Account: 1, Person: 1, Created: tx.Now(), Modified: tx.Now(), Version: v}
				if err := tx.InsertEntry(&e); err != nil {
					return err
				}
				v.Entry = e.ID
				if err := tx.InsertVersion(v, []mailbox.PersonID{1}, time.Time{}); err != nil {
					return err
				}
			}
			change, err := tx.NextChange()
			if err != nil {
				return err
			}
			return tx.Touch([]mailbox.EntryID{m.Folders[mailbox.Root], m.Folders[mailbox.ToAuthority]}, change, true, true)
		}))
	}
}

// BenchmarkSyncRun is the one PROPFIND of a sync client's run without changes,
// with all that nextcloudcmd asks for: it must not grow with the mailbox, though
// folders are told with the size of all below.
func BenchmarkSyncRun(b *testing.B) {
	for _, n := range []int{10, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w := newWorld(b)
			w.fill(b, n)
			for b.Loop() {
				a := w.do(b, "anna", "PROPFIND", "/remote.php/dav/files/anna/", askOC, "Depth: 1")
				if a.StatusCode != 207 || !strings.Contains(a.body, "<oc:permissions>GCK<") {
					b.Fatalf("%d %s", a.StatusCode, a.body)
				}
			}
		})
	}
}

// BenchmarkPropfind is a listing with six properties over HTTP, catalog and sign-in
// included, over both catalogs in one run; ttfb-ms is the time to the first byte,
// cpu-ms the CPU of this process, client included, and best-ms the shortest of all,
// which a busy machine blurs least.
func BenchmarkPropfind(b *testing.B) {
	over := func(name string, make func(*testing.B) *world) {
		for _, n := range []int{10, 10000} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				w := make(b)
				w.fill(b, n)
				benchmarkPropfind(b, w.url+"/dav/an_KVBbg/", int64(n)*300)
			})
		}
	}
	var server pgtest.Lazy
	defer server.Stop()
	over("SQLite", func(b *testing.B) *world { return newWorld(b) })
	over("PostgreSQL", func(b *testing.B) *world {
		s := server.Get(b)
		c, err := catalog.OpenPostgres(catalog.Server{URL: s.URL(s.Database(b))}, catalog.Options{})
		must(b, err)
		return newWorldOver(b, c)
	})
}

func benchmarkPropfind(b *testing.B, url string, atLeast int64) {
	const six = `<propfind xmlns="DAV:"><prop><resourcetype/><getcontentlength/><getlastmodified/><getetag/><getcontenttype/><displayname/></prop></propfind>`
	var first time.Duration
	best := time.Hour
	cpu := ownCPU()
	for b.Loop() {
		r, err := http.NewRequest("PROPFIND", url, strings.NewReader(six))
		must(b, err)
		r.SetBasicAuth("anna", password)
		r.Header.Set("Depth", "1")
		start := time.Now()
		res, err := http.DefaultClient.Do(r)
		must(b, err)
		first += time.Since(start)
		size, err := io.Copy(io.Discard, res.Body)
		must(b, err)
		res.Body.Close()
		best = min(best, time.Since(start))
		if res.StatusCode != 207 || size < atLeast {
			b.Fatalf("%d, %d bytes", res.StatusCode, size)
		}
	}
	per := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 / float64(b.N) }
	b.ReportMetric(float64(best.Microseconds())/1000, "best-ms")
	b.ReportMetric(per(first), "ttfb-ms")
	b.ReportMetric(per(ownCPU()-cpu), "cpu-ms")
}

func ownCPU() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
