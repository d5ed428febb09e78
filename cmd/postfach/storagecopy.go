// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"postfach/catalog"
	"postfach/config"
	"postfach/mailbox"
	"postfach/segment"
)

type storageCopy struct {
	To    string `required:"" placeholder:"STORAGE" help:"dir:PATH or s3://BUCKET/PREFIX?endpoint=URL, as in the configuration."`
	Spool string `placeholder:"DIR" help:"Where large documents wait on their way into a bucket; the system's temporary folder by default."`
	ordered
}

// Help says what has to be done around it.
func (storageCopy) Help() string {
	return `Copies from the configured storage the bytes of every version in the catalog, and of what a restore has lost, each with its description and under the same key, reads each back from there and compares its SHA-256 with the catalog's; and the audit log that was shipped there. Nothing is overwritten and nothing removed; what is there already is compared only, so that the command may be broken off and called again. It may run beside the server for most of the way; stop the server for the last run, which then has little to copy. Access keys of a bucket come by AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Afterwards change the key storage, start, and let storage verify compare. Exit code 1 when something is missing or different.`
}

// opStorageCopy is recorded in the catalog whose bytes were copied.
const opStorageCopy mailbox.Operation = "storage-copy"

// storageCopies is how many documents are on their way at once.
const storageCopies = 4

func (c *storageCopy) Run(e *env) error {
	a, by, err := c.open(e)
	if err != nil {
		return err
	}
	defer a.done(e)
	to, done, err := c.target(e, a)
	if err != nil {
		return err
	}
	defer done()
	if err := to.Ready(e.ctx); err != nil {
		return err
	}
	there := *a // the same catalog over the other storage, which must not be another catalog's
	there.blobs, there.cfg.Storage.Path = to, c.To
	if err := there.checkStanding(e.ctx); err != nil {
		return err
	}
	x := &storageCopier{e: e, from: a.blobs, to: to, paths: a.pathOfVersion}
	all, err := a.namedBlobs(e)
	if err != nil {
		return err
	}
	lost, err := a.lostBlobs(e.ctx)
	if err != nil {
		return err
	}
	if err := x.run(append(all, lost...)); err != nil {
		return err
	}
	if err := x.log(); err != nil {
		return err
	}
	if len(lost) > 0 {
		e.say("%d documents that a restored backup does not know go along (storage lost lists them)", len(lost))
	}
	said := fmt.Sprintf("%d blobs of %s copied, %d were there already, and %d parts of the audit log; %d missing or different",
		x.copied, bytesOf(x.bytes), x.there, x.parts, x.wrong)
	err = a.catalog.Append(e.ctx, mailbox.Record{Operation: opStorageCopy, Result: "ok",
		Detail: mailbox.Detail{Door: "cli", System: by.System, Order: by.Order, Text: a.cfg.Storage.Path + " -> " + c.To + ": " + said}})
	if err != nil {
		return err
	}
	e.say("%s", said)
	if x.wrong > 0 {
		return foundWrong
	}
	return nil
}

// target opens the storage to copy to.
func (c *storageCopy) target(e *env, a *app) (blobStore, func(), error) {
	place, bucket, err := config.ParseStorage(c.To, e.getenv)
	if err != nil {
		return nil, nil, misuse("--to: %w", err)
	}
	if place == a.cfg.Storage && (place.Kind == "dir" || bucket.Endpoint == a.cfg.Bucket.Endpoint) {
		return nil, nil, misuse("--to is the configured storage itself")
	}
	cfg := a.cfg
	cfg.Storage, cfg.Bucket = place, bucket
	tidy := func() {}
	if place.Kind == "s3" {
		dir, err := os.MkdirTemp(c.Spool, "postfach-copy")
		if err != nil {
			return nil, nil, err
		}
		cfg.Bucket.Spool = dir
		tidy = func() { _ = os.RemoveAll(dir) }
	}
	to, _, err := openStorage(cfg)
	if err != nil {
		tidy()
		return nil, nil, fmt.Errorf("--to: %w", err)
	}
	return to, func() { e.closeNamed(to); tidy() }, nil
}

// namedBlobs gives one version for each blob that the catalog names.
func (a *app) namedBlobs(e *env) ([]mailbox.Version, error) {
	var all []mailbox.Version
	seen := map[mailbox.VersionID]bool{}
	err := a.catalog.Inquire(e.ctx, func(q *catalog.Inquiry) error {
		return q.EachVersion(0, func(v mailbox.Version) error {
			if !v.Purged && !seen[v.Blob.Version] {
				seen[v.Blob.Version] = true
				all = append(all, v)
			}
			return nil
		})
	})
	return all, err
}

// pathOfVersion is where the entry of a version stands or stood.
func (a *app) pathOfVersion(ctx context.Context, v mailbox.Version) (path string, err error) {
	err = a.catalog.View(ctx, func(r mailbox.Reader) error {
		x, err := r.Entry(v.Entry)
		if err == nil {
			path, err = mailbox.PathOf(r, x)
		}
		return err
	})
	return path, err
}

