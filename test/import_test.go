// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postfach/scan/scantest"
	"postfach/test/world"
)

// TestImportBesideServer takes an ownCloud's tree over while the server runs:
// clerks see the documents at once, with their times, and no mail goes out. An
// import that is killed and called again takes each document once (K13, L17).
func TestImportBesideServer(t *testing.T) {
	w := whole(t, world.Everybody())
	tree := t.TempDir()
	const many = 150
	stood := time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC)
	put := func(path, body string) {
		t.Helper()
		name := filepath.Join(tree, path)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		writeFile(t, name, body)
		if err := os.Chtimes(name, stood, stood); err != nil {
			t.Fatal(err)
		}
	}
	for i := range many {
		put(fmt.Sprintf("0815/files/an_KVBbg/Akte %d/Blatt %03d.txt", i%5, i), fmt.Sprintf("Blatt %d", i))
	}
	put("0815/files/Bescheid.txt", "Bescheid")
	put("0816/files/an_KVBbg/krank.txt", string(scantest.EICAR()))
	count := func() int {
		return strings.Count(w.CLI("", "entry", "list", "0815", "-r", "--json"), `"folder":false`)
	}

	for kill := range 3 {
		cmd := exec.Command(os.Getenv(world.BinaryVariable), "import", "--from", tree, "--config", w.Config)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(time.Minute); count() < 20*(kill+1) && time.Now().Before(end); {
			time.Sleep(10 * time.Millisecond)
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	if n := count(); n < 60 || n > many {
		t.Logf("%d documents were taken over before the last kill", n)
	}
	out, err := w.Try("", "import", "--from", tree)
	if err == nil || !strings.Contains(out+err.Error(), "1 refused") {
		t.Errorf("the last import: %v\n%s", err, out)
	}
	if n := count(); n != many+1 {
		t.Errorf("%d documents, want %d", n, many+1)
	}
	if out := w.CLI("", "storage", "verify"); !strings.Contains(out, fmt.Sprintf("%d versions in %d blobs", many+1, many+1)) || !strings.Contains(out, "0 missing") {
		t.Error(out)
	}
	got := w.Get(t, "anna", "/dav/an_KVBbg/Akte%203/Blatt%20003.txt")
	if string(got.Body) != "Blatt 3" || got.Header.Get("Last-Modified") != stood.Format("Mon, 02 Jan 2006 15:04:05 GMT") {
		t.Errorf("%q of %s", got.Body, got.Header.Get("Last-Modified"))
	}
	w.Do(t, world.Exchange{As: "emil", Method: "GET", Path: "/dav/an_KVBbg/krank.txt", Want: 404})
	if got := w.Get(t, "anna", "/dav/Bescheid.txt"); string(got.Body) != "Bescheid" {
		t.Errorf("%q", got.Body)
	}
	// A mail would be there by now: one about an upload that came later is.
	w.Put(t, "anna", "/dav/an_KVBbg/danach.txt", "danach")
	w.WaitMails(t, "bert@example.org", 1)
	if all := w.AllMails(); len(all) != 1 {
		t.Errorf("%d mails, want that about the upload alone", len(all))
	}
	w.CLI("", "audit", "replay", "--verify")
}

// ownCloudTables are what ownCloud 10 keeps of people, as far as it is asked.
const ownCloudTables = `
CREATE TABLE oc_accounts (id bigserial PRIMARY KEY, email varchar(255), user_id varchar(255) NOT NULL, lower_user_id varchar(255) NOT NULL,
	display_name varchar(255), quota varchar(32), last_login integer NOT NULL DEFAULT 0, backend varchar(64) NOT NULL,
	home varchar(1024) NOT NULL, state smallint NOT NULL DEFAULT 0);
CREATE TABLE oc_groups (gid varchar(64) PRIMARY KEY);
CREATE TABLE oc_group_user (gid varchar(64) NOT NULL, uid varchar(64) NOT NULL, PRIMARY KEY (gid, uid));
INSERT INTO oc_accounts (email, user_id, lower_user_id, display_name, backend, home, state) VALUES
	('anna.koehler@musterhausen.example', 'anna', 'anna', 'Anna Köhler, Personal', 'OC\User\Database', '/data/anna', 1),
	('emil.jaeger@beispielwalde.example', 'Emil', 'emil', NULL, 'OC\User\Database', '/data/Emil', 1),
	('weg@musterhausen.example', 'weg', 'weg', 'Ging Fort', 'OC\User\Database', '/data/weg', 2),
	('root@kasse.example', 'root', 'root', 'Verwaltung', 'OC\User\Database', '/data/root', 1);
INSERT INTO oc_groups VALUES ('admin'), ('0815'), ('4711');
INSERT INTO oc_group_user VALUES ('0815', 'anna'), ('4711', 'anna'), ('4711', 'Emil'), ('0815', 'weg'), ('admin', 'root'), ('admin', 'anna');`

// TestImportOfPeople: the questions of docs/in-and-out.md to ownCloud's database
// give files that are taken as they are; names, addresses and groups are kept,
// who was disabled and the other system's administrators stay behind (K13).
func TestImportOfPeople(t *testing.T) {
	long(t)
	s := database.Get(t)
	cloud := s.Database(t)
	must(t, s.Exec(cloud, ownCloudTables))
	folder := s.Folder(t, "questions")
	w := whole(t, world.Options{Stopped: true})
	for _, what := range []string{"members", "accounts"} {
		writeFile(t, filepath.Join(folder, what+".sql"), block(t, "in-and-out.md", what))
		must(t, os.Chmod(filepath.Join(folder, what+".sql"), 0o644))
		must(t, s.Run(fmt.Sprintf("cd '%s' && psql --csv --dbname %s --file %s.sql >%s.csv", folder, cloud, what, what)))
		name := filepath.Join(w.Dir, what+".csv")
		writeFile(t, name, readFile(t, filepath.Join(folder, what+".csv")))
		command := strings.TrimSuffix(what, "s")
		w.CLI("", command, "import", "--dry-run", name)
		w.CLI("", command, "import", name)
	}
	if list := w.CLI("", "member", "list", "--json"); strings.Count(list, "\n") != 2 || !strings.Contains(list, `"4711"`) {
		t.Errorf("members:\n%s", list)
	}
	all := w.CLI("", "account", "list", "--json")
	for _, want := range []string{`"anna"`, "Anna Köhler, Personal", "anna.koehler@musterhausen.example", "emil.jaeger@beispielwalde.example"} {
		if !strings.Contains(all, want) {
			t.Errorf("no %s among\n%s", want, all)
		}
	}
	if strings.Contains(all, "weg@") || strings.Contains(all, "root@") || strings.Count(all, "\n") != 2 {
		t.Errorf("accounts:\n%s", all)
	}
	if anna := w.CLI("", "account", "show", "anna"); !strings.Contains(anna, "0815") || !strings.Contains(anna, "4711") {
		t.Errorf("anna's groups:\n%s", anna)
	}
}
