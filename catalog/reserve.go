// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"postfach/catalog/sqlite"
)

// reserve is a file beside the catalog that only takes room. When the disk is
// full it is given up, so that what needs little goes on for a while: reading,
// which is recorded before its first byte (I3), and signing in. It is taken
// again when there is room. Uploads do not live on it: the storage refuses
// them long before.
type reserve struct {
	path string
	gone atomic.Bool // it is not there, as far as this process knows

	mu    sync.Mutex
	given time.Time // when this process last gave it up
}

const (
	reserveSize = 16 << 20        // bytes; some thousand records
	reserveRoom = 4 * reserveSize // bytes that must be free before it is taken
)

// take makes the file where it is missing and there is room. It is a comfort,
// not a condition: what fails is tried again later.
func (r *reserve) take() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, err := os.Lstat(r.path); err == nil {
		r.gone.Store(false)
		return
	}
	r.gone.Store(true)
	var disk unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(r.path), &disk); err != nil || int64(disk.Bavail)*disk.Bsize < reserveRoom {
		return
	}
	f, err := os.OpenFile(r.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return
	}
	if err := errors.Join(unix.Fallocate(int(f.Fd()), 0, 0, reserveSize), f.Close()); err != nil {
		_ = os.Remove(r.path)
		return
	}
	r.gone.Store(false)
}

// give gives the room up. It says whether there is room now that was not there
// when the caller began.
func (r *reserve) give(began time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := os.Remove(r.path); err == nil {
		r.given = time.Now()
		r.gone.Store(true)
		return true
	}
	return r.given.After(began)
}

// full says that the disk has no room.
func full(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && (e.Primary() == codeFull || e.Primary() == codeIO) || errors.Is(err, unix.ENOSPC)
}

// Result codes of SQLite. A full disk shows as an I/O error where the index of
// the log has to grow.
const (
	codeFull = 13
	codeIO   = 10
)
