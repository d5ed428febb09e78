// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"postfach/catalog/sqlite"
)

// Backup writes a copy of the catalog to a new file at path (mode 0600), as it
// is at one moment, while everything goes on. The copy is durable on return; it
// knows that it is one (see revive).
func (s *SQLite) Backup(ctx context.Context, path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("catalog backup: %w", err)
	}
	if err := errors.Join(s.copyTo(ctx, path), f.Sync(), f.Close(), syncFolder(path)); err != nil {
		return errors.Join(fmt.Errorf("catalog backup: %w", err), os.Remove(path))
	}
	return nil
}

// copyTo uses a connection of its own: a copy takes long, and readers are few.
func (s *SQLite) copyTo(ctx context.Context, path string) error {
	c, err := sqlite.Open(s.path, sqlite.Options{BusyTimeout: s.o.BusyTimeout})
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, c.Interrupt)
	_, err = c.Exec("VACUUM INTO $1", path)
	stop()
	if err = errors.Join(err, c.Close()); err != nil {
		return err
	}
	return markCopy(path)
}

func syncFolder(path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
