// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// spool holds uploads that have no verdict yet: the small ones in memory, the
// others in its staging folder, if possible in files without a name.
type spool struct {
	tree
	o        Options
	lasting  bool // its files become the blobs, so what is sealed must survive a power cut
	folders  *folders
	buffers  buffers
	promised atomic.Int64 // bytes announced by open uploads and not written yet

	mu     sync.Mutex
	probed bool
	can    ability
}

func newSpool(t tree, o Options) *spool {
	p := &spool{tree: t, o: o.withDefaults(), folders: newFolders(t)}
	p.buffers.max = p.o.MemoryMax
	return p
}

// openSpool opens a folder for uploads that become blobs elsewhere, and makes
// it when there is none. It may be shared with other processes.
func openSpool(path string, o Options) (*spool, error) {
	if err := makeDurably(path); err != nil {
		return nil, err
	}
	t, err := openTree(path)
	if err != nil {
		return nil, err
	}
	return newSpool(t, o), nil
}

// prepare makes the staging folder and finds out what the file system can do,
// until that has succeeded once.
func (p *spool) prepare() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.probed {
		return nil
	}
	if _, err := p.root.Stat(stagingName); errors.Is(err, fs.ErrNotExist) {
		if err := p.folders.make(stagingName); err != nil {
			return refusal("storage: make staging folder", err)
		}
	}
	can, err := probe(p.tree)
	if err != nil {
		return refusal("storage: probe", err)
	}
	p.can, p.probed = can, true
	return nil
}

// able is what prepare found out.
func (p *spool) able() ability {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.can
}

func (p *spool) scratch() (*scratch, error) {
	if err := p.prepare(); err != nil {
		return nil, err
	}
	s, err := newScratch(p.tree, p.able().nameless)
	return s, refusal("storage: stage", err)
}

// stage begins an upload. Kind Unavailable when size bytes (-1: unknown) and
// what other uploads announced would not leave Options.ReserveFree.
func (p *spool) stage(ctx context.Context, size int64) (*staged, error) {
	if err := given(ctx); err != nil {
		return nil, err
	}
	s := &staged{spool: p, promised: max(size, 0)}
	p.promised.Add(s.promised)
	// The promise counts from before the check, so that two uploads cannot both
	// be given the last room.
	err := p.room()
	if err == nil && size > p.o.MemoryMax {
		s.file, err = p.scratch()
	}
	if err != nil {
		p.promised.Add(-s.promised)
		return nil, err
	}
	if s.file == nil {
		s.mem = p.buffers.get(max(size, 0))
	}
	return s, nil
}

// room is nil when what was announced leaves the reserve untouched.
func (p *spool) room() error {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(p.top.Fd()), &st); err != nil {
		return refusal("storage: free space", err)
	}
	if st.Files > 0 && st.Ffree == 0 {
		return full("storage", errors.New("no inode free"))
	}
	need := p.promised.Load() + p.o.ReserveFree
	if free := int64(st.Bavail) * st.Bsize; free < need {
		return full("storage", fmt.Errorf("%d bytes free, %d needed", free, need))
	}
	return nil
}

// sweep removes what crashes left in the staging folder and was last touched
// before the given time, and says how many that were.
func (p *spool) sweep(ctx context.Context, before time.Time) (removed int, err error) {
	f, err := p.root.Open(stagingName)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, refusal("storage: collect", err)
	}
	defer f.Close()
	entries, err := f.ReadDir(-1)
	if err != nil {
		return 0, refusal("storage: collect", err)
	}
	for _, e := range entries {
		if err := given(ctx); err != nil {
			return removed, err
		}
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || !info.ModTime().Before(before) {
			continue
		}
		err = p.root.Remove(stagingName + "/" + e.Name())
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return removed, refusal("storage: collect", err)
		}
		removed++
	}
	return removed, nil
}
