// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"bytes"
	"io"
	"mime"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-message"

	"postfach/mailbox"
)

// opened is a mail as its reader sees it.
type opened struct {
	header     mail.Header
	text, html string
}

func open(t *testing.T, m Mail) opened {
	t.Helper()
	parsed, err := mail.ReadMessage(bytes.NewReader(m.Bytes))
	if err != nil {
		t.Fatal(err)
	}
	e, err := message.Read(bytes.NewReader(m.Bytes))
	if err != nil {
		t.Fatal(err)
	}
	out := opened{header: parsed.Header}
	parts := e.MultipartReader()
	for {
		p, err := parts.NextPart()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(p.Body)
		if err != nil {
			t.Fatal(err)
		}
		if kind, _, _ := p.Header.ContentType(); kind == "text/html" {
			out.html = string(body)
		} else {
			out.text = string(body)
		}
	}
}

// K22, K20, K25, DESIGN.md section 7: the usual order, the link, the closing,
// both parts, the machine's headers.
func TestGermanLetter(t *testing.T) {
	c := composer(t, letterhead())
	n := sample(TopicToMember, "", false)
	n.Recipient.Name = "Jörg Müller-Weiß"
	m, err := c.Compose(n)
	if err != nil {
		t.Fatal(err)
	}
	o := open(t, m)
	for name, want := range map[string]string{
		"Auto-Submitted": "auto-generated", "Message-Id": "<" + n.MessageID + ">",
		"Date": "Mon, 02 Mar 2026 09:30:00 +0000", "Mime-Version": "1.0", "Content-Language": "de",
	} {
		if got := o.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	to, err := o.header.AddressList("To")
	if err != nil || len(to) != 1 || to[0].Name != "Jörg Müller-Weiß" || to[0].Address != "anna@example.org" {
		t.Errorf("To: %v, %v", to, err)
	}
	last := -1
	for _, s := range []string{
		"Guten Tag Jörg Müller-Weiß,", "neue Dokumente", "https://austausch.example.org/postfach/0815",
		"Mit freundlichen Grüßen", "Kasse Musterland", "Telefon 0123 4567",
	} {
		at := strings.Index(o.text, s)
		if at <= last {
			t.Errorf("%q at %d, after %d in\n%s", s, at, last, o.text)
		}
		last = at
		if !strings.Contains(o.html, s) {
			t.Errorf("HTML lacks %q", s)
		}
	}
	if !strings.Contains(o.html, `<a href="https://austausch.example.org/postfach/0815">`) || !strings.Contains(o.html, `lang="de"`) {
		t.Errorf("HTML:\n%s", o.html)
	}
	for line := range strings.SplitSeq(string(m.Bytes), "\r\n") {
		if len(line) > 998 || strings.ContainsAny(line, "\r\n") {
			t.Errorf("line of %d bytes", len(line))
		}
	}
	if bytes.Contains(bytes.ReplaceAll(m.Bytes, []byte("\r\n"), nil), []byte("\n")) {
		t.Error("a bare LF")
	}
}

// Complaint 33: the language belongs to the recipient, and nothing of the
// other one slips in.
func TestLanguageOfTheRecipient(t *testing.T) {
	english := letterhead()
	english.Authority.Language = "en"
	for _, topic := range Topics {
		for _, several := range []bool{false, true} {
			for _, tc := range []struct {
				c    *Composer
				lang string
				want string
			}{
				{composer(t, letterhead()), "", "de"}, {composer(t, letterhead()), "en", "en"}, {composer(t, letterhead()), "fr", "de"},
				{composer(t, english), "", "en"}, {composer(t, english), "de", "de"},
			} {
				m, err := tc.c.Compose(sample(topic, tc.lang, several))
				if err != nil {
					t.Fatal(err)
				}
				german, eng := strings.Contains(m.Text, "Guten Tag") && strings.Contains(m.Text, "Grüßen"), strings.Contains(m.Text, "Kind regards")
				if german == eng || german != (tc.want == "de") {
					t.Errorf("%s in %q:\n%s", topic, tc.lang, m.Text)
				}
				for _, other := range map[string][]string{"de": {" the ", " your "}, "en": {" Sie ", " der ", " und ", " wurde"}}[tc.want] {
					if strings.Contains(m.Text, other) {
						t.Errorf("%s in %s holds %q:\n%s", topic, tc.want, other, m.Text)
					}
				}
			}
		}
	}
}

// One link per mailbox, numbers escaped, only what is still there, and a bound.
func TestSeveralMailboxes(t *testing.T) {
	n := sample(TopicToAuthority, "de", false)
	n.Data = nil
	n.Items = []Item{
		{Delivery: 1, Member: 2, Number: "08/15 ä", Name: "Stadt <b>", Live: true},
		{Delivery: 2, Member: 3, Number: "0816", Name: "Zurückgezogen", Live: false},
		{Delivery: 3, Member: 1, Number: "0001", Name: "Amt", Live: true},
		{Delivery: 4, Member: 1, Number: "0001", Name: "Amt", Live: true},
	}
	c := composer(t, letterhead())
	m, err := c.Compose(n)
	if err != nil {
		t.Fatal(err)
	}
	o := open(t, m)
	if want := "- 0001 Amt (2): https://austausch.example.org/postfach/0001\r\n- 08/15 ä Stadt <b> (1): https://austausch.example.org/postfach/08%2F15%20%C3%A4\r\n"; !strings.Contains(o.text, want) || strings.Contains(o.text, "0816") {
		t.Errorf("text:\n%s", o.text)
	}
	if strings.Contains(o.html, "<b>") || !strings.Contains(o.html, "Stadt &lt;b&gt;") || strings.Count(o.html, "<li>") != 2 {
		t.Errorf("HTML:\n%s", o.html)
	}
	for i := range 3000 {
		n.Items = append(n.Items, Item{Number: "1" + strings.Repeat("0", i%7) + time.Duration(i).String(), Live: true})
	}
	if m, err = c.Compose(n); err != nil {
		t.Fatal(err)
	}
	if len(m.Bytes) > 64<<10 || !strings.Contains(m.Text, "weitere: https://austausch.example.org/") {
		t.Errorf("%d bytes:\n%s", len(m.Bytes), m.Text)
	}
}

// Header injection: CR, LF and their relatives in every field are refused, or
// cannot leave the body.
func TestNoInjection(t *testing.T) {
	c := composer(t, letterhead())
	evil := []string{"a\r\nBcc: eve@example.org", "a\nb", "a\rb", "a\x00b", "a\u2028b", "a\u202eb", "a\x7fb", "a\xffb"}
	for _, e := range evil {
		for field, set := range map[string]func(*Notice){
			"name":       func(n *Notice) { n.Recipient.Name = e },
			"address":    func(n *Notice) { n.Recipient.Address = e + "@example.org" },
			"domain":     func(n *Notice) { n.Recipient.Address = "a@" + e },
			"message id": func(n *Notice) { n.MessageID = e + "@example.org" },
			"number":     func(n *Notice) { n.Items = []Item{{Number: e, Live: true}} },
			"member":     func(n *Notice) { n.Items = []Item{{Number: "1", Name: e, Live: true}} },
			"signature":  func(n *Notice) { n.Topic, n.Data = TopicRefused, facts{Signature: e}.encode() },
		} {
			n := sample(TopicToMember, "de", false)
			set(&n)
			m, err := c.Compose(n)
			if field == "signature" && !strings.Contains(e, "\xff") && err == nil {
				t.Errorf("%s %q was accepted", field, e)
			} else if field != "signature" && err == nil {
				t.Errorf("%s %q was accepted:\n%s", field, e, m.Bytes)
			}
		}
		for field, set := range map[string]func(*Letterhead){
			"from":    func(h *Letterhead) { h.From = e + " <a@example.org>" },
			"name":    func(h *Letterhead) { h.Authority.Name = e },
			"short":   func(h *Letterhead) { h.Authority.Short = e },
			"contact": func(h *Letterhead) { h.Authority.ServiceContact = e },
			"url":     func(h *Letterhead) { h.URL = "https://" + e + "/" },
		} {
			h := letterhead()
			set(&h)
			if _, err := NewComposer(h); err == nil {
				t.Errorf("%s %q was accepted", field, e)
			}
		}
	}
}

// Whatever goes in: a mail has exactly our headers, or there is no mail.
func FuzzCompose(f *testing.F) {
	f.Add("Anna Beispiel", "anna@example.org", "0815", "Stadt Musterhausen", "id@example.org", "Eicar")
	f.Add("=?utf-8?q?a=0Ab?=", "\"a b\"@example.org", "%Link%", "{{.}}", "a@b", "x\r\n\r\ny")
	c, err := NewComposer(letterhead())
	if err != nil {
		f.Fatal(err)
	}
	known := map[string]bool{}
	for _, h := range []string{"Auto-Submitted", "Content-Language", "Date", "Mime-Version", "Message-Id", "Subject", "X-Auto-Response-Suppress", "From", "To", "Content-Type"} {
		known[h] = true
	}
	f.Fuzz(func(t *testing.T, name, address, number, member, id, signature string) {
		n := sample(TopicToMember, "de", false)
		n.Recipient.Name, n.Recipient.Address, n.MessageID = name, address, id
		n.Data = facts{Signature: signature}.encode()
		n.Items = []Item{{Number: number, Name: member, Live: true}}
		m, err := c.Compose(n)
		if err != nil {
			return
		}
		r, err := mail.ReadMessage(bytes.NewReader(m.Bytes))
		if err != nil {
			t.Fatal(err)
		}
		for h, v := range r.Header {
			if !known[h] || len(v) != 1 {
				t.Fatalf("header %q %q", h, v)
			}
		}
		to, err := r.Header.AddressList("To")
		if err != nil || len(to) != 1 || to[0].Address != m.To {
			t.Fatalf("To %v, %v, want %q", to, err, m.To)
		}
		if decoded, err := new(mime.WordDecoder).DecodeHeader(r.Header.Get("Subject")); err != nil || strings.ContainsAny(decoded, "\r\n") {
			t.Fatalf("subject %q, %v", decoded, err)
		}
	})
}

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"anna@example.org", "ö@bücher.example", "a@b@c", "<a@b>", "a@[127.0.0.1]", "\"x\"@y", "a.@b", "a@b.", "a(c)@b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAddress(s)
		if err != nil {
			return
		}
		again, err := ParseAddress(a)
		if err != nil || again != a || strings.ContainsAny(a, " \r\n\t<>,;\"()") || strings.Count(a, "@") != 1 || len(a) > maxAddress {
			t.Fatalf("%q gives %q, then %q, %v", s, a, again, err)
		}
	})
}

