// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postfach/test/world"
)

// eachVendor runs a test with either client in a world of its own.
func eachVendor(t *testing.T, test func(t *testing.T, vendor string)) {
	for _, v := range vendors {
		t.Run(v, func(t *testing.T) {
			t.Parallel()
			test(t, v)
		})
	}
}

// until runs the client again until it has succeeded.
func (d *desk) until(what string, limit time.Duration, done func(deskRun) bool) deskRun {
	d.t.Helper()
	for end := time.Now().Add(limit); ; time.Sleep(3 * time.Second) {
		r := d.try()
		if done(r) {
			return r
		}
		if time.Now().After(end) {
			d.t.Fatalf("not within %s: %s\n%s%s", limit, what, r.requests, tail(r.out))
		}
	}
}

// TestDesktopScannerDown: check 11. The person is told that it is for the
// moment, everything else of the run goes on, and the file arrives later by
// itself.
func TestDesktopScannerDown(t *testing.T) {
	t.Parallel()
	eachVendor(t, func(t *testing.T, vendor string) {
		w := whole(t, world.Everybody())
		d := newDesk(t, w, vendor, "anna")
		d.env = []string{"OWNCLOUD_BLACKLIST_TIME_MAX=25"}
		d.write("an_KVBbg/alt.txt", "alt")
		d.write("an_KVBbg/weg.txt", "weg")
		d.sync()
		w.Put(t, "anna", "/dav/an_KVBbg/vom-server.txt", "von dort")
		w.Scanner.Stop()
		d.write("an_KVBbg/neu.txt", "neu")
		d.write("an_KVBbg/neu-groß.bin", random(t, 12_000_000))
		must(t, os.Remove(d.path("an_KVBbg/weg.txt")))
		r := d.until("503", patience, func(r deskRun) bool { p := r.by("PUT").to("/neu.txt"); return len(p) > 0 && p[0].status == 503 })
		if !strings.Contains(r.out, "Viren") && !strings.Contains(r.out, "viruses") {
			t.Errorf("no word of the scanner:\n%s", tail(r.out))
		}
		if d.read("an_KVBbg/vom-server.txt") != "von dort" || len(r.by("DELETE")) != 1 {
			t.Errorf("the rest of the run did not go on:\n%s", r.requests)
		}
		if names := uploads(t, d); len(names) > 0 {
			t.Errorf("chunks were taken without a scanner: %v", names)
		}
		must(t, w.Scanner.Restart())
		w.WaitReady(patience)
		d.until("uploaded", 5*time.Minute, func(r deskRun) bool { return r.code == 0 })
		d.until("in step", 5*time.Minute, func(deskRun) bool { return len(treeDifferences(served(t, w, "anna", "/dav/"), d.tree())) == 0 })
	})
}

// TestDesktopLostAnswer: the answer to the joining of chunks, and to a PUT, is
// lost on its way. The file is there once, and no client makes a second version
// or a conflict of it (I7).
func TestDesktopLostAnswer(t *testing.T) {
	t.Parallel()
	eachVendor(t, func(t *testing.T, vendor string) {
		w := whole(t, world.Everybody())
		d := newDesk(t, w, vendor, "anna")
		d.env = []string{"OWNCLOUD_BLACKLIST_TIME_MAX=25"}
		d.sync()
		d.write("an_KVBbg/groß.bin", random(t, 25_000_000))
		lost := 0
		d.rec.cut(func(r *http.Request) bool {
			if r.Method != "MOVE" || lost > 0 {
				return false
			}
			lost++
			out, err := w.Request("anna", r.Method, r.URL.EscapedPath(), r.Body)
			must(t, err)
			out.Header = r.Header.Clone()
			resp, err := http.DefaultClient.Do(out)
			must(t, err)
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if resp.StatusCode != 201 {
				t.Errorf("the server answered %d", resp.StatusCode)
			}
			return true
		})
		d.try()
		if lost != 1 {
			t.Fatal("no answer was lost")
		}
		time.Sleep(backOff)
		d.until("in step", 5*time.Minute, func(r deskRun) bool { return r.code == 0 })
		same(t, "the server", served(t, w, "anna", "/dav/"), d.tree())
		versions := 0
		for _, r := range w.Audit(t) {
			if r.Operation == "create" || r.Operation == "replace" {
				versions++
			}
		}
		if conflicts, _ := filepath.Glob(d.path("an_KVBbg/*conflict*")); versions != 1 || len(conflicts) > 0 {
			t.Errorf("%d versions, conflicts %v", versions, conflicts)
		}
	})
}

// TestDesktopRestart: the server is killed while a listing and an upload are
// under way. Nothing is lost on either side.
func TestDesktopRestart(t *testing.T) {
	t.Parallel()
	eachVendor(t, func(t *testing.T, vendor string) {
		w := whole(t, world.Everybody())
		d := newDesk(t, w, vendor, "anna")
		d.env = []string{"OWNCLOUD_BLACKLIST_TIME_MAX=25"}
		for i := range 12 {
			d.write(fmt.Sprintf("an_KVBbg/d%d/f.txt", i), fmt.Sprint("Inhalt ", i))
		}
		d.sync()
		for i := range 12 {
			w.Put(t, "anna", fmt.Sprintf("/dav/an_KVBbg/d%d/vom-server.txt", i), fmt.Sprint("von dort ", i))
			d.write(fmt.Sprintf("an_KVBbg/d%d/neu.txt", i), fmt.Sprint("neu ", i))
		}
		before := d.tree()
		for _, method := range []string{"PROPFIND", "PUT"} {
			n := 0
			d.rec.cut(func(r *http.Request) bool {
				if r.Method == method {
					n++
				}
				if n == 4 {
					w.Kill()
				}
				return n >= 4
			})
			d.hangs = true
			d.try()
			d.hangs = false
			d.rec.cut(nil)
			for name, sum := range before {
				if d.tree()[name] != sum {
					t.Errorf("%s is gone or changed after a kill at a %s", name, method)
				}
			}
			w.Serve()
		}
		time.Sleep(backOff)
		d.until("in step", 5*time.Minute, func(r deskRun) bool { return r.code == 0 })
		now := d.tree()
		same(t, "the server", served(t, w, "anna", "/dav/"), now)
		if len(now) != len(before)+12 {
			t.Errorf("%d names, not %d", len(now), len(before)+12)
		}
	})
}
