// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"
)

// writebackStep is how much may wait in memory before the kernel is told to
// begin writing, in bytes. Started early, the sync at the end has almost
// nothing left to do.
const writebackStep = 8 << 20

// descriptionAttr is the extended attribute that holds a blob's description.
const descriptionAttr = "user.postfach"

// ability is what the file system under a Dir can do.
type ability struct {
	nameless bool // O_TMPFILE, reopened and linked by way of /proc
	attrs    bool // extended attributes of users
}

// scratch is a file that becomes a blob by getting a second life under its
// final name. Until then it has no name at all, or one in the staging folder.
type scratch struct {
	root    *os.Root
	f       *os.File // for writing, after seal for reading only
	name    string   // below root; "" when nameless
	size    int64    // bytes written
	started int64    // of these, bytes that push has dealt with
}

func newScratch(t tree, nameless bool) (*scratch, error) {
	if nameless {
		f, err := t.open(stagingName, unix.O_TMPFILE|os.O_WRONLY, fileMode)
		if err != nil {
			return nil, err
		}
		return &scratch{root: t.root, f: f}, nil
	}
	name := stagingName + "/" + uuid.NewString()
	f, err := t.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return nil, err
	}
	return &scratch{root: t.root, f: f, name: name}, nil
}

// Write appends p.
func (s *scratch) Write(p []byte) (int, error) {
	n, err := s.f.Write(p)
	s.size += int64(n)
	return n, err
}

// push says whether a step has been gathered since it last said so; of what has
// to last it begins writing that back.
func (s *scratch) push(lasting bool) bool {
	if s.size-s.started < writebackStep {
		return false
	}
	if !lasting {
		s.started = s.size
		return true
	}
	// Only a hint: the sync at the end reports what goes wrong.
	_ = unix.SyncFileRange(int(s.f.Fd()), s.started, s.size-s.started, unix.SYNC_FILE_RANGE_WRITE)
	s.started = s.size
	return true
}

// seal gives up the right to write to the file; what has to last is synced.
func (s *scratch) seal(lasting bool) error {
	if lasting {
		if err := s.f.Sync(); err != nil {
			return err
		}
	}
	r, err := s.reopen()
	if err != nil {
		return err
	}
	err = s.f.Close()
	s.f = r
	return err
}

// reopen gives a new read-only descriptor of the same inode.
func (s *scratch) reopen() (*os.File, error) {
	if s.name != "" {
		return s.root.Open(s.name)
	}
	return os.Open(procPath(s.f))
}

func procPath(f *os.File) string { return fmt.Sprintf("/proc/self/fd/%d", f.Fd()) }

// describe attaches the description. The attribute is journalled before the
// new name, so on ext4 and XFS the sync of the folder that follows carries it
// along; elsewhere a power cut may cost the description, never the bytes.
func (s *scratch) describe(long, short []byte) error {
	fd := int(s.f.Fd())
	// Setting an attribute needs the owner's right to write, which the final
	// mode denies to everybody.
	if err := unix.Fchmod(fd, fileMode|0o200); err != nil {
		return err
	}
	err := unix.Fsetxattr(fd, descriptionAttr, long, 0)
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.E2BIG) || errors.Is(err, unix.ERANGE) {
		err = unix.Fsetxattr(fd, descriptionAttr, short, 0)
	}
	return errors.Join(err, unix.Fchmod(fd, fileMode))
}

// link gives the file its final name; one that exists is never replaced.
func (s *scratch) link(folder *os.File, name string) error {
	to := int(folder.Fd())
	if s.name == "" {
		return linkError(name, unix.Linkat(unix.AT_FDCWD, procPath(s.f), to, name, unix.AT_SYMLINK_FOLLOW))
	}
	from, err := s.root.Open(stagingName)
	if err != nil {
		return err
	}
	defer from.Close()
	return linkError(name, unix.Linkat(int(from.Fd()), s.name[len(stagingName)+1:], to, name, 0))
}

func linkError(name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: "link", Path: name, Err: err}
}

// close drops the descriptor and the staging name. Without another name the
// bytes are gone.
func (s *scratch) close() error {
	err := s.f.Close()
	if s.name != "" {
		err = errors.Join(err, s.root.Remove(s.name))
	}
	return err
}

// probe finds out by doing what the file system can do. An error means that
// nothing can be stored now.
func probe(t tree) (ability, error) {
	errNameless := tryScratch(t, true)
	a := ability{nameless: errNameless == nil}
	if !a.nameless {
		if err := tryScratch(t, false); err != nil {
			return ability{}, errors.Join(errNameless, err)
		}
	}
	s, err := newScratch(t, a.nameless)
	if err != nil {
		return ability{}, err
	}
	text := []byte("{}")
	a.attrs = s.describe(text, text) == nil
	return a, s.close()
}

// tryScratch walks one file through everything that an upload needs.
func tryScratch(t tree, nameless bool) error {
	s, err := newScratch(t, nameless)
	if err != nil {
		return err
	}
	if err := s.seal(true); err != nil {
		return errors.Join(err, s.close())
	}
	folder, err := t.root.Open(stagingName)
	if err != nil {
		return errors.Join(err, s.close())
	}
	name := uuid.NewString()
	err = s.link(folder, name)
	if err == nil {
		err = t.root.Remove(stagingName + "/" + name)
	}
	return errors.Join(err, folder.Close(), s.close())
}
