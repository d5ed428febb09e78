// SPDX-License-Identifier: Apache-2.0

package mailbox

import "context"

// page is a part of a folder's listing.
type page struct {
	nodes []Node
	after string // the name key to go on from; "" when nothing follows
}

// List gives the node at a path, then what stands in it if it is a folder, each
// to yield as it comes; an error of yield ends the listing. A large folder is
// read in several views, by name: what changes meanwhile shows or does not.
func (s *Service) List(ctx context.Context, a Actor, p Path, w Want, yield func(Node) error) error {
	if err := s.journal.full(); err != nil {
		return err
	}
	var t spot
	var self Node
	var part page
	err := s.catalog.View(ctx, func(r Reader) (err error) {
		if t, err = s.toRead(r, &a, p); err != nil {
			return err
		}
		if self, err = s.node(r, &t, w); err != nil || !self.Folder {
			return err
		}
		part, err = s.page(r, &t, w, "")
		return err
	})
	if err != nil {
		return err
	}
	s.listing(&a, &t)
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
		err := s.catalog.View(ctx, func(r Reader) (err error) {
			part, err = s.page(r, &t, w, part.after)
			return err
		})
		if err != nil {
			return err
		}
	}
}

// page brings the next children of the folder at t.
func (s *Service) page(r Reader, t *spot, w Want, after string) (page, error) {
	if t.virtual {
		nodes, err := s.mailboxes(r, t, w)
		return page{nodes: nodes}, err
	}
	folder := t.entry()
	if t.side == MemberSide && folder.Place == Outbox || t.noDrop {
		return page{}, nil
	}
	if t.onlyDatacentre() && folder.ID == t.member.Folders[Root] {
		return s.onlyDrop(r, t, w)
	}
	entries, err := r.Children(folder.ID, after, pageSize)
	if err != nil {
		return page{}, err
	}
	p := page{nodes: make([]Node, 0, len(entries))}
	if len(entries) == pageSize {
		p.after = NameKey(entries[len(entries)-1].Name)
	}
	atRoot := folder.ID == t.member.Folders[Root]
	for i := range entries {
		e := &entries[i]
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
			return page{}, err
		}
		p.nodes = append(p.nodes, n)
	}
	if w.Locks {
		err = s.addLocks(r, t, p.nodes)
	}
	if w.Props && err == nil {
		err = s.addProps(r, p.nodes)
	}
	return p, err
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
func (s *Service) onlyDrop(r Reader, t *spot, w Want) (page, error) {
	drop := *t
	way, err := s.wayToDrop(r, &drop)
	if err != nil {
		return page{}, err
	}
	drop.path, drop.chain = Path{}, append(t.chain[:1:1], way...)
	n, err := s.nodeOf(r, &drop)
	if err == nil {
		err = s.extras(r, &drop, &n, w)
	}
	return page{nodes: []Node{n}}, err
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
