// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"postfach/mailbox"
)

// BenchmarkListing reads a folder of 10,000 entries, in pages of 500 with a view
// each, as a listing does. Beside the time it gives the CPU of this process and
// of the server, which a machine that is busy elsewhere blurs less.
func BenchmarkListing(b *testing.B) {
	forEach(b, func(b *testing.B, s tables) {
		folder := many(b, s, 10_000)
		ours, theirs := ourCPU(), serverCPU(b, s)
		b.ReportAllocs()
		var page []mailbox.Entry
		for b.Loop() {
			n := 0
			for after := ""; n == 0 || after != ""; {
				err := s.View(context.Background(), func(r mailbox.Reader) (err error) {
					page, err = r.Children(folder.ID, after, 500, page)
					return err
				})
				if err != nil {
					b.Fatal(err)
				}
				n += len(page)
				after = ""
				if len(page) == 500 {
					after = mailbox.NameKey(page[499].Name)
				}
			}
			if n != 10_000 {
				b.Fatal(n)
			}
		}
		per := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 / float64(b.N) }
		b.ReportMetric(per(ourCPU()-ours), "own-cpu-ms/op")
		b.ReportMetric(per(serverCPU(b, s)-theirs), "server-cpu-ms/op")
	})
}

// many makes a folder of n entries.
func many(b testing.TB, s tables, n int) mailbox.Entry {
	b.Helper()
	m, _ := fill(b, s, "0815", 0)
	folder := mailbox.Entry{Member: m.ID, Parent: m.Folders[mailbox.ToAuthority], Place: mailbox.ToAuthority, Folder: true, Name: "viele"}
	must(b, s.Update(context.Background(), m.ID, func(t mailbox.Tx) error { return t.InsertEntry(&folder) }))
	for i := 0; i < n; i += 100 { // a row that one transaction changes over and over grows slow in PostgreSQL
		must(b, s.Update(context.Background(), m.ID, func(t mailbox.Tx) error {
			for k := range 100 {
				if err := upload(t, m, folder, fmt.Sprintf("Beitragsliste %05d.csv", i+k)); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	return folder
}

func ourCPU() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// serverCPU is what the server's processes for our connections have used; they
// must not end in between.
func serverCPU(b testing.TB, s tables) (sum time.Duration) {
	b.Helper()
	if _, ok := s.engine.(*Postgres); !ok {
		return 0
	}
	must(b, s.read(context.Background(), func(r *reader) error {
		return r.each("SELECT CAST(pid AS BIGINT) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'",
			func(row tuple) error {
				sum += processCPU(b, row.Int(0))
				return nil
			})
	}))
	return sum
}

// processCPU reads proc(5), /proc/PID/schedstat: its first number is the time
// on a core in nanoseconds.
func processCPU(b testing.TB, pid int64) time.Duration {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", pid))
	must(b, err)
	first, _, _ := strings.Cut(string(text), " ")
	ns, err := strconv.ParseInt(first, 10, 64)
	must(b, err)
	return time.Duration(ns)
}
