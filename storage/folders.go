// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"sync"

	"golang.org/x/sys/unix"
)

// folders opens the folders of blobs and makes them when they are first
// needed. A folder that open returns survives a power cut: whoever makes one
// syncs its parent, and whoever finds one that is just being made waits.
type folders struct {
	tree   tree
	mu     sync.Mutex
	making map[string]*folderMaking
}

type folderMaking struct {
	done chan struct{}
	err  error
}

func newFolders(t tree) *folders {
	return &folders{tree: t, making: map[string]*folderMaking{}}
}

// open gives a descriptor of the folder, which the caller closes.
func (d *folders) open(rel string) (*os.File, error) {
	f, err := d.tree.open(rel, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		if err := d.make(rel); err != nil {
			return nil, err
		}
		return d.tree.open(rel, os.O_RDONLY|unix.O_DIRECTORY, 0)
	}
	if err != nil {
		return nil, err
	}
	if err := d.wait(rel); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// wait returns when nobody is making the folder any more.
func (d *folders) wait(rel string) error {
	d.mu.Lock()
	m := d.making[rel]
	d.mu.Unlock()
	if m == nil {
		return nil
	}
	<-m.done
	return m.err
}

func (d *folders) make(rel string) error {
	d.mu.Lock()
	if m := d.making[rel]; m != nil {
		d.mu.Unlock()
		<-m.done
		return m.err
	}
	m := &folderMaking{done: make(chan struct{})}
	d.making[rel] = m
	d.mu.Unlock()

	m.err = d.makeOne(rel)
	d.mu.Lock()
	delete(d.making, rel)
	d.mu.Unlock()
	close(m.done)
	return m.err
}

// makeOne makes one folder in its parent and syncs the parent.
func (d *folders) makeOne(rel string) error {
	parent, err := d.open(path.Dir(rel))
	if err != nil {
		return err
	}
	defer parent.Close()
	err = unix.Mkdirat(int(parent.Fd()), path.Base(rel), dirMode)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return &fs.PathError{Op: "mkdir", Path: rel, Err: err}
	}
	if err := parent.Sync(); err != nil {
		// Nobody may find it and take it for lasting.
		return errors.Join(err, d.tree.root.Remove(rel))
	}
	return nil
}
