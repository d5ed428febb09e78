// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"postfach/test/minio"
	"postfach/test/porttest"
	"postfach/test/world"
)

// TestDemoOnS3: the demo on MinIO and PostgreSQL lists the bucket, one prefix
// for each member with its folders, and takes the same data at the next start;
// nothing stays running (K12).
func TestDemoOnS3(t *testing.T) {
	long(t)
	dir := filepath.Join(t.TempDir(), "demo")
	for up := filepath.Dir(dir); up != "/" && up != os.TempDir(); up = filepath.Dir(up) {
		if err := os.Chmod(up, 0o755); err != nil { // PostgreSQL's own user must come through
			t.Fatal(err)
		}
	}
	listen, mail := porttest.Free(t), porttest.Free(t)
	start := func() *demoRun {
		d := startDemo(t, dir, listen, mail, "--s3", "--minio", minio.Program(t))
		eventually(t, "the bucket is listed", func() bool {
			return strings.Contains(d.said(), "The catalog is in PostgreSQL.") || d.cmd.ProcessState != nil
		})
		return d
	}
	d := start()
	first := listing(d.said())
	for _, folder := range []string{"0815/root/", "0815/an_KVBbg/", "0815/Postausgang/", "4711/Postausgang/", "4711/an_KVBbg/"} {
		if !strings.Contains(first, "s3://postfach/kasse/"+folder+" ") {
			t.Errorf("no prefix %s in\n%s", folder, first)
		}
	}
	if n := len(regexp.MustCompile(`s3://postfach/kasse/(0815|4711)/(root|an_KVBbg|Postausgang)/ `).FindAllString(first, -1)); n != 5 || strings.Count(first, "s3://") != 5 {
		t.Errorf("%d prefixes of members among\n%s", n, first)
	}
	config := filepath.Join(dir, "postfach.yaml")
	if out, err := exec.Command(os.Getenv(world.BinaryVariable), "audit", "replay", "--verify", "--config", config).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	text := readFile(t, config)
	if !strings.Contains(text, "catalog: postgres://") || !strings.Contains(text, "storage: s3://") {
		t.Errorf("the configuration: %s", text)
	}
	accounts := regexp.MustCompile(`(?m)^anna +\S+`)
	anna := accounts.FindString(d.said())
	d.end()
	for _, name := range []string{"minio", "postgres"} {
		if left := running(t, filepath.Join(dir, name)); left != "" {
			t.Errorf("still running: %s", left)
		}
	}

	d = start()
	if again := listing(d.said()); again != first {
		t.Errorf("another bucket:\n%s\nand before\n%s", again, first)
	}
	if got := accounts.FindString(d.said()); got != anna || anna == "" {
		t.Errorf("other accounts: %q, %q", got, anna)
	}
	d.end()
}

func listing(said string) string {
	return fmt.Sprint(strings.Join(regexp.MustCompile(`(?m)^ +s3://.*$`).FindAllString(said, -1), "\n"))
}

// running is the command line of a process that has arg among its arguments.
func running(t *testing.T, arg string) string {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if b, err := os.ReadFile(name); err == nil && strings.Contains(string(b)+"\x00", "\x00"+arg+"\x00") {
			return strings.ReplaceAll(string(b), "\x00", " ")
		}
	}
	return ""
}
