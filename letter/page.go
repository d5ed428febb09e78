// SPDX-License-Identifier: Apache-2.0

package letter

import (
	"fmt"
	"time"

	"rsc.io/qr"
)

// Where things stand on a letter of DIN 5008 form B, in mm from the upper left
// corner. A window of DIN 680 shows 20…105 by 45…90.
const (
	left, right = 25.0, 20.0
	wide        = 210 - left - right

	returnLine  = 54.5  // baseline of the sender above the address
	remarkLine  = 61.0  // baseline of the last line of remarks
	addressTop  = 66.0  // baseline of the first line of the address
	addressStep = 4.5   // at most
	addressHigh = 22.5  // from the first baseline to the last: six lines
	addressWide = 78.0  // the field without its margin
	infoLeft    = 125.0 //
	infoTop     = 54.0
	subjectTop  = 99.0
	foldUpper   = 105.0
	foldLower   = 210.0
	hole        = 148.5
)

// letter writes one page.
func (d *document) letter(l Letter) error {
	t := texts[l.Language == "en"]
	d.AddPage()
	d.SetLang(t.tag)
	d.SetCreationDate(l.Date)
	d.SetModificationDate(l.Date)
	d.marks()
	d.fit("sans", "B", 15, 9, wide, d.sender.Name)
	d.line(left, 27, 0, d.sender.Name)
	d.window(l, t)
	d.info(l, t)

	d.SetFont("sans", "B", 12)
	y := d.paragraph(left, subjectTop, wide, 5.2, t.subject)
	if l.Mailbox != "" {
		d.fit("sans", "B", 12, 9, wide, l.Mailbox)
		y = d.paragraph(left, y, wide, 5.2, l.Mailbox)
	}
	d.SetFont("sans", "", 10.5)
	y = d.paragraph(left, y+4, wide, 5, fmt.Sprintf(t.hello, l.Name))
	y = d.paragraph(left, y+2, wide, 5, t.intro)
	y, err := d.access(y+3, l, t)
	if err != nil {
		return err
	}
	d.steps(y+4, l, t)
	return d.Error()
}

// marks are where the letter is folded and punched.
func (d *document) marks() {
	d.SetLineWidth(0.1)
	for _, y := range []float64{foldUpper, foldLower} {
		d.Line(4, y, 8, y)
	}
	d.Line(4, hole, 10, hole)
}

// window is what the envelope shows: sender, remark, person and address.
func (d *document) window(l Letter, t text) {
	d.fit("sans", "", 7, 5, addressWide, d.sender.Name)
	d.line(left, returnLine, 0, d.sender.Name)
	d.Line(left, returnLine+1, left+addressWide, returnLine+1)
	d.SetFont("sans", "B", 8)
	d.line(left, remarkLine, 0, t.personal)
	d.fit("sans", "", 11, 7, addressWide, append([]string{l.Name}, l.Address...)...)
	lines := append(d.SplitText(l.Name, addressWide), l.Address...)
	step := min(addressStep, addressHigh/float64(max(1, len(lines)-1)))
	y := addressTop
	for _, line := range lines {
		y = d.line(left, y, step, line)
	}
}

// info is beside the window: date and whom to ask.
func (d *document) info(l Letter, t text) {
	const width = 210 - infoLeft - 10
	y := infoTop
	for _, f := range [][2]string{{t.date, t.day(l.Date)}, {t.contact, d.sender.Contact}} {
		d.SetFont("sans", "", 8)
		y = d.line(infoLeft, y, 1, f[0])
		d.SetFont("sans", "", 10)
		y = d.paragraph(infoLeft, y, width, 4.6, f[1]) + 6
	}
}

// access is the box with everything that is to be typed, and the link once
// more as a code for cameras.
func (d *document) access(y float64, l Letter, t text) (float64, error) {
	const (
		height = 62.0
		code   = 36.0 // edge of the QR code with its margin
		inner  = wide - code - 12
	)
	d.SetLineWidth(0.4)
	d.Rect(left, y, wide, height, "D")
	at := y + 7
	for _, f := range []struct {
		label, value string
		most         float64
	}{{t.link, l.Link, 11}, {t.login, l.Login, 14}, {t.password, l.Password, 17}} {
		d.SetFont("sans", "", 9)
		at = d.line(left+5, at, 5+f.most/10, f.label)
		d.fit("mono", "", f.most, 5, inner, f.value)
		at = d.line(left+5, at, 10, f.value)
	}
	d.SetFont("sans", "", 9)
	d.paragraph(left+5, at-4, inner, 4.4, fmt.Sprintf(t.valid, t.day(l.Through)))
	x := left + wide - code - 4
	d.SetFont("sans", "", 8)
	d.SetXY(x, y+4+code)
	d.MultiCell(code, 3.8, t.scan, "", "C", false)
	return y + height, d.qr(x, y+4, code, l.Link)
}

// qr draws a QR code (ISO/IEC 18004) with its quiet zone of four modules, as
// rectangles, so that it is sharp at any size.
func (d *document) qr(x, y, edge float64, content string) error {
	c, err := qr.Encode(content, qr.M)
	if err != nil {
		return fmt.Errorf("QR code of %q: %w", content, err)
	}
	module := edge / float64(c.Size+8)
	for row := range c.Size {
		for col := 0; col < c.Size; col++ {
			n := 0
			for col+n < c.Size && c.Black(col+n, row) {
				n++
			}
			if n > 0 {
				// A hair taller than a module, so that no viewer shows seams.
				d.Rect(x+float64(col+4)*module, y+float64(row+4)*module, float64(n)*module, module*1.02, "F")
				col += n
			}
		}
	}
	return nil
}

