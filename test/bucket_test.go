// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"postfach/mailbox"
	"postfach/scan/scantest"
	"postfach/test/minio"
	"postfach/test/world"
)

// inBucket is a world whose contents lie in a bucket of a real MinIO.
func inBucket(t *testing.T) (*world.World, *minio.Server, string) {
	t.Helper()
	long(t)
	server := minio.Start(t, minio.Options{})
	bucket := server.Bucket(t, false)
	o := world.Everybody()
	o.Stopped = true
	o.Env = append(o.Env, "AWS_ACCESS_KEY_ID="+server.AccessKey, "AWS_SECRET_ACCESS_KEY="+server.SecretKey)
	w := world.Start(t, o)
	text, err := os.ReadFile(w.Config)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, w.Config, strings.Replace(string(text), "storage: dir:"+w.Data+"/blobs",
		"storage: s3://"+bucket+"/kasse?endpoint="+server.Endpoint+"\nupload: {spool: "+w.Data+"/spool}", 1))
	w.Serve()
	return w, server, bucket
}

// TestBucket walks documents through a whole Postfach on S3 (issue 3, item 1):
// small ones and such that go in parts, clean and infected ones. The bucket has
// one prefix for each member with its folders, and nothing of what was refused.
func TestBucket(t *testing.T) {
	w, server, bucket := inBucket(t)
	eicar := string(scantest.EICAR())
	large := strings.Repeat("0123456789abcdef", 20<<20/16) + "Ende" // over the part size, 16 MiB
	w.Put(t, "anna", "/dav/an_KVBbg/klein.txt", "klein")
	w.Put(t, "anna", "/dav/an_KVBbg/leer.txt", "")
	w.Put(t, "anna", "/dav/an_KVBbg/groß.txt", large)
	w.Play(t, []world.Exchange{
		{As: "anna", Method: "PUT", Path: "/dav/an_KVBbg/krank.txt", Body: eicar, Want: 415},
		{As: "anna", Method: "PUT", Path: "/dav/an_KVBbg/schwer%20krank.txt", Body: large + eicar, Want: 415},
		{As: "anna", Method: "GET", Path: "/dav/an_KVBbg/krank.txt", Want: 404},
		{As: "anna", Method: "GET", Path: "/dav/an_KVBbg/klein.txt", Want: 200, Contains: "klein"},
		{As: "anna", Method: "GET", Path: "/dav/an_KVBbg/groß.txt", Header: map[string]string{"Range": "bytes=-4"}, Want: 206, Contains: "Ende"},
	})
	if got := w.Get(t, "anna", "/dav/an_KVBbg/groß.txt"); !bytes.Equal([]byte(got.Body), []byte(large)) {
		t.Errorf("%d bytes came back, not the %d", len(got.Body), len(large))
	}
	clean := func() (blobs []string) {
		for _, key := range server.Keys(t, bucket) {
			if !strings.HasPrefix(key, "kasse/.") { // of uploads under way, and the catalog's standing
				blobs = append(blobs, key)
			}
		}
		return blobs
	}
	keys := clean()
	if len(keys) != 4 { // three contents, one description beside
		t.Errorf("keys %q", keys)
	}
	for _, key := range keys {
		id, isKey := strings.CutPrefix(strings.TrimSuffix(key, ".json"), "kasse/0815/an_KVBbg/")
		if _, err := mailbox.ParseVersionID(id); !isKey || err != nil {
			t.Errorf("key %q", key)
		}
	}
	out := w.CLI("", "storage", "verify")
	if !strings.Contains(out, "3 versions in 3 blobs") || !strings.Contains(out, "0 missing or different") {
		t.Error(out)
	}

	// The server behind: away, it is refused and told; back, all goes on.
	server.Kill()
	eventually(t, "not ready without a bucket", func() bool { return w.ReadyStatus() == 503 })
	w.Do(t, world.Exchange{As: "anna", Method: "PUT", Path: "/dav/an_KVBbg/später.txt", Body: "später", Want: 503})
	w.Do(t, world.Exchange{As: "anna", Method: "GET", Path: "/dav/an_KVBbg/klein.txt", Want: 503})
	w.Do(t, world.Exchange{As: "anna", Method: "PROPFIND", Path: "/dav/an_KVBbg/", Header: depth1, Want: 207})
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.WaitReady(patience)
	w.Put(t, "anna", "/dav/an_KVBbg/später.txt", "später")
	w.Kill()
	w.Serve()
	w.Play(t, []world.Exchange{{As: "anna", Method: "GET", Path: "/dav/an_KVBbg/später.txt", Want: 200, Contains: "später"}})
	if now := clean(); len(now) != 5 || !slices.Contains(now, keys[0]) {
		t.Errorf("keys %q", now)
	}
	if out := w.CLI("", "storage", "collect"); !strings.Contains(out, "0 unnamed blobs") {
		t.Error(out)
	}
}
