// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"errors"
	"time"

	"postfach/catalog/postgres"
)

// Bounds of a group. PostgreSQL has up to 64 savepoints of a transaction at
// hand and looks up more on disk; other nodes wait for the whole group.
const (
	groupChanges = 32
	groupFor     = 20 * time.Millisecond // nothing joins later, unless a test has more time
)

const (
	savepoint    = "SAVEPOINT change"
	releasePoint = "RELEASE SAVEPOINT change"
	backToPoint  = "ROLLBACK TO SAVEPOINT change"
)

// group is a transaction of one mailbox: the change whose turn it is, and those
// that wait behind it, one after the other. Each of these has a savepoint, so
// that one that fails leaves the others alone; all share the lock, the commit
// and its fsync. What a failed one is told may rest on what those before it did,
// so it too waits for the commit. A statement that fails ends the group: nothing
// stands, and each is run again, alone.
type group struct {
	p     *Postgres
	h     hold
	first *change
	rest  []member

	c     *postgres.Conn
	last  *tx       // the last that stands
	begun time.Time // when last.at of the first was read, by our clock
	at    time.Time // that time

	next verdict // on the whole
	err  error
}

// member is one of the changes that have joined a group.
type member struct {
	*change
	err error // of its function
}

var (
	errGroup     = errors.New("a change in the same transaction has ended it")
	errAbandoned = errors.New("the change in whose transaction this one ran did not return")
)

// lead runs a change whose turn it is, with what waits behind it, and ends the
// turn.
func (p *Postgres) lead(h hold, first *change) outcome {
	g := &group{p: p, h: h, first: first, next: again, err: unavailable(errAbandoned)}
	defer g.tell()
	defer p.queues.leave(h.key)
	g.next, g.err = p.try(g)
	return outcome{next: g.next, err: g.err}
}

// tell answers those who have joined.
func (g *group) tell() {
	for _, m := range g.rest {
		o := outcome{next: g.next, err: g.err}
		switch {
		case m.err == nil:
		case g.err == nil:
			o.err = m.err
		default: // it has seen what does not stand, or may not
			o.next = again
		}
		m.told <- o
	}
}

// run runs what waits, up to the bounds, after t, which stands. It gives up with
// the first fault of the database.
func (g *group) run(c *postgres.Conn, t *tx) error {
	g.c, g.last, g.at = c, t, t.at
	for !g.first.alone && len(g.rest) < groupChanges-1 && time.Since(g.begun) < g.p.groupFor {
		next, found := g.p.queues.take(g.h.key)
		if !found {
			break
		}
		if next.ctx.Err() != nil {
			next.told <- outcome{err: canceled(next.ctx)}
			continue
		}
		g.rest = append(g.rest, member{change: next, err: errAbandoned})
		if err := g.step(&g.rest[len(g.rest)-1]); err != nil {
			return err
		}
	}
	return nil
}

// step runs one change. Its savepoint goes with its first statement, and the end
// of that with the first of the next.
func (g *group) step(m *member) error {
	if err := g.c.Later(savepoint); err != nil {
		return err
	}
	t := g.p.tx(m.ctx, g.c)
	t.at, t.ahead = g.now(), g.last.ahead.goOn()
	m.err = runChange(g.p.o.Log, t, m.fn)
	switch {
	case g.c.Fault() != nil:
		return g.c.Fault()
	case g.c.Broken():
		return errors.Join(errGroup, m.err)
	case m.err != nil:
		return errors.Join(g.c.Later(backToPoint), g.c.Later(releasePoint))
	}
	if t.witness.time == 0 {
		t.witness = g.last.witness
	}
	g.last = t
	return g.c.Later(releasePoint)
}

// now is the time of the next change: the database's at the begin, and what has
// passed here since. It is never ahead of the database's, so that times go on
// following the order of changes.
func (g *group) now() time.Time {
	if g.p.o.Now != nil {
		return moment(g.p.o.Now)
	}
	return g.at.Add(time.Since(g.begun).Truncate(time.Microsecond))
}

// tx is a change on a connection.
func (p *Postgres) tx(ctx context.Context, c *postgres.Conn) *tx {
	return &tx{reader: reader{c: post{c}, ctx: context.WithoutCancel(ctx), returned: p.o.Returned}}
}
