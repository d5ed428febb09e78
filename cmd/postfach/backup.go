// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"postfach/backup"
	"postfach/config"
	"postfach/mailbox"
	"postfach/storage"
)

type backupCmd struct {
	Make backupMake `cmd:"" default:"withargs" help:"Copy the catalog beside a running server (the default)."`
	List backupList `cmd:"" help:"List the snapshots of the key backup, or of another place."`
}

type backupMake struct {
	File      string   `arg:"" optional:"" help:"Where to; it must not exist yet. - is standard output. Default: one more snapshot in the place of the key backup."`
	EncryptTo []string `placeholder:"KEY" help:"Encrypt for a public key of age (age1…), or for those in a file. May be repeated."`
	ordered
}

// Help says what belongs to a whole backup.
func (backupMake) Help() string {
	return `Copies an SQLite catalog as it is at one moment, while the server goes on, looks first whether it is whole, and reads the copy back. With --encrypt-to nothing is written in plain text anywhere. Copy the storage afterwards: every version that the copied catalog names is in it then, and what came in between is unnamed and harmless. The running server does this by itself with the key backup; backup list lists those snapshots (docs/recovery.md).`
}

func (c *backupMake) Run(e *env) error {
	by, err := c.by(e)
	if err != nil {
		return err
	}
	text := ""
	if len(c.EncryptTo) > 0 {
		if text, err = config.ParseRecipients(c.EncryptTo); err != nil {
			return misuse("--encrypt-to: %w", err)
		}
	}
	a, err := e.open()
	if err != nil {
		return err
	}
	defer a.done(e)
	if c.File == "" {
		if text != "" {
			return misuse("--encrypt-to needs a FILE; the place of the key backup has backup.encrypt_to")
		}
		if a.cfg.Backup.To.Kind == "" {
			return misuse("give a FILE, or set the key backup")
		}
		text = a.cfg.Backup.Recipients
	}
	to, err := parseRecipients(text)
	if err != nil {
		return err
	}
	if err := a.catalog.Check(e.ctx); err != nil {
		return err
	}
	made, err := a.recordedBackup(e.ctx, by, where(c.File, a.cfg.Backup.To), to, func() (backup.Made, error) {
		return c.make(e, a, to)
	})
	if err != nil {
		return err
	}
	said := e.out
	if c.File == "-" {
		fmt.Fprintf(e.stderr, "catalog copied, %s; now copy the storage %s\n", bytesOf(made.Size), a.cfg.Storage.Path)
		return said.Flush()
	}
	e.say("catalog copied to %s, %s, SHA-256 %x; now copy the storage %s", where(c.File, a.cfg.Backup.To), bytesOf(made.Size), made.SHA256, a.cfg.Storage.Path)
	return nil
}

func where(file string, configured config.Place) string {
	switch file {
	case "":
		return configured.Kind + ":" + configured.Path
	case "-":
		return "standard output"
	}
	return file
}

func (c *backupMake) make(e *env, a *app, to backup.Recipients) (backup.Made, error) {
	switch c.File {
	case "":
		s, err := a.newSeries()
		if err != nil {
			return backup.Made{}, err
		}
		return s.Once(e.ctx)
	case "-":
		return backup.Stream(e.ctx, e.stdout, a.snapshot, to)
	}
	path, err := filepath.Abs(c.File)
	if err != nil {
		return backup.Made{}, err
	}
	return backup.Make(e.ctx, backup.Folder(filepath.Dir(path)), filepath.Base(path), a.snapshot, to)
}

// recordedBackup writes down who begins a backup, and how it ends.
func (a *app) recordedBackup(ctx context.Context, by mailbox.By, place string, to backup.Recipients, run func() (backup.Made, error)) (backup.Made, error) {
	how := "in plain text"
	if to.Encrypt() {
		how = fmt.Sprintf("encrypted for %d", to.Count())
	}
	record := mailbox.Record{Operation: mailbox.OpBackup, Result: "begun",
		Detail: mailbox.Detail{Door: "cli", System: by.System, Order: by.Order, Text: "to " + place + ", " + how}}
	if err := a.catalog.Append(ctx, record); err != nil {
		return backup.Made{}, err
	}
	made, err := run()
	record.Result, record.SHA256, record.Detail.Size = "ok", made.SHA256, made.Size
	if err != nil {
		record.Result, record.SHA256 = "failed", [32]byte{}
	}
	return made, errors.Join(err, a.catalog.Append(context.WithoutCancel(ctx), record))
}

