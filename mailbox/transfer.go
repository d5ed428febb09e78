// SPDX-License-Identifier: Apache-2.0

package mailbox

// Moved says what became of a MOVE or COPY.
type Moved struct {
	Node         // at the target
	Created bool // false when something stood there
}

// transfer is a MOVE or COPY, decided by the rules.
type transfer struct {
	from, to spot
	role     Role
	right    Right   // of a MOVE
	below    []Entry // of the source, as far as the actor sees it
	left     []Entry // of the source, what the actor does not see
	replaced []Entry // at the target, its end first; nil if nothing stands there
	purge    []Version
	guard    *guard
}

// ends resolves both paths; nothing leads from one mailbox to another.
func (s *Service) ends(r Reader, a *Actor, from, to Path) (*transfer, error) {
	src, err := s.toWrite(r, a, from)
	if err != nil {
		return nil, err
	}
	dst, err := s.toWriteBeside(r, a, to, &src.member)
	if err != nil {
		return nil, err
	}
	if src.member.ID != dst.member.ID {
		return nil, E(Forbidden, ReasonBetween)
	}
	if src.fixed() || dst.fixed() {
		return nil, E(Forbidden, ReasonFixedFolder)
	}
	return &transfer{from: src, to: dst}, nil
}

// source reads what is below the source.
func (s *Service) source(r Reader, x *transfer) error {
	below, err := s.below(r, &x.from)
	if err != nil {
		return err
	}
	unseen := map[EntryID]bool{}
	for i := range below {
		e := &below[i]
		if unseen[e.Parent] || !x.from.sees(e) {
			unseen[e.ID] = true
			x.left = append(x.left, *e)
		} else {
			x.below = append(x.below, *e)
		}
	}
	return nil
}

// target checks parent and twin, and that nothing goes into or onto itself.
func (x *transfer) target(move bool) error {
	src := x.from.entry()
	for i := range x.to.chain {
		end := i == len(x.to.chain)-1 && x.to.found()
		if x.to.chain[i].ID == src.ID && (src.Folder || end) {
			return E(Forbidden, ReasonIntoItself)
		}
	}
	if x.to.found() {
		for i := range x.from.chain {
			if x.from.chain[i].ID == x.to.entry().ID { // a folder above itself would give way
				return E(Forbidden, ReasonIntoItself)
			}
		}
		return nil
	}
	if move && x.right == ToReturn && len(x.to.rest) == 2 && x.to.entry().ID == x.to.member.Folders[Outbox] && x.to.twin == nil {
		return nil // the folder of returned documents is made on first use
	}
	if move && x.to.twin != nil && x.to.twin.ID == src.ID && len(x.to.rest) == 1 {
		return nil // to its own twin
	}
	return x.to.openParent()
}

// locks guards both ends. A copy does not touch its source.
func (x *transfer) locks(g *guard, move bool) error {
	x.guard = g
	if move {
		if err := g.tree(x.from.chain, x.below); err != nil {
			return err
		}
		if err := g.membership(x.from.above()); err != nil {
			return err
		}
	}
	if x.to.found() {
		return g.tree(x.to.chain, x.replaced)
	}
	return g.membership(x.to.chain)
}

// occupied reads what stands at the target. Its end comes first.
func (s *Service) occupied(r Reader, x *transfer) error {
	below, err := s.below(r, &x.to)
	x.replaced = append([]Entry{*x.to.entry()}, below...)
	return err
}

// documents says that both ends are documents.
func (x *transfer) documents() bool {
	return !x.from.entry().Folder && x.to.found() && !x.to.entry().Folder
}

// clear takes the target, with all below it, out of view, so that something of
// another kind can stand there.
func (s *Service) clear(tx Tx, x *transfer) error {
	if err := s.removeTree(tx, &x.to, x.guard, x.role, x.replaced[1:]); err != nil {
		return err
	}
	x.to.rest, x.to.chain = []string{x.to.entry().Name}, x.to.above()
	return nil
}

// done describes the target.
func (x *transfer) done(e *Entry, created bool) Moved {
	n := x.to.node(e)
	n.Path, n.ETag = x.to.path, x.to.etag(e)
	return Moved{Node: n, Created: created}
}
