// SPDX-License-Identifier: Apache-2.0

package letter

import (
	"fmt"
	"strconv"
	"strings"
)

// The control list: rows of a fixed height, so many on a page.
const (
	rowTop    = 42.0
	rowHeight = 6.0
	listRows  = 38
)

// listColumns are where the columns begin, in mm, and how wide they are.
var listColumns = []struct{ x, width float64 }{{15, 11}, {27, 44}, {72, 42}, {115, 30}, {146, 38}, {186, 14}}

// list writes the pages for whoever fills the envelopes.
func (d *document) list(letters []Letter) {
	t := texts[d.sender.Language == "en"]
	for i, l := range letters {
		if i%listRows == 0 {
			d.listPage(len(letters), l, t)
		}
		y := rowTop + float64(i%listRows+1)*rowHeight
		cells := []string{strconv.Itoa(i + 1), l.Mailbox, l.Name, l.Login, strings.Join(l.Address, ", ")}
		for c, cell := range cells {
			d.cell(c, y, cell, "")
		}
		d.Rect(listColumns[5].x+4, y-3.4, 3.6, 3.6, "D")
		d.Line(15, y+1.6, 200, y+1.6)
	}
}

func (d *document) listPage(n int, l Letter, t text) {
	d.AddPage()
	d.SetLineWidth(0.1)
	d.SetFont("sans", "B", 14)
	d.Text(15, 22, t.listTitle)
	d.SetFont("sans", "", 9.5)
	d.Text(15, 29, d.sender.Name)
	d.Text(15, 34, fmt.Sprintf(t.listHint, n, t.day(l.Date)))
	for c, head := range []string{t.number, t.mailbox, t.name, t.login, t.address, t.done} {
		d.cell(c, rowTop, head, "B")
	}
	d.Line(15, rowTop+1.6, 200, rowTop+1.6)
}

// cell writes what fits into a column.
func (d *document) cell(column int, y float64, text, style string) {
	c := listColumns[column]
	d.fit("sans", style, 8.5, 6, c.width, text)
	if d.GetStringWidth(text) > c.width {
		runes := []rune(text)
		for len(runes) > 0 && d.GetStringWidth(string(runes)+"…") > c.width {
			runes = runes[:len(runes)-1]
		}
		text = string(runes) + "…"
	}
	d.Text(c.x, y, text)
}
