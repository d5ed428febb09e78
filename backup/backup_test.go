// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	client "github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"golang.org/x/sys/unix"

	"postfach/test/minio"
)

// plainText looks like a catalog of some megabytes, over the size of a part's
// buffer and of several steps.
func plainText(n int) []byte {
	return append([]byte(magicSQLite), bytes.Repeat([]byte("Anna Köhler 192.0.2.7 "), n)...)
}

func from(text []byte) Source {
	return func(_ context.Context, w io.Writer) error { _, err := w.Write(text); return err }
}

func pair(t *testing.T) (identity string, to Recipients) {
	t.Helper()
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	if to, err = ParseRecipients("# for a test\n" + key.Recipient().String() + "\n"); err != nil {
		t.Fatal(err)
	}
	return key.String(), to
}

// places are a folder and a bucket of a real MinIO.
func places(t *testing.T) map[string]Place {
	all := map[string]Place{"folder": Folder(filepath.Join(t.TempDir(), "a", "b"))}
	if !testing.Short() {
		server := minio.Start(t, minio.Options{})
		all["bucket"] = &Bucket{Core: server.Client(t), Name: server.Bucket(t, false), Prefix: "sicherung/eins/"}
	}
	return all
}

// TestPlaces: what was made can be read with the key and in no other way; a
// name is never given twice; what fails leaves nothing (L16).
func TestPlaces(t *testing.T) {
	identity, to := pair(t)
	for name, p := range places(t) {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			text := plainText(3_500_000) // over two parts
			m, err := Make(ctx, p, "x.db.age", from(text), to)
			if err != nil {
				t.Fatal(err)
			}
			sealed := get(t, p, "x.db.age")
			if int64(len(sealed)) != m.Size || bytes.Contains(sealed, []byte("Köhler")) || bytes.Contains(sealed, []byte(magicSQLite)) {
				t.Errorf("%d bytes, not %d, or not encrypted", len(sealed), m.Size)
			}
			if r, err := Read(bytes.NewReader(sealed), identity); err != nil {
				t.Error(err)
			} else if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, text) {
				t.Errorf("%d bytes came back (%v)", len(got), err)
			}
			if _, err := Make(ctx, p, "x.db.age", from(text), to); !errors.Is(err, fs.ErrExist) {
				t.Errorf("a name was given twice: %v", err)
			}
			broken := errors.New("broken off")
			_, err = Make(ctx, p, "y.db", func(_ context.Context, w io.Writer) error {
				_, err := w.Write(text)
				return errors.Join(broken, err)
			}, Recipients{})
			if !errors.Is(err, broken) {
				t.Errorf("%v", err)
			}
			if all, err := p.List(ctx); err != nil || len(all) != 1 {
				t.Errorf("left: %v %v", all, err)
			}
			if _, err := p.Get(ctx, "y.db"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%v", err)
			}
			if err := p.Tidy(ctx); err != nil {
				t.Error(err)
			}
		})
	}
}

