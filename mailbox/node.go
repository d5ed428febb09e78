// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"context"
	"strconv"
)

// Node is what an actor sees at a path.
type Node struct {
	Path   Path   // as the request spelled it; zero for what a listing found below
	Name   string // the last name as stored; of a mailbox, as the layout shows it
	Folder bool
	Fixed  bool // a mailbox, one of its folders, or the root over mailboxes
	ETag   string
	Entry  Entry  // zero for the root over several mailboxes
	Number string // of the member; "" for the root over several
	Side   Side   // of the actor here; NoSide for the root over several
	Locks  []Lock // that cover it; only when asked for
	Props  []Prop // only when asked for

	Rights RightSet // of the actor; only when asked for
	Size   int64    // bytes of what the actor sees here and below; only when asked for, -1 where it is not counted
}

// Want says what a look should bring beside the entries.
type Want struct {
	Locks  bool
	Props  bool
	Rights bool
	Sizes  bool
}

// Find gives what stands at a path. Kind NotFound when the actor sees nothing.
func (s *Service) Find(ctx context.Context, a Actor, p Path, w Want) (Node, error) {
	var n Node
	err := s.catalog.View(ctx, func(r Reader) error {
		t, err := s.toRead(r, &a, p)
		if err != nil {
			return err
		}
		n, err = s.node(r, &t, w)
		return err
	})
	return n, err
}

func (s *Service) node(r Reader, t *spot, w Want) (Node, error) {
	if t.virtual {
		return s.virtualRoot(r, t)
	}
	n, err := s.nodeOf(r, t)
	if err != nil {
		return n, err
	}
	if w.Locks {
		locks, err := r.Locks(t.member.ID)
		if err != nil {
			return n, err
		}
		g := guard{locks: locks}
		n.Locks = g.covering(t.chain)
	}
	if w.Props {
		props, err := r.Props(n.Entry.ID)
		if err != nil {
			return n, err
		}
		n.Props = props[n.Entry.ID]
	}
	return n, s.extras(r, t, &n, w)
}

// nodeOf describes the existing end of a spot.
func (s *Service) nodeOf(r Reader, t *spot) (Node, error) {
	e := t.entry()
	n := t.node(e)
	n.Path, n.Fixed = t.path, t.fixed()
	if e.ID == t.member.Folders[Root] {
		n.Name = MailboxName(t.member)
	}
	if n.Fixed && t.onlyDatacentre() {
		if e.ID != t.member.Folders[Root] {
			n.Name = s.o.Folders.ToAuthority
		}
		state, err := s.dropState(r, t)
		n.ETag = t.folderTag(e.ID, state)
		return n, err
	}
	n.ETag = t.etag(e)
	return n, nil
}

// node begins to describe an entry at or below the spot.
func (t *spot) node(e *Entry) Node {
	return Node{Name: e.Name, Folder: e.Folder, Entry: *e, Number: t.member.Number, Side: t.side}
}

// etag of an entry as the actor sees it: a file's belongs to its version; a
// folder's depends on nothing that the actor cannot see (DESIGN.md section 5).
func (t *spot) etag(e *Entry) string {
	if !e.Folder {
		return e.Version.ETag()
	}
	change := e.ChangeMember
	if t.side == AuthoritySide {
		change = e.ChangeAuthority
	}
	return t.folderTag(e.ID, strconv.FormatInt(change, 36))
}

func (t *spot) folderTag(id EntryID, state string) string {
	b := make([]byte, 0, 64)
	b = append(b, '"')
	b = strconv.AppendInt(b, int64(id), 36)
	b = append(b, '-')
	b = append(b, state...)
	b = append(b, '-')
	b = strconv.AppendInt(b, t.actor.Revision, 36)
	if t.onlyDatacentre() {
		b = append(b, '-')
		b = strconv.AppendInt(b, int64(t.actor.Account), 36)
	}
	return string(append(b, '"'))
}
