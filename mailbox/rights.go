// SPDX-License-Identifier: Apache-2.0

package mailbox

// RightSet is a set of rights, for clients that want to know beforehand what
// they may do.
type RightSet uint32

// Has says whether the set holds a right.
func (s RightSet) Has(r Right) bool { return s&(1<<r) != 0 }

// rights of the actor over what stands at a spot's view, by the same table as
// every operation. On a folder, ToCreate and ToMakeFolder are about what may
// be put into it.
func (s *Service) rights(t *spot, e *Entry) (set RightSet) {
	for _, r := range Rights {
		if _, allowed := s.may(t, r, e.Place, e); allowed {
			set |= 1 << r
		}
	}
	if isFixed(t.member, e.ID) || t.onlyDatacentre() && e.Drop == t.actor.Account {
		for _, r := range []Right{ToRename, ToRemove, ToRemoveFolder, ToLock, ToSetProperties} {
			set &^= 1 << r
		}
	}
	if t.closed() {
		for _, r := range []Right{ToCreate, ToReplace, ToMakeFolder} {
			set &^= 1 << r
		}
	}
	return set
}

// extras brings what is asked for beside the entry itself.
func (s *Service) extras(r Reader, t *spot, n *Node, w Want) (err error) {
	if w.Rights {
		n.Rights = s.rights(t, &n.Entry)
	}
	if w.Sizes {
		n.Size, err = s.size(r, t, &n.Entry)
	}
	return err
}
