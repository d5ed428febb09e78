// SPDX-License-Identifier: Apache-2.0

package storagetest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"postfach/mailbox"
)

// Inventory is what a storage can say and do about the blobs that it holds.
// Its functions are the storage's methods.
type Inventory struct {
	mailbox.Blobs
	Walk     func(ctx context.Context, fn func(key mailbox.BlobKey, size int64, at time.Time) error) error
	Strays   func(ctx context.Context, limit int) ([]string, error)
	Verify   func(ctx context.Context, key mailbox.BlobKey) (sum [32]byte, size int64, err error)
	Describe func(ctx context.Context, key mailbox.BlobKey) (mailbox.Description, error)
	Collect  func(ctx context.Context, before time.Time) (int, error)
}

// Inventories runs the suite of Inventory; open gives a fresh, empty storage.
func Inventories(t *testing.T, open func(*testing.T) Inventory) {
	for _, tc := range []struct {
		name string
		run  func(*testing.T, Inventory)
	}{
		{"walk tells every blob once", walkAll},
		{"descriptions come back", describeAll},
		{"verify reads what is stored", verify},
		{"remove destroys", removeAll},
		{"collect leaves blobs alone", collectNothing},
	} {
		t.Run(tc.name, func(t *testing.T) { tc.run(t, open(t)) })
	}
}

func walked(t *testing.T, b Inventory) map[mailbox.BlobKey]int64 {
	t.Helper()
	got := map[mailbox.BlobKey]int64{}
	err := b.Walk(t.Context(), func(key mailbox.BlobKey, size int64, at time.Time) error {
		if _, twice := got[key]; twice {
			t.Errorf("%s told twice", key)
		}
		if age := time.Since(at); age < -time.Minute || age > time.Hour {
			t.Errorf("%s is from %s", key, at)
		}
		got[key] = size
		return nil
	})
	if err != nil {
		t.Fatalf("walk: %v", err)
	}
	return got
}

func walkAll(t *testing.T, b Inventory) {
	want := map[mailbox.BlobKey]int64{}
	for i, folder := range []string{"root", "an_KVBbg", "KVBBG-SB-Posteingang", "Postausgang", "für die Kasse"} {
		for _, n := range []int64{0, 1, 2 << 20} {
			key := mailbox.BlobKey{Member: fmt.Sprintf("%04d", i), Folder: folder, Version: mailbox.NewVersionID()}
			Put(t, b, key, Bytes(n, 1))
			want[key] = n
		}
	}
	Seal(t, b, Key(), Bytes(100, 1), 100) // without a verdict
	got := walked(t, b)
	if len(got) != len(want) {
		t.Errorf("%d blobs, want %d", len(got), len(want))
	}
	for key, size := range want {
		if n, ok := got[key]; !ok || n != size {
			t.Errorf("%s: %d bytes (%v), want %d", key, n, ok, size)
		}
	}
	if strays, err := b.Strays(t.Context(), 10); err != nil || len(strays) != 0 {
		t.Errorf("strays %q, %v", strays, err)
	}
	stop := fmt.Errorf("enough")
	if err := b.Walk(t.Context(), func(mailbox.BlobKey, int64, time.Time) error { return stop }); err != stop {
		t.Errorf("walk went on after %v: %v", stop, err)
	}
}

func describeAll(t *testing.T, b Inventory) {
	for _, n := range sizes {
		body, key := Bytes(n, 1), Key()
		about := Describe(body)
		about.Path = strings.Repeat("Änderungen/", 80) + "Prüfliste März.csv" // nearly as long as may be
		s, _ := Seal(t, b, key, body, n)
		if err := s.Publish(t.Context(), about); err != nil {
			t.Fatal(err)
		}
		if got, err := b.Describe(t.Context(), key); err != nil || got != about {
			t.Errorf("%d bytes: %+v, %v, want %+v", n, got, err, about)
		}
	}
	_, err := b.Describe(t.Context(), Key())
	wantKind(t, "describe what is not there", err, mailbox.NotFound)
}

func verify(t *testing.T, b Inventory) {
	for _, n := range sizes {
		body, key := Bytes(n, 1), Key()
		Put(t, b, key, body)
		if sum, size, err := b.Verify(t.Context(), key); err != nil || size != n || sum != sha256.Sum256(body) {
			t.Errorf("%d bytes: %d bytes with %x, %v", n, size, sum, err)
		}
	}
	_, _, err := b.Verify(t.Context(), Key())
	wantKind(t, "verify what is not there", err, mailbox.NotFound)
}

func removeAll(t *testing.T, b Inventory) {
	for _, n := range sizes {
		body, key, stays := Bytes(n, 1), Key(), Key()
		Put(t, b, key, body)
		Put(t, b, stays, body)
		if err := b.Remove(t.Context(), key); err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		absentNow(t, b, key)
		wantKind(t, "remove again", b.Remove(t.Context(), key), mailbox.NotFound)
		same(t, "the other", Get(t, b, stays, 0, -1), body)
		if err := b.Remove(t.Context(), stays); err != nil {
			t.Fatal(err)
		}
	}
	if got := walked(t, b); len(got) != 0 {
		t.Errorf("still told: %v", got)
	}
	if n, err := b.Collect(t.Context(), time.Now().Add(time.Hour)); err != nil || n != 0 {
		t.Errorf("remove left %d things for Collect, %v", n, err)
	}
}

func collectNothing(t *testing.T, b Inventory) {
	bodies := map[mailbox.BlobKey][]byte{}
	for _, n := range sizes {
		key := Key()
		bodies[key] = Bytes(n, 1)
		Put(t, b, key, bodies[key])
	}
	if n, err := b.Collect(t.Context(), time.Now().Add(time.Hour)); err != nil || n != 0 {
		t.Errorf("collected %d, %v", n, err)
	}
	for key, body := range bodies {
		same(t, key.String(), Get(t, b, key, 0, -1), body)
		if _, err := b.Describe(t.Context(), key); err != nil {
			t.Error(err)
		}
	}
}
