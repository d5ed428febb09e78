// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"postfach/catalog"
	"postfach/cmd/postfach/export"
	"postfach/mailbox"
)

type exportCmd struct {
	Member  []string `placeholder:"NUMBER" help:"Members to export; may be given more than once."`
	All     bool     `help:"All members, closed ones too."`
	To      string   `required:"" placeholder:"DIR" help:"Where to: an empty or new folder."`
	History bool     `help:"With earlier versions and what was removed."`
	ordered
}

// Help documents what is written.
func (exportCmd) Help() string {
	return `Writes each mailbox as a plain folder, called as the member's number, with everything that the authority sees: the root and the three fixed folders. Beside them stand manifest.csv, one line for each file (UTF-8 with byte order mark, separated by semicolons), and SHA256SUMS, which "sha256sum -c SHA256SUMS" checks in that folder. Files keep the time of their content. With --history earlier versions and removed documents follow in _history, by number; the manifest has their names.

Every document is recorded in the audit log as read, before its first byte is written. What is missing or is not what was scanned is told and left out; exit code 1.`
}

func (c *exportCmd) Run(e *env) error {
	if c.All == (len(c.Member) > 0) {
		return misuse("give either --member or --all")
	}
	a, by, err := c.open(e)
	if err != nil {
		return err
	}
	defer a.done(e)
	members, err := c.members(e, a)
	if err != nil {
		return err
	}
	w, err := export.New(c.To, export.Options{Zone: a.cfg.Authority.Timezone, Language: a.cfg.Authority.Language,
		Open: func(ctx context.Context, key mailbox.BlobKey) (io.ReadCloser, error) {
			return a.blobs.Open(ctx, key, 0, -1)
		}})
	if err != nil {
		return err
	}
	x := exporter{e: e, a: a, by: by, w: w, history: c.History}
	for _, m := range members {
		if err = x.mailbox(m); err != nil {
			break
		}
	}
	if err = errors.Join(err, w.Close()); err != nil {
		return err
	}
	e.say("%d files of %s from %d mailboxes written to %s; %d missing or different", w.Files, bytesOf(w.Bytes), len(members), c.To, x.wrong)
	if x.wrong > 0 {
		return foundWrong
	}
	return nil
}

func (c *exportCmd) members(e *env, a *app) ([]mailbox.Member, error) {
	if c.All {
		all, err := a.members(e)
		return all.byNumber, err
	}
	var some []mailbox.Member
	err := a.catalog.View(e.ctx, func(r mailbox.Reader) error {
		for _, number := range c.Member {
			m, err := memberOf(r, number)
			if err != nil {
				return err
			}
			some = append(some, m)
		}
		return nil
	})
	return some, err
}

// exporter writes one mailbox after another; the list of one mailbox's
// documents is held in memory, their bytes never.
type exporter struct {
	e       *env
	a       *app
	by      mailbox.By
	w       *export.Writer
	history bool
	wrong   int
}

func (x *exporter) mailbox(m mailbox.Member) error {
	var folders []string
	var documents []export.Document
	err := x.a.catalog.Inquire(x.e.ctx, func(q *catalog.Inquiry) (err error) {
		folders, documents, err = x.content(q, m)
		return err
	})
	if err != nil {
		return err
	}
	for _, f := range folders {
		if err := x.w.Folder(m.Number, f); err != nil {
			return err
		}
	}
	const page = 500 // records of one commit
	for len(documents) > 0 {
		some := documents[:min(page, len(documents))]
		documents = documents[len(some):]
		if err := x.write(m, some); err != nil {
			return err
		}
	}
	return nil
}

// content lists what stands in a mailbox, and with the history what stood there.
func (x *exporter) content(q *catalog.Inquiry, m mailbox.Member) (folders []string, documents []export.Document, err error) {
	who := newPeople(q)
	top, err := q.Entry(m.Folders[mailbox.Root])
	if err != nil {
		return nil, nil, err
	}
	folders = []string{""}
	state := map[mailbox.EntryID]export.State{} // of the earlier versions of what is in view
	current := map[mailbox.VersionID]bool{}
	err = listBelow(q, top, "", true, func(path string, y mailbox.Entry) error {
		if y.Folder {
			folders = append(folders, path)
			return nil
		}
		state[y.ID], current[y.Version.ID] = export.Earlier, true
		documents = append(documents, export.Document{Number: m.Number, Path: path, Place: y.Place, Entry: y.ID, Version: y.Version, Modified: y.Modified, Person: who.name(y.Version.Person)})
		return nil
	})
	if err != nil || !x.history {
		return folders, documents, err
	}
	err = q.EachVersion(m.ID, func(v mailbox.Version) error {
		if !v.Purged && !current[v.ID] {
			documents = append(documents, export.Document{Number: m.Number, Entry: v.Entry, Version: v, Modified: v.Time})
		}
		return nil
	})
	for i := range documents {
		d := &documents[i]
		if err != nil || current[d.Version.ID] {
			continue
		}
		var y mailbox.Entry
		if y, err = q.Entry(d.Entry); err != nil {
			continue
		}
		if d.State = export.Removed; state[d.Entry] == export.Earlier {
			d.State = export.Earlier
		} else if y.Version.ID == d.Version.ID {
			d.Modified = y.Modified
		}
		d.Place, d.Person = y.Place, who.name(d.Version.Person)
		d.Path, err = mailbox.PathOf(q, y)
	}
	return folders, documents, err
}

// write records documents as read and then writes them (I3).
func (x *exporter) write(m mailbox.Member, some []export.Document) error {
	records := make([]mailbox.Record, len(some))
	for i, d := range some {
		records[i] = mailbox.Record{Member: m.ID, Operation: mailbox.OpRead, Place: d.Place, Entry: d.Version.Entry, Version: d.Version.ID, SHA256: d.Version.SHA256,
			Result: "ok", Detail: mailbox.Detail{Door: "cli", System: x.by.System, Order: x.by.Order, Path: d.Path, Size: d.Version.Size, Text: "export"}}
	}
	if err := x.a.catalog.Append(x.e.ctx, records...); err != nil {
		return err
	}
	for _, d := range some {
		err := x.w.Add(x.e.ctx, d)
		if ours, ok := errors.AsType[*mailbox.Error](err); ok && (ours.Kind == mailbox.NotFound || ours.Kind == mailbox.Internal) {
			x.wrong++
			fmt.Fprintf(x.e.stderr, "%s%s (version %s): %s\n", d.Number, plain(d.Path), d.Version.ID, plain(explain(err)))
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}
