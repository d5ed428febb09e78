// SPDX-License-Identifier: Apache-2.0

package storagetest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"postfach/mailbox"
)

// Chunks runs the suite of mailbox.Chunks; open gives an empty storage and
// cleans up by t.Cleanup.
func Chunks(t *testing.T, open func(*testing.T) mailbox.Chunks) {
	for _, tc := range []struct {
		name string
		run  func(*testing.T, mailbox.Chunks)
	}{
		{"bytes come back as they were", chunkRoundTrip},
		{"listed by number", chunkOrder},
		{"the last of a number counts", chunkReplaced},
		{"a body that breaks off leaves nothing", chunkBroken},
		{"uploads belong to accounts", chunkAccounts},
		{"absent is NotFound", chunkAbsent},
		{"one upload of a name", chunkBegin},
		{"removed is gone", chunkRemove},
		{"only the old expires", chunkExpire},
		{"many at once", chunkMany},
		{"bad names are refused", chunkNames},
	} {
		t.Run(tc.name, func(t *testing.T) { tc.run(t, open(t)) })
	}
}

var upload = mailbox.ChunkedUpload{Account: 7, Name: "1234567890"}

func begin(t *testing.T, c mailbox.Chunks, u mailbox.ChunkedUpload) {
	t.Helper()
	if err := c.Begin(t.Context(), u); err != nil {
		t.Fatalf("begin: %v", err)
	}
}

func putChunk(t *testing.T, c mailbox.Chunks, u mailbox.ChunkedUpload, number uint64, body []byte) (replaced bool) {
	t.Helper()
	n, replaced, err := c.Put(t.Context(), u, number, int64(len(body)), bytes.NewReader(body))
	if err != nil || n != int64(len(body)) {
		t.Fatalf("put %d: %d bytes of %d, %v", number, n, len(body), err)
	}
	return replaced
}

