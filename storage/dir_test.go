// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postfach/mailbox"
	"postfach/storage/storagetest"
)

func openDir(t testing.TB, path string, o Options) *Dir {
	t.Helper()
	d, err := OpenDir(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// named makes d work as on a file system without nameless files.
func named(d *Dir) *Dir {
	d.can.nameless = false
	return d
}

func TestDirConforms(t *testing.T) {
	t.Run("nameless", func(t *testing.T) {
		storagetest.Blobs(t, func(t *testing.T) mailbox.Blobs {
			d := openDir(t, t.TempDir(), Options{})
			if !d.can.nameless {
				t.Skip("the temporary folder's file system has no O_TMPFILE")
			}
			return d
		})
	})
	t.Run("named", func(t *testing.T) {
		storagetest.Blobs(t, func(t *testing.T) mailbox.Blobs {
			d := named(openDir(t, t.TempDir(), Options{}))
			t.Cleanup(func() { stagingIsEmpty(t, d) })
			return d
		})
	})
	t.Run("little memory", func(t *testing.T) {
		storagetest.Blobs(t, func(t *testing.T) mailbox.Blobs {
			return openDir(t, t.TempDir(), Options{MemoryMax: 1})
		})
	})
}

func stagingIsEmpty(t *testing.T, d *Dir) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(d.path, stagingName))
	if err != nil || len(entries) > 0 {
		t.Errorf("staging folder: %v, %v", entries, err)
	}
}

// The layout is a contract with whoever restores a backup.
func TestLayout(t *testing.T) {
	d := openDir(t, filepath.Join(t.TempDir(), "new", "blobs"), Options{})
	id, err := mailbox.ParseVersionID("0198c0de-0000-7000-8000-0000000000Ab")
	if err != nil {
		t.Fatal(err)
	}
	key := mailbox.BlobKey{Member: "0815", Folder: "an_KVBbg", Version: id}
	storagetest.Put(t, d, key, []byte("x"))
	info, err := os.Stat(filepath.Join(d.path, "0815/an_KVBbg/ab/0198c0de-0000-7000-8000-0000000000ab"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != 0o400 {
		t.Errorf("mode %v, want read-only for us alone", info.Mode())
	}
}

func TestOpenDirRefusesWhatIsNotOurs(t *testing.T) {
	for _, tc := range []struct{ name, file, text, want string }{
		{"other files", "index.html", "", "neither empty nor"},
		{"other format", markerName, "postfach-storage 2\n", `"postfach-storage 2"`},
		{"other marker", markerName, "MinIO", "not a marker"},
		{"empty marker", markerName, "", "not a marker"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, tc.file), []byte(tc.text), 0o600); err != nil {
				t.Fatal(err)
			}
			d, err := OpenDir(dir, Options{})
			if err == nil {
				_ = d.Close()
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%q does not say %q", err, tc.want)
			}
			if left, _ := os.ReadDir(dir); len(left) != 1 {
				t.Errorf("something was left behind: %v", left)
			}
		})
	}
	t.Run("a file", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenDir(file, Options{}); err == nil {
			t.Fatal("opened")
		}
	})
}

// Commands run beside the server, the first ones at the same time.
func TestOpenDirAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			d, err := OpenDir(path, Options{})
			if err != nil {
				t.Error(err)
				return
			}
			if err := errors.Join(d.Ready(t.Context()), d.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	d := openDir(t, path, Options{})
	stagingIsEmpty(t, d)
	if found, err := d.Strays(t.Context(), 10); err != nil || len(found) > 0 {
		t.Errorf("left behind: %v, %v", found, err)
	}
}

