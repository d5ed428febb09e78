// SPDX-License-Identifier: Apache-2.0

package mailbox

// putPlan is what a PUT would do, decided by the rules.
type putPlan struct {
	spot
	old      *Entry // whose new version it is; nil for a new entry
	returned bool   // old comes back from the folder of returned documents
	role     Role
	makeDrop bool      // a data centre's folder comes first
	purge    []Version // that give up their bytes for it
	known    bool      // taken over from another system: who may see it knows it already, so that nobody is told
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
	if p.Slash() || t.found() && t.entry().Folder { // a slash is how folders are written
		return pl, E(Conflict, ReasonIsFolder)
	}
	g, err := s.guard(r, a, t.member.ID, c)
	if err != nil {
		return pl, err
	}
	if t.found() {
		pl.old = t.entry()
		err = g.content(t.chain)
	} else if err = t.openParent(); err == nil {
		err = g.membership(t.chain)
	}
	if err != nil {
		return pl, err
	}
	if err := g.conditions(c, &t); err != nil {
		return pl, err
	}
	if pl.old == nil {
		if err := s.comesBack(r, g, &pl); err != nil {
			return pl, err
		}
	}
	pl.purge, err = s.room(r, &t, demandOf(&t, pl.old, size))
	return pl, err
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
	if !allowed || t.taken() {
		return "", s.forbidden(t.side)
	}
	return role, nil
}

// comesBack finds the returned document that a new upload under its name in the
// outbox continues. What locks it there holds.
func (s *Service) comesBack(r Reader, g *guard, pl *putPlan) error {
	outbox := pl.member.Folders[Outbox]
	if pl.entry().ID != outbox {
		return nil
	}
	folder, err := r.Child(outbox, s.returned)
	if err == nil {
		var e Entry
		if e, err = r.Child(folder.ID, NameKey(pl.rest[0])); err == nil && !e.Folder {
			pl.old, pl.returned = &e, true
			return g.tree(join(join(pl.chain, folder), e), nil)
		}
	}
	if err != nil && KindOf(err) != NotFound {
		return err
	}
	return nil
}

// put is the transaction's function: it may run more than once.
func (d *delivery) put(tx Tx) (Receipt, error) {
	s, a := d.s, &d.actor
	if d.arrival != nil {
		return d.takeIn(tx)
	}
	pl, err := s.planPut(tx, a, d.path, d.up.Conditions, d.got.size)
	if err != nil {
		return Receipt{}, err
	}
	v := d.version(tx, &pl)
	if d.also != nil && pl.old != nil && !pl.returned { // a LOCK makes no version of what came meanwhile
		return Receipt{}, E(Exists, ReasonExists)
	}
	if d.also == nil && !pl.returned && repeats(pl.old, &v) {
		return d.repeat(tx, &pl)
	}
	e, err := d.keep(tx, &pl, v)
	if err != nil {
		return Receipt{}, err
	}
	op := OpReplace
	if pl.old == nil {
		op = OpCreate
	}
	rec := s.record(a, op, ok).about(tx, &pl.spot, pl.role, &e, pl.inside())
	if err := tx.Audit(s.byProcedure(rec, &pl.spot)); err != nil {
		return Receipt{}, err
	}
	if d.also != nil {
		if err := d.also(tx, &pl.spot, &e); err != nil {
			return Receipt{}, err
		}
	}
	return d.receipt(&pl, e), nil
}

// keep stores v, whose bytes are those that were published.
func (d *delivery) keep(tx Tx, pl *putPlan, v Version) (Entry, error) {
	v.Blob = d.key
	authors, err := d.s.authors(tx, pl, v, nil)
	if err != nil {
		return Entry{}, err
	}
	return d.s.store(tx, pl, v, authors, d.modified(tx))
}

// repeats says whether v has the bytes of the current version, by the same
// account (I7).
func repeats(old *Entry, v *Version) bool {
	return old != nil && old.Version.Account == v.Account && old.Version.SHA256 == v.SHA256 && old.Version.Size == v.Size
}

// byProcedure marks a record about what no second person released (L8).
func (s *Service) byProcedure(rec Record, t *spot) Record {
	if rec.Place == Root && !rec.Detail.Folder && s.policy(t.member) == FourEyes && s.direct(t.actor) {
		rec.Detail.Text = "released by procedure"
	}
	return rec
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
	n := pl.node(&e)
	n.Path, n.ETag = d.path, pl.etag(&e)
	return Receipt{Created: pl.old == nil || pl.returned, Node: n}
}
