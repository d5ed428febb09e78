// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"postfach/catalog/sqlite"
	"postfach/config"
	"postfach/mailbox"
	"postfach/mailcatcher"
	"postfach/scan/scantest"
)

// house is a site with a real scanner and people who put documents in.
type house struct {
	*site
	a     *app
	scans *scantest.Clamd
}

func newHouse(t *testing.T) *house {
	t.Helper()
	clamd := scantest.Start(t, scantest.Options{})
	h := &house{site: newSite(t, clamd.Address), scans: clamd}
	const password = "ein langes Kennwort\n"
	h.must("", "member", "add", "0815", "Stadt Musterhausen", "--release", "four-eyes")
	h.must(password, "account", "add", "anna", "--person", "Anna Beispiel", "--email", "anna@example.org", "--role", "clerk", "--member", "0815", "--password-stdin")
	h.must(password, "account", "add", "bert", "--person", "Bert Beispiel", "--email", "bert@example.org", "--role", "caseworker", "--member", "all", "--password-stdin")
	h.must(password, "account", "add", "carla", "--person", "Carla Beispiel", "--email", "carla@example.org", "--role", "reviewer", "--member", "all", "--password-stdin")
	cfg, err := config.Load(h.config, os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	if h.a, err = open(cfg, quiet); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { h.a.gate.Run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done; h.a.close() })
	for end := time.Now().Add(2 * time.Minute); h.a.gate.Ready() != nil; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(h.a.gate.Ready())
		}
	}
	return h
}

// as signs somebody in.
func (h *house) as(login string) mailbox.Actor {
	h.t.Helper()
	actor, err := signIn(&env{ctx: h.t.Context()}, h.a, login, "ein langes Kennwort")
	if err != nil {
		h.t.Fatal(err)
	}
	return actor
}

func (h *house) put(login, path, body string) mailbox.Receipt {
	h.t.Helper()
	r, err := h.a.service.Deliver(h.t.Context(), h.as(login), mailbox.ParsePath(path), mailbox.Upload{Body: strings.NewReader(body), Length: int64(len(body)), Expected: -1})
	if err != nil {
		h.t.Fatalf("put %s: %v", path, err)
	}
	return r
}

func (h *house) move(login, from, to string) {
	h.t.Helper()
	if _, err := h.a.service.Move(h.t.Context(), h.as(login), mailbox.ParsePath(from), mailbox.ParsePath(to), mailbox.Conditions{}, ""); err != nil {
		h.t.Fatalf("move %s: %v", from, err)
	}
}

// TestHistory: all versions under a name, of replaced entries too, can be listed
// and retrieved; retrieving is recorded (item 5, P49, L33, I3).
func TestHistory(t *testing.T) {
	h := newHouse(t)
	bodies := []string{"erste Fassung", "zweite Fassung", "dritte Fassung"}
	for _, b := range bodies {
		h.put("anna", "/an_KVBbg/Liste.csv", b)
		h.move("bert", "/0815/an_KVBbg/Liste.csv", "/0815/KVBBG-SB-Posteingang/Liste.csv")
	}
	var versions []versionRow
	for line := range strings.Lines(h.must("", "entry", "history", "0815", "/KVBBG-SB-Posteingang/liste.CSV", "--json")) {
		var v versionRow
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatal(err)
		}
		versions = append(versions, v)
	}
	if len(versions) != 3 || !versions[0].Current || versions[1].Current || versions[2].Person != "Anna Beispiel" {
		t.Fatalf("%+v", versions)
	}
	for i, v := range versions {
		body := bodies[2-i]
		if v.SHA256 != fmt.Sprintf("%x", sha256.Sum256([]byte(body))) {
			t.Errorf("version %d has SHA-256 %s", i, v.SHA256)
		}
		out := filepath.Join(h.dir, fmt.Sprint("version", i))
		h.must("", "entry", "history", "0815", "/KVBBG-SB-Posteingang/Liste.csv", "--get", v.Version, "--out", out, "--order", "Akteneinsicht 3")
		if b, err := os.ReadFile(out); err != nil || string(b) != body {
			t.Errorf("retrieved %q, %v", b, err)
		}
	}
	h.refuse(exitRefused, "file exists", "", "entry", "history", fmt.Sprint(versions[0].Entry), "--get", versions[0].Version, "--out", filepath.Join(h.dir, "version0"))
	h.refuse(exitRefused, "no version", "", "entry", "history", fmt.Sprint(versions[0].Entry), "--get", mailbox.NewVersionID().String(), "--out", "-")
	if got := h.must("", "entry", "history", fmt.Sprint(versions[0].Entry), "--get", versions[0].Version, "--out", "-"); got != "dritte Fassung" {
		t.Errorf("to standard output: %q", got)
	}
	reads := h.must("", "audit", "list", "--operation", "read", "--json")
	if n := strings.Count(reads, `"Akteneinsicht 3"`); n != 3 || strings.Count(reads, "\n") != 4 {
		t.Errorf("%d reads with their order:\n%s", n, reads)
	}
	h.refuse(exitUsage, "folder", "", "entry", "history", "0815", "/an_KVBbg")
	h.refuse(exitRefused, "nothing in view", "", "entry", "history", "0815", "/an_KVBbg/Liste.csv")
	contains(t, h.must("", "entry", "list", "0815", "--removed"), "/KVBBG-SB-Posteingang/Liste.csv", "OUT OF VIEW")
	h.must("", "audit", "replay", "--verify")
}

