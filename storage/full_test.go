// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"postfach/mailbox"
	"postfach/storage/storagetest"
)

// mount gives a small file system of its own: "tmpfs", or "ext4" on a loop
// device, which has nameless files, attributes and a journal like a real one.
func mount(t *testing.T, kind string, mib int) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to mount a small file system")
	}
	dir := t.TempDir()
	if kind == "tmpfs" {
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("mode=0700,size=%dm", mib)); err != nil {
			t.Skipf("mount tmpfs: %v", err)
		}
	} else {
		image := filepath.Join(t.TempDir(), "image")
		if err := errors.Join(os.WriteFile(image, nil, 0o600), os.Truncate(image, int64(mib)<<20)); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"mkfs.ext4", "-q", "-F", "-m0", image}, {"mount", "-o", "loop", image, dir}} {
			if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
				t.Skipf("%s: %v: %s", args[0], err, out)
			}
		}
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Errorf("unmount: %v", err)
			_ = unix.Unmount(dir, unix.MNT_DETACH)
		}
	})
	return dir
}

func free(t *testing.T, dir string) int64 {
	t.Helper()
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	return int64(st.Bavail) * st.Bsize
}

// isFull checks the refusal that a full disk gives.
func isFull(t *testing.T, what string, err error) {
	t.Helper()
	e, ok := errors.AsType[*mailbox.Error](err)
	if !ok || e.Kind != mailbox.Unavailable || e.Reason != mailbox.ReasonStorage || e.RetryAfter != retryFull {
		t.Fatalf("%s: %v, want unavailable because full", what, err)
	}
}

// A full disk refuses uploads cleanly, leaves nothing behind, and goes on
// giving out what it holds (issue 2, item 13).
func TestFullDisk(t *testing.T) {
	for _, kind := range []string{"tmpfs", "ext4"} {
		for _, way := range []string{"nameless", "named"} {
			t.Run(kind+" "+way, func(t *testing.T) {
				d := openDir(t, mount(t, kind, 24), Options{ReserveFree: -1})
				if way == "named" {
					named(d)
				}
				fillUp(t, d)
			})
		}
	}
}

func fillUp(t *testing.T, d *Dir) {
	kept, body := storagetest.Key(), storagetest.Bytes(1<<20, 1)
	storagetest.Put(t, d, kept, body)
	room := free(t, d.path)

	_, err := d.Stage(t.Context(), storagetest.Key(), room+1)
	isFull(t, "announced too much", err)

	s, err := d.Stage(t.Context(), storagetest.Key(), -1)
	if err != nil {
		t.Fatal(err)
	}
	block := storagetest.Bytes(256<<10, 2)
	for range 200 {
		if _, err = s.Write(block); err != nil {
			break
		}
	}
	if err == nil { // delayed allocation may find out only at the sync
		_, err = s.Seal()
	}
	isFull(t, "wrote too much", err)
	if _, again := s.Seal(); again == nil {
		t.Fatal("sealed a torn upload")
	}
	if err := s.Discard(); err != nil {
		t.Fatal(err)
	}
	if now := free(t, d.path); now < room-(1<<20) {
		t.Errorf("%d bytes free, %d before: something was left behind", now, room)
	}
	stagingIsEmpty(t, d)
	if got := storagetest.Get(t, d, kept, 0, -1); !bytes.Equal(got, body) {
		t.Error("the blob from before changed")
	}
	storagetest.Put(t, d, storagetest.Key(), body)
}

