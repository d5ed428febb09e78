// SPDX-License-Identifier: Apache-2.0

package letter

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

var kasse = Sender{Name: "Kommunaler Versorgungsverband Beispielland", Contact: "Telefon 0331 123456, service@kasse.example",
	Help: "https://austausch.kasse.example/hilfe"}

func letterTo(name, language string) Letter {
	day := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	return Letter{Language: language, Name: name, Address: []string{"Stadt Müsterhausen, Personalamt", "Ährenstraße 1a", "14467 Potsdam"},
		Mailbox: "0815 Stadt Müsterhausen", Link: "https://austausch.kasse.example/postfach/0815", Login: "jörg.groß",
		Password: "ACDE-FGH2-34LM-7NPQ", Date: day, Through: day.AddDate(0, 0, 30)}
}

// printed writes letters to a file.
func printed(t *testing.T, list bool, letters ...Letter) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, kasse, letters, list); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "briefe.pdf")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// poppler runs one of its programs and gives what it prints.
func poppler(t *testing.T, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skip("this test needs poppler-utils (apt-get install poppler-utils)")
	}
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// text is what stands on a page.
func pageText(t *testing.T, file string, page int, options ...string) string {
	t.Helper()
	n := strconv.Itoa(page)
	return poppler(t, "pdftotext", append(append([]string{"-f", n, "-l", n}, options...), file, "-")...)
}

// K7, K17: a page for each person with everything to sign in with, umlauts and
// all, in the person's language; and a list without passwords at the end.
func TestLetters(t *testing.T) {
	de, en := letterTo("Jörg Groß-Müßiggang", "de"), letterTo("Żaneta Ştefănescu", "en")
	en.Password = "WXY2-3456-789A-CDEF"
	file := printed(t, true, de, en)
	info := poppler(t, "pdfinfo", file)
	for _, w := range []string{"Pages:           3", "(A4)", "JavaScript:      no"} {
		if !strings.Contains(info, w) {
			t.Errorf("%q is missing in\n%s", w, info)
		}
	}
	german, english, list := pageText(t, file, 1), pageText(t, file, 2), pageText(t, file, 3)
	for _, w := range []string{kasse.Name, kasse.Contact, "Persönlich / Vertraulich", de.Name, "Ährenstraße 1a", "14467 Potsdam",
		"Guten Tag Jörg Groß-Müßiggang,", de.Mailbox, de.Link, de.Login, de.Password, "21. Dezember 2026", "mindestens 12 Zeichen",
		"Wie das geht, steht unter https://austausch.kasse.example/hilfe."} {
		if !strings.Contains(strings.Join(strings.Fields(german), " "), w) {
			t.Errorf("%q is missing in\n%s", w, german)
		}
	}
	for _, w := range []string{en.Name, en.Password, "explained at https://austausch.kasse.example/hilfe.", "21 December 2026", "Dear Żaneta Ştefănescu,", "Personal / Confidential"} {
		if !strings.Contains(strings.Join(strings.Fields(english), " "), w) {
			t.Errorf("%q is missing in\n%s", w, english)
		}
	}
	if !strings.Contains(list, "Kontrollliste – nicht versenden") || !strings.Contains(list, en.Name) || !strings.Contains(list, de.Login) {
		t.Errorf("list:\n%s", list)
	}
	if strings.Contains(list, de.Password) || strings.Contains(list, en.Password) || strings.Contains(german, en.Password) {
		t.Error("a password stands on a page of somebody else")
	}
}

// DIN 5008 form B: what the window of the envelope shows is the person with
// the address and no line of the letter, and nothing secret (K17).
func TestWindow(t *testing.T) {
	l := letterTo("Prof. Dr. Maximiliane-Alexandra Freifrau von Wolkenstein-Trostburg zu Sonnenberg", "de")
	l.Address = []string{"Versorgungsanstalt der Gemeinden und Landkreise, Abteilung 4", "Personalstelle", "Haus B, Zimmer 17", "Lindenallee 123", "14467 Potsdam"}
	file := printed(t, false, letterTo("Anna Beispiel", "de"), l)
	window := func(page int) string { // 20…105 by 45…90 mm
		mm := func(n float64) string { return strconv.Itoa(int(n / 25.4 * 72)) }
		return pageText(t, file, page, "-x", mm(20), "-y", mm(45), "-W", mm(85), "-H", mm(45))
	}
	want := []string{kasse.Name, "Persönlich / Vertraulich", "Anna Beispiel", "Stadt Müsterhausen, Personalamt", "Ährenstraße 1a", "14467 Potsdam"}
	if got := strings.Fields(window(1)); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("the window shows %q, want %q", got, want)
	}
	if got := strings.Join(strings.Fields(window(2)), " "); !strings.HasSuffix(got, "14467 Potsdam") || !strings.Contains(got, "zu Sonnenberg Versorgungsanstalt") {
		t.Errorf("the window shows %q", got)
	}
}

// The code for cameras is the link and nothing else, never the password.
func TestQRCode(t *testing.T) {
	if _, err := exec.LookPath("zbarimg"); err != nil {
		t.Skip("this test needs zbarimg (apt-get install zbar-tools)")
	}
	l := letterTo("Anna Beispiel", "de")
	base := filepath.Join(t.TempDir(), "seite")
	poppler(t, "pdftoppm", "-r", "150", "-png", "-singlefile", printed(t, false, l), base)
	out, err := exec.Command("zbarimg", "-q", "--raw", base+".png").Output()
	if got := strings.TrimSpace(string(out)); err != nil || got != l.Link {
		t.Errorf("the camera reads %q, %v", got, err)
	}
}

// Many letters stay one page each, and the list goes on over pages.
func TestManyLetters(t *testing.T) {
	var all []Letter
	for range 2*listRows + 1 {
		all = append(all, letterTo("Anna Beispiel", "de"))
	}
	info := poppler(t, "pdfinfo", printed(t, true, all...))
	if want := regexp.MustCompile(`Pages: +` + strconv.Itoa(len(all)+3) + `\n`); !want.MatchString(info) {
		t.Errorf("want %s in\n%s", want, info)
	}
}

// A character that the fonts have not is refused: a box is no name, and a
// login with a box is none at all.
func TestMissingGlyph(t *testing.T) {
	l := letterTo("Anna Beispiel", "de")
	l.Login = "安娜"
	err := Write(&bytes.Buffer{}, kasse, []Letter{l}, false)
	if g, ok := errors.AsType[*GlyphError](err); !ok || g.Missing != '安' || g.Login != l.Login {
		t.Errorf("%v", err)
	}
	for name, font := range map[string][]byte{"sans": sansTTF, "bold": boldTTF, "mono": monoTTF} {
		g, err := readGlyphs(font)
		if err != nil {
			t.Fatal(err)
		}
		if r, missing := g.missing("ÄÖÜäöüß„“–…ŁłŞşŘřĄąŐő0123456789€"); missing {
			t.Errorf("%s lacks %q", name, r)
		}
	}
	for i := range sansTTF[:2000] { // torn fonts do not panic
		_, _ = readGlyphs(sansTTF[:i])
	}
}
