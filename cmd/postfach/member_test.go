// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/charmap"

	"postfach/mailbox"
)

// TestMemberCommands: issue 2, item 3, and its contract.
func TestMemberCommands(t *testing.T) {
	s := newSite(t, "")
	s.must("", "member", "add", "0815", "Stadt Musterhausen", "--release", "four-eyes", "--quota", "1GiB", "--order", "Schreiben 17/2026")
	contains(t, s.must("", "member", "add", "0815", "Stadt Musterhausen"), "exists already")
	s.refuse(exitRefused, "another name", "", "member", "add", "0815", "Stadt Anders")
	s.refuse(exitRefused, "another release policy", "", "member", "add", "0815", "Stadt Musterhausen", "--release", "single")
	s.refuse(exitRefused, "no member", "", "member", "add", "0816", "Abrechnungsstelle", "--parent", "9999")
	s.must("", "member", "add", "0816", "Abrechnungsstelle Süd", "--parent", "0815")
	s.must("", "member", "set", "0816", "--successor", "0815", "--release", "default")
	s.must("", "member", "rename", "0816", "Abrechnungsstelle Nord")
	s.refuse(exitUsage, "nothing to change", "", "member", "set", "0816")
	s.refuse(exitUsage, "--quota", "", "member", "set", "0816", "--quota", "viel")
	s.must("", "member", "close", "0816", "--on", "31.12.2030")
	s.refuse(exitRefused, "gestern", "", "member", "close", "0816", "--on", "gestern")
	s.refuse(exitRefused, "no member", "", "member", "close", "4711", "--on", "2030-12-31")

	var m memberRow
	if err := json.Unmarshal([]byte(s.must("", "member", "show", "0816", "--json")), &m); err != nil {
		t.Fatal(err)
	}
	if m.Name != "Abrechnungsstelle Nord" || m.Parent != "0815" || m.Successor != "0815" || m.Release != "single" || m.ClosedOn != "2030-12-31" {
		t.Errorf("%+v", m)
	}
	contains(t, s.must("", "member", "list"), "0815", "Stadt Musterhausen", "four-eyes", "2030-12-31")
	if out := s.must("", "member", "list", "--find", "MUSTER"); strings.Contains(out, "0816") || !strings.Contains(out, "0815") {
		t.Errorf("--find: %s", out)
	}
	s.must("", "member", "set", "0816", "--reopen", "--parent", "none")
	contains(t, s.must("", "audit", "list"), "member-add", "member-close", "order Schreiben 17/2026", "system user")
	s.must("", "audit", "replay")
}

// TestMemberImport: all or nothing, every fault with its line, repeatable,
// spreadsheet files as they come (issue 2, item 3).
func TestMemberImport(t *testing.T) {
	s := newSite(t, "")
	bad := s.file("bad.csv", "Mitgliedsnummer;Name;Freigabe;Abrechnungsstelle von\n0815;Stadt Musterhausen;;\n08 16;Leer;;\n0817;Rat;immer;\n0815;Zweimal;;\n0818;Waise;;9999\n")
	code, out, errs := s.try("", "member", "import", bad, "--dry-run")
	if code != exitRefused || out != "" {
		t.Errorf("exit code %d, %q", code, out)
	}
	contains(t, errs, "bad.csv:3:", "bad.csv:4:", "bad.csv:5: number 0815 stands in line 2", "bad.csv:6: there is no member", "4 faults")
	s.refuse(exitRefused, "nothing stored", "", "member", "import", bad)
	if out := s.must("", "member", "list", "--json"); out != "" {
		t.Errorf("something was stored: %s", out)
	}
	// Every fault of a line, also where a cell is missing.
	worse := s.file("worse.csv", "Mitgliedsnummer;Name;Freigabe;Kontingent\nx y;;immer;zehn\n;Ohne Nummer;nie;\n")
	_, _, errs = s.try("", "member", "import", worse)
	contains(t, errs, "worse.csv:2: The field \"Name\" is empty", "worse.csv:2: number \"x y\"", "worse.csv:2: release \"immer\"", "worse.csv:2: \"zehn\" is no size",
		"worse.csv:3: The field \"Mitgliedsnummer\" is empty", "worse.csv:3: release \"nie\"", "6 faults")
	text := "number,name,parent,quota\n0002,Außenstelle Köln,0001,5GiB\n0001,\"Köln, Stadt\",,\n" // the parent comes later
	latin, err := charmap.Windows1252.NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	good := s.file("good.csv", latin)
	contains(t, s.must("", "member", "import", good, "--dry-run"), "2 members would be added")
	if out := s.must("", "member", "list", "--json"); out != "" {
		t.Errorf("--dry-run stored %s", out)
	}
	contains(t, s.must("", "member", "import", good), "2 members added")
	contains(t, s.must("", "member", "import", good), "0 members added, 2 existed")
	contains(t, s.must("", "member", "list"), "Köln, Stadt", "Außenstelle Köln")
	other := s.file("other.csv", "number;name\n0003;Neu\n0001;Bonn\n")
	s.refuse(exitRefused, "other.csv:3: member 0001 exists already with another name: Köln, Stadt", "", "member", "import", other)
	circle := s.file("circle.csv", "number;name;parent\nA;a;B\nB;b;A\n")
	s.refuse(exitRefused, "name each other", "", "member", "import", circle)
}

// TestMemberImportIsQuick: 3,000 members in far under a minute.
func TestMemberImportIsQuick(t *testing.T) {
	s := newSite(t, "")
	var b strings.Builder
	b.WriteString("number;name\n")
	for i := range 3000 {
		fmt.Fprintf(&b, "%04d;Zweckverband Nr. %d\n", i, i)
	}
	file := s.file("many.csv", b.String())
	start := time.Now()
	contains(t, s.must("", "member", "import", file), "3000 members added")
	t.Logf("3,000 members took %s", time.Since(start))
	if n := strings.Count(s.must("", "member", "list", "--json"), "\n"); n != 3000 {
		t.Errorf("%d members listed", n)
	}
}

// FuzzMemberFile: whatever comes through without a fault can be a member, and
// no number comes twice.
func FuzzMemberFile(f *testing.F) {
	f.Add([]byte("Mitgliedsnummer;Name\n0815;Stadt Musterhausen\n"))
	f.Add([]byte("number,name,quota,parent\n1,\"a\nb\",5GiB,2\n"))
	f.Add([]byte("\xef\xbb\xbfNAME;number\n\xfc;\"1\"\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		lines, faults, err := readMembers(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		if len(faults) > 0 {
			return
		}
		seen := map[string]bool{}
		for _, l := range lines {
			if err := mailbox.CheckMember(l.member); err != nil || seen[l.member.Number] || l.line < 2 {
				t.Fatalf("line %d: %+v, %v", l.line, l.member, err)
			}
			seen[l.member.Number] = true
		}
	})
}
