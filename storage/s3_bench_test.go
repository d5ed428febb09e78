// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"sync"
	"testing"

	client "github.com/minio/minio-go/v7"

	"postfach/mailbox"
	"postfach/storage/storagetest"
	"postfach/test/minio"
)

// benchSize is the large body, in bytes; 1 GiB where POSTFACH_BENCH_LARGE says
// so.
func benchSize() int64 {
	if os.Getenv("POSTFACH_BENCH_LARGE") != "" {
		return 1 << 30
	}
	return 128 << 20
}

// BenchmarkS3Upload compares an upload through the storage (spool, parts,
// digest, description) with minio-go alone, which is handed a finished file and
// sends four parts at a time.
func BenchmarkS3Upload(b *testing.B) {
	server := minio.Start(b, minio.Options{})
	size := benchSize()
	piece := storagetest.Bytes(256<<10, 1)
	file, sum := benchFile(b, piece, size)
	b.Run("minio-go", func(b *testing.B) {
		c, bucket := server.Client(b), server.Bucket(b, false)
		b.SetBytes(size)
		for b.Loop() {
			key := storagetest.Key().String()
			if _, err := c.Client.PutObject(b.Context(), bucket, key, file, size, client.PutObjectOptions{PartSize: defaultPart, NumThreads: 4}); err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			_ = c.RemoveObject(b.Context(), bucket, key, client.RemoveObjectOptions{})
			b.StartTimer()
		}
	})
	b.Run("storage", func(b *testing.B) {
		s := openS3(b, server, func(o *S3Options) { o.PartSize = 0 })
		about := storagetest.Describe(nil)
		about.Size, about.SHA256 = size, sum
		b.SetBytes(size)
		for b.Loop() {
			key := storagetest.Key()
			if err := storeS3(b.Context(), s, key, piece, about); err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			_ = s.Remove(b.Context(), key)
			b.StartTimer()
		}
	})
}

func benchFile(b *testing.B, piece []byte, size int64) (*os.File, [32]byte) {
	b.Helper()
	file, err := os.CreateTemp(b.TempDir(), "body")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = file.Close() })
	h := sha256.New()
	for n := int64(0); n < size; n += int64(len(piece)) {
		h.Write(piece)
		if _, err := file.Write(piece); err != nil {
			b.Fatal(err)
		}
	}
	return file, [32]byte(h.Sum(nil))
}

func storeS3(ctx context.Context, s mailbox.Blobs, key mailbox.BlobKey, piece []byte, about mailbox.Description) error {
	u, err := s.Stage(ctx, key, about.Size)
	if err != nil {
		return err
	}
	defer u.Discard()
	for n := int64(0); n < about.Size; n += int64(len(piece)) {
		if _, err := u.Write(piece); err != nil {
			return err
		}
	}
	if _, err := u.Seal(); err != nil {
		return err
	}
	return u.Publish(ctx, about)
}

// BenchmarkS3Download compares a whole read with minio-go alone.
func BenchmarkS3Download(b *testing.B) {
	server := minio.Start(b, minio.Options{})
	size := benchSize()
	s := openS3(b, server, func(o *S3Options) { o.PartSize = 0 })
	piece := storagetest.Bytes(256<<10, 1)
	_, sum := benchFile(b, piece, size)
	about := storagetest.Describe(nil)
	about.Size, about.SHA256 = size, sum
	key := storagetest.Key()
	if err := storeS3(b.Context(), s, key, piece, about); err != nil {
		b.Fatal(err)
	}
	c := server.Client(b)
	b.Run("minio-go", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			o, err := c.Client.GetObject(b.Context(), s.bucket, "postfach/eins/"+key.String(), client.GetObjectOptions{})
			if err != nil {
				b.Fatal(err)
			}
			if n, err := io.Copy(io.Discard, onlyReader{o}); err != nil || n != size {
				b.Fatal(n, err)
			}
			_ = o.Close()
		}
	})
	b.Run("storage", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			r, err := s.Open(b.Context(), key, 0, -1)
			if err != nil {
				b.Fatal(err)
			}
			if n, err := io.Copy(io.Discard, r); err != nil || n != size {
				b.Fatal(n, err)
			}
			_ = r.Close()
		}
	})
}

// BenchmarkS3Small compares 16 KiB bodies.
func BenchmarkS3Small(b *testing.B) {
	server := minio.Start(b, minio.Options{})
	body := storagetest.Bytes(16<<10, 1)
	about := storagetest.Describe(body)
	for _, at := range []int{1, 16} {
		c, bucket := server.Client(b), server.Bucket(b, false)
		b.Run(fmt.Sprintf("minio-go/c=%d", at), func(b *testing.B) {
			concurrently(b, at, func() error {
				_, err := c.Client.PutObject(b.Context(), bucket, storagetest.Key().String(), bytes.NewReader(body), int64(len(body)), client.PutObjectOptions{})
				return err
			})
		})
		s := openS3(b, server, nil)
		b.Run(fmt.Sprintf("storage/c=%d", at), func(b *testing.B) {
			concurrently(b, at, func() error { return storeS3(b.Context(), s, storagetest.Key(), body, about) })
		})
	}
}

func concurrently(b *testing.B, at int, do func() error) {
	var wg sync.WaitGroup
	work := make(chan struct{})
	for range at {
		wg.Go(func() {
			for range work {
				if err := do(); err != nil {
					b.Error(err)
				}
			}
		})
	}
	b.ReportAllocs()
	for b.Loop() {
		work <- struct{}{}
	}
	close(work)
	wg.Wait()
}
