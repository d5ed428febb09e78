// SPDX-License-Identifier: Apache-2.0

// Package storagetest is the conformance suite of mailbox.Blobs and of
// mailbox.Chunks. What a storage promises beyond them is tested with that
// storage.
package storagetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"postfach/mailbox"
)

// Blobs runs the suite; open gives a fresh, empty storage and cleans up by
// t.Cleanup.
func Blobs(t *testing.T, open func(*testing.T) mailbox.Blobs) {
	for _, tc := range []struct {
		name string
		run  func(*testing.T, mailbox.Blobs)
	}{
		{"bytes come back as they were", roundTrip},
		{"invisible until published", invisible},
		{"content agrees with what was written", contentAgrees},
		{"discard leaves nothing", discard},
		{"discard after publish does nothing", discardAfter},
		{"a key is used once", keyOnce},
		{"ranges are exact", ranges},
		{"misuse is refused", misuse},
		{"bad keys are refused", badKeys},
		{"a caller who has given up gets nothing", canceled},
		{"umlauts in folders and descriptions", umlauts},
		{"many at once", many},
		{"one key, many at once", oneKeyMany},
		{"absent is NotFound", absent},
		{"ready", ready},
	} {
		t.Run(tc.name, func(t *testing.T) { tc.run(t, open(t)) })
	}
}

// sizes around every border: empty, one byte, the memory limit, several parts.
var sizes = []int64{0, 1, 511, 16 << 10, 64<<10 - 1, 64 << 10, 64<<10 + 1, 1<<20 - 1, 1 << 20, 1<<20 + 1, 9<<20 + 7}

// Bytes gives n bytes that depend on n and seed.
func Bytes(n int64, seed uint64) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16), byte(seed), byte(seed >> 8)})
	_, _ = r.Read(b) // never fails
	return b
}

// Key makes a key that nobody used before.
func Key() mailbox.BlobKey {
	return mailbox.BlobKey{Member: "0815", Folder: "an_KVBbg", Version: mailbox.NewVersionID()}
}

// Describe makes the description of a body.
func Describe(body []byte) mailbox.Description {
	return mailbox.Description{
		Entry: 7, Path: "an_KVBbg/Prüfliste März.csv", SHA256: sha256.Sum256(body), Size: int64(len(body)), Person: 3,
		Time: time.Date(2026, 3, 1, 9, 30, 0, 123456000, time.UTC), Engine: "ClamAV 1.4.6", Database: "27800",
	}
}

// Seal stages a body in uneven pieces and seals it. size is what is announced.
func Seal(t *testing.T, b mailbox.Blobs, key mailbox.BlobKey, body []byte, size int64) (mailbox.Staged, mailbox.Content) {
	t.Helper()
	s, err := b.Stage(t.Context(), key, size)
	if err != nil {
		t.Fatalf("stage: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Discard(); err != nil {
			t.Errorf("discard: %v", err)
		}
	})
	for rest, step := body, 1; len(rest) > 0; step = step*3 + 1 {
		n, err := s.Write(rest[:min(step, len(rest))])
		if err != nil {
			t.Fatalf("write: %v", err)
		}
		rest = rest[n:]
	}
	c, err := s.Seal()
	if err != nil {
		t.Fatalf("seal: %v", err)
	}
	return s, c
}

// Put stores a body.
func Put(t *testing.T, b mailbox.Blobs, key mailbox.BlobKey, body []byte) {
	t.Helper()
	s, _ := Seal(t, b, key, body, int64(len(body)))
	if err := s.Publish(t.Context(), Describe(body)); err != nil {
		t.Fatalf("publish: %v", err)
	}
}

// Get reads n bytes from offset.
func Get(t *testing.T, b mailbox.Blobs, key mailbox.BlobKey, offset, n int64) []byte {
	t.Helper()
	r, err := b.Open(t.Context(), key, offset, n)
	if err != nil {
		t.Fatalf("open %d+%d: %v", offset, n, err)
	}
	got, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatalf("read %d+%d: %v", offset, n, err)
	}
	return got
}

func same(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Fatalf("%s: %d bytes that differ from the %d written", what, len(got), len(want))
	}
}

