// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"bytes"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"

	"postfach/mailbox"
	"postfach/scan/scantest"
)

func testdata(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Office files of LibreOffice, and PDFs with and without print restrictions:
// ordinary ones pass; clamd opens a PDF whose empty password opens it.
func TestOrdinaryDocuments(t *testing.T) {
	c := scantest.Start(t, scantest.Options{})
	g := green(t, Options{Address: address(t, c.Address)})
	for _, name := range []string{"writer.docx", "calc.xlsx", "writer.odt", "calc.ods", "writer.doc", "calc.xls",
		"writer.rtf", "plain.pdf", "printing-restricted.pdf"} {
		b := testdata(t, name)
		for _, content := range []mailbox.Content{memory(b), spool(t, b)} {
			if v, err := g.Scan(t.Context(), content); err != nil || v.Outcome != mailbox.Clean {
				t.Errorf("%s: %+v, %v", name, v, err)
			}
		}
	}
}

// scan.encrypted refuses or accepts archives and documents apart. Encrypted
// Office files, which clamd calls clean, count as encrypted too; at inner
// levels they are refused whatever the policy.
func TestEncryptedPolicy(t *testing.T) {
	const archive, document = mailbox.ReasonEncryptedArchive, mailbox.ReasonEncryptedDocument
	c := scantest.Start(t, scantest.Options{})
	w := newWorkshop(t, []byte("Inhalt"))
	locked := w.make("zip -qr -P geheim o.zip src && mv o.zip out")
	aes := w.make("7z a -bd -tzip -mem=AES256 -pgeheim o.zip src && mv o.zip out")
	seven := w.make("7z a -bd -pgeheim o.7z src && mv o.7z out")
	sevenNames := w.make("7z a -bd -pgeheim -mhe o.7z src && mv o.7z out")
	mixed := w.make("zip -qr o.zip src && zip -q -P geheim o.zip src/zufall.bin && mv o.zip out")
	wrapped := zipOf(ending{}, shape{name: "innen.zip", data: locked, plain: locked})
	odt := testdata(t, "encrypted.docx")
	for _, tc := range []struct {
		name    string
		content []byte
		want    mailbox.Reason
		opens   bool // with the policy that accepts it
	}{
		{"zip", locked, archive, true}, {"zip AES", aes, archive, true}, {"7z", seven, archive, true},
		{"7z with names", sevenNames, archive, true}, {"zip with readable members", mixed, archive, true},
		{"zip in zip", wrapped, archive, false},
		{"pdf", testdata(t, "encrypted.pdf"), document, true},
		{"docx", testdata(t, "encrypted.docx"), document, true}, {"doc", testdata(t, "encrypted.doc"), document, false},
		{"xls", testdata(t, "encrypted.xls"), document, false}, {"odt", testdata(t, "encrypted.odt"), document, true},
		{"docx in zip", zipOf(ending{}, shape{name: "a.docx", data: odt, plain: odt}), document, false},
	} {
		for _, accept := range []Encrypted{{}, {AcceptArchives: true}, {AcceptDocuments: true}} {
			g := accepting(t, c, accept)
			v, err := g.Scan(t.Context(), memory(tc.content))
			accepted := tc.opens && (tc.want == archive && accept.AcceptArchives || tc.want == document && accept.AcceptDocuments)
			switch {
			case err != nil:
				t.Errorf("%s, %+v: %v", tc.name, accept, err)
			case accepted && v.Outcome != mailbox.Clean:
				t.Errorf("%s, %+v: %+v, want it accepted", tc.name, accept, v)
			case !accepted && (v.Outcome != mailbox.Unjudgeable || v.Reason != tc.want):
				t.Errorf("%s, %+v: %+v, want %s", tc.name, accept, v, tc.want)
			}
		}
	}
}

// accepting is a gate with a policy, already green.
func accepting(t *testing.T, c *scantest.Clamd, e Encrypted) *Gate {
	g := newGate(t, Options{Address: address(t, c.Address), Encrypted: e})
	g.opt.Log = slog.New(slog.DiscardHandler)
	g.state.with(func(s *state) { s.problem = Problem{} })
	return g
}

// Accepting what is encrypted accepts nothing else: neither a virus beside it,
// nor what clamd cannot have read beside it and would report only after the
// encryption (measured: recursion and number of files).
func TestAcceptedEncryptionHidesNothing(t *testing.T) {
	c := scantest.Start(t, scantest.Options{Extra: []string{"MaxFiles 20"}})
	g := accepting(t, c, Encrypted{AcceptArchives: true, AcceptDocuments: true})
	w := newWorkshop(t, []byte("Inhalt"))
	locked := shape{name: "a.bin", flags: zipEncrypted, data: noise(100), plain: noise(88)}
	deep := shape{name: "tief.zip", data: nestedZip(), plain: nestedZip()}
	packed := shape{name: "virus.txt", method: 8, data: deflated(t, infected()), plain: infected()}
	zip64 := zipOf(ending{}, shape{method: 8, data: deflated(t, infected()), plain: infected(), version: 45,
		localPacked: is[uint32](0xffffffff), localExtra: zip64Extra(len(deflated(t, infected())))})
	many := []shape{locked}
	for i := range 40 {
		b := []byte(strings.Repeat("x", i+1))
		many = append(many, shape{name: strings.Repeat("n", i+1), data: b, plain: b})
	}
	seven := w.make("7z a -bd o.7z src/liste.csv && 7z a -bd -pgeheim o.7z src/zufall.bin && mv o.7z out")
	odt := testdata(t, "encrypted.odt")
	for _, tc := range []struct {
		name    string
		content []byte
		want    mailbox.Outcome
	}{
		{"only encrypted", zipOf(ending{}, locked), mailbox.Clean},
		{"virus beside", zipOf(ending{}, locked, packed), mailbox.Malicious},
		{"too deep beside", zipOf(ending{}, locked, deep), mailbox.Unjudgeable},
		{"unread beside", zipOf(ending{}, locked, shape{name: "u.zip", data: zip64, plain: zip64}), mailbox.Unjudgeable},
		{"too many beside", zipOf(ending{}, many...), mailbox.Unjudgeable},
		{"7z of both kinds", seven, mailbox.Unjudgeable},
		{"virus in an encrypted OpenDocument", addMember(t, odt, packed), mailbox.Malicious},
		{"too deep in an encrypted OpenDocument", addMember(t, odt, deep), mailbox.Unjudgeable},
		{"virus behind an encrypted PDF", slices.Concat(testdata(t, "encrypted.pdf"), scantest.EICAR()), mailbox.Malicious},
		{"encrypted zip attached to a document", slices.Concat([]byte("From: a@example.org\nSubject: x\n\n"), zipOf(ending{}, locked)), mailbox.Unjudgeable},
	} {
		v, err := g.Scan(t.Context(), memory(tc.content))
		if err != nil || v.Outcome != tc.want {
			t.Errorf("%s: %+v, %v", tc.name, v, err)
		}
	}
}

// addMember puts a member into a ZIP by way of its parts.
func addMember(t *testing.T, b []byte, s shape) []byte {
	t.Helper()
	src := source{ctx: t.Context(), r: bytes.NewReader(b), size: int64(len(b))}
	end, err := findZipEnd(src)
	if err != nil {
		t.Fatal(err)
	}
	d, bad, err := readZipEnd(src, end)
	if err != nil || bad != "" {
		t.Fatal(bad, err)
	}
	more := zipOf(ending{}, s)
	dir := len(more) - 22 - 46 - len(s.name)
	entry := slices.Clone(more[dir : len(more)-22])
	le32(entry[42:], uint32(d.start))
	out := slices.Concat(b[:d.start], more[:dir], b[d.start:d.end], entry)
	tail := slices.Clone(b[end:])
	n := uint16(d.entries) + 1
	tail[8], tail[9], tail[10], tail[11] = byte(n), byte(n>>8), byte(n), byte(n>>8)
	le32(tail[12:], uint32(int(d.end-d.start)+len(entry)))
	le32(tail[16:], uint32(int(d.start)+dir))
	return append(out, tail...)
}

func le32(b []byte, v uint32) { b[0], b[1], b[2], b[3] = byte(v), byte(v>>8), byte(v>>16), byte(v>>24) }
