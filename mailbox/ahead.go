// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"context"
	"time"
)

// staleAfter is how old entries that were read ahead may be. Whoever takes
// longer over a page gets the next as it is then.
const staleAfter = time.Second

// aheadSize is how many entries are read ahead at a time: more than otherwise,
// since each time costs several questions to another machine.
const aheadSize = 2 * pageSize

// ahead is the next part of a folder, read from a catalog on another machine
// while the client takes the part before. It holds no connection: what is read
// waits in memory. Whether the actor may still see it is looked at only when it
// is needed, in a view of that moment, and so is whether anything in the folder
// has changed since; then it is read again.
type ahead struct {
	done   chan struct{}
	cancel context.CancelFunc
	folder Entry // before the entries were read
	begun  time.Time
	err    error
}

// readAhead starts to read what follows p.after in folder into p.entries, which
// nobody else may touch before end; nil when nothing follows or nothing is read
// ahead.
func (s *Service) readAhead(ctx context.Context, folder *Entry, p *page) *ahead {
	if !s.o.ReadAhead || p.after == "" {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	a := &ahead{done: make(chan struct{}), cancel: cancel, folder: *folder, begun: time.Now()}
	after := p.after
	go func() {
		defer close(a.done)
		a.err = s.catalog.View(ctx, func(r Reader) (err error) {
			p.entries, err = r.Children(a.folder.ID, after, aheadSize, p.entries)
			return err
		})
	}()
	return a
}

// end waits until the entries were read.
func (a *ahead) end() {
	if a != nil {
		<-a.done
		a.cancel()
	}
}

// drop is end for a listing that ends.
func (a *ahead) drop() {
	if a != nil {
		a.cancel()
		<-a.done
	}
}

// serves says whether what was read ahead is what the folder holds now: each
// change in it that anybody can see gives it another change number. A folder
// without numbers was not read whole.
func (a *ahead) serves(folder *Entry) bool {
	return a != nil && a.err == nil && time.Since(a.begun) < staleAfter && a.folder.ID == folder.ID &&
		a.folder.ChangeAuthority == folder.ChangeAuthority && a.folder.ChangeMember == folder.ChangeMember &&
		folder.ChangeAuthority|folder.ChangeMember != 0
}
