// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"cmp"
	"slices"

	"postfach/mailbox"
)

// Node is an entry with its place in the tree, in view or not.
type Node struct {
	ID      mailbox.EntryID
	Member  mailbox.MemberID
	Parent  mailbox.EntryID // the folder that it stands in, or stood in when it went out of view; 0 for a fixed one
	Fixed   string          // the fixed folder above it, by name; "" for the root
	Name    string
	Path    string // in view; "" when out of view
	Folder  bool
	Version mailbox.VersionID
	Removed bool // it went out of view itself, not with a folder above it
	Placed  bool // the log says where it stands or stood
	Faulty  bool // records about it did not fit
}

// maxDepth is deeper than any path is.
const maxDepth = 10_000

// Nodes gives all entries, folders before what stands in them.
func (l *Log) Nodes() []Node {
	all := make([]Node, 0, len(l.nodes))
	depth := make(map[mailbox.EntryID]int, len(l.nodes))
	for id, n := range l.nodes {
		x := Node{ID: id, Member: n.member, Name: n.name, Path: n.path(), Folder: n.folder, Version: n.version,
			Removed: n.parent == nil, Faulty: l.faulted[id]}
		if up := n.above(); up != nil {
			x.Placed, x.Parent = true, up.id
		}
		for up := n.above(); up != nil; up = up.above() {
			if depth[id]++; depth[id] > maxDepth {
				x.Placed = false
				break
			}
			if up.id == 0 && up.above() != nil {
				x.Fixed = up.name
			}
		}
		all = append(all, x)
	}
	slices.SortFunc(all, func(a, b Node) int { return cmp.Or(depth[a.ID]-depth[b.ID], cmp.Compare(a.ID, b.ID)) })
	return all
}

// above is the folder of a node, or the one that it was taken out of.
func (n *node) above() *node {
	if n.parent != nil {
		return n.parent
	}
	return n.was
}