func wantKind(t *testing.T, what string, err error, want mailbox.Kind) {
	t.Helper()
	if err == nil || mailbox.KindOf(err) != want {
		t.Fatalf("%s: %v (kind %d), want kind %d", what, err, mailbox.KindOf(err), want)
	}
}

func absentNow(t *testing.T, b mailbox.Blobs, key mailbox.BlobKey) {
	t.Helper()
	r, err := b.Open(t.Context(), key, 0, -1)
	if err == nil {
		_ = r.Close()
	}
	wantKind(t, "open", err, mailbox.NotFound)
}

func roundTrip(t *testing.T, b mailbox.Blobs) {
	for _, n := range sizes {
		for _, announced := range []int64{n, -1} {
			body, key := Bytes(n, 1), Key()
			s, _ := Seal(t, b, key, body, announced)
			if err := s.Publish(t.Context(), Describe(body)); err != nil {
				t.Fatalf("%d bytes, %d announced: %v", n, announced, err)
			}
			same(t, fmt.Sprintf("%d bytes, %d announced", n, announced), Get(t, b, key, 0, -1), body)
		}
	}
}

// invisible is I1 as far as a storage can keep it.
func invisible(t *testing.T, b mailbox.Blobs) {
	for _, n := range sizes {
		body, key := Bytes(n, 2), Key()
		s, _ := Seal(t, b, key, body, n)
		absentNow(t, b, key)
		if err := s.Publish(t.Context(), Describe(body)); err != nil {
			t.Fatal(err)
		}
		same(t, "published", Get(t, b, key, 0, -1), body)
	}
}

func contentAgrees(t *testing.T, b mailbox.Blobs) {
	for _, n := range sizes {
		body := Bytes(n, 3)
		_, c := Seal(t, b, Key(), body, n)
		if c.Size() != n {
			t.Fatalf("size %d, want %d", c.Size(), n)
		}
		got, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size()))
		if err != nil {
			t.Fatal(err)
		}
		same(t, "ReadAt", got, body)
		if k, err := c.ReadAt(make([]byte, 8), n); k != 0 || !errors.Is(err, io.EOF) {
			t.Fatalf("ReadAt past the end: %d, %v", k, err)
		}
		if n > 100 {
			part := make([]byte, 50)
			if _, err := c.ReadAt(part, n/2); err != nil {
				t.Fatal(err)
			}
			same(t, "ReadAt in the middle", part, body[n/2:n/2+50])
		}
		f, err := c.Open()
		if err != nil {
			t.Fatal(err)
		}
		if (f == nil) == (c.Bytes() == nil) {
			t.Fatalf("%d bytes: neither or both of Bytes and Open", n)
		}
		if f == nil {
			same(t, "Bytes", c.Bytes(), body)
			continue
		}
		readOnly(t, f, body)
	}
}

