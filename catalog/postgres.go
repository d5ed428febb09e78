// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"postfach/catalog/postgres"
	"postfach/mailbox"
)

var (
	_ mailbox.Catalog = (*Postgres)(nil)
	_ engine          = (*Postgres)(nil)
)

// Server says which PostgreSQL database holds a catalog, and how it is reached.
type Server struct {
	URL      string // postgres://USER@HOST:PORT/DATABASE?…, without a password
	Password string
	Conns    int           // connections at most; 0 means 16
	Limit    time.Duration // for the answer to one statement; 0 means 1 min
}

// Postgres is the catalog of several nodes: a PostgreSQL database. Changes of
// one mailbox wait for each other, those of different mailboxes do not. Safe
// for concurrent use, by any number of processes on any number of machines.
type Postgres struct {
	tables
	o     Options // without gaps; Now is nil for the database's clock
	pool  *postgres.Pool
	shift func() time.Duration

	queues  queues
	appends appends
	closed  atomic.Bool

	committed atomic.Int64 // when a commit last succeeded, by the monotonic clock of begun
	begun     time.Time

	resolveFor, groupFor time.Duration

	mu     sync.Mutex
	doubts map[doubt]bool // commits whose outcome is not known
}

// OpenPostgres opens the catalog and brings the schema up to date; nodes may do
// so at the same time. A catalog that a newer Postfach has written, a database
// that holds something else, and a server that may lose what it has
// acknowledged are refused.
func OpenPostgres(at Server, o Options) (*Postgres, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Returned == "" {
		o.Returned = "Zurückgewiesen"
	}
	pool, err := postgres.Open(postgres.Options{URL: at.URL, Password: at.Password, Conns: at.Conns,
		Wait: o.BusyTimeout, Limit: at.Limit, Rewrite: inPostgres})
	if err != nil {
		return nil, err
	}
	p := &Postgres{o: o, pool: pool, shift: shift(), begun: time.Now(), resolveFor: resolveFor, groupFor: groupFor, doubts: map[doubt]bool{},
		queues: queues{all: map[string][]*change{}}}
	p.tables = tables{p}
	if err := p.prepare(); err != nil {
		pool.Close()
		return nil, unavailable(err)
	}
	return p, nil
}

// prepare looks at the server and at what is in the database.
func (p *Postgres) prepare() error {
	c, err := p.pool.Get(context.Background())
	if err != nil {
		return err
	}
	defer c.Release()
	if err := checkServer(c); err != nil {
		return err
	}
	return migratePostgres(c, p.o.Log)
}

// Close waits for what runs and closes all connections. Further calls of the
// other methods are kind Unavailable.
func (p *Postgres) Close() error {
	p.closed.Store(true)
	p.appends.running.Wait()
	p.pool.Close()
	return nil
}

// post is a connection to PostgreSQL.
type post struct{ *postgres.Conn }

func (c post) Query(sql string, scan func(tuple) error, args ...any) error {
	return c.Conn.Query(sql, func(r *postgres.Row) error { return scan(r) }, args...)
}

func (c post) Pass(sql string, scan func(tuple) error, args ...any) error {
	return c.Conn.Pass(sql, func(r *postgres.Row) error { return scan(r) }, args...)
}

func (c post) Ahead(sql string, scan func(tuple) error, args ...any) error {
	return c.Conn.Ahead(sql, func(r *postgres.Row) error { return scan(r) }, args...)
}

func (c post) Stream(sql string, scan func(tuple) error, args ...any) error {
	return c.Conn.Stream(sql, func(r *postgres.Row) error { return scan(r) }, args...)
}

// get lends a connection.
func (p *Postgres) get(ctx context.Context) (*postgres.Conn, error) {
	c, err := p.pool.Get(ctx)
	switch {
	case errors.Is(err, postgres.ErrClosed):
		return nil, errClosed
	case err != nil && ctx.Err() != nil:
		return nil, canceled(ctx)
	}
	return c, unavailable(err)
}

// clockOf reads the database's clock; the second column is for the next.
const clockOf = "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)"

// now is the moment of a transaction: the database's clock, or the test's.
func (p *Postgres) now(r tuple) time.Time {
	if p.o.Now != nil {
		return moment(p.o.Now)
	}
	return r.Time(0).Add(p.shift())
}

// deadConns is how often a transaction is begun anew because its connection
// turned out to be dead.
const deadConns = 3

// read runs fn in a transaction that sees one state of the database.
func (p *Postgres) read(ctx context.Context, fn func(*reader) error) error {
	for try := 1; ; try++ {
		c, err := p.get(ctx)
		if err != nil {
			return err
		}
		r := &reader{c: post{c}, ctx: ctx, returned: p.o.Returned}
		err = errors.Join(
			c.Begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
			r.c.Query("SELECT "+clockOf, func(t tuple) error { r.at = p.now(t); return nil }))
		if err != nil {
			dead := c.Broken()
			c.Rollback()
			c.Release()
			if dead && try < deadConns {
				continue
			}
			return unavailable(err)
		}
		defer func() { // there is nothing to keep, and nobody waits for that
			go func() {
				c.Rollback()
				c.Release()
			}()
		}()
		return fn(r)
	}
}

// Ready says whether a change could be committed now, by what was committed in
// the last two seconds, else by committing something small.
func (p *Postgres) Ready(ctx context.Context) error {
	if err := p.settle(ctx); err != nil {
		return err
	}
	if at := p.committed.Load(); at > 0 && time.Since(p.begun)-time.Duration(at) < readyFor {
		return nil
	}
	return p.beat(ctx)
}

// Snapshot is refused: a server has its own ways (docs/postgresql.md).
func (p *Postgres) Snapshot(context.Context, io.Writer) (Snapshot, error) {
	return Snapshot{}, errNoSnapshot
}

// Check is refused like Snapshot.
func (p *Postgres) Check(context.Context) error { return errNoSnapshot }

var errNoSnapshot = errors.New("a PostgreSQL catalog is backed up by its server's own means: see docs/postgresql.md")
