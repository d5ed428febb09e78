// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"bytes"
	"compress/bzip2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"postfach/mailbox"
	"postfach/scan/scantest"
)

// workshop is a folder with ordinary files, in which tools make archives.
type workshop struct {
	t   *testing.T
	dir string
}

func newWorkshop(t *testing.T, secret []byte) workshop {
	t.Helper()
	dir := t.TempDir()
	files := map[string][]byte{
		"src/liste.csv":           bytes.Repeat([]byte("0815;Stadt Musterhausen;1234,56\r\n"), 300),
		"src/Ordner ä/notiz.txt":  []byte("Hallo\n"),
		"src/leer.txt":            nil,
		"src/zufall.bin":          noise(70_000),
		"src/Ordner ä/inhalt.txt": secret,
	}
	for name, b := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return workshop{t, dir}
}

// make runs a shell line in the folder and gives the file it made.
func (w workshop) make(line string) []byte {
	w.t.Helper()
	cmd := exec.Command("/bin/sh", "-c", "rm -f o.* s.zip; "+line)
	cmd.Dir = w.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		w.t.Fatalf("%s: %v\n%s", line, err, out)
	}
	name := filepath.Join(w.dir, "out")
	b, err := os.ReadFile(name)
	if err != nil {
		w.t.Fatalf("%s: %v", line, err)
	}
	os.Remove(name)
	return b
}

// toolLines make an ordinary archive named out of the folder src. The first
// word that is a tool must be installed; java and python3 may be missing.
var toolLines = []string{
	"zip -qr o.zip src && mv o.zip out",
	"zip -q0r o.zip src && mv o.zip out",
	"zip -qr -Z bzip2 o.zip src && mv o.zip out",
	"zip -qr - src > out", // streaming, with data descriptors
	"zip -qr o.zip src && zip -q o.zip src/liste.csv && mv o.zip out",
	"zip -qr o.zip src && zip -qd o.zip src/leer.txt && mv o.zip out",
	"zip -qr o.zip src && cat /bin/ls o.zip > out", // self-extractor
	"zip -qr o.zip src && cat /bin/ls o.zip > s.zip && zip -qA s.zip && mv s.zip out",
	"7z a -bd -tzip o.zip src && mv o.zip out",
	"7z a -bd -tzip -mm=Deflate64 o.zip src && mv o.zip out",
	"7z a -bd o.7z src && mv o.7z out",
	"7z a -bd -mx9 -ms=off o.7z src && mv o.7z out",
	"7z a -bd -m0=PPMd o.7z src && mv o.7z out",
	"7z a -bd -m0=LZMA -mhc=off o.7z src && mv o.7z out",
	"7z a -bd -m0=BCJ -m1=LZMA2 o.7z src && mv o.7z out",
	"7z a -bd -m0=BCJ2 -m1=LZMA:d23 -m2=LZMA:d19 -m3=LZMA:d19 -mb0:1 -mb0s1:2 -mb0s2:3 o.7z src && mv o.7z out",
	"7z a -bd -m0=Copy o.7z src && mv o.7z out",
	"tar cf out src", "tar cf out --format=v7 src", "tar cf out --format=pax src", "tar cf out --format=ustar src",
	"tar czf out src", "tar cjf out src", "tar cJf out src",
	"gzip -c src/liste.csv 'src/Ordner ä/inhalt.txt' > out",
	"xz -c src/liste.csv 'src/Ordner ä/inhalt.txt' > out",
	"cat src/*.csv 'src/Ordner ä/inhalt.txt' | xz -T2 --block-size=4096 > out",
	"cat src/*.csv 'src/Ordner ä/inhalt.txt' | xz --delta --lzma2 > out",
	"bzip2 -c 'src/Ordner ä/inhalt.txt' > out",
	"?jar cf out src", "?jar cf0 out src",
	"?python3 -c \"import shutil; shutil.make_archive('o', 'zip', 'src')\" && mv o.zip out",
	"?bsdtar --format zip -cf out src", "?bsdtar --format 7zip -cf out src",
}

// The corpus of ordinary archives made by the real tools: all of them pass when
// clean, and the test signature in one of their members is found.
func TestOrdinaryArchives(t *testing.T) {
	c := scantest.Start(t, scantest.Options{})
	g := green(t, Options{Address: address(t, c.Address)})
	clean := newWorkshop(t, bytes.ReplaceAll(infected(), scantest.EICAR(), []byte("harmlos")))
	bad := newWorkshop(t, infected())
	for _, line := range toolLines {
		line, optional := strings.CutPrefix(line, "?")
		if _, err := exec.LookPath(strings.Fields(line)[0]); err != nil && optional {
			t.Logf("not installed: %s", line)
			continue
		}
		for _, tc := range []struct {
			w    workshop
			want mailbox.Outcome
		}{{clean, mailbox.Clean}, {bad, mailbox.Malicious}} {
			v, err := g.Scan(t.Context(), memory(tc.w.make(line)))
			if err != nil || v.Outcome != tc.want {
				t.Errorf("%s: %+v, %v, want outcome %d", line, v, err, tc.want)
			}
		}
	}
}

