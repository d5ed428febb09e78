// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// site is an installation in a folder of its own; commands run in this process.
type site struct {
	t      *testing.T
	dir    string
	config string
}

// newSite writes a configuration; clamd is a scanner's address, "" for one that
// does not answer.
func newSite(t *testing.T, clamd string) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir()}
	if clamd == "" {
		clamd = "unix:" + filepath.Join(s.dir, "nobody.ctl")
	}
	s.config = filepath.Join(s.dir, "postfach.yaml")
	text := fmt.Sprintf(`listen: 127.0.0.1:8080
url: http://127.0.0.1:8080
authority: {name: Versorgungskasse Beispielland, language: de, timezone: Europe/Berlin, service_contact: "Telefon 0123 456789", security_address: sicherheit@kasse.example}
catalog: sqlite:data/catalog.db
storage: dir:data/blobs
storage_reserve: 1MiB
scan: {clamd: "%s", max_size: 32MiB, signatures_max_age: off}
notify: {smtp: "smtp://127.0.0.1:1?tls=none", from: postfach@kasse.example, staff_address: team@kasse.example}
`, clamd)
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// try runs a command.
func (s *site) try(stdin string, args ...string) (code int, out, errs string) {
	s.t.Helper()
	var o, e bytes.Buffer
	env := func(name string) string { return map[string]string{"POSTFACH_CONFIG": s.config}[name] }
	code = run(s.t.Context(), args, env, strings.NewReader(stdin), &o, &e)
	return code, o.String(), e.String()
}

// must runs a command that has to succeed, and gives its output.
func (s *site) must(stdin string, args ...string) string {
	s.t.Helper()
	code, out, errs := s.try(stdin, args...)
	if code != exitDone {
		s.t.Fatalf("postfach %q: exit code %d\n%s%s", args, code, out, errs)
	}
	return out
}

// refuse runs a command that has to fail with a code and a word.
func (s *site) refuse(want int, word, stdin string, args ...string) {
	s.t.Helper()
	code, out, errs := s.try(stdin, args...)
	if code != want || !strings.Contains(out+errs, word) {
		s.t.Errorf("postfach %q: exit code %d, want %d with %q\n%s%s", args, code, want, word, out, errs)
	}
}

func (s *site) file(name, content string) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

func contains(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("%q is missing in\n%s", w, text)
		}
	}
}

// TestHelp: every command, argument and flag is documented (issue 2, item 3).
func TestHelp(t *testing.T) {
	parser, err := kong.New(&cli{}, kong.NoDefaultHelp())
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, "")
	commands := 0
	for _, leaf := range parser.Model.Leaves(false) {
		commands++
		path := strings.Fields(leaf.Path())
		for i, word := range path { // arguments follow the names
			if strings.HasPrefix(word, "<") || strings.HasPrefix(word, "[") {
				path = path[:i]
				break
			}
		}
		if leaf.Help == "" {
			t.Errorf("%q has no help", path)
		}
		text := s.must("", append([]string{"help"}, path...)...)
		contains(t, text, "Usage: postfach "+strings.Join(path, " "))
		if again := s.must("", append(path, "--help")...); again != text && path[0] != "help" {
			t.Errorf("%q: --help says something else than help", path)
		}
		for _, p := range leaf.Positional {
			if p.Help == "" {
				t.Errorf("%q: argument %s has no help", path, p.Name)
			}
		}
		for _, f := range leaf.Flags {
			if f.Help == "" {
				t.Errorf("%q: --%s has no help", path, f.Name)
			}
		}
	}
	if commands < 35 {
		t.Errorf("only %d commands were seen", commands)
	}
	contains(t, s.must(""), "member import", "Exit codes")
}

// TestExitCodes: those that the help text promises.
func TestExitCodes(t *testing.T) {
	s := newSite(t, "")
	s.refuse(exitUsage, "unexpected argument", "", "frobnicate")
	s.refuse(exitUsage, "unknown flag", "", "member", "list", "--frob")
	s.refuse(exitUsage, "postfach help member add", "", "member", "add")
	s.refuse(exitUsage, "nowhere.yaml", "", "member", "list", "--config", "/nowhere.yaml")
	bad := s.file("bad.yaml", "listen: nonsense\nfrob: 1\n")
	code, _, errs := s.try("", "member", "list", "-c", bad)
	if code != exitUsage {
		t.Errorf("a faulty configuration: exit code %d", code)
	}
	contains(t, errs, "bad.yaml:1: listen", "bad.yaml:2: frob", "catalog: is missing") // all at once
	s.refuse(exitRefused, "there is no member", "", "member", "show", "0815")
	s.must("", "member", "list")
	// The catalog is a folder now: out of reach.
	catalog := filepath.Join(s.dir, "data", "catalog.db")
	for _, end := range []string{"", "-wal", "-shm"} {
		os.Remove(catalog + end)
	}
	if err := os.Mkdir(catalog, 0o700); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := s.try("", "member", "list"); code == exitDone || errs == "" {
		t.Errorf("no catalog: exit code %d, %q", code, errs)
	}
}

// TestNoControlCharactersOnTheTerminal: what strangers wrote never steers it.
func TestNoControlCharactersOnTheTerminal(t *testing.T) {
	if got := cell("a\x1b[31mb\u009b\u202ec\nd\te"); got != "a\ufffd[31mb\ufffd\ufffdc d\ufffde" {
		t.Errorf("%q", got)
	}
	if got := plain("zwei\nZeilen\r"); got != "zwei\nZeilen\ufffd" {
		t.Errorf("%q", got)
	}
}

// TestSizes are those of the configuration.
func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{"10GiB": 10 << 30, "0B": 0, "500 MiB": 500 << 20, "3TiB": 3 << 40, "7KiB": 7168} {
		var s size
		if err := s.UnmarshalText([]byte(text)); err != nil || int64(s) != want {
			t.Errorf("%q: %d, %v", text, s, err)
		}
	}
	for _, text := range []string{"", "10", "GiB", "-1GiB", "1.5GiB", "10GB", "9999999999TiB", "1e3B"} {
		var s size
		if err := s.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was read as %d", text, s)
		}
	}
}
