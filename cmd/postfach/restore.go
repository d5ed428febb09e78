// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"postfach/backup"
	"postfach/catalog"
	"postfach/config"
	"postfach/mailbox"
)

type restoreCmd struct {
	From     string `placeholder:"BACKUP" help:"A file, - for standard input, or dir:FOLDER or s3://BUCKET/PREFIX?… as the key backup.to has it. Default: the place of that key."`
	Name     string `placeholder:"NAME" help:"Which snapshot of a folder or bucket, from backup list. Default: the latest."`
	Identity string `placeholder:"FILE" help:"The secret key of age that the backup can be read with."`
	Here     bool   `help:"The catalog was restored by other means and is in its place."`
	Catalog  string `placeholder:"CATALOG" help:"With --here: the same catalog as the owner of its tables, postgres://OWNER@HOST/DATABASE."`
	Report   string `placeholder:"FILE" help:"List documents that are in the storage, but newer than the backup (CSV)."`
	ordered
}

// Help says what is done, and what is left to do.
func (restoreCmd) Help() string {
	return `Puts the snapshot in the place of the configured SQLite catalog, which must be empty or missing, on a machine where nothing runs. Bring the storage back first. All ids go on behind those that the backup or the storage knows; sync clients are told that they must not delete what the backup does not know; mails are held until notice release, since the backup does not know which were sent; and what the storage holds beyond the backup is not swept away. --here does the same with a catalog that came back by other means: PostgreSQL with its own, or a copy of files or of a whole machine. Start the server afterwards, and let audit replay --verify compare (docs/recovery.md).`
}

func (c *restoreCmd) Run(e *env) error {
	by, err := c.by(e)
	if err != nil {
		return err
	}
	switch {
	case c.Here && (c.From != "" || c.Name != "" || c.Identity != ""):
		return misuse("--here takes the catalog that is there, and no backup")
	case !c.Here && c.Catalog != "":
		return misuse("--catalog belongs to --here")
	}
	cfg, err := e.configuration()
	if err != nil {
		return err
	}
	if c.Here {
		return c.here(e, cfg, by)
	}
	if cfg.Catalog.Kind != "sqlite" {
		return &wrongOrder{"a catalog in PostgreSQL is restored by its server's own means; afterwards: postfach restore --here (docs/postgresql.md)"}
	}
	return c.fromBackup(e, cfg, by)
}

// here begins a new life of the catalog that is in its place.
func (c *restoreCmd) here(e *env, cfg config.Config, by mailbox.By) error {
	if c.Catalog != "" {
		var err error
		if cfg.Catalog, cfg.Database, err = config.ParseCatalog(c.Catalog, e.getenv); err != nil {
			return misuse("--catalog: %w", err)
		}
	}
	a, err := open(cfg, newLogger(config.Log{Level: "warn", Format: "text"}, e.stderr))
	if err != nil {
		return err
	}
	defer a.done(e)
	detail := mailbox.Detail{Door: "cli", System: by.System, Order: by.Order, Text: "restored by other means"}
	if err := a.catalog.Revive(e.ctx, detail); err != nil {
		return err
	}
	return c.settle(e, a, cfg.Catalog.Path+" begins a new life")
}

// unfinishedRestore ends the name of a catalog that is not in its place yet.
const unfinishedRestore = ".restoring"

func (c *restoreCmd) fromBackup(e *env, cfg config.Config, by mailbox.By) error {
	path := cfg.Catalog.Path
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := catalog.Clear(path); err != nil {
		return &wrongOrder{err.Error()}
	}
	temp := path + unfinishedRestore
	if err := removeCatalog(temp); err != nil {
		return err
	}
	name, sum, err := c.fetch(e, temp)
	if err != nil {
		return errors.Join(err, removeCatalog(temp))
	}
	err = c.prepare(e, cfg, by, temp, fmt.Sprintf("from %s, SHA-256 of its plain text %x", name, sum))
	if err != nil {
		return errors.Join(err, removeCatalog(temp))
	}
	if err := catalog.Place(temp, path); err != nil {
		return err
	}
	a, err := open(cfg, newLogger(config.Log{Level: "warn", Format: "text"}, e.stderr))
	if err != nil {
		return err
	}
	defer a.done(e)
	return c.settle(e, a, "restored from "+name)
}

