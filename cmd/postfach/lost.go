// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"postfach/cmd/postfach/sheet"
	"postfach/mailbox"
	"postfach/storage"
)

// lostBlob is a document in the storage that the catalog does not name.
type lostBlob struct {
	storage.BlobInfo
	about mailbox.Description // zero where there is none
}

// walkUnnamed calls fn for every blob since a time that no version names.
func (a *app) walkUnnamed(ctx context.Context, since time.Time, fn func(lostBlob) error) error {
	return a.blobs.Walk(ctx, func(b storage.BlobInfo) error {
		if b.Key.Version.Time().Before(since) {
			return nil
		}
		named, err := a.catalog.Committed(ctx, b.Key.Version)
		if err != nil || named {
			return err
		}
		about, err := a.blobs.Describe(ctx, b.Key)
		// One description that is damaged or missing must not keep everybody
		// from beginning again; a storage that is out of reach must.
		if k := mailbox.KindOf(err); err != nil && (k == mailbox.Unavailable || k == mailbox.Canceled) {
			return err
		}
		return fn(lostBlob{b, about})
	})
}

// lostList is a CSV file of them.
type lostList struct{ out *sheet.Writer }

// newLostList makes the file; "" makes none.
func newLostList(path string) (*lostList, error) {
	if path == "" {
		return &lostList{}, nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	out, err := sheet.New(lasting{f}, "key", "stored", "member", "path", "bytes", "sha256", "entry", "person")
	return &lostList{out}, err
}

func (l *lostList) add(b lostBlob) {
	if l.out == nil {
		return
	}
	sum := ""
	if b.about.SHA256 != [32]byte{} {
		sum = fmt.Sprintf("%x", b.about.SHA256)
	}
	l.out.Add(b.Key.String(), b.Key.Version.Time().UTC().Format(time.RFC3339), b.Key.Member, plain(b.about.Path),
		fmt.Sprint(b.Size), sum, number(b.about.Entry), number(b.about.Person))
}

func (l *lostList) close() error {
	if l.out == nil {
		return nil
	}
	return l.out.Close()
}

// lasting is a file that is on the disk when it is closed.
type lasting struct{ *os.File }

func (f lasting) Close() error { return errors.Join(f.Sync(), f.File.Close()) }
