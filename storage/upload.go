// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"errors"
	"io/fs"

	"postfach/mailbox"
)

// upload is one upload on its way into a Dir: its scratch file gets a second
// life as the blob.
type upload struct {
	*staged
	dir *Dir
	key mailbox.BlobKey
}

var _ mailbox.Staged = (*upload)(nil)

// Publish gives the bytes their key; on return they survive a power cut. Kind
// Internal when the key is in use already (I6) or d speaks of another size.
func (u *upload) Publish(ctx context.Context, d mailbox.Description) error {
	if err := u.publishable(ctx, d); err != nil {
		return err
	}
	if err := u.dir.publish(u.file, u.key, d); err != nil {
		return err
	}
	// The blob is there; a staging name that stays behind is for Collect.
	_ = u.Discard()
	return nil
}

// publish is the order of I2: the file is synced, its name follows, then the
// sync of the folder that holds the name.
func (d *Dir) publish(file *scratch, key mailbox.BlobKey, about mailbox.Description) error {
	where, name, err := location(key)
	if err != nil {
		return err
	}
	if d.able().attrs {
		long, short, err := encode(about)
		if err != nil {
			return fault("describe %s: %w", key, err)
		}
		if err := file.describe(long, short); err != nil {
			return refusal("storage: describe "+key.String(), err)
		}
	}
	folder, err := d.folders.open(where)
	if err != nil {
		return refusal("storage: folder of "+key.String(), err)
	}
	defer folder.Close()
	if err := file.link(folder, name); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return fault("key %s is in use: %w", key, err)
		}
		return refusal("storage: publish "+key.String(), err)
	}
	if err := folder.Sync(); err != nil {
		// Nobody refers to it yet, and the caller was told that it is not there.
		return refusal("storage: sync folder of "+key.String(), errors.Join(err, d.root.Remove(where+"/"+name)))
	}
	return nil
}
