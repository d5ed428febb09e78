// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"testing"
	"time"

	"postfach/mailbox"
	"postfach/storage/storagetest"
)

// stored is what both storages can do; cmd and janitor declare what they need
// of it.
type stored interface {
	mailbox.Blobs
	Walk(ctx context.Context, fn func(BlobInfo) error) error
	Strays(ctx context.Context, limit int) ([]string, error)
	Verify(ctx context.Context, key mailbox.BlobKey) (sum [32]byte, size int64, err error)
	Describe(ctx context.Context, key mailbox.BlobKey) (mailbox.Description, error)
	Collect(ctx context.Context, before time.Time) (removed int, err error)
}

var (
	_ stored = (*Dir)(nil)
	_ stored = (*S3)(nil)
)

func inventory(s stored) storagetest.Inventory {
	return storagetest.Inventory{Blobs: s, Strays: s.Strays, Verify: s.Verify, Describe: s.Describe, Collect: s.Collect,
		Walk: func(ctx context.Context, fn func(mailbox.BlobKey, int64, time.Time) error) error {
			return s.Walk(ctx, func(b BlobInfo) error { return fn(b.Key, b.Size, b.ModTime) })
		}}
}

func TestDirInventory(t *testing.T) {
	storagetest.Inventories(t, func(t *testing.T) storagetest.Inventory { return inventory(openDir(t, t.TempDir(), Options{})) })
}
