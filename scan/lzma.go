// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"encoding/binary"
	"errors"
)

// isLZMA recognises an .lzma file, which has no magic: properties, dictionary
// size, unpacked size, and a first byte of zero (LZMA SDK, lzma.txt). clamd
// calls such a file clean without unpacking it (measured).
func isLZMA(head []byte) bool {
	if len(head) < 18 || head[0] >= 9*5*5 || head[13] != 0 {
		return false
	}
	dict := binary.LittleEndian.Uint32(head[1:])
	size := binary.LittleEndian.Uint64(head[5:])
	if dict < 1<<12 || size == 0 || size > 1<<40 && size != 1<<64-1 {
		return false
	}
	low := dict & -dict // 2^n or 2^n + 2^(n-1), as every packer writes it
	if dict != low && dict != 3*low && dict != 1<<32-1 {
		return false
	}
	// A packed stream decodes; a table of numbers that only looks like the
	// header mostly does not.
	_, err := decodeLZMA(head[13:], head[:5], int(min(size, 1024)))
	return err == nil || errors.Is(err, errLZMAShort) || errors.Is(err, errLZMALong)
}

var (
	errLZMA      = errors.New("broken LZMA data")
	errLZMAShort = errors.New("LZMA data cut off")
	errLZMALong  = errors.New("LZMA data longer than announced")
)

// rangeDecoder is the entropy decoder of LZMA.
type rangeDecoder struct {
	in          []byte
	span, value uint32
	short       bool
}

func (d *rangeDecoder) next() uint32 {
	if len(d.in) == 0 {
		d.short = true
		return 0
	}
	b := d.in[0]
	d.in = d.in[1:]
	return uint32(b)
}

func (d *rangeDecoder) normalize() {
	if d.span < 1<<24 {
		d.span <<= 8
		d.value = d.value<<8 | d.next()
	}
}

func (d *rangeDecoder) bit(p *uint16) uint32 {
	bound := (d.span >> 11) * uint32(*p)
	var b uint32
	if d.value < bound {
		d.span = bound
		*p += (1<<11 - *p) >> 5
	} else {
		d.span -= bound
		d.value -= bound
		*p -= *p >> 5
		b = 1
	}
	d.normalize()
	return b
}

func (d *rangeDecoder) direct(bits int) uint32 {
	var r uint32
	for range bits {
		d.span >>= 1
		d.value -= d.span
		t := 0 - (d.value >> 31)
		d.value += d.span & t
		d.normalize()
		r = r<<1 + t + 1
	}
	return r
}

// tree decodes bits from the highest to the lowest, reverse the other way.
func (d *rangeDecoder) tree(p []uint16, bits int) uint32 {
	m := uint32(1)
	for range bits {
		m = m<<1 + d.bit(&p[m])
	}
	return m - 1<<bits
}

func (d *rangeDecoder) reverse(p []uint16, bits int) uint32 {
	m, r := uint32(1), uint32(0)
	for i := range bits {
		b := d.bit(&p[m])
		m = m<<1 + b
		r |= b << i
	}
	return r
}

// lengths decodes the length of a match.
type lengths struct {
	choice   [2]uint16
	low, mid [16][8]uint16
	high     [256]uint16
}

func (l *lengths) decode(d *rangeDecoder, pos uint32) uint32 {
	if d.bit(&l.choice[0]) == 0 {
		return d.tree(l.low[pos][:], 3)
	}
	if d.bit(&l.choice[1]) == 0 {
		return 8 + d.tree(l.mid[pos][:], 3)
	}
	return 16 + d.tree(l.high[:], 8)
}

// lzmaModel holds the probabilities.
type lzmaModel struct {
	lc, lp, pb            uint32
	literal               []uint16
	match, rep0Long       [12][16]uint16
	rep, rep0, rep1, rep2 [12]uint16
	slot                  [4][64]uint16
	special               [128]uint16
	align                 [16]uint16
	length, repLength     lengths
}

func newLZMAModel(props byte) *lzmaModel {
	p := uint32(props)
	m := &lzmaModel{lc: p % 9, lp: p / 9 % 5, pb: p / 45}
	m.literal = make([]uint16, 0x300<<(m.lc+m.lp))
	fill := func(s []uint16) {
		for i := range s {
			s[i] = 1 << 10
		}
	}
	fill(m.literal)
	for i := range 12 {
		fill(m.match[i][:])
		fill(m.rep0Long[i][:])
	}
	for i := range 4 {
		fill(m.slot[i][:])
	}
	for _, s := range [][]uint16{m.rep[:], m.rep0[:], m.rep1[:], m.rep2[:], m.special[:], m.align[:]} {
		fill(s)
	}
	for _, l := range []*lengths{&m.length, &m.repLength} {
		fill(l.choice[:])
		fill(l.high[:])
		for i := range 16 {
			fill(l.low[i][:])
			fill(l.mid[i][:])
		}
	}
	return m
}

