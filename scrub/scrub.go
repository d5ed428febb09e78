// SPDX-License-Identifier: Apache-2.0

// Package scrub reads stored contents again and compares them with what the
// catalog says of them, so that a content that is missing or differs is known
// before somebody needs it. It repairs nothing: the storage's own copies and
// the backup do.
package scrub

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/time/rate"

	"postfach/mailbox"
)

// Catalog says what should be stored, and keeps what was found.
type Catalog interface {
	View(ctx context.Context, fn func(mailbox.Reader) error) error
	Append(ctx context.Context, r ...mailbox.Record) error
	// VersionsAfter gives versions by id, after one, at most limit; member 0
	// means all.
	VersionsAfter(ctx context.Context, member mailbox.MemberID, after mailbox.VersionID, limit int, fn func(mailbox.Version) error) error
	// LatestVersions gives the newest n, the latest first.
	LatestVersions(ctx context.Context, n int, fn func(mailbox.Version) error) error
	// Note, SwapNote and Lease are those of segment.Catalog.
	Note(ctx context.Context, name string) (string, error)
	SwapNote(ctx context.Context, name, old, text string) (bool, error)
	Lease(ctx context.Context, name, holder string, d time.Duration) (bool, error)
}

// Storage is what is read.
type Storage interface {
	Open(ctx context.Context, key mailbox.BlobKey, offset, n int64) (io.ReadCloser, error)
	Ready(ctx context.Context) error
}

// State is what a reading of a content found.
type State string

const (
	Intact     State = "intact"
	Missing    State = "missing"
	Different  State = "different"  // another length or digest
	Unreadable State = "unreadable" // although the storage answers
	Given      State = "given-up"   // purged meanwhile; there is nothing to find
)

// Finding is a content with its state.
type Finding struct {
	Version mailbox.Version
	State   State
	Detail  string // what was read instead; "" for intact
	Read    int64  // bytes
}

// Damaged says that somebody should be told.
func (f Finding) Damaged() bool { return f.State != Intact && f.State != Given }

// Checker reads contents one after another.
type Checker struct {
	Catalog Catalog
	Storage Storage
	Rate    int64 // bytes a second; 0 means no bound

	limiter *rate.Limiter
}

// step is what is read at a time, in bytes, and so the least burst.
const step = 64 << 10

// Check reads the content of a version. The error is of kind Unavailable when
// catalog or storage do not answer, so that nothing is known.
func (c *Checker) Check(ctx context.Context, v mailbox.Version) (Finding, error) {
	f, err := c.read(ctx, v)
	for range 2 { // a moment's trouble is not damage
		if err == nil {
			break
		}
		if ready := c.Storage.Ready(ctx); ready != nil || ctx.Err() != nil {
			return f, errors.Join(err, ready)
		}
		f, err = c.read(ctx, v)
	}
	if err != nil {
		f.State, f.Detail = Unreadable, err.Error()
	}
	if !f.Damaged() {
		return f, nil
	}
	// Room may have been made of it while it was read.
	var now mailbox.Version
	err = c.Catalog.View(ctx, func(r mailbox.Reader) (err error) {
		now, err = r.Version(v.ID)
		return err
	})
	switch {
	case err != nil && mailbox.KindOf(err) == mailbox.NotFound, err == nil && now.Purged:
		f.State = Given
	case err != nil:
		return f, err
	}
	return f, nil
}

func (c *Checker) read(ctx context.Context, v mailbox.Version) (f Finding, err error) {
	f = Finding{Version: v, State: Intact}
	body, err := c.Storage.Open(ctx, v.Blob, 0, -1)
	if err != nil && mailbox.KindOf(err) == mailbox.NotFound {
		f.State, f.Detail = Missing, "nothing is stored under its key"
		return f, nil
	}
	if err != nil {
		return f, err
	}
	defer body.Close() //nolint:errcheck // only read
	h := sha256.New()
	buf := make([]byte, step)
	for {
		if err := c.wait(ctx); err != nil {
			return f, err
		}
		n, err := io.ReadFull(body, buf)
		h.Write(buf[:n])
		f.Read += int64(n)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) && mailbox.KindOf(err) == mailbox.Internal {
			break
		}
		if err != nil {
			return f, err
		}
	}
	if sum := [32]byte(h.Sum(nil)); f.Read != v.Size || sum != v.SHA256 {
		f.State = Different
		f.Detail = fmt.Sprintf("%d bytes with SHA-256 %x, not %d bytes with %x", f.Read, sum, v.Size, v.SHA256)
	}
	return f, nil
}

// wait lets time pass for the next step.
func (c *Checker) wait(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return mailbox.Wrap(mailbox.Canceled, "", err)
	}
	if c.Rate <= 0 {
		return nil
	}
	if c.limiter == nil {
		c.limiter = rate.NewLimiter(rate.Limit(c.Rate), step)
	}
	return c.limiter.WaitN(ctx, step)
}
