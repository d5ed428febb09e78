// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Issue 4 item 2: made by name and shown once, listed, revoked one by one.
func TestAppPasswordCommand(t *testing.T) {
	s := newSite(t, "")
	s.must("", "member", "add", "0815", "Stadt Müsterhausen")
	s.must("", "account", "add", "anna", "--person", "Anna Größe", "--role", "clerk", "--member", "0815")
	var made struct {
		ID       int64
		Password string
	}
	if err := json.Unmarshal([]byte(s.must("", "account", "app-password", "anna", "--name", "Notebook Büro", "--json")), &made); err != nil || made.ID == 0 {
		t.Fatalf("%+v, %v", made, err)
	}
	said := s.must("", "account", "app-password", "anna", "--name", "rclone")
	if !regexp.MustCompile(`\n    [A-Z2-9]{5}(-[A-Z2-9]{5}){4}\n`).MatchString(said) {
		t.Errorf("said %q", said)
	}
	list := s.must("", "account", "app-password", "anna", "--list")
	contains(t, list, "Notebook Büro", "rclone", "LAST USE")
	s.must("", "account", "app-password", "anna", "--revoke", "1", "--order", "Verlust")
	s.refuse(exitRefused, "no valid app password", "", "account", "app-password", "anna", "--revoke", "1")
	contains(t, s.must("", "account", "app-password", "anna", "--list", "--json"), `"revoked":`)
	contains(t, s.must("", "account", "show", "anna"), "app passwords:", "1")
	for _, text := range []string{list, s.must("", "audit", "export"), s.must("", "account", "show", "anna", "--json")} {
		if strings.Contains(text, made.Password) {
			t.Errorf("the password is shown again in\n%s", text)
		}
	}
	s.refuse(exitUsage, "one of --name", "", "account", "app-password", "anna")
	s.refuse(exitUsage, "one of --name", "", "account", "app-password", "anna", "--list", "--name", "x")
	s.refuse(exitRefused, "no account", "", "account", "app-password", "niemand", "--list")
	s.must("", "account", "set", "anna", "--dav-password", "off")
	contains(t, s.must("", "account", "show", "anna"), "own password in programs:", "refused")
	s.refuse(exitUsage, "on", "", "account", "set", "anna", "--dav-password", "vielleicht")
}

// K7, K16: letters for all people of an import, in one file that only its
// owner reads, sorted, with a list; nothing secret anywhere else.
func TestLetterCommand(t *testing.T) {
	s := newSite(t, "")
	s.must("", "member", "add", "0815", "Stadt Müsterhausen")
	people := s.file("konten.csv", `Anmeldename;Person;E-Mail;Anschrift;Rolle;Mitglied;Art;Kennwort
emil;Emil Zeh;emil@example.org;Weg 3|14467 Potsdam;clerk;0815;;
anna;Anna Größe;anna@example.org;"Personalamt
Ährenweg 1
14467 Potsdam";clerk;0815;;
bert;Bert Da;bert@example.org;Weg 2;clerk;0815;;hat schon ein Kennwort
job;Anna Größe;anna@example.org;;clerk;0815;machine;
`)
	s.must("", "account", "import", people)
	out := filepath.Join(s.dir, "briefe.pdf")
	said := s.must("", "account", "letter", "--import", people, "--out", out, "--order", "Brief 17")
	contains(t, said, "2 letters in "+out, "no letter for bert: it has a password", "no letter for job")
	if i, err := os.Stat(out); err != nil || i.Mode() != 0o600 {
		t.Errorf("%v, %v", i, err)
	}
	pdf, err := os.ReadFile(out)
	if err != nil || !bytes.HasPrefix(pdf, []byte("%PDF-")) {
		t.Fatalf("no PDF: %v", err)
	}
	contains(t, s.must("", "account", "list"), "letter sent")
	contains(t, s.must("", "account", "letter", "--import", people, "--out", filepath.Join(s.dir, "b.pdf")), "no account of the file needs a letter")
	s.refuse(exitUsage, "exists", "", "account", "letter", "anna", "--out", out)
	if again, _ := os.ReadFile(out); !bytes.Equal(again, pdf) {
		t.Error("the letters were overwritten")
	}
	s.refuse(exitRefused, "machine account", "", "account", "letter", "job", "--out", filepath.Join(s.dir, "c.pdf"))
	s.refuse(exitUsage, "either", "", "account", "letter", "--out", filepath.Join(s.dir, "c.pdf"))
	s.must("", "account", "set", "anna", "--address", "none")
	s.refuse(exitRefused, "anna", "", "account", "letter", "anna", "--out", filepath.Join(s.dir, "c.pdf"))
	s.must("", "account", "set", "anna", "--address", "Weg 9|14467 Potsdam")
	s.refuse(exitRefused, "", "", "account", "letter", "anna", "--out", filepath.Join(s.dir, "nowhere", "c.pdf"))
	contains(t, s.must("", "audit", "list", "--operation", "one-time-password"), "anna", "emil", "valid until", "order Brief 17", "system user")

	text, err := exec.Command("pdftotext", out, "-").Output()
	if err != nil {
		t.Skip("the rest of this test needs pdftotext (apt-get install poppler-utils)")
	}
	codes := regexp.MustCompile(`[A-Z2-9]{4}(-[A-Z2-9]{4}){3}`).FindAll(text, -1)
	if len(codes) != 2 || bytes.Index(text, []byte("Anna Größe")) > bytes.Index(text, []byte("Emil Zeh")) {
		t.Fatalf("codes %q in\n%s", codes, text)
	}
	contains(t, string(text), "http://127.0.0.1:8080/postfach/0815", "Kontrollliste")
	elsewhere := said + s.must("", "audit", "export") + s.must("", "account", "show", "anna", "--json")
	files, err := filepath.Glob(filepath.Join(s.dir, "data", "catalog.db*"))
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		elsewhere += string(raw)
	}
	for _, c := range codes {
		if strings.Contains(elsewhere, string(c)) || strings.Contains(elsewhere, strings.ReplaceAll(string(c), "-", "")) {
			t.Error("a one-time password stands elsewhere")
		}
	}
}
