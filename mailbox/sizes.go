// SPDX-License-Identifier: Apache-2.0

package mailbox

import "sync"

// sizes remembers how many bytes a folder holds with all below, as a side sees
// it. A folder's change number for that side changes with everything that it
// sees below, so a remembered size is right as long as the number is the same,
// and a change deep down counts only the folders on its way anew.
type sizes struct {
	mu    sync.Mutex
	known map[sizeKey]folderSize
}

// sizeKey is a folder as somebody sees it: a folder that goes to another place
// shows other names to the same side.
type sizeKey struct {
	entry EntryID
	place Place
	side  Side
}

type folderSize struct{ change, bytes int64 }

// maxSizes bounds what is remembered: some 8 MiB.
const maxSizes = 100_000

func newSizes() *sizes { return &sizes{known: make(map[sizeKey]folderSize)} }

func (z *sizes) get(k sizeKey, change int64) (int64, bool) {
	z.mu.Lock()
	defer z.mu.Unlock()
	f, ok := z.known[k]
	return f.bytes, ok && f.change == change
}

func (z *sizes) put(k sizeKey, f folderSize) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if len(z.known) >= maxSizes {
		clear(z.known)
	}
	z.known[k] = f
}

// size of a file, or of what the actor sees in a folder and below, in bytes.
func (s *Service) size(r Reader, t *spot, e *Entry) (int64, error) {
	switch {
	case !e.Folder:
		return e.Version.Size, nil
	case t.noDrop || t.side == MemberSide && e.Place == Outbox:
		return 0, nil
	case t.onlyDatacentre():
		drop, err := r.DropFolder(t.member.ID, t.actor.Account)
		if err != nil && KindOf(err) == NotFound {
			return 0, nil
		}
		if err != nil {
			return 0, err
		}
		return s.sum(r, t, &drop)
	}
	return s.folderSize(r, t, e)
}

func (s *Service) folderSize(r Reader, t *spot, e *Entry) (int64, error) {
	k := sizeKey{entry: e.ID, place: e.Place, side: t.side}
	change := e.ChangeMember
	if t.side == AuthoritySide {
		change = e.ChangeAuthority
	}
	if n, ok := s.sizes.get(k, change); ok {
		return n, nil
	}
	n, err := s.sum(r, t, e)
	if err == nil {
		s.sizes.put(k, folderSize{change: change, bytes: n})
	}
	return n, err
}

// sum adds up what stands in a folder. A data centre sees files only there.
func (s *Service) sum(r Reader, t *spot, folder *Entry) (sum int64, err error) {
	for after, more := "", true; more; {
		page, err := r.Children(folder.ID, after, pageSize, nil)
		if err != nil {
			return 0, err
		}
		for i := range page {
			c := &page[i]
			if !isFixed(t.member, c.ID) && !visible(t.side, c.Place, c.Name) {
				continue
			}
			if t.onlyDatacentre() && (c.Folder || c.Account != t.actor.Account) {
				continue
			}
			n, err := s.size(r, t, c)
			if err != nil {
				return 0, err
			}
			sum += n
		}
		if more = len(page) == pageSize; more {
			after = NameKey(page[len(page)-1].Name)
		}
	}
	return sum, nil
}
