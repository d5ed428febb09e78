// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"context"
	"encoding/hex"
	"fmt"
	"strconv"
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
	ctx, cancel := context.WithTimeout(ctx, s.o.MaxUpload)
	defer cancel()
	d := delivery{s: s, actor: a, path: p, up: up, id: NewVersionID(), also: also}
	sh, err := d.allow(ctx)
	if err != nil {
		return Receipt{}, err
	}
	defer sh.end()
	staged, err := s.blobs.Stage(ctx, d.key, d.announced())
	if err != nil {
		return Receipt{}, err
	}
	defer staged.Discard() //nolint:errcheck // nothing names it; the janitor has the rest
	if d.got, err = s.receive(ctx, up, staged, sh); err != nil {
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
	also    func(Tx, *spot, *Entry) error
}

// announced is the size in bytes that the client promised; -1 for none.
func (d *delivery) announced() int64 {
	if d.up.Length >= 0 {
		return d.up.Length
	}
	return d.up.Expected
}

// allow refuses before the first body byte what the commit would refuse.
func (d *delivery) allow(ctx context.Context) (*share, error) {
	s := d.s
	size := d.announced()
	if err := s.scanner.Ready(); err != nil {
		return nil, err
	}
	err := s.catalog.View(ctx, func(r Reader) error {
		need := max(size, 0)
		if need > s.o.MaxSize { // told below: that no quota would help
			need = 0
		}
		pl, err := s.planPut(r, &d.actor, d.path, d.up.Conditions, need)
		if err != nil {
			return err
		}
		if pl.old != nil {
			d.entry = pl.old.ID
		}
		d.inside, d.member = pl.inside(), pl.member.ID
		d.key = BlobKey{Member: pl.member.Number, Folder: s.o.Folders.Of(pl.place()), Version: d.id}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if size > s.o.MaxSize {
		return nil, s.tooLarge()
	}
	return s.staging.begin(d.actor.Account, size)
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
	err := s.catalog.Update(ctx, d.member, func(tx Tx) error {
		pl, err := s.planPut(tx, &d.actor, d.path, Conditions{If: d.up.If}, 0)
		e := &Entry{}
		switch {
		case err == nil:
			if pl.old != nil {
				e = pl.old
			}
			if err := s.takeBack(tx, &pl, &d.actor, d.up.Conditions); err != nil {
				return err
			}
		case KindOf(err) == Internal || KindOf(err) == Unavailable:
			return err
		}
		rec := s.record(&d.actor, OpRefusedFile, resultOf(refusal))
		rec.Time, rec.Member, rec.Entry, rec.Place = tx.Now(), d.member, e.ID, e.Place
		copy(rec.SHA256[:], d.got.digests.sum("sha-256"))
		rec.Detail.Path, rec.Detail.Size, rec.Detail.Text = d.inside, d.got.size, d.verdict.Signature
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

// takeBack removes an empty first version that the actor's own client put under
// a lock as a placeholder for the refused content.
func (s *Service) takeBack(tx Tx, pl *putPlan, a *Actor, c Conditions) error {
	if pl.old == nil || pl.old.Version.Size != 0 || pl.old.Version.Account != a.Account || len(c.Tokens()) == 0 {
		return nil
	}
	vs, err := tx.Versions(pl.old.ID)
	if err != nil || len(vs) != 1 {
		return err
	}
	return s.remove(tx, &pl.spot, pl.role, OpRemove)
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
	if err := ctx.Err(); err != nil {
		return Receipt{}, Wrap(Canceled, ReasonBroken, err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitLimit)
	defer cancel()
	var got Receipt
	err := d.s.catalog.Update(ctx, d.member, func(tx Tx) (err error) {
		got, err = d.put(tx)
		return err
	})
	switch {
	case err == nil && !got.Repeated:
		return got, nil
	case err == nil: // nothing names the new bytes
		d.abandon(ctx)
		return got, nil
	case KindOf(err) != Unavailable && KindOf(err) != Internal: // refused by the rules: rolled back
		d.abandon(ctx)
		return Receipt{}, err
	}
	return d.lookUp(ctx, got, err)
}

// lookUp finds out what became of a commit whose answer was lost.
func (d *delivery) lookUp(ctx context.Context, got Receipt, cause error) (Receipt, error) {
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

// put is the transaction's function: it may run more than once.
func (d *delivery) put(tx Tx) (Receipt, error) {
	s, a := d.s, &d.actor
	pl, err := s.planPut(tx, a, d.path, d.up.Conditions, d.got.size)
	if err != nil {
		return Receipt{}, err
	}
	v := d.version(tx, &pl)
	if old := pl.old; old != nil && !pl.returned && old.Version.Account == a.Account && old.Version.SHA256 == v.SHA256 && old.Version.Size == v.Size && d.also == nil {
		return d.repeat(tx, &pl)
	}
	v.Blob = d.key
	authors, err := s.authors(tx, &pl.spot, pl.place(), v, nil)
	if err != nil {
		return Receipt{}, err
	}
	e, err := s.store(tx, &pl, v, authors, d.modified(tx))
	if err != nil {
		return Receipt{}, err
	}
	op := OpReplace
	if pl.old == nil {
		op = OpCreate
	}
	if err := tx.Audit(s.record(a, op, ok).about(tx, &pl.spot, pl.role, &e, pl.inside())); err != nil {
		return Receipt{}, err
	}
	if d.also != nil {
		if err := d.also(tx, &pl.spot, &e); err != nil {
			return Receipt{}, err
		}
	}
	return d.receipt(&pl, e), nil
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

func (d *delivery) repeat(tx Tx, pl *putPlan) (Receipt, error) {
	rec := d.s.record(&d.actor, OpRepeated, ok).about(tx, &pl.spot, pl.role, pl.old, pl.inside())
	if err := tx.Audit(rec); err != nil {
		return Receipt{}, err
	}
	r := d.receipt(pl, *pl.old)
	r.Repeated, r.Created = true, false
	return r, nil
}

func (d *delivery) receipt(pl *putPlan, e Entry) Receipt {
	return Receipt{Created: pl.old == nil || pl.returned, Node: Node{Path: d.path, Name: e.Name, ETag: d.s.etag(&pl.spot, &e),
		Entry: e, Number: pl.member.Number, Side: pl.side}}
}

// putPlan is what a PUT would do, decided by the rules.
type putPlan struct {
	spot
	old      *Entry // whose new version it is; nil for a new entry
	returned bool   // old comes back from the folder of returned documents
	role     Role
	makeDrop bool // a data centre's folder comes first
}

// planPut decides a PUT of size bytes in the order of checks of DESIGN.md
// section 2.
func (s *Service) planPut(r Reader, a *Actor, p Path, c Conditions, size int64) (putPlan, error) {
	t, err := s.toWrite(r, a, p)
	if err != nil {
		return putPlan{}, err
	}
	pl := putPlan{spot: t, makeDrop: t.noDrop}
	if pl.role, err = s.mayPut(&t); err != nil {
		return pl, err
	}
	if err := s.newName(r, &t); err != nil {
		return pl, err
	}
	if p.Slash() { // as only folders are written
		return pl, E(Conflict, ReasonIsFolder)
	}
	if t.found() {
		if t.entry().Folder {
			return pl, E(Conflict, ReasonIsFolder)
		}
		pl.old = t.entry()
	} else if err := t.openParent(); err != nil {
		return pl, err
	}
	g, err := s.guard(r, a, t.member.ID, c)
	if err != nil {
		return pl, err
	}
	if pl.old != nil {
		err = g.content(t.chain)
	} else {
		err = g.membership(t.chain)
	}
	if err != nil {
		return pl, err
	}
	if err := g.conditions(c, &t, pl.old); err != nil {
		return pl, err
	}
	if pl.old == nil {
		if err := s.comesBack(r, &pl); err != nil {
			return pl, err
		}
	}
	return pl, s.room(&t, pl.old, size)
}

// mayPut checks the right to create or replace at the nearest visible parent.
func (s *Service) mayPut(t *spot) (Role, error) {
	if t.closed() {
		return "", E(Forbidden, ReasonClosed)
	}
	right, e := ToCreate, (*Entry)(nil)
	if t.found() && !t.entry().Folder {
		right, e = ToReplace, t.entry()
	}
	role, allowed := s.may(t, right, t.place(), e)
	if !allowed {
		return "", s.forbidden(t.side)
	}
	return role, nil
}

// newName applies the name policy to a name that would come to be.
func (s *Service) newName(r Reader, t *spot) error {
	if err := t.path.Fault(); err != nil {
		return err
	}
	if t.found() {
		return nil
	}
	names := t.rest
	for _, n := range names {
		if err := CheckName(n); err != nil {
			return err
		}
	}
	if len(t.inside()) > MaxPath {
		return E(NameRefused, ReasonPathLong, strconv.Itoa(MaxPath))
	}
	return s.foreignNumber(r, t, names[len(names)-1])
}

// foreignNumber refuses a name that carries another member's number, where the
// installation says what a number looks like.
func (s *Service) foreignNumber(r Reader, t *spot, name string) error {
	if s.o.MemberNumber == nil || t.place() != Root && t.place() != Outbox {
		return nil
	}
	for _, m := range s.o.MemberNumber.FindAllStringSubmatch(name, 16) {
		number := m[min(1, len(m)-1)]
		if number == t.member.Number {
			continue
		}
		other, err := r.MemberByNumber(number)
		if err == nil && other.ID != t.member.ID {
			return E(NameRefused, ReasonNameNumber, number, t.member.Number)
		}
		if err != nil && KindOf(err) != NotFound {
			return err
		}
	}
	return nil
}

// openParent checks that the missing name would stand in an existing folder and
// has no twin there.
func (t *spot) openParent() error {
	if len(t.rest) > 1 || !t.entry().Folder {
		return E(ParentMissing, ReasonParent)
	}
	if t.twin != nil {
		return E(Twin, ReasonTwin, t.twin.Name)
	}
	return nil
}

// room checks the member side's quota (DESIGN.md section 5).
func (s *Service) room(t *spot, old *Entry, size int64) error {
	q := s.quota(t.member)
	if t.side != MemberSide || q == 0 {
		return nil
	}
	u := t.member.Usage
	current, superseded := u.Current+size, u.Superseded
	if old != nil && old.Version.Side == MemberSide {
		current -= old.Version.Size
		superseded += old.Version.Size
	}
	if current > q || superseded > orDefault(s.o.Superseded, 2*q) {
		return E(OverQuota, ReasonQuota, fmt.Sprintf("%d MiB", q>>20))
	}
	return nil
}

// SHA256Hex is the lower-case hexadecimal form used in exports and answers.
func (v Version) SHA256Hex() string { return hex.EncodeToString(v.SHA256[:]) }
