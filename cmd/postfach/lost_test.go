// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestRestoreBesideDamage: descriptions that are missing or damaged keep nobody
// from beginning again, and what they belong to is listed all the same.
func TestRestoreBesideDamage(t *testing.T) {
	h := newHouse(t)
	h.put("anna", "/an_KVBbg/Liste.csv", "Inhalt")
	restored := newSite(t, "")
	copied := filepath.Join(t.TempDir(), "catalog.db")
	h.must("", "backup", copied)
	h.put("anna", "/an_KVBbg/Später.csv", "kam danach")
	h.put("anna", "/an_KVBbg/Noch später.csv", "kam noch später")
	blobs := filepath.Join(restored.dir, "data", "blobs")
	if err := os.MkdirAll(filepath.Dir(blobs), 0o700); err != nil {
		t.Fatal(err)
	}
	// What is copied so has lost its descriptions.
	if err := os.CopyFS(blobs, os.DirFS(filepath.Join(h.dir, "data", "blobs"))); err != nil {
		t.Fatal(err)
	}
	damaged := 0
	err := filepath.WalkDir(filepath.Join(blobs, "0815"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || damaged > 0 {
			return err
		}
		damaged++
		return unix.Setxattr(path, "user.postfach", []byte("{no JSON"), 0)
	})
	if err != nil {
		t.Skipf("no attributes here: %v", err)
	}
	list := filepath.Join(t.TempDir(), "lost.csv")
	contains(t, restored.must("", "restore", "--from", copied, "--report", list), "2 documents", "mails are held")
	text, err := os.ReadFile(list)
	if err != nil || strings.Count(string(text), "\n") != 3 {
		t.Errorf("%v\n%s", err, text)
	}
	restored.refuse(exitRefused, "not empty", "", "restore", "--from", copied)
	restored.refuse(exitUsage, "--here takes the catalog", "", "restore", "--here", "--from", copied)
	// A plain copy of a catalog that was restored once is no snapshot.
	plainCopy, err := os.ReadFile(filepath.Join(restored.dir, "data", "catalog.db"))
	if err != nil {
		t.Fatal(err)
	}
	other := newSite(t, "")
	other.refuse(exitRefused, "none that postfach backup has written", "", "restore", "--from", other.file("copy.db", string(plainCopy)))
	if left, _ := filepath.Glob(filepath.Join(other.dir, "data", "catalog.db*")); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	contains(t, restored.must("", "restore", "--here"), "begins a new life", "mails are held")

	// The upload had no mail yet when the backup was made. Whether it was told of
	// after that nobody knows: it is named, not passed over (I4).
	_, out, _ := restored.try("", "check")
	contains(t, out, "1 deliveries and alerts from before have no mail yet")
	const untold = "0815 /an_KVBbg/Liste.csv: to-authority, of "
	contains(t, restored.must("", "notice", "release", "--dry-run"), untold, "1 deliveries and alerts")
	contains(t, restored.must("", "notice", "release"), "mails go out again", untold)
	contains(t, restored.must("", "audit", "list", "--json"), `"notice-omitted"`, `/an_KVBbg/Liste.csv`)
	contains(t, restored.must("", "delivery", "list", "--json"), `"settled"`)
}
