// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"hash/maphash"
	"io"
	"slices"

	"postfach/mailbox"
)

// Sizes of the fixed parts of ZIP records in bytes (PKWARE APPNOTE 4.3).
const (
	zipEndSize     = 22
	zip64EndSize   = 56
	zip64LocSize   = 20
	zipLocalSize   = 30
	zipCentralSize = 46
	zipMaxComment  = 65535
)

// maxMembers bounds the directory that the gate reads; clamd's MaxFiles ends
// far below it.
const maxMembers = 200_000

const (
	zipEncrypted  = 1 << 0
	zipDescriptor = 1 << 3
	zipPatched    = 1 << 5
	zipStrong     = 1 << 6
	zipMasked     = 1 << 13
	zipFlags      = zipEncrypted | zipDescriptor | zipPatched | zipStrong | zipMasked // must agree
)

// zipDirectory is where the archive's parts lie in the file, in bytes.
type zipDirectory struct {
	start, end int64 // of the central directory
	shift      int64 // bytes in front that the archive's offsets do not count
	entries    int64
}

// zipEntry is a member as the central directory has it.
type zipEntry struct {
	header        int64 // of the local header, in the file
	packed, plain int64 // bytes
	crc           uint32
	method, flags uint16
	name          uint64 // hash
	length        int    // of the name
	record        []byte // only when rest needs it: the entry itself
}

// checkZip examines a file that is a ZIP or ends as one. done is false when it
// is none.
func checkZip(s source, head []byte) (f finding, done bool, err error) {
	first := bytes.HasPrefix(head, []byte("PK\x03\x04")) || bytes.HasPrefix(head, []byte("PK\x05\x06")) ||
		bytes.HasPrefix(head, []byte("PK\x07\x08PK")) || bytes.HasPrefix(head, []byte("PK00PK"))
	end, err := findZipEnd(s)
	if err != nil {
		return finding{}, true, err
	}
	if end < 0 {
		if first {
			return disorderly("zip without an end at its end"), true, nil
		}
		return finding{}, false, nil
	}
	d, bad, err := readZipEnd(s, end)
	if err != nil || bad != "" {
		return disorderly("zip %s", bad), true, err
	}
	w := &zipWalk{s: s, d: d, program: executable(head), seed: maphash.MakeSeed()}
	f, err = w.walk()
	return f, true, err
}

// executable says whether an archive may follow: an ordinary self-extractor.
func executable(head []byte) bool {
	return bytes.HasPrefix(head, []byte("MZ")) || bytes.HasPrefix(head, []byte("\x7fELF")) ||
		bytes.HasPrefix(head, []byte("#!"))
}

// findZipEnd gives the position of the end record whose comment ends with the
// file, -1 if there is none.
func findZipEnd(s source) (int64, error) {
	from := max(0, s.size-zipEndSize-zipMaxComment)
	tail, err := s.at(from, s.size-from)
	if err != nil {
		return 0, err
	}
	signature := []byte("PK\x05\x06")
	if !bytes.Contains(tail, signature) { // forwards is many times faster, and most uploads are no archive
		return -1, nil
	}
	for i := len(tail); ; {
		i = bytes.LastIndex(tail[:i], signature)
		if i < 0 {
			return -1, nil
		}
		if len(tail)-i >= zipEndSize && int(binary.LittleEndian.Uint16(tail[i+20:])) == len(tail)-i-zipEndSize {
			return from + int64(i), nil
		}
	}
}

// readZipEnd reads the end record and, where there is one, the zip64 record.
// bad names what is wrong.
func readZipEnd(s source, end int64) (d zipDirectory, bad string, err error) {
	b, err := s.at(end, zipEndSize)
	if err != nil {
		return d, "", err
	}
	u16, u32 := binary.LittleEndian.Uint16, binary.LittleEndian.Uint32
	d.entries, d.end = int64(u16(b[10:])), end
	size, offset := int64(u32(b[12:])), int64(u32(b[16:]))
	if u16(b[4:]) != 0 || u16(b[6:]) != 0 || u16(b[8:]) != u16(b[10:]) {
		return d, "in several parts", nil
	}
	if loc, err := s.at(end-zip64LocSize, zip64LocSize); err == nil && bytes.HasPrefix(loc, []byte("PK\x06\x07")) {
		d.end = end - zip64LocSize - zip64EndSize
		z, err := s.at(d.end, zip64EndSize)
		if err != nil {
			return d, "", err
		}
		u64 := binary.LittleEndian.Uint64
		if !bytes.HasPrefix(z, []byte("PK\x06\x06")) || u64(z[4:]) != zip64EndSize-12 ||
			u32(loc[4:]) != 0 || u32(loc[16:]) != 1 || u32(z[16:]) != 0 || u32(z[20:]) != 0 || u64(z[24:]) != u64(z[32:]) {
			return d, "with an odd zip64 end", nil
		}
		if u64(z[32:]) > maxMembers || u64(z[40:]) > uint64(s.size) || u64(z[48:]) > uint64(s.size) {
			return d, "with a zip64 end beyond the file", nil
		}
		agrees := func(short, long, all int64) bool { return short == long || short == all }
		if !agrees(d.entries, int64(u64(z[32:])), 0xffff) || !agrees(size, int64(u64(z[40:])), 0xffffffff) ||
			!agrees(offset, int64(u64(z[48:])), 0xffffffff) {
			return d, "with two ends that disagree", nil
		}
		d.entries, size, offset = int64(u64(z[32:])), int64(u64(z[40:])), int64(u64(z[48:]))
	}
	d.start = d.end - size
	d.shift = d.start - offset
	if d.start < 0 || d.shift < 0 {
		return d, "with a directory beyond the file", nil
	}
	return d, "", nil
}

