// SPDX-License-Identifier: Apache-2.0

package test

import (
	"crypto/sha1"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"postfach/test/world"
)

// rcloneModule is a current rclone, beside Debian's of 2022: from 1.63 on it
// uploads in chunks where the vendor is nextcloud.
const rcloneModule = "github.com/rclone/rclone@v1.76.0"

// currentRclone builds it once for all runs (test/tool.sh).
var currentRclone = sync.OnceValues(func() (string, error) {
	cmd := exec.Command("bash", "tool.sh", "rclone", rcloneModule)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
})

// remote is rclone with one of its vendors on somebody's account.
type remote struct {
	t       *testing.T
	program string
	vendor  string
	login   string
	spec    string // of the remote's root
	rec     *recorder
}

func newRemote(t *testing.T, w *world.World, program, vendor, login string) *remote {
	t.Helper()
	return newRemoteAt(t, newRecorder(t, w, httptest.NewServer), program, vendor, login)
}

func newRemoteAt(t *testing.T, rec *recorder, program, vendor, login string) *remote {
	t.Helper()
	r := &remote{t: t, program: program, vendor: vendor, login: login, rec: rec}
	path := map[string]string{"other": "/dav", "owncloud": "/remote.php/webdav", "nextcloud": "/remote.php/dav/files/" + login}[vendor]
	hidden, err := exec.Command(program, "obscure", world.Password).Output()
	must(t, err)
	r.spec = fmt.Sprintf(":webdav,vendor=%s,url='%s',user=%s,pass='%s':", vendor, r.rec.URL+path, login, strings.TrimSpace(string(hidden)))
	return r
}

// try runs rclone; REMOTE in the arguments stands for the remote's root.
func (r *remote) try(args ...string) (string, requests, error) {
	r.t.Helper()
	full := []string{"--config", "/dev/null", "--retries", "1", "-v"}
	for _, a := range args {
		full = append(full, strings.ReplaceAll(a, "REMOTE", r.spec))
	}
	r.rec.take()
	cmd := exec.CommandContext(r.t.Context(), r.program, full...)
	cmd.Env, cmd.WaitDelay = append(os.Environ(), "TZ=UTC"), 10*time.Second
	out, err := cmd.CombinedOutput()
	return string(out), r.rec.take(), err
}

// run is try that must succeed.
func (r *remote) run(args ...string) (string, requests) {
	r.t.Helper()
	out, asked, err := r.try(args...)
	if err != nil {
		r.t.Fatalf("%s %q: %v\n%s%.4000s", r.program, args, err, asked, out)
	}
	return out, asked
}

// TestRclone: checks 16 and 17, with both rclones and all three vendors.
func TestRclone(t *testing.T) {
	long(t)
	current, err := currentRclone()
	must(t, err)
	o := newOffice(t, world.Options{})
	for name, program := range map[string]string{"Debian's": "rclone", "current": current} {
		for _, vendor := range []string{"other", "owncloud", "nextcloud"} {
			t.Run(name+"/"+vendor, func(t *testing.T) {
				t.Parallel()
				number, login := o.clerk(t)
				r := newRemote(t, o.World, program, vendor, login)
				testRcloneSync(r, o.World, number)
				testRcloneNames(r, o.World, number)
				if vendor == "nextcloud" && name == "current" || vendor == "other" && name != "current" {
					testRcloneStorm(r)
				}
			})
		}
	}
}

// sourceTime is when the files were changed that are sent.
var sourceTime = time.Date(2020, 2, 29, 12, 34, 56, 0, time.UTC)

