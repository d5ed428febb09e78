// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func TestCheckName(t *testing.T) {
	for name, want := range map[string]Reason{
		"Liste.csv": "", "Korrekturliste März.xlsx": "", "a b#c%25+d.txt": "", "😀.txt": "", ".hidden": "", "x.tmp": "", "~$a.docx": "",
		strings.Repeat("ä", 127) + "x": "", "COM10.txt": "", "console": "", " leading": "", "CONAUX.txt": "",
		"": ReasonNameDots, ".": ReasonNameDots, "..": ReasonNameDots,
		"\xe4.txt": ReasonNameEncoding, strings.Repeat("ä", 128): ReasonNameLong,
		"a\x00b": ReasonNameControl, "a\x7fb": ReasonNameControl, "a\nb": ReasonNameControl, "a\u0085b": ReasonNameControl,
		`a\b`: ReasonNameCharacter, "a:b": ReasonNameCharacter, "a*": ReasonNameCharacter, "a?": ReasonNameCharacter, `a"b`: ReasonNameCharacter,
		"a<b": ReasonNameCharacter, "a>b": ReasonNameCharacter, "a|b": ReasonNameCharacter, "a/b": ReasonNameCharacter,
		"a.": ReasonNameTrailing, "a ": ReasonNameTrailing, "con": ReasonNameReserved, "NUL.txt": ReasonNameReserved, "Lpt1": ReasonNameReserved,
		"com¹": ReasonNameReserved, "aux .x": ReasonNameReserved,
	} {
		err := CheckName(name)
		e, _ := asError(err)
		switch {
		case want == "" && err != nil:
			t.Errorf("%q refused: %v", name, err)
		case want != "" && (e == nil || e.Reason != want || e.Kind != NameRefused):
			t.Errorf("%q: got %v, want %s", name, err, want)
		}
	}
}

func TestHidden(t *testing.T) {
	for name, want := range map[string]bool{
		"~$Liste.docx": true, "a.tmp": true, "A.TMP": true, ".DS_Store": true, "._Liste.csv": true, "Thumbs.db": true, "desktop.ini": true,
		".~lock.Liste.ods#": true, "A1B2C3D4": false, "Liste.csv": false, ".hidden": false, "tmp": false, ".~lock.x": false,
	} {
		if Hidden(name) != want {
			t.Errorf("%q: hidden is %v", name, !want)
		}
	}
}

func TestTwins(t *testing.T) {
	for _, pair := range [][2]string{{"Liste.csv", "LISTE.CSV"}, {"Ärzte.txt", "A\u0308rzte.txt"}, {"ÄRZTE", "ärzte"}, {"Straße", "STRASSE"}} {
		if NameKey(pair[0]) != NameKey(pair[1]) {
			t.Errorf("%q and %q are no twins", pair[0], pair[1])
		}
	}
	if NameKey("Liste1.csv") == NameKey("Liste2.csv") {
		t.Error("different names are twins")
	}
}

func FuzzParsePath(f *testing.F) {
	for _, s := range []string{"/an_KVBbg/Liste.csv", "/in/../out", "//a//b/", "/A\u0308", "/\xff/x", "/ / ", "/%2F"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p := ParsePath(s)
		if p.Fault() != nil {
			return
		}
		again := ParsePath(p.String())
		if again.String() != p.String() || again.Fault() != nil {
			t.Fatalf("%q: parsing is not stable: %q, %q", s, p, again)
		}
		for _, n := range p.Segments() {
			if !utf8.ValidString(n) || !norm.NFC.IsNormalString(n) || n == "" || n == "." || n == ".." || strings.Contains(n, "/") {
				t.Fatalf("%q: segment %q", s, n)
			}
		}
	})
}

func FuzzNameKey(f *testing.F) {
	f.Add("Straße")
	f.Add("A\u0308İ")
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			return
		}
		k := NameKey(s)
		if NameKey(norm.NFC.String(s)) != k || NameKey(norm.NFD.String(s)) != k {
			t.Fatalf("%q: the key depends on the normal form", s)
		}
	})
}

func TestCover(t *testing.T) {
	var r [][2]int64
	for _, x := range [][2]int64{{0, 10}, {20, 30}, {5, 15}, {15, 20}, {30, 30}} {
		r = cover(r, x[0], x[1])
	}
	if !covers(r, 30) || covers(r, 31) || len(r) != 1 {
		t.Fatalf("%v", r)
	}
	if covers(cover(nil, 1, 30), 30) {
		t.Fatal("a missing first byte is not seen")
	}
}
