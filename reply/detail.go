// SPDX-License-Identifier: Apache-2.0

package reply

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"errors"
	"net/http"

	"postfach/mailbox"
)

// detail adds to an error what only a protocol knows: a status that no kind
// has, and the precondition of RFC 4918 section 16 that failed.
type detail struct {
	Status  int      // 0 means that of the kind
	Element string   // for example "lock-token-submitted", in namespace DAV:
	Hrefs   []string // inside that element, percent-encoded
	Err     error
}

func (d *detail) Error() string { return d.Err.Error() }

func (d *detail) Unwrap() error { return d.Err }

// WithStatus answers err with code where the protocol asks for a status that
// is no class of mailbox errors (RFC 4918: 415 for a MKCOL body, 502 for a
// foreign Destination).
func WithStatus(code int, err error) error { return &detail{Status: code, Err: err} }

// WithElement names the DAV precondition that err violates.
func WithElement(element string, err error, hrefs ...string) error {
	return &detail{Element: element, Hrefs: hrefs, Err: err}
}

// exception is the class that sync clients show when there is no message. It
// is never Sabre's ServiceUnavailable, which ends a whole synchronisation run
// (CLIENTS.md 1.8).
var exception = map[int]string{
	http.StatusUnauthorized:         `Sabre\DAV\Exception\NotAuthenticated`,
	http.StatusForbidden:            `Sabre\DAV\Exception\Forbidden`,
	http.StatusNotFound:             `Sabre\DAV\Exception\NotFound`,
	http.StatusMethodNotAllowed:     `Sabre\DAV\Exception\MethodNotAllowed`,
	http.StatusConflict:             `Sabre\DAV\Exception\Conflict`,
	http.StatusPreconditionFailed:   `Sabre\DAV\Exception\PreconditionFailed`,
	http.StatusUnsupportedMediaType: `Sabre\DAV\Exception\UnsupportedMediaType`,
	http.StatusLocked:               `Sabre\DAV\Exception\Locked`,
	http.StatusInsufficientStorage:  `Sabre\DAV\Exception\InsufficientStorage`,
	http.StatusBadRequest:           `Sabre\DAV\Exception\BadRequest`,
}

// davError is the error document of RFC 4918 section 14.5 with the two elements
// that sync clients read.
func davError(err error, code int, text string) []byte {
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="utf-8"?>` + "\n")
	b.WriteString(`<d:error xmlns:d="DAV:" xmlns:s="http://sabredav.org/ns">`)
	if element, hrefs := condition(err); element != "" {
		writeElement(&b, element, hrefs)
	}
	name, ok := exception[code]
	if !ok {
		name = cmp.Or(http.StatusText(code), "Error")
	}
	b.WriteString("<s:exception>")
	_ = xml.EscapeText(&b, []byte(name)) // a Buffer does not fail
	b.WriteString("</s:exception><s:message>")
	_ = xml.EscapeText(&b, []byte(text))
	b.WriteString("</s:message></d:error>\n")
	return b.Bytes()
}

func writeElement(b *bytes.Buffer, element string, hrefs []string) {
	if len(hrefs) == 0 {
		b.WriteString("<d:" + element + "/>")
		return
	}
	b.WriteString("<d:" + element + ">")
	for _, h := range hrefs {
		b.WriteString("<d:href>")
		_ = xml.EscapeText(b, []byte(h))
		b.WriteString("</d:href>")
	}
	b.WriteString("</d:" + element + ">")
}

// condition is the precondition element of err: the one its door named, else
// the one that RFC 4918 or RFC 4331 gives to its kind.
func condition(err error) (element string, hrefs []string) {
	if d, ok := errors.AsType[*detail](err); ok && d.Element != "" {
		return d.Element, d.Hrefs
	}
	switch mailbox.KindOf(err) {
	case mailbox.Locked:
		return "lock-token-submitted", nil
	case mailbox.OverQuota:
		return "quota-not-exceeded", nil
	}
	return "", nil
}
