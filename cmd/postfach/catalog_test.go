// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postfach/catalog/pgtest"
)

// postgres is the server of all tests here.
var postgres pgtest.Lazy

func TestMain(m *testing.M) {
	code := m.Run()
	postgres.Stop()
	os.Exit(code)
}

// use lets a site go on with another catalog.
func (s *site) use(catalog string) {
	s.t.Helper()
	text, err := os.ReadFile(s.config)
	if err != nil {
		s.t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "catalog:") {
			lines[i] = "catalog: " + catalog
		}
	}
	if err := os.WriteFile(s.config, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// TestCatalogCopy: an installation moves to PostgreSQL and back; every command
// says the same before and after, and goes on where it was.
func TestCatalogCopy(t *testing.T) {
	server := postgres.Get(t)
	s := newSite(t, "")
	s.must("", "member", "add", "0815", "Stadt Musterhausen")
	s.must("", "member", "add", "4711", "Gemeinde Beispielwalde", "--release", "four-eyes")
	s.must("Wiesel-Pfad-39-x\n", "account", "add", "anna", "--person", "Anna Köhler", "--email", "anna@example.org",
		"--role", "clerk", "--member", "0815", "--password-stdin")
	lite := "sqlite:" + filepath.Join(s.dir, "data", "catalog.db")
	post := server.URL(server.Database(t))
	questions := [][]string{{"member", "list"}, {"account", "list"}, {"audit", "list"}, {"delivery", "list"}, {"notice", "list"}}
	ask := func() (all []string) {
		for _, q := range questions {
			all = append(all, s.must("", q...))
		}
		return append(all, s.must("", "audit", "replay"))
	}
	before := ask()
	table := s.must("", "catalog", "copy", "--from", lite, "--to", post, "--order", "Umzug")
	if !strings.Contains(table, "members") || !strings.Contains(table, "audit_detail") {
		t.Errorf("told of the copy:\n%s", table)
	}
	s.refuse(exitRefused, "not empty", "", "catalog", "copy", "--from", lite, "--to", post)
	s.use(post)
	for i, after := range ask() {
		want := before[i]
		if i == 2 || i == len(questions) { // the copy itself is recorded
			continue
		}
		if after != want {
			t.Errorf("%v:\n%s\nwas\n%s", questions[i], after, want)
		}
	}
	if log := s.must("", "audit", "list"); !strings.Contains(log, "catalog-copy") || !strings.Contains(log, "member-add") {
		t.Errorf("audit log:\n%s", log)
	}
	s.must("", "member", "add", "0816", "Stadt Neuhausen")
	s.refuse(exitRefused, "4711", "", "member", "add", "4711", "Zweimal")
	s.refuse(exitRefused, "PostgreSQL", "", "backup", filepath.Join(s.dir, "copy.db"))
	s.must("", "catalog", "migrate")
	back := "sqlite:" + filepath.Join(s.dir, "back", "catalog.db")
	s.must("", "catalog", "copy", "--from", post, "--to", back, "--json")
	s.use(back)
	if list := s.must("", "member", "list"); !strings.Contains(list, "0816") || !strings.Contains(list, "0815") {
		t.Errorf("members:\n%s", list)
	}
	s.must("", "audit", "replay")
}

// TestCatalogNamed: what a flag names wrongly is said, and nothing is made.
func TestCatalogNamed(t *testing.T) {
	s := newSite(t, "")
	missing := filepath.Join(s.dir, "missing.db")
	target := "sqlite:" + filepath.Join(s.dir, "new.db")
	s.refuse(exitRefused, "no such file", "", "catalog", "copy", "--from", "sqlite:"+missing, "--to", target)
	if _, err := os.Stat(missing); err == nil {
		t.Error("the missing source was made")
	}
	s.refuse(exitUsage, "--from: ", "", "catalog", "copy", "--from", "mysql://x", "--to", target)
	s.refuse(exitUsage, "holds a password", "", "catalog", "migrate", "--to", "postgres://a:b@c/d")
	s.refuse(exitUnavailable, "connection refused", "", "catalog", "migrate", "--to", pgtest.URL(1, "nobody"))
	s.must("", "catalog", "migrate", "--to", target)
}
