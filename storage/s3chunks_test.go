// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"postfach/mailbox"
	"postfach/storage/storagetest"
	"postfach/test/minio"
)

// s3Chunks: chunks that came to one node are there for another (issue 3, item
// 3), and none is ever a blob.
func s3Chunks(t *testing.T, server *minio.Server) {
	one := openS3(t, server, nil)
	two := openS3(t, server, func(o *S3Options) { o.Bucket = one.bucket })
	a, b := one.Chunks(), two.Chunks()
	u, other := mailbox.ChunkedUpload{Account: 7, Name: "web-file-upload-1"}, mailbox.ChunkedUpload{Account: 70, Name: "web-file-upload-1"}
	if _, _, err := a.Put(t.Context(), u, 1, 1, strings.NewReader("x")); mailbox.KindOf(err) != mailbox.NotFound {
		t.Errorf("put before begin: %v", err)
	}
	for _, up := range []mailbox.ChunkedUpload{u, other} {
		if err := a.Begin(t.Context(), up); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Begin(t.Context(), u); mailbox.KindOf(err) != mailbox.Exists {
		t.Errorf("begun twice: %v", err)
	}
	bodies := map[uint64][]byte{2: storagetest.Bytes(2<<20, 1), 10: storagetest.Bytes(100, 2), 9: nil}
	for number, body := range bodies {
		if n, replaced, err := a.Put(t.Context(), u, number, -1, bytes.NewReader(body)); err != nil || n != int64(len(body)) || replaced {
			t.Fatalf("put %d: %d, %v, %v", number, n, replaced, err)
		}
	}
	bodies[10] = storagetest.Bytes(300, 3)
	if _, replaced, err := b.Put(t.Context(), u, 10, 300, bytes.NewReader(bodies[10])); err != nil || !replaced {
		t.Errorf("put again: %v, %v", replaced, err)
	}
	broken := errors.New("the client went away")
	if _, _, err := b.Put(t.Context(), u, 11, 300, io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Errorf("broken body: %v", err)
	}
	list, err := b.List(t.Context(), u)
	if err != nil || len(list) != 3 || list[0].Number != 2 || list[1].Number != 9 || list[2].Number != 10 || list[2].Size != 300 {
		t.Errorf("%+v, %v", list, err)
	}
	for number, want := range bodies {
		r, err := b.Open(t.Context(), u, number)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) || r.Close() != nil {
			t.Errorf("chunk %d: %d bytes, %v", number, len(got), err)
		}
	}
	all, err := b.Uploads(t.Context(), 7)
	if err != nil || len(all) != 1 || all[0].Name != u.Name || all[0].Chunks != 3 || all[0].Bytes != 2<<20+300 || time.Since(all[0].Changed) > time.Hour {
		t.Errorf("%+v, %v", all, err)
	}
	if err := one.Walk(t.Context(), func(b BlobInfo) error { t.Errorf("a chunk is told as the blob %s", b.Key); return nil }); err != nil {
		t.Error(err)
	}
	if strays, err := one.Strays(t.Context(), 9); err != nil || len(strays) != 0 {
		t.Errorf("strays %q, %v", strays, err)
	}
	if n, err := one.Collect(t.Context(), time.Now().Add(time.Hour)); err != nil || n != 0 {
		t.Errorf("collected %d, %v", n, err)
	}
	chunksGo(t, one, a, u, other)
}

func chunksGo(t *testing.T, s inBucket, c mailbox.Chunks, u, other mailbox.ChunkedUpload) {
	t.Helper()
	wantNone := func(what string, err error) {
		t.Helper()
		if mailbox.KindOf(err) != mailbox.NotFound {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := c.RemoveChunk(t.Context(), u, 9); err != nil {
		t.Error(err)
	}
	wantNone("remove chunk again", c.RemoveChunk(t.Context(), u, 9))
	_, err := c.Open(t.Context(), u, 9)
	wantNone("open what was removed", err)
	if err := c.Remove(t.Context(), u); err != nil {
		t.Error(err)
	}
	wantNone("remove again", c.Remove(t.Context(), u))
	_, err = c.List(t.Context(), u)
	wantNone("list what was removed", err)
	if all, err := c.Uploads(t.Context(), u.Account); err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
	if n, err := c.Expire(t.Context(), time.Now().Add(-time.Hour)); err != nil || n != 0 {
		t.Errorf("expired %d young uploads, %v", n, err)
	}
	if _, err := c.List(t.Context(), other); err != nil {
		t.Error(err)
	}
	if n, err := c.Expire(t.Context(), time.Now().Add(time.Hour)); err != nil || n != 1 {
		t.Errorf("expired %d, %v", n, err)
	}
	if keys := s.server.Keys(t, s.bucket); len(keys) != 0 {
		t.Errorf("left: %q", keys)
	}
	if err := c.Begin(t.Context(), mailbox.ChunkedUpload{Account: 1, Name: "../x"}); err == nil {
		t.Error("begun under a name with a path")
	}
}
