// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"bytes"
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"regexp"
	"strings"
	"time"

	htmltemplate "html/template"

	gomail "github.com/wneessen/go-mail"

	"postfach/mailbox"
)

// Authority is how the installation names itself in its mails.
type Authority struct {
	Name           string
	Short          string         // "" means Name
	Language       string         // "de" or "en"; "" means "de"
	Zone           *time.Location // nil means UTC
	ServiceContact string         // K25
}

// Letterhead is what every mail shares.
type Letterhead struct {
	URL       string // public base, as in the configuration
	From      string // addr-spec, or name and address (RFC 5322 mailbox)
	Authority Authority
	Templates string // directory of replacements; "" for none
}

// Mail is composed and ready for a relay.
type Mail struct {
	From, To string // envelope, domains in ASCII
	UTF8     bool   // an address needs SMTPUTF8 (RFC 6531)
	Bytes    []byte // headers and body, CRLF
	Text     string // subject, blank line, plain text: what a preview shows
}

// Composer makes mails of notices. It is safe for concurrent use.
type Composer struct {
	head    Letterhead
	from    *mail.Address
	base    string // URL without a slash at its end
	letters map[letterKey]letter
	layout  *htmltemplate.Template
}

// NewComposer reads the templates and composes every letter once, so that a
// fault in any of them is known at the start. All faults come at once.
func NewComposer(h Letterhead) (*Composer, error) {
	var faults []error
	c := &Composer{}
	var err error
	if c.from, err = parseFrom(h.From); err != nil {
		faults = append(faults, fmt.Errorf("notify.from: %w", err))
	}
	if c.base, err = parseBase(h.URL); err != nil {
		faults = append(faults, err)
	}
	if h.Authority.Short == "" {
		h.Authority.Short = h.Authority.Name
	}
	if h.Authority.Language == "" {
		h.Authority.Language = "de"
	}
	if h.Authority.Zone == nil {
		h.Authority.Zone = time.UTC
	}
	c.head = h
	a := h.Authority
	for _, s := range []string{a.Name, a.Short, a.ServiceContact} {
		if err := plain(s); err != nil {
			faults = append(faults, fmt.Errorf("authority: %q: %w", s, err))
		}
	}
	if c.letters, c.layout, err = loadLetters(h.Templates); err != nil {
		faults = append(faults, err)
	}
	if len(faults) == 0 {
		faults = append(faults, c.rehearse())
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return c, nil
}

// parseFrom reads the configured sender.
func parseFrom(s string) (*mail.Address, error) {
	if err := plain(s); err != nil {
		return nil, err
	}
	a, err := mail.ParseAddress(s)
	if err != nil {
		return nil, fmt.Errorf("%q is not an e-mail address", s)
	}
	return nameAddr(a.Name, a.Address)
}

func parseBase(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || plain(s) != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("url: %q is not the address of a site", s)
	}
	return strings.TrimRight(u.String(), "/"), nil
}

// Compose writes the mail of a claimed notice: with its own Message-ID and
// date, so that a mail sent twice is seen to be one. An error is a fault of the
// data, and trying again would not help.
func (c *Composer) Compose(n Notice) (Mail, error) {
	f, err := decodeFacts(n.Data)
	if err != nil {
		return Mail{}, err
	}
	if len(n.Items) > 0 {
		f = factsOfItems(f, n.Items)
	}
	to, err := nameAddr(n.Recipient.Name, n.Recipient.Address)
	if err != nil {
		return Mail{}, err
	}
	v := view{
		Language: c.language(n.Recipient.Language), Name: n.Recipient.Name,
		Authority: c.head.Authority.Name, Short: c.head.Authority.Short,
		Contact: c.head.Authority.ServiceContact, zone: c.head.Authority.Zone,
	}
	if err := v.fill(f, c.base); err != nil {
		return Mail{}, err
	}
	return c.write(n, v, to)
}

// language belongs to the recipient, else to the installation.
func (c *Composer) language(of string) string {
	for _, l := range languages {
		if l == of {
			return of
		}
	}
	return c.head.Authority.Language
}

// factsOfItems counts what there is to see per mailbox.
func factsOfItems(f facts, items []Item) facts {
	boxes := tally{}
	f.Count = 0
	for _, i := range items {
		if i.Live {
			boxes.add(i.Number, i.Name)
			f.Count++
		}
	}
	f.Members, f.More = boxes.list()
	return f
}

