// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"postfach/catalog"
	"postfach/cmd/postfach/rebuild"
	"postfach/cmd/postfach/sheet"
	"postfach/config"
	"postfach/mailbox"
	"postfach/segment"
	"postfach/storage"
)

type storageRebuild struct {
	Report string `required:"" placeholder:"FILE" help:"CSV file that names every entry with what became of it, and why."`
	Verify bool   `help:"Also read every content and compare it with its SHA-256."`
	ordered
}

// Help says when, and what is left to do.
func (storageRebuild) Help() string {
	return `The last resort when the catalog is lost and there is no backup (docs/rebuild.md). Stop all servers, and give the configuration a catalog that is empty or missing. Keys, descriptions and the audit log in the storage become a new catalog. Every mailbox in it is closed until a person has looked at it and called storage confirm; until then only this machine's commands see it (entry list, export). What is not certain goes out of view and is named in the report, and so does what was being prepared for a member; what was removed stays removed. Members' particulars, accounts, passwords and grants do not stand in the storage: import them again.`
}

// opRebuild is the operation of the record about it.
const opRebuild mailbox.Operation = "storage-rebuild"

const unfinishedRebuild = ".rebuilding"

func (c *storageRebuild) Run(e *env) error {
	by, err := c.by(e)
	if err != nil {
		return err
	}
	cfg, err := e.configuration()
	if err != nil {
		return err
	}
	place := cfg.Catalog.Path
	if cfg.Catalog.Kind != "sqlite" { // made as a file first, then copied
		dir, err := os.MkdirTemp("", "postfach-rebuild")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		place = filepath.Join(dir, "catalog.db")
	} else if err := os.MkdirAll(filepath.Dir(place), 0o700); err != nil {
		return err
	} else if err := catalog.Clear(place); err != nil {
		return &wrongOrder{err.Error()}
	}
	report, err := os.OpenFile(c.Report, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer report.Close()
	blobs, _, err := openStorage(cfg)
	if err != nil {
		return err
	}
	defer blobs.Close() //nolint:errcheck // only read, but for its standing
	r := &rebuilding{e: e, cfg: cfg, by: by, blobs: blobs, verify: c.Verify}
	if err := r.read(); err != nil {
		return err
	}
	temp := place + unfinishedRebuild
	if err := removeCatalog(temp); err != nil {
		return err
	}
	if err := r.fill(temp); err != nil {
		return errors.Join(err, removeCatalog(temp))
	}
	if err := writeRebuildReport(report, r); err != nil {
		return errors.Join(err, removeCatalog(temp))
	}
	if err := r.place(temp, place); err != nil {
		return err
	}
	return r.tell(c.Report)
}

// rebuilding is one run.
type rebuilding struct {
	e       *env
	cfg     config.Config
	by      mailbox.By
	blobs   blobStore
	verify  bool
	archive *segment.Archive
	plan    *rebuild.Plan
	found   rebuild.Found
	ahead   string // what the storage says of a log that it does not have; "" for nothing
}

// read looks at everything in the storage.
func (r *rebuilding) read() (err error) {
	ctx := r.e.ctx
	if r.archive, err = segment.Open(ctx, r.blobs); err != nil {
		return err
	}
	r.found.Folders = mailboxOptions(r.cfg, nil).Folders
	r.found.IDs = time.Now().UnixMilli()
	if r.ahead, err = r.beyondLog(); err != nil {
		return err
	}
	err = r.archive.Records(ctx, r.archive.Chain, func(s segment.Record) error {
		if !s.Intact() {
			r.archive.Faults = append(r.archive.Faults, fmt.Sprintf("record %d has a detail that it was not written with", s.Sequence))
		}
		r.found.Records = append(r.found.Records, s.Record)
		return nil
	})
	if err != nil {
		return err
	}
	for _, after := range r.archive.Gaps {
		r.found.Gap = max(r.found.Gap, after)
	}
	if err := r.blobs.Walk(ctx, r.blob); err != nil {
		return err
	}
	r.plan = rebuild.Make(r.found)
	return nil
}

// beyondLog compares the end of the log with how far the storage knows that the
// catalog had come: segments that are missing at the end leave no other trace.
func (r *rebuilding) beyondLog() (string, error) {
	text, err := r.blobs.Standing(r.e.ctx)
	if err != nil || text == nil {
		return "", err
	}
	was, err := parseStanding(text)
	if err != nil {
		return "what the storage says of the last catalog cannot be read: how far its log went is not known", nil
	}
	last := int64(0)
	if n := len(r.archive.Chain); n > 0 {
		last = r.archive.Chain[n-1].Last
	}
	if was.Records <= last {
		return "", nil
	}
	return fmt.Sprintf("the log in the storage ends with record %d, the catalog had %d on %s: what happened between is not known",
		last, was.Records, moment(was.Time, r.cfg.Authority.Timezone)), nil
}

// blob looks at one content.
func (r *rebuilding) blob(info storage.BlobInfo) error {
	ctx := r.e.ctx
	about, err := r.blobs.Describe(ctx, info.Key)
	if k := mailbox.KindOf(err); err != nil && k != mailbox.Unsupported && k != mailbox.NotFound && k != mailbox.Internal {
		return err
	}
	b := rebuild.Blob{Key: info.Key, Size: info.Size, About: about}
	described := about.SHA256 != [32]byte{}
	if r.verify || !described {
		sum, size, err := r.blobs.Verify(ctx, info.Key)
		switch {
		case err != nil && ctx.Err() != nil:
			return err
		case err != nil:
			if ready := r.blobs.Ready(ctx); ready != nil {
				return errors.Join(err, ready)
			}
			b.Wrong = "its bytes cannot be read"
		case described && (sum != about.SHA256 || size != about.Size):
			b.Wrong = "its bytes are not those of its description"
		case !described:
			b.About.SHA256, b.About.Size = sum, size
		}
	} else if about.Size != info.Size {
		b.Wrong = "its bytes have another length than its description says"
	}
	r.found.Blobs = append(r.found.Blobs, b)
	return nil
}

// fill makes the new catalog in a file of its own.
func (r *rebuilding) fill(path string) error {
	s, err := catalog.OpenSQLite(path, catalog.Options{Log: newLogger(config.Log{Level: "warn", Format: "text"}, r.e.stderr), Returned: r.cfg.Folders.Returned})
	if err != nil {
		return err
	}
	instance := ""
	if n := len(r.archive.Chain); n > 0 {
		instance = r.archive.Chain[n-1].Instance
	}
	detail := mailbox.Detail{Door: "cli", System: r.by.System, Order: r.by.Order, Text: "rebuilt from the storage alone"}
	behind := max(r.plan.Highest, r.found.IDs+int64(len(r.plan.Entries)+8*len(r.plan.Members)))
	err = s.Rebuild(r.e.ctx, instance, behind, detail, func(b *catalog.Rebuilding) error { return r.store(r.e.ctx, b) }, r.decided)
	return errors.Join(err, s.Close())
}

// store writes what was decided.
func (r *rebuilding) store(ctx context.Context, b *catalog.Rebuilding) error {
	p := r.plan
	if err := r.archive.Records(ctx, r.archive.Chain, b.Record); err != nil {
		return err
	}
	for _, m := range p.Members {
		if err := b.Member(m.Member, r.found.Folders); err != nil {
			return err
		}
	}
	now := time.Now()
	for _, x := range p.Entries {
		if x.Fate == rebuild.Draft || x.Fate == rebuild.Doubtful {
			x.Removed = now
		}
		if err := b.Entry(x.Entry); err != nil {
			return err
		}
	}
	usage := make(map[mailbox.MemberID]mailbox.Usage)
	current := make(map[mailbox.VersionID]bool)
	for _, x := range p.Entries {
		current[x.Version.ID] = x.Fate == rebuild.InView
	}
	for _, v := range p.Versions {
		of := v.Version
		of.Purged = of.Purged || v.Lost
		if err := b.Version(of, v.Taken, v.Outbox, v.Unknown); err != nil {
			return err
		}
		if m := memberOfVersion(p, v); of.Side == mailbox.MemberSide && !of.Purged {
			u := usage[m]
			if current[v.ID] {
				u.Current += v.Size
			} else {
				u.Superseded += v.Size
			}
			usage[m] = u
		}
	}
	for _, x := range p.Entries {
		if x.Folder {
			continue
		}
		if err := b.Current(x.ID, x.Version.ID); err != nil {
			return err
		}
	}
	for m, u := range usage {
		if err := b.Usage(m, u); err != nil {
			return err
		}
	}
	return nil
}

func memberOfVersion(p *rebuild.Plan, v rebuild.Version) mailbox.MemberID {
	for i := range p.Members {
		if p.Members[i].Number == v.Blob.Member {
			return p.Members[i].ID
		}
	}
	return 0
}

// decided records what the rebuilding did beyond the old log, so that the log
// yields the same tree (I3).
func (r *rebuilding) decided(b *catalog.Rebuilding) error {
	record := func(op mailbox.Operation, m mailbox.MemberID, d mailbox.Detail) mailbox.Record {
		d.Door, d.System, d.Order = "cli", r.by.System, r.by.Order
		return mailbox.Record{Operation: op, Member: m, Result: "ok", Detail: d}
	}
	p := r.plan
	for _, m := range p.Members {
		if m.New {
			rec := record(mailbox.OpMemberAdd, m.ID, mailbox.Detail{Name: m.Number + " " + m.Name, Text: "found in the storage"})
			rec.Entry = m.Folders[mailbox.Root]
			if err := b.Audit(rec); err != nil {
				return err
			}
		}
	}
	versions := make(map[mailbox.VersionID]rebuild.Version, len(p.Versions))
	for _, v := range p.Versions {
		versions[v.ID] = v
	}
	for i := len(p.Entries) - 1; i >= 0; i-- { // what stands in a folder before the folder
		x := p.Entries[i]
		if x.Fate != rebuild.Draft && x.Fate != rebuild.Doubtful {
			continue
		}
		v := versions[x.Version.ID]
		why := strings.Join(x.Reasons, "; ")
		if x.Fate == rebuild.Draft {
			why = "it was being prepared for the member"
		}
		d := mailbox.Detail{Path: x.Path, Folder: x.Folder, Size: v.Size, Text: why}
		if x.New {
			rec := record(mailbox.OpCreate, x.Member, d)
			rec.Entry, rec.Place, rec.Version, rec.SHA256, rec.Person = x.ID, x.Place, v.ID, v.SHA256, v.Person
			rec.Detail.Text = "found in the storage"
			if err := b.Audit(rec); err != nil {
				return err
			}
		}
		rec := record(mailbox.OpRemove, x.Member, d)
		rec.Entry, rec.Place, rec.Version, rec.SHA256 = x.ID, x.Place, v.ID, v.SHA256
		if err := b.Audit(rec); err != nil {
			return err
		}
	}
	for _, v := range p.Versions {
		if !v.Lost {
			continue
		}
		rec := record(mailbox.OpPurge, memberOfVersion(p, v), mailbox.Detail{Size: v.Size, Text: "its bytes are not in the storage, or damaged"})
		rec.Entry, rec.Version, rec.SHA256 = v.Entry, v.ID, v.SHA256
		if err := b.Audit(rec); err != nil {
			return err
		}
	}
	return b.Audit(record(opRebuild, 0, mailbox.Detail{Text: r.summary(), Count: int64(len(p.Entries))}))
}

// place brings the finished catalog where it is configured.
func (r *rebuilding) place(temp, path string) error {
	if r.cfg.Catalog.Kind == "sqlite" {
		if err := catalog.Place(temp, path); err != nil {
			return err
		}
	} else if err := r.copyOver(temp); err != nil {
		return err
	}
	a, err := open(r.cfg, newLogger(config.Log{Level: "warn", Format: "text"}, r.e.stderr))
	if err != nil {
		return err
	}
	return errors.Join(a.noteStanding(r.e.ctx), a.close())
}

func (r *rebuilding) copyOver(temp string) error {
	from, err := catalog.OpenSQLite(temp, catalog.Options{})
	if err != nil {
		return err
	}
	defer from.Close() //nolint:errcheck // read only
	to, err := catalog.OpenPostgres(serverOf(r.cfg.Database), catalog.Options{Returned: r.cfg.Folders.Returned})
	if err != nil {
		return err
	}
	_, err = catalog.Copy(r.e.ctx, from, to)
	return errors.Join(err, to.Close())
}

func (r *rebuilding) count() (in map[rebuild.Fate]int) {
	in = make(map[rebuild.Fate]int)
	for _, x := range r.plan.Entries {
		in[x.Fate]++
	}
	return in
}

func (r *rebuilding) summary() string {
	n := r.count()
	return fmt.Sprintf("%d mailboxes, %d entries in view, %d removed before, %d drafts and %d doubtful out of view, %d records of the old log",
		len(r.plan.Members), n[rebuild.InView], n[rebuild.Removed], n[rebuild.Draft], n[rebuild.Doubtful], len(r.found.Records))
}

// tell says what was done and what is left to do.
func (r *rebuilding) tell(report string) error {
	e := r.e
	e.say("%s", r.summary())
	for _, f := range r.archive.Faults {
		e.say("audit log: %s", f)
	}
	if r.plan.LogEnds.IsZero() {
		e.say("there is no audit log in the storage: nothing is certain, and everything is out of view")
	} else {
		e.say("the audit log ends at %s: what was removed, recalled or released after that is not known", moment(r.plan.LogEnds, r.cfg.Authority.Timezone))
	}
	if r.ahead != "" {
		e.say("%s", r.ahead)
	}
	for _, m := range r.plan.Members {
		if m.Unclear {
			e.say("member %s: the log does not say any more when it closes; it is open until member close %s --on DATE", m.Number, m.Number)
		}
	}
	if n := len(r.archive.Lost); n > 0 {
		e.say("%d segments belong to lives that a restore ended: audit export --lost", n)
	}
	e.say("every entry is named in %s", report)
	e.say("next: member import and account import (names, accounts, passwords and grants are not in the storage); look at each mailbox (entry list, export); then storage confirm NUMBER opens it; mails are held until notice release")
	return nil
}

// writeRebuildReport names every entry, and closes the file.
func writeRebuildReport(f *os.File, r *rebuilding) error {
	numbers := make(map[mailbox.MemberID]string)
	for _, m := range r.plan.Members {
		numbers[m.ID] = m.Number
	}
	versions := make(map[mailbox.VersionID]rebuild.Version, len(r.plan.Versions))
	for _, v := range r.plan.Versions {
		versions[v.ID] = v
	}
	w, err := sheet.New(lasting{f}, "member", "fate", "entry", "path", "bytes", "sha256", "time", "person", "key", "reasons")
	if err != nil {
		return err
	}
	for _, x := range r.plan.Entries {
		row := []string{numbers[x.Member], string(x.Fate), number(x.ID), plain(x.Path), "", "", x.Created.UTC().Format(time.RFC3339), number(x.Person), "",
			strings.Join(x.Reasons, "; ")}
		if x.Path == "" {
			row[3] = plain(x.Name)
		}
		if v, there := versions[x.Version.ID]; there {
			row[4], row[5], row[8] = fmt.Sprint(v.Size), fmt.Sprintf("%x", v.SHA256), v.Blob.String()
		}
		w.Add(row...)
	}
	return w.Close()
}

type storageConfirm struct {
	Member string `arg:"" optional:"" help:"Member number. Without one, the mailboxes are listed that wait."`
	ordered
}

// Help says what it means.
func (storageConfirm) Help() string {
	return `After storage rebuild a mailbox is closed to everybody until a person confirms that what is in view there may be seen. From then on it is open to those who have grants. Doubtful documents and drafts stay out of view; entry restore brings back one of them, which is then a delivery.`
}

func (c *storageConfirm) Run(e *env) error {
	a, by, err := c.open(e)
	if err != nil {
		return err
	}
	defer a.done(e)
	if c.Member != "" {
		if err := a.service.Confirm(e.ctx, by, c.Member); err != nil {
			return err
		}
		e.say("the mailbox of %s is open", c.Member)
		return nil
	}
	return a.catalog.View(e.ctx, func(r mailbox.Reader) error {
		boxes, err := r.Mailboxes(nil)
		if err != nil {
			return err
		}
		for _, b := range boxes {
			if b.Member.Recovering {
				e.say("%s %s", b.Member.Number, b.Member.Name)
			}
		}
		return nil
	})
}