// fetch writes the plain text of the chosen backup to a new file.
func (c *restoreCmd) fetch(e *env, path string) (name string, sum []byte, err error) {
	from, name, err := c.source(e)
	if err != nil {
		return name, nil, err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	keys := ""
	if c.Identity != "" {
		text, err := os.ReadFile(c.Identity)
		if err != nil {
			return name, nil, err
		}
		keys = string(text)
	}
	plainText, err := backup.Read(from, keys)
	if errors.Is(err, backup.ErrSealed) {
		return name, nil, misuse("%s: %w", name, err)
	}
	if err != nil {
		return name, nil, fmt.Errorf("%s: %w", name, err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return name, nil, err
	}
	h := sha256.New()
	_, err = io.Copy(io.MultiWriter(f, h), ended{e.ctx, plainText})
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return name, nil, fmt.Errorf("%s: %w", name, err)
	}
	return name, h.Sum(nil), nil
}

// ended stops reading when the command is stopped.
type ended struct {
	ctx context.Context
	r   io.Reader
}

func (x ended) Read(p []byte) (int, error) {
	if err := x.ctx.Err(); err != nil {
		return 0, err
	}
	return x.r.Read(p)
}

// source opens the chosen backup.
func (c *restoreCmd) source(e *env) (io.ReadCloser, string, error) {
	series := c.From == "" || strings.HasPrefix(c.From, "dir:") || strings.HasPrefix(c.From, "s3:")
	switch {
	case !series && c.Name != "":
		return nil, c.From, misuse("--name chooses a snapshot of a folder or bucket")
	case c.From == "-":
		return io.NopCloser(e.stdin), "standard input", nil
	case !series:
		f, err := os.Open(c.From)
		return f, c.From, err
	}
	place, _, err := e.backups(c.From)
	if err != nil {
		return nil, c.From, err
	}
	name := c.Name
	if name == "" {
		all, err := backup.Snapshots(e.ctx, place)
		if err != nil {
			return nil, c.From, err
		}
		if len(all) == 0 {
			return nil, c.From, &wrongOrder{"there is no backup in that place"}
		}
		name = all[0].Name
	}
	r, err := place.Get(e.ctx, name)
	return r, name, err
}

// prepare begins the new life before the catalog stands in its place.
func (c *restoreCmd) prepare(e *env, cfg config.Config, by mailbox.By, temp, text string) error {
	s, err := catalog.OpenSQLite(temp, catalog.Options{Log: newLogger(config.Log{Level: "warn", Format: "text"}, e.stderr), Returned: cfg.Folders.Returned,
		Restored: mailbox.Detail{Door: "cli", System: by.System, Order: by.Order, Text: text}})
	if err != nil {
		return err
	}
	err = s.Check(e.ctx)
	// A plain copy of a catalog that was restored before says so too; it would go
	// on with the ids and mails of that life.
	if err == nil && !s.Revived() {
		err = &wrongOrder{"this is a catalog, but none that postfach backup has written: put it in its place and call postfach restore --here"}
	}
	return errors.Join(err, s.Close())
}

// settle looks what the storage holds beyond the backup, lets ids go on behind
// it, tells the storage of the new life and the operator what is left to do.
func (c *restoreCmd) settle(e *env, a *app, done string) error {
	n, err := a.newer(e.ctx, c.Report)
	if err != nil {
		return err
	}
	if err := a.catalog.RaiseIDs(e.ctx, n.highest); err != nil {
		return err
	}
	if err := a.noteStanding(e.ctx); err != nil {
		return err
	}
	life, err := a.catalog.Life(e.ctx)
	if err != nil {
		return err
	}
	members := 0
	if err := a.catalog.View(e.ctx, func(r mailbox.Reader) (err error) {
		members, err = r.CountMembers()
		return err
	}); err != nil {
		return err
	}
	e.say("%s: %d members, the last record is of %s", done, members, moment(life.Known, a.cfg.Authority.Timezone))
	if n.blobs > 0 {
		e.say("the storage holds %d documents of %s that the backup does not know; they are kept, and nobody sees them", n.blobs, bytesOf(n.bytes))
	}
	e.say("mails are held: see notice list --state queued, then notice release")
	e.say("next: start the server; audit replay --verify compares catalog and storage")
	return nil
}

// removeCatalog removes what an unfinished restore left.
func removeCatalog(path string) error {
	for _, end := range []string{"", "-wal", "-shm", "-reserve"} {
		if err := os.Remove(path + end); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// beyond is what the storage holds beyond the catalog.
type beyond struct {
	blobs   int
	bytes   int64
	highest int64 // of the numbers of entries and persons
}

// newer looks at everything that was stored after the last thing that the
// catalog knows, and lists it in a file unless that is "".
func (a *app) newer(ctx context.Context, report string) (n beyond, err error) {
	life, err := a.catalog.Life(ctx)
	if err != nil {
		return n, err
	}
	list, err := newLostList(report)
	if err != nil {
		return n, err
	}
	from := life.Known.Add(-2 * a.cfg.Upload.MaxDuration)
	err = a.walkUnnamed(ctx, from, func(b lostBlob) error {
		n.blobs++
		n.bytes += b.Size
		n.highest = max(n.highest, int64(b.about.Entry), int64(b.about.Person))
		list.add(b)
		return nil
	})
	return n, errors.Join(err, list.close())
}
