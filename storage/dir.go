// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"postfach/mailbox"
)

// Dir is a storage in a folder of this machine. Several processes may use one
// folder at a time. Its methods may be called at the same time.
type Dir struct {
	*spool
	path string
}

var _ mailbox.Blobs = (*Dir)(nil)

// OpenDir opens the storage in the folder path, and makes it when there is
// none. A folder that anything else lives in is refused, and so is a storage
// of another format. A storage that can be read but not written opens: Ready
// then says what is wrong.
func OpenDir(path string, o Options) (*Dir, error) {
	if err := makeDurably(path); err != nil {
		return nil, fmt.Errorf("storage: %w", err)
	}
	t, err := openTree(path)
	if err != nil {
		return nil, fmt.Errorf("storage: %w", err)
	}
	if err := claim(t.root); err != nil {
		return nil, errors.Join(fmt.Errorf("storage: %w", err), t.close())
	}
	d := &Dir{spool: newSpool(t, o), path: path}
	d.lasting = true
	// Without success here, the first upload that comes tries again.
	_ = d.prepare()
	return d, nil
}

// Close gives up the folder; blobs that are being read go on undisturbed.
func (d *Dir) Close() error { return d.close() }

// Notes says in plain sentences what this file system does worse than ext4 or
// XFS would; nothing of it endangers a blob.
func (d *Dir) Notes() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var notes []string
	if d.probed && !d.can.nameless {
		notes = append(notes, "The storage folder's file system has no nameless files; uploads without a verdict lie in "+
			stagingName+" under names, and a crash leaves them there until they are collected.")
	}
	if d.probed && !d.can.attrs {
		notes = append(notes, "The storage folder's file system has no extended attributes; blobs are stored without a description.")
	}
	return notes
}

// StagingDir is where uploads lie without a verdict; a scanner that is handed
// descriptors must be able to read files from there.
func (d *Dir) StagingDir() string { return filepath.Join(d.path, stagingName) }

// Stage begins an upload. Kind Unavailable when size bytes (-1: unknown) and
// what other uploads announced would not leave Options.ReserveFree.
func (d *Dir) Stage(ctx context.Context, key mailbox.BlobKey, size int64) (mailbox.Staged, error) {
	if _, _, err := location(key); err != nil {
		return nil, err
	}
	s, err := d.stage(ctx, size)
	if err != nil {
		return nil, err
	}
	return &upload{staged: s, dir: d, key: key}, nil
}

// Open reads n bytes from offset (n < 0: to the end). What comes back of a
// part of a blob has a WriteTo, so that io.Copy to a connection uses sendfile
// for it as it does for the *os.File of a whole one. Kind NotFound when there
// is no such blob, RangeUnsatisfiable when offset lies beyond its end.
func (d *Dir) Open(ctx context.Context, key mailbox.BlobKey, offset, n int64) (io.ReadCloser, error) {
	if err := given(ctx); err != nil {
		return nil, err
	}
	f, size, err := d.open(key)
	if err != nil {
		return nil, err
	}
	if offset < 0 || offset > size {
		return nil, errors.Join(mailbox.Wrap(mailbox.RangeUnsatisfiable, "",
			fmt.Errorf("storage: offset %d in %s of %d bytes", offset, key, size)), f.Close())
	}
	if offset > 0 {
		if _, err := f.Seek(offset, io.SeekStart); err != nil {
			return nil, errors.Join(refusal("storage: seek", err), f.Close())
		}
	}
	if n < 0 || offset+n == size {
		return f, nil
	}
	return &section{LimitedReader: io.LimitedReader{R: f, N: n}, file: f}, nil
}

// open gives the file of a blob and its size in bytes.
func (d *Dir) open(key mailbox.BlobKey) (*os.File, int64, error) {
	folder, name, err := location(key)
	if err != nil {
		return nil, 0, err
	}
	f, err := d.root.Open(folder + "/" + name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, mailbox.Wrap(mailbox.NotFound, "", fmt.Errorf("storage: %s: %w", key, err))
	}
	if err != nil {
		return nil, 0, refusal("storage: open "+key.String(), err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(refusal("storage: stat "+key.String(), err), f.Close())
	}
	if !info.Mode().IsRegular() {
		return nil, 0, errors.Join(refusal("storage: open", fmt.Errorf("%s is no file", key)), f.Close())
	}
	return f, info.Size(), nil
}

// section is a part of a file.
type section struct {
	io.LimitedReader
	file *os.File
}

// WriteTo hands on the *io.LimitedReader itself, which is what package net
// looks for before it uses sendfile.
func (s *section) WriteTo(w io.Writer) (int64, error) { return io.Copy(w, &s.LimitedReader) }

func (s *section) Close() error { return s.file.Close() }

// Stat is that of the whole blob.
func (s *section) Stat() (fs.FileInfo, error) { return s.file.Stat() }

// Ready says whether an upload could be stored now: the folder is still the
// one that was opened, can be written, and has room. It writes nothing.
func (d *Dir) Ready(ctx context.Context) error {
	if err := given(ctx); err != nil {
		return err
	}
	if err := d.prepare(); err != nil {
		return err
	}
	ours, err := d.top.Stat()
	if err != nil {
		return refusal("storage", err)
	}
	now, err := os.Stat(d.path)
	if err != nil {
		return refusal("storage", err)
	}
	if !os.SameFile(ours, now) {
		return refusal("storage", fmt.Errorf("%s is not the folder any more that was opened", d.path))
	}
	if _, err := d.root.Stat(markerName); err != nil {
		return refusal("storage", err)
	}
	if err := unix.Faccessat(int(d.top.Fd()), stagingName, unix.W_OK|unix.X_OK, 0); err != nil {
		return refusal("storage", &fs.PathError{Op: "access", Path: d.path + "/" + stagingName, Err: err})
	}
	return d.room()
}
