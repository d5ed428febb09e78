// SPDX-License-Identifier: Apache-2.0

package syslog

import (
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	facility = 3    // system daemons, RFC 5424 section 6.2.1
	maxValue = 1024 // bytes of one value
	maxLine  = 8192 // what a transport should take at least is 2048 (section 6.1)
	// dataID names our structured data. 32473 is the enterprise number of
	// documentation (RFC 5612); the project has none of its own.
	dataID = "postfach@32473"
)

// severity of RFC 5424 section 6.2.1.
func severity(l slog.Level) int {
	switch {
	case l >= slog.LevelError:
		return 3
	case l >= slog.LevelWarn:
		return 4
	case l >= slog.LevelInfo:
		return 6
	}
	return 7
}

// message is a record in the form of RFC 5424 section 6.
func (h *Handler) message(r slog.Record) []byte {
	b := make([]byte, 0, 256)
	b = append(b, '<')
	b = strconv.AppendInt(b, int64(facility*8+severity(r.Level)), 10)
	b = append(b, ">1 "...)
	if r.Time.IsZero() {
		b = append(b, '-')
	} else {
		b = r.Time.UTC().AppendFormat(b, "2006-01-02T15:04:05.000000Z")
	}
	b = append(b, ' ')
	b = appendWord(b, h.o.Host, 255)
	b = append(b, " postfach "...)
	b = strconv.AppendInt(b, int64(os.Getpid()), 10)
	b = append(b, ' ')
	b = appendWord(b, r.Message, 32)
	b = append(b, ' ')
	data := append([]byte(nil), h.attrs...)
	r.Attrs(func(a slog.Attr) bool {
		data = appendAttr(data, h.group, a)
		return len(data) < maxLine/2
	})
	if len(data) == 0 {
		b = append(b, '-')
	} else {
		b = append(b, "["+dataID...)
		b = append(b, data...)
		b = append(b, ']')
	}
	b = append(b, ' ')
	text := clean(r.Message, maxValue)
	if strings.ContainsFunc(text, func(c rune) bool { return c > unicode.MaxASCII }) {
		b = append(b, "\ufeff"...)
	}
	return append(b, text...)
}

// appendWord writes a header field: printable ASCII without spaces, or "-".
func appendWord(b []byte, s string, most int) []byte {
	n := len(b)
	for _, c := range s {
		if len(b)-n == most {
			break
		}
		if c <= ' ' || c > '~' {
			c = '-'
		}
		b = append(b, byte(c))
	}
	if len(b) == n {
		b = append(b, '-')
	}
	return b
}

// appendAttr writes name="value" (section 6.3); groups become prefixes.
func appendAttr(b []byte, group string, a slog.Attr) []byte {
	v := a.Value.Resolve()
	if v.Kind() == slog.KindGroup {
		if a.Key != "" {
			group += a.Key + "."
		}
		for _, inner := range v.Group() {
			b = appendAttr(b, group, inner)
		}
		return b
	}
	if a.Equal(slog.Attr{}) || len(b) >= maxLine/2 {
		return b
	}
	b = append(b, ' ')
	b = appendName(b, group+a.Key)
	b = append(b, `="`...)
	text := v.String()
	if v.Kind() == slog.KindTime {
		text = v.Time().UTC().Format(time.RFC3339Nano)
	}
	for _, c := range clean(text, maxValue) {
		if c == '"' || c == '\\' || c == ']' {
			b = append(b, '\\')
		}
		b = utf8.AppendRune(b, c)
	}
	return append(b, '"')
}

// appendName writes a parameter's name: printable ASCII but = ] " and spaces, at
// most 32.
func appendName(b []byte, s string) []byte {
	n := len(b)
	b = appendWord(b, s, 32)
	for i := n; i < len(b); i++ {
		if strings.IndexByte(`=]"`, b[i]) >= 0 {
			b[i] = '-'
		}
	}
	return b
}

// clean makes text of one line: valid UTF-8, nothing that a terminal obeys.
func clean(s string, most int) string {
	s = strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || unicode.Is(unicode.Cf, c) || c == '\u2028' || c == '\u2029' {
			return unicode.ReplacementChar
		}
		return c
	}, strings.ToValidUTF8(s, "\ufffd"))
	if len(s) <= most {
		return s
	}
	s = s[:most]
	for len(s) > 0 && !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s
}
