// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"hash/crc32"
	"testing"

	"postfach/scan/scantest"
)

// infected is compressible text around the test signature, so that nobody
// finds the signature without unpacking.
func infected() []byte {
	b := bytes.Repeat([]byte("Hallo Welt, dies ist eine Liste.\n"), 400)
	b = append(b, scantest.EICAR()...)
	return append(b, bytes.Repeat([]byte("\nund weiter"), 300)...)
}

func deflated(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(b)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// shape is one member with every field of its headers at hand; in each of them
// nil means the true value.
type shape struct {
	name           string // "" means liste.txt
	method         uint16
	data           []byte // packed
	plain          []byte
	version, flags uint16
	localExtra     []byte
	centralExtra   []byte
	descriptor     []byte
	gap            []byte // behind the member

	localMethod, localFlags           *uint16
	localCRC, localPacked, localPlain *uint32
	centralPacked, centralPlain       *uint32
	localName                         string
}

func is[T any](v T) *T { return &v }

func or[T any](p *T, v T) T {
	if p != nil {
		return *p
	}
	return v
}

// zeros are the local sizes of writers that stream.
func (s shape) streamed() shape {
	s.flags |= zipDescriptor
	s.localCRC, s.localPacked, s.localPlain = is[uint32](0), is[uint32](0), is[uint32](0)
	return s
}

// describe appends the data descriptor of 16, 12 or 24 bytes.
func (s shape) described(size int) shape {
	d := binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(s.plain))
	if size == 24 {
		d = binary.LittleEndian.AppendUint64(d, uint64(len(s.data)))
		d = binary.LittleEndian.AppendUint64(d, uint64(len(s.plain)))
	} else {
		d = binary.LittleEndian.AppendUint32(d, uint32(len(s.data)))
		d = binary.LittleEndian.AppendUint32(d, uint32(len(s.plain)))
	}
	if size != 12 {
		d = append([]byte("PK\x07\x08"), d...)
	}
	s.descriptor = d
	return s
}

func zip64Extra(sizes ...int) []byte {
	b := binary.LittleEndian.AppendUint16(nil, 1)
	b = binary.LittleEndian.AppendUint16(b, uint16(8*len(sizes)))
	for _, n := range sizes {
		b = binary.LittleEndian.AppendUint64(b, uint64(n))
	}
	return b
}

// ending is how an archive of shapes ends.
type ending struct {
	zip64   bool
	comment string
	entries int // added to the count
	offset  int // added to the directory's offset
}

// zipOf writes an archive of shapes as they are told.
func zipOf(e ending, shapes ...shape) []byte {
	var out, dir bytes.Buffer
	put := func(w *bytes.Buffer, values ...any) {
		for _, v := range values {
			if err := binary.Write(w, binary.LittleEndian, v); err != nil {
				panic(err)
			}
		}
	}
	for _, s := range shapes {
		if s.name == "" {
			s.name = "liste.txt"
		}
		if s.version == 0 {
			s.version = 20
		}
		local := s.localName
		if local == "" {
			local = s.name
		}
		crc, packed, plain := crc32.ChecksumIEEE(s.plain), uint32(len(s.data)), uint32(len(s.plain))
		offset := uint32(out.Len())
		out.WriteString("PK\x03\x04")
		put(&out, s.version, or(s.localFlags, s.flags), or(s.localMethod, s.method), uint32(0x5c210000),
			or(s.localCRC, crc), or(s.localPacked, packed), or(s.localPlain, plain), uint16(len(local)), uint16(len(s.localExtra)))
		out.WriteString(local)
		for _, b := range [][]byte{s.localExtra, s.data, s.descriptor, s.gap} {
			out.Write(b)
		}
		dir.WriteString("PK\x01\x02")
		put(&dir, s.version, s.version, s.flags, s.method, uint32(0x5c210000), crc, or(s.centralPacked, packed),
			or(s.centralPlain, plain), uint16(len(s.name)), uint16(len(s.centralExtra)), [10]byte{}, offset)
		dir.WriteString(s.name)
		dir.Write(s.centralExtra)
	}
	offset, size, count := out.Len()+e.offset, dir.Len(), len(shapes)+e.entries
	out.Write(dir.Bytes())
	if e.zip64 {
		end := out.Len()
		out.WriteString("PK\x06\x06")
		put(&out, uint64(44), uint16(45), uint16(45), uint32(0), uint32(0), uint64(count), uint64(count), uint64(size), uint64(offset))
		out.WriteString("PK\x06\x07")
		put(&out, uint32(0), uint64(end), uint32(1))
	}
	out.WriteString("PK\x05\x06")
	put(&out, uint32(0), uint16(count), uint16(count), uint32(size), uint32(offset), uint16(len(e.comment)))
	out.WriteString(e.comment)
	return out.Bytes()
}
