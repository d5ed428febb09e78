// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"postfach/mailbox"
)

// readDirStep bounds how many names of a folder are held at a time.
const readDirStep = 512

// depth of a blob below the root: member, folder, fan-out, version id.
const depth = 4

// Walk calls fn for every blob, in no order, and stops at its first error.
// Blobs that come or go meanwhile may be told or not. What is no blob is left
// out; see Strays.
func (d *Dir) Walk(ctx context.Context, fn func(BlobInfo) error) error {
	return d.walk(ctx, ".", 1, func(rel string, e fs.DirEntry) error {
		key, ok := keyOf(rel)
		if !ok || !e.Type().IsRegular() {
			return nil
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return refusal("storage: walk", err)
		}
		return fn(BlobInfo{Key: key, Size: info.Size(), ModTime: info.ModTime()})
	}, nil)
}

// Strays gives the paths below the folder that are neither blobs nor folders
// of blobs, at most limit of them.
func (d *Dir) Strays(ctx context.Context, limit int) ([]string, error) {
	var found []string
	enough := errors.New("enough")
	add := func(rel string) error {
		if found = append(found, rel); len(found) >= limit {
			return enough
		}
		return nil
	}
	err := d.walk(ctx, ".", 1, func(rel string, e fs.DirEntry) error {
		if _, ok := keyOf(rel); ok && e.Type().IsRegular() {
			return nil
		}
		return add(rel)
	}, add)
	if errors.Is(err, enough) {
		err = nil
	}
	return found, err
}

// walk calls leaf for what lies at the depth of blobs, and stray for what lies
// higher and is no folder of blobs; stray may be nil.
func (d *Dir) walk(ctx context.Context, rel string, level int, leaf func(string, fs.DirEntry) error, stray func(string) error) error {
	f, err := d.root.Open(rel)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return refusal("storage: walk", err)
	}
	defer f.Close()
	for {
		entries, errRead := f.ReadDir(readDirStep)
		for _, e := range entries {
			if err := given(ctx); err != nil {
				return err
			}
			if err := d.visit(ctx, rel, e, level, leaf, stray); err != nil {
				return err
			}
		}
		if errors.Is(errRead, io.EOF) {
			return nil
		}
		if errRead != nil {
			return refusal("storage: walk", errRead)
		}
	}
}

func (d *Dir) visit(ctx context.Context, parent string, e fs.DirEntry, level int, leaf func(string, fs.DirEntry) error, stray func(string) error) error {
	rel := e.Name()
	if level > 1 {
		rel = parent + "/" + rel
	}
	switch {
	case level == depth:
		return leaf(rel, e)
	case level == 1 && (rel == markerName || rel == stagingName || rel == chunksName || rel == auditName || rel == lostFound ||
		strings.HasPrefix(rel, standingName)):
		return nil
	case e.IsDir() && !(level == 1 && reserved(rel)):
		return d.walk(ctx, rel, level+1, leaf, stray)
	case stray != nil:
		return stray(rel)
	}
	return nil
}

// Remove destroys a blob; on return a power cut does not bring it back. Kind
// NotFound when there is none. Who is reading it reads on.
func (d *Dir) Remove(ctx context.Context, key mailbox.BlobKey) error {
	if err := given(ctx); err != nil {
		return err
	}
	folder, name, err := location(key)
	if err != nil {
		return err
	}
	err = d.root.Remove(folder + "/" + name)
	if errors.Is(err, fs.ErrNotExist) {
		return mailbox.Wrap(mailbox.NotFound, "", fmt.Errorf("storage: %s: %w", key, err))
	}
	if err == nil {
		err = syncDir(d.root, folder)
	}
	return refusal("storage: remove "+key.String(), err)
}

// Verify reads a blob and gives its digest and size in bytes. Kind NotFound
// when there is none.
func (d *Dir) Verify(ctx context.Context, key mailbox.BlobKey) (sum [32]byte, size int64, err error) {
	f, _, err := d.open(key)
	if err != nil {
		return sum, 0, err
	}
	defer f.Close()
	h := sha256.New()
	buf := make([]byte, 256<<10)
	for {
		if err := given(ctx); err != nil {
			return sum, size, err
		}
		n, err := f.Read(buf)
		h.Write(buf[:n])
		size += int64(n)
		if errors.Is(err, io.EOF) {
			return [32]byte(h.Sum(nil)), size, nil
		}
		if err != nil {
			return sum, size, refusal("storage: read "+key.String(), err)
		}
	}
}

// Describe gives the description that was stored with a blob. Kind NotFound
// when there is no such blob; Unsupported when it has no description.
func (d *Dir) Describe(ctx context.Context, key mailbox.BlobKey) (mailbox.Description, error) {
	if err := given(ctx); err != nil {
		return mailbox.Description{}, err
	}
	f, _, err := d.open(key)
	if err != nil {
		return mailbox.Description{}, err
	}
	defer f.Close()
	text := make([]byte, 64<<10) // the most that Linux lets an attribute have
	n, err := unix.Fgetxattr(int(f.Fd()), descriptionAttr, text)
	if errors.Is(err, unix.ENODATA) || errors.Is(err, unix.ENOTSUP) {
		return mailbox.Description{}, mailbox.Wrap(mailbox.Unsupported, "", fmt.Errorf("storage: %s has no description", key))
	}
	if err != nil {
		return mailbox.Description{}, refusal("storage: describe "+key.String(), err)
	}
	about, err := decode(text[:n])
	if err != nil {
		return mailbox.Description{}, fault("description of %s: %w", key, err)
	}
	return about, nil
}

// Collect removes what crashes left in the staging folder and was last touched
// before the given time, and says how many that were. Nameless uploads need no
// collecting: the kernel frees them.
func (d *Dir) Collect(ctx context.Context, before time.Time) (removed int, err error) {
	return d.sweep(ctx, before)
}
