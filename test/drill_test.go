// SPDX-License-Identifier: Apache-2.0

package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"postfach/test/minio"
	"postfach/test/world"
)

// drill runs deploy/drill.sh on a world.
func drill(t *testing.T, w *world.World, postfach string, env ...string) (string, error) {
	t.Helper()
	cmd := exec.Command("bash", "../deploy/drill.sh", "--config", w.Config, "--to", filepath.Join(t.TempDir(), "drill"))
	cmd.Env = append(append(os.Environ(), "POSTFACH="+postfach), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// stock puts documents of both sides in, with a history.
func stock(t *testing.T, w *world.World) {
	t.Helper()
	w.Put(t, "anna", "/dav/an_KVBbg/Liste.csv", "eins")
	w.Put(t, "anna", "/dav/an_KVBbg/Liste.csv", "zwei")
	w.Put(t, "anna", "/dav/an_KVBbg/Änderungen.csv", "drei")
	w.Move(t, "bert", "/dav/0815/an_KVBbg/%C3%84nderungen.csv", "/dav/0815/KVBBG-SB-Posteingang/%C3%84nderungen.csv", 201)
	w.Put(t, "bert", "/dav/0815/Postausgang/Entwurf.txt", "Entwurf")
	w.Put(t, "emil", "/dav/an_KVBbg/Rest.txt", "Rest")
	w.Do(t, world.Exchange{As: "emil", Method: "DELETE", Path: "/dav/an_KVBbg/Rest.txt", Want: 204})
}

// TestDrill: export, backup, restore and export again beside a running server
// give the same digests; a backup that lacks a document is found (P63, P67).
func TestDrill(t *testing.T) {
	w := whole(t, world.Everybody())
	stock(t, w)
	binary := os.Getenv(world.BinaryVariable)
	out, err := drill(t, w, binary)
	if err != nil || !strings.Contains(out, "all 5 documents are there") {
		t.Fatalf("%v\n%s", err, out)
	}
	if !regexp.MustCompile(`took \d+ s, restoring and checking it \d+ s; it came back as it stood at 20\d\d-`).MatchString(out) { // P17
		t.Errorf("the drill does not say how long it took:\n%s", out)
	}
	scheduled(t, w, binary)

	// A content is lost, one is another in the restored export, one is not there.
	for what, after := range map[string]string{
		"lost":    `case "$*" in "storage copy"*) find "$dir" -path '*/restored/blobs/0815/*' -type f | head -1 | xargs rm ;; esac`,
		"another": `case "$*" in export*/after*) f=$(find "$dir" -path '*/after/0815/*' -type f | head -1); chmod u+w "$f"; echo x >>"$f" ;; esac`,
		"absent":  `case "$*" in export*/after*) sed -i '/Liste.csv/d' "$dir/SHA256SUMS" ;; esac`,
	} {
		program := filepath.Join(t.TempDir(), "postfach")
		text := "#!/bin/bash\nset -e\n\"" + binary + "\" \"$@\"\ndir=\nfor a; do case $a in dir:*/restored/blobs) dir=${a#dir:} ;; */after) dir=$a ;; esac; done\n" + after + "\n"
		if err := os.WriteFile(program, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
		if out, err := drill(t, w, program); err == nil {
			t.Errorf("%s: the drill did not see it\n%s", what, out)
		}
	}
}

// TestDrillFromBucket: the same from a bucket and PostgreSQL (K12, P67).
func TestDrillFromBucket(t *testing.T) {
	w, env := outgrown(t)
	stock(t, w)
	out, err := drill(t, w, os.Getenv(world.BinaryVariable), env...)
	if err != nil || !strings.Contains(out, "all 5 documents are there") {
		t.Fatalf("%v\n%s", err, out)
	}
}

// outgrown is a world on PostgreSQL and a bucket of MinIO, and the environment
// that its commands need.
func outgrown(t *testing.T) (*world.World, []string) {
	t.Helper()
	o, env := outgrownOptions(t)
	return world.Start(t, o), env
}

func outgrownOptions(t *testing.T) (world.Options, []string) {
	t.Helper()
	long(t)
	server := minio.Start(t, minio.Options{})
	s := database.Get(t)
	o := world.Everybody()
	o.Data = t.TempDir()
	o.Catalog = s.URL(s.Database(t))
	o.Storage = "s3://" + server.Bucket(t, false) + "/kasse?endpoint=" + server.Endpoint
	o.Settings = "upload: {spool: " + o.Data + "/spool}"
	o.Env = []string{"AWS_ACCESS_KEY_ID=" + server.AccessKey, "AWS_SECRET_ACCESS_KEY=" + server.SecretKey}
	return o, o.Env
}

// scheduled runs the very command of the unit of the monthly drill: it leaves
// the report and nothing else.
func scheduled(t *testing.T, w *world.World, binary string) {
	t.Helper()
	script, err := filepath.Abs("../deploy/drill.sh")
	must(t, err)
	_, line, _ := strings.Cut(readFile(t, "../deploy/postfach-drill.service"), "\nExecStart=/bin/bash -c '")
	line, _, found := strings.Cut(line, "'\n")
	if !found {
		t.Fatal("the unit has no command")
	}
	dir := t.TempDir()
	line = strings.NewReplacer("$$", "$", `\'`, "'", "/var/lib/postfach", dir, "/usr/local/lib/postfach/drill.sh", script,
		"/etc/postfach/postfach.yaml", w.Config).Replace(line)
	cmd := exec.Command("/bin/bash", "-c", line)
	cmd.Env = append(os.Environ(), "POSTFACH="+binary)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "documents are there") {
		t.Errorf("%s: %v\n%s", line, err, out)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left in plain text: %v", left)
	}
}
