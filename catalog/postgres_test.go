// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"postfach/catalog/catalogtest"
	"postfach/catalog/pgtest"
	"postfach/mailbox"
)

// shared is the server of all tests here; each test has a database of its own.
var shared pgtest.Lazy

func TestMain(m *testing.M) {
	code := m.Run()
	shared.Stop()
	os.Exit(code)
}

// openPostgres opens a fresh catalog on the real clock.
func openPostgres(t testing.TB) *Postgres {
	t.Helper()
	s := shared.Get(t)
	return openNode(t, s.URL(s.Database(t)), Options{})
}

// openNode opens a catalog that may be there already.
func openNode(t testing.TB, url string, o Options) *Postgres {
	t.Helper()
	p, err := OpenPostgres(Server{URL: url}, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// forBoth runs a test on a fresh catalog of each kind.
func forBoth(t *testing.T, o Options, run func(*testing.T, tables)) {
	t.Run("SQLite", func(t *testing.T) { run(t, openAt(t, filepath.Join(t.TempDir(), "c.db"), o).tables) })
	t.Run("PostgreSQL", func(t *testing.T) {
		s := shared.Get(t)
		run(t, openNode(t, s.URL(s.Database(t)), o).tables)
	})
}

// allBack waits until no connection is lent; broken ones take a moment.
func allBack(t *testing.T, p *Postgres) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(time.Millisecond) {
		_, lent := p.pool.Stat()
		if lent == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d connections are still lent", lent)
		}
	}
}

func openWholePostgres(t *testing.T, now func() time.Time) catalogtest.Whole {
	s := shared.Get(t)
	return openNode(t, s.URL(s.Database(t)), Options{Now: now})
}

func TestPostgresMailboxSuite(t *testing.T) {
	catalogtest.Run(t, func(t *testing.T) mailbox.Catalog {
		at := time.Now() // standing still, so that what ends now has ended
		return openWholePostgres(t, func() time.Time { return at })
	})
}

func TestPostgresAccountsSuite(t *testing.T) { catalogtest.RunAccounts(t, openWholePostgres) }

func TestPostgresAccessSuite(t *testing.T) { catalogtest.RunAccess(t, openWholePostgres) }

func TestPostgresNoticesSuite(t *testing.T) { catalogtest.RunNotices(t, openWholePostgres) }
