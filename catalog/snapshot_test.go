// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"errors"
	"os"
	"testing"
)

// snapshotTo writes a snapshot to a new file.
func snapshotTo(t *testing.T, s *SQLite, path string) error {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = s.Snapshot(t.Context(), f)
	return errors.Join(err, f.Close())
}
