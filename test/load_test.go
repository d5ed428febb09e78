// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"postfach/scan/scantest"
	"postfach/test/world"
)

// TestStalledUploads: with 20 stalled uploads open and a scanner of two
// threads, another member's upload goes through (item 7). It is not timed
// against a wall: had a stalled sender held a thread, it would not end at all.
func TestStalledUploads(t *testing.T) {
	o := world.Everybody()
	o.Clamd = scantest.Options{MaxThreads: 2}
	w := whole(t, o)
	hold := make(chan struct{})
	var wg sync.WaitGroup
	var once sync.Once
	release := func() { once.Do(func() { close(hold) }) }
	t.Cleanup(func() { release(); wg.Wait() })
	var underWay sync.WaitGroup
	underWay.Add(20)
	for i := range 20 {
		r, err := w.Request("anna", "PUT", fmt.Sprintf("/dav/an_KVBbg/langsam%02d", i), io.MultiReader(&slowBody{size: 1 << 20, hold: hold, sent: underWay.Done}))
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			if resp, err := w.Client().Do(r); err == nil {
				resp.Body.Close()
			}
		})
	}
	underWay.Wait()
	body := strings.Repeat("y", 1<<20)
	start := time.Now()
	w.Do(t, world.Exchange{As: "emil", Method: "PUT", Path: "/dav/an_KVBbg/schnell", Body: body, Want: 201})
	t.Logf("1 MiB beside 20 stalled uploads: %s", time.Since(start))
	release()
	wg.Wait()
	w.Get(t, "anna", "/dav/an_KVBbg/langsam19")
}

// TestConstantMemory: the server's peak memory does not grow with the size of
// a body, on the way in and out (item 6).
func TestConstantMemory(t *testing.T) {
	o := world.Everybody()
	o.MaxSize, o.Clamd = "300MiB", scantest.Options{MaxSize: 300 << 20}
	constantMemory(t, whole(t, o), 256<<20)
}

// TestConstantMemoryBucket: nor where the contents go to a bucket in parts,
// which would be 64 MiB at a time if they were held. POSTFACH_LARGE=1 sends a
// whole GiB.
func TestConstantMemoryBucket(t *testing.T) {
	size := int64(160 << 20)
	if os.Getenv("POSTFACH_LARGE") != "" {
		size = 1 << 30
	}
	o, _ := outgrownOptions(t)
	o.MaxSize, o.Clamd = fmt.Sprint(size>>20+1, "MiB"), scantest.Options{MaxSize: size + 1<<20}
	w := world.Start(t, o)
	constantMemory(t, w, size)
	if out := w.CLI("", "storage", "verify"); !strings.Contains(out, "0 missing or different") {
		t.Error(out)
	}
}

func constantMemory(t *testing.T, w *world.World, most int64) {
	t.Helper()
	peak := func(size int64) int {
		t.Helper()
		if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", w.PID()), []byte("5"), 0); err != nil {
			t.Logf("peak counter not reset (%v): it counts from the start", err)
		}
		r, err := w.Request("anna", "PUT", "/dav/an_KVBbg/gross.bin", io.MultiReader(&slowBody{size: size}))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := w.Client().Do(r)
		if err != nil || resp.StatusCode/100 != 2 {
			t.Fatalf("PUT: %v %v", resp, err)
		}
		resp.Body.Close()
		r, _ = w.Request("anna", "GET", "/dav/an_KVBbg/gross.bin", nil)
		resp, err = w.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if n, err := io.Copy(io.Discard, resp.Body); n != size || err != nil {
			t.Fatalf("GET: %d bytes of %d, %v", n, size, err)
		}
		return peakKiB(t, w.PID())
	}
	small, large := peak(4<<20), peak(most)
	t.Logf("peak for 4 MiB: %d KiB, for %d MiB: %d KiB", small, most>>20, large)
	if large-small > 32<<10 {
		t.Errorf("%d MiB need %d KiB more than 4 MiB, want 32 MiB at most", most>>20, large-small)
	}
}

var highWater = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

func peakKiB(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	m := highWater.FindSubmatch(b)
	if err != nil || m == nil {
		t.Fatalf("no VmHWM: %v", err)
	}
	n, _ := strconv.Atoi(string(m[1]))
	return n
}

