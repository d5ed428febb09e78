// SPDX-License-Identifier: Apache-2.0

package janitor

import (
	"context"
	"encoding/binary"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"postfach/catalog"
	"postfach/mailbox"
	"postfach/storage"
)

// versionAt is an id that was given at a time: its first 48 bits are the
// milliseconds (RFC 9562 section 5.7).
func versionAt(when time.Time) mailbox.VersionID {
	id := mailbox.NewVersionID()
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(when.UnixMilli()))
	copy(id[:6], ms[2:])
	return id
}

// TestLostIsSpared: after a restore of an old backup the storage holds what the
// catalog does not name any more, the only copy of acknowledged uploads. It is
// not swept away (I2, L16); what crashes left before and since is.
func TestLostIsSpared(t *testing.T) {
	now := time.Now()
	c, err := catalog.OpenSQLite(filepath.Join(t.TempDir(), "c.db"), catalog.Options{Now: func() time.Time { return now.Add(100 * time.Hour) }})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	blobs, err := storage.OpenDir(t.TempDir(), storage.Options{ReserveFree: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer blobs.Close()
	at := func(when time.Time) mailbox.BlobKey {
		t.Helper()
		key := mailbox.BlobKey{Member: "0815", Folder: "an_KVBbg", Version: versionAt(when)}
		s, err := blobs.Stage(t.Context(), key, 1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Seal(); err != nil {
			t.Fatal(err)
		}
		if err := s.Publish(t.Context(), mailbox.Description{Size: 1, Time: when}); err != nil {
			t.Fatal(err)
		}
		return key
	}
	known, restored := now.Add(-10*time.Hour), now.Add(-5*time.Hour)
	at(now.Add(-20 * time.Hour))
	at(known.Add(-time.Hour)) // begun before, perhaps committed after
	at(known.Add(time.Hour))
	at(now.Add(-time.Hour))
	j := &Janitor{Catalog: c, Storage: blobs, MaxUpload: time.Hour, Log: slog.New(slog.DiscardHandler)}
	sweep := func(blobs, spared int) {
		t.Helper()
		s, err := j.Sweep(t.Context(), true)
		if err != nil || s.Blobs != blobs || s.Spared != spared {
			t.Errorf("%+v, %v; want %d and %d spared", s, err, blobs, spared)
		}
	}
	sweep(4, 0)
	j.Lost = func(context.Context) (time.Time, time.Time, error) { return known, restored, nil }
	sweep(2, 2)
	j.Lost = func(context.Context) (time.Time, time.Time, error) { return time.Time{}, time.Time{}, nil } // never restored
	sweep(4, 0)
}
