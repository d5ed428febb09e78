// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"html"
	htmltemplate "html/template"
	"strings"
)

// page fills layout.html.
type page struct {
	Language string
	Subject  string
	Body     htmltemplate.HTML
}

// toHTML makes the HTML part of the plain text: paragraphs, lists of lines that
// begin with "- ", and links to our own site only. Everything is escaped.
func toHTML(text, base string) htmltemplate.HTML {
	var b strings.Builder
	for block := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		lines := strings.Split(strings.Trim(block, "\n"), "\n")
		if isList(lines) {
			b.WriteString("<ul>\n")
			for _, l := range lines {
				b.WriteString("<li>" + linked(strings.TrimPrefix(l, "- "), base) + "</li>\n")
			}
			b.WriteString("</ul>\n")
			continue
		}
		b.WriteString("<p>")
		for i, l := range lines {
			if i > 0 {
				b.WriteString("<br>\n")
			}
			b.WriteString(linked(l, base))
		}
		b.WriteString("</p>\n")
	}
	return htmltemplate.HTML(b.String())
}

func isList(lines []string) bool {
	for _, l := range lines {
		if !strings.HasPrefix(l, "- ") {
			return false
		}
	}
	return true
}

// linked escapes a line; words that begin with our own address become links.
func linked(line, base string) string {
	words := strings.Split(line, " ")
	for i, w := range words {
		e := html.EscapeString(w)
		if strings.HasPrefix(w, base+"/") {
			e = `<a href="` + e + `">` + e + `</a>`
		}
		words[i] = e
	}
	return strings.Join(words, " ")
}
