// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"postfach/catalog"
	"postfach/config"
	"postfach/mailbox"
)

type catalogCmd struct {
	Copy    catalogCopy    `cmd:"" help:"Copy a whole catalog into an empty one, for example from SQLite to PostgreSQL."`
	Migrate catalogMigrate `cmd:"" help:"Bring the tables of a catalog up to date and end."`
}

// opCatalogCopy is recorded in the copy.
const opCatalogCopy mailbox.Operation = "catalog-copy"

type catalogCopy struct {
	ordered
	From string `required:"" placeholder:"CATALOG" help:"sqlite:PATH or postgres://USER@HOST/DATABASE, as in the configuration."`
	To   string `required:"" placeholder:"CATALOG" help:"The same, empty; a file is made."`
	JSON bool   `name:"json" help:"One JSON object a table."`
}

// Help says what has to be done around it.
func (catalogCopy) Help() string {
	return `Copies every table in one transaction, with all ids and the numbers that come next, reads everything back and compares it by digest. The target must be empty; nothing is left of a copy that fails. Stop Postfach first: what it takes in meanwhile stays behind. The password of a database comes by POSTFACH_CATALOG_PASSWORD or POSTFACH_CATALOG_PASSWORD_FILE. Afterwards change the key catalog, start, and let audit replay compare. Needs no configuration file (docs/postgresql.md).`
}

// copiedRow is what is said of a table.
type copiedRow struct {
	Table  string `json:"table"`
	Rows   int64  `json:"rows"`
	SHA256 string `json:"sha256"`
}

func (c *catalogCopy) Run(e *env) error {
	by, err := c.by(e)
	if err != nil {
		return err
	}
	from, err := e.openNamed("--from", c.From, true)
	if err != nil {
		return err
	}
	defer e.closeNamed(from)
	to, err := e.openNamed("--to", c.To, false)
	if err != nil {
		return err
	}
	defer e.closeNamed(to)
	done, err := catalog.Copy(e.ctx, from, to)
	if errors.Is(err, catalog.ErrNotEmpty) {
		return &wrongOrder{err.Error()}
	}
	if err != nil {
		return err
	}
	err = to.Append(e.ctx, mailbox.Record{Operation: opCatalogCopy, Result: "ok",
		Detail: mailbox.Detail{Door: "cli", System: by.System, Order: by.Order, Text: c.From + " -> " + c.To}})
	if err != nil {
		return err
	}
	l := newListing(e, c.JSON, []string{"TABLE", "ROWS", "SHA-256"}, func(r copiedRow) []string {
		return []string{r.Table, fmt.Sprint(r.Rows), r.SHA256}
	})
	for _, d := range done {
		if err := l.add(copiedRow{d.Table, d.Rows, fmt.Sprintf("%x", d.SHA256)}); err != nil {
			return err
		}
	}
	return l.end()
}

type catalogMigrate struct {
	To string `placeholder:"CATALOG" help:"sqlite:PATH or postgres://USER@HOST/DATABASE. Default: the configured one."`
}

// Help says when it is needed.
func (catalogMigrate) Help() string {
	return `Every command and the server do this by themselves. It is a command of its own for installations whose servers may not change tables (docs/postgresql.md).`
}

func (c *catalogMigrate) Run(e *env) error {
	if c.To == "" {
		cfg, err := e.configuration()
		if err != nil {
			return err
		}
		s, err := openCatalog(cfg, newLogger(config.Log{Level: "info", Format: "text"}, e.stderr))
		if err != nil {
			return err
		}
		defer e.closeNamed(s)
		e.say("%s is up to date", cfg.Catalog.Path)
		return nil
	}
	s, err := e.openNamed("--to", c.To, false)
	if err != nil {
		return err
	}
	defer e.closeNamed(s)
	e.say("%s is up to date", c.To)
	return nil
}

// namedCatalog is a catalog that a flag names.
type namedCatalog interface {
	catalog.Database
	Close() error
}

// openNamed opens the catalog that a flag names; one to read from must be there.
func (e *env) openNamed(flag, text string, there bool) (namedCatalog, error) {
	place, database, err := config.ParseCatalog(text, e.getenv)
	if err != nil {
		return nil, misuse("%s: %w", flag, err)
	}
	log := newLogger(config.Log{Level: "info", Format: "text"}, e.stderr)
	if place.Kind == "postgres" {
		p, err := catalog.OpenPostgres(serverOf(database), catalog.Options{Log: log})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", flag, err)
		}
		return p, nil
	}
	if there {
		_, err = os.Stat(place.Path)
	} else {
		err = os.MkdirAll(filepath.Dir(place.Path), 0o700)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	s, err := catalog.OpenSQLite(place.Path, catalog.Options{Log: log})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	return s, nil
}

// closeNamed closes what a flag named.
func (e *env) closeNamed(c interface{ Close() error }) {
	if err := c.Close(); err != nil {
		fmt.Fprintln(e.stderr, "postfach: closing: "+plain(err.Error()))
	}
}
