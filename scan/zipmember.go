// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"hash/maphash"
	"io"

	"postfach/mailbox"
)

// zipReadable lists the methods that clamd 1.4 unpacks (measured): stored,
// deflated, Deflate64, bzip2. Method 99 (WinZip AES) counts as encrypted.
func zipReadable(method uint16) bool {
	return method == 0 || method == 8 || method == 9 || method == 12
}

// checkMember compares the local header (APPNOTE 4.3.7) with the directory;
// next is where the following member or the directory begins.
func (w *zipWalk) checkMember(e zipEntry, next int64) (finding, error) {
	if e.flags&(zipStrong|zipMasked|zipPatched) != 0 {
		return unread("zip member with strong encryption or patches"), nil
	}
	if !zipReadable(e.method) && !(e.method == 99 && e.flags&zipEncrypted != 0) {
		return unread("zip method"), nil
	}
	b, err := w.s.at(e.header, zipLocalSize)
	if err != nil {
		return finding{}, err
	}
	u16, u32 := binary.LittleEndian.Uint16, binary.LittleEndian.Uint32
	if !bytes.HasPrefix(b, []byte("PK\x03\x04")) {
		return disorderly("zip member without a header"), nil
	}
	names, extras := int64(u16(b[26:])), int64(u16(b[28:]))
	variable, err := w.s.at(e.header+zipLocalSize, names+extras)
	if err != nil {
		return finding{}, err
	}
	flags, method := u16(b[6:]), u16(b[8:])
	if method != e.method || (flags^e.flags)&zipFlags != 0 ||
		int(names) != e.length || maphash.Bytes(w.seed, variable[:names]) != e.name {
		return disorderly("zip header and directory disagree"), nil
	}
	if f := checkSizes(e, flags, u32(b[14:]), u32(b[18:]), u32(b[22:]), variable[names:]); f.reason != "" {
		return f, nil
	}
	data := e.header + zipLocalSize + names + extras
	if e.packed > next-data {
		return disorderly("zip with gaps or overlaps"), nil
	}
	if f, err := w.checkTail(e, data+e.packed, next); err != nil || f.reason != "" {
		return f, err
	}
	if e.method == 12 && e.flags&zipEncrypted == 0 {
		f, err := checkBzip2Range(w.s, data, data+e.packed)
		return f, err
	}
	return finding{}, nil
}

// checkSizes compares the local header's checksum and sizes. With a data
// descriptor they may be zero (streaming writers), else they must agree. A
// packed size moved to the zip64 field is what clamd 1.4 stumbles over when
// there is no descriptor (measured).
func checkSizes(e zipEntry, flags uint16, crc, packed32, plain32 uint32, extra []byte) finding {
	packed, plain := int64(packed32), int64(plain32)
	if !resolveZip64(extra, &plain, &packed) {
		return disorderly("zip member with a broken zip64 field")
	}
	streamed := flags&zipDescriptor != 0
	if packed32 == 0xffffffff && !streamed {
		return disorderly("zip member with zip64 sizes")
	}
	agrees := func(local, central int64) bool { return local == central || streamed && local == 0 }
	if !agrees(packed, e.packed) || !agrees(plain, e.plain) || !agrees(int64(crc), int64(e.crc)) {
		return disorderly("zip header and directory disagree")
	}
	if e.method == 0 && e.flags&zipEncrypted == 0 && e.packed != e.plain {
		return disorderly("zip member stored with two sizes")
	}
	return finding{}
}

// checkTail examines what lies between a member's data and the next header:
// nothing, or its data descriptor (APPNOTE 4.3.9).
func (w *zipWalk) checkTail(e zipEntry, from, to int64) (finding, error) {
	if from == to {
		return finding{}, nil
	}
	if e.flags&zipDescriptor == 0 || to-from > 24 {
		return disorderly("zip with gaps or overlaps"), nil
	}
	b, err := w.s.at(from, to-from)
	if err != nil {
		return finding{}, err
	}
	if len(b) == 16 || len(b) == 24 {
		if !bytes.HasPrefix(b, []byte("PK\x07\x08")) {
			return disorderly("zip data descriptor"), nil
		}
		b = b[4:]
	}
	var packed, plain uint64
	switch len(b) {
	case 12:
		packed, plain = uint64(binary.LittleEndian.Uint32(b[4:])), uint64(binary.LittleEndian.Uint32(b[8:]))
	case 20:
		packed, plain = binary.LittleEndian.Uint64(b[4:]), binary.LittleEndian.Uint64(b[12:])
	default:
		return disorderly("zip data descriptor"), nil
	}
	if binary.LittleEndian.Uint32(b) != e.crc || packed != uint64(e.packed) || plain != uint64(e.plain) {
		return disorderly("zip data descriptor"), nil
	}
	return finding{}, nil
}

// encrypted finds encrypted members, and encrypted OpenDocument files, which
// clamd does not notice.
func (w *zipWalk) encrypted(entries []zipEntry) (finding, error) {
	if w.hasODF {
		is, f, err := w.odfEncrypted()
		if err != nil || f.reason != "" {
			return f, err
		}
		if is {
			rest := func(e zipEntry) bool { return e.header != w.odf.header }
			return finding{reason: mailbox.ReasonEncryptedDocument, detail: "encrypted OpenDocument", rest: w.without(rest)}, nil
		}
	}
	count := 0
	for _, e := range entries {
		if e.flags&zipEncrypted != 0 {
			count++
		}
	}
	if count == 0 {
		return finding{}, nil
	}
	rest := func(e zipEntry) bool { return e.flags&zipEncrypted == 0 }
	return finding{
		reason: mailbox.ReasonEncryptedArchive, detail: "encrypted zip",
		whole: count == len(entries), rest: w.without(rest),
	}, nil
}

// maxManifest bounds META-INF/manifest.xml, in bytes.
const maxManifest = 4 << 20

// odfEncrypted reads the manifest (OpenDocument 1.3 part 2, section 4.8).
func (w *zipWalk) odfEncrypted() (bool, finding, error) {
	e := w.odf
	if e.flags&zipEncrypted != 0 || e.method != 0 && e.method != 8 {
		return false, finding{}, nil
	}
	b, err := w.s.at(e.header, zipLocalSize)
	if err != nil {
		return false, finding{}, err
	}
	data := e.header + zipLocalSize + int64(binary.LittleEndian.Uint16(b[26:])) + int64(binary.LittleEndian.Uint16(b[28:]))
	var r io.Reader = w.s.section(data, data+e.packed)
	if e.method == 8 {
		r = flate.NewReader(r)
	}
	text, err := io.ReadAll(io.LimitReader(r, maxManifest+1))
	switch {
	case w.s.ctx.Err() != nil:
		return false, finding{}, w.s.ctx.Err()
	case err != nil:
		return false, disorderly("zip member that does not unpack"), nil
	case len(text) > maxManifest:
		return false, finding{reason: mailbox.ReasonScanLimits, detail: "OpenDocument manifest too long"}, nil
	}
	text = bytes.ReplaceAll(text, []byte{0}, nil) // UTF-16 too
	return bytes.Contains(text, []byte("encryption-data")), finding{}, nil
}

// without makes an archive of the members that keep says, with their bytes as
// they are and a new directory.
func (w *zipWalk) without(keep func(zipEntry) bool) func() (io.Reader, int64) {
	return func() (io.Reader, int64) {
		entries, _, err := w.readDirectory(true)
		if err != nil {
			return failing{err}, 1
		}
		return restOf(w, entries, keep)
	}
}

// failing is a reader that only fails.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
