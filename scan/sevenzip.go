// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"encoding/binary"
	"hash/crc32"

	"postfach/mailbox"
)

// Bounds of what is read of a 7z archive's header, in bytes and in numbers.
const (
	maxSevenHeader = 16 << 20
	maxSevenCoders = 32
	maxSevenItems  = 1 << 20
)

// Property ids of the header (7-Zip, 7zFormat.txt).
const (
	sevenEnd, sevenHeader, sevenArchiveProps, sevenAdditional = 0x00, 0x01, 0x02, 0x03
	sevenMain, sevenFiles, sevenPack, sevenUnpack             = 0x04, 0x05, 0x06, 0x07
	sevenSize, sevenCRC, sevenFolder, sevenUnpackSize         = 0x09, 0x0a, 0x0b, 0x0c
	sevenEncoded                                              = 0x17
)

// Methods.
const (
	sevenCopy, sevenLZMA2 = "\x00", "\x21"
	sevenLZMA, sevenPPMd  = "\x03\x01\x01", "\x03\x04\x01"
	sevenBCJ, sevenBCJ2   = "\x03\x03\x01\x03", "\x03\x03\x01\x1b"
	sevenARM, sevenAES    = "\x03\x03\x05\x01", "\x06\xf1\x07\x01"
)

// sevenStreams is what the gate needs of a StreamsInfo.
type sevenStreams struct {
	packPos   int64
	packSizes []int64
	folders   []sevenFolderInfo
}

type sevenFolderInfo struct {
	coders   []sevenCoder
	unpacked []int64 // sizes of the coders' output
}

type sevenCoder struct {
	method string
	props  []byte
}

// checkSevenZip reads the headers of a 7z archive: nothing may follow it, and
// every folder must be packed in a way that clamd unpacks (measured: not bzip2,
// Deflate, Delta and the rarer branch filters).
func checkSevenZip(s source) (finding, error) {
	b, err := s.at(0, 32)
	if err != nil {
		return finding{}, err
	}
	u64 := binary.LittleEndian.Uint64
	offset, size := u64(b[12:]), u64(b[20:])
	if crc32.ChecksumIEEE(b[12:32]) != binary.LittleEndian.Uint32(b[8:]) {
		return disorderly("7z broken"), nil
	}
	if offset > uint64(s.size) || size > uint64(s.size) || 32+offset+size != uint64(s.size) {
		return disorderly("7z in several parts or with something behind it"), nil
	}
	if size == 0 {
		return finding{}, nil
	}
	if size > maxSevenHeader {
		return finding{reason: mailbox.ReasonScanLimits, detail: "7z with a huge header"}, nil
	}
	header, err := s.at(32+int64(offset), int64(size))
	if err != nil {
		return finding{}, err
	}
	if crc32.ChecksumIEEE(header) != binary.LittleEndian.Uint32(b[28:]) {
		return disorderly("7z broken"), nil
	}
	for range 4 { // a packed header may hold a packed header
		if header[0] != sevenEncoded {
			return judgeSevenHeader(header), nil
		}
		var f finding
		if header, f, err = unpackSevenHeader(s, header[1:]); err != nil || f.reason != "" {
			return f, err
		}
	}
	return disorderly("7z with a header packed too often"), nil
}

// unpackSevenHeader unpacks a header that is itself packed.
func unpackSevenHeader(s source, b []byte) ([]byte, finding, error) {
	p := &sevenParser{b: b}
	info := p.streams()
	if p.bad || len(info.folders) != 1 || len(info.packSizes) < 1 {
		return nil, disorderly("7z broken"), nil
	}
	folder := info.folders[0]
	if folder.has(sevenAES) {
		return nil, finding{reason: mailbox.ReasonEncryptedArchive, detail: "encrypted 7z", whole: true}, nil
	}
	if len(folder.coders) != 1 {
		return nil, unread("7z header method"), nil
	}
	size := folder.unpacked[0]
	if size > maxSevenHeader || info.packSizes[0] > maxSevenHeader {
		return nil, finding{reason: mailbox.ReasonScanLimits, detail: "7z with a huge header"}, nil
	}
	packed, err := s.at(32+info.packPos, info.packSizes[0])
	if err != nil {
		return nil, finding{}, err
	}
	out := packed
	switch folder.coders[0].method {
	case sevenCopy:
	case sevenLZMA:
		if out, err = decodeLZMA(packed, folder.coders[0].props, int(size)); err != nil {
			return nil, disorderly("7z broken"), nil
		}
	default:
		return nil, unread("7z header method"), nil
	}
	if len(out) == 0 {
		return nil, disorderly("7z broken"), nil
	}
	return out, finding{}, nil
}

// judgeSevenHeader looks at the folders of an unpacked header.
func judgeSevenHeader(b []byte) finding {
	p := &sevenParser{b: b}
	if p.byte() != sevenHeader {
		return disorderly("7z broken")
	}
	id := p.byte()
	if id == sevenArchiveProps || id == sevenAdditional {
		return unread("7z with additional streams")
	}
	if p.bad {
		return disorderly("7z broken")
	}
	if id != sevenMain { // empty files only
		return finding{}
	}
	info := p.streams()
	if p.bad {
		return disorderly("7z broken")
	}
	encrypted := 0
	for _, f := range info.folders {
		switch {
		case f.has(sevenAES):
			encrypted++
		case !f.readable():
			return unread("7z method")
		}
	}
	if encrypted > 0 {
		return finding{
			reason: mailbox.ReasonEncryptedArchive, detail: "encrypted 7z",
			whole: encrypted == len(info.folders),
		}
	}
	return finding{}
}

