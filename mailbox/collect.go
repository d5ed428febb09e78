// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Node is what an actor sees at a path.
type Node struct {
	Path   Path   // as the request spelled it
	Name   string // the last name as stored; of a mailbox, as the layout shows it
	Folder bool
	Fixed  bool // a mailbox, one of its folders, or the root over mailboxes
	ETag   string
	Entry  Entry  // zero for the root over several mailboxes
	Number string // of the member; "" for the root over several
	Side   Side   // of the actor here; NoSide for the root over several
	Locks  []Lock // that cover it; only when asked for
	Props  []Prop // only when asked for
}

// Want says what a look should bring beside the entries.
type Want struct {
	Locks bool
	Props bool
}

// etag of an entry as the actor sees it: a file's belongs to its version; a
// folder's depends on nothing that the actor cannot see (DESIGN.md section 5).
func (s *Service) etag(t *spot, e *Entry) string {
	if !e.Folder {
		return e.Version.ETag()
	}
	change := e.ChangeMember
	if t.side == AuthoritySide {
		change = e.ChangeAuthority
	}
	b := make([]byte, 0, 48)
	b = append(b, '"')
	b = strconv.AppendInt(b, int64(e.ID), 36)
	b = append(b, '-')
	b = strconv.AppendInt(b, change, 36)
	b = append(b, '-')
	b = strconv.AppendInt(b, t.actor.Revision, 36)
	if t.onlyDatacentre() {
		b = append(b, '-')
		b = strconv.AppendInt(b, int64(t.actor.Account), 36)
	}
	return string(append(b, '"'))
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

// toRead resolves a path for a reading operation: what is absent or unseen is
// NotFound.
func (s *Service) toRead(r Reader, a *Actor, p Path) (spot, error) {
	t, err := s.resolve(r, a, p)
	if err != nil {
		return t, err
	}
	if err := p.Fault(); err != nil {
		return t, err
	}
	if !t.virtual && len(t.rest) > 0 {
		return t, E(NotFound, ReasonNotFound)
	}
	return t, nil
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
	return n, nil
}

// nodeOf describes the existing end of a spot.
func (s *Service) nodeOf(r Reader, t *spot) (Node, error) {
	e := *t.entry()
	n := Node{Path: t.path, Name: e.Name, Folder: e.Folder, Fixed: t.fixed(), Entry: e, Number: t.member.Number, Side: t.side}
	switch {
	case e.ID == t.member.Folders[Root]:
		n.Name = MailboxName(t.member)
		if t.onlyDatacentre() { // sees only its own folder, so only that may show in the ETag
			drop, err := r.DropFolder(t.member.ID, t.actor.Account)
			if err != nil && KindOf(err) != NotFound {
				return n, err
			}
			e.ChangeMember = drop.ChangeMember
		}
	case e.Drop != 0 && t.onlyDatacentre():
		n.Name = s.o.Folders.ToAuthority
	}
	n.ETag = s.etag(t, &e)
	return n, nil
}

// MailboxName is how a layout over several members names a mailbox: the number,
// then what of the member's name a name may hold. It is found by the number.
func MailboxName(m Member) string {
	name := strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || strings.ContainsRune(`/\:*?"<>|.`, c) {
			return ' '
		}
		return c
	}, m.Name)
	name = m.Number + " " + strings.Join(strings.Fields(name), " ")
	for len(name) > MaxName {
		_, name = name[len(name)-1], strings.ToValidUTF8(name[:len(name)-1], "")
	}
	return strings.TrimRight(name, " ")
}

// listed gives the ids of the mailboxes that the root shows; nil means all.
func (s *Service) listed(r Reader, a *Actor) ([]MemberID, error) {
	all := false
	ids := []MemberID{}
	responsible := []MemberID{}
	seen := make(map[MemberID]bool)
	for _, g := range a.fileGrants(r.Now()) {
		if g.Member == 0 {
			all = true
			continue
		}
		if !seen[g.Member] {
			seen[g.Member] = true
			ids = append(ids, g.Member)
		}
		if g.Responsible {
			responsible = append(responsible, g.Member)
		}
	}
	n := len(ids)
	if all {
		var err error
		if n, err = r.CountMembers(); err != nil {
			return nil, err
		}
	}
	switch {
	case n > s.o.LargeList:
		return responsible, nil
	case all:
		return nil, nil
	}
	return ids, nil
}

func (s *Service) virtualRoot(r Reader, t *spot) (Node, error) {
	ids, err := s.listed(r, t.actor)
	if err != nil {
		return Node{}, err
	}
	sum, count, err := r.SumChanges(ids, sideOf(t.actor))
	if err != nil {
		return Node{}, err
	}
	return Node{Path: t.path, Folder: true, Fixed: true,
		ETag: fmt.Sprintf(`"r%d-%d-%d-%d"`, t.actor.Account, count, sum, t.actor.Revision)}, nil
}