func get(t *testing.T, p Place, name string) []byte {
	t.Helper()
	r, err := p.Get(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestLockedBucket: a bucket whose own rule locks everything takes backups,
// whose time is not over yet when the series removes them: then they are out of
// sight and still there (P65).
func TestLockedBucket(t *testing.T) {
	if testing.Short() {
		t.Skip("needs MinIO")
	}
	server := minio.Start(t, minio.Options{})
	core, name := server.Client(t), server.Bucket(t, true)
	mode, days, unit := client.Governance, uint(30), client.Days
	if err := core.SetObjectLockConfig(t.Context(), name, &mode, &days, &unit); err != nil {
		t.Fatal(err)
	}
	unchecked := 0
	asked, err := client.NewCore(server.Address, &client.Options{Creds: credentials.NewStaticV4(server.AccessKey, server.SecretKey, ""),
		Region: "us-east-1", BucketLookup: client.BucketLookupPath, Transport: trip(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodPut && r.Header.Get("Content-Md5") == "" { // AWS wants it, MinIO does not
				unchecked++
			}
			return http.DefaultTransport.RoundTrip(r)
		})})
	if err != nil {
		t.Fatal(err)
	}
	b := &Bucket{Core: asked, Name: name, Prefix: "sicherung/"}
	s := &Series{Place: b, From: from(plainText(1000)), Keep: Keep{Count: 1}, Log: slog.New(slog.DiscardHandler)}
	var made []Made
	for range 2 {
		m, err := s.Once(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, m)
	}
	if all, err := Snapshots(t.Context(), b); err != nil || len(all) != 1 || all[0].Name != made[1].Name {
		t.Errorf("in sight: %v %v", all, err)
	}
	kept := 0
	for o := range core.ListObjectsIter(t.Context(), name, client.ListObjectsOptions{Recursive: true, WithVersions: true}) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		if o.IsDeleteMarker {
			continue
		}
		kept++
		if err := core.RemoveObject(t.Context(), name, o.Key, client.RemoveObjectOptions{VersionID: o.VersionID}); err == nil {
			t.Errorf("%s could be destroyed", o.Key)
		}
	}
	if kept != 2 || unchecked > 0 {
		t.Errorf("%d versions are kept, %d parts went without a checksum", kept, unchecked)
	}
}

// trip is a transport.
type trip func(*http.Request) (*http.Response, error)

