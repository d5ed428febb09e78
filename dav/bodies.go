// SPDX-License-Identifier: Apache-2.0

package dav

import (
	"encoding/xml"
	"io"

	"postfach/mailbox"
)

// maxProps bounds the properties that one request may name.
const maxProps = 256

// propfind is what a PROPFIND body asks for (RFC 4918 section 14.20).
type propfind struct {
	allprop  bool // also for an empty body
	propname bool
	props    []xml.Name // of prop, or of include beside allprop; no repetitions
}

// readPropfind reads the body of a PROPFIND. Empty means allprop.
func readPropfind(body io.Reader) (propfind, error) {
	root, err := readXML(body)
	if err != nil {
		return propfind{}, err
	}
	if root == nil {
		return propfind{allprop: true}, nil
	}
	if !root.is("propfind") {
		return propfind{}, malformed("propfind")
	}
	prop, include := root.first("prop"), root.first("include")
	all, names := root.first("allprop") != nil, root.first("propname") != nil
	switch {
	case all && !names && prop == nil:
		f := propfind{allprop: true}
		if include != nil {
			f.props, err = childNames(include)
		}
		return f, err
	case names && !all && prop == nil && include == nil:
		return propfind{propname: true}, nil
	case prop != nil && !all && !names && include == nil:
		f := propfind{}
		f.props, err = childNames(prop)
		return f, err
	}
	return propfind{}, malformed("propfind")
}

// childNames lists the child elements of n, each once.
func childNames(n *node) ([]xml.Name, error) {
	var names []xml.Name
	seen := map[xml.Name]bool{}
	for _, c := range n.children {
		if c.node == nil {
			continue
		}
		name := xml.Name{Space: c.node.space, Local: c.node.local}
		if seen[name] {
			continue
		}
		seen[name] = true
		if names = append(names, name); len(names) > maxProps {
			return nil, mailbox.E(mailbox.Invalid, mailbox.ReasonProps)
		}
	}
	return names, nil
}

// patch is one instruction of a PROPPATCH.
type patch struct {
	remove bool
	name   xml.Name
	xml    string // the whole element, self-contained; "" for remove
	text   string // its character data
}

// readPropertyUpdate reads the body of a PROPPATCH (RFC 4918 section 14.19):
// the instructions in document order.
func readPropertyUpdate(body io.Reader) ([]patch, error) {
	root, err := readXML(body)
	if err != nil {
		return nil, err
	}
	if root == nil || !root.is("propertyupdate") {
		return nil, malformed("propertyupdate")
	}
	var all []patch
	for _, c := range root.children {
		if c.node == nil || !c.node.is("set") && !c.node.is("remove") {
			continue
		}
		prop := c.node.first("prop")
		if prop == nil {
			return nil, malformed("propertyupdate")
		}
		for _, v := range prop.children {
			if v.node == nil {
				continue
			}
			p := patch{remove: c.node.is("remove"), name: xml.Name{Space: v.node.space, Local: v.node.local}}
			if !p.remove {
				p.xml, p.text = v.node.element(), v.node.text()
			}
			if all = append(all, p); len(all) > maxProps {
				return nil, mailbox.E(mailbox.Invalid, mailbox.ReasonProps)
			}
		}
	}
	if len(all) == 0 {
		return nil, malformed("propertyupdate")
	}
	return all, nil
}

// lockinfo is what a LOCK body asks for (RFC 4918 section 14.11).
type lockinfo struct {
	exclusive bool
	owner     string // content of the owner element, self-contained
}

// maxOwner bounds an owner, in bytes: clients write a name or an address.
const maxOwner = 4096

// readLockInfo reads the body of a LOCK. refresh is true for an empty one.
func readLockInfo(body io.Reader) (info lockinfo, refresh bool, err error) {
	root, err := readXML(body)
	if err != nil || root == nil {
		return lockinfo{}, err == nil, err
	}
	scope, kind := root.first("lockscope"), root.first("locktype")
	if !root.is("lockinfo") || scope == nil || kind == nil || kind.first("write") == nil {
		return lockinfo{}, false, malformed("lockinfo")
	}
	exclusive, shared := scope.first("exclusive") != nil, scope.first("shared") != nil
	if exclusive == shared {
		return lockinfo{}, false, malformed("lockinfo")
	}
	info.exclusive = exclusive
	if o := root.first("owner"); o != nil {
		info.owner = o.content()
	}
	if len(info.owner) > maxOwner {
		return lockinfo{}, false, mailbox.E(mailbox.Invalid, mailbox.ReasonProps)
	}
	return info, false, nil
}
