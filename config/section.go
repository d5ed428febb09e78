// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// reader gathers faults while sections are read, and remembers every key that
// was asked for: these are the keys that exist.
type reader struct {
	file   string
	faults Faults
	keys   []string
}

// section is one group of keys. Reading a key that is missing gives its
// default; reading one that is wrong gives its default and a fault.
type section struct {
	r      *reader
	prefix string // "" or "scan."
	line   int    // of the group, 1 at the top
	nodes  map[string]ast.Node
	lines  map[string]int
	asked  map[string]bool
}

func (r *reader) section(prefix string, line int, m *ast.MappingNode) *section {
	s := &section{r: r, prefix: prefix, line: line,
		nodes: map[string]ast.Node{}, lines: map[string]int{}, asked: map[string]bool{}}
	for _, v := range m.Values {
		key, ok := scalar(v.Key)
		at := lineOf(v.Key)
		switch _, twice := s.nodes[key]; {
		case !ok:
			r.add(at, strings.TrimSuffix(prefix, "."), "the key is a "+kindName(v.Key))
		case twice:
			r.add(at, prefix+key, fmt.Sprintf("is given twice, first in line %d", s.lines[key]))
		default:
			s.nodes[key], s.lines[key] = v.Value, at
			if v.Value == nil {
				s.nodes[key] = &ast.NullNode{}
			}
		}
	}
	return s
}

func (r *reader) add(line int, key, text string) {
	r.faults = append(r.faults, Fault{File: r.file, Line: line, Key: key, Text: text})
}

// fault complains about a key, in its line or else in that of its group.
func (s *section) fault(key, format string, args ...any) {
	line, ok := s.lines[key]
	if !ok {
		line = s.line
	}
	s.r.add(line, s.prefix+key, fmt.Sprintf(format, args...))
}

// ask marks a key as existing and gives its value; nil when it is missing.
func (s *section) ask(key string) ast.Node {
	if !s.asked[key] {
		s.asked[key] = true
		s.r.keys = append(s.r.keys, s.prefix+key)
	}
	return s.nodes[key]
}

// empty says whether the key stands there without a value.
func empty(n ast.Node) bool { return n.Type() == ast.NullType }

// given says whether the file holds the key.
func (s *section) given(key string) bool { return s.nodes[key] != nil }

// text reads a single value, "" when it is missing.
func (s *section) text(key string) string {
	return s.read(key, "has no value; remove the line to get the default")
}

// read is text that says with words of its own that the value is left out.
func (s *section) read(key, without string) string {
	n := s.ask(key)
	if n == nil {
		return ""
	}
	v, ok := scalar(n)
	switch {
	case empty(n):
		s.fault(key, "%s", without)
		return ""
	case !ok:
		s.fault(key, "must be a single value, this is a %s", kindName(n))
		return ""
	case strings.TrimSpace(v) == "":
		s.fault(key, "is empty")
		return ""
	case strings.ContainsFunc(v, isControl):
		s.fault(key, "holds a line break or another control character")
		return ""
	}
	return v
}

func isControl(r rune) bool {
	return r < 0x20 || r == 0x7f || r >= 0x80 && r < 0xa0 || r == '\u2028' || r == '\u2029'
}

// required is text that must be there.
func (s *section) required(key, example string) string {
	v := s.read(key, fmt.Sprintf("has no value; give one, for example %s: %s", key, example))
	if v == "" && !s.given(key) {
		s.fault(key, "is missing, for example %s: %s", key, example)
	}
	return v
}

// value reads a single value through a parser.
func value[T any](s *section, key string, otherwise T, parse func(string) (T, error)) T {
	text := s.text(key)
	if text == "" {
		return otherwise
	}
	v, err := parse(text)
	if err != nil {
		s.fault(key, "%v", err)
		return otherwise
	}
	return v
}

// choice reads one of a few words, the first of which is the default.
func (s *section) choice(key string, words ...string) string {
	return value(s, key, words[0], func(text string) (string, error) {
		if slices.Contains(words, text) {
			return text, nil
		}
		return "", fmt.Errorf("%q is none of %s", text, strings.Join(words, ", "))
	})
}

// item is a member of a list with its line.
type item struct {
	text string
	line int
}

// list reads a list of single values.
func (s *section) list(key string) []item {
	n := s.ask(key)
	if n == nil {
		return nil
	}
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		s.fault(key, "must be a list such as [A, B], this is a %s", kindName(n))
		return nil
	}
	if len(seq.Values) == 0 {
		s.fault(key, "holds nothing; remove the line instead")
	}
	var items []item
	for _, v := range seq.Values {
		text, ok := scalar(v)
		if !ok {
			s.r.add(lineOf(v), s.prefix+key, "must hold single values, this is a "+kindName(v))
			continue
		}
		items = append(items, item{text, lineOf(v)})
	}
	return items
}

// sub reads a group of keys; a missing one is read as an empty one.
func (s *section) sub(key string) *section {
	n := s.ask(key)
	if n == nil {
		return s.r.section(s.prefix+key+".", s.line, &ast.MappingNode{})
	}
	if empty(n) { // all its keys are switched off
		return s.r.section(s.prefix+key+".", s.lines[key], &ast.MappingNode{})
	}
	m, ok := n.(*ast.MappingNode)
	if !ok {
		s.fault(key, "must be a group of keys, this is a %s", kindName(n))
		m = &ast.MappingNode{}
	}
	return s.r.section(s.prefix+key+".", s.lines[key], m)
}

// done complains about every key that nobody asked for.
func (s *section) done() {
	for _, key := range slices.Sorted(maps.Keys(s.nodes)) {
		if !s.asked[key] {
			s.fault(key, "unknown key; known here: %s", strings.Join(slices.Sorted(maps.Keys(s.asked)), ", "))
		}
	}
}
