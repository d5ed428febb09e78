// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"

	"postfach/mailbox"
)

// maxXzIndex bounds an index that is read into memory, in bytes.
const maxXzIndex = 16 << 20

// checkXz follows the streams of an .xz file (format 1.2) from its end to its
// beginning: every byte must belong to a stream or to padding, and every block
// use filters that clamd knows. Nothing is unpacked.
func checkXz(s source) (finding, error) {
	end := s.size
	for end > 0 {
		b, err := s.at(end-4, 4)
		if err != nil {
			return finding{}, err
		}
		if bytes.Equal(b, []byte{0, 0, 0, 0}) { // stream padding, section 2.2
			if end == 4 {
				return disorderly("xz broken"), nil
			}
			end -= 4
			continue
		}
		start, f, err := checkXzStream(s, end)
		if err != nil || f.reason != "" {
			return f, err
		}
		end = start
	}
	return finding{}, nil
}

// checkXzStream examines the stream that ends at end and gives its beginning.
func checkXzStream(s source, end int64) (start int64, f finding, err error) {
	footer, err := s.at(end-12, 12) // section 2.1.2
	if err != nil {
		return 0, finding{}, err
	}
	if !bytes.HasSuffix(footer, []byte("YZ")) || crc32.ChecksumIEEE(footer[4:10]) != binary.LittleEndian.Uint32(footer) {
		return 0, disorderly("xz with something behind it"), nil
	}
	size := (int64(binary.LittleEndian.Uint32(footer[4:])) + 1) * 4
	if size > maxXzIndex {
		return 0, finding{reason: mailbox.ReasonScanLimits, detail: "xz with a huge index"}, nil
	}
	index, err := s.at(end-12-size, size)
	if err != nil {
		return 0, finding{}, err
	}
	blocks, total, ok := parseXzIndex(index)
	if !ok || total > end-12-size-12 {
		return 0, disorderly("xz broken"), nil
	}
	start = end - 12 - size - total - 12
	header, err := s.at(start, 12) // section 2.1.1
	if err != nil {
		return 0, finding{}, err
	}
	if !bytes.HasPrefix(header, []byte("\xfd7zXZ\x00")) || !bytes.Equal(header[6:8], footer[8:10]) ||
		crc32.ChecksumIEEE(header[6:8]) != binary.LittleEndian.Uint32(header[8:]) {
		return 0, disorderly("xz broken"), nil
	}
	pos := start + 12
	for _, n := range blocks {
		if f, err := checkXzBlock(s, pos); err != nil || f.reason != "" {
			return 0, f, err
		}
		pos += n
	}
	return start, finding{}, nil
}

// parseXzIndex reads the index (section 4): the padded sizes of the blocks.
func parseXzIndex(b []byte) (blocks []int64, total int64, ok bool) {
	if len(b) < 8 || b[0] != 0 || crc32.ChecksumIEEE(b[:len(b)-4]) != binary.LittleEndian.Uint32(b[len(b)-4:]) {
		return nil, 0, false
	}
	rest := b[1 : len(b)-4]
	count, rest, ok := xzNumber(rest)
	if !ok || count > uint64(len(b)) {
		return nil, 0, false
	}
	blocks = make([]int64, 0, count)
	for range count {
		var unpadded uint64
		if unpadded, rest, ok = xzNumber(rest); !ok || unpadded < 5 || unpadded > 1<<40 {
			return nil, 0, false
		}
		if _, rest, ok = xzNumber(rest); !ok {
			return nil, 0, false
		}
		n := (int64(unpadded) + 3) &^ 3
		blocks, total = append(blocks, n), total+n
	}
	return blocks, total, len(rest) < 4 && len(bytes.Trim(rest, "\x00")) == 0
}

// checkXzBlock reads a block header (section 3.1): LZMA2 behind delta and the
// branch filters is what clamd unpacks (measured); ARM64 and RISC-V are newer.
func checkXzBlock(s source, pos int64) (finding, error) {
	n, err := s.at(pos, 1)
	if err != nil {
		return finding{}, err
	}
	size := (int64(n[0]) + 1) * 4
	if n[0] == 0 {
		return disorderly("xz broken"), nil
	}
	b, err := s.at(pos, size)
	if err != nil {
		return finding{}, err
	}
	if crc32.ChecksumIEEE(b[:size-4]) != binary.LittleEndian.Uint32(b[size-4:]) {
		return disorderly("xz broken"), nil
	}
	flags, rest := b[1], b[2:size-4]
	ok := true
	for _, bit := range []byte{0x40, 0x80} { // packed and unpacked size
		if flags&bit != 0 && ok {
			_, rest, ok = xzNumber(rest)
		}
	}
	for range int(flags&3) + 1 {
		var id, props uint64
		if ok {
			id, rest, ok = xzNumber(rest)
		}
		if ok {
			props, rest, ok = xzNumber(rest)
		}
		if !ok || props > uint64(len(rest)) {
			return disorderly("xz broken"), nil
		}
		rest = rest[props:]
		if id != 0x21 && (id < 3 || id > 9) {
			return unread("xz filter"), nil
		}
	}
	return finding{}, nil
}

// xzNumber reads a multibyte integer (section 1.2).
func xzNumber(b []byte) (uint64, []byte, bool) {
	v, n := binary.Uvarint(b)
	if n <= 0 || n > 9 || n > 1 && b[n-1] == 0 {
		return 0, nil, false
	}
	return v, b[n:], true
}