func TestParseAddress(t *testing.T) {
	for in, want := range map[string]string{
		"anna@example.org": "anna@example.org", "a.b+c@x.example": "a.b+c@x.example", "post@bücher.example": "post@xn--bcher-kva.example",
		"Anna <anna@example.org>": "", "anna": "", "@example.org": "", "anna@": "", "a b@example.org": "", `"a b"@example.org`: "",
		"anna@[192.0.2.1]": "", "anna@example.org, eve@example.org": "", "anna@example.org.": "", "": "", " a@example.org": "",
		"a..b@example.org": "", strings.Repeat("a", 65) + "@example.org": "",
	} {
		if got, err := ParseAddress(in); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
}

// K22: editable per installation, %Link%, faults known at the start.
func TestOwnTemplates(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h := letterhead()
	h.Templates = dir
	put("de/to-member.txt", "Neues\r\n\r\nMoin {{.Name}},\r\n\r\nschauen Sie hier: %Link%\r\n")
	put("en/to-member.html", "<p>Ahoy {{.Name}}</p>%Link%")
	c := composer(t, h)
	n := sample(TopicToMember, "de", false)
	n.Recipient.Name = "Anna & Co"
	m, err := c.Compose(n)
	if err != nil {
		t.Fatal(err)
	}
	if o := open(t, m); m.Text != "Neues\n\nMoin Anna & Co,\n\nschauen Sie hier: https://austausch.example.org/postfach/0815\n" || !strings.Contains(o.html, `Moin Anna &amp; Co,`) {
		t.Errorf("%q\n%s", m.Text, o.html)
	}
	n.Recipient.Language = "en"
	if m, err = c.Compose(n); err != nil {
		t.Fatal(err)
	}
	if o := open(t, m); !strings.Contains(o.html, `<p>Ahoy Anna &amp; Co</p><a href="https://austausch.example.org/postfach/0815">`) || !strings.Contains(o.text, "Hello Anna & Co") {
		t.Errorf("%s", o.html)
	}
	for _, bad := range []string{"Betreff\n\n{{.Nonsense}}", "Betreff\n\n{{.Name", "nur eine Zeile", "\n\nohne Betreff", strings.Repeat("x", maxTemplate+1)} {
		put("de/to-member.txt", bad)
		if _, err := NewComposer(h); err == nil || !strings.Contains(err.Error(), "de/to-member.txt") {
			t.Errorf("%.30q: %v", bad, err)
		}
	}
	h.Templates = filepath.Join(dir, "absent")
	if _, err := NewComposer(h); err == nil {
		t.Error("an absent directory was accepted")
	}
}

func TestPreview(t *testing.T) {
	c := composer(t, letterhead())
	for _, topic := range Topics {
		for _, l := range languages {
			if m, err := c.Preview(topic, l); err != nil || m.Text == "" {
				t.Errorf("%s %s: %v", topic, l, err)
			}
		}
	}
	if _, err := c.Preview("nonsense", "de"); mailbox.KindOf(err) != mailbox.NotFound {
		t.Error(err)
	}
}

// The same notice gives the same Message-ID and date however often it is sent (I4).
func TestResentIsRecognised(t *testing.T) {
	c := composer(t, letterhead())
	n := sample(TopicToMember, "de", false)
	n.MessageID = c.NewMessageID()
	first, err := c.Compose(n)
	if err != nil {
		t.Fatal(err)
	}
	n.Attempts = 9
	second, err := c.Compose(n)
	if err != nil {
		t.Fatal(err)
	}
	a, b := open(t, first).header, open(t, second).header
	if a.Get("Message-Id") != "<"+n.MessageID+">" || a.Get("Message-Id") != b.Get("Message-Id") || a.Get("Date") != b.Get("Date") {
		t.Errorf("%v\n%v", a, b)
	}
	if !strings.HasSuffix(n.MessageID, "@kasse.example") || n.MessageID == c.NewMessageID() {
		t.Error(n.MessageID)
	}
}

func BenchmarkCompose(b *testing.B) {
	c, err := NewComposer(letterhead())
	if err != nil {
		b.Fatal(err)
	}
	n := sample(TopicToMember, "de", false)
	for b.Loop() {
		if _, err := c.Compose(n); err != nil {
			b.Fatal(err)
		}
	}
}
