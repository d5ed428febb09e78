// SPDX-License-Identifier: Apache-2.0

package sheet

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func written(t *testing.T, cells ...string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "x.csv")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	w, err := New(f, "Größe", "Name")
	if err != nil {
		t.Fatal(err)
	}
	w.Add(cells...)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestSpreadsheetsReadIt: umlauts, separators and quotes arrive, and no name is
// calculated as a formula.
func TestSpreadsheetsReadIt(t *testing.T) {
	got := written(t, `a;"b"`, "=HYPERLINK(1)")
	want := Mark + "Größe;Name\r\n\"a;\"\"b\"\"\";'=HYPERLINK(1)\r\n"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzCells(f *testing.F) {
	f.Add("=1+1", "Müller; \"x\"\r\ny\x00")
	f.Fuzz(func(t *testing.T, a, b string) {
		r := csv.NewReader(strings.NewReader(strings.TrimPrefix(written(t, a, b, "."), Mark)))
		r.Comma, r.FieldsPerRecord = ';', -1
		rows, err := r.ReadAll()
		if err != nil || len(rows) != 2 || len(rows[1]) != 3 {
			t.Fatalf("%q %q: %v %q", a, b, err, rows)
		}
		for _, c := range rows[1] {
			if strings.HasPrefix(c, "=") || strings.ContainsAny(c, "\r\n\x00") {
				t.Fatalf("cell %q", c)
			}
		}
	})
}
