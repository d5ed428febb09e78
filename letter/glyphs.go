// SPDX-License-Identifier: Apache-2.0

package letter

import (
	"encoding/binary"
	"errors"
)

// glyphs are the characters that a font has, as ranges.
type glyphs []span

type span struct{ first, last rune }

var errFont = errors.New("the font has no table of characters that can be read")

// missing gives the first character that the font has not.
func (g glyphs) missing(text string) (rune, bool) {
	for _, r := range text {
		if !g.has(r) {
			return r, true
		}
	}
	return 0, false
}

func (g glyphs) has(r rune) bool {
	for _, s := range g {
		if r >= s.first && r <= s.last {
			return true
		}
	}
	return false
}

// readGlyphs reads the table "cmap" of a TrueType font, format 4 (OpenType
// specification 1.9, "cmap"): the one that the PDF library reads too. Segments
// of our fonts that are listed are filled.
func readGlyphs(font []byte) (glyphs, error) {
	t := table(font)
	offset := 0
	for i := range t.u16(4) {
		entry := 12 + 16*i
		if entry+16 <= len(t) && string(t[entry:entry+4]) == "cmap" {
			offset = t.u32(entry + 8)
		}
	}
	if offset == 0 {
		return nil, errFont
	}
	for i := range t.u16(offset + 2) {
		record := offset + 4 + 8*i
		if sub := offset + t.u32(record+4); t.u16(record) == 3 && t.u16(record+2) == 1 && t.u16(sub) == 4 {
			return t.segments(sub)
		}
	}
	return nil, errFont
}

// table reads big-endian numbers; outside of the font they are 0.
type table []byte

func (t table) u16(i int) int {
	if i < 0 || i+2 > len(t) {
		return 0
	}
	return int(binary.BigEndian.Uint16(t[i:]))
}

func (t table) u32(i int) int { return t.u16(i)<<16 | t.u16(i+2) }

func (t table) segments(sub int) (glyphs, error) {
	size := t.u16(sub + 6) // twice the number of segments
	ends, starts := sub+14, sub+16+size
	deltas, offsets := starts+size, starts+2*size
	var g glyphs
	for i := 0; i < size; i += 2 {
		first, last := t.u16(starts+i), t.u16(ends+i)
		if first == 0xFFFF || first > last {
			continue
		}
		at := t.u16(offsets + i)
		for c := first; c <= last; c++ {
			glyph := c
			if at != 0 {
				glyph = t.u16(offsets + i + at + 2*(c-first))
				if glyph == 0 {
					continue
				}
			}
			if (glyph+t.u16(deltas+i))&0xFFFF == 0 {
				continue
			}
			if n := len(g); n > 0 && g[n-1].last == rune(c-1) {
				g[n-1].last = rune(c)
			} else {
				g = append(g, span{rune(c), rune(c)})
			}
		}
	}
	if len(g) == 0 {
		return nil, errFont
	}
	return g, nil
}
