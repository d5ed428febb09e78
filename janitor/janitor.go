// SPDX-License-Identifier: Apache-2.0

// Package janitor deletes stored bytes that no version names: what crashes and
// lost answers left behind. It decides by age and name only, and never touches
// what is younger than twice the longest upload (DESIGN.md section 3).
package janitor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"postfach/mailbox"
	"postfach/storage"
)

// Catalog says what is named, and what time it is.
type Catalog interface {
	Committed(ctx context.Context, v mailbox.VersionID) (bool, error)
	View(ctx context.Context, fn func(mailbox.Reader) error) error
}

// Storage is what is swept.
type Storage interface {
	Walk(ctx context.Context, fn func(storage.BlobInfo) error) error
	Remove(ctx context.Context, key mailbox.BlobKey) error
	Collect(ctx context.Context, before time.Time) (removed int, err error)
}

// Uploads are those that arrive in chunks.
type Uploads interface {
	// ExpireUploads removes those with which nobody goes on.
	ExpireUploads(ctx context.Context) (removed int, err error)
}

// Janitor sweeps one storage.
type Janitor struct {
	Catalog   Catalog
	Storage   Storage
	Uploads   Uploads
	MaxUpload time.Duration // the longest an upload may take
	// Lost, when set, says between which times the catalog does not know what
	// it once named, since it was restored from a backup: from the last thing
	// it knew until its new life. Nothing of then is deleted.
	Lost func(ctx context.Context) (from, until time.Time, err error)
	Log  *slog.Logger
}

// Swept says what one round found.
type Swept struct {
	Blobs   int   // unnamed ones, deleted unless dry
	Bytes   int64 // of them
	Spared  int   // unnamed ones of a time that a restore has lost; they stay
	Scratch int   // leftovers of crashed uploads, deleted unless dry
	Uploads int   // in chunks and given up, deleted unless dry
}

// Sweep looks at every blob once. A dry round deletes nothing.
func (j *Janitor) Sweep(ctx context.Context, dry bool) (Swept, error) {
	var now time.Time
	if err := j.Catalog.View(ctx, func(r mailbox.Reader) error { now = r.Now(); return nil }); err != nil {
		return Swept{}, err
	}
	var s Swept
	var failed error // the last of those that the round survives
	before := now.Add(-2 * j.MaxUpload)
	var from, until time.Time
	if j.Lost != nil {
		var err error
		if from, until, err = j.Lost(ctx); err != nil {
			return Swept{}, err
		}
	}
	err := j.Storage.Walk(ctx, func(b storage.BlobInfo) error {
		if !b.Key.Version.Time().Before(before) || !b.ModTime.Before(before) {
			return nil
		}
		named, err := j.Catalog.Committed(ctx, b.Key.Version)
		if err != nil || named {
			return err
		}
		// An upload that the lost catalog took may have begun before.
		if at := b.Key.Version.Time(); !at.Before(from.Add(-2*j.MaxUpload)) && !at.After(until) {
			s.Spared++
			return nil
		}
		if !dry {
			err := j.Storage.Remove(ctx, b.Key)
			if err != nil && mailbox.KindOf(err) != mailbox.NotFound { // one that stays must not keep the others
				failed = fmt.Errorf("delete unnamed blob %s: %w", b.Key, err)
				return ctx.Err()
			}
		}
		s.Blobs++
		s.Bytes += b.Size
		return nil
	})
	if err != nil || dry {
		return s, err
	}
	if s.Scratch, err = j.Storage.Collect(ctx, before); err != nil {
		failed = errors.Join(failed, err)
	}
	s.Uploads, err = j.Uploads.ExpireUploads(ctx)
	return s, errors.Join(failed, err)
}

// Run sweeps once a day, for the first time an hour after the start, and looks
// for uploads given up every hour, until ctx ends.
func (j *Janitor) Run(ctx context.Context) {
	t := time.NewTicker(time.Hour)
	defer t.Stop()
	for hour := 0; ; hour++ {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if hour%24 > 0 {
			if _, err := j.Uploads.ExpireUploads(ctx); err != nil {
				j.Log.ErrorContext(ctx, "uploads in chunks not expired", "err", err)
			}
			continue
		}
		s, err := j.Sweep(ctx, false)
		if err != nil {
			j.Log.ErrorContext(ctx, "sweep failed", "err", err)
			continue
		}
		j.Log.InfoContext(ctx, "storage swept", "unnamed", s.Blobs, "bytes", s.Bytes, "spared", s.Spared, "scratch", s.Scratch, "uploads", s.Uploads)
	}
}
