// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// tree is a folder that nothing leads out of.
type tree struct {
	root *os.Root
	top  *os.File // the folder itself
}

func openTree(path string) (tree, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return tree{}, err
	}
	top, err := root.Open(".")
	if err != nil {
		return tree{}, errors.Join(err, root.Close())
	}
	return tree{root, top}, nil
}

func (t tree) close() error { return errors.Join(t.top.Close(), t.root.Close()) }

// open is root.OpenFile in one system call where the kernel has openat2 (Linux
// 5.6): os.Root opens folder by folder, and asks for each file whether it could
// be waited for. Nothing outside the folder is reached by either.
func (t tree) open(name string, flags int, mode fs.FileMode) (*os.File, error) {
	how := unix.OpenHow{Flags: uint64(flags | unix.O_CLOEXEC), Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS}
	if flags&(os.O_CREATE|unix.O_TMPFILE&^unix.O_DIRECTORY) != 0 { // else a mode is refused
		how.Mode = uint64(mode.Perm())
	}
	for {
		fd, err := unix.Openat2(int(t.top.Fd()), name, &how)
		switch {
		case err == nil:
			return os.NewFile(uintptr(fd), t.top.Name()+"/"+name), nil
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM), errors.Is(err, unix.EAGAIN):
			// An older kernel, a sandbox that does not know the call, or something
			// was renamed meanwhile.
			return t.root.OpenFile(name, flags, mode)
		default:
			return nil, &fs.PathError{Op: "openat2", Path: name, Err: err}
		}
	}
}