// Reading goes on undisturbed when the blob goes away.
func TestReadingSurvivesRemoval(t *testing.T) {
	d := openDir(t, t.TempDir(), Options{})
	body, key := storagetest.Bytes(3<<20, 1), storagetest.Key()
	storagetest.Put(t, d, key, body)
	r, err := d.Open(t.Context(), key, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	head := make([]byte, 1000)
	if _, err := io.ReadFull(r, head); err != nil {
		t.Fatal(err)
	}
	if err := d.Remove(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(append(head, rest...), body) {
		t.Fatalf("%d bytes, %v", len(rest), err)
	}
	if err := d.Remove(t.Context(), key); mailbox.KindOf(err) != mailbox.NotFound {
		t.Errorf("second removal: %v", err)
	}
}

func TestInventory(t *testing.T) {
	d := openDir(t, t.TempDir(), Options{})
	want := map[mailbox.BlobKey]int64{}
	for i := range 20 {
		key := storagetest.Key()
		key.Member = fmt.Sprint("08", i%3)
		want[key] = int64(i * 1000)
		storagetest.Put(t, d, key, storagetest.Bytes(want[key], 1))
	}
	for _, stray := range []string{"index.html", "080/notes", "081/an_KVBbg/zz", "082/an_KVBbg/00/no-id", ".hidden/x"} {
		at := filepath.Join(d.path, stray)
		if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o700), os.WriteFile(at, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	got := map[mailbox.BlobKey]int64{}
	err := d.Walk(t.Context(), func(b BlobInfo) error {
		got[b.Key] = b.Size
		if time.Since(b.ModTime) > time.Hour {
			t.Errorf("%s is from %v", b.Key, b.ModTime)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("walked %v\nwant %v", got, want)
	}
	strays, err := d.Strays(t.Context(), 10)
	slices.Sort(strays)
	if wantStrays := ".hidden 080/notes 081/an_KVBbg/zz 082/an_KVBbg/00/no-id index.html"; err != nil || strings.Join(strays, " ") != wantStrays {
		t.Errorf("strays %v, %v; want %s", strays, err, wantStrays)
	}
	if strays, err := d.Strays(t.Context(), 2); err != nil || len(strays) != 2 {
		t.Errorf("two strays: %v, %v", strays, err)
	}
	stop := errors.New("stop")
	if err := d.Walk(t.Context(), func(BlobInfo) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("walk went on: %v", err)
	}
}

func TestVerifyAndDescribe(t *testing.T) {
	d := openDir(t, t.TempDir(), Options{})
	for _, n := range []int64{0, 5, 1 << 20, 3<<20 + 1} {
		body, key := storagetest.Bytes(n, 9), storagetest.Key()
		storagetest.Put(t, d, key, body)
		sum, size, err := d.Verify(t.Context(), key)
		if err != nil || size != n || sum != sha256.Sum256(body) {
			t.Errorf("%d bytes: %x, %d, %v", n, sum, size, err)
		}
		if !d.can.attrs {
			t.Log("the temporary folder's file system has no extended attributes")
			continue
		}
		about, err := d.Describe(t.Context(), key)
		if err != nil || about != storagetest.Describe(body) {
			t.Errorf("described as %+v, %v", about, err)
		}
	}
	if _, _, err := d.Verify(t.Context(), storagetest.Key()); mailbox.KindOf(err) != mailbox.NotFound {
		t.Errorf("absent: %v", err)
	}
	d.can.attrs = false
	key := storagetest.Key()
	storagetest.Put(t, d, key, []byte("x"))
	if _, err := d.Describe(t.Context(), key); mailbox.KindOf(err) != mailbox.Unsupported {
		t.Errorf("without description: %v", err)
	}
}

// What crashes leave in the staging folder goes, what is under way stays.
func TestCollect(t *testing.T) {
	d := named(openDir(t, t.TempDir(), Options{}))
	s, _ := storagetest.Seal(t, d, storagetest.Key(), storagetest.Bytes(2<<20, 1), -1)
	old := filepath.Join(d.path, stagingName, "left-by-a-crash")
	past := time.Now().Add(-48 * time.Hour)
	if err := errors.Join(os.WriteFile(old, nil, 0o400), os.Chtimes(old, past, past)); err != nil {
		t.Fatal(err)
	}
	n, err := d.Collect(t.Context(), time.Now().Add(-24*time.Hour))
	if err != nil || n != 1 {
		t.Fatalf("collected %d, %v", n, err)
	}
	if _, err := os.Stat(old); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("still there: %v", err)
	}
	if err := s.Publish(t.Context(), storagetest.Describe(storagetest.Bytes(2<<20, 1))); err != nil {
		t.Errorf("an upload under way was hit: %v", err)
	}
}

// Discarded and published uploads give back every descriptor and promise.
func TestNothingLeaks(t *testing.T) {
	d := openDir(t, t.TempDir(), Options{})
	before := descriptors(t)
	for i := range 40 {
		n := []int64{100, 2 << 20}[i%2]
		body := storagetest.Bytes(n, 1)
		s, err := d.Stage(t.Context(), storagetest.Key(), n+5)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Write(body)
		if i%8 < 6 && err == nil {
			_, err = s.Seal()
		}
		if i%8 < 2 && err == nil {
			err = s.Publish(t.Context(), storagetest.Describe(body))
		}
		if err := errors.Join(err, s.Discard()); err != nil {
			t.Fatal(err)
		}
	}
	// Small uploads that were discarded finish their sync in the background.
	for range 6000 {
		if descriptors(t) <= before && d.promised.Load() == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d descriptors, before %d; %d bytes promised", descriptors(t), before, d.promised.Load())
}

func descriptors(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

func TestReadySeesALostFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	d := openDir(t, path, Options{})
	if err := d.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Rename(path, path+".away"), os.Mkdir(path, 0o700)); err != nil {
		t.Fatal(err)
	}
	if err := d.Ready(t.Context()); mailbox.KindOf(err) != mailbox.Unavailable {
		t.Errorf("another folder in its place: %v", err)
	}
	if err := errors.Join(os.Remove(path), os.Rename(path+".away", path)); err != nil {
		t.Fatal(err)
	}
	if err := d.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(path, markerName)); err != nil {
		t.Fatal(err)
	}
	if err := d.Ready(t.Context()); mailbox.KindOf(err) != mailbox.Unavailable {
		t.Errorf("marker gone: %v", err)
	}
}

func FuzzDecodeDescription(f *testing.F) {
	long, short, err := encode(storagetest.Describe([]byte("x")))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(long)
	f.Add(short)
	f.Add([]byte(`{"format":1,"sha256":"zz"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := decode(text)
		if err != nil {
			return
		}
		again, _, err := encode(d)
		if err != nil {
			t.Fatal(err)
		}
		if d2, err := decode(again); err != nil || d2 != d {
			t.Fatalf("%+v became %+v, %v", d, d2, err)
		}
	})
}
