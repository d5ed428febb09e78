// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestAccountCommands: issue 2, items 3 and 10, and the contract.
func TestAccountCommands(t *testing.T) {
	const password, canary = "ein langes Kennwort", "Kanarienvogel-4711"
	s := newSite(t, "")
	s.must("", "member", "add", "0815", "Stadt Musterhausen")
	s.must("", "member", "add", "0816", "Gemeinde Beispielstadt")
	s.must(password+"\r\n", "account", "add", "anna", "--person", "Anna Beispiel", "--email", "anna@example.org", "--role", "clerk", "--member", "0815", "--password-stdin")
	s.must("", "account", "add", "bert", "--person", "Bert Beispiel", "--email", "bert@example.org", "--role", "Sachbearbeitung", "--member", "all",
		"--password-file", s.file("pw", canary+"\nsecond line\n"))
	s.must(password+"\n", "account", "add", "nacht", "--kind", "machine", "--person", "Olga Brandt", "--email", "olga@example.org", "--role", "datacentre",
		"--member", "0815", "--network", "192.0.2.0/24", "--network", "2001:db8::/32", "--password-stdin")

	s.refuse(exitRefused, "12 characters", "kurz\n", "account", "add", "kurz", "--person", "K", "--email", "k@example.org", "--password-stdin")
	s.refuse(exitUsage, "no password came", "\n", "account", "password", "anna", "--password-stdin")
	s.refuse(exitUsage, "--password-stdin", "", "account", "password", "anna")
	s.refuse(exitRefused, "exists already", password+"\n", "account", "add", "ANNA", "--person", "X", "--email", "x@example.org", "--password-stdin")
	s.refuse(exitRefused, "no role", "", "account", "grant", "anna", "--role", "king")
	s.refuse(exitRefused, "no member", "", "account", "grant", "anna", "--role", "clerk", "--member", "9999")
	s.refuse(exitUsage, "need --role", "", "account", "grant", "anna", "--member", "0815")
	s.refuse(exitRefused, "no account", "", "account", "disable", "niemand")
	s.refuse(exitUsage, "release_machine", password+"\n", "account", "add", "m2", "--kind", "machine", "--person", "O", "--email", "o@example.org",
		"--role", "caseworker", "--member", "all", "--release-direct", "--password-stdin")

	s.must("", "account", "set", "anna", "--layout", "members", "--email", "anna.beispiel@example.org")
	s.must("", "account", "grant", "anna", "--role", "clerk", "--member", "0816", "--from", "2026-01-01", "--until", "31.12.2030", "--no-responsible")
	s.must("", "account", "revoke", "anna", "--role", "clerk", "--member", "0815")
	s.must("neues langes Kennwort\n", "account", "password", "anna", "--password-stdin")
	s.must("", "account", "disable", "bert")
	contains(t, s.must("", "account", "list"), "disabled", "clerk 0816", "machine", "NO.  LOGIN", "1    anna")
	contains(t, s.must("", "account", "show", "bert"), "account no.:", "2")
	s.must("", "account", "enable", "bert")
	contains(t, s.must("", "account", "unlock", "bert"), "0 networks")

	var a accountRow
	if err := json.Unmarshal([]byte(s.must("", "account", "show", "anna", "--json")), &a); err != nil {
		t.Fatal(err)
	}
	if a.Email != "anna.beispiel@example.org" || a.Layout != "members" || len(a.Grants) != 2 || a.ID != 1 || a.Grants[0].InForce || !a.Grants[1].InForce || a.Grants[1].Responsible {
		t.Errorf("%+v", a)
	}
	if err := json.Unmarshal([]byte(s.must("", "account", "show", "bert", "--json")), &a); err != nil || a.Grants[0].Member != "all" || a.Disabled {
		t.Errorf("%+v %v", a, err)
	}
	if out := s.must("", "account", "list", "--role", "caseworker", "--json"); strings.Count(out, "\n") != 1 {
		t.Errorf("--role: %s", out)
	}
	if out := s.must("", "account", "list", "--member", "0816"); !strings.Contains(out, "anna") || strings.Contains(out, "nacht") {
		t.Errorf("--member: %s", out)
	}
	everything := s.must("", "audit", "export") + s.must("", "account", "list", "--json") + s.must("", "account", "show", "bert") + s.must("", "audit", "list", "--limit", "0")
	for _, secret := range []string{password, canary, "argon2"} {
		if strings.Contains(everything, secret) {
			t.Errorf("%q is in what commands print (L28)", secret)
		}
	}
}

// TestAccountImport: faults with their lines, all or nothing, repeatable.
func TestAccountImport(t *testing.T) {
	s := newSite(t, "")
	s.must("", "member", "add", "0815", "Stadt Musterhausen")
	header := "Anmeldename;Person;E-Mail;Rolle;Mitgliedsnummer\n"
	bad := s.file("bad.csv", header+"anna;Anna;anna@example.org;clerk;0815\nbert;Bert;keine Adresse;clerk;0815\nemil;Emil;emil@example.org;clerk;9999\n")
	code, out, errs := s.try("", "account", "import", bad)
	if code != exitRefused || out != "" {
		t.Errorf("exit code %d, %q", code, out)
	}
	contains(t, errs, "bad.csv:3:", "nothing stored")
	if out := s.must("", "account", "list", "--json"); out != "" {
		t.Errorf("something was stored: %s", out)
	}
	text := header + "anna;Anna Köhler;anna@example.org;clerk;0815\n"
	contains(t, s.must(text, "account", "import", "-", "--dry-run"), "would be: 1 accounts added")
	contains(t, s.must(text, "account", "import", "-"), "1 accounts added")
	contains(t, s.must(text, "account", "import", "-"), "0 accounts added, 0 changed, 1 unchanged")
	contains(t, s.must("", "account", "show", "anna"), "Anna Köhler", "no password")
}
