// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"

	"postfach/catalog"
	"postfach/config"
	"postfach/mailbox"
	"postfach/segment"
)

// fromStorage exports what the storage has of the log. It needs no catalog, and
// makes none.
func (c *auditExport) fromStorage(e *env, by mailbox.By) error {
	if !reflect.DeepEqual(c.auditFilter, auditFilter{}) {
		return misuse("--from-storage and --lost give all records: names and numbers stand in the catalog, which may be lost")
	}
	cfg, err := e.configuration()
	if err != nil {
		return err
	}
	if err := recordExport(e, cfg, by); err != nil {
		return err
	}
	blobs, _, err := openStorage(cfg)
	if err != nil {
		return err
	}
	defer blobs.Close() //nolint:errcheck // only read
	archive, err := segment.Open(e.ctx, blobs)
	if err != nil {
		return err
	}
	folders := mailboxOptions(cfg, nil).Folders
	enc := json.NewEncoder(e.out)
	enc.SetEscapeHTML(false)
	write := func(r segment.Record) error {
		if !r.Intact() {
			archive.Faults = append(archive.Faults, fmt.Sprintf("record %d has a detail that it was not written with", r.Sequence))
		}
		return enc.Encode(logRowOf(catalog.Logged{Record: r.Record, Digest: r.Digest, Erased: r.Salt == nil, Intact: r.Intact()}, folders))
	}
	if c.Lost {
		for _, h := range archive.Lost { // each life counts for itself
			if err := archive.Records(e.ctx, []segment.Header{h}, write); err != nil {
				return err
			}
		}
	} else if err := archive.Records(e.ctx, archive.Chain, write); err != nil {
		return err
	} else if n := len(archive.Lost); n > 0 {
		fmt.Fprintf(e.stderr, "postfach: %d segments that a restored backup did not know are left out: --lost\n", n)
	}
	for _, f := range archive.Faults {
		fmt.Fprintln(e.stderr, "postfach: "+plain(f))
	}
	if len(archive.Faults) > 0 {
		return foundWrong
	}
	return nil
}

// recordExport records an export in the catalog, where there is one.
func recordExport(e *env, cfg config.Config, by mailbox.By) error {
	if cfg.Catalog.Kind == "sqlite" {
		if _, err := os.Stat(cfg.Catalog.Path); errors.Is(err, fs.ErrNotExist) {
			fmt.Fprintln(e.stderr, "postfach: there is no catalog; the export is not recorded")
			return nil
		}
	}
	c, err := openCatalog(cfg, newLogger(config.Log{Level: "warn", Format: "text"}, e.stderr))
	if err != nil {
		fmt.Fprintln(e.stderr, "postfach: the export is not recorded: "+plain(err.Error()))
		return nil
	}
	err = c.Append(e.ctx, mailbox.Record{Operation: mailbox.OpExport, Result: "ok",
		Detail: mailbox.Detail{Door: "cli", System: by.System, Order: by.Order, Text: "from the storage"}})
	return errors.Join(err, c.Close())
}