// readOnly checks a descriptor that a scanner gets.
func readOnly(t *testing.T, f *os.File, body []byte) {
	t.Helper()
	got, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "Open", got, body)
	if _, err := f.WriteAt([]byte("x"), 0); err == nil {
		t.Fatal("the scanner's descriptor can be written to")
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func discard(t *testing.T, b mailbox.Blobs) {
	for _, n := range sizes {
		key, body := Key(), Bytes(n, 4)
		s, c := Seal(t, b, key, body, n)
		for range 2 {
			if err := s.Discard(); err != nil {
				t.Fatal(err)
			}
		}
		absentNow(t, b, key)
		if err := s.Publish(t.Context(), Describe(body)); err == nil {
			t.Fatal("published after Discard")
		}
		absentNow(t, b, key)
		if c.Bytes() != nil {
			t.Fatal("bytes after Discard")
		}
		if _, err := c.ReadAt(make([]byte, 1), 0); err == nil {
			t.Fatal("ReadAt after Discard")
		}
		if f, err := c.Open(); err == nil {
			t.Fatal("Open after Discard", f)
		}
		Put(t, b, key, body) // the key was not used up
	}
}

func discardAfter(t *testing.T, b mailbox.Blobs) {
	for _, n := range []int64{0, 100, 2 << 20} {
		body, key := Bytes(n, 5), Key()
		s, _ := Seal(t, b, key, body, n)
		if err := s.Publish(t.Context(), Describe(body)); err != nil {
			t.Fatal(err)
		}
		if err := s.Discard(); err != nil {
			t.Fatal(err)
		}
		same(t, "after Discard", Get(t, b, key, 0, -1), body)
	}
}

// keyOnce is I6: blobs are immutable.
func keyOnce(t *testing.T, b mailbox.Blobs) {
	for _, n := range []int64{10, 2 << 20} {
		first, second, key := Bytes(n, 6), Bytes(n, 7), Key()
		Put(t, b, key, first)
		s, _ := Seal(t, b, key, second, n)
		wantKind(t, "second publish", s.Publish(t.Context(), Describe(second)), mailbox.Internal)
		if err := s.Discard(); err != nil {
			t.Fatal(err)
		}
		same(t, "after the second publish", Get(t, b, key, 0, -1), first)
	}
}

func ranges(t *testing.T, b mailbox.Blobs) {
	const n = 1<<20 + 100
	body, key := Bytes(n, 8), Key()
	Put(t, b, key, body)
	for _, r := range []struct{ offset, n int64 }{
		{0, 0}, {0, 1}, {0, n}, {0, n - 1}, {1, -1}, {n - 1, 1}, {n - 1, -1}, {n / 2, 1000}, {1 << 20, 50}, {n - 10, 100},
	} {
		end := int64(n)
		if r.n >= 0 {
			end = min(end, r.offset+r.n)
		}
		same(t, fmt.Sprintf("%d+%d", r.offset, r.n), Get(t, b, key, r.offset, r.n), body[r.offset:end])
		rd, err := b.Open(t.Context(), key, r.offset, r.n)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if _, err := io.Copy(&out, rd); err != nil { // the way doors read: WriterTo, if there is one
			t.Fatal(err)
		}
		if err := rd.Close(); err != nil {
			t.Fatal(err)
		}
		same(t, fmt.Sprintf("copy of %d+%d", r.offset, r.n), out.Bytes(), body[r.offset:end])
	}
	for _, offset := range []int64{-1, n + 1} {
		_, err := b.Open(t.Context(), key, offset, 1)
		wantKind(t, fmt.Sprintf("offset %d", offset), err, mailbox.RangeUnsatisfiable)
	}
}

func misuse(t *testing.T, b mailbox.Blobs) {
	body, key := []byte("Beispiel"), Key()
	s, err := b.Stage(t.Context(), key, -1)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Publish(t.Context(), Describe(nil)); err == nil {
		t.Fatal("published without Seal")
	}
	if _, err := s.Write(body); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Seal(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write(body); err == nil {
		t.Fatal("write after Seal")
	}
	if _, err := s.Seal(); err == nil {
		t.Fatal("sealed twice")
	}
	wrong := Describe(body)
	wrong.Size++
	if err := s.Publish(t.Context(), wrong); err == nil {
		t.Fatal("published with another size")
	}
	absentNow(t, b, key)
	if err := s.Publish(t.Context(), Describe(body)); err != nil {
		t.Fatal(err)
	}
	if err := s.Publish(t.Context(), Describe(body)); err == nil {
		t.Fatal("published twice")
	}
}

func badKeys(t *testing.T, b mailbox.Blobs) {
	id := mailbox.NewVersionID()
	for _, key := range []mailbox.BlobKey{
		{}, {Member: "0815", Folder: "root"}, {Folder: "root", Version: id}, {Member: "0815", Version: id},
		{Member: "..", Folder: "root", Version: id}, {Member: "0815", Folder: "..", Version: id},
		{Member: "0815", Folder: ".", Version: id}, {Member: "08/15", Folder: "root", Version: id},
		{Member: "0815", Folder: "a/b", Version: id}, {Member: "0815", Folder: "a\x00b", Version: id},
		{Member: ".staging", Folder: "root", Version: id},
	} {
		if s, err := b.Stage(t.Context(), key, 1); err == nil {
			_ = s.Discard()
			t.Fatalf("staged under %q", key)
		}
		if r, err := b.Open(t.Context(), key, 0, -1); err == nil {
			_ = r.Close()
			t.Fatalf("opened %q", key)
		}
	}
}

func canceled(t *testing.T, b mailbox.Blobs) {
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	body := []byte("zu spät")
	_, err := b.Stage(gone, Key(), 1)
	wantKind(t, "stage", err, mailbox.Canceled)
	key := Key()
	s, _ := Seal(t, b, key, body, int64(len(body)))
	wantKind(t, "publish", s.Publish(gone, Describe(body)), mailbox.Canceled)
	absentNow(t, b, key)
	if err := s.Publish(t.Context(), Describe(body)); err != nil {
		t.Fatalf("publish after a canceled try: %v", err)
	}
	_, err = b.Open(gone, key, 0, -1)
	wantKind(t, "open", err, mailbox.Canceled)
	wantKind(t, "ready", b.Ready(gone), mailbox.Canceled)
}

func umlauts(t *testing.T, b mailbox.Blobs) {
	body := []byte("Grüße")
	for _, key := range []mailbox.BlobKey{
		{Member: "0815", Folder: "für die Kasse – Änderungen", Version: mailbox.NewVersionID()},
		{Member: "AB 12", Folder: "KVBBG-SB-Posteingang", Version: mailbox.NewVersionID()},
	} {
		s, _ := Seal(t, b, key, body, -1)
		d := Describe(body)
		for len(d.Path) < 3000 { // longer than an attribute may be on a common file system, with what else it holds
			d.Path += "/Ordner mit Umlauten äöüßÄÖÜ <&> 日本"
		}
		if err := s.Publish(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		same(t, key.String(), Get(t, b, key, 0, -1), body)
	}
}

func many(t *testing.T, b mailbox.Blobs) {
	const uploads = 64
	keys, bodies := make([]mailbox.BlobKey, uploads), make([][]byte, uploads)
	var wg sync.WaitGroup
	for i := range uploads {
		keys[i], bodies[i] = Key(), Bytes(sizes[i%len(sizes)], uint64(i))
		keys[i].Member = fmt.Sprintf("%04d", i%7)
		wg.Go(func() {
			if err := store(t.Context(), b, keys[i], bodies[i]); err != nil {
				t.Errorf("upload %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	for i, key := range keys {
		same(t, key.String(), Get(t, b, key, 0, -1), bodies[i])
	}
}

// store is Put for goroutines, which may not end the test.
func store(ctx context.Context, b mailbox.Blobs, key mailbox.BlobKey, body []byte) error {
	s, err := b.Stage(ctx, key, int64(len(body)))
	if err != nil {
		return err
	}
	if _, err := s.Write(body); err != nil {
		return errors.Join(err, s.Discard())
	}
	if _, err := s.Seal(); err != nil {
		return errors.Join(err, s.Discard())
	}
	return errors.Join(s.Publish(ctx, Describe(body)), s.Discard())
}

func oneKeyMany(t *testing.T, b mailbox.Blobs) {
	const uploads = 16
	key := Key()
	bodies, errs := make([][]byte, uploads), make([]error, uploads)
	var wg sync.WaitGroup
	for i := range uploads {
		bodies[i] = Bytes(1000, uint64(i))
		wg.Go(func() { errs[i] = store(t.Context(), b, key, bodies[i]) })
	}
	wg.Wait()
	winner := -1
	for i, err := range errs {
		if err == nil {
			if winner >= 0 {
				t.Fatal("two uploads got one key")
			}
			winner = i
		}
	}
	if winner < 0 {
		t.Fatalf("nobody got the key: %v", errs[0])
	}
	same(t, "winner", Get(t, b, key, 0, -1), bodies[winner])
}

func absent(t *testing.T, b mailbox.Blobs) {
	absentNow(t, b, Key())
	body, key := []byte("da"), Key()
	Put(t, b, key, body)
	for _, other := range []mailbox.BlobKey{
		{Member: key.Member, Folder: key.Folder, Version: mailbox.NewVersionID()},
		{Member: key.Member, Folder: "root", Version: key.Version},
		{Member: "0816", Folder: key.Folder, Version: key.Version},
	} {
		absentNow(t, b, other)
	}
}

func ready(t *testing.T, b mailbox.Blobs) {
	if err := b.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
}
