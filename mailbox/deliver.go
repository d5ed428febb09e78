// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"context"
	"encoding/hex"
	"time"
)

// Receipt says what became of an upload.
type Receipt struct {
	Node
	Created  bool // a new entry; else a new version of one
	Repeated bool // the same account, bytes and place again: nothing changed (I7)
}

// Deliver puts one document: allow, receive, verdict, commit (DESIGN.md
// section 3). After a nil error the document survives a power cut (I2).
func (s *Service) Deliver(ctx context.Context, a Actor, p Path, up Upload) (Receipt, error) {
	return s.deliver(ctx, a, p, up, nil)
}

// deliver is Deliver with something that belongs to the same commit.
func (s *Service) deliver(ctx context.Context, a Actor, p Path, up Upload, also func(Tx, *spot, *Entry) error) (Receipt, error) {
	return s.run(ctx, &delivery{s: s, actor: a, path: p, up: up, also: also})
}

// run carries a delivery from its rules to its commit.
func (s *Service) run(ctx context.Context, d *delivery) (Receipt, error) {
	got, err := s.carry(ctx, d)
	if k := KindOf(err); err != nil && (k == TooLarge || k == OverQuota) {
		d.withdraw(ctx)
	}
	return got, err
}

func (s *Service) carry(ctx context.Context, d *delivery) (Receipt, error) {
	ctx, cancel := context.WithTimeout(ctx, s.o.MaxUpload)
	defer cancel()
	d.id = NewVersionID()
	defer d.end()
	if err := d.allow(ctx); err != nil {
		return Receipt{}, err
	}
	staged, err := s.blobs.Stage(ctx, d.key, d.announced())
	if err != nil {
		return Receipt{}, err
	}
	defer staged.Discard() //nolint:errcheck // nothing names it; the janitor has the rest
	if d.got, err = s.receive(ctx, d.up, staged, d.grow); err != nil {
		return Receipt{}, err
	}
	if err := d.judge(ctx); err != nil {
		return Receipt{}, err
	}
	if err := staged.Publish(ctx, d.description()); err != nil {
		return Receipt{}, err
	}
	return d.commit(ctx)
}

// delivery is one upload on its way.
type delivery struct {
	s       *Service
	actor   Actor
	path    Path
	up      Upload
	id      VersionID
	key     BlobKey
	member  MemberID
	entry   EntryID // the existing entry, as allow saw it
	inside  string  // path for the description
	got     received
	verdict Verdict
	share   *share  // of the staging budget
	flight  *flight // of the member's quota
	also    func(Tx, *spot, *Entry) error
	arrival *Arrival // what is taken over from another system; nil for an upload
}

// end gives back what the upload has reserved.
func (d *delivery) end() {
	if d.share != nil {
		d.share.end()
	}
	if d.flight != nil {
		d.flight.end()
	}
}

// grow reserves for n bytes of the body.
func (d *delivery) grow(n int64) error {
	if err := d.flight.cover(n); err != nil {
		return err
	}
	return d.share.cover(n)
}

// announced is the size in bytes that the client promised; -1 for none.
func (d *delivery) announced() int64 {
	if d.up.Length >= 0 {
		return d.up.Length
	}
	return d.up.Expected
}

// allow refuses before the first body byte what the commit would refuse, and
// reserves staging and quota.
func (d *delivery) allow(ctx context.Context) error {
	s, size := d.s, d.announced()
	var free, credit int64
	var full error
	err := s.catalog.View(ctx, func(r Reader) error {
		need := max(size, 0)
		if need > s.o.MaxSize { // told below: that no quota would help
			need = 0
		}
		pl, err := d.plan(r, need)
		if err != nil {
			return err
		}
		if pl.old != nil {
			d.entry = pl.old.ID
		}
		d.inside, d.member = pl.inside(), pl.member.ID
		d.key = BlobKey{Member: pl.member.Number, Folder: s.o.Folders.Of(pl.place()), Version: d.id}
		free, credit, full = s.headroom(&pl.spot), -demandOf(&pl.spot, pl.old, 0).current, s.overQuota(&pl.spot)
		return nil
	})
	if err != nil {
		return err
	}
	if size > s.o.MaxSize {
		return s.tooLarge()
	}
	if err := s.scanner.Ready(); err != nil {
		return err
	}
	if d.flight, err = s.flights.begin(d.member, free, credit, size, full); err != nil {
		return err
	}
	d.share, err = s.staging.begin(d.actor.Account, size)
	return err
}

// plan decides by the rules of uploads, or of arrivals from another system.
func (d *delivery) plan(r Reader, size int64) (putPlan, error) {
	if d.arrival != nil {
		return d.s.planImport(r, &d.actor, d.arrival, size)
	}
	return d.s.planPut(r, &d.actor, d.path, d.up.Conditions, size)
}

// judge asks the scanner about exactly the bytes that are staged. Whatever is
// not clean leaves nothing but its audit record.
func (d *delivery) judge(ctx context.Context) error {
	v, err := d.s.scanner.Scan(ctx, d.got.content)
	if err != nil {
		return err
	}
	d.verdict = v
	switch v.Outcome {
	case Clean:
		return nil
	case Malicious:
		return d.discard(ctx, E(Infected, ReasonInfected, v.Signature))
	case Unjudgeable:
		return d.discard(ctx, E(Unscannable, v.Reason, v.Signature))
	}
	return &Error{Kind: Unavailable, Reason: ReasonScanner, RetryAfter: 5 * time.Second}
}