// A small upload that meets a full disk is refused at Publish, not lost.
func TestFullDiskSmallUpload(t *testing.T) {
	d := openDir(t, mount(t, "tmpfs", 8), Options{ReserveFree: -1})
	body := storagetest.Bytes(512<<10, 1)
	key := storagetest.Key()
	s, err := d.Stage(t.Context(), key, -1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write(body); err != nil {
		t.Fatal(err)
	}
	filler := filepath.Join(d.path, "filler")
	if err := os.WriteFile(filler, make([]byte, free(t, d.path)-(64<<10)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Seal(); err != nil {
		t.Fatal(err)
	}
	isFull(t, "publish", s.Publish(t.Context(), storagetest.Describe(body)))
	if err := s.Discard(); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Open(t.Context(), key, 0, -1); mailbox.KindOf(err) != mailbox.NotFound {
		t.Errorf("open: %v", err)
	}
}

// The reserve is kept, and what others announced counts (DESIGN.md section 3).
func TestReserveAndPromises(t *testing.T) {
	dir := mount(t, "tmpfs", 32)
	d := openDir(t, dir, Options{ReserveFree: 8 << 20})
	first, err := d.Stage(t.Context(), storagetest.Key(), 14<<20)
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.Stage(t.Context(), storagetest.Key(), 14<<20)
	isFull(t, "second of 14 MiB beside an announced one", err)
	if err := d.Ready(t.Context()); err != nil {
		t.Errorf("not ready for smaller ones: %v", err)
	}
	if err := first.Discard(); err != nil {
		t.Fatal(err)
	}
	second, err := d.Stage(t.Context(), storagetest.Key(), 14<<20)
	if err != nil {
		t.Fatalf("after the first was discarded: %v", err)
	}
	if err := second.Discard(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "filler"), make([]byte, free(t, dir)-(7<<20)), 0o600); err != nil {
		t.Fatal(err)
	}
	isFull(t, "ready in the reserve", d.Ready(t.Context()))
	_, err = d.Stage(t.Context(), storagetest.Key(), -1)
	isFull(t, "upload of unknown length in the reserve", err)
}

// A storage that cannot be written opens, reads, and says that it is not ready;
// when the disk can be written again, uploads go on without a restart.
func TestReadOnlyDisk(t *testing.T) {
	dir := mount(t, "tmpfs", 16)
	key, body := storagetest.Key(), []byte("Bestand")
	first := openDir(t, dir, Options{ReserveFree: -1})
	storagetest.Put(t, first, key, body)
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	second := openDir(t, dir, Options{ReserveFree: -1})
	for _, d := range []*Dir{first, second} {
		if got := storagetest.Get(t, d, key, 0, -1); !bytes.Equal(got, body) {
			t.Errorf("read %q", got)
		}
		if err := d.Ready(t.Context()); mailbox.KindOf(err) != mailbox.Unavailable {
			t.Errorf("ready: %v", err)
		}
		_, err := d.Stage(t.Context(), storagetest.Key(), 2<<20)
		if mailbox.KindOf(err) != mailbox.Unavailable || !errors.Is(err, syscall.EROFS) {
			t.Errorf("stage: %v", err)
		}
	}
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT, ""); err != nil {
		t.Fatal(err)
	}
	for _, d := range []*Dir{first, second} {
		if err := d.Ready(t.Context()); err != nil {
			t.Errorf("ready again: %v", err)
		}
		storagetest.Put(t, d, storagetest.Key(), storagetest.Bytes(2<<20, 1))
	}
}

// recorder is a connection as package net sees one: it says what it was given.
type recorder struct {
	bytes.Buffer
	got io.Reader
}

func (r *recorder) ReadFrom(src io.Reader) (int64, error) {
	r.got = src
	return r.Buffer.ReadFrom(src)
}

// io.Copy of whatever Open returns must reach package net in one of the two
// shapes that it sends without copying: a file, or a *io.LimitedReader of one.
func TestOpenAllowsSendfile(t *testing.T) {
	d := openDir(t, t.TempDir(), Options{})
	body, key := storagetest.Bytes(10000, 1), storagetest.Key()
	storagetest.Put(t, d, key, body)
	for _, r := range []struct{ offset, n int64 }{{0, -1}, {10, -1}, {0, 10000}, {10, 50}} {
		rd, err := d.Open(t.Context(), key, r.offset, r.n)
		if err != nil {
			t.Fatal(err)
		}
		var conn recorder
		if _, err := io.Copy(&conn, rd); err != nil {
			t.Fatal(err)
		}
		src := conn.got
		if l, ok := src.(*io.LimitedReader); ok {
			src = l.R
		}
		if _, ok := src.(syscall.Conn); !ok {
			t.Errorf("%d+%d arrives as %T", r.offset, r.n, conn.got)
		}
		if err := rd.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// Without the extended form there is a short description, never a refusal.
func TestLongDescription(t *testing.T) {
	d := openDir(t, mount(t, "ext4", 24), Options{ReserveFree: -1})
	if !d.can.attrs || !d.can.nameless {
		t.Fatalf("ext4 without %+v", d.can)
	}
	body, key := []byte("x"), storagetest.Key()
	s, _ := storagetest.Seal(t, d, key, body, 1)
	about := storagetest.Describe(body)
	about.Path = strings.Repeat("ä", 8000)
	if err := s.Publish(t.Context(), about); err != nil {
		t.Fatal(err)
	}
	got, err := d.Describe(t.Context(), key)
	about.Path = ""
	if err != nil || got != about {
		t.Errorf("%+v, %v", got, err)
	}
}
