// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"strings"
	"testing"

	"postfach/mailbox"
	"postfach/storage/storagetest"
)

// FuzzMeta: whatever a description holds goes through metadata unchanged, in
// printable ASCII, or is said not to fit.
func FuzzMeta(f *testing.F) {
	f.Add("an_KVBbg/Prüfliste März.csv", "ClamAV 1.4.6", "27800/Mon Mar  2 10:00:00 2026", int64(7), int64(0))
	f.Add("", "", "", int64(0), int64(-1))
	f.Add(strings.Repeat("日本/", 400), "a\r\nX-Evil: 1", "%zz%", int64(1<<62), int64(3))
	f.Fuzz(func(t *testing.T, path, engine, database string, entry, size int64) {
		if len(path)+len(engine)+len(database) > 8<<10 {
			return // longer than the mailbox lets anything be
		}
		d := storagetest.Describe(nil)
		d.Path, d.Engine, d.Database, d.Entry, d.Size = path, engine, database, mailbox.EntryID(entry), size
		m, fits := encodeMeta(d, newMark())
		total := 0
		for name, value := range m {
			total += len(name) + len(value)
			for _, r := range value {
				if r <= ' ' || r >= 0x7f {
					t.Fatalf("%s: %q is not printable ASCII", name, value)
				}
			}
		}
		if fits && total > maxMeta {
			t.Fatalf("%d bytes are said to fit", total)
		}
		if got, err := decodeMeta(m); err != nil || got != d {
			t.Fatalf("%+v came back as %+v, %v", d, got, err)
		}
	})
}

// FuzzDecodeMeta: metadata that somebody else wrote is an error or a
// description, which then stays the same.
func FuzzDecodeMeta(f *testing.F) {
	f.Add("1", "7", "YW4", strings.Repeat("0f", 32), "100", "3", "2026-03-01T09:30:00.123456Z", "ClamAV%201.4.6", "")
	f.Add("2", "", "", "", "", "", "", "", "")
	f.Fuzz(func(t *testing.T, format, entry, path, sum, size, person, at, engine, database string) {
		d, err := decodeMeta(map[string]string{metaFormat: format, metaEntry: entry, metaPath: path, metaSHA256: sum, metaSize: size,
			metaPerson: person, metaTime: at, metaEngine: engine, metaDatabase: database})
		if err != nil {
			return
		}
		again, _ := encodeMeta(d, newMark())
		if d2, err := decodeMeta(again); err != nil || d2 != d {
			t.Fatalf("%+v became %+v, %v", d, d2, err)
		}
	})
}

// FuzzBlobKey: a key in a bucket is that of one blob or of none, and an intent
// or a description is never taken for a blob.
func FuzzBlobKey(f *testing.F) {
	id := mailbox.NewVersionID().String()
	for _, key := range []string{"p/0815/root/" + id, "p/0815/root/" + id + ".json", "p/.open/0815/root/" + id, "0815/root/" + id, "p/../root/" + id} {
		f.Add(key)
	}
	s := &S3{o: S3Options{Prefix: "p/"}}
	f.Fuzz(func(t *testing.T, object string) {
		key, ok := s.blobKey(object)
		if !ok {
			return
		}
		if again, err := s.object(key); err != nil || again != object {
			t.Fatalf("%q became %q, %v", object, again, err)
		}
		if strings.HasPrefix(object, "p/.") || strings.HasSuffix(object, besideSuffix) {
			t.Fatalf("%q taken for a blob", object)
		}
		intent := s.intent(object)
		if back, key2, ok := s.intended(intent); !ok || back != object || key2 != key {
			t.Fatalf("intent %q of %q is %q", intent, object, back)
		}
		if _, ok := s.blobKey(intent); ok {
			t.Fatalf("intent %q taken for a blob", intent)
		}
	})
}
