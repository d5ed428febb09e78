// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"path/filepath"
	"testing"
	"time"

	"postfach/catalog/catalogtest"
	"postfach/mailbox"
)

// openTest opens a fresh catalog on the real clock.
func openTest(t testing.TB) *SQLite {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "catalog.db"), Options{})
}

func openAt(t testing.TB, path string, o Options) *SQLite {
	t.Helper()
	s, err := OpenSQLite(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestMailboxSuite(t *testing.T) {
	catalogtest.Run(t, func(t *testing.T) mailbox.Catalog { return openTest(t) })
}

func openWhole(t *testing.T, now func() time.Time) catalogtest.Whole {
	return openAt(t, filepath.Join(t.TempDir(), "catalog.db"), Options{Now: now})
}

func TestAccountsSuite(t *testing.T) { catalogtest.RunAccounts(t, openWhole) }

func TestNoticesSuite(t *testing.T) { catalogtest.RunNotices(t, openWhole) }

func TestStartTime(t *testing.T) {
	begun := time.Now()
	openTest(t)
	t.Log(time.Since(begun))
}