// snapshot is what is backed up.
func (a *app) snapshot(ctx context.Context, w io.Writer) error {
	_, err := a.catalog.Snapshot(ctx, w)
	return err
}

func parseRecipients(text string) (backup.Recipients, error) {
	if text == "" {
		return backup.Recipients{}, nil
	}
	return backup.ParseRecipients(text)
}

// openPlace opens a place of backups; it does not connect.
func openPlace(p config.Place, b config.Bucket) (backup.Place, error) {
	if p.Kind != "s3" {
		return backup.Folder(p.Path), nil
	}
	o, err := bucketOptions(b, storage.Options{})
	if err != nil {
		return nil, err
	}
	core, sse, err := storage.Client(o)
	if err != nil {
		return nil, err
	}
	prefix := b.Prefix
	if prefix != "" {
		prefix += "/"
	}
	return &backup.Bucket{Core: core, Name: b.Name, Prefix: prefix, Encryption: sse}, nil
}

// newSeries is the continuous backup; nil when none is configured.
func (a *app) newSeries() (*backup.Series, error) {
	b := a.cfg.Backup
	if b.To.Kind == "" {
		return nil, nil
	}
	place, err := openPlace(b.To, b.Bucket)
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	to, err := parseRecipients(b.Recipients)
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	return &backup.Series{Place: place, From: a.snapshot, To: to, Every: b.Every, Keep: backup.Keep{Count: b.Count, Days: b.Days, Months: b.Months},
		Check: a.catalog.Check, Turned: a.backupTurned, Log: a.log}, nil
}

// backupTurned records the first good snapshot of the server and whenever the
// series breaks off or goes on: a record of each would drown the others.
func (a *app) backupTurned(ctx context.Context, m backup.Made, err error) {
	r := mailbox.Record{Operation: mailbox.OpBackup, Result: "ok", SHA256: m.SHA256,
		Detail: mailbox.Detail{System: "serve", Size: m.Size, Text: "continuous, to " + where("", a.cfg.Backup.To) + ", " + m.Name}}
	if err != nil {
		r.Result, r.SHA256 = "failed", [32]byte{}
	}
	if err := a.catalog.Append(ctx, r); err != nil {
		a.log.ErrorContext(ctx, "backup not recorded", "err", err)
	}
}

type backupList struct {
	From string `placeholder:"PLACE" help:"dir:FOLDER or s3://BUCKET/PREFIX?…, as the key backup.to has it. Default: that one."`
	JSON bool   `name:"json" help:"One JSON object a line."`
}

// backupRow is a snapshot as it is listed.
type backupRow struct {
	Name string    `json:"name"`
	Time time.Time `json:"time"`
	Size int64     `json:"size"`
}

func (c *backupList) Run(e *env) error {
	place, zone, err := e.backups(c.From)
	if err != nil {
		return err
	}
	all, err := backup.Snapshots(e.ctx, place)
	if err != nil {
		return err
	}
	l := newListing(e, c.JSON, []string{"NAME", "STATE OF", "SIZE"}, func(r backupRow) []string {
		return []string{r.Name, moment(r.Time, zone), bytesOf(r.Size)}
	})
	for _, s := range all {
		if err := l.add(backupRow{s.Name, s.At, s.Size}); err != nil {
			return err
		}
	}
	return l.end()
}

// backups opens the place that a flag names, or the configured one.
func (e *env) backups(named string) (backup.Place, *time.Location, error) {
	if named != "" {
		bucket, place, err := config.ParseBackupPlace(named, e.getenv)
		if err != nil {
			return nil, nil, misuse("--from: %w", err)
		}
		p, err := openPlace(place, bucket)
		return p, time.UTC, err
	}
	cfg, err := e.configuration()
	if err != nil {
		return nil, nil, err
	}
	if cfg.Backup.To.Kind == "" {
		return nil, nil, misuse("give --from, or set the key backup")
	}
	p, err := openPlace(cfg.Backup.To, cfg.Backup.Bucket)
	return p, cfg.Authority.Timezone, err
}
