// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"postfach/catalog/postgres"
)

//go:embed migrations/postgres/*.sql
var postgresFiles embed.FS

// postgresFirst is the schema that the first script of PostgreSQL makes. From
// there on each schema has a script in both folders.
const postgresFirst = 7

// oldestServer is the oldest major version of PostgreSQL that is accepted.
const oldestServer = 14

// serverFacts decide whether an acknowledged upload can be lost (I2), and
// whether names come back as they were written.
const serverFacts = `SELECT CAST(current_setting('server_version_num') AS BIGINT) / 10000, current_setting('server_encoding'),
	current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit')`

func checkServer(c *postgres.Conn) error {
	return c.Query(serverFacts, func(r *postgres.Row) error {
		if v := r.Int(0); v < oldestServer {
			return fmt.Errorf("the server is PostgreSQL %d; %d is the oldest that can be used", v, oldestServer)
		}
		if e := r.Text(1); e != "UTF8" {
			return fmt.Errorf("the database is encoded in %s; make one with ENCODING 'UTF8'", e)
		}
		for i, name := range []string{"fsync", "full_page_writes", "synchronous_commit"} {
			if r.Text(2+i) == "off" {
				return fmt.Errorf("the server has %s = off: what was acknowledged could be lost", name)
			}
		}
		return nil
	})
}

// postgresScripts gives the scripts in order; the n-th leads to schema
// postgresFirst + n.
func postgresScripts() ([]string, error) {
	names, err := fs.Glob(postgresFiles, "migrations/postgres/*.sql")
	if err != nil {
		return nil, err
	}
	var scripts []string
	for i, name := range names { // sorted by name
		var n int
		if _, err := fmt.Sscanf(name, "migrations/postgres/%04d_", &n); err != nil || n != i+postgresFirst {
			return nil, fmt.Errorf("%s is not migration %d", name, i+postgresFirst)
		}
		text, err := postgresFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		scripts = append(scripts, string(text))
	}
	return scripts, nil
}

const (
	schemaTables = `SELECT to_regclass('schema_version') IS NOT NULL,
		EXISTS (SELECT 1 FROM pg_class WHERE relnamespace = to_regnamespace(current_schema()) AND relkind IN ('r', 'v', 'S', 'p', 'm'))`
	selectSchema = "SELECT version FROM schema_version"
	putSchema    = `CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL);
		DELETE FROM schema_version; INSERT INTO schema_version VALUES (%d)`
	// lockSchema lets one node migrate at a time, however long that takes.
	lockSchema = "SET LOCAL lock_timeout = 0; SELECT pg_advisory_xact_lock(%d)"
)

// patience is how long one statement of a migration or of a copy may take.
const patience = 12 * time.Hour

var errForeignDatabase = errors.New("the database holds something else than a catalog of Postfach; give it one of its own")

// migratePostgres brings the schema up to date in one transaction. Several
// nodes may try at once; the second finds nothing to do.
func migratePostgres(c *postgres.Conn, log *slog.Logger) error {
	scripts, err := postgresScripts()
	if err != nil {
		return err
	}
	newest := postgresFirst + len(scripts) - 1
	if at, err := postgresSchema(c, newest); err != nil || at == newest {
		return err
	}
	c.Patient(patience)
	defer c.Rollback()
	if err := c.Script("BEGIN; " + fmt.Sprintf(lockSchema, applicationID)); err != nil {
		return err
	}
	at, err := postgresSchema(c, newest)
	if err != nil {
		return err
	}
	for n := max(at+1, postgresFirst); n <= newest; n++ {
		if err := c.Script(scripts[n-postgresFirst]); err != nil {
			return fmt.Errorf("migration %d: %w", n, err)
		}
		log.Info("catalog migrated", "schema", n)
	}
	if err := c.Script(fmt.Sprintf(putSchema, newest)); err != nil {
		return err
	}
	_, err = c.Commit()
	return err
}

// postgresSchema is 0 for an empty database.
func postgresSchema(c *postgres.Conn, newest int) (int, error) {
	var ours, something bool
	err := c.Query(schemaTables, func(r *postgres.Row) error { ours, something = r.Bool(0), r.Bool(1); return nil })
	switch {
	case err != nil:
		return 0, err
	case !ours && something:
		return 0, errForeignDatabase
	case !ours:
		return 0, nil
	}
	version := 0
	if err := c.Query(selectSchema, func(r *postgres.Row) error { version = int(r.Int(0)); return nil }); err != nil {
		return 0, err
	}
	if version > newest {
		return 0, fmt.Errorf("%w (schema %d, this one knows %d)", errNewer, version, newest)
	}
	return version, nil
}