func (c *Composer) write(n Notice, v view, to *mail.Address) (Mail, error) {
	subject, text, html, err := c.render(letterKey{v.Language, n.Topic}, v)
	if err != nil {
		return Mail{}, err
	}
	if !validMessageID(n.MessageID) {
		return Mail{}, fmt.Errorf("message id %q: not usable", n.MessageID)
	}
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent(), gomail.WithEncoding(gomail.EncodingQP), gomail.WithCharset(gomail.CharsetUTF8))
	msg.FromMailAddress(c.from)
	msg.ToMailAddress(to)
	msg.Subject(subject)
	msg.SetMessageIDWithValue(n.MessageID)
	msg.SetDateWithValue(n.Created.In(v.zone))
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834 section 5
	msg.SetGenHeader("X-Auto-Response-Suppress", "All")
	msg.SetGenHeader("Content-Language", v.Language)
	msg.SetBodyString(gomail.TypeTextPlain, text)
	msg.AddAlternativeString(gomail.TypeTextHTML, html)
	var b bytes.Buffer
	if _, err := msg.WriteTo(&b); err != nil {
		return Mail{}, fmt.Errorf("write mail: %w", err)
	}
	return Mail{
		From: c.from.Address, To: to.Address,
		UTF8:  !isASCII(c.from.Address) || !isASCII(to.Address),
		Bytes: b.Bytes(),
		Text:  subject + "\n\n" + text,
	}, nil
}

// blankLines are what an empty branch of a template leaves behind.
var blankLines = regexp.MustCompile(`\n\n\n+`)

// render gives the three texts of a letter.
func (c *Composer) render(k letterKey, v view) (subject, text, html string, err error) {
	l, known := c.letters[k]
	if !known {
		return "", "", "", fmt.Errorf("no mail template for %q in %q", k.topic, k.language)
	}
	var b strings.Builder
	if err := l.text.Execute(&b, v); err != nil {
		return "", "", "", fmt.Errorf("mail template: %w", err)
	}
	subject, text, found := strings.Cut(blankLines.ReplaceAllString(b.String(), "\n\n"), "\n")
	subject, text = strings.TrimSpace(subject), strings.TrimSpace(text)+"\n"
	if !found || subject == "" || len(subject) > maxName || plain(subject) != nil {
		return "", "", "", fmt.Errorf("mail template %s/%s.txt: the first line is no usable subject", k.language, k.topic)
	}
	b.Reset()
	if l.html != nil {
		err = l.html.Execute(&b, v)
	} else {
		err = c.layout.Execute(&b, page{v.Language, subject, toHTML(text, c.base)})
	}
	if err != nil {
		return "", "", "", fmt.Errorf("mail template: %w", err)
	}
	return subject, text, b.String(), nil
}

// rehearse composes every letter in every language, alone and for several
// mailboxes, to somebody with and without a name.
func (c *Composer) rehearse() error {
	var faults []error
	for _, lang := range languages {
		for _, t := range Topics {
			for _, several := range []bool{false, true} {
				if _, err := c.Compose(sample(t, lang, several)); err != nil {
					faults = append(faults, err)
					break
				}
			}
		}
	}
	return errors.Join(faults...)
}

// Preview composes a letter with invented data, for `check --mail-preview`.
// Kind NotFound when there is no such topic or language.
func (c *Composer) Preview(t Topic, language string) (Mail, error) {
	if _, known := c.letters[letterKey{language, t}]; !known {
		return Mail{}, mailbox.Wrap(mailbox.NotFound, "", fmt.Errorf("no mail %q in language %q", t, language))
	}
	return c.Compose(sample(t, language, false))
}

func sample(t Topic, language string, several bool) Notice {
	at := time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)
	f := facts{
		Members: []mailboxFacts{{"0815", "Stadt Musterhausen", 2}}, Count: 2,
		First: at, Last: at.Add(10 * time.Minute), Signature: "Eicar-Test-Signature", Account: 17, Hours: 36, Limit: 72,
	}
	n := Notice{
		MessageID: "00000000-0000-7000-8000-000000000000@example.org", Topic: t, Created: at, Attempts: 1, Entitled: true,
		Recipient: Recipient{Account: 17, Person: 17, Address: "anna@example.org", Name: "Anna Beispiel", Language: language},
	}
	if several {
		f.Members = append(f.Members, mailboxFacts{"0816", "Gemeinde Neustadt", 1})
		f.Count, f.More = 3, 1
		n.Recipient = Recipient{Address: "kasse@example.org", Language: language}
	}
	n.Data = f.encode()
	return n
}