func (f sevenFolderInfo) has(method string) bool {
	for _, c := range f.coders {
		if c.method == method {
			return true
		}
	}
	return false
}

// readable lists the combinations that clamd's unpacker takes (measured).
func (f sevenFolderInfo) readable() bool {
	packers, filters, bcj2 := 0, 0, 0
	for _, c := range f.coders {
		switch c.method {
		case sevenCopy, sevenLZMA, sevenLZMA2, sevenPPMd:
			packers++
		case sevenBCJ, sevenARM:
			filters++
		case sevenBCJ2:
			bcj2++
		default:
			return false
		}
	}
	switch len(f.coders) {
	case 1:
		return packers == 1
	case 2:
		return packers == 1 && filters == 1
	case 4:
		return bcj2 == 1 && packers == 3
	}
	return false
}

// sevenParser reads the header's numbers; bad says that something did not fit.
type sevenParser struct {
	b   []byte
	bad bool
}

func (p *sevenParser) bytes(n uint64) []byte {
	if n > uint64(len(p.b)) {
		p.bad, p.b = true, nil
		return nil
	}
	r := p.b[:n]
	p.b = p.b[n:]
	return r
}

func (p *sevenParser) byte() byte {
	if b := p.bytes(1); len(b) == 1 {
		return b[0]
	}
	return 0
}

// number reads 7z's variable-length integer.
func (p *sevenParser) number() uint64 {
	first := p.byte()
	var v uint64
	for i := range 8 {
		mask := byte(0x80 >> i)
		if first&mask == 0 {
			return v | uint64(first&(mask-1))<<(8*i)
		}
		v |= uint64(p.byte()) << (8 * i)
	}
	return v
}

// count is a number of things that are yet to come.
func (p *sevenParser) count() int {
	n := p.number()
	if n > maxSevenItems {
		p.bad = true
		return 0
	}
	return int(n)
}

func (p *sevenParser) size() int64 {
	n := p.number()
	if n > 1<<62 {
		p.bad = true
		return 0
	}
	return int64(n)
}

func (p *sevenParser) expect(id byte) {
	if p.byte() != id {
		p.bad = true
	}
}

// streams reads PackInfo and the folders; what follows (SubStreamsInfo and the
// names) says nothing about packing.
func (p *sevenParser) streams() (s sevenStreams) {
	id := p.byte()
	if id == sevenPack {
		s.packPos = p.size()
		n := p.count()
		for id = p.byte(); id != sevenEnd && !p.bad; id = p.byte() {
			switch id {
			case sevenSize:
				for i := 0; i < n && !p.bad; i++ {
					s.packSizes = append(s.packSizes, p.size())
				}
			case sevenCRC:
				p.digests(n)
			default:
				p.bad = true
			}
		}
		id = p.byte()
	}
	if id == sevenUnpack {
		s.folders = p.folders()
	} else if id != sevenEnd {
		p.bad = true
	}
	return s
}

func (p *sevenParser) digests(n int) {
	defined := n
	if p.byte() == 0 {
		defined = 0
		for _, b := range p.bytes(uint64(n+7) / 8) {
			for ; b != 0; b &= b - 1 {
				defined++
			}
		}
	}
	p.bytes(uint64(defined) * 4)
}

func (p *sevenParser) folders() []sevenFolderInfo {
	p.expect(sevenFolder)
	n := p.count()
	if p.byte() != 0 { // the definitions are elsewhere
		p.bad = true
	}
	var folders []sevenFolderInfo
	for i := 0; i < n && !p.bad; i++ {
		folders = append(folders, p.folder())
	}
	p.expect(sevenUnpackSize)
	for i := range folders {
		for j := range folders[i].unpacked {
			folders[i].unpacked[j] = p.size()
		}
	}
	if p.bad {
		return nil
	}
	return folders
}

func (p *sevenParser) folder() (f sevenFolderInfo) {
	n := p.count()
	if n == 0 || n > maxSevenCoders {
		p.bad = true
		return f
	}
	in, out := 0, 0
	for range n {
		flags := p.byte()
		c := sevenCoder{method: string(p.bytes(uint64(flags & 15)))}
		ins, outs := 1, 1
		if flags&0x10 != 0 {
			ins, outs = p.count(), p.count()
		}
		if flags&0x20 != 0 {
			c.props = p.bytes(p.number())
		}
		if flags&0xc0 != 0 || ins > maxSevenCoders || outs > maxSevenCoders {
			p.bad = true
			return f
		}
		in, out = in+ins, out+outs
		f.coders = append(f.coders, c)
	}
	if out == 0 || in < out-1 {
		p.bad = true
		return f
	}
	for range out - 1 { // bind pairs
		p.number()
		p.number()
	}
	if packed := in - (out - 1); packed > 1 {
		for range packed {
			p.number()
		}
	}
	f.unpacked = make([]int64, out)
	return f
}
