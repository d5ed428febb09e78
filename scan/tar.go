// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"bytes"
	"io"
	"strconv"
	"strings"

	"postfach/mailbox"
)

const tarBlock = 512 // bytes

func isTar(head []byte) bool {
	return len(head) >= tarBlock && tarSum(head[:tarBlock])
}

// tarSum says whether a block is a header with a right checksum (POSIX ustar).
func tarSum(b []byte) bool {
	want, ok := octal(b[148:156])
	if !ok || want == 0 {
		return false
	}
	sum := int64(8 * ' ')
	for i, c := range b {
		if i < 148 || i >= 156 {
			sum += int64(c)
		}
	}
	return sum == want
}

func octal(b []byte) (int64, bool) {
	text := strings.Trim(string(b), " \x00")
	if text == "" {
		return 0, true
	}
	n, err := strconv.ParseInt(text, 8, 62)
	return n, err == nil && n >= 0
}

// checkTar walks the headers: clamd ends at the first block it does not
// understand, at a single empty block, and does not know the size records of
// pax (measured), where other unpackers go on.
func checkTar(s source) (finding, error) {
	var magic []byte
	for pos, n := int64(0), 0; pos < s.size; n++ {
		if n > maxMembers {
			return finding{reason: mailbox.ReasonScanLimits, detail: "tar with too many members"}, nil
		}
		b, err := s.at(pos, tarBlock)
		if err != nil {
			return finding{}, err
		}
		if len(bytes.Trim(b, "\x00")) == 0 {
			return checkEmpty(s, pos)
		}
		if !tarSum(b) {
			return disorderly("tar with something between its members"), nil
		}
		if magic == nil {
			magic = b[257:262]
		} else if !bytes.Equal(magic, b[257:262]) {
			return disorderly("tar of two dialects"), nil
		}
		size, ok := octal(b[124:136])
		if !ok {
			return disorderly("tar member with an odd size"), nil
		}
		if f, err := checkTarMember(s, b[156], pos+tarBlock, size); err != nil || f.reason != "" {
			return f, err
		}
		pos += tarBlock + (size+tarBlock-1)/tarBlock*tarBlock
	}
	// Without the empty blocks at the end: cut off, or a careless writer.
	return finding{}, nil
}

// checkTarMember examines one member by its type.
func checkTarMember(s source, kind byte, pos, size int64) (finding, error) {
	switch kind {
	case 0, '0', '7', 'K', 'L':
		return finding{}, nil
	case '1', '2', '3', '4', '5', '6':
		if size != 0 {
			return disorderly("tar link or folder with content"), nil
		}
		return finding{}, nil
	case 'x', 'g':
		if size > 1<<20 {
			return finding{reason: mailbox.ReasonScanLimits, detail: "tar with a huge pax header"}, nil
		}
		b, err := s.at(pos, size)
		if err != nil {
			return finding{}, err
		}
		if bytes.Contains(b, []byte(" size=")) || bytes.Contains(b, []byte(" GNU.sparse.")) {
			return unread("tar member with sizes elsewhere or holes"), nil
		}
		return finding{}, nil
	}
	return unread("tar member type"), nil
}

// checkEmpty wants nothing but zeros from pos on.
func checkEmpty(s source, pos int64) (finding, error) {
	r := s.section(pos, s.size)
	buf := make([]byte, 64<<10)
	for {
		n, err := r.Read(buf)
		for _, c := range buf[:n] {
			if c != 0 {
				return disorderly("tar with something behind its end"), nil
			}
		}
		if err == io.EOF {
			return finding{}, nil
		}
		if err != nil {
			return finding{}, err
		}
	}
}
