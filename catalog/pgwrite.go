// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"postfach/catalog/postgres"
	"postfach/mailbox"
)

// tries is how often a change is run at most because others were in its way.
const tries = 10

// write runs fn in a READ COMMITTED transaction that first locks what h names,
// and again when the database gave it up for another one's sake or the
// connection was lost before the commit. Changes of one mailbox may share a
// transaction the first time (group). A context that ends before fn has begun
// takes it back; afterwards the outcome is waited for.
func (p *Postgres) write(ctx context.Context, h hold, fn func(*tx) error) error {
	c := &change{ctx: ctx, fn: fn, alone: h.member == 0, told: make(chan outcome, 1)}
	for try, dead := 1, 0; ; try++ {
		o := p.queues.wait(h.key, c)
		if o.turn {
			o = p.lead(h, c)
		}
		if o.next == final || try == tries {
			return o.err
		}
		if o.next == lost {
			if dead++; dead == deadConns {
				return o.err
			}
		}
		c.alone = true
		p.o.Log.Debug("change is tried again", "try", try, "err", o.err)
		pause(ctx, time.Millisecond<<try)
	}
}

// pause sleeps for a random part of d.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(rand.N(d)):
	case <-ctx.Done():
	}
}

// verdict says what to do after a try.
type verdict int

const (
	final   verdict = iota // it stands, or it was refused
	again                  // nothing stands; others were in the way
	lost                   // nothing stands; the connection was lost
	refused                // nothing stands, since the database would not have it
)

// try runs the changes of a group once.
func (p *Postgres) try(g *group) (verdict, error) {
	ctx := g.first.ctx
	if ctx.Err() != nil {
		return final, canceled(ctx)
	}
	c, err := p.get(ctx)
	if err != nil {
		return final, err
	}
	defer c.Release()
	defer c.Rollback()
	t := p.tx(ctx, c)
	d, err := p.begin(ctx, c, g.h, t)
	g.begun = time.Now()
	if err == nil {
		err = runChange(p.o.Log, t, g.first.fn)
	}
	switch fault := c.Fault(); {
	case ctx.Err() != nil && d == doubt{}: // fn was not begun
		return final, canceled(ctx)
	case fault != nil && given(c) != refused:
		return given(c), unavailable(fault)
	case err == nil && fault != nil: // an error that fn did not care for
		err = fault
	}
	if err != nil {
		return final, err
	}
	next, err := p.finish(ctx, c, d, g, t)
	switch {
	case next == refused && len(g.rest) > 0: // who of them is to blame shows when each is alone
		next = again
	case next == refused:
		next = final
	}
	return next, err
}

// finish runs what joins the group, and commits.
func (p *Postgres) finish(ctx context.Context, c *postgres.Conn, d doubt, g *group, t *tx) (verdict, error) {
	if err := g.run(c, t); err != nil {
		return given(c), unavailable(err)
	}
	d.witness = g.last.witness
	return p.commit(ctx, c, d)
}

// given says why a transaction cannot go on.
func given(c *postgres.Conn) verdict {
	switch {
	case postgres.Again(c.Fault()):
		return again
	case c.Broken():
		return lost
	}
	return refused
}

// silence bounds how long a node that was cut off keeps a mailbox from others.
const silence = "SET LOCAL idle_in_transaction_session_timeout = '1min'"

// beginFacts are the clock, and how to find the transaction again. The process
// is asked for since a proxy of connections tells another one.
const beginFacts = "SELECT " + clockOf + ", CAST(pg_current_xact_id() AS TEXT), CAST(pg_backend_pid() AS BIGINT)"

// begin starts the transaction, waits for what h locks and only then reads the
// clock, so that the times of a mailbox follow the order of its changes. All
// goes in one message.
func (p *Postgres) begin(ctx context.Context, c *postgres.Conn, h hold, t *tx) (d doubt, err error) {
	defer c.Follow(ctx)()
	if err := errors.Join(c.Begin("BEGIN"), c.Later(silence)); err != nil {
		return d, err
	}
	if h.sql != "" {
		if err := c.Later(h.sql, h.args...); err != nil {
			return d, err
		}
	}
	if h.member != 0 {
		if err := t.lookAhead(post{c}, h.member); err != nil {
			return d, err
		}
	}
	err = t.c.Query(beginFacts, func(r tuple) error {
		t.at = p.now(r)
		d = doubt{xid: r.Text(1), pid: r.Int(2)}
		return nil
	})
	return d, err
}

// lookAhead asks for what every change of a mailbox wants to know, in the
// message that locks its row: what comes back holds until the change itself
// changes it.
func (t *tx) lookAhead(c post, m mailbox.MemberID) error {
	t.ahead = &ahead{}
	return errors.Join(
		c.Ahead(selectMember, func(r tuple) error { t.ahead.box, t.ahead.found = scanMember(r), true; return nil }, int64(m)),
		c.Ahead(selectLocks, func(r tuple) error { t.ahead.locks = append(t.ahead.locks, scanLock(r)); return nil }, int64(m)))
}

// commit makes the change durable. Where the answer is lost, the outcome is
// asked for; only if it cannot be had, the caller is left in doubt.
func (p *Postgres) commit(ctx context.Context, c *postgres.Conn, d doubt) (verdict, error) {
	known, err := c.Commit()
	switch {
	case err == nil:
		p.committed.Store(int64(time.Since(p.begun)))
		return final, nil
	case known && postgres.Again(err):
		return again, unavailable(err)
	case known:
		return refused, unavailable(err)
	}
	p.o.Log.Warn("the answer to a commit was lost", "err", err)
	switch stands, errAsked := p.resolve(context.WithoutCancel(ctx), d); {
	case errAsked != nil:
		p.remember(d)
		p.o.Log.Error("the outcome of a commit is not known", "transaction", d.xid, "err", errAsked)
		return final, mailbox.Wrap(mailbox.Unavailable, mailbox.ReasonCatalog, errors.Join(err, errAsked))
	case stands:
		return final, nil
	}
	return lost, unavailable(err)
}