// List gives the node at a path, then what stands in it if it is a folder, each
// to yield as it comes; an error of yield ends the listing. The first node has
// been given before anything is read of the folder's content.
func (s *Service) List(ctx context.Context, a Actor, p Path, w Want, yield func(Node) error) error {
	if err := s.journal.full(); err != nil {
		return err
	}
	var t spot
	var self Node
	var page []Node
	err := s.catalog.View(ctx, func(r Reader) (err error) {
		if t, err = s.toRead(r, &a, p); err != nil {
			return err
		}
		if self, err = s.node(r, &t, w); err != nil || !self.Folder {
			return err
		}
		page, err = s.page(r, &t, w, "")
		return err
	})
	if err != nil {
		return err
	}
	s.listing(&a, &t)
	if err := yield(self); err != nil {
		return err
	}
	for len(page) > 0 {
		for _, n := range page {
			if n.Path.IsRoot() {
				continue // unseen
			}
			if err := yield(n); err != nil {
				return err
			}
		}
		if len(page) < pageSize || t.virtual {
			return nil
		}
		after := NameKey(page[len(page)-1].Entry.Name)
		err := s.catalog.View(ctx, func(r Reader) (err error) {
			page, err = s.page(r, &t, w, after)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// page brings up to pageSize children of the folder at t.
func (s *Service) page(r Reader, t *spot, w Want, after string) ([]Node, error) {
	if t.virtual {
		return s.mailboxes(r, t)
	}
	folder := t.entry()
	if t.side == MemberSide && folder.Place == Outbox || t.noDrop {
		return nil, nil
	}
	if t.onlyDatacentre() && folder.ID == t.member.Folders[Root] {
		return s.onlyDrop(r, t)
	}
	entries, err := r.Children(folder.ID, after, pageSize)
	if err != nil {
		return nil, err
	}
	var locks guard
	if w.Locks {
		if locks.locks, err = r.Locks(t.member.ID); err != nil {
			return nil, err
		}
	}
	chain := append(append(make([]Entry, 0, len(t.chain)+1), t.chain...), Entry{})
	nodes := make([]Node, 0, len(entries))
	var ids []EntryID
	for _, e := range entries {
		n := Node{Path: t.path.Child(e.Name), Name: e.Name, Folder: e.Folder, Fixed: isFixed(t.member, e.ID),
			Entry: e, Number: t.member.Number, Side: t.side}
		n.ETag = s.etag(t, &e)
		if w.Locks && len(locks.locks) > 0 {
			chain[len(chain)-1] = e
			n.Locks = locks.covering(chain)
		}
		if !n.Fixed && !t.sees(e) {
			n.Path = Path{} // marks what the actor does not see
		}
		nodes = append(nodes, n)
		ids = append(ids, e.ID)
	}
	if w.Props {
		if err := s.addProps(r, nodes, ids); err != nil {
			return nil, err
		}
	}
	return nodes, nil
}

func (s *Service) addProps(r Reader, nodes []Node, ids []EntryID) error {
	props, err := r.Props(ids...)
	if err != nil {
		return err
	}
	for i := range nodes {
		nodes[i].Props = props[nodes[i].Entry.ID]
	}
	return nil
}

// onlyDrop is a data centre's view of a mailbox: its own folder, whether made
// yet or not.
func (s *Service) onlyDrop(r Reader, t *spot) ([]Node, error) {
	drop := *t
	e, err := s.dropFolder(r, &drop, ToAuthority)
	if err != nil {
		return nil, err
	}
	drop.path = t.path.Child(s.o.Folders.ToAuthority)
	drop.chain = append(append([]Entry{}, t.chain...), e)
	n, err := s.nodeOf(r, &drop)
	return []Node{n}, err
}

// mailboxes are the children of the root over several.
func (s *Service) mailboxes(r Reader, t *spot) ([]Node, error) {
	ids, err := s.listed(r, t.actor)
	if err != nil {
		return nil, err
	}
	boxes, err := r.Mailboxes(ids)
	if err != nil {
		return nil, err
	}
	nodes := make([]Node, 0, len(boxes))
	for _, b := range boxes {
		name := MailboxName(b.Member)
		box := spot{path: t.path.Child(name), member: b.Member, actor: t.actor, chain: []Entry{b.Root}, side: sideOf(t.actor)}
		for _, g := range t.actor.fileGrants(r.Now()) {
			if g.Member == 0 || g.Member == b.Member.ID {
				box.roles = append(box.roles, g.Role)
			}
		}
		n, err := s.nodeOf(r, &box)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
	return nodes, nil
}

// listing records that an actor looked into a folder, coalesced per minute.
func (s *Service) listing(a *Actor, t *spot) {
	rec := s.record(a, OpList, ok)
	rec.Time = s.o.Now().UTC()
	k := journalKey{op: OpList, account: a.Account}
	if !t.virtual {
		e := t.entry()
		rec.Role, rec.Member, rec.Place, rec.Entry = t.roles[0], t.member.ID, e.Place, e.ID
		rec.Detail.Path, rec.Detail.Folder = t.inside(), e.Folder
		k.member, k.entry = t.member.ID, e.ID
	}
	s.journal.count(k, rec)
}

// Document is a file that the actor may read. Nothing is recorded until Read.
type Document struct {
	Node
	s     *Service
	actor Actor
	spot  spot
	role  Role
}

// Open finds a document to read. A folder is kind Conflict; a file that the
// actor sees but may not read is kind Forbidden.
func (s *Service) Open(ctx context.Context, a Actor, p Path) (*Document, error) {
	d := &Document{s: s, actor: a}
	err := s.catalog.View(ctx, func(r Reader) error {
		var err error
		if d.spot, err = s.toRead(r, &d.actor, p); err != nil {
			return err
		}
		if d.Node, err = s.node(r, &d.spot, Want{}); err != nil {
			return err
		}
		if d.Folder {
			return E(Conflict, ReasonIsFolder)
		}
		var allowed bool
		if d.role, allowed = s.may(&d.spot, ToRead, d.Entry.Place, &d.Entry); !allowed {
			return E(Forbidden, ReasonNoReading)
		}
		return nil
	})
	return d, err
}

// Read records the access (I3), then gives n bytes from offset, n < 0 to the
// end. If it cannot be recorded the content is not given.
func (d *Document) Read(ctx context.Context, offset, n int64) (io.ReadCloser, error) {
	v := d.Entry.Version
	k := readKey{d.actor.Account, v.ID}
	if now := d.s.o.Now(); !d.s.reads.known(k, now) {
		rec := d.s.record(&d.actor, OpRead, ok)
		err := d.s.catalog.View(ctx, func(r Reader) error {
			rec = rec.about(r, &d.spot, d.role, &d.Entry, d.spot.inside())
			return nil
		})
		if err == nil {
			err = d.s.catalog.Append(ctx, rec)
		}
		if err != nil {
			return nil, err
		}
		d.s.reads.remember(k, now)
	}
	body, err := d.s.blobs.Open(ctx, v.Blob, offset, n)
	if err == nil {
		d.s.reads.begin(fetchKey{d.actor.Person, v.ID})
	}
	return body, err
}

// Sent notes that the bytes [from, to) went out whole; the caller says so after
// each successful Read, with from = to when the sending broke off. When all
// bytes of a version went to a person, that is a retrieval: a releasing person
// has then read it, and a delivery has been fetched.
func (d *Document) Sent(ctx context.Context, from, to int64) error {
	v := d.Entry.Version
	defer d.s.reads.end(fetchKey{d.actor.Person, v.ID})
	if from >= to && v.Size > 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitLimit)
	defer cancel()
	known, err := d.alreadyFetched(ctx)
	if known || err != nil {
		return err
	}
	return d.s.catalog.Update(ctx, d.spot.member.ID, func(tx Tx) error {
		f, err := tx.Fetch(v.ID, d.actor.Person)
		if err != nil || !f.Complete.IsZero() {
			return err
		}
		f.Version, f.Person = v.ID, d.actor.Person
		f.Ranges = cover(f.Ranges, from, to)
		if !covers(f.Ranges, v.Size) {
			return tx.PutFetch(f)
		}
		f.Complete = tx.Now()
		if err := tx.PutFetch(f); err != nil {
			return err
		}
		if err := d.fetched(tx, f.Complete); err != nil {
			return err
		}
		return tx.Audit(d.s.record(&d.actor, OpRetrieved, ok).about(tx, &d.spot, d.role, &d.Entry, d.spot.inside()))
	})
}

func (d *Document) alreadyFetched(ctx context.Context) (known bool, err error) {
	err = d.s.catalog.View(ctx, func(r Reader) error {
		f, err := r.Fetch(d.Entry.Version.ID, d.actor.Person)
		known = !f.Complete.IsZero()
		return err
	})
	return known, err
}

// fetched marks the deliveries of this version to the reader's side.
func (d *Document) fetched(tx Tx, at time.Time) error {
	ds, err := tx.Deliveries(d.Entry.ID)
	if err != nil {
		return err
	}
	for _, v := range ds {
		toReader := v.Direction == ToMember && d.spot.side == MemberSide ||
			v.Direction == ToTheAuth && d.spot.side == AuthoritySide
		if toReader && v.Version == d.Entry.Version.ID && v.Fetched.IsZero() {
			v.Fetched = at
			if err := tx.UpdateDelivery(v); err != nil {
				return err
			}
		}
	}
	return nil
}
