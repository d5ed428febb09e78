// SPDX-License-Identifier: Apache-2.0

package test

import (
	"strings"
	"testing"
	"unicode/utf16"

	"postfach/test/world"
)

// TestXMLAttacks: answered 400 (or 413 for size) quickly and without growth of
// memory (issue 2, "Shown by").
func TestXMLAttacks(t *testing.T) {
	w := whole(t, world.Everybody())
	w.Put(t, "anna", "/dav/an_KVBbg/f", "x")
	head := `<?xml version="1.0"?>`
	attacks := map[string]string{
		"entity bomb": head + `<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">` +
			`<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><D:propfind xmlns:D="DAV:"><D:prop><D:x>&c;</D:x></D:prop></D:propfind>`,
		"external entity": head + `<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><D:propfind xmlns:D="DAV:"><D:prop><D:a>&x;</D:a></D:prop></D:propfind>`,
		"deep nesting":    head + `<D:propfind xmlns:D="DAV:"><D:prop>` + strings.Repeat("<D:a>", 20000),
		"deep and closed": head + `<D:propfind xmlns:D="DAV:"><D:prop>` + strings.Repeat("<D:a>", 5000) + strings.Repeat("</D:a>", 5000) + `</D:prop></D:propfind>`,
		"huge attribute":  head + `<D:propfind xmlns:D="DAV:" a="` + strings.Repeat("a", 8<<20) + `"/>`,
		"empty prefix":    `<?xml version="1.0"?><propfind xmlns:x=""><x:prop/></propfind>`,
		"no XML":          "das ist kein XML",
		"cut short":       head + `<D:propfind xmlns:D="DAV:"><D:prop><D:getet`,
		"UTF-16":          string(utf16Bytes(`<?xml version="1.0" encoding="UTF-16"?><D:propfind xmlns:D="DAV:"><D:allprop/></D:propfind>`)),
		"wrong encoding":  `<?xml version="1.0" encoding="EBCDIC-CP-DE"?><D:propfind xmlns:D="DAV:"><D:allprop/></D:propfind>`,
	}
	peak := peakKiB(t, w.PID())
	for name, body := range attacks {
		for _, method := range []string{"PROPFIND", "PROPPATCH", "LOCK"} {
			a := w.Do(t, world.Exchange{As: "anna", Method: method, Path: "/dav/an_KVBbg/f", Header: depth0, Body: body})
			if a.Status != 400 && a.Status != 413 {
				t.Errorf("%s by %s: %d, want 400\n%.200s", name, method, a.Status, a.Body)
			}
			if strings.Contains(string(a.Body), "root:") {
				t.Errorf("%s by %s reads files", name, method)
			}
		}
	}
	if grown := peakKiB(t, w.PID()) - peak; grown > 64<<10 {
		t.Errorf("memory grew by %d KiB", grown)
	}
	w.Get(t, "anna", "/dav/an_KVBbg/f") // alive
}

func utf16Bytes(s string) []byte {
	b := []byte{0xFF, 0xFE}
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return b
}