func testRcloneSync(r *remote, w *world.World, number string) {
	t := r.t
	src := t.TempDir()
	for name, content := range map[string]string{
		"a.txt": strings.Repeat("a.txt\n", 100), "ü space#%.txt": "Inhalt", "leer.txt": "", "d/tief/b.txt": "b", "d/c.txt": "c",
		"groß.bin": random(t, 12_000_000), // two chunks for a current rclone
	} {
		path := filepath.Join(src, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o700))
		writeFile(t, path, content)
		must(t, os.Chtimes(path, sourceTime, sourceTime))
	}
	const to = "REMOTEan_KVBbg/t"
	_, asked := r.run("sync", src, to)
	if chunks := len(asked.by("MOVE").to("/.file")); (chunks == 1) != (r.vendor == "nextcloud" && r.program != "rclone") {
		t.Errorf("%d uploads were joined from chunks:\n%s", chunks, asked)
	}
	same(t, "on the server", served(t, w, "bert", "/dav/"+number+"/an_KVBbg/t/"), treeOf(t, src))
	if out, asked := r.run("sync", src, to); len(asked.by("PUT"))+len(asked.by("MKCOL"))+len(asked.by("DELETE")) > 0 {
		t.Errorf("a second sync does something:\n%s%s", asked, out)
	}
	out, _ := r.run("check", src, to)
	if !strings.Contains(out, "0 differences found") {
		t.Errorf("check: %s", out)
	}
	if r.vendor == "other" { // which knows neither hashes nor times
		if out, _ := r.run("check", "--download", src, to); !strings.Contains(out, "0 differences found") {
			t.Errorf("check: %s", out)
		}
	} else {
		r.comparesHashes(w, out, src, to)
		if out, _ := r.run("lsl", to); strings.Count(out, "2020-02-29 12:34:56") != 6 {
			t.Errorf("times are not the files': %s", out)
		}
	}
	_, asked = r.run("move", to+"/d", to+"/e")
	if len(asked.by("PUT")) > 0 || len(asked.by("GET")) > 0 {
		t.Errorf("a move transfers content:\n%s", asked)
	}
	must(t, os.Rename(filepath.Join(src, "d"), filepath.Join(src, "e")))
	moved := treeOf(t, src)
	got := served(t, w, "bert", "/dav/"+number+"/an_KVBbg/t/")
	delete(got, "d/") // rclone may leave emptied folders
	delete(got, "d/tief/")
	same(t, "after the move", got, moved)
	if out, _ := r.run("about", "REMOTE"); !strings.Contains(out, "Used:") || !strings.Contains(out, "Free:") {
		t.Errorf("about: %s", out)
	}
}

// comparesHashes: check has compared hashes, and finds a file that differs in
// nothing else.
func (r *remote) comparesHashes(w *world.World, out, src, to string) {
	r.t.Helper()
	if strings.Contains(out, "could not be checked") {
		r.t.Errorf("no hashes: %s", out)
	}
	put := func(content string) {
		r.t.Helper()
		w.Do(r.t, world.Exchange{As: r.login, Method: "PUT", Path: "/dav/an_KVBbg/t/d/c.txt", Body: content, Want: 204,
			Header: map[string]string{"OC-Checksum": fmt.Sprintf("SHA1:%x", sha1.Sum([]byte(content))), "X-OC-Mtime": strconv.FormatInt(sourceTime.Unix(), 10)}})
	}
	put("C")
	if out, _, err := r.try("check", src, to); err == nil || !strings.Contains(out, "1 differences found") {
		r.t.Errorf("check does not see another content: %v\n%s", err, out)
	}
	put("c")
}

// testRcloneNames sends hard names and fetches them.
func testRcloneNames(r *remote, w *world.World, number string) {
	hard, again := r.t.TempDir(), r.t.TempDir()
	for _, name := range hardNames {
		writeFile(r.t, filepath.Join(hard, name), "Inhalt von "+name)
	}
	r.run("copy", hard, "REMOTEan_KVBbg/namen")
	r.run("copy", "REMOTEan_KVBbg/namen", again)
	want := treeOf(r.t, hard)
	same(r.t, "fetched", treeOf(r.t, again), want)
	same(r.t, "on the server", served(r.t, w, "bert", "/dav/"+number+"/an_KVBbg/namen/"), want)
}

// testRcloneStorm: 500 small files over eight connections, once more, and away
// again, without a lock or a fault in between.
func testRcloneStorm(r *remote) {
	many := r.t.TempDir()
	for i := range 500 {
		writeFile(r.t, filepath.Join(many, fmt.Sprintf("f%03d.txt", i)), fmt.Sprint("Datei ", i))
	}
	_, first := r.run("--transfers", "8", "sync", many, "REMOTEan_KVBbg/viele")
	_, second := r.run("--transfers", "8", "--ignore-times", "sync", many, "REMOTEan_KVBbg/viele")
	_, third := r.run("purge", "REMOTEan_KVBbg/viele")
	if a, b := len(first.by("PUT")), len(second.by("PUT")); a != 500 || b != 500 {
		r.t.Errorf("%d and %d uploads, want 500 each", a, b)
	}
	for _, a := range slices.Concat(first, second, third) {
		if a.status == 423 || a.status >= 500 {
			r.t.Errorf("a storm must not see: %s", a)
		}
	}
}
