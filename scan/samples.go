// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"hash/crc32"
	"io"
	"strconv"
	"strings"
)

// The contents of the self-test, made at run time from parts so that no scanner
// finds them in this file.

// testFile is EICAR's.
func testFile() []byte {
	return []byte(`X5O!P%@AP[4\PZX54(P^)7CC)7}` + "$EICAR-" + "STANDARD-" + "ANTIVIRUS-" + `TEST-FILE!$H+H*`)
}

// marker is what the signature Postfach.Probe in deploy/postfach.ndb finds,
// wherever in a file it stands.
func marker() string {
	return "postfach-" + "probe:" + "7c1f0b5e-" + "93d2-4a66-" + "8e0d-" + "2f9a41c6b7d8"
}

// zipMember is a member of a hand-made ZIP.
type zipMember struct {
	name     string
	method   uint16 // 0 stored, 8 deflated
	flags    uint16
	crc      uint32
	packed   []byte
	unpacked uint32 // size in bytes
}

func storedMember(name string, content []byte) zipMember {
	return zipMember{name: name, crc: crc32.ChecksumIEEE(content), packed: content, unpacked: uint32(len(content))}
}

// writeZip writes an archive of members without zip64 (PKWARE APPNOTE 4.3).
func writeZip(members ...zipMember) []byte {
	var out, directory bytes.Buffer
	for _, m := range members {
		offset := uint32(out.Len())
		common := binary.LittleEndian.AppendUint16(nil, 20)
		common = binary.LittleEndian.AppendUint16(common, m.flags)
		common = binary.LittleEndian.AppendUint16(common, m.method)
		common = binary.LittleEndian.AppendUint32(common, 0x5c210000) // 2026-01-01
		common = binary.LittleEndian.AppendUint32(common, m.crc)
		common = binary.LittleEndian.AppendUint32(common, uint32(len(m.packed)))
		common = binary.LittleEndian.AppendUint32(common, m.unpacked)
		common = binary.LittleEndian.AppendUint16(common, uint16(len(m.name)))
		common = binary.LittleEndian.AppendUint16(common, 0)
		out.WriteString("PK\x03\x04")
		out.Write(common)
		out.WriteString(m.name)
		out.Write(m.packed)
		directory.WriteString("PK\x01\x02\x14\x00")
		directory.Write(common)
		directory.Write(make([]byte, 10)) // comment, disk, attributes
		directory.Write(binary.LittleEndian.AppendUint32(nil, offset))
		directory.WriteString(m.name)
	}
	end := append([]byte("PK\x05\x06"), 0, 0, 0, 0)
	end = binary.LittleEndian.AppendUint16(end, uint16(len(members)))
	end = binary.LittleEndian.AppendUint16(end, uint16(len(members)))
	end = binary.LittleEndian.AppendUint32(end, uint32(directory.Len()))
	end = binary.LittleEndian.AppendUint32(end, uint32(out.Len()))
	end = append(end, 0, 0)
	out.Write(directory.Bytes())
	out.Write(end)
	return out.Bytes()
}

// encryptedZip holds one member that the flags call encrypted.
func encryptedZip() []byte {
	m := storedMember("probe.txt", []byte("twelve bytes of noise, and then more noise"))
	m.flags = 1
	return writeZip(m)
}

// nestedZip is deeper than any clamd goes: its MaxRecursion ends at 100.
func nestedZip() []byte {
	b := []byte("bottom")
	for range 120 {
		b = writeZip(storedMember("z.zip", b))
	}
	return b
}

// hugeMember is a ZIP of two megabytes with one member of zeros just over
// 2 GiB, more than any clamd looks at.
func hugeMember() []byte {
	const block, blocks = 1 << 20, 2049
	zeros := make([]byte, block)
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestCompression)
	if err != nil {
		panic(err) // the level is a constant
	}
	w.Write(zeros) // into memory: cannot fail
	w.Flush()
	// A flushed block ends on a whole byte and refers to nothing before it.
	data := bytes.Repeat(packed.Bytes(), blocks)
	data = append(data, 0x03, 0x00) // an empty last block
	sum := crc32.NewIEEE()
	for range blocks {
		sum.Write(zeros)
	}
	return writeZip(zipMember{
		name: "zeros", method: 8, crc: sum.Sum32(), packed: data, unpacked: block * blocks,
	})
}

// encryptedPDFSample is a document whose empty user password does not open it.
func encryptedPDFSample() []byte {
	var b bytes.Buffer
	var offsets []int
	object := func(s string) {
		offsets = append(offsets, b.Len())
		b.WriteString(strconv.Itoa(len(offsets)) + " 0 obj\n" + s + "\nendobj\n")
	}
	b.WriteString("%PDF-1.4\n")
	object("<< /Type /Catalog /Pages 2 0 R >>")
	object("<< /Type /Pages /Kids [3 0 R] /Count 1 >>")
	object("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 72 72] /Contents 4 0 R >>")
	object("<< /Length 16 >>\nstream\n0123456789abcdef\nendstream")
	noise := "<" + strings.Repeat("30313233343536373839616263646566", 2) + ">" // 32 bytes
	object("<< /Filter /Standard /V 1 /R 2 /O " + noise + " /U " + noise + " /P -44 >>")
	start := b.Len()
	b.WriteString("xref\n0 6\n0000000000 65535 f \n")
	for _, o := range offsets {
		s := strconv.Itoa(o)
		b.WriteString("0000000000"[len(s):] + s + " 00000 n \n")
	}
	id := "<30313233343536373839616263646566>"
	b.WriteString("trailer << /Size 6 /Root 1 0 R /Encrypt 5 0 R /ID [" + id + id + "] >>\nstartxref\n" + strconv.Itoa(start) + "\n%%EOF\n")
	return b.Bytes()
}

// endMarked is size bytes: zeros with text at the end.
func endMarked(size int64, text string) io.Reader {
	return io.MultiReader(io.LimitReader(zeroReader{}, size-int64(len(text))), bytes.NewReader([]byte(text)))
}

type zeroReader struct{}

func (zeroReader) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}