// decodeLZMA unpacks exactly size bytes of in, with the five bytes of
// properties that 7z and .lzma store. It is there for the headers of 7z
// archives; the caller bounds size. Output so far comes with the error.
func decodeLZMA(in, props []byte, size int) ([]byte, error) {
	if len(props) != 5 || props[0] >= 9*5*5 || props[0]%9+props[0]/9%5 > 8 || len(in) < 5 || in[0] != 0 {
		return nil, errLZMA
	}
	d := &rangeDecoder{in: in[5:], span: 1<<32 - 1, value: binary.BigEndian.Uint32(in[1:])}
	m := newLZMAModel(props[0])
	out := make([]byte, 0, min(size, 1<<16))
	var rep [4]uint32
	state := uint32(0)
	for len(out) < size {
		if d.short {
			return out, errLZMAShort
		}
		pos := uint32(len(out)) & (1<<m.pb - 1)
		if d.bit(&m.match[state][pos]) == 0 {
			out = append(out, m.decodeLiteral(d, out, state, rep[0]))
			switch {
			case state < 4:
				state = 0
			case state < 10:
				state -= 3
			default:
				state -= 6
			}
			continue
		}
		n := m.decodeMatch(d, &state, &rep, pos)
		if rep[0] == 1<<32-1 {
			return out, errLZMAShort // the end mark
		}
		if int64(rep[0]) >= int64(len(out)) {
			return out, errLZMA
		}
		if n > size-len(out) {
			return out, errLZMALong
		}
		for range n {
			out = append(out, out[len(out)-1-int(rep[0])])
		}
	}
	return out, nil
}

func (m *lzmaModel) decodeLiteral(d *rangeDecoder, out []byte, state, rep0 uint32) byte {
	var previous, matched uint32
	if len(out) > 0 {
		previous = uint32(out[len(out)-1])
	}
	index := (uint32(len(out))&(1<<m.lp-1))<<m.lc + previous>>(8-m.lc)
	p := m.literal[0x300*index:][:0x300]
	symbol := uint32(1)
	if state >= 7 && int64(rep0) < int64(len(out)) {
		matched = uint32(out[len(out)-1-int(rep0)])
		for symbol < 0x100 {
			want := matched >> 7 & 1
			matched <<= 1
			b := d.bit(&p[(1+want)<<8+symbol])
			symbol = symbol<<1 | b
			if want != b {
				break
			}
		}
	}
	for symbol < 0x100 {
		symbol = symbol<<1 | d.bit(&p[symbol])
	}
	return byte(symbol)
}

// decodeMatch sets the distance in rep[0] and gives the length.
func (m *lzmaModel) decodeMatch(d *rangeDecoder, state *uint32, rep *[4]uint32, pos uint32) int {
	after := func(low, high uint32) {
		if *state < 7 {
			*state = low
		} else {
			*state = high
		}
	}
	s := *state
	if d.bit(&m.rep[s]) == 0 {
		rep[3], rep[2], rep[1] = rep[2], rep[1], rep[0]
		n := m.length.decode(d, pos)
		rep[0] = m.decodeDistance(d, n)
		after(7, 10)
		return int(n) + 2
	}
	if d.bit(&m.rep0[s]) == 0 {
		if d.bit(&m.rep0Long[s][pos]) == 0 {
			after(9, 11)
			return 1
		}
	} else {
		var distance uint32
		if d.bit(&m.rep1[s]) == 0 {
			distance = rep[1]
		} else {
			if d.bit(&m.rep2[s]) == 0 {
				distance = rep[2]
			} else {
				distance, rep[3] = rep[3], rep[2]
			}
			rep[2] = rep[1]
		}
		rep[1], rep[0] = rep[0], distance
	}
	n := m.repLength.decode(d, pos)
	after(8, 11)
	return int(n) + 2
}

func (m *lzmaModel) decodeDistance(d *rangeDecoder, length uint32) uint32 {
	slot := d.tree(m.slot[min(length, 3)][:], 6)
	if slot < 4 {
		return slot
	}
	bits := int(slot>>1 - 1)
	distance := (2 | slot&1) << bits
	if slot < 14 {
		return distance + d.reverse(m.special[distance-slot:], bits)
	}
	return distance + d.direct(bits-4)<<4 + d.reverse(m.align[:], 4)
}
