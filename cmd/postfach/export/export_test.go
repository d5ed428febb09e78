// SPDX-License-Identifier: Apache-2.0

package export

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"postfach/mailbox"
)

// source gives every key the same content.
func source(content string) Options {
	return Options{Open: func(context.Context, mailbox.BlobKey) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader([]byte(content))), nil
	}}
}

func document(path, content string) Document {
	return Document{Number: "0815", Path: path, Modified: time.Unix(1600000000, 0),
		Version: mailbox.Version{ID: mailbox.NewVersionID(), SHA256: sha256.Sum256([]byte(content)), Size: int64(len(content))}}
}

// TestSha256sumReadsOddNames: sha256sum -c accepts what was written, whatever
// the names, those that an upload would refuse too (P29: an export of a catalog
// that was put together from the storage may hold them).
func TestSha256sumReadsOddNames(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	w, err := New(dir, source("Inhalt"))
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"/Bescheid Müller & Söhne.pdf", "/-n", "/ *führend", "/a\\b", "/Zeile\nzwei", "/Wagen\rlauf", "/„quer“ 'x' $(y)", "/an_KVBbg/日本.txt", "/../../raus"}
	for _, n := range names {
		if err := w.Add(t.Context(), document(n, "Inhalt")); err != nil {
			t.Fatalf("%q: %v", n, err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sha256sum", "--check", "--strict", "--quiet", Sums)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if info, err := os.Stat(filepath.Join(dir, "0815", "raus")); err != nil || !info.ModTime().Equal(time.Unix(1600000000, 0)) {
		t.Errorf("a path cannot lead out, and times are kept: %v %v", info, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "0815", "a\\b"), []byte("anders"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd = exec.Command("sha256sum", "--check", "--strict", "--quiet", Sums)
	cmd.Dir = dir
	if cmd.Run() == nil {
		t.Error("sha256sum did not see a changed file under an escaped name")
	}
}

// TestTargetIsOurs: a folder that holds something is refused, and no link in
// the target leads out of it.
func TestTargetIsOurs(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(dir, source("")); !errors.Is(err, ErrNotEmpty) {
		t.Fatalf("a folder that is not empty: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "x")); err != nil {
		t.Fatal(err)
	}
	w, err := New(dir, source("Inhalt"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "0815")); err != nil {
		t.Fatal(err)
	}
	if err := w.Add(t.Context(), document("/x.txt", "Inhalt")); err == nil {
		t.Error("wrote through a link")
	}
	if left, _ := os.ReadDir(outside); len(left) > 0 {
		t.Errorf("%v was written outside the target", left)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestOtherBytesAreNotWritten: what is not what was scanned leaves no file and
// no line.
func TestOtherBytesAreNotWritten(t *testing.T) {
	dir := t.TempDir()
	w, err := New(dir, source("verändert"))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Add(t.Context(), document("/x.txt", "Inhalt")); mailbox.KindOf(err) != mailbox.Internal || err == nil {
		t.Fatalf("other bytes: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(filepath.Join(dir, "0815")); len(left) > 0 {
		t.Errorf("%v stayed", left)
	}
	if sums, _ := os.ReadFile(filepath.Join(dir, Sums)); bytes.Count(sums, []byte("\n")) != 1 {
		t.Errorf("digests: %s", sums)
	}
}
