// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postfach/scan/scantest"
	"postfach/test/world"
)

// TestImportBesideServer takes an ownCloud's tree over while the server runs:
// clerks see the documents at once, with their times, and no mail goes out. An
// import that is killed and called again takes each document once (K13, L17).
func TestImportBesideServer(t *testing.T) {
	w := whole(t, world.Everybody())
	tree := t.TempDir()
	const many = 150
	stood := time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC)
	put := func(path, body string) {
		t.Helper()
		name := filepath.Join(tree, path)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		writeFile(t, name, body)
		if err := os.Chtimes(name, stood, stood); err != nil {
			t.Fatal(err)
		}
	}
	for i := range many {
		put(fmt.Sprintf("0815/files/an_KVBbg/Akte %d/Blatt %03d.txt", i%5, i), fmt.Sprintf("Blatt %d", i))
	}
	put("0815/files/Bescheid.txt", "Bescheid")
	put("0816/files/an_KVBbg/krank.txt", string(scantest.EICAR()))
	count := func() int {
		return strings.Count(w.CLI("", "entry", "list", "0815", "-r", "--json"), `"folder":false`)
	}

	for kill := range 3 {
		cmd := exec.Command(os.Getenv(world.BinaryVariable), "import", "--from", tree, "--config", w.Config)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(time.Minute); count() < 20*(kill+1) && time.Now().Before(end); {
			time.Sleep(10 * time.Millisecond)
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	if n := count(); n < 60 || n > many {
		t.Logf("%d documents were taken over before the last kill", n)
	}
	out, err := w.Try("", "import", "--from", tree)
	if err == nil || !strings.Contains(out+err.Error(), "1 refused") {
		t.Errorf("the last import: %v\n%s", err, out)
	}
	if n := count(); n != many+1 {
		t.Errorf("%d documents, want %d", n, many+1)
	}
	if out := w.CLI("", "storage", "verify"); !strings.Contains(out, fmt.Sprintf("%d versions in %d blobs", many+1, many+1)) || !strings.Contains(out, "0 missing") {
		t.Error(out)
	}
	got := w.Get(t, "anna", "/dav/an_KVBbg/Akte%203/Blatt%20003.txt")
	if string(got.Body) != "Blatt 3" || got.Header.Get("Last-Modified") != stood.Format("Mon, 02 Jan 2006 15:04:05 GMT") {
		t.Errorf("%q of %s", got.Body, got.Header.Get("Last-Modified"))
	}
	w.Do(t, world.Exchange{As: "emil", Method: "GET", Path: "/dav/an_KVBbg/krank.txt", Want: 404})
	if got := w.Get(t, "anna", "/dav/Bescheid.txt"); string(got.Body) != "Bescheid" {
		t.Errorf("%q", got.Body)
	}
	// A mail would be there by now: one about an upload that came later is.
	w.Put(t, "anna", "/dav/an_KVBbg/danach.txt", "danach")
	w.WaitMails(t, "bert@example.org", 1)
	if all := w.AllMails(); len(all) != 1 {
		t.Errorf("%d mails, want that about the upload alone", len(all))
	}
	w.CLI("", "audit", "replay", "--verify")
}