func (f trip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestReadRefuses: what was cut short, altered, encrypted for others, or is
// something else is no backup.
func TestReadRefuses(t *testing.T) {
	identity, to := pair(t)
	stranger, _ := pair(t)
	var sealed bytes.Buffer
	if _, err := Stream(t.Context(), &sealed, from(plainText(20_000)), to); err != nil {
		t.Fatal(err)
	}
	all := sealed.Bytes()
	altered := bytes.Clone(all)
	altered[len(altered)/2] ^= 1
	for name, tc := range map[string]struct {
		text []byte
		keys string
	}{
		"cut short": {all[:len(all)-100], identity}, "cut at a step": {all[:len(all)-len(all)%(64<<10)-32], identity},
		"altered": {altered, identity}, "a stranger": {all, stranger}, "no key": {all, ""}, "no identity": {all, "age1x"},
		"something else": {[]byte("PK\x03\x04 an archive of something"), identity}, "nothing": {nil, identity},
	} {
		r, err := Read(bytes.NewReader(tc.text), tc.keys)
		if err == nil {
			_, err = io.Copy(io.Discard, r)
		}
		if err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if _, err := ParseRecipients("AGE-SECRET-KEY-1" + strings.Repeat("Q", 58)); err == nil {
		t.Error("a secret key is no recipient")
	}
}

// liar gives back something else than was stored, as a disk may.
type liar struct{ Folder }

func (l liar) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	path := filepath.Join(string(l.Folder), name)
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	b[len(b)-1] ^= 1
	return io.NopCloser(bytes.NewReader(b)), nil
}

// TestReadBack: a backup that does not come back as it was written is none.
func TestReadBack(t *testing.T) {
	l := liar{Folder(t.TempDir())}
	if _, err := Make(t.Context(), l, "x.db", from(plainText(10)), Recipients{}); err == nil {
		t.Error("taken for good")
	}
	if all, err := l.List(t.Context()); err != nil || len(all) > 0 {
		t.Errorf("%v %v", all, err)
	}
}

// TestKeep: the latest snapshots and the last one of each day stay; foreign
// files are nobody's business.
func TestKeep(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	var all []Stored
	for i := range 24 * 10 { // one an hour, for ten days
		at := now.Add(-time.Duration(i) * time.Hour)
		all = append(all, Stored{File{Name: newName(at, false)}, at})
	}
	for _, tc := range []struct {
		keep Keep
		left int
	}{{Keep{Count: 5}, 5}, {Keep{}, 1}, {Keep{Count: 5, Days: 3}, 7}, {Keep{Count: 1000}, 240}, {Keep{Count: 1, Days: 100}, 11}, {Keep{Months: 1}, 1}} {
		doomed := tc.keep.surplus(all, now)
		if left := len(all) - len(doomed); left != tc.left {
			t.Errorf("%+v: %d stay, not %d", tc.keep, left, tc.left)
		}
		for _, d := range doomed {
			if d.Name == all[0].Name {
				t.Errorf("%+v removes the latest", tc.keep)
			}
		}
	}
	keepsMonths(t, now)
	dir := Folder(t.TempDir())
	for _, name := range []string{"postfach-2026.db", "x", newName(now, true), "catalog.db"} {
		if err := os.WriteFile(filepath.Join(string(dir), name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := Snapshots(t.Context(), dir); err != nil || len(all) != 1 || !all[0].At.Equal(now) {
		t.Errorf("%v %v", all, err)
	}
}

// keepsMonths: with what is kept unless told otherwise, days of a month and
// months of a year are there, as a rule for backups wants them (P66).
func keepsMonths(t *testing.T, now time.Time) {
	t.Helper()
	var all []Stored
	for i := range 800 { // one a day
		at := now.AddDate(0, 0, -i)
		all = append(all, Stored{File{Name: newName(at, true)}, at})
	}
	keep := Keep{Count: 24, Days: 31, Months: 13}
	left := len(all) - len(keep.surplus(all, now))
	doomed := map[string]bool{}
	for _, d := range keep.surplus(all, now) {
		doomed[d.Name] = true
	}
	var oldest time.Time
	days := 0
	for _, f := range all {
		if doomed[f.Name] {
			continue
		}
		if oldest = f.At; now.Sub(f.At) < 31*24*time.Hour {
			days++
		}
	}
	// 31 days, of which the last one is in October, and the ends of the eleven
	// months from September back to last November.
	if days != 31 || left != 31+11 || !oldest.Equal(time.Date(2025, 11, 30, 12, 0, 0, 0, time.UTC)) {
		t.Errorf("%d stay, %d of the last 31 days, the oldest of %s", left, days, oldest)
	}
}

// TestSeries: snapshots come by themselves, old ones go, a failure is told once
// and does not end the series.
func TestSeries(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "to")
	turns := make(chan error, 100)
	s := &Series{Place: Folder(dir), From: from(plainText(10)), Every: 20 * time.Millisecond, Keep: Keep{Count: 3},
		Turned: func(_ context.Context, _ Made, err error) { turns <- err }, Log: slog.New(slog.DiscardHandler)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	turn := func(want bool) {
		t.Helper()
		select {
		case err := <-turns:
			if (err == nil) != want {
				t.Fatalf("turned: %v", err)
			}
		case <-time.After(2 * time.Minute):
			t.Fatal("nothing turned")
		}
	}
	turn(true)
	first := s.Last()
	if first.IsZero() {
		t.Error("no last one")
	}
	// A file where the folder was: nothing can be stored there.
	if err := os.WriteFile(dir+".file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	exchange := func() {
		t.Helper()
		if err := unix.Renameat2(unix.AT_FDCWD, dir, unix.AT_FDCWD, dir+".file", unix.RENAME_EXCHANGE); err != nil {
			t.Fatal(err)
		}
	}
	exchange()
	turn(false)
	exchange()
	turn(true)
	cancel()
	<-done
	if all, err := Snapshots(t.Context(), s.Place); err != nil || len(all) == 0 || len(all) > 4 || // one more where the end came before it was tidied
		!s.Last().After(first) {
		t.Errorf("%d snapshots, %v", len(all), err)
	}
}

// FuzzRead: whatever text is given, no reader panics, and what is taken begins
// like a catalog.
func FuzzRead(f *testing.F) {
	f.Add([]byte(magicSQLite + "x"))
	f.Add([]byte(magicAge + "-> X25519 abc\n--- def\n"))
	f.Add([]byte(fmt.Sprintf("%s-> X25519 %s\n", magicAge, strings.Repeat("A", 43))))
	key, err := age.GenerateX25519Identity()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := Read(bytes.NewReader(text), key.String())
		if err != nil {
			return
		}
		if got, err := io.ReadAll(r); err == nil && !bytes.HasPrefix(got, []byte(magicSQLite)) {
			t.Errorf("%q was taken", got)
		}
	})
}
