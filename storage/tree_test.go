// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestTreeOpens: nothing outside the storage is opened, whatever stands in it;
// what is absent is fs.ErrNotExist, and what is inside opens.
func TestTreeOpens(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	for _, d := range []string{filepath.Join(outside, "0815"), filepath.Join(dir, "a", "b")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	below, err := openTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer below.close()
	for name, want := range map[string]error{"a/b": nil, "a/c": fs.ErrNotExist, "link/0815": unix.EXDEV,
		"../" + filepath.Base(outside): unix.EXDEV, outside: unix.EXDEV} {
		f, err := below.open(name, os.O_RDONLY|unix.O_DIRECTORY, 0)
		if err == nil {
			_, err = f.Readdirnames(-1)
			f.Close()
		}
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
}
