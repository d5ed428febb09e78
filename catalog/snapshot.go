// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// Snapshot says what was written.
type Snapshot struct {
	At   time.Time // everything that was committed before is in it
	Size int64     // bytes
}

// Places in the first page of an SQLite file (sqlite.org/fileformat2.html
// section 1.3).
const (
	headerPages       = 28
	headerApplication = 68
)

// Snapshot writes the catalog as it is at one moment while everything goes on:
// the bytes of an SQLite file that knows that it is a copy (see revive). Nothing
// is put on a disk but what w does. While it runs SQLite does not shorten its
// log.
func (s *SQLite) Snapshot(ctx context.Context, w io.Writer) (Snapshot, error) {
	c, err := openReader(s.path, s.o) // of its own: this takes long, and readers are few
	if err != nil {
		return Snapshot{}, unavailable(err)
	}
	stop := context.AfterFunc(ctx, c.Interrupt)
	p := pages{w: w}
	at := moment(s.o.Now)
	err = lite{c}.Query("SELECT data FROM sqlite_dbpage ORDER BY pgno", p.add) // one statement sees one state
	stop()
	if err = errors.Join(err, c.Close()); err == nil {
		err = p.whole()
	}
	if err != nil {
		return Snapshot{}, fmt.Errorf("snapshot of the catalog: %w", errors.Join(context.Cause(ctx), err))
	}
	return Snapshot{At: at, Size: p.size}, nil
}

// pages writes the pages of a file in their order.
type pages struct {
	w    io.Writer
	n    uint32 // pages so far
	said uint32 // pages by the header
	size int64
}

func (p *pages) add(row tuple) error {
	page := row.Bytes(0)
	if p.n == 0 {
		if len(page) < headerApplication+4 || binary.BigEndian.Uint32(page[headerApplication:]) != applicationID {
			return errForeign
		}
		p.said = binary.BigEndian.Uint32(page[headerPages:])
		binary.BigEndian.PutUint32(page[headerApplication:], snapshotID)
	}
	p.n++
	n, err := p.w.Write(page)
	p.size += int64(n)
	return err
}

// whole says whether all pages came that the header speaks of.
func (p *pages) whole() error {
	if p.n == 0 || p.n != p.said {
		return fmt.Errorf("%d pages were read, the header has %d", p.n, p.said)
	}
	return nil
}

// Check reads the whole catalog and says what is damaged in it.
func (s *SQLite) Check(ctx context.Context) error {
	c, err := openReader(s.path, s.o)
	if err != nil {
		return unavailable(err)
	}
	stop := context.AfterFunc(ctx, c.Interrupt)
	err = lite{c}.Query("PRAGMA quick_check(10)", func(row tuple) error {
		if said := row.Text(0); said != "ok" {
			return fmt.Errorf("the catalog is damaged: %s", said)
		}
		return nil
	})
	stop()
	return errors.Join(err, c.Close())
}

func syncFolder(path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
