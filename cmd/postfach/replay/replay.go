// SPDX-License-Identifier: Apache-2.0

// Package replay rebuilds the mailboxes from the audit log alone, so that the
// stock can be compared with what the catalog says (D8, invariant I3). It is
// pure: no catalog, file or clock; package main brings records and states.
package replay

import (
	"fmt"
	"strings"

	"postfach/mailbox"
)

// State is what a log or a catalog says of the mailboxes.
type State struct {
	Members  map[mailbox.MemberID]string // numbers
	Entries  map[mailbox.EntryID]Entry   // without the mailboxes themselves and their fixed folders
	Versions map[mailbox.VersionID]Version
}

// Entry is a file or folder that is or was in a mailbox.
type Entry struct {
	Member  mailbox.MemberID
	Path    string // inside the mailbox; "" when out of view
	Folder  bool
	Version mailbox.VersionID // the current one; zero for folders
}

// Version is one content.
type Version struct {
	Entry  mailbox.EntryID
	SHA256 [32]byte
	Size   int64 // bytes
	Purged bool  // the bytes were given up because room was needed
}

// NewState is an empty one.
func NewState() State {
	return State{Members: make(map[mailbox.MemberID]string), Entries: make(map[mailbox.EntryID]Entry),
		Versions: make(map[mailbox.VersionID]Version)}
}

// opPurge gives up the bytes of the record's version (mailbox.Tx.Purge).
const opPurge mailbox.Operation = "purge"

// maxFaults is how many faults are told one by one.
const maxFaults = 1000

// Log takes records in the order of their sequence.
type Log struct {
	// Gapless says that sequences have no gaps (SQLite; not PostgreSQL), so
	// that a missing record shows by its number.
	Gapless bool

	versions map[mailbox.VersionID]Version
	numbers  map[mailbox.MemberID]string
	roots    map[mailbox.MemberID]*node
	nodes    map[mailbox.EntryID]*node
	last     int64
	faults   []string
	faulted  map[mailbox.EntryID]bool // entries with records that do not fit
}

// node is an entry in the tree that grows. A removed one keeps what is below
// it, since it comes back with it.
type node struct {
	id      mailbox.EntryID // 0 for a mailbox and its fixed folders
	member  mailbox.MemberID
	parent  *node
	name    string
	folder  bool
	version mailbox.VersionID
	below   map[string]*node // in view, by name key
	was     *node            // the folder it stood in when it went out of view
}

// NewLog is one without records.
func NewLog() *Log {
	return &Log{versions: make(map[mailbox.VersionID]Version), numbers: make(map[mailbox.MemberID]string),
		roots: make(map[mailbox.MemberID]*node), nodes: make(map[mailbox.EntryID]*node), faulted: make(map[mailbox.EntryID]bool)}
}

func (l *Log) fault(r mailbox.Record, format string, args ...any) {
	if r.Entry != 0 {
		l.faulted[r.Entry] = true
	}
	if len(l.faults) <= maxFaults {
		l.faults = append(l.faults, fmt.Sprintf("record %d (%s): ", r.Sequence, r.Operation)+fmt.Sprintf(format, args...))
	}
}

// Faults are records that do not fit what came before them.
func (l *Log) Faults() []string { return l.faults }

// Apply takes the next record.
func (l *Log) Apply(r mailbox.Record) {
	if r.Sequence <= l.last {
		l.fault(r, "comes after record %d", l.last)
	}
	// What was recorded after a backup is lost with it; numbers go on far behind.
	if l.Gapless && r.Sequence > l.last+1 && r.Operation != mailbox.OpRevive {
		l.fault(mailbox.Record{Sequence: r.Sequence, Operation: r.Operation}, "records %d to %d are missing", l.last+1, r.Sequence-1)
	}
	l.last = r.Sequence
	if r.Result != "ok" {
		return
	}
	switch r.Operation {
	case mailbox.OpMemberAdd:
		number, _, _ := strings.Cut(r.Detail.Name, " ")
		l.numbers[r.Member] = number
		l.root(r.Member)
	case mailbox.OpCreate, mailbox.OpReplace, mailbox.OpImport:
		l.put(r, r.Detail.Path)
	case mailbox.OpMakeFolder:
		l.put(r, r.Detail.Path)
	case mailbox.OpCopy:
		l.put(r, r.Detail.Target)
	case mailbox.OpRename, mailbox.OpTakeOver, mailbox.OpGiveBack, mailbox.OpRelease, mailbox.OpReturn:
		l.move(r, r.Detail.Target)
	case mailbox.OpRecall:
		if r.Detail.Target != "" {
			l.move(r, r.Detail.Target)
		} else {
			l.remove(r)
		}
	case mailbox.OpRemove:
		l.remove(r)
	case opPurge:
		l.purge(r)
	case mailbox.OpRestore:
		l.move(r, r.Detail.Path)
	}
}

func (l *Log) root(m mailbox.MemberID) *node {
	if l.roots[m] == nil {
		l.roots[m] = &node{member: m, folder: true, below: make(map[string]*node)}
	}
	return l.roots[m]
}

