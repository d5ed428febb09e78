// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"

	"postfach/cmd/postfach/replay"
	"postfach/janitor"
	"postfach/mailbox"
)

type storageCmd struct {
	Verify  storageVerify  `cmd:"" help:"Read every stored version and compare it with its SHA-256."`
	Copy    storageCopy    `cmd:"" help:"Copy all stored bytes to another storage, for example from a folder to a bucket."`
	Lost    storageLost    `cmd:"" help:"List what the storage holds and a restored backup does not know."`
	Rebuild storageRebuild `cmd:"" help:"Make a new catalog from the storage alone: the last resort."`
	Confirm storageConfirm `cmd:"" help:"Open a rebuilt mailbox to those who have grants."`
	Collect storageCollect `cmd:"" help:"Delete stored bytes that no version names and that are older than two uploads may take."`
}

// verifyBlobs reads the bytes of versions, in the order of their ids, and says
// which are missing or are not those that were scanned. Copies share a blob,
// which is read once.
func (a *app) verifyBlobs(e *env, want map[mailbox.VersionID]replay.Version, keys map[mailbox.VersionID]mailbox.BlobKey) (wrong int, err error) {
	type content struct {
		sum  [32]byte
		size int64
	}
	read := make(map[mailbox.BlobKey]content)
	var bytesRead int64
	checked := 0
	for _, id := range slices.SortedFunc(maps.Keys(want), func(x, y mailbox.VersionID) int { return bytes.Compare(x[:], y[:]) }) {
		key, named := keys[id]
		if !named {
			continue // purged; or told already: the catalog does not have it
		}
		checked++
		got, done := read[key]
		if !done {
			got.sum, got.size, err = a.blobs.Verify(e.ctx, key)
			switch {
			case err != nil && mailbox.KindOf(err) == mailbox.NotFound:
				e.say("%s: missing (version %s of entry %d)", key, id, want[id].Entry)
				wrong++
				continue
			case err != nil:
				return wrong, err
			}
			read[key] = got
			bytesRead += got.size
		}
		if w := want[id]; got.sum != w.SHA256 || got.size != w.Size {
			e.say("%s: different (version %s of entry %d): %d bytes with SHA-256 %x, not %d bytes with %x", key, id, w.Entry,
				got.size, got.sum, w.Size, w.SHA256)
			wrong++
		}
	}
	e.say("%d versions in %d blobs of %s read; %d missing or different", checked, len(read), bytesOf(bytesRead), wrong)
	return wrong, nil
}

// number is how listings write ids.
func number[ID ~int64](id ID) string { return strconv.FormatInt(int64(id), 10) }

type storageCollect struct {
	DryRun bool `help:"Delete nothing; say what would go."`
	Lost   bool `help:"Give up what a restored backup does not know, too. Nobody can bring it back afterwards."`
	ordered
}

// opCollectLost is recorded when somebody gives up what a restore has lost.
const opCollectLost mailbox.Operation = "storage-collect-lost"

func (c *storageCollect) Run(e *env) error {
	a, by, err := c.open(e)
	if err != nil {
		return err
	}
	defer a.done(e)
	if err := a.checkStanding(e.ctx); err != nil {
		return err
	}
	if c.Lost {
		a.janitor.Lost = nil
	}
	sweep := func() (janitor.Swept, error) { return a.janitor.Sweep(e.ctx, c.DryRun) }
	if c.Lost && !c.DryRun {
		sweep = func() (janitor.Swept, error) { return a.giveUp(e.ctx, by) }
	}
	swept, err := sweep()
	if swept.Spared > 0 {
		e.say("%d blobs stay that a restored backup does not know (storage lost lists them, --lost gives them up)", swept.Spared)
	}
	if c.DryRun && err == nil {
		e.say("%d unnamed blobs of %s would be deleted", swept.Blobs, bytesOf(swept.Bytes))
	}
	if c.DryRun || err != nil && swept == (janitor.Swept{}) {
		return err
	}
	e.say("%d unnamed blobs of %s deleted, and %d leftovers of broken uploads", swept.Blobs, bytesOf(swept.Bytes), swept.Scratch+swept.Uploads)
	if c.Lost && err == nil {
		e.say("what the backup did not know is given up; what is too young for this sweep goes with the next ones")
	}
	return err
}

// giveUp sweeps also what a restore has lost. Who orders it is recorded before
// the first blob goes, and what went also when the sweep breaks off (I3); what a
// restore has lost is spared again then.
func (a *app) giveUp(ctx context.Context, by mailbox.By) (janitor.Swept, error) {
	record := mailbox.Record{Operation: opCollectLost, Result: "begun", Detail: mailbox.Detail{Door: "cli", System: by.System, Order: by.Order}}
	if err := a.catalog.Append(ctx, record); err != nil {
		return janitor.Swept{}, err
	}
	swept, err := a.janitor.Sweep(ctx, false)
	record.Result, record.Detail.Count, record.Detail.Size = "ok", int64(swept.Blobs), swept.Bytes
	if err != nil {
		record.Result = "failed"
		return swept, errors.Join(err, a.catalog.Append(context.WithoutCancel(ctx), record))
	}
	return swept, a.catalog.GiveUpLost(context.WithoutCancel(ctx), record)
}

type storageLost struct {
	To string `required:"" placeholder:"FILE" help:"A new file for the list (CSV)."`
}

// Help says what it is for.
func (storageLost) Help() string {
	return `After a restore: documents that were stored after the backup was made, with what the storage knows of them. Nobody sees them; whoever sent them must send them again, unless a sync client has done so already. They stay until storage collect --lost.`
}

func (c *storageLost) Run(e *env) error {
	a, err := e.open()
	if err != nil {
		return err
	}
	defer a.done(e)
	n, err := a.newer(e.ctx, c.To)
	if err != nil {
		return err
	}
	e.say("%d documents of %s", n.blobs, bytesOf(n.bytes))
	return nil
}
