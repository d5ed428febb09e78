// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"postfach/mailbox"
)

// finding is what the gate's own look at the outermost file says: why clamd
// cannot have read it all, or nothing. Inner levels are clamd's, helped by our
// own signatures (deploy/postfach.ndb).
type finding struct {
	reason mailbox.Reason // "" for an orderly file
	detail string         // for log, audit and tests: a few words in English

	// Of an encrypted upload that the policy accepts: whole says that nothing
	// but the encrypted content is in it; rest makes an archive of what is not
	// encrypted, which clamd must then call clean.
	whole bool
	rest  func() (io.Reader, int64)
	pdf   bool // clamd itself tells whether it could open the document
}

// signature names the finding like one of our signatures, for the audit record.
func (f finding) signature() string {
	return ownPrefix + "Gate." + strings.ReplaceAll(f.detail, " ", "-")
}

// encrypted says that the reason is one that a policy may accept.
func (f finding) encrypted() bool {
	return f.reason == mailbox.ReasonEncryptedArchive || f.reason == mailbox.ReasonEncryptedDocument
}

func disorderly(format string, args ...any) finding {
	return finding{reason: mailbox.ReasonArchiveStructure, detail: fmt.Sprintf(format, args...)}
}

func unread(detail string) finding {
	return finding{reason: mailbox.ReasonArchiveMethod, detail: detail}
}

// source is the file under examination. Reading past its end is not an error
// of the storage but a sign of a broken archive: short.
type source struct {
	ctx  context.Context
	r    io.ReaderAt
	size int64  // bytes
	mem  []byte // all of them where they are in memory, else nil
}

// errShort says that an archive refers to bytes that are not there.
var errShort = errors.New("the archive is cut off")

func (s source) ReadAt(b []byte, off int64) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.ReadAt(b, off)
}

// at gives n bytes from off, not to be changed; errShort where the file has
// fewer.
func (s source) at(off, n int64) ([]byte, error) {
	if off < 0 || n < 0 || off > s.size || n > s.size-off {
		return nil, errShort
	}
	if s.mem != nil {
		return s.mem[off : off+n : off+n], s.ctx.Err()
	}
	b := make([]byte, n)
	if _, err := s.ReadAt(b, off); err != nil && !(err == io.EOF) {
		return nil, err
	}
	return b, nil
}

// upTo reads at most n bytes from off.
func (s source) upTo(off, n int64) ([]byte, error) {
	if off > s.size {
		off = s.size
	}
	return s.at(off, min(n, s.size-off))
}

// section is the bytes from off to end, for sequential reading.
func (s source) section(off, end int64) *io.SectionReader {
	return io.NewSectionReader(s, off, end-off)
}

// form is a kind of file whose structure the gate reads.
type form struct {
	name  string
	is    func(head []byte) bool
	check func(source) (finding, error)
}

func begins(magic string) func([]byte) bool {
	return func(head []byte) bool { return bytes.HasPrefix(head, []byte(magic)) }
}

func forms() []form {
	return []form{
		{"gzip", begins("\x1f\x8b"), checkGzip},
		{"bzip2", isBzip2, checkBzip2},
		{"xz", begins("\xfd7zXZ\x00"), checkXz},
		{"7z", begins("7z\xbc\xaf\x27\x1c"), checkSevenZip},
		{"tar", isTar, checkTar},
		{"ole", begins("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), checkOLE},
		{"lzma", isLZMA, func(source) (finding, error) { return unread("lzma"), nil }},
	}
}

// headSize is how much of a file's beginning decides what it is, in bytes.
const headSize = 4096

// inspect looks at the outermost file. The error is the storage's or ctx's.
func inspect(ctx context.Context, r io.ReaderAt, size int64) (finding, error) {
	s := source{ctx: ctx, r: r, size: size}
	if held, ok := r.(interface{ Bytes() []byte }); ok && int64(len(held.Bytes())) == size {
		s.mem = held.Bytes()
	}
	head, err := s.upTo(0, headSize)
	if err != nil {
		return finding{}, err
	}
	if name := unreadForm(head); name != "" {
		return unread(name), nil
	}
	if f, done, err := checkZip(s, head); done || err != nil {
		return settle(f, err, "zip")
	}
	for _, form := range forms() {
		if form.is(head) {
			f, err := form.check(s)
			return settle(f, err, form.name)
		}
	}
	if bytes.HasPrefix(head, []byte("MZ")) {
		return settleSelfExtractor(s)
	}
	if i := bytes.Index(head[:min(len(head), 1024)], []byte("%PDF-")); i >= 0 {
		// clamd opens a PDF whose empty password opens it (print restrictions
		// only) and reports the others (measured), so nothing is to be found
		// here; but the policy may accept the document as a whole.
		return finding{pdf: true}, nil
	}
	return finding{}, nil
}

// settle makes a cut-off archive a finding.
func settle(f finding, err error, name string) (finding, error) {
	if errors.Is(err, errShort) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return disorderly("%s cut off", name), nil
	}
	return f, err
}

// unreadForm names archive formats that clamd 1.4 does not unpack (measured,
// docs/scanner.md); "" for all others. RAR is among them because Debian's clamd
// comes without the unpacker for it.
func unreadForm(head []byte) string {
	for _, f := range []struct{ name, magic string }{
		{"rar", "Rar!\x1a\x07"},
		{"zstd", "\x28\xb5\x2f\xfd"},
		{"lz4", "\x04\x22\x4d\x18"},
		{"lz4", "\x02\x21\x4c\x18"},
		{"lzip", "LZIP"},
		{"lzop", "\x89LZO\x00\r\n\x1a\n"},
		{"lrzip", "LRZI"},
		{"compress", "\x1f\x9d"},
		{"pack", "\x1f\x1e"},
		{"compress-h", "\x1f\xa0"},
		{"wim", "MSWIM\x00\x00\x00"},
		{"vhdx", "vhdxfile"},
		{"qcow", "QFI\xfb"},
		{"vmdk", "KDMV"},
		{"pst", "!BDN"},
		{"squashfs", "hsqs"},
		{"stuffit", "StuffIt "},
		{"stuffit", "SIT!"},
	} {
		if bytes.HasPrefix(head, []byte(f.magic)) {
			return f.name
		}
	}
	if len(head) >= 16 && head[0]&0xf0 == 0x50 && bytes.Equal(head[1:4], []byte("\x2a\x4d\x18")) {
		return "zstd" // a skippable frame first
	}
	if len(head) >= 7 && head[2] == '-' && head[3] == 'l' && (head[4] == 'h' || head[4] == 'z') && head[6] == '-' {
		return "lha"
	}
	if len(head) >= 14 && bytes.Equal(head[7:14], []byte("**ACE**")) {
		return "ace"
	}
	if len(head) >= 24 && bytes.Equal(head[20:24], []byte("\xdc\xa7\xc4\xfd")) {
		return "zoo"
	}
	return ""
}

// selfExtractorReach is how far a RAR may begin behind the program in front of
// it, in bytes.
const selfExtractorReach = 4 << 20

// settleSelfExtractor refuses a program with a RAR behind it; ZIP and 7z there
// are read by clamd (measured) and a ZIP has been examined by now.
func settleSelfExtractor(s source) (finding, error) {
	b, err := s.upTo(0, selfExtractorReach)
	if err != nil {
		return finding{}, err
	}
	if bytes.Contains(b, []byte("Rar!\x1a\x07\x00")) || bytes.Contains(b, []byte("Rar!\x1a\x07\x01\x00")) {
		return unread("rar"), nil
	}
	return finding{}, nil
}
