// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"fmt"
	"net/url"
	"time"
)

// view is what a template may use. It holds no file name and of persons only
// the recipient's name (DESIGN.md section 7).
type view struct {
	Language  string
	Name      string // of the recipient; "" for a fixed address
	Authority string
	Short     string
	Contact   string // service contact (K25)
	Home      string // start page
	Link      string // to the one mailbox, else Home
	Title     string // number and name of the one mailbox
	Boxes     []box
	More      int  // mailboxes beside Boxes
	Alone     bool // exactly one mailbox
	Count     int  // documents, alerts or files

	First, Last  time.Time
	Signature    string
	Account      int64
	Hours, Limit int

	zone *time.Location
}

// box is a mailbox in a mail.
type box struct {
	Number, Name string
	Title        string
	Link         string
	Count        int
}

// Greeting is the salutation.
func (v view) Greeting() string {
	word := "Guten Tag"
	if v.Language == "en" {
		word = "Hello"
	}
	if v.Name != "" {
		word += " " + v.Name
	}
	return word + ","
}

// Closing is the end of every letter.
func (v view) Closing() string {
	if v.Language == "en" {
		return fmt.Sprintf("Kind regards\n%s\n\nYour contact for questions: %s\n\nThis message was sent automatically. Please do not reply to it.", v.Authority, v.Contact)
	}
	return fmt.Sprintf("Mit freundlichen Grüßen\n%s\n\nBei Fragen erreichen Sie uns hier: %s\n\nDiese Nachricht wurde automatisch versandt. Bitte antworten Sie nicht darauf.", v.Authority, v.Contact)
}

// Time writes an instant in the authority's time zone.
func (v view) Time(t time.Time) string {
	if v.Language == "en" {
		return t.In(v.zone).Format("2 January 2006, 15:04")
	}
	return t.In(v.zone).Format("02.01.2006, 15:04 Uhr")
}

// fill puts the facts into the view.
func (v *view) fill(f facts, base string) error {
	for _, m := range f.Members {
		if err := plain(m.Number + m.Name); err != nil {
			return fmt.Errorf("member number or name: %w", err)
		}
		title := m.Number
		if m.Name != "" {
			title += " " + m.Name
		}
		v.Boxes = append(v.Boxes, box{m.Number, m.Name, title, base + "/postfach/" + url.PathEscape(m.Number), m.Count})
	}
	v.More, v.Count = f.More, f.Count
	v.First, v.Last, v.Signature = f.First, f.Last, f.Signature
	v.Account, v.Hours, v.Limit = int64(f.Account), f.Hours, f.Limit
	v.Home = base + "/"
	v.Link = v.Home
	if v.Alone = len(v.Boxes) == 1 && v.More == 0; v.Alone {
		v.Link, v.Title = v.Boxes[0].Link, v.Boxes[0].Title
	}
	if err := plain(v.Signature); err != nil {
		return fmt.Errorf("signature: %w", err)
	}
	return nil
}