// steps say what to do, and what to do when something is wrong.
func (d *document) steps(y float64, l Letter, t text) {
	d.SetFont("sans", "", 10.5)
	for i, s := range t.steps {
		d.line(left, y+3.7, 0, fmt.Sprintf("%d.", i+1))
		y = d.paragraph(left+5, y, wide-5, 5, s) + 1
	}
	letters := t.letters
	if d.sender.Help != "" {
		letters += " " + fmt.Sprintf(t.help, d.sender.Help)
	}
	y = d.paragraph(left, y+1.5, wide, 5, letters)
	y = d.paragraph(left, y+2, wide, 5, fmt.Sprintf(t.opened, d.sender.Contact))
	d.SetFont("sans", "", 8.5)
	d.paragraph(left, y+4, wide, 4.5, t.unsigned)
}

// text is a letter in one language.
type text struct {
	tag                                        string // RFC 5646
	personal, date, contact                    string
	subject, hello, intro                      string
	link, login, password, valid, scan         string
	steps                                      []string
	letters, help, opened, unsigned            string
	listTitle, listHint, number, mailbox, name string
	address, done                              string
	day                                        func(time.Time) string
}

// texts by whether they are English.
var texts = map[bool]text{
	false: {
		tag: "de-DE", personal: "Persönlich / Vertraulich", date: "Datum", contact: "Service und Kontakt",
		subject: "Ihr Zugang zum elektronischen Postfach", hello: "Guten Tag %s,",
		intro: "mit diesem Brief erhalten Sie Ihren persönlichen Zugang. Bitte geben Sie ihn an niemanden weiter.",
		link:  "Adresse", login: "Anmeldename", password: "Einmalkennwort",
		valid: "Das Einmalkennwort gilt für eine einzige Anmeldung, bis einschließlich %s.", scan: "QR-Code mit der Adresse",
		steps: []string{
			"Öffnen Sie die Adresse im Browser, oder scannen Sie den QR-Code mit dem Telefon.",
			"Geben Sie unter „Erste Anmeldung mit dem Brief“ den Anmeldenamen und das Einmalkennwort ein.",
			"Legen Sie ein eigenes Kennwort mit mindestens 12 Zeichen fest. Danach gilt das Einmalkennwort nicht mehr.",
		},
		letters: "Groß- und Kleinschreibung und die Striche spielen im Einmalkennwort keine Rolle. Die Zeichen 0, O, 1, I, B, S, V und Z kommen darin nicht vor. Programme wie das Netzlaufwerk können Sie erst mit Ihrem eigenen Kennwort verbinden.",
		help:    "Wie das geht, steht unter %s.",
		opened:  "War der Umschlag beschädigt, oder wurde das Einmalkennwort schon benutzt? Dann wenden Sie sich bitte sofort an uns: %s",
		unsigned: "Dieser Brief wurde maschinell erstellt und gilt ohne Unterschrift. Das Einmalkennwort ist nirgends gespeichert; geht der Brief verloren, " +
			"erhalten Sie einen neuen.",
		listTitle: "Kontrollliste – nicht versenden", listHint: "%d Briefe vom %s, in der Reihenfolge der Seiten. Diese Liste enthält keine Kennwörter.",
		number: "Seite", mailbox: "Postfach", name: "Person", address: "Anschrift", done: "kuvertiert",
		day: func(t time.Time) string { return fmt.Sprintf("%d. %s %d", t.Day(), months[t.Month()-1], t.Year()) },
	},
	true: {
		tag: "en", personal: "Personal / Confidential", date: "Date", contact: "Service and contact",
		subject: "Your access to the electronic mailbox", hello: "Dear %s,",
		intro: "this letter gives you your personal access. Please do not pass it on to anybody.",
		link:  "Address", login: "User name", password: "One-time password",
		valid: "The one-time password is valid for a single sign-in, up to and including %s.", scan: "QR code of the address",
		steps: []string{
			"Open the address in your browser, or scan the QR code with your telephone.",
			"Below “First sign-in with the letter”, enter the user name and the one-time password.",
			"Choose a password of your own with at least 12 characters. The one-time password then ends.",
		},
		letters:   "Capitals and dashes do not matter in the one-time password. It holds none of the characters 0, O, 1, I, B, S, V and Z. Programs such as a network drive can be connected with your own password only.",
		help:      "How to do that is explained at %s.",
		opened:    "Was the envelope damaged, or has the one-time password been used already? Then please contact us at once: %s",
		unsigned:  "This letter was made by machine and is valid without a signature. The one-time password is stored nowhere; if the letter gets lost, you will receive another.",
		listTitle: "Check list – do not send", listHint: "%d letters of %s, in the order of the pages. This list holds no passwords.",
		number: "Page", mailbox: "Mailbox", name: "Person", address: "Address", done: "in envelope",
		day: func(t time.Time) string { return t.Format("2 January 2006") },
	},
}

var months = [...]string{"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"}
