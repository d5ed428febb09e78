// SPDX-License-Identifier: Apache-2.0

package dav

import "unicode/utf8"

// appendText appends s as XML character data, also fit for attribute values:
// markup and line breaks become references, and what XML 1.0 cannot hold
// becomes U+FFFD. Plain stretches are copied whole.
func appendText(dst []byte, s string) []byte {
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 || r == 0xFFFE || r == 0xFFFF {
				dst = append(append(dst, s[start:i]...), "\uFFFD"...)
				start = i + n
			}
			i += n
			continue
		}
		if ref := reference(c); ref != "" {
			dst = append(append(dst, s[start:i]...), ref...)
			start = i + 1
		}
		i++
	}
	return append(dst, s[start:]...)
}

// reference is what stands for c in XML; "" when c stands for itself.
func reference(c byte) string {
	switch c {
	case '&':
		return "&amp;"
	case '<':
		return "&lt;"
	case '>':
		return "&gt;"
	case '"':
		return "&#34;"
	case '\t':
		return "&#9;"
	case '\n':
		return "&#10;"
	case '\r':
		return "&#13;"
	}
	if c < 0x20 {
		return "\uFFFD"
	}
	return ""
}

func appendAttr(dst []byte, name, value string) []byte {
	dst = append(append(append(dst, ' '), name...), `="`...)
	return append(appendText(dst, value), '"')
}
