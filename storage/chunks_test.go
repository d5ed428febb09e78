// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postfach/mailbox"
	"postfach/storage/storagetest"
)

func TestDirChunks(t *testing.T) {
	storagetest.Chunks(t, func(t *testing.T) mailbox.Chunks { return openChunks(t, t.TempDir()) })
}

func openChunks(t *testing.T, path string) *Chunks {
	t.Helper()
	d, err := OpenDir(path, Options{ReserveFree: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d.Chunks()
}

// Chunks are no blobs: no walk, no search for strays and no collection of
// broken uploads ever meets one.
func TestDirChunksAreNoBlobs(t *testing.T) {
	path := t.TempDir()
	c := openChunks(t, path)
	u := mailbox.ChunkedUpload{Account: 3, Name: "42"}
	if err := c.Begin(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Put(t.Context(), u, 1, 5, strings.NewReader("chunk")); err != nil {
		t.Fatal(err)
	}
	if err := c.dir.Walk(t.Context(), func(b BlobInfo) error { t.Errorf("walked to %s", b.Key); return nil }); err != nil {
		t.Error(err)
	}
	if strays, err := c.dir.Strays(t.Context(), 10); err != nil || len(strays) > 0 {
		t.Errorf("strays %v %v", strays, err)
	}
	if n, err := c.dir.Collect(t.Context(), time.Now().Add(time.Hour)); err != nil || n != 0 {
		t.Errorf("%d %v", n, err)
	}
	// Another process goes on with them, and nobody else on the machine reads.
	again := openChunks(t, path)
	if list, err := again.List(t.Context(), u); err != nil || len(list) != 1 {
		t.Errorf("%v %v", list, err)
	}
	err := filepath.WalkDir(filepath.Join(path, chunksName), func(p string, e os.DirEntry, err error) error {
		if info, _ := e.Info(); err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", p, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// What a crash left of a chunk or of a removal is never listed, and goes with
// time.
func TestDirChunksAfterCrash(t *testing.T) {
	path := t.TempDir()
	c := openChunks(t, path)
	u := mailbox.ChunkedUpload{Account: 3, Name: "42"}
	if err := c.Begin(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"3/42/.half", ".gone-1/0001"} {
		full := filepath.Join(path, chunksName, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte("half"), 0o400); err != nil {
			t.Fatal(err)
		}
	}
	if list, err := c.List(t.Context(), u); err != nil || len(list) != 0 {
		t.Errorf("%v %v", list, err)
	}
	if n, err := c.Expire(t.Context(), time.Now().Add(time.Hour)); err != nil || n != 1 {
		t.Errorf("%d %v", n, err)
	}
	if left, err := os.ReadDir(filepath.Join(path, chunksName)); err != nil || len(left) != 0 {
		t.Errorf("%v %v", left, err)
	}
}

// A chunk needs room like any upload, and a caller who has given up gets none.
func TestDirChunksRoom(t *testing.T) {
	d, err := OpenDir(t.TempDir(), Options{ReserveFree: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	c, u := d.Chunks(), mailbox.ChunkedUpload{Account: 3, Name: "42"}
	if err := c.Begin(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Put(t.Context(), u, 1, 1<<60, strings.NewReader("x")); mailbox.KindOf(err) != mailbox.Unavailable {
		t.Errorf("an exbibyte: %v", err)
	}
	if d.promised.Load() != 0 {
		t.Errorf("%d bytes stay promised", d.promised.Load())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := c.Put(ctx, u, 1, 1, strings.NewReader("x")); mailbox.KindOf(err) != mailbox.Canceled {
		t.Errorf("canceled: %v", err)
	}
}
