// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"

	"postfach/mailbox"
)

// staged is one upload on its way into a storage: first in memory, past
// Options.MemoryMax in a scratch file. How it gets its key is the storage's
// business.
type staged struct {
	spool    *spool
	mem      []byte   // nil once the bytes are in the file
	file     *scratch // nil while they are in memory only
	size     int64    // bytes written
	promised int64    // bytes of spool.promised that are ours
	content  *content // not nil after Seal
	synced   chan struct{}
	err      error // of writing and syncing; final
	ended    bool
}

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
		if s.size+int64(len(p)) <= s.spool.o.MemoryMax {
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
	if err == nil && s.file.push(s.spool.lasting) {
		err = s.spool.room()
	}
	s.err = refusal("storage: write", err)
	return n, s.err
}

// remember appends p in memory, where there is room for it.
func (s *staged) remember(p []byte) {
	s.size += int64(len(p))
	if s.size > int64(cap(s.mem)) {
		more := append(s.spool.buffers.get(s.size), s.mem...)
		s.spool.buffers.put(s.mem)
		s.mem = more
	}
	s.mem = append(s.mem, p...)
}

// keep redeems n promised bytes: they lie on the disk now, or nobody wants
// them any more.
func (s *staged) keep(n int64) {
	n = min(n, s.promised)
	s.promised -= n
	s.spool.promised.Add(-n)
}

// spill moves what memory holds into a scratch file.
func (s *staged) spill() error {
	file, err := s.spool.scratch()
	if err != nil {
		return err
	}
	s.file = file
	_, err = file.Write(s.mem)
	s.keep(int64(len(s.mem)))
	s.spool.buffers.put(s.mem)
	s.mem = nil
	return refusal("storage: write", err)
}

// Seal ends the writing. Where the spool is lasting, a large upload is synced on
// return; a small one is written and synced while the scanner looks at the
// bytes in memory.
func (s *staged) Seal() (mailbox.Content, error) {
	if s.content != nil || s.ended {
		return nil, fault("seal after the end")
	}
	if s.err != nil {
		return nil, s.err
	}
	s.synced = make(chan struct{})
	s.content = &content{size: s.size, mem: s.mem}
	switch {
	case s.file != nil:
		close(s.synced)
	case s.spool.lasting:
		go s.settle()
		return s.content, nil
	default:
		close(s.synced)
		return s.content, nil
	}
	if s.err = refusal("storage: sync", s.file.seal(s.spool.lasting)); s.err != nil {
		return nil, s.err
	}
	s.content.file = s.file
	return s.content, nil
}

// settle brings a small upload to the disk.
func (s *staged) settle() {
	defer close(s.synced)
	file, err := s.spool.scratch()
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

// publishable is nil when d tells about exactly what was sealed. It waits until
// that has reached the disk, where it must.
func (s *staged) publishable(ctx context.Context, d mailbox.Description) error {
	if s.content == nil || s.ended {
		return fault("publish without a sealed content")
	}
	if d.Size != s.size {
		return fault("%d bytes, the description says %d", s.size, d.Size)
	}
	if err := given(ctx); err != nil {
		return err
	}
	select {
	case <-s.synced:
	case <-ctx.Done():
		return given(ctx)
	}
	return s.err
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
	s.spool.buffers.put(s.mem)
	s.mem = nil
	if s.file == nil {
		return nil
	}
	return s.file.close()
}
