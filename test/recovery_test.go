// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	s3 "github.com/minio/minio-go/v7"

	"postfach/test/minio"
	"postfach/test/world"
)

// ageKeys gives a file with a secret key and the public one.
func ageKeys(t *testing.T) (identity, recipient string) {
	t.Helper()
	key, err := age.GenerateX25519Identity()
	must(t, err)
	identity = filepath.Join(t.TempDir(), "key.txt")
	writeFile(t, identity, "# of a test\n"+key.String()+"\n")
	return identity, key.Recipient().String()
}

// loseCatalog is the end of the machine: only the storage is left.
func loseCatalog(t *testing.T, w *world.World) {
	t.Helper()
	w.Kill()
	for _, end := range []string{"", "-wal", "-shm", "-reserve"} {
		_ = os.Remove(filepath.Join(w.Data, "catalog.db"+end))
	}
}

// pastQuiet is how long it takes until a mail would have come.
const pastQuiet = 12 * time.Second

// TestRestoreOfBackup: what stood in an encrypted backup is there again on an
// empty machine; nothing of it can be read without the key; no mail comes twice;
// no id is given twice; what is newer stays in the storage (L16, P63).
func TestRestoreOfBackup(t *testing.T) {
	t.Parallel()
	identity, recipient := ageKeys(t)
	o := world.Everybody()
	o.Quiet, o.AtMost = 10*time.Second, 20*time.Second
	w := whole(t, o)
	const canary = "Kanarienvogel Übersicht.txt"
	w.Put(t, "anna", "/dav/an_KVBbg/"+strings.ReplaceAll(strings.ReplaceAll(canary, " ", "%20"), "Ü", "%C3%9C"), "alt")
	w.Put(t, "bert", "/dav/0815/Bescheid.txt", "Bescheid")
	to := t.TempDir()
	file, list, public := filepath.Join(to, "catalog.db.age"), filepath.Join(to, "lost.csv"), filepath.Join(w.Dir, "backup.pub")
	writeFile(t, public, recipient+"\n")
	page := func(name string) string {
		t.Helper()
		return follow(t, w, block(t, "recovery.md", name), "/etc/postfach/postfach.yaml", w.Config, "/etc/postfach/backup.pub", public,
			"/backup/postfach", to, "/var/lib/postfach", w.Data, "/usr/local/bin/postfach", os.Getenv(world.BinaryVariable), "/root/backup.key", identity, "/root/lost.csv", list)
	}
	if out := page("backup"); !strings.Contains(out, "SHA-256") {
		t.Error(out)
	}
	// Also the program and its configuration (L20).
	for _, name := range []string{filepath.Base(os.Getenv(world.BinaryVariable)), "postfach.yaml"} {
		if i, err := os.Stat(filepath.Join(to, name)); err != nil || i.Size() == 0 {
			t.Errorf("not in the backup: %s", name)
		}
	}
	// Its mail goes out after the backup, which therefore does not know that.
	told := len(w.WaitMails(t, "anna@example.org", 1))
	noCanaries(t, file, canary, "anna Beispiel", "anna@example.org", "127.0.0.1", "Musterhausen", "SQLite format 3")

	w.Put(t, "anna", "/dav/an_KVBbg/nach%20der%20Sicherung.txt", "neu")
	lostID := fileID(t, w, "/dav/an_KVBbg/nach%20der%20Sicherung.txt")
	w.WaitMails(t, "bert@example.org", 1)
	loseCatalog(t, w)

	// An empty catalog in front of the old storage is not taken for the right one.
	w.Launch()
	refusedStart(t, w, "holds the documents of another catalog")
	if out, err := w.Try("", "storage", "collect"); err == nil {
		t.Errorf("the storage was swept by a catalog that knows nothing: %s", out)
	}

	if out, err := w.Try("", "restore", "--from", file); err == nil || !strings.Contains(out, "--identity") {
		t.Errorf("without the key: %v %s", err, out)
	}
	// What is broken is refused and leaves nothing; what an earlier attempt left
	// when it was killed is in nobody's way.
	sealed := readFile(t, file)
	for name, broken := range map[string]string{"cut": sealed[:len(sealed)-40], "altered": sealed[:len(sealed)/2] + "x" + sealed[len(sealed)/2+1:]} {
		writeFile(t, filepath.Join(w.Dir, name), broken)
		if out, err := w.Try("", "restore", "--from", filepath.Join(w.Dir, name), "--identity", identity); err == nil {
			t.Errorf("%s: restored: %s", name, out)
		}
		if left, _ := filepath.Glob(w.Data + "/catalog.db*"); len(left) > 1 { // the reserve of room may be there
			t.Errorf("%s: left: %q", name, left)
		}
	}
	writeFile(t, w.Data+"/catalog.db.restoring", "half of one")
	writeFile(t, w.Data+"/catalog.db.restoring-wal", "and of its log")
	if out := page("restore"); !strings.Contains(out, "1 documents") || !strings.Contains(out, "mails are held") ||
		!strings.Contains(out, "0 differences") || !strings.Contains(out, "0 missing") {
		t.Error(out)
	}
	if out, err := w.Try("", "restore", "--from", file, "--identity", identity); err == nil || !strings.Contains(out, "not empty") {
		t.Errorf("over a catalog with content: %v %s", err, out)
	}
	before := len(w.AllMails())
	w.Serve()
	w.Get(t, "anna", "/dav/an_KVBbg/Kanarienvogel%20%C3%9Cbersicht.txt")
	w.Do(t, world.Exchange{As: "anna", Method: "GET", Path: "/dav/an_KVBbg/nach%20der%20Sicherung.txt", Want: 404})
	w.Put(t, "bert", "/dav/0815/Zweiter%20Bescheid.txt", "zwei")
	if id := fileID(t, w, "/dav/Zweiter%20Bescheid.txt"); id <= lostID {
		t.Errorf("id %s after %s, which was given before", id, lostID)
	}
	time.Sleep(pastQuiet)
	if n := len(w.AllMails()); n != before {
		t.Errorf("%d mails went out although they are held", n-before)
	}
	if out, _ := w.Try("", "check"); !strings.Contains(out, "mails are held") {
		t.Errorf("check does not say it:\n%s", out)
	}
	if m := metrics(t, w); !regexp.MustCompile(`postfach_notices_held_seconds [1-9]`).MatchString(m) {
		t.Error("no metric says that mails are held")
	}

	if out := page("release"); !strings.Contains(out, "not sent again") {
		t.Error(out)
	}
	if out, err := w.Try("", "notice", "release"); err == nil {
		t.Errorf("released twice: %s", out)
	}
	w.WaitMails(t, "anna@example.org", told+1)
	time.Sleep(pastQuiet)
	if n := len(w.Mails("anna@example.org")); n != told+1 {
		t.Errorf("%d mails to the clerk, not %d", n, told+1)
	}

	page("lost")
	if text := readFile(t, list); strings.Count(text, "\n") != 2 || !strings.Contains(text, "/an_KVBbg/nach der Sicherung.txt") {
		t.Errorf("what was lost:\n%s", text)
	}
	if out := w.CLI("", "audit", "replay", "--verify"); !strings.Contains(out, "0 differences") || !strings.Contains(out, "0 missing") {
		t.Error(out)
	}
	log := w.CLI("", "audit", "list", "--limit", "0")
	for _, want := range []string{"catalog-restore", "catalog-backup", "notice-release", "Ausfall vom 3. März"} {
		if !strings.Contains(log, want) {
			t.Errorf("no %q in the audit log:\n%s", want, log)
		}
	}
}

