// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/csv"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"postfach/cmd/postfach/export"
	"postfach/mailbox"
)

// checkSums lets sha256sum check an export.
func checkSums(t *testing.T, dir string) {
	t.Helper()
	cmd := exec.Command("sha256sum", "--check", "--strict", "--quiet", export.Sums)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("sha256sum: %v: %s", err, out)
	}
}

// TestExportMailbox: plain folders, a list and digests that sha256sum accepts,
// of both sides' documents and with the history; recorded before the first byte
// (P29, I3).
func TestExportMailbox(t *testing.T) {
	h := newHouse(t)
	h.put("anna", "/an_KVBbg/Änderungen März.csv", "eins")
	h.put("anna", "/an_KVBbg/Änderungen März.csv", "zwei")
	h.put("bert", "/0815/Postausgang/Entwurf.txt", "Entwurf")
	h.put("anna", "/an_KVBbg/weg.txt", "weg")
	x := h.must("", "entry", "list", "0815", "-r")
	contains(t, x, "weg.txt")
	if err := h.a.service.Remove(h.t.Context(), h.as("anna"), mailbox.ParsePath("/an_KVBbg/weg.txt"), mailbox.Conditions{}); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(h.dir, "out")
	contains(t, h.must("", "export", "--member", "0815", "--to", to, "--order", "Auskunft"), "2 files", "0 missing or different")
	checkSums(t, to)
	for path, want := range map[string]string{"0815/an_KVBbg/Änderungen März.csv": "zwei", "0815/Postausgang/Entwurf.txt": "Entwurf"} {
		if got, err := os.ReadFile(filepath.Join(to, path)); err != nil || string(got) != want {
			t.Errorf("%s: %q %v", path, got, err)
		}
	}
	if _, err := os.Stat(filepath.Join(to, "0815/KVBBG-SB-Posteingang")); err != nil {
		t.Error("an empty folder is missing:", err)
	}
	contains(t, h.must("", "audit", "list", "--member", "0815", "--json"), `"read"`, `"Auskunft"`, "Entwurf.txt")
	h.refuse(exitRefused, "holds something", "", "export", "--all", "--to", to)
	h.refuse(exitUsage, "--all", "", "export", "--to", to)
	h.refuse(exitRefused, "no member", "", "export", "--member", "1", "--to", filepath.Join(h.dir, "none"))

	whole := filepath.Join(h.dir, "whole")
	contains(t, h.must("", "export", "--all", "--history", "--to", whole), "4 files")
	checkSums(t, whole)
	f, err := os.Open(filepath.Join(whole, export.Manifest))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma = ';'
	rows, err := r.ReadAll()
	if err != nil || len(rows) != 5 || rows[0][5] != "SHA-256" || rows[0][6] != "Geändert" {
		t.Fatalf("manifest: %v %q", err, rows)
	}
	states := map[string]string{}
	for _, row := range rows[1:] {
		states[row[2]+" "+row[3]] = row[8] + " " + row[9]
	}
	for _, want := range []string{"/an_KVBbg/Änderungen März.csv aktuell", "/an_KVBbg/Änderungen März.csv frühere Fassung", "/an_KVBbg/weg.txt entfernt"} {
		if states[want] != "Anna Beispiel Mitglied" {
			t.Errorf("manifest: %q is %q in %q", want, states[want], states)
		}
	}
	if states["/Postausgang/Entwurf.txt aktuell"] != "Bert Beispiel Kasse" {
		t.Errorf("manifest: %q", states)
	}
}

// TestExportTellsOfTampering: a blob that is missing or altered is told and left
// out, and everything else is written (P29, D8).
func TestExportTellsOfTampering(t *testing.T) {
	h := newHouse(t)
	h.put("anna", "/an_KVBbg/gut.txt", "gut")
	h.put("anna", "/an_KVBbg/fehlt.txt", "fehlt")
	h.put("anna", "/an_KVBbg/anders.txt", "anders")
	err := filepath.WalkDir(filepath.Join(h.dir, "data/blobs"), func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		switch {
		case err == nil && strings.HasPrefix(string(b), "fehlt"):
			return os.Remove(name)
		case err == nil && strings.HasPrefix(string(b), "anders"):
			b[0] = 'A'
			return errors.Join(os.Chmod(name, 0o600), os.WriteFile(name, b, 0o600))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(h.dir, "out")
	code, out, errs := h.try("", "export", "--all", "--to", to)
	if code != exitRefused {
		t.Fatal(code, out, errs)
	}
	contains(t, out, "1 files", "2 missing or different")
	contains(t, errs, "fehlt.txt", "anders.txt")
	checkSums(t, to)
}