// zipWalk compares directory and local headers.
type zipWalk struct {
	s       source
	d       zipDirectory
	program bool // a program may stand in front
	seed    maphash.Seed
	odf     zipEntry // META-INF/manifest.xml; its method tells whether it is there
	hasODF  bool
}

func (w *zipWalk) walk() (finding, error) {
	entries, f, err := w.readDirectory(false)
	if err != nil || f.reason != "" {
		return f, err
	}
	slices.SortFunc(entries, func(a, b zipEntry) int { return cmp.Compare(a.header, b.header) })
	pos := w.d.start
	if len(entries) > 0 {
		pos = entries[0].header
	}
	if pos > 0 && !w.program {
		return disorderly("zip behind something else"), nil
	}
	if pos < 0 {
		return disorderly("zip member in front of the file"), nil
	}
	for i, e := range entries {
		if e.header != pos {
			return disorderly("zip with gaps or overlaps"), nil
		}
		next := w.d.start
		if i+1 < len(entries) {
			next = entries[i+1].header
		}
		if next <= e.header {
			return disorderly("zip with gaps or overlaps"), nil
		}
		if f, err := w.checkMember(e, next); err != nil || f.reason != "" {
			return f, err
		}
		pos = next
	}
	return w.encrypted(entries)
}

// readDirectory reads the central directory (APPNOTE 4.3.12); with records it
// keeps the entries' own bytes.
func (w *zipWalk) readDirectory(records bool) ([]zipEntry, finding, error) {
	if w.d.entries > maxMembers {
		return nil, finding{reason: mailbox.ReasonScanLimits, detail: "zip with too many members"}, nil
	}
	r := bufio.NewReaderSize(w.s.section(w.d.start, w.d.end), 64<<10)
	left := w.d.end - w.d.start
	var entries []zipEntry
	var fixed [zipCentralSize]byte
	variable := make([]byte, 0, 512)
	for n := int64(0); n < w.d.entries; n++ {
		if left < zipCentralSize {
			return nil, disorderly("zip directory cut off"), nil
		}
		if _, err := io.ReadFull(r, fixed[:]); err != nil {
			return nil, finding{}, err
		}
		if !bytes.HasPrefix(fixed[:], []byte("PK\x01\x02")) {
			return nil, disorderly("zip directory with something else in it"), nil
		}
		u16 := binary.LittleEndian.Uint16
		names, extras := int(u16(fixed[28:])), int(u16(fixed[30:]))
		total := names + extras + int(u16(fixed[32:]))
		if left -= zipCentralSize + int64(total); left < 0 {
			return nil, disorderly("zip directory cut off"), nil
		}
		variable = slices.Grow(variable[:0], total)[:total]
		if _, err := io.ReadFull(r, variable); err != nil {
			return nil, finding{}, err
		}
		e, bad := w.entry(fixed[:], variable[:names], variable[names:names+extras])
		if bad != "" {
			return nil, disorderly("zip member %s", bad), nil
		}
		if records {
			e.record = slices.Concat(fixed[:], variable)
		}
		if string(variable[:names]) == "META-INF/manifest.xml" {
			w.odf, w.hasODF = e, true
		}
		entries = append(entries, e)
	}
	if left != 0 {
		return nil, disorderly("zip directory with something else in it"), nil
	}
	return entries, finding{}, nil
}

func (w *zipWalk) entry(b, name, extra []byte) (e zipEntry, bad string) {
	u16, u32 := binary.LittleEndian.Uint16, binary.LittleEndian.Uint32
	e = zipEntry{
		flags: u16(b[8:]), method: u16(b[10:]), crc: u32(b[16:]),
		packed: int64(u32(b[20:])), plain: int64(u32(b[24:])), header: int64(u32(b[42:])),
		name: maphash.Bytes(w.seed, name), length: len(name),
	}
	if u16(b[34:]) != 0 && u16(b[34:]) != 0xffff {
		return e, "on another disk"
	}
	if !resolveZip64(extra, &e.plain, &e.packed, &e.header) {
		return e, "with a broken zip64 field"
	}
	e.header += w.d.shift
	return e, ""
}

// resolveZip64 replaces values of 0xFFFFFFFF from the zip64 extra field
// (APPNOTE 4.5.3); false if they are not there or beyond any file we take.
func resolveZip64(extra []byte, values ...*int64) bool {
	var field []byte
	for len(extra) >= 4 {
		id, n := binary.LittleEndian.Uint16(extra), int(binary.LittleEndian.Uint16(extra[2:]))
		if n > len(extra)-4 {
			break // some writers pad; what follows is no field
		}
		if id == 1 {
			field = extra[4 : 4+n]
			break
		}
		extra = extra[4+n:]
	}
	for _, v := range values {
		if *v != 0xffffffff {
			continue
		}
		if len(field) < 8 {
			return false
		}
		u := binary.LittleEndian.Uint64(field)
		if u > 1<<40 {
			return false
		}
		*v, field = int64(u), field[8:]
	}
	return true
}
