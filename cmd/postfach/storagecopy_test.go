// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"postfach/mailbox"
	"postfach/storage"
)

// TestStorageCopy: every content comes to the other storage under its key with
// its description, is compared there, and comes once; what is missing or
// different is told (K12, D8).
func TestStorageCopy(t *testing.T) {
	h := newHouse(t)
	h.put("anna", "/an_KVBbg/Liste.csv", "eins")
	h.put("anna", "/an_KVBbg/Liste.csv", "zwei")
	h.put("bert", "/0815/Postausgang/groß.bin", strings.Repeat("0123456789", 300_000))
	for _, name := range []string{"leben/000000000001.detail", "leben/000000000001.log"} {
		if err := h.a.blobs.PutSegment(t.Context(), name, []byte(name), false); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.a.noteStanding(t.Context()); err != nil {
		t.Fatal(err)
	}
	to := "dir:" + filepath.Join(h.dir, "other")
	contains(t, h.must("", "storage", "copy", "--to", to, "--order", "Umzug"), "3 blobs", "0 were there already, and 2 parts of the audit log; 0 missing or different")
	contains(t, h.must("", "storage", "copy", "--to", to), "0 blobs", "3 were there already")
	contains(t, h.must("", "audit", "list", "--json"), `"storage-copy"`, `"Umzug"`)
	h.refuse(exitUsage, "itself", "", "storage", "copy", "--to", "dir:"+filepath.Join(h.dir, "data/blobs"))
	h.refuse(exitUsage, "--to", "", "storage", "copy", "--to", "tape:x")

	text, err := os.ReadFile(h.config)
	if err != nil {
		t.Fatal(err)
	}
	moved := h.file("moved.yaml", strings.Replace(string(text), "dir:data/blobs", "dir:other", 1))
	contains(t, h.must("", "storage", "verify", "--config", moved), "3 versions in 3 blobs", "0 missing or different")

	// The storage of another catalog is refused.
	other := newSite(t, "")
	other.must("", "member", "add", "0815", "Stadt Musterhausen")
	other.refuse(exitRefused, "another catalog", "", "storage", "copy", "--to", to)

	// One that differs there is told and stays; one that is lost here is told.
	var first, second string
	err = filepath.WalkDir(filepath.Join(h.dir, "other"), func(name string, _ os.DirEntry, err error) error {
		if b, errRead := os.ReadFile(name); errRead == nil && string(b) == "eins" {
			first = name
		} else if string(b) == "zwei" {
			second = name
		}
		return err
	})
	if err != nil || first == "" || second == "" {
		t.Fatal(err, first, second)
	}
	if err := os.Chmod(first, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(first, []byte("EINS"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{second, strings.Replace(second, "/other/", "/data/blobs/", 1)} {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	h.refuse(exitRefused, "", "", "storage", "copy", "--to", to)
	_, out, _ := h.try("", "storage", "copy", "--to", to)
	contains(t, out, "another content", "missing", "2 missing or different")
}

// TestStorageCopyAfterRestore: what a restore has lost goes along, since the
// storage that is left behind has the only copy; a description that is damaged
// keeps nothing back (I2, L16).
func TestStorageCopyAfterRestore(t *testing.T) {
	h := newHouse(t)
	h.put("anna", "/an_KVBbg/Liste.csv", "eins")
	lost := h.unnamed(time.Now().Add(-time.Hour), "verloren", sha256.Sum256([]byte("verloren")))
	bare := h.unnamed(time.Now().Add(-time.Hour), "ohne Beschreibung", [32]byte{})
	after := h.unnamed(time.Now().Add(time.Hour), "danach", [32]byte{})
	h.must("", "restore", "--here")
	named := holding(t, filepath.Join(h.dir, "data/blobs"), "eins")
	if err := os.Chmod(named, 0o600); err != nil {
		t.Fatal(err)
	}
	damaged := unix.Setxattr(named, "user.postfach", []byte("{no JSON"), 0) == nil

	to := filepath.Join(h.dir, "other")
	contains(t, h.must("", "storage", "copy", "--to", "dir:"+to), "2 documents that a restored backup does not know", "3 blobs", "0 missing or different")
	there, err := storage.OpenDir(to, storage.Options{ReserveFree: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	for key, body := range map[mailbox.BlobKey]string{lost: "verloren", bare: "ohne Beschreibung"} {
		if sum, _, err := there.Verify(t.Context(), key); err != nil || sum != sha256.Sum256([]byte(body)) {
			t.Errorf("%s: %v", body, err)
		}
	}
	if _, _, err := there.Verify(t.Context(), after); mailbox.KindOf(err) != mailbox.NotFound {
		t.Errorf("what belongs to no loss came along: %v", err)
	}
	if about, err := there.Describe(t.Context(), lost); err != nil || about.Path != "/an_KVBbg/verloren" {
		t.Errorf("%+v, %v", about, err)
	}
	if !damaged {
		t.Skip("no attributes here")
	}
	err = there.Walk(t.Context(), func(b storage.BlobInfo) error {
		about, err := there.Describe(t.Context(), b.Key)
		if b.Size == 4 && about.Path != "/an_KVBbg/Liste.csv" {
			t.Errorf("%+v", about)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
