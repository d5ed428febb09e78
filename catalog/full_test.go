// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"postfach/catalog/catalogtest"
	"postfach/mailbox"
)

// TestFullDisk: on a full disk a change is refused whole and reading goes on;
// when there is room again, so do changes.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4m"); err != nil {
		t.Skip("needs a small disk of its own: ", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	s := openAt(t, filepath.Join(dir, "c.db"), Options{})
	m := mailbox.Member{Number: "0815"}
	must(t, s.Update(t.Context(), 0, func(tx mailbox.Tx) error { return tx.InsertMember(&m, catalogtest.Names) }))
	ballast := filepath.Join(dir, "ballast")
	fillDisk(t, ballast)
	v := mailbox.NewVersionID()
	large := func() error {
		return s.Update(t.Context(), m.ID, func(tx mailbox.Tx) error {
			e := mailbox.Entry{Member: m.ID, Parent: m.Folders[mailbox.ToAuthority], Place: mailbox.ToAuthority, Name: "a"}
			if err := tx.InsertEntry(&e); err != nil {
				return err
			}
			if err := tx.InsertVersion(mailbox.Version{ID: v, Entry: e.ID}, nil, v.Time()); err != nil {
				return err
			}
			return tx.SetProps(e.ID, []mailbox.Prop{{Local: "x", XML: strings.Repeat("x", 1<<20)}}, nil)
		})
	}
	for range 3 {
		wantKind(t, large(), mailbox.Unavailable)
	}
	must(t, s.View(t.Context(), func(r mailbox.Reader) error {
		below, err := r.Children(m.Folders[mailbox.ToAuthority], "", 10, nil)
		if len(below) != 0 {
			t.Errorf("half written: %v", below)
		}
		return err
	}))
	if found, err := s.Committed(t.Context(), v); found || err != nil && mailbox.KindOf(err) != mailbox.Unavailable {
		t.Errorf("Committed: %v, %v", found, err)
	}
	must(t, os.Remove(ballast))
	must(t, large())
	if found, err := s.Committed(t.Context(), v); err != nil || !found {
		t.Errorf("Committed: %v, %v", found, err)
	}
}

// fillDisk writes until there is no room.
func fillDisk(t *testing.T, path string) {
	f, err := os.Create(path)
	must(t, err)
	defer f.Close()
	for chunk := make([]byte, 4096); err == nil; {
		_, err = f.Write(chunk)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
}
