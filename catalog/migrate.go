// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"postfach/catalog/sqlite"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Numbers in the header of our files: "PoFa", and "PoFc" in a snapshot until it
// is opened in the place of the catalog that it was taken of.
const (
	applicationID = 0x506f4661
	snapshotID    = 0x506f4663
)

var (
	errForeign = errors.New("the file is an SQLite database, but not a catalog of Postfach")
	errNewer   = errors.New("a newer Postfach has written this catalog; an older one would damage it")
)

// migrations gives the scripts in order; the n-th leads to schema n.
func migrations() ([]string, error) {
	names, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	var scripts []string
	for i, name := range names { // sorted by name
		var n int
		if _, err := fmt.Sscanf(name, "migrations/%04d_", &n); err != nil || n != i+1 {
			return nil, fmt.Errorf("%s is not migration %d", name, i+1)
		}
		text, err := migrationFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		scripts = append(scripts, string(text))
	}
	return scripts, nil
}

// migrate brings the schema up to date in one transaction. Several processes
// may try at once; the second finds nothing to do.
func migrate(c *sqlite.Conn, log *slog.Logger) error {
	scripts, err := migrations()
	if err != nil {
		return err
	}
	if at, err := schemaVersion(c, len(scripts)); err != nil || at == len(scripts) {
		return err
	}
	if _, err := c.Exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	if err := migrateLocked(c, scripts, log); err != nil {
		_, rollback := c.Exec("ROLLBACK")
		return errors.Join(err, rollback)
	}
	_, err = c.Exec("COMMIT")
	return err
}

func migrateLocked(c *sqlite.Conn, scripts []string, log *slog.Logger) error {
	at, err := schemaVersion(c, len(scripts))
	if err != nil {
		return err
	}
	if at == 0 { // a snapshot of an older schema is still one afterwards
		if err := c.Script(fmt.Sprintf("PRAGMA application_id=%d", applicationID)); err != nil {
			return err
		}
	}
	for n := at; n < len(scripts); n++ {
		if err := c.Script(scripts[n]); err != nil {
			return fmt.Errorf("migration %d: %w", n+1, err)
		}
		log.Info("catalog migrated", "schema", n+1)
	}
	return c.Script(fmt.Sprintf("PRAGMA user_version=%d", len(scripts)))
}

// schemaVersion is 0 for an empty file.
func schemaVersion(c *sqlite.Conn, newest int) (int, error) {
	var version, application, tables int64
	for pragma, to := range map[string]*int64{
		"PRAGMA user_version":                &version,
		"PRAGMA application_id":              &application,
		"SELECT count(*) FROM sqlite_schema": &tables,
	} {
		if err := c.Query(pragma, func(r *sqlite.Row) error { *to = r.Int(0); return nil }); err != nil {
			return 0, err
		}
	}
	switch {
	case tables == 0 && version == 0:
		return 0, nil
	case application != applicationID && application != snapshotID:
		return 0, errForeign
	case int(version) > newest:
		return 0, fmt.Errorf("%w (schema %d, this one knows %d)", errNewer, version, newest)
	}
	return int(version), nil
}
