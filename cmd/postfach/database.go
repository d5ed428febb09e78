// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"postfach/auth"
	"postfach/catalog"
	"postfach/config"
	"postfach/mailbox"
	"postfach/notify"
	"postfach/scan"
	"postfach/segment"
)

// catalogStore is what commands and server need of a catalog.
type catalogStore interface {
	mailbox.Catalog
	auth.Store
	notify.Store
	notify.Desk
	scan.ProbeMemory
	segment.Catalog
	VersionsAfter(ctx context.Context, m mailbox.MemberID, after mailbox.VersionID, limit int, fn func(mailbox.Version) error) error
	LatestVersions(ctx context.Context, n int, fn func(mailbox.Version) error) error
	Inquire(ctx context.Context, fn func(*catalog.Inquiry) error) error
	Identity(ctx context.Context) (catalog.Identity, error)
	Snapshot(ctx context.Context, w io.Writer) (catalog.Snapshot, error)
	Check(ctx context.Context) error
	Life(ctx context.Context) (catalog.Life, error)
	Revive(ctx context.Context, detail mailbox.Detail) error
	GiveUpLost(ctx context.Context, r mailbox.Record) error
	RaiseIDs(ctx context.Context, behind int64) error
	Standing(ctx context.Context) (catalog.Standing, error)
	Untold(ctx context.Context) ([]catalog.Untold, error)
	ReleaseNotices(ctx context.Context, again bool, by mailbox.By) (catalog.Released, error)
	Close() error
}

var (
	_ catalogStore = (*catalog.SQLite)(nil)
	_ catalogStore = (*catalog.Postgres)(nil)
)

// openCatalog opens the catalog that is configured, making it if there is none.
func openCatalog(c config.Config, log *slog.Logger) (catalogStore, error) {
	o := catalog.Options{Log: log, Returned: c.Folders.Returned}
	if c.Catalog.Kind == "postgres" {
		p, err := catalog.OpenPostgres(serverOf(c.Database), o)
		if err != nil {
			return nil, fmt.Errorf("catalog %s: %w", c.Catalog.Path, err)
		}
		return p, nil
	}
	if err := os.MkdirAll(filepath.Dir(c.Catalog.Path), 0o700); err != nil {
		return nil, err
	}
	s, err := catalog.OpenSQLite(c.Catalog.Path, o)
	if err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	return s, nil
}

func serverOf(d config.Database) catalog.Server {
	return catalog.Server{URL: d.URL, Password: d.Password, Conns: d.Conns}
}
