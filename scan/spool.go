// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// withSpool fills a file in dir and then reads it through a fresh read-only
// descriptor, after the writing one is closed to changes by us. Nothing
// remains. A nameless file needs a file system with O_TMPFILE; without it a
// named one is used.
func withSpool(dir string, nameless bool, fill, read func(*os.File) error) error {
	w, path, err := createSpool(dir, nameless)
	if err != nil {
		return err
	}
	defer w.Close()
	if path != "" {
		defer os.Remove(path)
	} else {
		path = fmt.Sprintf("/proc/self/fd/%d", w.Fd())
	}
	if err := fill(w); err != nil {
		return err
	}
	if err := w.Chmod(0o400); err != nil {
		return err
	}
	r, err := os.Open(path)
	if err != nil {
		return err
	}
	defer r.Close()
	return read(r)
}

// createSpool gives the path "" for a nameless file.
func createSpool(dir string, nameless bool) (*os.File, string, error) {
	if nameless {
		fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
		if err == nil {
			return os.NewFile(uintptr(fd), filepath.Join(dir, "nameless")), "", nil
		}
	}
	f, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return nil, "", err
	}
	return f, f.Name(), nil
}
