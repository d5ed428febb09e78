// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"postfach/mailbox"
)

// lostBlobs gives the documents that a restore has lost and no sweep takes, as
// versions of no entry: with the digest of their description, and where there is
// none with that of their bytes.
func (a *app) lostBlobs(ctx context.Context) (all []mailbox.Version, err error) {
	from, until, err := a.lost(ctx)
	if err != nil || until.IsZero() {
		return nil, err
	}
	err = a.walkUnnamed(ctx, from.Add(-2*a.cfg.Upload.MaxDuration), func(b lostBlob) error {
		at := b.Key.Version.Time()
		if at.After(until) {
			return nil
		}
		v := mailbox.Version{Blob: b.Key, SHA256: b.about.SHA256, Size: b.about.Size, Time: at}
		if v.SHA256 == [32]byte{} {
			var err error
			if v.SHA256, v.Size, err = a.blobs.Verify(ctx, b.Key); err != nil {
				return err
			}
		}
		all = append(all, v)
		return nil
	})
	return all, err
}
