// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"postfach/mailbox"
)

// identity is what must not change while clamd reads a file.
type identity struct {
	dev, ino     uint64
	size         int64
	mtime, ctime unix.Timespec
}

// descriptor judges an open file by passing its descriptor (FILDES) over the
// unix socket. The file must hold exactly size bytes and stay the same from
// before to after, else what clamd read is not what will be stored.
func (c *client) descriptor(ctx context.Context, f *os.File, size int64) (mailbox.Verdict, error) {
	before, err := identify(f)
	if err != nil {
		return mailbox.Verdict{}, &sourceError{err}
	}
	if before.size != size {
		return mailbox.Verdict{}, &sourceError{fmt.Errorf("spool file has %d bytes where %d were announced", before.size, size)}
	}
	v, err := c.pass(ctx, f)
	if err != nil {
		return mailbox.Verdict{}, err
	}
	after, err := identify(f)
	if err != nil {
		return mailbox.Verdict{}, &sourceError{err}
	}
	if before != after {
		return mailbox.Verdict{}, &sourceError{errors.New("spool file changed while clamd read it")}
	}
	return v, nil
}

func (c *client) pass(ctx context.Context, f *os.File) (mailbox.Verdict, error) {
	conn, release, err := c.open(ctx)
	if err != nil {
		return mailbox.Verdict{}, err
	}
	defer release()
	sock, ok := conn.(*net.UnixConn)
	if !ok {
		return mailbox.Verdict{}, errors.New("descriptors pass over a unix socket only")
	}
	if err := c.write(conn, []byte("zFILDES\x00")); err != nil {
		return c.conclude(conn, fildes, err)
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return mailbox.Verdict{}, &sourceError{err}
	}
	// Control, not f.Fd: that would switch the file to blocking mode.
	var sendErr error
	err = raw.Control(func(fd uintptr) {
		if sendErr = conn.SetWriteDeadline(time.Now().Add(c.idle)); sendErr == nil {
			_, _, sendErr = sock.WriteMsgUnix([]byte{0}, syscall.UnixRights(int(fd)), nil)
		}
	})
	return c.conclude(conn, fildes, errors.Join(err, sendErr))
}

func identify(f *os.File) (identity, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return identity{}, err
	}
	var st unix.Stat_t
	var statErr error
	if err := raw.Control(func(fd uintptr) { statErr = unix.Fstat(int(fd), &st) }); err != nil {
		return identity{}, err
	}
	if statErr != nil {
		return identity{}, os.NewSyscallError("fstat", statErr)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return identity{}, errors.New("spool is not a regular file")
	}
	return identity{
		dev: uint64(st.Dev), ino: st.Ino, size: st.Size, mtime: st.Mtim, ctime: st.Ctim,
	}, nil
}
