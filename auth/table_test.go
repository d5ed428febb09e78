// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/unicode/norm"

	"postfach/mailbox"
)

var testColumns = []Column{
	{Key: "number", Names: []string{"Mitgliedsnummer", "number"}, Required: true},
	{Key: "name", Names: []string{"Name"}},
}

// Issue 2 item 3: ; or , and UTF-8 or Windows-1252, as spreadsheets write it.
func TestReadTable(t *testing.T) {
	ansi := func(s string) string {
		b, err := charmap.Windows1252.NewEncoder().String(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for name, file := range map[string]string{
		"semicolon":     "Mitgliedsnummer;Name\n0815;Köln – „Süd“\n0816;\"a;b\"\n",
		"comma":         "number,name\n0815,Köln – „Süd“\n0816,a;b\n",
		"BOM and CRLF":  "\ufeffMITGLIEDSNUMMER;NAME\r\n0815;Köln – „Süd“\r\n0816;\"a;b\"\r\n",
		"Windows-1252":  ansi("Mitgliedsnummer;Name\r\n0815;Köln – „Süd“\r\n0816;\"a;b\"\r\n"),
		"other order":   "Name;Mitgliedsnummer\nKöln – „Süd“;0815\n\"a;b\";0816",
		"empty lines":   "\n\nMitgliedsnummer;Name\n;\n0815; Köln – „Süd“ \n;;\n\n0816;\"a;b\"\n",
		"empty columns": "Mitgliedsnummer;Name;;\n0815;Köln – „Süd“;;\n0816;\"a;b\"\n",
		"NFD":           "Mitgliedsnummer;Name\n0815;Ko\u0308ln – „Su\u0308d“\n0816;\"a;b\"\n",
	} {
		rows, faults, err := ReadTable(strings.NewReader(file), testColumns)
		if err != nil || len(faults) > 0 {
			t.Errorf("%s: %v %v", name, faults, err)
			continue
		}
		if len(rows) != 2 || rows[0].Get("number") != "0815" || rows[0].Get("name") != "Köln – „Süd“" ||
			rows[1].Get("number") != "0816" || rows[1].Get("name") != "a;b" {
			t.Errorf("%s: %v", name, rows)
		}
	}
}

// Every fault is told with its line.
func TestReadTableFaults(t *testing.T) {
	for file, want := range map[string]string{
		"":                                     "1 header",
		"\n \n":                                "1 header",
		"Name\nA":                              "1 missing",
		"Mitgliedsnummer;Nahme\n1;2":           "1 not known",
		"Mitgliedsnummer;number\n1;2":          "1 twice",
		"Mitgliedsnummer\n1\n\n2;3\n4":         "4 more fields",
		"Mitgliedsnummer;Name\n;A\n2;B\n;C":    "2 empty|4 empty",
		"Mitgliedsnummer;Name\n1;\"A\nB\"":     "2 control",
		"Mitgliedsnummer;Name\n1;A\x00":        "2 control",
		"Mitgliedsnummer;Name\n1;\"A":          "2 quotation",
		"Mitgliedsnummer;Name\n1;A\n2;a\"b":    "3 quotation",
		"Mitgliedsnummer;Name\n1;\xe4\n2;\x81": "3 byte",
		"\xff\xfeM\x00":                        "1 UTF-16",
		"Mitgliedsnummer;Name\n1;" + strings.Repeat("x", maxCell+1): "2 longer",
		"Mitgliedsnummer" + strings.Repeat(";", maxColumns):         "1 columns",
	} {
		rows, faults, err := ReadTable(strings.NewReader(file), testColumns)
		if err != nil {
			t.Fatal(err)
		}
		wants := strings.Split(want, "|")
		if len(faults) != len(wants) {
			t.Errorf("%.40q: rows %v, faults %v", file, rows, faults)
			continue
		}
		for i, w := range wants {
			line, word, _ := strings.Cut(w, " ")
			if f := faults[i]; fmt.Sprint(f.Line) != line || !strings.Contains(f.Error(), word) {
				t.Errorf("%.40q: line %d: %v; want %s", file, f.Line, f, w)
			}
		}
	}
}

func TestReadTableBounds(t *testing.T) {
	for name, file := range map[string][]byte{
		"bytes":  bytes.Repeat([]byte("x"), maxTable<<20+1),
		"rows":   append([]byte("number\n"), bytes.Repeat([]byte("1\n"), maxRows+1)...),
		"faults": append([]byte("number;name\n"), bytes.Repeat([]byte(";x\n"), maxFaults+10)...),
	} {
		_, faults, err := ReadTable(bytes.NewReader(file), testColumns)
		if err != nil || len(faults) == 0 || len(faults) > maxFaults+1 {
			t.Errorf("%s: %d faults, %v", name, len(faults), err)
		}
	}
}

// The sentences of the faults exist in both languages, with the same places
// for their arguments.
func TestFaultLanguages(t *testing.T) {
	_, faults, _ := ReadAccounts(strings.NewReader("login;Rolle;Von;Netze;Zuständig;Kennwort\na;Chef;morgen;irgendwo;vielleicht;kurz"), time.UTC)
	if len(faults) != 5 {
		t.Errorf("faults: %v", faults)
	}
	for _, f := range faults {
		for _, s := range []string{f.In("de"), f.In("en")} {
			if strings.Contains(s, "%!") || s == "" {
				t.Errorf("%q", s)
			}
		}
		if f.In("de") == f.In("en") || f.In("") != f.In("de") {
			t.Errorf("%q, %q, %q", f.In("de"), f.In("en"), f.In(""))
		}
	}
}

func TestReadAccounts(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	const file = "Anmeldename;Person;E-Mail;Rolle;Mitgliedsnummer;Von;Bis;Zuständig;Art;Ansicht;Netze;Kennwort;Sprache\n" +
		"anna;Anna Beispiel;anna@example.org;Personalsachbearbeitung;0815;01.03.2026;2026-12-31;nein;Person;direct;;ein langes Kennwort;en\n" +
		"job;Bert Beispiel;bert@example.org;caseworker;alle;;;;machine;;192.0.2.7, 2001:db8::/32;;\n" +
		"leer;Carla;;;;;;;;;;;\n"
	rows, faults, err := ReadAccounts(strings.NewReader(file), berlin)
	if err != nil || len(faults) > 0 || len(rows) != 3 {
		t.Fatal(rows, faults, err)
	}
	anna, job, leer := rows[0].Account, rows[1].Account, rows[2].Account
	g := anna.Grants[0]
	if g.Role != mailbox.Clerk || g.Member != "0815" || *g.Responsible ||
		!g.From.Equal(time.Date(2026, 3, 1, 0, 0, 0, 0, berlin)) || !g.Until.Equal(time.Date(2027, 1, 1, 0, 0, 0, 0, berlin)) {
		t.Errorf("anna: %+v", g)
	}
	if anna.Kind != mailbox.PersonAccount || anna.Layout != mailbox.Direct || anna.Password == "" || anna.Person.Language != "en" {
		t.Errorf("anna: %+v", anna)
	}
	if job.Kind != mailbox.MachineAccount || networksText(job.Networks) != "192.0.2.7/32,2001:db8::/32" ||
		job.Grants[0].Member != "all" || job.Grants[0].Responsible != nil {
		t.Errorf("job: %+v", job)
	}
	if len(leer.Grants) != 0 || rows[2].Line != 4 {
		t.Errorf("leer: %+v", leer)
	}
}

// Whatever file is read: cells are clean, lines exist, and a file with faults
// or rows never brings the reader down.
func FuzzReadTable(f *testing.F) {
	f.Add([]byte("Mitgliedsnummer;Name\n0815;Köln\n"))
	f.Add([]byte("number,name\r\n\"08\"\"15\",K\xf6ln\r\n"))
	f.Add([]byte("\ufeffName;number;;\n;;;;\n\"\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		rows, faults, err := ReadTable(bytes.NewReader(data), testColumns)
		if err != nil {
			t.Fatal(err)
		}
		lines := bytes.Count(data, []byte("\n")) + bytes.Count(data, []byte("\r")) + 1
		quoted := bytes.Contains(data, []byte("%!")) // a fault quotes what stands in the file
		for _, f := range faults {
			if f.Line < 1 || f.Line > lines || f.In("de") == "" || !quoted && strings.Contains(f.Error(), "%!") {
				t.Fatalf("fault %+v of %d lines", f, lines)
			}
		}
		for _, r := range rows {
			if r.Line < 2 || r.Line > lines {
				t.Fatalf("line %d of %d", r.Line, lines)
			}
			for k, c := range r.cells {
				if !utf8.ValidString(c) || len(c) > maxCell || strings.ContainsAny(c, "\x00\r\n") || !norm.NFC.IsNormalString(c) {
					t.Fatalf("%s: %q", k, c)
				}
			}
		}
	})
}
