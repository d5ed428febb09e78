// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"postfach/mailbox"
	"postfach/storage/storagetest"
)

// benchDir lies on a real disk when POSTFACH_BENCH_DIR says where.
func benchDir(b *testing.B) *Dir {
	b.Helper()
	dir := b.TempDir()
	if base := os.Getenv("POSTFACH_BENCH_DIR"); base != "" {
		var err error
		if dir, err = os.MkdirTemp(base, "postfach-bench-"); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = os.RemoveAll(dir) })
	}
	return openDir(b, dir, Options{})
}

func store(b *testing.B, d *Dir, key mailbox.BlobKey, body []byte, total int64) error {
	s, err := d.Stage(b.Context(), key, total)
	if err != nil {
		return err
	}
	defer s.Discard()
	for sent := int64(0); sent < total; sent += int64(len(body)) {
		if _, err := s.Write(body); err != nil {
			return err
		}
	}
	if _, err := s.Seal(); err != nil {
		return err
	}
	about := storagetest.Describe(nil)
	about.Size = total
	return s.Publish(b.Context(), about)
}

// warm makes the fan-out folders, which a mailbox in use has.
func warm(b *testing.B, d *Dir) {
	b.Helper()
	for i := range 256 {
		f, err := d.folders.open(fmt.Sprintf("0815/an_KVBbg/%02x", i))
		if err != nil {
			b.Fatal(err)
		}
		_ = f.Close()
	}
}

// BenchmarkPut stores durable bodies from memory.
func BenchmarkPut(b *testing.B) {
	for _, size := range []int64{16 << 10, 1 << 20} {
		for _, at := range []int{1, 16} {
			b.Run(fmt.Sprintf("%dKiB/c=%d", size>>10, at), func(b *testing.B) {
				d := benchDir(b)
				warm(b, d)
				body := storagetest.Bytes(size, 1)
				b.SetBytes(size)
				b.ResetTimer()
				var wg sync.WaitGroup
				work := make(chan struct{})
				for range at {
					wg.Go(func() {
						for range work {
							if err := store(b, d, storagetest.Key(), body, size); err != nil {
								b.Error(err)
							}
						}
					})
				}
				for b.Loop() {
					work <- struct{}{}
				}
				close(work)
				wg.Wait()
			})
		}
	}
}

// BenchmarkFloor is the same work by hand: write, sync, rename, sync folder.
func BenchmarkFloor(b *testing.B) {
	dir := benchDir(b).path
	body := storagetest.Bytes(16<<10, 1)
	parent, err := os.Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer parent.Close()
	for i := 0; b.Loop(); i++ {
		name := filepath.Join(dir, fmt.Sprint("f", i))
		f, err := os.Create(name + ".new")
		if err != nil {
			b.Fatal(err)
		}
		_, _ = f.Write(body)
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
		_ = f.Close()
		if err := os.Rename(name+".new", name); err != nil {
			b.Fatal(err)
		}
		if err := parent.Sync(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPutLarge stores one body past the memory limit, in pieces of 256 KiB.
func BenchmarkPutLarge(b *testing.B) {
	const size = 256 << 20
	d := benchDir(b)
	body := storagetest.Bytes(256<<10, 1)
	b.SetBytes(size)
	for b.Loop() {
		key := storagetest.Key()
		if err := store(b, d, key, body, size); err != nil {
			b.Fatal(err)
		}
		if err := d.Remove(b.Context(), key); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkGet sends a blob over a TCP connection as a door does.
func BenchmarkGet(b *testing.B) {
	const size = 64 << 20
	d := benchDir(b)
	key := storagetest.Key()
	if err := store(b, d, key, storagetest.Bytes(1<<20, 1), size); err != nil {
		b.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err == nil {
			_, _ = io.Copy(io.Discard, c)
			_ = c.Close()
		}
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	for _, part := range []struct {
		name      string
		offset, n int64
	}{{"whole", 0, -1}, {"part", 1, size - 2}} {
		b.Run(part.name, func(b *testing.B) {
			b.SetBytes(size)
			for b.Loop() {
				r, err := d.Open(b.Context(), key, part.offset, part.n)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(c, r); err != nil {
					b.Fatal(err)
				}
				_ = r.Close()
			}
		})
	}
}
