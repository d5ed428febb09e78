// SPDX-License-Identifier: Apache-2.0

// Package test holds the tests that look at Postfach from outside: the built
// binary with a real scanner, real clients and real sockets, and the source
// tree as a whole. Rules of the mailbox are tested where they live, not here.
package test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// direction says which of our packages a package may import, and what it must
// not reach even through others (DESIGN.md section 9).
type direction struct {
	ours   []string // direct imports; sub-packages of oneself are always allowed
	banned []string // anywhere below
}

var everyDoor = []string{"database/sql", "postfach/storage", "postfach/scan", "postfach/notify", "postfach/config", "postfach/catalog"}

var directions = map[string]direction{
	"config":      {},
	"mailbox":     {banned: []string{"net/http", "database/sql", "net/smtp"}},
	"auth":        {ours: []string{"mailbox"}, banned: []string{"database/sql"}},
	"notify":      {ours: []string{"mailbox"}, banned: []string{"database/sql"}},
	"catalog":     {ours: []string{"mailbox", "auth", "notify", "segment"}},
	"segment":     {ours: []string{"mailbox"}, banned: []string{"net/http", "database/sql"}},
	"storage":     {ours: []string{"mailbox"}, banned: []string{"database/sql"}},
	"scan":        {ours: []string{"mailbox"}, banned: []string{"net/http", "database/sql"}},
	"reply":       {ours: []string{"mailbox"}, banned: everyDoor},
	"dav":         {ours: []string{"mailbox", "auth", "reply"}, banned: everyDoor},
	"web":         {ours: []string{"mailbox", "auth", "reply"}, banned: everyDoor},
	"letter":      {banned: []string{"net/http", "database/sql", "postfach/mailbox"}},
	"janitor":     {ours: []string{"mailbox", "storage"}, banned: []string{"database/sql"}},
	"scrub":       {ours: []string{"mailbox"}, banned: []string{"net/http", "database/sql"}},
	"syslog":      {banned: []string{"net/http", "database/sql", "postfach/mailbox"}},
	"server":      {banned: []string{"postfach/mailbox"}},
	"mailcatcher": {banned: []string{"database/sql"}},
	"demo":        {ours: []string{"mailcatcher", "deploy"}, banned: []string{"database/sql", "postfach/mailbox"}},
	"deploy":      {}, // files that the binary carries
	"backup":      {banned: []string{"database/sql", "postfach/mailbox", "postfach/catalog"}},
	"bench":       {ours: []string{"scan/scantest", "mailcatcher", "test/world"}},
	"test":        {ours: []string{"mailbox", "scan/scantest", "catalog/pgtest", "mailcatcher", "deploy"}},
	"cmd":         {ours: []string{"*"}},
}

// goPackage is what `go list -json` says of one package.
type goPackage struct {
	ImportPath string
	Dir        string
	Doc        string
	Name       string
	GoFiles    []string
	Imports    []string
	Deps       []string
	DepOnly    bool
}

func listPackages(t *testing.T, args ...string) []goPackage {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-e", "-json=ImportPath,Dir,Doc,Name,GoFiles,Imports,Deps,DepOnly"}, args...)...)
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []goPackage
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		all = append(all, p)
	}
}

// TestImportDirections guards the table of DESIGN.md section 9.
func TestImportDirections(t *testing.T) {
	packages := listPackages(t, "./...")
	if len(packages) == 0 {
		t.Fatal("no packages listed")
	}
	for _, p := range packages {
		path, ours := strings.CutPrefix(p.ImportPath, "postfach/")
		if !ours {
			t.Errorf("%s lies outside the tree of section 9", p.ImportPath)
			continue
		}
		room, _, _ := strings.Cut(path, "/")
		rule, known := directions[room]
		if !known {
			t.Errorf("package %s: no import direction is written down for %q", path, room)
			continue
		}
		for _, fault := range wrongImports(room, path, rule, p) {
			t.Error(fault)
		}
	}
}

func wrongImports(room, path string, rule direction, p goPackage) (faults []string) {
	for _, i := range p.Imports {
		other, ours := strings.CutPrefix(i, "postfach/")
		if !ours || slices.Contains(rule.ours, "*") {
			continue
		}
		top, _, _ := strings.Cut(other, "/")
		if top != room && !slices.Contains(rule.ours, other) && !slices.Contains(rule.ours, top) && !(testSupport(path) && slices.Contains(leaves, other)) {
			faults = append(faults, path+" must not import "+other)
		}
	}
	for _, b := range rule.banned {
		if slices.Contains(p.Deps, b) && !testSupport(path) {
			faults = append(faults, path+" must not reach "+b)
		}
	}
	return faults
}

// leaves are packages for tests that know nothing of ours; any that exists for
// tests may use them.
var leaves = []string{"test/porttest", "test/certify"}

// testSupport says that a package exists for tests only, such as
// storage/storagetest; it may use what a test uses.
func testSupport(path string) bool { return strings.HasSuffix(path, "test") }

// TestWrongImportIsSeen shows that the guard can bite.
func TestWrongImportIsSeen(t *testing.T) {
	p := goPackage{Imports: []string{"postfach/catalog"}, Deps: []string{"net/http"}}
	if got := wrongImports("mailbox", "mailbox", directions["mailbox"], p); len(got) != 2 {
		t.Fatalf("a mailbox that imports catalog and reaches net/http has 2 faults, got %q", got)
	}
}

// TestReleaseCarriesNoTestSupport: what exists for tests is not in the binary.
func TestReleaseCarriesNoTestSupport(t *testing.T) {
	for _, p := range listPackages(t, "-deps", "./cmd/postfach") {
		path, ours := strings.CutPrefix(p.ImportPath, "postfach/")
		if ours && testSupport(path) || p.ImportPath == "testing" {
			t.Errorf("postfach imports %s", p.ImportPath)
		}
	}
}