// noCanaries looks for words in a file, or in every one below a folder.
func noCanaries(t *testing.T, folder string, words ...string) {
	t.Helper()
	files := 0
	must(t, filepath.WalkDir(folder, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		files++
		b, err := os.ReadFile(path)
		for _, word := range words {
			if bytes.Contains(b, []byte(word)) {
				t.Errorf("%s can be read in %s", word, path)
			}
		}
		return err
	}))
	if files == 0 {
		t.Errorf("nothing lies in %s", folder)
	}
}

// fileID is the id that sync clients know a file by.
func fileID(t *testing.T, w *world.World, path string) string {
	t.Helper()
	a := w.Do(t, world.Exchange{As: "anna", Method: "PROPFIND", Path: path, Header: depth0,
		Body: `<d:propfind xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns"><d:prop><oc:fileid/></d:prop></d:propfind>`, Want: 207})
	m := regexp.MustCompile(`fileid>(\d+)<`).FindSubmatch(a.Body)
	if m == nil {
		t.Fatalf("no id in %s", a.Body)
	}
	return fmt.Sprintf("%020s", m[1])
}

func metrics(t *testing.T, w *world.World) string {
	t.Helper()
	r, err := http.Get(w.Metrics + "/metrics")
	must(t, err)
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	must(t, err)
	return string(b)
}

