// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"errors"
	"io/fs"

	"postfach/mailbox"
)

// staged is one upload on its way into a Dir: first in memory, past
// Options.MemoryMax in a scratch file.
type staged struct {
	dir      *Dir
	key      mailbox.BlobKey
	mem      []byte   // nil once the bytes are in the file
	file     *scratch // nil while they are in memory only
	size     int64    // bytes written
	promised int64    // bytes of Dir.promised that are ours
	content  *content // not nil after Seal
	synced   chan struct{}
	err      error // of writing and syncing; final
	ended    bool
}

var _ mailbox.Staged = (*staged)(nil)

// Write takes the next bytes. Kind Unavailable when the storage is down or
// full; nothing of the upload can be used then.
func (s *staged) Write(p []byte) (int, error) {
	if s.content != nil || s.ended {
		return 0, fault("write after the end")
	}
	if s.err != nil {
		return 0, s.err
	}
	if s.file == nil {
		if s.size+int64(len(p)) <= s.dir.o.MemoryMax {
			s.remember(p)
			return len(p), nil
		}
		if s.err = s.spill(); s.err != nil {
			return 0, s.err
		}
	}
	n, err := s.file.Write(p)
	s.size += int64(n)
	s.keep(int64(n))
	if err == nil && s.file.push() {
		err = s.dir.room()
	}
	s.err = refusal("storage: write", err)
	return n, s.err
}

// remember appends p in memory, where there is room for it.
func (s *staged) remember(p []byte) {
	s.size += int64(len(p))
	if s.size > int64(cap(s.mem)) {
		more := append(s.dir.buffers.get(s.size), s.mem...)
		s.dir.buffers.put(s.mem)
		s.mem = more
	}
	s.mem = append(s.mem, p...)
}

// keep redeems n promised bytes: they lie on the disk now, or nobody wants
// them any more.
func (s *staged) keep(n int64) {
	n = min(n, s.promised)
	s.promised -= n
	s.dir.promised.Add(-n)
}

// spill moves what memory holds into a scratch file.
func (s *staged) spill() error {
	file, err := s.dir.scratch()
	if err != nil {
		return err
	}
	s.file = file
	_, err = file.Write(s.mem)
	s.keep(int64(len(s.mem)))
	s.dir.buffers.put(s.mem)
	s.mem = nil
	return refusal("storage: write", err)
}

// Seal ends the writing. A large upload is synced on return; a small one is
// written and synced while the scanner looks at the bytes in memory.
func (s *staged) Seal() (mailbox.Content, error) {
	if s.content != nil || s.ended {
		return nil, fault("seal after the end")
	}
	if s.err != nil {
		return nil, s.err
	}
	s.synced = make(chan struct{})
	s.content = &content{size: s.size, mem: s.mem}
	if s.file == nil {
		go s.settle()
		return s.content, nil
	}
	close(s.synced)
	if s.err = refusal("storage: sync", s.file.seal()); s.err != nil {
		return nil, s.err
	}
	s.content.file = s.file
	return s.content, nil
}

// settle brings a small upload to the disk.
func (s *staged) settle() {
	defer close(s.synced)
	file, err := s.dir.scratch()
	if err != nil {
		s.err = err
		return
	}
	s.file = file
	if _, err = file.Write(s.mem); err == nil {
		err = file.f.Sync()
	}
	s.keep(s.size)
	s.err = refusal("storage: write", err)
}

// Publish gives the bytes their key; on return they survive a power cut. Kind
// Internal when the key is in use already (I6) or d speaks of another size.
func (s *staged) Publish(ctx context.Context, d mailbox.Description) error {
	if s.content == nil || s.ended {
		return fault("publish without a sealed content")
	}
	if d.Size != s.size {
		return fault("%s has %d bytes, its description says %d", s.key, s.size, d.Size)
	}
	if err := given(ctx); err != nil {
		return err
	}
	select {
	case <-s.synced:
	case <-ctx.Done():
		return given(ctx)
	}
	if s.err != nil {
		return s.err
	}
	if err := s.dir.publish(s.file, s.key, d); err != nil {
		return err
	}
	// The blob is there; a staging name that stays behind is for Collect.
	_ = s.Discard()
	return nil
}

// publish is the order of I2: the file is synced, its name follows, then the
// sync of the folder that holds the name.
func (d *Dir) publish(file *scratch, key mailbox.BlobKey, about mailbox.Description) error {
	where, name, err := location(key)
	if err != nil {
		return err
	}
	if d.able().attrs {
		long, short, err := encode(about)
		if err != nil {
			return fault("describe %s: %w", key, err)
		}
		if err := file.describe(long, short); err != nil {
			return refusal("storage: describe "+key.String(), err)
		}
	}
	folder, err := d.folders.open(where)
	if err != nil {
		return refusal("storage: folder of "+key.String(), err)
	}
	defer folder.Close()
	if err := file.link(folder, name); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return fault("key %s is in use: %w", key, err)
		}
		return refusal("storage: publish "+key.String(), err)
	}
	if err := folder.Sync(); err != nil {
		// Nobody refers to it yet, and the caller was told that it is not there.
		return refusal("storage: sync folder of "+key.String(), errors.Join(err, d.root.Remove(where+"/"+name)))
	}
	return nil
}

// Discard frees whatever is held; after Publish it does nothing. It does not
// wait for a disk that is still busy with the upload.
func (s *staged) Discard() error {
	if s.ended {
		return nil
	}
	s.ended = true
	if s.content != nil {
		s.content.end()
		select {
		case <-s.synced:
		default:
			go func() {
				<-s.synced
				_ = s.free()
			}()
			return nil
		}
	}
	return s.free()
}

// free gives back memory, descriptor and promised room.
func (s *staged) free() error {
	s.keep(s.promised)
	s.dir.buffers.put(s.mem)
	s.mem = nil
	if s.file == nil {
		return nil
	}
	return s.file.close()
}
