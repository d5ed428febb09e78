// SPDX-License-Identifier: Apache-2.0

package dav

import (
	"encoding/xml"
	"slices"
	"strings"
)

// Values that clients hand us to keep (dead properties, lock owners) are
// written anew from the tree: names, prefixes, attributes and text stay (RFC
// 4918 section 4.3), comments go, and every piece declares the namespaces it
// uses, so that it can stand in any answer.

// element serialises n as a self-contained element, with the xml:lang that is
// in force at it.
func (n *node) element() string {
	b := n.begin(nil, n.needs())
	if n.lang != "" && !slices.ContainsFunc(n.attrs, func(a xml.Attr) bool { return written(a.Name) == "xml:lang" }) {
		b = appendAttr(b, "xml:lang", n.lang)
	}
	return string(n.rest(b))
}

// content serialises what stands inside n, each element self-contained.
func (n *node) content() string {
	var b []byte
	for _, c := range n.children {
		if c.node == nil {
			b = appendText(b, c.text)
		} else {
			b = append(b, c.node.element()...)
		}
	}
	return string(b)
}

// begin begins the start tag of n, as written, with the bindings on it.
func (n *node) begin(b []byte, declare []binding) []byte {
	b = append(append(b, '<'), n.prefixed...)
	for _, d := range declare {
		if d.prefix == "" {
			b = appendAttr(b, xmlns, d.space)
		} else {
			b = appendAttr(b, xmlns+":"+d.prefix, d.space)
		}
	}
	for _, a := range n.attrs {
		b = appendAttr(b, written(a.Name), a.Value)
	}
	return b
}

// rest ends the start tag and writes the content and the end tag. Inside,
// declarations stand where the client put them.
func (n *node) rest(b []byte) []byte {
	if len(n.children) == 0 {
		return append(b, "/>"...)
	}
	b = append(b, '>')
	for _, c := range n.children {
		if c.node == nil {
			b = appendText(b, c.text)
		} else {
			b = c.node.rest(c.node.begin(b, c.node.declares[len(n.declares):]))
		}
	}
	return append(append(append(b, "</"...), n.prefixed...), '>')
}

// needs gives the bindings in force at n that something in its subtree may use:
// the default namespace always, a prefix when it stands before a colon
// anywhere, even in text, where a qualified name may be a value.
func (n *node) needs() []binding {
	var used []binding
	seen := map[string]bool{"xml": true}
	for _, d := range slices.Backward(n.declares) {
		if seen[d.prefix] {
			continue
		}
		seen[d.prefix] = true
		if d.space != "" && (d.prefix == "" || n.mentions(d.prefix+":")) {
			used = append(used, d)
		}
	}
	slices.Reverse(used)
	return used
}

func (n *node) mentions(colon string) bool {
	if strings.HasPrefix(n.prefixed, colon) {
		return true
	}
	for _, a := range n.attrs {
		if strings.HasPrefix(written(a.Name), colon) || strings.Contains(a.Value, colon) {
			return true
		}
	}
	return slices.ContainsFunc(n.children, func(c child) bool {
		return strings.Contains(c.text, colon) || c.node != nil && c.node.mentions(colon)
	})
}

// text is the character data directly inside n, without blanks around it.
func (n *node) text() string {
	var b strings.Builder
	for _, c := range n.children {
		b.WriteString(c.text)
	}
	return strings.TrimSpace(b.String())
}