// TestManyMembers imports 3,000 members and 4,000 accounts and asks what
// Explorer asks: the reply stays under 1,000,000 bytes for a caseworker with
// all and for one responsible for 1,000 (item 5, item 3).
func TestManyMembers(t *testing.T) {
	w := whole(t, world.Options{Stopped: true, Accounts: []world.Account{{Login: "alle", Role: "caseworker"}}})
	members, accounts := filepath.Join(w.Dir, "members.csv"), filepath.Join(w.Dir, "accounts.csv")
	writeCSV(t, members, 3000, []string{"number", "name"}, func(i int) []string {
		return []string{fmt.Sprintf("%04d", i+1), fmt.Sprintf("Zweckverband Wasserversorgung Mittleres Beispieltal Nr. %d", i+1)}
	})
	start := time.Now()
	w.CLI("", "member", "import", members)
	w.CLI("", "member", "import", members) // repeatable
	writeCSV(t, accounts, 4000, []string{"login", "person", "email", "role", "member"}, func(i int) []string {
		role, member := "clerk", fmt.Sprintf("%04d", i%3000+1)
		return []string{fmt.Sprintf("konto%04d", i), fmt.Sprintf("Person %d", i), fmt.Sprintf("p%d@example.org", i), role, member}
	})
	w.CLI("", "account", "import", accounts)
	t.Logf("imports took %s", time.Since(start))
	w.AddAccount(world.Account{Login: "tausend", Role: "caseworker", Member: "0001", Flags: []string{"--responsible"}})
	for i := 2; i <= 1000; i += 50 {
		args := []string{"account", "grant", "tausend", "--role", "caseworker", "--responsible"}
		for j := i; j < min(i+50, 1001); j++ {
			args = append(args, "--member", fmt.Sprintf("%04d", j))
		}
		w.CLI("", args...)
	}
	w.Serve()
	for login, want := range map[string]int{"alle": 0, "tausend": 1000} {
		a := w.Do(t, world.Exchange{As: login, Method: "PROPFIND", Path: "/dav/", Header: depth1, Want: 207})
		n := len(world.ParseMultistatus(t, a.Body)) - 1
		t.Logf("%s: %d members in %d bytes", login, n, len(a.Body))
		if len(a.Body) >= 1_000_000 || n != want {
			t.Errorf("%s: %d bytes, %d members; want under 1,000,000 bytes and %d members", login, len(a.Body), n, want)
		}
	}
	w.Do(t, world.Exchange{As: "alle", Method: "PROPFIND", Path: "/dav/2999/", Header: depth1, Want: 207}) // by number
	w.Do(t, world.Exchange{As: "alle", Method: "GET", Path: "/dav/", Want: 200, Contains: "zu viele Postfächer"})
}

func writeCSV(t *testing.T, name string, n int, header []string, row func(int) []string) {
	t.Helper()
	var b bytes.Buffer
	c := csv.NewWriter(&b)
	c.Comma = ';'
	c.Write(header)
	for i := range n {
		c.Write(row(i))
	}
	c.Flush()
	writeFile(t, name, b.String())
}

// TestReplaceWhileReading: a reader gets the version it began with (item 6).
func TestReplaceWhileReading(t *testing.T) {
	w := whole(t, world.Everybody())
	first, second := strings.Repeat("1", 8<<20), strings.Repeat("2", 8<<20)
	w.Put(t, "anna", "/dav/an_KVBbg/f", first)
	r, err := w.Request("anna", "GET", "/dav/an_KVBbg/f", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := w.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	head := make([]byte, 1000)
	if _, err := io.ReadFull(resp.Body, head); err != nil {
		t.Fatal(err)
	}
	w.Put(t, "anna", "/dav/an_KVBbg/f", second)
	rest, err := io.ReadAll(resp.Body)
	if err != nil || string(head)+string(rest) != first {
		t.Errorf("the reader got %d bytes that are not the version it began with (%v)", len(head)+len(rest), err)
	}
	if got := w.Get(t, "anna", "/dav/an_KVBbg/f"); string(got.Body) != second {
		t.Error("a new reader does not get the new version")
	}
}

// TestParallelPuts of one path: no torn file, every answer 2xx or by rule.
func TestParallelPuts(t *testing.T) {
	w := whole(t, world.Everybody())
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			body := strings.Repeat(string(rune('a'+i)), 200_000)
			a, err := w.Send(world.Exchange{As: "anna", Method: "PUT", Path: "/dav/an_KVBbg/f", Body: body})
			if err != nil || a.Status != http.StatusCreated && a.Status != http.StatusNoContent {
				t.Errorf("PUT %d: %d %v", i, a.Status, err)
			}
		})
	}
	wg.Wait()
	got := w.Get(t, "anna", "/dav/an_KVBbg/f").Body
	if len(got) != 200_000 || bytes.Count(got, got[:1]) != len(got) {
		t.Errorf("a torn file of %d bytes", len(got))
	}
}
