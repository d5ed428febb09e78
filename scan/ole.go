// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"encoding/binary"
	"unicode/utf16"

	"postfach/mailbox"
)

// Bounds and constants of compound files ([MS-CFB]).
const (
	oleEntry        = 128     // bytes of a directory entry
	oleMaxDirectory = 4 << 20 // bytes that are read of the directory
	oleMaxSector    = 0xfffffffa
	oleStream       = 2
)

// oleFile reads a compound file as far as the gate needs it.
type oleFile struct {
	s        source
	sector   int64    // bytes
	fat      []uint32 // sectors of the allocation table
	miniFrom uint32   // first sector of the mini stream
	miniSize uint64   // streams shorter than this lie in the mini stream
	entries  []oleDirEntry
}

type oleDirEntry struct {
	name  string
	kind  byte
	first uint32
	size  uint64
}

// checkOLE finds encrypted Office documents: clamd calls them clean without a
// word (measured).
func checkOLE(s source) (finding, error) {
	o := &oleFile{s: s}
	ok, err := o.open()
	if err != nil {
		return finding{}, err
	}
	if !ok {
		return disorderly("compound file broken"), nil
	}
	encrypted := finding{reason: mailbox.ReasonEncryptedDocument, detail: "encrypted Office document"}
	for _, e := range o.entries {
		if e.kind != oleStream {
			continue
		}
		is := false
		switch e.name {
		case "EncryptedPackage": // [MS-OFFCRYPTO] 2.3.4.4
			encrypted.whole = o.onlyEncrypted()
			return encrypted, nil
		case "WordDocument":
			is, err = o.wordEncrypted(e)
		case "Workbook", "Book":
			is, err = o.bookEncrypted(e)
		case "Current User":
			is, err = o.slidesEncrypted(e)
		}
		if err != nil || is {
			return encrypted, err
		}
	}
	return finding{}, nil
}

// onlyEncrypted says whether nothing but the encrypted document is in it.
func (o *oleFile) onlyEncrypted() bool {
	for _, e := range o.entries {
		if e.kind != oleStream {
			continue
		}
		switch e.name {
		case "EncryptedPackage", "EncryptionInfo", "Version", "DataSpaceMap", "\x06Primary",
			"StrongEncryptionDataSpace", "\x05SummaryInformation", "\x05DocumentSummaryInformation":
		default:
			return false
		}
	}
	return true
}

// wordEncrypted reads FibBase.fEncrypted ([MS-DOC] 2.5.2).
func (o *oleFile) wordEncrypted(e oleDirEntry) (bool, error) {
	b, err := o.beginning(e, 12)
	return err == nil && len(b) == 12 && b[11]&1 != 0, err
}

// bookEncrypted looks for a FilePass record near the beginning ([MS-XLS]
// 2.4.117); only few records may stand before it.
func (o *oleFile) bookEncrypted(e oleDirEntry) (bool, error) {
	b, err := o.beginning(e, 512)
	if err != nil {
		return false, err
	}
	for n := 0; len(b) >= 4 && n < 8; n++ {
		id, size := binary.LittleEndian.Uint16(b), int(binary.LittleEndian.Uint16(b[2:]))
		if id == 0x2f {
			return true, nil
		}
		if size > len(b)-4 {
			break
		}
		b = b[4+size:]
	}
	return false, nil
}

// slidesEncrypted reads CurrentUserAtom.headerToken ([MS-PPT] 2.3.2).
func (o *oleFile) slidesEncrypted(e oleDirEntry) (bool, error) {
	b, err := o.beginning(e, 16)
	return err == nil && len(b) == 16 && binary.LittleEndian.Uint32(b[12:]) == 0xf3d1c4df, err
}

// open reads header, table of tables and directory; false if they are broken.
func (o *oleFile) open() (bool, error) {
	h, err := o.s.at(0, 512)
	if err != nil {
		return false, err
	}
	u32 := binary.LittleEndian.Uint32
	shift := binary.LittleEndian.Uint16(h[30:])
	if shift != 9 && shift != 12 || binary.LittleEndian.Uint16(h[28:]) != 0xfffe {
		return false, nil
	}
	o.sector, o.miniSize = 1<<shift, uint64(u32(h[56:]))
	for i := 76; i < 512; i += 4 {
		if t := u32(h[i:]); t <= oleMaxSector {
			o.fat = append(o.fat, t)
		}
	}
	more, most := u32(h[68:]), o.s.size/o.sector/(o.sector/4)+1
	for range most {
		if more > oleMaxSector {
			break
		}
		b, err := o.s.at(o.offset(more), o.sector)
		if err != nil {
			return false, err
		}
		for i := int64(0); i < o.sector-4; i += 4 {
			if t := u32(b[i:]); t <= oleMaxSector {
				o.fat = append(o.fat, t)
			}
		}
		more = u32(b[o.sector-4:])
	}
	return o.readDirectory(u32(h[48:]))
}

func (o *oleFile) offset(sector uint32) int64 { return (int64(sector) + 1) * o.sector }

// next gives the sector after this one; above oleMaxSector at the end.
func (o *oleFile) next(sector uint32) (uint32, error) {
	per := uint32(o.sector / 4)
	if sector/per >= uint32(len(o.fat)) {
		return 0, errShort
	}
	b, err := o.s.at(o.offset(o.fat[sector/per])+int64(sector%per)*4, 4)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(b), nil
}

func (o *oleFile) readDirectory(sector uint32) (bool, error) {
	for n := int64(0); sector <= oleMaxSector; n += o.sector {
		if n >= oleMaxDirectory {
			return false, nil
		}
		b, err := o.s.upTo(o.offset(sector), o.sector)
		if err != nil {
			return false, err
		}
		for ; len(b) >= oleEntry; b = b[oleEntry:] {
			o.entry(b[:oleEntry])
		}
		if sector, err = o.next(sector); err != nil {
			return false, err
		}
	}
	return len(o.entries) > 0, nil
}

func (o *oleFile) entry(b []byte) {
	length := int(binary.LittleEndian.Uint16(b[64:]))
	if b[66] == 0 || length < 2 || length > 64 {
		return
	}
	units := make([]uint16, length/2-1)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	e := oleDirEntry{
		name: string(utf16.Decode(units)), kind: b[66],
		first: binary.LittleEndian.Uint32(b[116:]), size: uint64(binary.LittleEndian.Uint32(b[120:])),
	}
	if e.kind == 5 { // the root's stream is the mini stream
		o.miniFrom = e.first
	}
	o.entries = append(o.entries, e)
}

// beginning reads at most n bytes of a stream, n within its first sector.
func (o *oleFile) beginning(e oleDirEntry, n int64) ([]byte, error) {
	n = min(n, int64(e.size))
	if e.size >= o.miniSize {
		return o.s.upTo(o.offset(e.first), n)
	}
	const miniSector = 64
	off := int64(e.first) * miniSector
	sector := o.miniFrom
	if off >= o.s.size {
		return nil, errShort
	}
	for range off / o.sector {
		var err error
		if sector, err = o.next(sector); err != nil {
			return nil, err
		}
		if sector > oleMaxSector {
			return nil, errShort
		}
	}
	// Its mini sectors need not follow each other; the first one is enough.
	return o.s.upTo(o.offset(sector)+off%o.sector, min(n, miniSector))
}