// discard records a refused content, tells about it, and takes back the empty
// placeholder that the same account put there for it (CLIENTS.md 2.1).
func (d *delivery) discard(ctx context.Context, refusal *Error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitLimit)
	defer cancel()
	s := d.s
	if d.arrival != nil {
		// Who ordered the import reads it in its report; no mail tells it too.
		err := s.catalog.Update(ctx, d.member, func(tx Tx) error { return tx.Audit(d.refused(tx, refusal)) })
		if err != nil {
			return err
		}
		return refusal
	}
	err := s.catalog.Update(ctx, d.member, func(tx Tx) error {
		pl, err := s.planPut(tx, &d.actor, d.path, Conditions{If: d.up.If}, 0)
		if k := KindOf(err); err != nil && (k == Internal || k == Unavailable) {
			return err
		}
		rec := d.refused(tx, refusal)
		if err == nil {
			if pl.old != nil {
				rec.Entry = pl.old.ID
			}
			rec.Role, rec.Place = pl.role, pl.place()
			if err := s.takeBack(tx, &pl, d.up.Conditions); err != nil {
				return err
			}
		}
		if err := tx.Audit(rec); err != nil {
			return err
		}
		signature := d.verdict.Signature
		if signature == "" {
			signature = string(refusal.Reason)
		}
		return tx.InsertAlert(Alert{Kind: AlertRefused, Member: d.member, Account: d.actor.Account, Signature: signature, Time: tx.Now()})
	})
	if err != nil {
		return err
	}
	return refusal
}

// refused is the record of a content that the scanner refused.
func (d *delivery) refused(tx Tx, refusal *Error) Record {
	rec := d.s.record(&d.actor, OpRefusedFile, resultOf(refusal))
	rec.Time, rec.Member = tx.Now(), d.member
	copy(rec.SHA256[:], d.got.digests.sum("sha-256"))
	rec.Detail.Path, rec.Detail.Size, rec.Detail.Text = d.inside, d.got.size, d.verdict.Signature
	return rec
}

func (d *delivery) description() Description {
	desc := Description{Entry: d.entry, Path: d.inside, Size: d.got.size, Person: d.actor.Person,
		Time: d.id.Time(), Engine: d.verdict.Engine, Database: d.verdict.Database}
	copy(desc.SHA256[:], d.got.digests.sum("sha-256"))
	return desc
}

// commit is the one catalog transaction. The client may hang up from here on.
// A lost answer is looked up by the version id, never guessed.
func (d *delivery) commit(ctx context.Context) (Receipt, error) {
	gone := ctx.Err()
	cause := context.Cause(ctx)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitLimit)
	defer cancel()
	if gone != nil { // nothing was sent yet
		d.abandon(ctx)
		return Receipt{}, ended(cause, gone)
	}
	d.flight.end() // from here on the catalog counts
	var got Receipt
	err := d.s.catalog.Update(ctx, d.member, func(tx Tx) (err error) {
		got, err = d.put(tx)
		return err
	})
	switch KindOf(err) {
	case Internal, Unavailable:
		if err != nil {
			return d.lookUp(ctx, got, err)
		}
	case Canceled: // it never began
		err = &Error{Kind: Unavailable, Reason: ReasonCatalog, RetryAfter: 10 * time.Second, Err: err}
	}
	if err != nil || got.Repeated { // nothing names the new bytes
		d.abandon(ctx)
	}
	if err != nil {
		return Receipt{}, err
	}
	return got, nil
}

// lookUp finds out what became of a commit whose answer was lost. It has time
// of its own: the commit may have used up all that it had.
func (d *delivery) lookUp(ctx context.Context, got Receipt, cause error) (Receipt, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookUpLimit)
	defer cancel()
	known, err := d.s.catalog.Committed(ctx, d.id)
	switch {
	case err != nil:
		return Receipt{}, &Error{Kind: Unavailable, Reason: ReasonOutcome, RetryAfter: 10 * time.Second, Err: cause}
	case known:
		return got, nil
	}
	d.abandon(ctx)
	return Receipt{}, cause
}

// abandon deletes the published bytes of a commit that is known not to be.
func (d *delivery) abandon(ctx context.Context) {
	if err := d.s.blobs.Remove(ctx, d.key); err != nil {
		d.s.o.Log.WarnContext(ctx, "unnamed blob stays for the janitor", "version", d.id.String(), "err", err)
	}
}

func (d *delivery) version(tx Tx, pl *putPlan) Version {
	v := Version{ID: d.id, Size: d.got.size, SHA1: d.got.digests.sum("sha-1"), MD5: d.got.digests.sum("md5"),
		Account: d.actor.Account, Person: d.actor.Person, Side: pl.side, Time: tx.Now(),
		Engine: d.verdict.Engine, Database: d.verdict.Database}
	copy(v.SHA256[:], d.got.digests.sum("sha-256"))
	return v
}

func (d *delivery) modified(tx Tx) time.Time {
	if d.up.Modified.IsZero() {
		return tx.Now()
	}
	return d.up.Modified
}

// SHA256Hex is the lower-case hexadecimal form used in exports and answers.
func (v Version) SHA256Hex() string { return hex.EncodeToString(v.SHA256[:]) }
