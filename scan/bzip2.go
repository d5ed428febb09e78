// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"bytes"
	"compress/flate"
	"errors"
)

func isCorrupt(err error) bool {
	_, ok := errors.AsType[flate.CorruptInputError](err)
	return ok
}

func isBzip2(head []byte) bool {
	return len(head) >= 4 && bytes.HasPrefix(head, []byte("BZh")) && head[3] >= '1' && head[3] <= '9'
}

func checkBzip2(s source) (finding, error) { return checkBzip2Range(s, 0, s.size) }

// bzip2End marks the end of a stream: 48 bits, then 32 of checksum, at any bit.
const (
	bzip2End     = 0x177245385090
	bzip2EndBits = 48
)

// checkBzip2Range looks for the end of the first stream: clamd stops there
// (measured), other unpackers read on. Nothing is unpacked; within compressed
// data the mark appears by chance once in 2^48 bits.
func checkBzip2Range(s source, from, to int64) (finding, error) {
	// Of the eight possible positions only those are compared whose third
	// byte fits.
	var fits [256]uint8
	for shift := range 8 {
		fits[byte(uint64(bzip2End)<<shift>>16)] |= 1 << shift
	}
	buf := make([]byte, 256<<10)
	var window uint64
	for off := from; off < to; {
		n := min(int64(len(buf)), to-off)
		if _, err := s.ReadAt(buf[:n], off); err != nil && off+n < s.size {
			return finding{}, err
		}
		for i, b := range buf[:n] {
			window = window<<8 | uint64(b)
			candidates := fits[byte(window>>16)]
			if candidates == 0 {
				continue
			}
			for shift := range 8 {
				if candidates&(1<<shift) != 0 && window>>shift&(1<<bzip2EndBits-1) == bzip2End {
					// The mark ends shift bits before the end of this byte.
					rest := int64(32-shift+7) / 8
					if off+int64(i)+1+rest != to {
						return disorderly("bzip2 with something behind its end"), nil
					}
					return finding{}, nil
				}
			}
		}
		off += n
	}
	return disorderly("bzip2 without an end"), nil
}
