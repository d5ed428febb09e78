// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	client "github.com/minio/minio-go/v7"

	"postfach/mailbox"
	"postfach/storage/storagetest"
	"postfach/test/minio"
)

// inBucket is a storage in a bucket of its own.
type inBucket struct {
	*S3
	server *minio.Server
	bucket string
}

func s3Options(t testing.TB, server *minio.Server, bucket string) S3Options {
	t.Helper()
	return S3Options{Endpoint: server.Endpoint, Roots: server.Roots, PathStyle: true, Bucket: bucket, Prefix: "postfach/eins",
		Credentials: S3Credentials{AccessKey: server.AccessKey, SecretKey: server.SecretKey},
		Spool:       t.TempDir(), PartSize: minPart}
}

func openS3(t testing.TB, server *minio.Server, change func(*S3Options)) inBucket {
	t.Helper()
	o := s3Options(t, server, "")
	if change != nil {
		change(&o)
	}
	if o.Bucket == "" {
		o.Bucket = server.Bucket(t, o.Retention.Mode != "")
	}
	s, err := OpenS3(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return inBucket{s, server, o.Bucket}
}

// TestS3 runs what needs a healthy server.
func TestS3(t *testing.T) {
	server := minio.Start(t, minio.Options{})
	t.Run("conforms", func(t *testing.T) {
		storagetest.Blobs(t, func(t *testing.T) mailbox.Blobs { return openS3(t, server, nil) })
	})
	t.Run("inventory", func(t *testing.T) {
		storagetest.Inventories(t, func(t *testing.T) storagetest.Inventory { return inventory(openS3(t, server, nil)) })
	})
	t.Run("standing", func(t *testing.T) { standing(t, openS3(t, server, nil)) })
	t.Run("standing where objects are locked", func(t *testing.T) {
		standing(t, openS3(t, server, func(o *S3Options) { o.Retention = S3Retention{Mode: "governance", For: time.Hour} }))
	})
	t.Run("chunks conform", func(t *testing.T) {
		storagetest.Chunks(t, func(t *testing.T) mailbox.Chunks { return openS3(t, server, nil).Chunks() })
	})
	for _, tc := range []struct {
		name string
		run  func(*testing.T, *minio.Server)
	}{
		{"keys", s3Keys},
		{"parts leave before the verdict", s3PartsBefore},
		{"discarded uploads leave nothing", s3Discarded},
		{"a killed node's uploads are collected, younger ones are not", s3Killed},
		{"one request per read", s3OneGet},
		{"parts in flight are bounded", s3InFlight},
		{"no part is held in memory", s3Memory},
		{"a bucket with object lock", s3Locked},
		{"one bucket, two installations", s3Neighbours},
		{"access keys", s3AccessKeys},
		{"uploads cross deletions", s3Crossing},
		{"chunks of uploads", s3Chunks},
		{"other bytes than those described are refused", s3OtherBytes},
	} {
		t.Run(tc.name, func(t *testing.T) { tc.run(t, server) })
	}
}

// begin stages so much of a body, without an end.
func begin(t *testing.T, s mailbox.Blobs, key mailbox.BlobKey, body []byte) *s3Upload {
	t.Helper()
	st, err := s.Stage(t.Context(), key, -1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := st.Write(body); err != nil {
		t.Fatal(err)
	}
	return st.(*s3Upload)
}

// eventually waits for something that happens in the background.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for range 12_000 {
		if is() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("never: " + what)
}

// empty checks that a bucket holds nothing, visible or not.
func (b inBucket) empty(t *testing.T, key mailbox.BlobKey) {
	t.Helper()
	if keys := b.server.Keys(t, b.bucket); len(keys) != 0 {
		t.Errorf("left in the bucket: %q", keys)
	}
	if ids := b.server.OpenUploads(t, b.bucket, "postfach/eins/"+key.String()); len(ids) != 0 {
		t.Errorf("%d open uploads left", len(ids))
	}
}

// s3Keys is the layout of DESIGN.md section 5.
func s3Keys(t *testing.T, server *minio.Server) {
	s := openS3(t, server, nil)
	small, large := storagetest.Key(), storagetest.Key()
	storagetest.Put(t, s, small, storagetest.Bytes(100, 1))
	storagetest.Put(t, s, large, storagetest.Bytes(2*minPart+1, 1))
	s.behind.Wait()
	want := []string{"postfach/eins/" + small.String(), "postfach/eins/" + large.String(), "postfach/eins/" + large.String() + ".json"}
	slices.Sort(want)
	if got := server.Keys(t, s.bucket); !slices.Equal(got, want) {
		t.Errorf("keys %q, want %q", got, want)
	}
	info, err := server.Client(t).StatObject(t.Context(), s.bucket, want[0], client.StatObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	meta := lowerMeta(info.UserMetadata)
	path, _ := base64.RawURLEncoding.DecodeString(meta["postfach-path"])
	if string(path) != "an_KVBbg/Prüfliste März.csv" || meta["postfach-engine"] != "ClamAV%201.4.6" {
		t.Errorf("metadata %v", meta)
	}
}

// s3PartsBefore: the verdict does not wait for the transfer, and nothing can be
// read before it (I1).
func s3PartsBefore(t *testing.T, server *minio.Server) {
	s := openS3(t, server, nil)
	key := storagetest.Key()
	body := storagetest.Bytes(3*minPart+5, 1)
	u := begin(t, s, key, body)
	object := "postfach/eins/" + key.String()
	c := server.Client(t)
	eventually(t, "three parts in the bucket", func() bool {
		ids := server.OpenUploads(t, s.bucket, object)
		if len(ids) != 1 {
			return false
		}
		list, err := c.ListObjectParts(t.Context(), s.bucket, object, ids[0], 0, 100)
		return err == nil && len(list.ObjectParts) == 3
	})
	if _, err := u.Seal(); err != nil {
		t.Fatal(err)
	}
	if r, err := s.Open(t.Context(), key, 0, -1); mailbox.KindOf(err) != mailbox.NotFound {
		t.Fatal("readable without a verdict", r, err)
	}
	if err := errors.Join(u.Publish(t.Context(), storagetest.Describe(body)), u.Discard()); err != nil {
		t.Fatal(err)
	}
	if got := storagetest.Get(t, s, key, 0, -1); !bytes.Equal(got, body) {
		t.Error("other bytes")
	}
}

func s3Discarded(t *testing.T, server *minio.Server) {
	for name, sealed := range map[string]bool{"refused": true, "aborted": false} {
		for _, n := range []int64{0, 100, minPart, 3*minPart + 5} {
			t.Run(fmt.Sprintf("%s/%d", name, n), func(t *testing.T) {
				s := openS3(t, server, nil)
				key := storagetest.Key()
				u := begin(t, s, key, storagetest.Bytes(n, 1))
				if sealed {
					if _, err := u.Seal(); err != nil {
						t.Fatal(err)
					}
					if u.parts != nil {
						if err := u.parts.wait(t.Context()); err != nil {
							t.Fatal(err)
						}
					}
				}
				if err := u.Discard(); err != nil {
					t.Fatal(err)
				}
				s.behind.Wait()
				s.empty(t, key)
			})
		}
	}
}

// s3Killed is a node that is killed while uploads are under way: its uploads
// are open in the bucket, and nobody remembers them but their intents.
func s3Killed(t *testing.T, server *minio.Server) {
	dead := openS3(t, server, nil)
	alive := openS3(t, server, func(o *S3Options) { o.Bucket = dead.bucket })
	key := storagetest.Key()
	body := storagetest.Bytes(2*minPart+5, 1)
	lost := begin(t, dead, key, body)
	eventually(t, "an open upload", func() bool {
		return len(server.OpenUploads(t, dead.bucket, "postfach/eins/"+key.String())) == 1
	})
	lost.parts.cancel() // what a kill does to requests
	lost.parts.work.Wait()

	// Killed between the description and Complete: a description without a blob.
	orphan := storagetest.Key()
	if _, err := dead.putBeside(t.Context(), "postfach/eins/"+orphan.String(), storagetest.Describe(body), newMark()); err != nil {
		t.Fatal(err)
	}
	if n, err := alive.Collect(t.Context(), time.Now().Add(-time.Hour)); err != nil || n != 0 {
		t.Errorf("collected %d that were young, %v", n, err)
	}
	if n := len(server.OpenUploads(t, dead.bucket, "postfach/eins/"+key.String())); n != 1 {
		t.Fatalf("%d open uploads, want the one", n)
	}
	// MinIO forgets at a restart what it would list without an exact key.
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := time.Now().Add(time.Second)
	time.Sleep(1100 * time.Millisecond) // the ids below are younger than before
	young := storagetest.Key()
	running := begin(t, alive, young, body)
	if _, err := running.Seal(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "an open upload", func() bool {
		return len(server.OpenUploads(t, dead.bucket, "postfach/eins/"+young.String())) == 1
	})
	if n, err := alive.Collect(t.Context(), before); err != nil || n != 2 {
		t.Errorf("collected %d, %v, want the upload and the description", n, err)
	}
	if n := len(server.OpenUploads(t, dead.bucket, "postfach/eins/"+key.String())); n != 0 {
		t.Errorf("%d open uploads left", n)
	}
	if err := errors.Join(running.Publish(t.Context(), storagetest.Describe(body)), running.Discard()); err != nil {
		t.Errorf("the running upload was disturbed: %v", err)
	}
	alive.behind.Wait()
	want := []string{"postfach/eins/" + young.String(), "postfach/eins/" + young.String() + ".json"}
	if keys := server.Keys(t, dead.bucket); !slices.Equal(keys, want) {
		t.Errorf("keys %q, want %q", keys, want)
	}
	if err := lost.Discard(); err != nil {
		t.Error(err)
	}
}

func s3OneGet(t *testing.T, server *minio.Server) {
	p := minio.StartProxy(t, server)
	s := openS3(t, server, func(o *S3Options) { o.Endpoint = p.Endpoint })
	key := storagetest.Key()
	body := storagetest.Bytes(2*minPart+5, 1)
	storagetest.Put(t, s, key, body)
	s.behind.Wait()
	for _, r := range []struct{ offset, n int64 }{{0, -1}, {0, 10}, {5, -1}, {minPart, 1000}, {1, minPart * 2}} {
		p.Requests()
		storagetest.Get(t, s, key, r.offset, r.n)
		if log := p.Requests(); len(log) != 1 || !strings.HasPrefix(log[0], "GET ") {
			t.Errorf("%d+%d: %q", r.offset, r.n, log)
		}
	}
	// A small upload is one request as well.
	storagetest.Put(t, s, storagetest.Key(), []byte("klein"))
	if log := p.Requests(); len(log) != 1 || !strings.HasPrefix(log[0], "PUT ") {
		t.Errorf("small upload: %q", log)
	}
}

func s3InFlight(t *testing.T, server *minio.Server) {
	p := minio.StartProxy(t, server)
	s := openS3(t, server, func(o *S3Options) { o.Endpoint, o.PartsInFlight, o.AllInFlight = p.Endpoint, 2, 3 })
	body := storagetest.Bytes(6*minPart, 1)
	var wg sync.WaitGroup
	for range 4 {
		key := storagetest.Key()
		u := begin(t, s, key, body)
		wg.Go(func() {
			_, err := u.Seal()
			err = errors.Join(err, u.Publish(t.Context(), storagetest.Describe(body)), u.Discard())
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	// Descriptions and Complete have bodies too: one for each upload.
	if most := p.Most(); most > 3+4 {
		t.Errorf("%d requests with a body at a time", most)
	}
}

// s3Memory: what an upload of 64 MiB allocates at all is less than one part.
func s3Memory(t *testing.T, server *minio.Server) {
	s := openS3(t, server, func(o *S3Options) { o.PartSize = 16 << 20 })
	piece := storagetest.Bytes(1<<20, 1)
	h := sha256.New()
	storagetest.Put(t, s, storagetest.Key(), storagetest.Bytes(17<<20, 1)) // connections and pools
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	key := storagetest.Key()
	u := begin(t, s, key, nil)
	for range 64 {
		h.Write(piece)
		if _, err := u.Write(piece); err != nil {
			t.Fatal(err)
		}
	}
	_, err := u.Seal()
	about := storagetest.Describe(nil)
	about.Size, about.SHA256 = 64<<20, [32]byte(h.Sum(nil))
	if err := errors.Join(err, u.Publish(t.Context(), about), u.Discard()); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 8<<20 {
		t.Errorf("allocated %d KiB", got>>10)
	}
	if sum, size, err := s.Verify(t.Context(), key); err != nil || size != about.Size || sum != about.SHA256 {
		t.Errorf("%d bytes, %v", size, err)
	}
}

// s3Locked is the retention option where the bucket has object lock.
func s3Locked(t *testing.T, server *minio.Server) {
	s := openS3(t, server, func(o *S3Options) { o.Retention = S3Retention{Mode: "governance", For: 24 * time.Hour} })
	c := server.Client(t)
	for _, n := range []int64{100, 2*minPart + 5} {
		key, body := storagetest.Key(), storagetest.Bytes(n, 1)
		storagetest.Put(t, s, key, body)
		object := "postfach/eins/" + key.String()
		mode, until, err := c.GetObjectRetention(t.Context(), s.bucket, object, "")
		if err != nil || *mode != client.Governance || time.Until(*until) < 23*time.Hour {
			t.Fatalf("retention %v until %v, %v", mode, until, err)
		}
		info, err := c.StatObject(t.Context(), s.bucket, object, client.StatObjectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Remove(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		if r, err := s.Open(t.Context(), key, 0, -1); mailbox.KindOf(err) != mailbox.NotFound {
			t.Error("removed and readable", r, err)
		}
		if _, err := c.StatObject(t.Context(), s.bucket, object, client.StatObjectOptions{VersionID: info.VersionID}); err != nil {
			t.Errorf("the locked bytes are gone: %v", err)
		}
	}
	s.behind.Wait()
	if keys := server.Keys(t, s.bucket); len(keys) != 0 {
		t.Errorf("left: %q", keys)
	}
}

// s3Neighbours: what does not begin with our prefix is nobody's business.
func s3Neighbours(t *testing.T, server *minio.Server) {
	one := openS3(t, server, nil)
	two := openS3(t, server, func(o *S3Options) { o.Bucket, o.Prefix = one.bucket, "postfach/eins2" })
	all := openS3(t, server, func(o *S3Options) { o.Bucket, o.Prefix = one.bucket, "" })
	key := storagetest.Key()
	storagetest.Put(t, one, key, []byte("eins"))
	storagetest.Put(t, two, key, []byte("zwei"))
	storagetest.Put(t, all, key, []byte("drei"))
	for _, s := range []inBucket{one, two, all} {
		n := 0
		err := s.Walk(t.Context(), func(b BlobInfo) error {
			if b.Key != key {
				t.Errorf("tells %s", b.Key)
			}
			n++
			return nil
		})
		if err != nil || n != 1 {
			t.Errorf("%q: %d blobs, %v", s.o.Prefix, n, err)
		}
	}
	if strays, err := all.Strays(t.Context(), 10); err != nil || len(strays) != 2 {
		t.Errorf("strays %q, %v", strays, err)
	}
}

func s3AccessKeys(t *testing.T, server *minio.Server) {
	file := filepath.Join(t.TempDir(), "credentials")
	text := fmt.Sprintf("[postfach]\naws_access_key_id = %s\naws_secret_access_key = %s\n", server.AccessKey, server.SecretKey)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := openS3(t, server, func(o *S3Options) { o.Credentials = S3Credentials{File: file, Profile: "postfach"} })
	key := storagetest.Key()
	storagetest.Put(t, s, key, []byte("aus der Datei"))
	wrong := openS3(t, server, func(o *S3Options) { o.Bucket, o.Credentials.SecretKey = s.bucket, "falsch-aber-lang-genug" })
	if err := wrong.Ready(t.Context()); mailbox.KindOf(err) != mailbox.Unavailable {
		t.Errorf("ready with a wrong secret: %v", err)
	}
	if r, err := wrong.Open(t.Context(), key, 0, -1); mailbox.KindOf(err) != mailbox.Unavailable {
		t.Error("opened with a wrong secret", r, err)
	}
	if err := wrong.Walk(t.Context(), func(BlobInfo) error { return nil }); mailbox.KindOf(err) != mailbox.Unavailable {
		t.Errorf("walk with a wrong secret: %v", err)
	}
	absent := openS3(t, server, func(o *S3Options) { o.Bucket = "gibt-es-nicht" })
	if err := absent.Ready(t.Context()); mailbox.KindOf(err) != mailbox.Unavailable {
		t.Errorf("ready without a bucket: %v", err)
	}
	if err := absent.Walk(t.Context(), func(BlobInfo) error { return nil }); mailbox.KindOf(err) != mailbox.Unavailable {
		t.Errorf("walk without a bucket: %v", err)
	}
}

// s3Crossing: MinIO takes empty folders away while keys are made in them.
func s3Crossing(t *testing.T, server *minio.Server) {
	s := openS3(t, server, nil)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 150 {
				key := storagetest.Key()
				err := storeS3(t.Context(), s, key, []byte("kurz"), storagetest.Describe([]byte("kurz")))
				if err = errors.Join(err, s.Remove(t.Context(), key)); err != nil {
					t.Errorf("upload %d: %v", i, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// s3OtherBytes: the server itself compares what arrives with what was hashed
// when the upload came in, so the bytes that were scanned are those stored.
func s3OtherBytes(t *testing.T, server *minio.Server) {
	s := openS3(t, server, nil)
	key := storagetest.Key()
	body := []byte("geprüft")
	u, _ := storagetest.Seal(t, s, key, body, -1)
	about := storagetest.Describe(body)
	about.SHA256[0] ^= 1
	if err := u.Publish(t.Context(), about); mailbox.KindOf(err) != mailbox.Unavailable {
		t.Errorf("published other bytes than described: %v", err)
	}
	s.empty(t, key)
}