// refusedStart waits until a server that was launched ends, saying why.
func refusedStart(t *testing.T, w *world.World, why string) {
	t.Helper()
	eventually(t, "the server ends", func() bool { return strings.Contains(w.Log(), why) })
	w.Kill()
}

// TestContinuousBackup: the server itself keeps encrypted snapshots in a bucket
// or folder; killed in the midst of one it leaves nothing that could be taken
// for a backup; that they fail is seen; the latest one restores (L16, P63).
func TestContinuousBackup(t *testing.T) {
	t.Parallel()
	identity, recipient := ageKeys(t)
	server := minio.Start(t, minio.Options{})
	bucket := server.Bucket(t, false)
	place := "s3://" + bucket + "/sicherung?endpoint=" + server.Endpoint
	o := world.Everybody()
	o.Settings = "backup: {to: \"" + place + "\", every: 1s, keep: {count: 4, days: 0}, encrypt_to: [" + recipient + "]}"
	o.Env = []string{"AWS_ACCESS_KEY_ID=" + server.AccessKey, "AWS_SECRET_ACCESS_KEY=" + server.SecretKey}
	w := whole(t, o)
	w.Put(t, "anna", "/dav/an_KVBbg/f.txt", "zu sichern")
	uploaded := time.Now()
	latest := func() (all []backupRow) {
		for d := json.NewDecoder(strings.NewReader(w.CLI("", "backup", "list", "--json"))); ; {
			var r backupRow
			if err := d.Decode(&r); err != nil {
				return all
			}
			all = append(all, r)
		}
	}
	eventually(t, "a snapshot with the upload, and no more than are kept", func() bool {
		all := latest()
		return len(all) > 3 && all[0].Time.After(uploaded)
	})
	if all := latest(); len(all) > 5 {
		t.Errorf("%d snapshots are kept, not 4", len(all))
	}
	if out := w.CLI("", "check"); !strings.Contains(out, "backup") || strings.Contains(out, "plain text") && strings.Contains(out, "backup:") {
		t.Error(out)
	}
	if m := metrics(t, w); !regexp.MustCompile(`postfach_backup_age_seconds [0-9.]+`).MatchString(m) || !strings.Contains(m, "postfach_backup_every_seconds 1") {
		t.Error("no metric of the backup")
	}
	for _, key := range server.Keys(t, bucket) { // P43
		body, _, _, err := server.Client(t).GetObject(t.Context(), bucket, key, s3.GetObjectOptions{})
		if err != nil {
			continue // removed meanwhile
		}
		b, _ := io.ReadAll(body)
		body.Close()
		if bytes.Contains(b, []byte("Musterhausen")) || bytes.Contains(b, []byte("SQLite format 3")) {
			t.Errorf("%s can be read without a key", key)
		}
	}
	server.Kill()
	eventually(t, "the metric grows and the server goes on", func() bool {
		m := regexp.MustCompile(`postfach_backup_age_seconds ([0-9]+)`).FindStringSubmatch(metrics(t, w))
		return m != nil && (len(m[1]) > 1 || m[1] >= "4") && w.ReadyStatus() == 200
	})
	if out, _ := w.Try("", "check", "--brief"); !strings.Contains(out, "backup") {
		t.Errorf("check says nothing of it: %s", out)
	}
	must(t, server.Restart(t.Context()))
	for range 5 { // wherever it is with its work
		time.Sleep(300 * time.Millisecond)
		w.Kill()
		w.Serve()
	}
	again := time.Now()
	eventually(t, "it goes on", func() bool { all := latest(); return len(all) > 0 && all[0].Time.After(again) })
	loseCatalog(t, w)
	w.CLI("", "restore", "--identity", identity)
	w.Serve()
	if a := w.Get(t, "anna", "/dav/an_KVBbg/f.txt"); string(a.Body) != "zu sichern" {
		t.Errorf("%q", a.Body)
	}
	log := w.CLI("", "audit", "list", "--limit", "0")
	if !strings.Contains(log, "catalog-backup") || !strings.Contains(log, "continuous") {
		t.Errorf("the continuous backup is not in the audit log:\n%s", log)
	}
}

// backupRow is a line of backup list --json.
type backupRow struct {
	Name string    `json:"name"`
	Time time.Time `json:"time"`
}