func readChunk(t *testing.T, c mailbox.Chunks, u mailbox.ChunkedUpload, number uint64) []byte {
	t.Helper()
	r, err := c.Open(t.Context(), u, number)
	if err != nil {
		t.Fatalf("open %d: %v", number, err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("read %d: %v", number, err)
	}
	return b
}

func chunkRoundTrip(t *testing.T, c mailbox.Chunks) {
	begin(t, c, upload)
	for i, n := range sizes {
		body := Bytes(n, 1)
		if putChunk(t, c, upload, uint64(i), body) {
			t.Errorf("chunk %d replaces something", i)
		}
		if !bytes.Equal(readChunk(t, c, upload, uint64(i)), body) {
			t.Errorf("%d bytes came back different", n)
		}
	}
	// A body whose size nobody knows beforehand.
	body := Bytes(3<<20+1, 2)
	n, _, err := c.Put(t.Context(), upload, 99, -1, iotest.OneByteReader(bytes.NewReader(body[:1000])))
	if err != nil || n != 1000 || !bytes.Equal(readChunk(t, c, upload, 99), body[:1000]) {
		t.Errorf("%d %v", n, err)
	}
}

func chunkOrder(t *testing.T, c mailbox.Chunks) {
	begin(t, c, upload)
	numbers := []uint64{10, 9, 100, 0, 10_000_000, 1<<53 + 1, 2}
	for _, n := range numbers {
		putChunk(t, c, upload, n, Bytes(int64(n%97), 0))
	}
	list, err := c.List(t.Context(), upload)
	if err != nil || len(list) != len(numbers) {
		t.Fatalf("%v %v", list, err)
	}
	for i, k := range list {
		if i > 0 && k.Number <= list[i-1].Number || k.Size != int64(k.Number%97) || time.Since(k.Changed).Abs() > time.Hour {
			t.Errorf("%+v after %v", k, list[:i])
		}
	}
	all, err := c.Uploads(t.Context(), upload.Account)
	if err != nil || len(all) != 1 || all[0].Name != upload.Name || all[0].Chunks != len(numbers) {
		t.Errorf("%+v %v", all, err)
	}
}

func chunkReplaced(t *testing.T, c mailbox.Chunks) {
	begin(t, c, upload)
	putChunk(t, c, upload, 3, Bytes(2<<20, 1))
	if !putChunk(t, c, upload, 3, Bytes(100, 2)) {
		t.Error("nothing was replaced")
	}
	if list, err := c.List(t.Context(), upload); err != nil || len(list) != 1 || list[0].Size != 100 {
		t.Errorf("%+v %v", list, err)
	}
	if !bytes.Equal(readChunk(t, c, upload, 3), Bytes(100, 2)) {
		t.Error("the earlier bytes came back")
	}
}

func chunkBroken(t *testing.T, c mailbox.Chunks) {
	begin(t, c, upload)
	putChunk(t, c, upload, 1, []byte("whole"))
	fault := errors.New("the line is dead")
	for _, n := range []int64{0, 10, 3 << 20} {
		for _, number := range []uint64{1, 2} {
			body := io.MultiReader(bytes.NewReader(Bytes(n, 0)), iotest.ErrReader(fault))
			if _, _, err := c.Put(t.Context(), upload, number, n+1, body); !errors.Is(err, fault) {
				t.Errorf("after %d bytes: %v", n, err)
			}
		}
	}
	if list, err := c.List(t.Context(), upload); err != nil || len(list) != 1 || string(readChunk(t, c, upload, 1)) != "whole" {
		t.Errorf("%+v %v", list, err)
	}
}

func chunkAccounts(t *testing.T, c mailbox.Chunks) {
	other := mailbox.ChunkedUpload{Account: 70, Name: upload.Name}
	begin(t, c, upload)
	putChunk(t, c, upload, 1, []byte("mine"))
	begin(t, c, other)
	putChunk(t, c, other, 1, []byte("yours"))
	if string(readChunk(t, c, upload, 1)) != "mine" || string(readChunk(t, c, other, 1)) != "yours" {
		t.Error("mixed up")
	}
	if err := c.Remove(t.Context(), other); err != nil {
		t.Error(err)
	}
	if all, err := c.Uploads(t.Context(), 70); err != nil || len(all) != 0 {
		t.Errorf("%+v %v", all, err)
	}
	if all, err := c.Uploads(t.Context(), upload.Account); err != nil || len(all) != 1 {
		t.Errorf("%+v %v", all, err)
	}
}

func chunkAbsent(t *testing.T, c mailbox.Chunks) {
	ctx := t.Context()
	_, err := c.List(ctx, upload)
	wantKind(t, "list", err, mailbox.NotFound)
	_, _, err = c.Put(ctx, upload, 1, 1, strings.NewReader("x"))
	wantKind(t, "put", err, mailbox.NotFound)
	_, err = c.Open(ctx, upload, 1)
	wantKind(t, "open", err, mailbox.NotFound)
	wantKind(t, "remove chunk", c.RemoveChunk(ctx, upload, 1), mailbox.NotFound)
	wantKind(t, "remove", c.Remove(ctx, upload), mailbox.NotFound)
	if all, err := c.Uploads(ctx, 7); err != nil || len(all) != 0 {
		t.Errorf("%v %v", all, err)
	}
	if n, err := c.Expire(ctx, time.Now()); err != nil || n != 0 {
		t.Errorf("%d %v", n, err)
	}
	begin(t, c, upload)
	_, err = c.Open(ctx, upload, 1)
	wantKind(t, "open", err, mailbox.NotFound)
	wantKind(t, "remove chunk", c.RemoveChunk(ctx, upload, 1), mailbox.NotFound)
	if list, err := c.List(ctx, upload); err != nil || len(list) != 0 {
		t.Errorf("%v %v", list, err)
	}
}

func chunkBegin(t *testing.T, c mailbox.Chunks) {
	begin(t, c, upload)
	putChunk(t, c, upload, 1, []byte("x"))
	wantKind(t, "begin again", c.Begin(t.Context(), upload), mailbox.Exists)
	if string(readChunk(t, c, upload, 1)) != "x" {
		t.Error("the chunks are gone")
	}
}

func chunkRemove(t *testing.T, c mailbox.Chunks) {
	begin(t, c, upload)
	putChunk(t, c, upload, 1, []byte("x"))
	putChunk(t, c, upload, 2, []byte("y"))
	if err := c.RemoveChunk(t.Context(), upload, 1); err != nil {
		t.Error(err)
	}
	if list, err := c.List(t.Context(), upload); err != nil || len(list) != 1 || list[0].Number != 2 {
		t.Errorf("%v %v", list, err)
	}
	if err := c.Remove(t.Context(), upload); err != nil {
		t.Error(err)
	}
	_, err := c.List(t.Context(), upload)
	wantKind(t, "list", err, mailbox.NotFound)
	begin(t, c, upload) // and the name is free
	if list, err := c.List(t.Context(), upload); err != nil || len(list) != 0 {
		t.Errorf("the chunks are back: %v %v", list, err)
	}
}

func chunkExpire(t *testing.T, c mailbox.Chunks) {
	old := mailbox.ChunkedUpload{Account: 8, Name: "old"}
	begin(t, c, old)
	putChunk(t, c, old, 1, []byte("x"))
	time.Sleep(1100 * time.Millisecond) // storages tell whole seconds
	before := time.Now()
	time.Sleep(1100 * time.Millisecond)
	begin(t, c, upload)
	putChunk(t, c, upload, 1, []byte("y"))
	if n, err := c.Expire(t.Context(), before.Add(-time.Hour)); err != nil || n != 0 {
		t.Errorf("%d %v", n, err)
	}
	if n, err := c.Expire(t.Context(), before); err != nil || n != 1 {
		t.Errorf("%d %v", n, err)
	}
	_, err := c.List(t.Context(), old)
	wantKind(t, "list", err, mailbox.NotFound)
	if string(readChunk(t, c, upload, 1)) != "y" {
		t.Error("what was going on is gone")
	}
	begin(t, c, old)
}

func chunkMany(t *testing.T, c mailbox.Chunks) {
	begin(t, c, upload)
	const n = 24
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			body := Bytes(int64(i)*70_001, uint64(i))
			if _, _, err := c.Put(t.Context(), upload, uint64(i), int64(len(body)), bytes.NewReader(body)); err != nil {
				t.Errorf("put %d: %v", i, err)
			}
		})
		wg.Go(func() { // all of one number: one of them is whole
			if _, _, err := c.Put(t.Context(), upload, 1000, 9, strings.NewReader(fmt.Sprintf("number%03d", i))); err != nil {
				t.Errorf("put 1000: %v", err)
			}
		})
	}
	wg.Wait()
	list, err := c.List(t.Context(), upload)
	if err != nil || len(list) != n+1 {
		t.Fatalf("%d chunks, %v", len(list), err)
	}
	for i := range n {
		if !bytes.Equal(readChunk(t, c, upload, uint64(i)), Bytes(int64(i)*70_001, uint64(i))) {
			t.Errorf("chunk %d came back different", i)
		}
	}
	if b := readChunk(t, c, upload, 1000); len(b) != 9 || !bytes.HasPrefix(b, []byte("number")) {
		t.Errorf("%q", b)
	}
}

func chunkNames(t *testing.T, c mailbox.Chunks) {
	for _, name := range []string{"", ".", "..", "a/b", "../x", ".file", "a b", "ü", strings.Repeat("x", 65), "a\x00"} {
		if err := c.Begin(t.Context(), mailbox.ChunkedUpload{Account: 1, Name: name}); err == nil {
			t.Errorf("%q is taken", name)
		}
	}
}
