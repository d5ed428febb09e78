// SPDX-License-Identifier: Apache-2.0

package mailcatcher

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/emersion/go-message"
	"github.com/emersion/go-message/mail"
)

// Mail is one that came. Raw is the truth; the other fields are read from it
// for people and tests, and empty where it cannot be read.
type Mail struct {
	ID        int       `json:"id"`
	From      string    `json:"from"` // envelope
	To        []string  `json:"to"`   // envelope
	Time      time.Time `json:"time"`
	TLS       bool      `json:"tls"` // came encrypted
	MessageID string    `json:"message_id"`
	Subject   string    `json:"subject"`
	Text      string    `json:"text"`
	HTML      string    `json:"html"`
	Raw       []byte    `json:"-"`
}

// maxParts bounds how many parts of a mail are looked at.
const maxParts = 50

func parse(raw []byte) Mail {
	m := Mail{Raw: raw}
	r, err := mail.CreateReader(bytes.NewReader(raw))
	if err != nil && !message.IsUnknownCharset(err) {
		return m
	}
	defer r.Close()
	m.Subject, _ = r.Header.Subject()
	m.MessageID, _ = r.Header.MessageID()
	for range maxParts {
		p, err := r.NextPart()
		if errors.Is(err, io.EOF) || p == nil {
			break
		}
		h, ok := p.Header.(*mail.InlineHeader)
		if !ok {
			continue
		}
		body, err := io.ReadAll(p.Body)
		if err != nil {
			break
		}
		text := strings.ReplaceAll(string(body), "\r\n", "\n")
		switch kind, _, _ := h.ContentType(); kind {
		case "text/html":
			m.HTML += text
		case "text/plain":
			m.Text += text
		}
	}
	return m
}
