// SPDX-License-Identifier: Apache-2.0

// Package backup puts snapshots of a catalog into a place of their own,
// encrypted for those who may restore them, reads them back, and keeps as many
// as it is told. It knows nothing of what is in a snapshot and holds no key
// that could read one.
package backup

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Source writes a snapshot as it is at one moment.
type Source func(ctx context.Context, w io.Writer) error

// Place keeps files under names; they appear whole or not at all.
type Place interface {
	// Put stores what write writes under a new name. Nothing is left under it
	// when Put fails. An error that is fs.ErrExist when the name is taken.
	Put(ctx context.Context, name string, write func(io.Writer) error) error
	// Get reads a file; an error that is fs.ErrNotExist when there is none.
	Get(ctx context.Context, name string) (io.ReadCloser, error)
	// List gives what lies there, in no order.
	List(ctx context.Context) ([]File, error)
	// Remove deletes a file.
	Remove(ctx context.Context, name string) error
	// Tidy removes what broken attempts left more than a day ago.
	Tidy(ctx context.Context) error
}

// File is what lies in a place.
type File struct {
	Name string
	Size int64 // bytes
}

// Made is a snapshot that was stored and read back.
type Made struct {
	Name   string
	At     time.Time // nothing that was committed before is missing
	Size   int64     // bytes, as stored
	SHA256 [32]byte  // of what is stored
}

// Make stores one snapshot under the name, encrypted for everybody in to (in
// plain text for nobody), and compares what can be read there with what was
// written. What differs is removed.
func Make(ctx context.Context, p Place, name string, from Source, to Recipients) (Made, error) {
	var m Made
	err := p.Put(ctx, name, func(w io.Writer) (err error) {
		m, err = Stream(ctx, w, from, to)
		return err
	})
	m.Name = name
	if err != nil {
		return m, fmt.Errorf("backup %s: %w", name, err)
	}
	if err := m.compare(ctx, p); err != nil {
		return m, errors.Join(fmt.Errorf("backup %s: %w", name, err), p.Remove(context.WithoutCancel(ctx), name))
	}
	return m, nil
}

// Stream writes one snapshot to w, and does not read it back.
func Stream(ctx context.Context, w io.Writer, from Source, to Recipients) (Made, error) {
	m := Made{At: time.Now().UTC()}
	wrote := &meter{h: sha256.New()}
	steps := bufio.NewWriterSize(io.MultiWriter(w, wrote), 256<<10)
	sealed, err := to.seal(steps)
	if err != nil {
		return m, err
	}
	if err := from(ctx, sealed); err != nil {
		return m, err
	}
	if err := sealed.Close(); err != nil {
		return m, err
	}
	if err := steps.Flush(); err != nil {
		return m, err
	}
	m.Size, m.SHA256 = wrote.n, [32]byte(wrote.h.Sum(nil))
	return m, nil
}

// compare reads back what was stored.
func (m Made) compare(ctx context.Context, p Place) error {
	r, err := p.Get(ctx, m.Name)
	if err != nil {
		return fmt.Errorf("cannot be read back: %w", err)
	}
	read := &meter{h: sha256.New()}
	_, err = io.Copy(read, r)
	if err := errors.Join(err, r.Close()); err != nil {
		return fmt.Errorf("cannot be read back: %w", err)
	}
	if read.n != m.Size || !bytes.Equal(read.h.Sum(nil), m.SHA256[:]) {
		return fmt.Errorf("%d bytes were written, %d others came back", m.Size, read.n)
	}
	return nil
}

// meter counts and digests.
type meter struct {
	h interface {
		io.Writer
		Sum([]byte) []byte
	}
	n int64
}

func (m *meter) Write(p []byte) (int, error) {
	m.n += int64(len(p))
	return m.h.Write(p)
}

// Names of a series sort by their time and are never used twice.
const nameLayout = "20060102T150405.000000Z"

var namePattern = regexp.MustCompile(`^postfach-(\d{8}T\d{6}\.\d{6}Z)-[a-z2-7]{6}\.db(\.age)?$`)

func newName(at time.Time, sealed bool) string {
	name := "postfach-" + at.UTC().Format(nameLayout) + "-" + strings.ToLower(rand.Text()[:6]) + ".db"
	if sealed {
		name += ".age"
	}
	return name
}

// Stored is a snapshot of a series.
type Stored struct {
	File
	At time.Time
}

// Snapshots lists those of a place, the latest first. Anything else that lies
// there is left out.
func Snapshots(ctx context.Context, p Place) ([]Stored, error) {
	files, err := p.List(ctx)
	if err != nil {
		return nil, err
	}
	var all []Stored
	for _, f := range files {
		m := namePattern.FindStringSubmatch(f.Name)
		if m == nil {
			continue
		}
		if at, err := time.Parse(nameLayout, m[1]); err == nil {
			all = append(all, Stored{f, at})
		}
	}
	slices.SortFunc(all, func(a, b Stored) int { return strings.Compare(b.Name, a.Name) })
	return all, nil
}
