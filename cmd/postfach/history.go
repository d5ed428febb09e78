// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"postfach/catalog"
	"postfach/mailbox"
)

type entryHistory struct {
	Entry string `arg:"" help:"Number of the entry; or a member number, followed by a path."`
	Path  string `arg:"" optional:"" help:"Path inside the mailbox, such as /KVBBG-SB-Posteingang/Liste.csv."`
	Get   string `placeholder:"VERSION" help:"Retrieve this version. The audit log records it."`
	Out   string `placeholder:"FILE" help:"Where to; it must not exist yet. - for standard output."`
	JSON  bool   `name:"json" help:"One JSON object a line."`
	ordered
}

// versionRow is a version as it is listed.
type versionRow struct {
	Version string          `json:"version"`
	Entry   mailbox.EntryID `json:"entry"`
	SHA256  string          `json:"sha256"`
	Size    int64           `json:"size"` // bytes
	Person  string          `json:"person"`
	Time    time.Time       `json:"time"`
	Engine  string          `json:"engine"`
	Base    string          `json:"signatures"`
	Seen    bool            `json:"seen"` // was ever delivered, taken over or released
	Current bool            `json:"current"`
	Purged  bool            `json:"purged,omitempty"` // the bytes were given up because room was needed
}

func (c *entryHistory) Run(e *env) error {
	if (c.Get == "") != (c.Out == "") {
		return misuse("--get and --out belong together")
	}
	a, err := e.open()
	if err != nil {
		return err
	}
	defer a.done(e)
	zone := a.cfg.Authority.Timezone
	l := newListing(e, c.JSON, []string{"VERSION", "TIME", "PERSON", "SIZE", "ENTRY", "SHA-256"}, func(v versionRow) []string {
		size := bytesOf(v.Size)
		if v.Purged {
			size = "given up"
		}
		return []string{v.Version, moment(v.Time, zone), v.Person, size, strconv.FormatInt(int64(v.Entry), 10), v.SHA256}
	})
	var wanted *mailbox.Version
	var entry mailbox.Entry
	err = a.catalog.Inquire(e.ctx, func(r *catalog.Inquiry) error {
		var err error
		if entry, err = c.find(r); err != nil {
			return err
		}
		if entry.Folder {
			return misuse("entry %d is a folder; only files have versions", entry.ID)
		}
		versions, err := r.Versions(entry.ID)
		if err != nil {
			return err
		}
		who := newPeople(r)
		for _, v := range versions {
			if v.ID.String() == c.Get {
				wanted = &v
			}
			if c.Get != "" {
				continue
			}
			row := versionRow{Version: v.ID.String(), Entry: v.Entry, SHA256: v.SHA256Hex(), Size: v.Size, Person: who.name(v.Person), Time: v.Time,
				Engine: v.Engine, Base: v.Database, Seen: v.Seen, Current: v.ID == entry.Version.ID, Purged: v.Purged}
			if err := l.add(row); err != nil {
				return err
			}
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case c.Get == "":
		return l.end()
	case wanted != nil && wanted.Purged:
		return &wrongOrder{"the bytes of version " + c.Get + " were given up because room was needed"}
	case wanted == nil:
		return &wrongOrder{"entry " + strconv.FormatInt(int64(entry.ID), 10) + " has no version " + c.Get}
	}
	return c.retrieve(e, a, entry, *wanted)
}

// find reads the arguments: an entry's number, or a member's and a path.
func (c *entryHistory) find(r mailbox.Reader) (mailbox.Entry, error) {
	if c.Path != "" {
		m, err := memberOf(r, c.Entry)
		if err != nil {
			return mailbox.Entry{}, err
		}
		x, _, err := walk(r, m, c.Path)
		return x, err
	}
	id, err := strconv.ParseInt(c.Entry, 10, 64)
	if err != nil {
		return mailbox.Entry{}, misuse("%q is no entry number; with a member number give a path too", c.Entry)
	}
	x, err := r.Entry(mailbox.EntryID(id))
	if err != nil && mailbox.KindOf(err) == mailbox.NotFound {
		err = &wrongOrder{"there is no entry " + c.Entry}
	}
	return x, err
}

// retrieve writes a version to where the command says. The record is durable
// before the first byte goes out (I3).
func (c *entryHistory) retrieve(e *env, a *app, x mailbox.Entry, v mailbox.Version) error {
	by, err := c.by(e)
	if err != nil {
		return err
	}
	rec := mailbox.Record{Member: x.Member, Operation: mailbox.OpRead, Place: x.Place, Entry: v.Entry, Version: v.ID, SHA256: v.SHA256,
		Result: "ok", Detail: mailbox.Detail{Door: "cli", System: by.System, Order: by.Order, Size: v.Size}}
	if err := a.catalog.View(e.ctx, func(r mailbox.Reader) (err error) {
		rec.Detail.Path, err = mailbox.PathOf(r, x)
		return err
	}); err != nil {
		return err
	}
	if c.Out == "-" {
		if err := a.catalog.Append(e.ctx, rec); err != nil {
			return err
		}
		return a.copyVersion(e, v, e.out)
	}
	f, err := os.OpenFile(c.Out, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err = a.catalog.Append(e.ctx, rec); err == nil {
		err = a.copyVersion(e, v, f)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(c.Out))
	}
	e.say("version %s written to %s, %s, SHA-256 %s", v.ID, c.Out, bytesOf(v.Size), v.SHA256Hex())
	return nil
}

// copyVersion writes the bytes of a version, which must be those that were
// scanned.
func (a *app) copyVersion(e *env, v mailbox.Version, out io.Writer) error {
	body, err := a.blobs.Open(e.ctx, v.Blob, 0, -1)
	if err != nil {
		return err
	}
	defer body.Close()
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(out, h), body)
	if err != nil {
		return err
	}
	if [32]byte(h.Sum(nil)) != v.SHA256 || n != v.Size {
		return fmt.Errorf("the stored bytes of version %s are not those that were scanned; see postfach storage verify", v.ID)
	}
	return nil
}