// TestRestoreAndReturn: a removed entry comes back; a return needs the
// reviewer's own password and is the reviewer's act (DESIGN.md section 2).
func TestRestoreAndReturn(t *testing.T) {
	h := newHouse(t)
	r := h.put("bert", "/0815/Postausgang/Bescheid.txt", "Bescheid")
	if err := h.a.service.Remove(t.Context(), h.as("bert"), mailbox.ParsePath("/0815/Postausgang/Bescheid.txt"), mailbox.Conditions{}); err != nil {
		t.Fatal(err)
	}
	contains(t, h.must("", "entry", "list", "0815", "--removed", "--path", "/Postausgang"), "/Postausgang/Bescheid.txt")
	if out := h.must("", "entry", "list", "0815", "--removed", "--path", "/an_KVBbg"); strings.Contains(out, "Bescheid") {
		t.Errorf("--path: %s", out)
	}
	contains(t, h.must("", "entry", "restore", fmt.Sprint(r.Entry.ID)), "is back at /Postausgang/Bescheid.txt")
	if code, _, _ := h.try("", "entry", "restore", fmt.Sprint(r.Entry.ID)); code == exitDone {
		t.Error("restored twice")
	}
	args := []string{"entry", "return", "0815", "/Postausgang/Bescheid.txt", "--reason", "Datum fehlt", "--password-stdin", "--as"}
	h.refuse(exitRefused, "", "falsches Kennwort\n", append(args, "carla")...)
	h.refuse(exitRefused, "", "ein langes Kennwort\n", append(args, "bert")...) // no reviewer
	contains(t, h.must("ein langes Kennwort\n", append(args, "carla")...), "sent back")
	contains(t, h.must("", "entry", "list", "0815", "--path", "/Postausgang", "-r"), "/Postausgang/Zurückgewiesen/Bescheid.txt")
	contains(t, h.must("", "audit", "list", "--login", "carla"), "return", "Datum fehlt")
	contains(t, h.must("", "audit", "list", "--login", "bert", "--operation", "refused"), "return")
	h.must("", "audit", "replay", "--verify")
	contains(t, h.must("", "delivery", "list", "--member", "0815", "--new"), "to-reviewers")
}

