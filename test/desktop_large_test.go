// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postfach/scan/scantest"
	"postfach/test/results"
	"postfach/test/world"
)

// largeSummary is one line of docs/results.
type largeSummary struct {
	Commit  string  `json:"commit"`
	Client  string  `json:"client"`
	Scanner string  `json:"scanner"` // how clamd gets the bytes
	Bytes   int64   `json:"bytes"`
	Chunks  int     `json:"chunks"`
	Joined  float64 `json:"joined"`   // seconds until the joining MOVE was answered
	Patient float64 `json:"patient"`  // seconds that the client waits for that
	Peak    int     `json:"peak_kib"` // of the server's memory, over all of it
	Seconds float64 `json:"seconds"`  // of the client's run
	Passed  bool    `json:"passed"`
}

// largeMemory is what the server may need in all, in bytes, whatever the size.
const largeMemory = 100 << 20

// clientPatience is how long the sync clients wait for the answer to the MOVE
// that joins a file's chunks (CLIENTS.md 1.6).
func clientPatience(bytes int64) time.Duration {
	perGigabyte := time.Duration(float64(3*time.Minute) * float64(bytes) / 1e9)
	return min(max(5*time.Minute, perGigabyte), 30*time.Minute)
}

// TestDesktopLargeFile: a large file of either client is joined from its chunks,
// judged by clamd as a whole and answered within the client's patience, while
// the server needs no more memory than for a small one. `make large` does it
// with 1,999 MiB (POSTFACH_LARGE) by descriptor and by stream, and keeps a line
// each in docs/results; else 128 MiB are enough to see memory grow.
func TestDesktopLargeFile(t *testing.T) {
	size := int64(number("POSTFACH_LARGE", 128)) << 20
	series := size >= 1<<30
	kept := results.Open("large")
	for _, by := range []string{"descriptor", "stream"} {
		if by == "stream" && !series {
			continue // TestConstantMemory has it, but for where the bytes come from
		}
		t.Run(by, func(t *testing.T) {
			scanner := scantest.Start(t, scantest.Options{MaxSize: size, MaxScanTime: 10 * time.Minute, TCP: by == "stream"})
			o := world.Options{Scanner: scanner, MaxSize: fmt.Sprintf("%dMiB", size>>20)}
			if by == "stream" {
				o.Gate = scanner.TCPAddress
			}
			in := newOffice(t, o)
			for _, v := range vendors { // one after the other: memory is the server's
				t.Run(v, func(t *testing.T) {
					sum := largeSummary{Commit: kept.Commit, Client: v, Scanner: by, Bytes: size}
					if results.Any(kept, func(l largeSummary) bool { return l.Passed && l.Client == v && l.Scanner == by && l.Bytes == size }) {
						t.Skip("was done before on this commit")
					}
					defer func() {
						sum.Passed = !t.Failed()
						t.Logf("%+v", sum)
						must(t, kept.Add(sum))
					}()
					_, login := in.clerk(t)
					largeFile(t, newDesk(t, in.World, v, login), &sum)
				})
			}
		})
	}
}

func largeFile(t *testing.T, d *desk, sum *largeSummary) {
	t.Helper()
	d.limit = 20 * time.Minute
	d.sync()
	digest := writeLines(t, d.path("an_KVBbg/groß.txt"), sum.Bytes)
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", d.w.PID()), []byte("5"), 0); err != nil {
		t.Logf("peak counter not reset (%v): it counts from the start", err)
	}
	begun := time.Now()
	r := d.sync()
	sum.Seconds, sum.Peak = time.Since(begun).Seconds(), peakKiB(t, d.w.PID())
	sum.Chunks = len(r.by("PUT"))
	moves := r.by("MOVE").to("/.file")
	if len(moves) != 1 || moves[0].status != 201 || sum.Chunks < 2 {
		t.Fatalf("%d chunks, joined by %v", sum.Chunks, moves)
	}
	patience := clientPatience(sum.Bytes)
	sum.Joined, sum.Patient = moves[0].took.Seconds(), patience.Seconds()
	if moves[0].took > patience {
		t.Errorf("joined after %s, the client waits %s", moves[0].took, patience)
	}
	if sum.Peak > largeMemory>>10 {
		t.Errorf("the server needs %d KiB for %d bytes, want %d at most", sum.Peak, sum.Bytes, largeMemory>>10)
	}
	q, err := d.w.Request(d.login, "GET", "/dav/an_KVBbg/gro%C3%9F.txt", nil)
	must(t, err)
	resp, err := d.w.Client().Do(q)
	must(t, err)
	defer resp.Body.Close()
	h := sha256.New()
	if n, err := io.Copy(h, resp.Body); err != nil || n != sum.Bytes || fmt.Sprintf("%x", h.Sum(nil)) != digest {
		t.Errorf("%d bytes came back, %v; the digest is another: %t", n, err, fmt.Sprintf("%x", h.Sum(nil)) != digest)
	}
	if names := uploads(t, d); len(names) > 0 {
		t.Errorf("chunks are left: %v", names)
	}
}

// writeLines makes a file of so many bytes in which no two lines are alike, and
// gives its SHA-256. It is text, in which a scanner sees no archive.
func writeLines(t *testing.T, name string, size int64) string {
	t.Helper()
	f, err := os.Create(name)
	must(t, err)
	defer f.Close()
	h := sha256.New()
	w := bufio.NewWriterSize(io.MultiWriter(f, h), 1<<20)
	for i, left := 0, size; left > 0; i++ {
		line := fmt.Sprintf("%012d;%s;%s\n", i, filepath.Base(name), strings.Repeat("Meldung ", 20))
		line = line[:min(int64(len(line)), left)]
		n, err := w.WriteString(line)
		must(t, err)
		left -= int64(n)
	}
	must(t, cmp.Or(w.Flush(), f.Close()))
	return fmt.Sprintf("%x", h.Sum(nil))
}