type storageCopier struct {
	e     *env
	from  blobStore
	to    blobStore
	paths func(context.Context, mailbox.Version) (string, error)

	mu                   sync.Mutex
	copied, there, wrong int
	parts                int // of the shipped audit log that the target has
	bytes                int64
}

// run copies some at a time, and ends at the first part that is out of reach.
func (x *storageCopier) run(all []mailbox.Version) error {
	ctx, cancel := context.WithCancelCause(x.e.ctx)
	defer cancel(nil)
	next := make(chan mailbox.Version)
	var wg sync.WaitGroup
	for range storageCopies {
		wg.Go(func() {
			for v := range next {
				if err := x.one(ctx, v); err != nil {
					cancel(err)
				}
			}
		})
	}
feed:
	for _, v := range all {
		select {
		case next <- v:
		case <-ctx.Done():
			break feed
		}
	}
	close(next)
	wg.Wait()
	return context.Cause(ctx)
}

// one copies a blob and reads it back. What is no fault of the storages is
// counted; an error ends the copying.
func (x *storageCopier) one(ctx context.Context, v mailbox.Version) error {
	same, err := x.check(ctx, v)
	if err == nil {
		x.count(v, &x.there, same, "another content under this key at the target")
		return nil
	}
	if mailbox.KindOf(err) != mailbox.NotFound {
		return err
	}
	switch err := x.copy(ctx, v); {
	case err != nil && mailbox.KindOf(err) == mailbox.NotFound:
		x.count(v, nil, false, "missing")
		return nil
	case errors.Is(err, errOtherBytes):
		x.count(v, nil, false, "different from what was scanned")
		return nil
	case err != nil:
		return err
	}
	if same, err = x.check(ctx, v); err != nil {
		return err
	}
	x.count(v, &x.copied, same, "different after the copy")
	return nil
}

// check reads a blob at the target.
func (x *storageCopier) check(ctx context.Context, v mailbox.Version) (same bool, err error) {
	sum, size, err := x.to.Verify(ctx, v.Blob)
	return sum == v.SHA256 && size == v.Size, err
}

func (x *storageCopier) count(v mailbox.Version, right *int, same bool, fault string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if same {
		*right++
		if right == &x.copied {
			x.bytes += v.Size
		}
		return
	}
	x.wrong++
	if v.ID.IsZero() {
		x.e.say("%s: %s (a restored backup does not know it)", v.Blob, fault)
		return
	}
	x.e.say("%s: %s (version %s of entry %d)", v.Blob, fault, v.ID, v.Entry)
}

var errOtherBytes = errors.New("other bytes than were scanned")

func (x *storageCopier) copy(ctx context.Context, v mailbox.Version) error {
	about, err := x.describe(ctx, v)
	if err != nil {
		return err
	}
	body, err := x.from.Open(ctx, v.Blob, 0, -1)
	if err != nil {
		return err
	}
	defer body.Close()
	staged, err := x.to.Stage(ctx, v.Blob, v.Size)
	if err != nil {
		return err
	}
	defer staged.Discard() //nolint:errcheck // nothing names it
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(staged, h), body)
	if err != nil {
		return err
	}
	if n != v.Size || [32]byte(h.Sum(nil)) != v.SHA256 {
		return errOtherBytes
	}
	if _, err := staged.Seal(); err != nil {
		return err
	}
	return staged.Publish(ctx, about)
}

// describe gives a blob's description; where its storage could keep none, or it
// is damaged, the catalog knows it.
func (x *storageCopier) describe(ctx context.Context, v mailbox.Version) (mailbox.Description, error) {
	about, err := x.from.Describe(ctx, v.Blob)
	if k := mailbox.KindOf(err); err == nil && about.Size == v.Size || err != nil && k != mailbox.Unsupported && k != mailbox.Internal {
		return about, err
	}
	about = mailbox.Description{Entry: v.Entry, SHA256: v.SHA256, Size: v.Size, Person: v.Person, Time: v.Time, Engine: v.Engine, Database: v.Database}
	if v.Entry == 0 { // a restore has lost it
		return about, nil
	}
	about.Path, err = x.paths(ctx, v)
	return about, err
}

// log copies the audit log that was shipped to the storage, and what the storage
// knows of its catalog.
func (x *storageCopier) log() error {
	c, err := segment.Copy(x.e.ctx, x.from, x.to)
	x.parts, x.wrong = c.Parts, x.wrong+len(c.Different)
	for _, name := range c.Different {
		x.e.say("%s: another part of the audit log at the target", name)
	}
	if err != nil {
		return err
	}
	text, err := x.from.Standing(x.e.ctx)
	if err != nil || text == nil {
		return err
	}
	return x.to.SetStanding(x.e.ctx, text)
}