// What tools make that clamd does not read is refused: never clean.
func TestUnreadArchives(t *testing.T) {
	w := newWorkshop(t, infected())
	clean := "gzip -c src/liste.csv | gzip -dc | "
	var classes []class
	for _, tc := range []struct {
		line string
		want mailbox.Reason
	}{
		{"7z a -bd -tzip -mm=LZMA o.zip src && mv o.zip out", mailbox.ReasonArchiveMethod},
		{"7z a -bd -tzip -mm=PPMd o.zip src && mv o.zip out", mailbox.ReasonArchiveMethod},
		{"7z a -bd -m0=BZip2 o.7z src && mv o.7z out", mailbox.ReasonArchiveMethod},
		{"7z a -bd -m0=Deflate o.7z src && mv o.7z out", mailbox.ReasonArchiveMethod},
		{"7z a -bd -m0=Delta:4 -m1=LZMA o.7z src && mv o.7z out", mailbox.ReasonArchiveMethod},
		{"7z a -bd -m0=PPC -m1=LZMA o.7z src && mv o.7z out", mailbox.ReasonArchiveMethod},
		{"7z a -bd -m0=LZMA -m1=LZMA o.7z src && mv o.7z out", mailbox.ReasonArchiveMethod},
		{"7z a -bd o.7z src && (cat o.7z; echo mehr) > out", mailbox.ReasonArchiveStructure},
		{"7z a -bd -v2k o.7z src && mv o.7z.001 out", mailbox.ReasonArchiveStructure},
		{"xz --format=lzma -c 'src/Ordner ä/inhalt.txt' > out", mailbox.ReasonArchiveMethod},
		{clean + "bzip2 > out && bzip2 -c 'src/Ordner ä/inhalt.txt' >> out", mailbox.ReasonArchiveStructure},
		{clean + "xz > out && echo mehr >> out", mailbox.ReasonArchiveStructure},
		{"xz -c 'src/Ordner ä/inhalt.txt' | head -c -20 > out", mailbox.ReasonArchiveStructure},
		{"zip -qr -s 64k o.zip src && mv o.zip out", mailbox.ReasonArchiveStructure},
		{"zip -qr -fz o.zip src && mv o.zip out", mailbox.ReasonArchiveStructure},
		{"cat src/*.csv | zip -q o.zip - && mv o.zip out", mailbox.ReasonArchiveStructure},
	} {
		classes = append(classes, class{tc.line, w.make(tc.line), tc.want})
	}
	inner := w.make("bzip2 -c src/liste.csv > out && bzip2 -c 'src/Ordner ä/inhalt.txt' >> out")
	classes = append(classes, class{"zip with a bzip2 member of two streams",
		zipOf(ending{}, shape{method: 12, data: inner, plain: unbzip2(t, inner)}), mailbox.ReasonArchiveStructure})
	judgeClasses(t, classes)
}

func unbzip2(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	if _, err := out.ReadFrom(bzip2.NewReader(bytes.NewReader(b))); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// A second bzip2 stream is found at each of the eight positions that the end of
// the first can have within a byte, and over the borders of the gate's buffer.
func TestBzip2EndAtEveryBit(t *testing.T) {
	w := newWorkshop(t, nil)
	seen := map[bool]int{}
	for n := range 24 {
		text := strings.Repeat("x", n*n)
		b := w.make("printf '" + text + "' | bzip2 > out")
		f, err := inspect(t.Context(), memory(b), int64(len(b)))
		two := slices.Concat(b, b)
		f2, err2 := inspect(t.Context(), memory(two), int64(len(two)))
		if err != nil || err2 != nil || f.reason != "" || f2.reason != mailbox.ReasonArchiveStructure {
			t.Errorf("%d bytes: %+v, %v; twice: %+v, %v", len(text), f, err, f2, err2)
		}
		seen[b[len(b)-1] == 0]++
	}
	if len(seen) != 2 {
		t.Errorf("all streams end alike: %v", seen)
	}
	if err := os.WriteFile(filepath.Join(w.dir, "viel.bin"), noise(600_000), 0o600); err != nil {
		t.Fatal(err)
	}
	big := w.make("bzip2 -c viel.bin > out") // over two buffers
	for _, more := range []string{"", "y"} {
		b := append(slices.Clone(big), more...)
		f, err := inspect(t.Context(), memory(b), int64(len(b)))
		if err != nil || (f.reason == "") != (more == "") {
			t.Errorf("large, with %q behind it: %+v, %v", more, f, err)
		}
	}
}

// Our LZMA decoder agrees with xz's.
func TestDecodeLZMA(t *testing.T) {
	w := newWorkshop(t, infected())
	for _, file := range []string{"'src/Ordner ä/inhalt.txt'", "src/liste.csv", "src/zufall.bin", "/bin/ls", "'src/Ordner ä/notiz.txt'"} {
		packed := w.make("xz --format=lzma -c " + file + " > out")
		plain := w.make("cat " + file + " > out")
		got, err := decodeLZMA(packed[13:], packed[:5], len(plain))
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%s: %d of %d bytes, %v", file, len(got), len(plain), err)
		}
		if !isLZMA(packed) {
			t.Errorf("%s is not recognised", file)
		}
	}
}
