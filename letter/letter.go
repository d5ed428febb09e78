// SPDX-License-Identifier: Apache-2.0

// Package letter prints access letters (K7, K17): one page for each person,
// with the address where a window envelope shows it, and a list to check the
// envelopes against. It is given everything that it prints and keeps none of
// it; no account, no password and no file is made here.
package letter

import (
	_ "embed"
	"fmt"
	"io"
	"strings"
	"time"

	"codeberg.org/go-pdf/fpdf"
)

// Sender is who sends the letters.
type Sender struct {
	Name     string // the authority's, in the head and above the address
	Contact  string // whom to ask
	Help     string // address of the page that says how to connect programs; "" for none
	Language string // of the list: "en", else German
}

// Letter is one page.
type Letter struct {
	Language string   // "en", else German
	Name     string   // of the person
	Address  []string // postal, below the name
	Mailbox  string   // what it gives access to, for example "0815 Stadt Müsterhausen"; "" for several
	Link     string   // where the person signs in
	Login    string
	Password string    // as it is to be read
	Date     time.Time // of the letter, in local time
	Through  time.Time // last day on which the password is valid, in local time
}

// A GlyphError says that a letter cannot be printed as it was written, because
// the fonts have no such character. A box in its place would be a wrong name.
type GlyphError struct {
	Login, Text string
	Missing     rune
}

func (e *GlyphError) Error() string {
	return fmt.Sprintf("letter of %s: no font has the character %q (U+%04X) in %q", e.Login, e.Missing, e.Missing, e.Text)
}

// Write writes the letters as a PDF, one page each in the given order; with
// list, further pages name them for whoever fills the envelopes, without the
// passwords. The error is a *GlyphError, or that of w.
func Write(w io.Writer, s Sender, letters []Letter, list bool) error {
	if err := printable(s, letters); err != nil {
		return err
	}
	d := newDocument(s)
	for _, l := range letters {
		if err := d.letter(l); err != nil {
			return err
		}
	}
	if list && len(letters) > 0 {
		d.list(letters)
	}
	return d.Output(w)
}

// printable checks every text against the font that it is printed in.
func printable(s Sender, letters []Letter) error {
	plain, err := readGlyphs(sansTTF)
	if err != nil {
		return err
	}
	mono, err := readGlyphs(monoTTF)
	if err != nil {
		return err
	}
	for _, l := range letters {
		for _, c := range []struct {
			text string
			in   glyphs
		}{{l.Name, plain}, {strings.Join(l.Address, " "), plain}, {l.Mailbox, plain}, {s.Name, plain}, {s.Contact, plain}, {s.Help, plain},
			{l.Link, mono}, {l.Login, mono}, {l.Password, mono}} {
			if r, missing := c.in.missing(c.text); missing {
				return &GlyphError{Login: l.Login, Text: c.text, Missing: r}
			}
		}
	}
	return nil
}

//go:embed fonts/DejaVuSansCondensed.ttf
var sansTTF []byte

//go:embed fonts/DejaVuSansCondensed-Bold.ttf
var boldTTF []byte

// The typeface of what is to be typed: it tells 0 from O and 1 from l and I.
//
//go:embed fonts/DejaVuSansMono-Bold.ttf
var monoTTF []byte

// document is a PDF being written; lengths are in mm, sizes of type in points.
type document struct {
	*fpdf.Fpdf
	sender Sender
}

func newDocument(s Sender) *document {
	d := &document{fpdf.New("P", "mm", "A4", ""), s}
	d.AddUTF8FontFromBytes("sans", "", sansTTF)
	d.AddUTF8FontFromBytes("sans", "B", boldTTF)
	d.AddUTF8FontFromBytes("mono", "", monoTTF)
	d.SetAutoPageBreak(false, 0)
	d.SetMargins(left, 20, right)
	d.SetCellMargin(0)
	d.SetTitle("Zugangsbriefe", true)
	d.SetProducer("Postfach", true)
	d.SetCatalogSort(true)
	return d
}

// fit chooses the largest size of type from most down to least at which every
// line fits into the width.
func (d *document) fit(family, style string, most, least, width float64, lines ...string) {
	for size := most; ; size -= 0.5 {
		d.SetFont(family, style, max(size, least))
		if size <= least {
			return
		}
		fits := true
		for _, l := range lines {
			fits = fits && d.GetStringWidth(l) <= width
		}
		if fits {
			return
		}
	}
}

// line writes one line with its baseline at y, and gives y of the next.
func (d *document) line(x, y, height float64, text string) float64 {
	d.Text(x, y, text)
	return y + height
}

// paragraph writes text from y on, broken at width, and gives y below it.
func (d *document) paragraph(x, y, width, height float64, text string) float64 {
	d.SetXY(x, y)
	d.MultiCell(width, height, text, "", "L", false)
	return d.GetY()
}
