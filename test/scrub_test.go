// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	s3 "github.com/minio/minio-go/v7"

	"postfach/test/minio"
	"postfach/test/world"
)

// blobWith finds the file of a storage folder that holds a content.
func blobWith(t *testing.T, w *world.World, content string) string {
	t.Helper()
	var found string
	filepath.WalkDir(w.Data+"/blobs", func(path string, d fs.DirEntry, err error) error {
		if b, err := os.ReadFile(path); err == nil && string(b) == content {
			found = path
		}
		return err
	})
	if found == "" {
		t.Fatalf("no blob holds %q", content)
	}
	return found
}

// TestScrub: what is missing or differs in the storage shows in metric, record,
// log and command, is not served as if it were whole, and is forgotten when it
// is intact again (issue 3, item 5).
func TestScrub(t *testing.T) {
	o := world.Everybody()
	o.Settings = "scrub: {every: off}"
	w := whole(t, o)
	for _, body := range []string{"unversehrt", "verändert", "gekürzt", "verlängert", "verloren"} {
		w.Put(t, "anna", "/dav/an_KVBbg/"+body+".txt", body)
	}
	w.Stop()
	text, err := os.ReadFile(w.Config)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, w.Config, strings.Replace(string(text), "scrub: {every: off}", "scrub: {every: 1m, sample: 100, rate: 64MiB}", 1))
	damage := map[string]string{"verändert": "Verändert", "gekürzt": "gek", "verlängert": "verlängert und mehr"}
	for body, instead := range damage {
		f := blobWith(t, w, body)
		os.Chmod(f, 0o600)
		writeFile(t, f, instead)
	}
	lost := blobWith(t, w, "verloren")
	if err := os.Rename(lost, w.Dir+"/lost"); err != nil {
		t.Fatal(err)
	}
	w.Serve()
	waitFor(t, "four damaged contents in the metrics", func() bool { return metric(t, w, "postfach_storage_damaged") == 4 })
	waitFor(t, "the end of the round", func() bool { return metric(t, w, "postfach_scrub_finished_seconds") > 0 })
	records := w.CLI("", "audit", "list", "--operation", "content-damaged", "--json")
	if n := strings.Count(records, `"entry":`); n != 4 || strings.Count(records, "missing") != 1 {
		t.Errorf("records of damage:\n%s", records)
	}
	if n := strings.Count(w.Log(), `"stored content is damaged"`); n != 4 {
		t.Errorf("%d lines in the log", n)
	}
	for _, body := range []string{"gekürzt", "verlängert", "verloren"} {
		for _, ranges := range []string{"", "bytes=0-2", "bytes=5-"} {
			a := w.Do(t, world.Exchange{As: "anna", Method: "GET", Path: "/dav/an_KVBbg/" + body + ".txt", Header: map[string]string{"Range": ranges}, Want: 503})
			if a.Header.Get("Retry-After") == "" {
				t.Errorf("%s: 503 without Retry-After", body)
			}
		}
	}
	out, err := w.Try("", "storage", "verify")
	if err == nil || !strings.Contains(out, "5 versions in 5 blobs") || !strings.Contains(out, "4 missing or different") || !strings.Contains(out, ": missing (version") {
		t.Errorf("storage verify: %v\n%s", err, out)
	}
	if again := w.CLI("", "audit", "list", "--operation", "content-damaged", "--json"); again != records {
		t.Errorf("known damage was recorded again:\n%s", again)
	}
	for body, instead := range damage {
		writeFile(t, blobWith(t, w, instead), body)
	}
	if err := os.Rename(w.Dir+"/lost", lost); err != nil {
		t.Fatal(err)
	}
	w.CLI("", "storage", "verify")
	if n := metric(t, w, "postfach_storage_damaged"); n != 0 {
		t.Errorf("%v damaged after the repair", n)
	}
	if n := strings.Count(w.CLI("", "audit", "list", "--operation", "content-intact", "--json"), "\n"); n != 4 {
		t.Errorf("%d records of repairs", n)
	}
	w.CLI("", "audit", "replay", "--verify")
}

// TestLatestAreChecked: a server that starts after a crash reads again what came
// in last, and says what the crash took (L4).
func TestLatestAreChecked(t *testing.T) {
	w := whole(t, world.Everybody())
	for _, body := range []string{"früher", "zuletzt"} {
		w.Put(t, "anna", "/dav/an_KVBbg/"+body+".txt", body)
	}
	w.Kill()
	f := blobWith(t, w, "zuletzt")
	must(t, os.Chmod(f, 0o600))
	writeFile(t, f, "") // as a disk that had promised too much
	w.Serve()
	waitFor(t, "the latest contents to be read", func() bool {
		return strings.Contains(readFile(t, w.LogFile()), `"latest contents read again","versions":2,"damaged":1`)
	})
	if n := metric(t, w, "postfach_storage_damaged"); n != 1 {
		t.Errorf("%v damaged", n)
	}
	if metric(t, w, "postfach_scrub_finished_seconds") != 0 {
		t.Error("a whole round was over: this test shows nothing")
	}
	if out := w.CLI("", "audit", "list", "--operation", "content-damaged"); !strings.Contains(out, "zuletzt.txt") && strings.Count(out, "\n") != 2 {
		t.Errorf("records: %s", out)
	}
}

