// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"postfach/mailbox"
)

// unnamed stores a document that no version names, as a lost catalog leaves it.
func (h *house) unnamed(at time.Time, body string, sum [32]byte) mailbox.BlobKey {
	h.t.Helper()
	key := mailbox.BlobKey{Member: "0815", Folder: "an_KVBbg", Version: mailbox.NewVersionID()}
	var ms [8]byte // its first 48 bits are the time (RFC 9562 section 5.7)
	binary.BigEndian.PutUint64(ms[:], uint64(at.UnixMilli()))
	copy(key.Version[:6], ms[2:])
	staged, err := h.a.blobs.Stage(h.t.Context(), key, int64(len(body)))
	if err != nil {
		h.t.Fatal(err)
	}
	_, err = staged.Write([]byte(body))
	if _, errSeal := staged.Seal(); err != nil || errSeal != nil {
		h.t.Fatal(err, errSeal)
	}
	err = staged.Publish(h.t.Context(), mailbox.Description{Path: "/an_KVBbg/" + body, SHA256: sum, Size: int64(len(body)), Time: at})
	if err != nil {
		h.t.Fatal(err)
	}
	if err := os.Chtimes(holding(h.t, filepath.Join(h.dir, "data/blobs"), body), at, at); err != nil {
		h.t.Fatal(err)
	}
	return key
}

// holding finds the file with a content.
func holding(t *testing.T, dir, body string) (found string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		if b, err := os.ReadFile(name); err == nil && string(b) == body {
			found = name
		}
		return nil
	})
	if err != nil || found == "" {
		t.Fatalf("%q: %v", body, err)
	}
	return found
}

// TestGivenUpIsRecorded: who gives up what a restore has lost is recorded before
// anything goes, with what went, also when the storage fails on the way (I3).
func TestGivenUpIsRecorded(t *testing.T) {
	h := newHouse(t)
	h.unnamed(time.Now().Add(-48*time.Hour), "verloren", [32]byte{})
	staging := filepath.Join(h.dir, "data/blobs/.staging")
	if err := os.Rename(staging, staging+".away"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(staging, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	h.a.janitor.Lost = nil
	if swept, err := h.a.giveUp(t.Context(), mailbox.By{System: "nacht", Order: "Weisung 7"}); err == nil || swept.Blobs != 1 {
		t.Fatalf("%+v, %v", swept, err)
	}
	var got []string
	records := func() {
		t.Helper()
		got = nil
		for line := range strings.Lines(h.must("", "audit", "list", "--json")) {
			var r struct {
				Operation, Result string
				Detail            struct {
					Order       string
					Count, Size int64
				}
			}
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				t.Fatal(err)
			}
			if r.Operation == string(opCollectLost) {
				got = append(got, fmt.Sprintf("%s %s %d %d", r.Result, r.Detail.Order, r.Detail.Count, r.Detail.Size))
			}
		}
		slices.Sort(got)
	}
	if err := os.Remove(staging); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(staging+".away", staging); err != nil {
		t.Fatal(err)
	}
	if records(); !slices.Equal(got, []string{"begun Weisung 7 0 0", "failed Weisung 7 1 8"}) {
		t.Errorf("%q", got)
	}
	contains(t, h.must("", "storage", "collect", "--lost", "--order", "Weisung 8"), "0 unnamed blobs", "is given up")
	if records(); !slices.Equal(got, []string{"begun Weisung 7 0 0", "begun Weisung 8 0 0", "failed Weisung 7 1 8", "ok Weisung 8 0 0"}) {
		t.Errorf("%q", got)
	}
}
