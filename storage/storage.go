// SPDX-License-Identifier: Apache-2.0

// Package storage keeps the bytes of versions under keys that are never used
// twice. It knows nothing of entries, names, rights or verdicts: what a blob
// means is the catalog's business, and nothing here decides who may read it.
//
// A blob appears in one step (Publish) and never changes afterwards (I6). Dir
// keeps blobs in a folder of this machine; it needs Linux.
package storage

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"postfach/mailbox"
)

// Options of a storage; the zero value is a working one.
type Options struct {
	// MemoryMax is the largest upload held in memory, in bytes; below 1 means
	// 1 MiB.
	MemoryMax int64
	// ReserveFree is what an upload must leave free, in bytes, so that the
	// catalog on the same disk can still record sign-ins and reads; 0 means
	// 128 MiB, negative means nothing.
	ReserveFree int64
}

const (
	defaultMemoryMax   = 1 << 20
	defaultReserveFree = 128 << 20
	retryFull          = time.Minute // somebody has to make room
	retryDown          = 10 * time.Second
)

func (o Options) withDefaults() Options {
	if o.MemoryMax < 1 {
		o.MemoryMax = defaultMemoryMax
	}
	if o.ReserveFree == 0 {
		o.ReserveFree = defaultReserveFree
	}
	o.ReserveFree = max(o.ReserveFree, 0)
	return o
}

// BlobInfo is what a storage alone knows of a blob.
type BlobInfo struct {
	Key     mailbox.BlobKey
	Size    int64     // bytes
	ModTime time.Time // by the storage's clock
}

// full is the refusal for lack of room.
func full(op string, cause error) error {
	return &mailbox.Error{Kind: mailbox.Unavailable, Reason: mailbox.ReasonStorage, RetryAfter: retryFull,
		Err: fmt.Errorf("%s: %w", op, cause)}
}

// refusal turns a fault of the system into an error of kind Unavailable; an
// error that already has a kind keeps it.
func refusal(op string, cause error) error {
	if cause == nil {
		return nil
	}
	if e, ok := errors.AsType[*mailbox.Error](cause); ok {
		return e
	}
	if errors.Is(cause, syscall.ENOSPC) || errors.Is(cause, syscall.EDQUOT) {
		return full(op, cause)
	}
	return &mailbox.Error{Kind: mailbox.Unavailable, Reason: mailbox.ReasonStorage, RetryAfter: retryDown,
		Err: fmt.Errorf("%s: %w", op, cause)}
}

// fault is an error that only a mistake of ours can bring about.
func fault(format string, args ...any) error {
	return mailbox.Wrap(mailbox.Internal, "", fmt.Errorf("storage: "+format, args...))
}

// given says whether the caller has given up already.
func given(ctx context.Context) error {
	err := ctx.Err()
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return refusal("storage", err)
	}
	return mailbox.Wrap(mailbox.Canceled, "", err)
}
