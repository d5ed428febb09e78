// SPDX-License-Identifier: Apache-2.0

package dav

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"unicode/utf8"
)

// Bounds of a request body in XML. The largest that a known client sends is a
// few kilobytes; everything beyond is refused before it costs memory.
const (
	maxXML      = 64 << 10 // bytes
	maxElements = 4096
	maxNesting  = 64
	maxAttrs    = 64 // of one element
	maxBindings = 64 // namespace declarations in force at once
)

const (
	nsDAV = "DAV:"
	nsXML = "http://www.w3.org/XML/1998/namespace"
	xmlns = "xmlns"
)

// node is an element of a request body with its namespaces resolved.
type node struct {
	space, local string
	lang         string // xml:lang in force, "" for none
	prefixed     string // name as written, for values that are kept verbatim
	attrs        []xml.Attr
	declares     []binding // namespace declarations in force, innermost last
	children     []child
}

// child is either text or an element.
type child struct {
	text string
	node *node
}

type binding struct{ prefix, space string }

func (n *node) is(local string) bool { return n.space == nsDAV && n.local == local }

// first gives the first child element DAV:local, nil if there is none.
func (n *node) first(local string) *node {
	for _, c := range n.children {
		if c.node != nil && c.node.is(local) {
			return c.node
		}
	}
	return nil
}

// readXML reads a whole body into a tree; nil for an empty body. Whatever is
// not a well-formed document in UTF-8 with declared namespaces is kind Invalid:
// document types and with them all entities, other encodings, undeclared
// prefixes and xmlns:x="" (litmus propfind_invalid2).
func readXML(body io.Reader) (*node, error) {
	if body == nil {
		return nil, nil
	}
	raw, err := io.ReadAll(io.LimitReader(body, maxXML+1))
	switch {
	case err != nil:
		return nil, errors.Join(malformed("XML"), err)
	case len(raw) > maxXML:
		return nil, malformed("XML: 64 KiB")
	}
	raw = bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, nil
	}
	if bytes.IndexByte(raw, 0) >= 0 || !utf8.Valid(raw) { // UTF-16 and UTF-32 have zero bytes
		return nil, malformed("XML: UTF-8")
	}
	p := xmlParser{dec: xml.NewDecoder(bytes.NewReader(raw))}
	root, err := p.document()
	if err != nil {
		return nil, malformed("XML")
	}
	return root, nil
}

var errXML = errors.New("not well-formed")

// xmlParser resolves namespaces itself, because encoding/xml takes undeclared
// prefixes for namespaces and accepts empty declarations.
type xmlParser struct {
	dec      *xml.Decoder
	elements int
}

// document reads the one root element and what may stand around it.
func (p *xmlParser) document() (*node, error) {
	var root *node
	for {
		tok, err := p.dec.RawToken()
		if errors.Is(err, io.EOF) {
			if root == nil {
				return nil, errXML
			}
			return root, nil
		}
		if err != nil {
			return nil, err
		}
		switch t := tok.(type) {
		case xml.StartElement:
			if root != nil {
				return nil, errXML
			}
			if root, err = p.element(t, []binding{{"xml", nsXML}}, "", 1); err != nil {
				return nil, err
			}
		case xml.EndElement, xml.Directive:
			return nil, errXML
		case xml.CharData:
			// Text around the root is not well-formed, but owncloudcmd sends a
			// stray letter inside its body (CLIENTS.md 1.1), so only blanks are
			// insisted on here and nothing below.
			if len(bytes.TrimSpace(t)) > 0 {
				return nil, errXML
			}
		}
	}
}

// element reads what follows a start tag up to its end tag.
func (p *xmlParser) element(start xml.StartElement, scope []binding, lang string, level int) (*node, error) {
	if p.elements++; p.elements > maxElements || level > maxNesting || len(start.Attr) > maxAttrs {
		return nil, errXML
	}
	n := &node{lang: lang}
	if err := n.open(start, scope); err != nil {
		return nil, err
	}
	for {
		tok, err := p.dec.RawToken()
		if err != nil {
			return nil, err
		}
		switch t := tok.(type) {
		case xml.StartElement:
			c, err := p.element(t, n.declares, n.lang, level+1)
			if err != nil {
				return nil, err
			}
			n.children = append(n.children, child{node: c})
		case xml.EndElement:
			if written(t.Name) != n.prefixed {
				return nil, errXML
			}
			return n, nil
		case xml.CharData:
			n.children = append(n.children, child{text: string(t)})
		case xml.Directive:
			return nil, errXML
		}
	}
}

// open resolves the name and attributes of a start tag in the scope around it.
func (n *node) open(start xml.StartElement, scope []binding) error {
	n.declares = scope[:len(scope):len(scope)]
	n.prefixed = written(start.Name)
	seen := make(map[string]bool, len(start.Attr))
	for _, a := range start.Attr {
		name := written(a.Name)
		if seen[name] || strings.Contains(a.Name.Local, ":") {
			return errXML
		}
		seen[name] = true
		switch {
		case a.Name.Space == xmlns:
			if a.Value == "" || a.Name.Local == xmlns || (a.Name.Local == "xml") != (a.Value == nsXML) {
				return errXML // Namespaces in XML 1.0, section 5: no undeclaring
			}
			n.declares = append(n.declares, binding{a.Name.Local, a.Value})
			continue
		case name == xmlns:
			n.declares = append(n.declares, binding{"", a.Value})
			continue
		case name == "xml:lang":
			n.lang = a.Value
		}
		n.attrs = append(n.attrs, a)
	}
	if len(n.declares) > maxBindings {
		return errXML
	}
	for _, a := range n.attrs {
		if _, ok := lookup(n.declares, a.Name.Space); a.Name.Space != "" && !ok {
			return errXML
		}
	}
	var ok bool
	if n.space, ok = lookup(n.declares, start.Name.Space); !ok || strings.Contains(start.Name.Local, ":") {
		return errXML
	}
	n.local = start.Name.Local
	return nil
}

// lookup finds the namespace of a prefix; the empty prefix always has one.
func lookup(scope []binding, prefix string) (string, bool) {
	for i := len(scope) - 1; i >= 0; i-- {
		if scope[i].prefix == prefix {
			return scope[i].space, true
		}
	}
	return "", prefix == ""
}

func written(name xml.Name) string {
	if name.Space == "" {
		return name.Local
	}
	return name.Space + ":" + name.Local
}
