// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"
)

// retryDamaged is after how long a damaged content is worth another try:
// somebody has to bring it back.
const retryDamaged = time.Hour

// openWhole opens a content only if it still has its length. A storage that has
// lost or cut it is kind Unavailable: the document exists, and no client may
// take it for removed, or a part of it for the whole. Digests are compared in
// the background (package scrub).
func (s *Service) openWhole(ctx context.Context, v *Version, offset, n int64) (io.ReadCloser, error) {
	body, err := s.blobs.Open(ctx, v.Blob, offset, n)
	switch kind := KindOf(err); {
	case err == nil:
		size, known := wholeSize(body)
		if !known || size == v.Size {
			return body, nil
		}
		err = errors.Join(fmt.Errorf("%d bytes are stored, not %d", size, v.Size), body.Close())
	case kind != NotFound && kind != RangeUnsatisfiable:
		return nil, err
	}
	s.o.Log.ErrorContext(ctx, "stored content is damaged", "key", v.Blob.String(), "entry", v.Entry, "version", v.ID.String(), "err", err)
	return nil, &Error{Kind: Unavailable, Reason: ReasonStorage, RetryAfter: retryDamaged, Err: err}
}

// wholeSize is the length of the blob that a body is all or a part of, where
// the storage says so.
func wholeSize(body io.ReadCloser) (int64, bool) {
	switch b := body.(type) {
	case interface{ Stat() (fs.FileInfo, error) }:
		if info, err := b.Stat(); err == nil {
			return info.Size(), true
		}
	case interface{ BlobSize() (int64, bool) }:
		return b.BlobSize()
	}
	return 0, false
}
