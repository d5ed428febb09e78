// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"context"
	"sync"
)

// page is a part of a folder's listing. Its memory serves one page after the
// other: a listing allocates per folder, not per entry.
type page struct {
	entries []Entry
	nodes   []Node
	folder  Entry  // as it was in the view of this part
	used    int    // the most that entries or nodes have held
	limit   int    // entries to ask for
	after   string // the name key to go on from; "" when nothing follows
}

// pages is a pool of them.
type pages struct{ pool sync.Pool }

func (ps *pages) get() *page {
	p, ok := ps.pool.Get().(*page)
	if !ok {
		p = &page{entries: make([]Entry, 0, 16), nodes: make([]Node, 0, 16)}
	}
	p.limit, p.used = firstPage, 0
	return p
}

func (ps *pages) put(p *page) {
	p.used = max(p.used, len(p.entries))           // read ahead, and not used
	clear(p.entries[:min(p.used, cap(p.entries))]) // nobody's names stay in a pool
	clear(p.nodes[:min(p.used, cap(p.nodes))])
	p.folder = Entry{}
	ps.pool.Put(p)
}

// List gives the node at a path, then what stands in it if it is a folder, each
// to yield as it comes; an error of yield ends the listing. A large folder is
// read in several views, by name: what changes meanwhile shows or does not, and
// a grant that ends or a folder that goes ends it with an error.
func (s *Service) List(ctx context.Context, a Actor, p Path, w Want, yield func(Node) error) error {
	if err := s.journal.full(); err != nil {
		return err
	}
	var t spot
	var self Node
	part := s.pages.get()
	defer s.pages.put(part)
	err := s.catalog.View(ctx, func(r Reader) (err error) {
		if t, err = s.toRead(r, &a, p); err != nil {
			return err
		}
		if self, err = s.node(r, &t, w); err != nil || !self.Folder {
			return err
		}
		part.after = ""
		return s.page(r, &t, w, part, nil)
	})
	if err != nil {
		return err
	}
	s.listing(&a, &t)
	next := s.readAhead(ctx, &part.folder, part)
	defer func() { next.drop() }()
	if err := yield(self); err != nil {
		return err
	}
	for {
		for i := range part.nodes {
			if err := yield(part.nodes[i]); err != nil {
				return err
			}
		}
		if part.after == "" {
			return nil
		}
		next.end()
		if part.limit = pageSize; next != nil {
			part.limit = aheadSize
		}
		after := part.after
		err := s.catalog.View(ctx, func(r Reader) error {
			part.after = after
			return s.further(r, &t, w, part, next)
		})
		if err != nil {
			return err
		}
		next = s.readAhead(ctx, &part.folder, part)
	}
}

// further is page for those after the first. A listing may take as long as its
// client likes, so the right to it is looked at again, and whether the path still
// leads to the same folder.
func (s *Service) further(r Reader, t *spot, w Want, p *page, read *ahead) error {
	now, err := s.toRead(r, t.actor, t.path)
	switch {
	case err != nil:
		return err
	case now.virtual || now.entry().ID != t.entry().ID:
		return E(NotFound, ReasonNotFound)
	}
	return s.page(r, &now, w, p, read)
}

// page brings the next children of the folder at t: those after p.after, which
// may have been read ahead.
func (s *Service) page(r Reader, t *spot, w Want, p *page, read *ahead) (err error) {
	after := p.after
	p.after, p.nodes = "", p.nodes[:0]
	defer func() { p.used = max(p.used, len(p.nodes), len(p.entries)) }()
	if t.virtual {
		p.nodes, err = s.mailboxes(r, t, w)
		return err
	}
	folder := t.entry()
	p.folder = *folder
	if t.side == MemberSide && folder.Place == Outbox || t.noDrop {
		return nil
	}
	if t.onlyDatacentre() && folder.ID == t.member.Folders[Root] {
		return s.onlyDrop(r, t, w, p)
	}
	if !read.serves(folder) {
		if p.entries, err = r.Children(folder.ID, after, p.limit, p.entries); err != nil {
			return err
		}
	}
	if n := len(p.entries); n == p.limit {
		p.after = NameKey(p.entries[n-1].Name)
	}
	atRoot := folder.ID == t.member.Folders[Root]
	for i := range p.entries {
		e := &p.entries[i]
		fixed := atRoot && isFixed(t.member, e.ID)
		if !fixed && !t.sees(e) {
			continue
		}
		n := t.node(e)
		n.ETag = t.etag(e)
		if fixed {
			n.Fixed, n.Name = true, s.o.Folders.Of(e.Place)
		}
		if err := s.extras(r, t, &n, w); err != nil {
			return err
		}
		p.nodes = append(p.nodes, n)
	}
	if w.Locks {
		err = s.addLocks(r, t, p.nodes)
	}
	if w.Props && err == nil {
		err = s.addProps(r, p.nodes)
	}
	return err
}

func (s *Service) addLocks(r Reader, t *spot, nodes []Node) error {
	locks, err := r.Locks(t.member.ID)
	if err != nil || len(locks) == 0 {
		return err
	}
	g := guard{locks: locks}
	above := g.covering(join(t.chain, Entry{})) // of infinite depth
	own := make(map[EntryID][]Lock, len(locks))
	for _, l := range locks {
		own[l.Entry] = append(own[l.Entry], l)
	}
	for i := range nodes {
		nodes[i].Locks = append(above[:len(above):len(above)], own[nodes[i].Entry.ID]...)
	}
	return nil
}

func (s *Service) addProps(r Reader, nodes []Node) error {
	ids := make([]EntryID, len(nodes))
	for i := range nodes {
		ids[i] = nodes[i].Entry.ID
	}
	props, err := r.Props(ids...)
	if err != nil || len(props) == 0 {
		return err
	}
	for i := range nodes {
		nodes[i].Props = props[nodes[i].Entry.ID]
	}
	return nil
}

// onlyDrop is a data centre's view of a mailbox: its own folder, whether made
// yet or not.
func (s *Service) onlyDrop(r Reader, t *spot, w Want, p *page) error {
	drop := *t
	way, err := s.wayToDrop(r, &drop)
	if err != nil {
		return err
	}
	drop.path, drop.chain = Path{}, append(t.chain[:1:1], way...)
	n, err := s.nodeOf(r, &drop)
	if err == nil {
		err = s.extras(r, &drop, &n, w)
	}
	p.nodes = append(p.nodes, n)
	return err
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
