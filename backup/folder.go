// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

var _ Place = Folder("")

// Folder is a place on this machine or one that is mounted. It is made when
// missing; its files can be read by us only.
type Folder string

// unfinished ends the names of files that are being written.
const unfinished = ".unfinished"

// Put writes beside the name, and gives the file its name when it is on the disk.
func (f Folder) Put(ctx context.Context, name string, write func(io.Writer) error) error {
	if err := os.MkdirAll(string(f), 0o700); err != nil {
		return err
	}
	temp := filepath.Join(string(f), "."+name+"-"+rand.Text()[:8]+unfinished)
	file, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = write(file)
	if err == nil {
		err = file.Sync()
		// What is read back must come from the disk.
		_ = unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED)
	}
	err = errors.Join(err, file.Close(), context.Cause(ctx))
	if err == nil {
		err = os.Link(temp, filepath.Join(string(f), name)) // never replaces
	}
	return errors.Join(err, os.Remove(temp), f.sync())
}

func (f Folder) sync() error {
	dir, err := os.Open(string(f))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Get opens a file.
func (f Folder) Get(_ context.Context, name string) (io.ReadCloser, error) {
	return os.Open(filepath.Join(string(f), name))
}

// List gives the files.
func (f Folder) List(context.Context) ([]File, error) {
	entries, err := os.ReadDir(string(f))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var all []File
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			all = append(all, File{Name: e.Name(), Size: info.Size()})
		}
	}
	return all, err
}

// Remove deletes a file.
func (f Folder) Remove(_ context.Context, name string) error {
	return errors.Join(os.Remove(filepath.Join(string(f), name)), f.sync())
}

// Tidy removes what was being written when a machine went down.
func (f Folder) Tidy(context.Context) error {
	entries, err := os.ReadDir(string(f))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		info, errInfo := e.Info()
		if errInfo == nil && strings.HasPrefix(e.Name(), ".postfach-") && strings.HasSuffix(e.Name(), unfinished) &&
			time.Since(info.ModTime()) > 24*time.Hour {
			err = errors.Join(err, os.Remove(filepath.Join(string(f), e.Name())))
		}
	}
	return err
}
