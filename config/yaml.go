// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// maxOpeners bounds how deep values can be nested: the parser's work grows
// with the square of it.
const maxOpeners = 1000

// document parses a file of one mapping. A value is never interpreted here:
// what YAML takes for a number or a truth value reaches us as it was written.
func document(text []byte) (m *ast.MappingNode, err error) {
	defer func() {
		if p := recover(); p != nil {
			m, err = nil, fmt.Errorf("this is not YAML that can be read: %v", p)
		}
	}()
	for _, opener := range []string{"[", "{", "- ", "? ", ": "} {
		if bytes.Count(text, []byte(opener)) > maxOpeners {
			return nil, fmt.Errorf("the file holds %q more than %d times", opener, maxOpeners)
		}
	}
	file, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, err
	}
	var body ast.Node
	for _, d := range file.Docs {
		if d.Body == nil || d.Body.Type() == ast.CommentType || d.Body.Type() == ast.NullType {
			continue
		}
		if body != nil {
			return nil, errors.New("the file holds more than one document")
		}
		body = d.Body
	}
	switch b := body.(type) {
	case nil:
		return &ast.MappingNode{}, nil
	case *ast.MappingNode:
		return b, nil
	}
	return nil, fmt.Errorf("the file must hold keys with values, this is a %s", kindName(body))
}

// yamlFault says where and why a file is no YAML.
func yamlFault(err error) (line int, text string) {
	if e, ok := errors.AsType[yaml.Error](err); ok {
		if t := e.GetToken(); t != nil && t.Position != nil {
			line = t.Position.Line
		}
		return line, e.GetMessage()
	}
	return 0, err.Error()
}

func lineOf(n ast.Node) int {
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return 0
	}
	return n.GetToken().Position.Line
}

// kindName is the word for a kind of node in a sentence.
func kindName(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode:
		return "group of keys"
	case *ast.SequenceNode:
		return "list"
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode:
		return "reference; references are not supported here"
	case *ast.TagNode:
		return "value with a tag; tags are not supported here"
	}
	return "single value"
}

// scalar gives a single value as it was written, without its quotes.
func scalar(n ast.Node) (string, bool) {
	switch v := n.(type) {
	case *ast.StringNode:
		return v.Value, true
	case *ast.LiteralNode:
		return strings.TrimRight(v.Value.Value, "\n"), true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	}
	return "", false
}