// TestTamperingIsFound: what somebody changes behind our back in catalog, log
// or storage is told by replay and verify (D8, L35).
func TestTamperingIsFound(t *testing.T) {
	h := newHouse(t)
	h.put("anna", "/an_KVBbg/Liste.csv", "Inhalt")
	contains(t, h.must("", "audit", "replay", "--verify"), "0 differences", "0 missing or different")
	h.must("", "storage", "verify", "--member", "0815")
	sql := func(statement string) {
		t.Helper()
		c, err := sqlite.Open(filepath.Join(h.dir, "data", "catalog.db"), sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	undone := func(change, undo, word string) {
		t.Helper()
		sql(change)
		h.refuse(exitRefused, word, "", "audit", "replay")
		sql(undo)
	}
	undone("UPDATE entries SET name = 'Lüge.csv', name_key = 'lüge.csv' WHERE name = 'Liste.csv'",
		"UPDATE entries SET name = 'Liste.csv', name_key = 'liste.csv' WHERE name = 'Lüge.csv'", "its path is")
	undone("UPDATE versions SET sha256 = zeroblob(32)", "UPDATE versions SET sha256 = (SELECT sha256 FROM audit WHERE operation = 'create')", "its SHA-256 is")
	sql("DROP TRIGGER audit_detail_no_update")
	undone("UPDATE audit_detail SET detail = replace(detail, 'anna', 'emil')", "UPDATE audit_detail SET detail = replace(detail, 'emil', 'anna')", "its detail is not the one")
	h.must("", "audit", "replay")

	var blob string
	filepath.WalkDir(filepath.Join(h.dir, "data", "blobs"), func(path string, d os.DirEntry, _ error) error {
		if b, err := os.ReadFile(path); err == nil && bytes.Equal(b, []byte("Inhalt")) {
			blob = path
		}
		return nil
	})
	os.Chmod(blob, 0o600)
	if err := os.WriteFile(blob, []byte("inhalt"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.refuse(exitRefused, "different (version", "", "storage", "verify")
	h.refuse(exitRefused, "different (version", "", "audit", "replay", "--verify")
	h.refuse(exitRefused, "are not those that were scanned", "", "entry", "history", "0815", "/an_KVBbg/Liste.csv", "--get", versionOf(h), "--out", filepath.Join(h.dir, "out"))
	if _, err := os.Stat(filepath.Join(h.dir, "out")); err == nil {
		t.Error("altered bytes were left in a file")
	}
	os.Remove(blob)
	h.refuse(exitRefused, "missing (version", "", "storage", "verify")
	contains(t, h.must("", "storage", "collect", "--dry-run"), "0 unnamed blobs")
}

func versionOf(h *house) string {
	var v versionRow
	json.Unmarshal([]byte(h.must("", "entry", "history", "0815", "/an_KVBbg/Liste.csv", "--json")), &v)
	return v.Version
}

var hexDigest = regexp.MustCompile(`^[0-9a-f]{64}$`)

// TestExport: JSON Lines with lower-case digests; the export records itself.
func TestExport(t *testing.T) {
	h := newHouse(t)
	h.put("anna", "/an_KVBbg/Liste.csv", "Inhalt")
	operations := map[string]int{}
	last := int64(0)
	for line := range strings.Lines(h.must("", "audit", "export")) {
		var r logRow
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if r.Sequence != last+1 || r.Altered || r.Time.Location() != time.UTC {
			t.Errorf("after %d: %s", last, line)
		}
		last = r.Sequence
		operations[r.Operation]++
		if r.Operation == "create" && (!hexDigest.MatchString(r.SHA256) || r.Name != "Anna Beispiel" || r.Number != "0815" || r.Detail.Path != "/an_KVBbg/Liste.csv") {
			t.Errorf("create: %s", line)
		}
	}
	if operations["create"] != 1 || operations["audit-export"] != 1 || operations["member-add"] != 1 {
		t.Errorf("%v", operations)
	}
	if out := h.must("", "audit", "export", "--member", "0815", "--operation", "create", "--from", "2020-01-01"); strings.Count(out, "\n") != 1 {
		t.Errorf("filtered: %s", out)
	}
	if out := h.must("", "audit", "list", "--until", "2020-01-01", "--json"); out != "" {
		t.Errorf("--until: %s", out)
	}
}

// TestCheck says every fault at once, and is green when everything answers.
func TestCheck(t *testing.T) {
	s := newSite(t, "")
	code, out, _ := s.try("", "check")
	if code != exitRefused {
		t.Errorf("exit code %d", code)
	}
	contains(t, out, "catalog        ok", "storage        ok", "scanner        critical", "mail relay     warning", "signatures_max_age: off")
	s.refuse(int(gradeCritical), "POSTFACH CRITICAL - scanner:", "", "check", "--brief")
	s.refuse(int(gradeUnknown), "POSTFACH UNKNOWN", "", "check", "--brief", "--config", "/nowhere.yaml")
	contains(t, s.must("", "check", "--mail-preview"), "=== to-member (de) ===", "=== refused (en) ===", "Guten Tag")

	clamd := scantest.Start(t, scantest.Options{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	mails := mailcatcher.New(mailcatcher.Options{})
	go mails.Serve(l)
	defer mails.Close()
	s = newSite(t, clamd.Address)
	text, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	s.file("postfach.yaml", strings.Replace(string(text), "smtp://127.0.0.1:1?", "smtp://"+l.Addr().String()+"?", 1))
	contains(t, s.must("", "check"), "scanner        ok", "note   ClamAV 1", "THREADS", "mail relay     ok")
	contains(t, s.must("", "check", "--brief"), "POSTFACH OK - ")
	mails.Close()
	s.refuse(int(gradeWarning), "POSTFACH WARNING - mail relay", "", "check", "--brief")
	if code, _, _ := s.try("", "check"); code != exitDone {
		t.Errorf("a relay that is away makes check end with %d; uploads go on", code)
	}
}

// TestBackup copies the catalog; with the storage it is a whole installation.
func TestBackup(t *testing.T) {
	h := newHouse(t)
	h.put("anna", "/an_KVBbg/Liste.csv", "Inhalt")
	restored := newSite(t, "")
	if err := os.Mkdir(filepath.Join(restored.dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(restored.dir, "data", "catalog.db")
	h.must("", "backup", copied)
	h.refuse(exitRefused, "exists", "", "backup", copied)
	h.put("anna", "/an_KVBbg/Später.csv", "kam danach")
	if err := os.CopyFS(filepath.Join(restored.dir, "data", "blobs"), os.DirFS(filepath.Join(h.dir, "data", "blobs"))); err != nil {
		t.Fatal(err)
	}
	contains(t, restored.must("", "audit", "replay", "--verify"), "1 entries", "0 differences", "0 missing or different")
}