// TestScrubBucket: the same in a bucket.
func TestScrubBucket(t *testing.T) {
	w, server, bucket := inBucket(t)
	w.Put(t, "anna", "/dav/an_KVBbg/verloren.txt", "verloren")
	w.Put(t, "anna", "/dav/an_KVBbg/kurz.txt", "kurz genug")
	w.Put(t, "anna", "/dav/an_KVBbg/anders.txt", "anders")
	for _, content := range []string{"verloren", "kurz genug", "anders"} {
		key := objectWith(t, server, bucket, content)
		core := server.Client(t)
		var err error
		switch content {
		case "verloren":
			err = core.RemoveObject(t.Context(), bucket, key, s3.RemoveObjectOptions{})
		case "kurz genug":
			_, err = core.Client.PutObject(t.Context(), bucket, key, strings.NewReader("kurz"), 4, s3.PutObjectOptions{})
		default:
			_, err = core.Client.PutObject(t.Context(), bucket, key, strings.NewReader("ANDERS"), 6, s3.PutObjectOptions{})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	out, err := w.Try("", "storage", "verify", "--json")
	if err == nil || strings.Count(out, `"state":"different"`) != 2 || strings.Count(out, `"state":"missing"`) != 1 || !strings.Contains(out, `"damaged":3`) {
		t.Errorf("storage verify: %v\n%s", err, out)
	}
	if n := metric(t, w, "postfach_storage_damaged"); n != 3 {
		t.Errorf("metric %v", n)
	}
	for _, path := range []string{"/dav/an_KVBbg/verloren.txt", "/dav/an_KVBbg/kurz.txt"} {
		w.Do(t, world.Exchange{As: "anna", Method: "GET", Path: path, Want: 503})
		w.Do(t, world.Exchange{As: "anna", Method: "GET", Path: path, Header: map[string]string{"Range": "bytes=1-2"}, Want: 503})
	}
	server.Kill() // a storage that is away is no damage
	if out, err := w.Try("", "storage", "verify"); err == nil || strings.Contains(out, "missing") {
		t.Errorf("storage verify without a storage: %v\n%s", err, out)
	}
	if n := metric(t, w, "postfach_storage_damaged"); n != 3 {
		t.Errorf("metric %v with the storage away", n)
	}
}

// objectWith finds the key of an object by its content.
func objectWith(t *testing.T, server *minio.Server, bucket, content string) string {
	t.Helper()
	for _, key := range server.Keys(t, bucket) {
		body, _, _, err := server.Client(t).GetObject(t.Context(), bucket, key, s3.GetObjectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		b.ReadFrom(body)
		body.Close()
		if b.String() == content {
			return key
		}
	}
	t.Fatalf("no object holds %q", content)
	return ""
}

// TestVerifyResumes: a run that was broken off goes on where it was, and a
// sample is another one every day.
func TestVerifyResumes(t *testing.T) {
	w := whole(t, world.Everybody())
	for i := range 30 {
		w.Put(t, "anna", fmt.Sprintf("/dav/an_KVBbg/%d.txt", i), fmt.Sprint("Inhalt ", i))
	}
	place := w.Dir + "/place"
	all := w.CLI("", "storage", "verify", "--sample", "50", "--json")
	if strings.Contains(all, `"versions":30`) || strings.Contains(all, `"versions":0`) {
		t.Errorf("half of 30 versions: %s", all)
	}
	hurt := blobWith(t, w, "Inhalt 17")
	os.Remove(hurt)
	writeFile(t, place, `{"day":1,"after":"`+idOf(hurt)+`","versions":18,"blobs":18,"bytes":150}`)
	out := w.CLI("", "storage", "verify", "--resume", place)
	if !strings.Contains(out, "30 versions in 30 blobs") {
		t.Errorf("went on with %s", out)
	}
	if _, err := os.Stat(place); err == nil {
		t.Error("the place was kept after the end")
	}
	if out, err := w.Try("", "storage", "verify", "--resume", place); err == nil || !strings.Contains(out, "1 missing or different") {
		t.Errorf("a new run: %v\n%s", err, out)
	}
}

func idOf(blob string) string { return filepath.Base(blob) }