// put makes an entry, or gives it a new version; a returned document that gets
// one under its name in the outbox comes back there.
func (l *Log) put(r mailbox.Record, path string) {
	n, known := l.nodes[r.Entry]
	if !known {
		n = &node{id: r.Entry, member: r.Member, folder: r.Detail.Folder}
		l.nodes[r.Entry] = n
	}
	if !n.folder {
		if _, twice := l.versions[r.Version]; twice {
			l.fault(r, "version %s was stored before", r.Version)
		}
		n.version = r.Version
		l.versions[r.Version] = Version{Entry: r.Entry, SHA256: r.SHA256, Size: r.Detail.Size}
	}
	l.attach(r, n, path)
}

// move puts an entry, with all below it, at another path.
func (l *Log) move(r mailbox.Record, path string) {
	n, known := l.nodes[r.Entry]
	if !known {
		l.fault(r, "entry %d was never made", r.Entry)
		return
	}
	if !n.folder && n.version != r.Version {
		l.fault(r, "entry %d has version %s, the record says %s", r.Entry, n.version, r.Version)
	}
	if r.Operation == mailbox.OpRestore {
		l.outOfView(r, n)
	} else {
		l.from(r, n)
	}
	l.attach(r, n, path)
}

func (l *Log) remove(r mailbox.Record) {
	n, known := l.nodes[r.Entry]
	if !known {
		l.fault(r, "entry %d was never made", r.Entry)
		return
	}
	l.from(r, n)
	n.detach()
}

// purge notes that the bytes of a superseded version are gone.
func (l *Log) purge(r mailbox.Record) {
	v, known := l.versions[r.Version]
	switch n := l.nodes[v.Entry]; {
	case !known || v.Purged:
		l.fault(r, "version %s has no bytes to give up", r.Version)
	case n.version == r.Version && n.inView():
		l.fault(r, "version %s is the current one of entry %d", r.Version, v.Entry)
	default:
		v.Purged = true
		l.versions[r.Version] = v
	}
}

// from checks that an entry stands where the record found it.
func (l *Log) from(r mailbox.Record, n *node) {
	if at := n.path(); at == "" {
		l.fault(r, "entry %d is out of view already", r.Entry)
	} else if at != r.Detail.Path {
		l.fault(r, "entry %d stands at %s, the record says %s", r.Entry, at, r.Detail.Path)
	}
}

func (l *Log) outOfView(r mailbox.Record, n *node) {
	if at := n.path(); at != "" {
		l.fault(r, "entry %d is in view already, at %s", r.Entry, at)
	}
}

// attach gives a node its place. What stood there goes out of view.
func (l *Log) attach(r mailbox.Record, n *node, path string) {
	above, name := l.folder(r, path)
	if above == nil {
		return
	}
	for up := above; up != nil; up = up.parent {
		if up == n {
			l.fault(r, "entry %d would stand in itself", r.Entry)
			return
		}
	}
	key := mailbox.NameKey(name)
	if old := above.below[key]; old != nil && old.id == 0 {
		l.fault(r, "%s is a fixed folder", path)
		return
	}
	n.detach()
	if old := above.below[key]; old != nil {
		if r.Operation == mailbox.OpCreate || r.Operation == mailbox.OpMakeFolder || r.Operation == mailbox.OpRestore {
			l.fault(r, "entry %d stands at %s already", old.id, path)
		}
		old.detach()
	}
	n.parent, n.name = above, name
	if above.below == nil {
		above.below = make(map[string]*node)
	}
	above.below[key] = n
}

func (n *node) detach() {
	if n.parent == nil {
		return
	}
	delete(n.parent.below, mailbox.NameKey(n.name))
	n.was, n.parent = n.parent, nil
}

// folder finds the folder above a path. The first name may be one of the fixed
// folders, which are made with the mailbox and have no record of their own.
func (l *Log) folder(r mailbox.Record, path string) (*node, string) {
	names := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if !strings.HasPrefix(path, "/") || names[len(names)-1] == "" {
		l.fault(r, "has no path")
		return nil, ""
	}
	at := l.root(r.Member)
	for i, name := range names[:len(names)-1] {
		key := mailbox.NameKey(name)
		next := at.below[key]
		if next == nil && i == 0 {
			next = &node{member: r.Member, parent: at, name: name, folder: true, below: make(map[string]*node)}
			at.below[key] = next
		}
		if next == nil || !next.folder {
			l.fault(r, "there is no folder for %s", path)
			return nil, ""
		}
		at = next
	}
	return at, names[len(names)-1]
}

// inView says whether a node hangs together with its mailbox.
func (n *node) inView() bool {
	for ; n.parent != nil; n = n.parent {
	}
	return n.id == 0
}

func (n *node) path() string {
	if !n.inView() {
		return ""
	}
	var names []string
	for ; n.parent != nil; n = n.parent {
		names = append(names, n.name)
	}
	var b strings.Builder
	for i := len(names) - 1; i >= 0; i-- {
		b.WriteString("/" + names[i])
	}
	return b.String()
}

// State is what the records so far say.
func (l *Log) State() State {
	s := State{Members: l.numbers, Entries: make(map[mailbox.EntryID]Entry, len(l.nodes)), Versions: l.versions}
	for id, n := range l.nodes {
		s.Entries[id] = Entry{Member: n.member, Path: n.path(), Folder: n.folder, Version: n.version}
	}
	return s
}
