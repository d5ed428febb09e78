// SPDX-License-Identifier: Apache-2.0

// Package postgres is a bounded pool of connections to a PostgreSQL database,
// each for one goroutine at a time, with statements that stay prepared and are
// sent together where nobody waits for the answer. No SQL of ours and no rule
// lives here.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/puddle/v2"
)

// Options of Open.
type Options struct {
	URL      string // postgres://USER@HOST:PORT/DATABASE?…, without a password
	Password string // "" for servers that know us without (peer, certificate)
	Conns    int    // connections at most; 0 means 16

	Wait  time.Duration // for a connection to become free or to be made; 0 means 10 s
	Limit time.Duration // for the answer to one statement; 0 means 1 min
	Lock  time.Duration // for a row that another transaction holds; 0 means 20 s

	Rewrite func(string) string // puts a statement into words of PostgreSQL; nil leaves it
}

// The server looks every goneCheck whether the client of a running statement is
// still there, and gives up a client that acknowledges nothing for deadAfter or
// is silent in a transaction for idleLimit. Somebody may be paging through what
// a transaction lists, so that is long; changes set less for themselves.
const (
	goneCheck = 5 * time.Second
	deadAfter = time.Minute
	idleLimit = time.Hour
)

// Pool hands out connections. Safe for concurrent use.
type Pool struct {
	o Options
	p *pgxpool.Pool

	rounds atomic.Int64
}

// ErrClosed is the error of Get after Close.
var ErrClosed = errors.New("postgres: the pool is closed")

// Open makes a pool. It connects when a connection is asked for.
func Open(o Options) (*Pool, error) {
	o.Conns = or(o.Conns, 16)
	o.Wait = or(o.Wait, 10*time.Second)
	o.Limit = or(o.Limit, time.Minute)
	o.Lock = or(o.Lock, 20*time.Second)
	c, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err) // shows no password
	}
	p := &Pool{o: o}
	at := &c.ConnConfig.Config
	if at.Password = o.Password; at.ConnectTimeout == 0 {
		at.ConnectTimeout = o.Wait
	}
	for name, value := range map[string]string{
		"application_name": "postfach", "client_encoding": "UTF8", "jit": "off",
		"default_transaction_isolation": "read committed", "default_transaction_read_only": "off",
		"lock_timeout":                        millis(o.Lock),
		"idle_in_transaction_session_timeout": millis(idleLimit),
		"client_connection_check_interval":    millis(goneCheck),
		"tcp_user_timeout":                    millis(deadAfter),
		"tcp_keepalives_idle":                 fmt.Sprint(int(deadAfter.Seconds())),
	} {
		at.RuntimeParams[name] = value
	}
	c.MaxConns, c.PingTimeout = int32(o.Conns), o.Wait
	c.AfterConnect = p.connected
	p.p, err = pgxpool.NewWithConfig(context.Background(), c)
	return p, err
}

func or[T comparable](v, alt T) T {
	var zero T
	if v == zero {
		return alt
	}
	return v
}

func millis(d time.Duration) string { return fmt.Sprint(d.Milliseconds()) }

// connKey is where a connection of pgx keeps ours.
const connKey = "postfach"

var errStandby = errors.New("the server is a standby, which takes no changes")

func (p *Pool) connected(_ context.Context, x *pgx.Conn) error {
	c := newConn(x.PgConn(), p.o, &p.rounds)
	standby := false
	if err := c.Query("SELECT pg_is_in_recovery()", func(r *Row) error { standby = r.Bool(0); return nil }); err != nil {
		return err
	}
	if standby {
		return errStandby
	}
	x.PgConn().CustomData()[connKey] = c
	return c.rest()
}

// Get lends a connection, which Release gives back.
func (p *Pool) Get(ctx context.Context) (*Conn, error) {
	limited, cancel := context.WithTimeout(ctx, p.o.Wait)
	defer cancel()
	x, err := p.p.Acquire(limited)
	switch {
	case errors.Is(err, puddle.ErrClosedPool):
		return nil, ErrClosed
	case err != nil && ctx.Err() == nil && limited.Err() != nil:
		return nil, fmt.Errorf("postgres: no connection within %s: %w", p.o.Wait, err)
	case err != nil:
		return nil, fmt.Errorf("postgres: %w", err)
	}
	c := x.Conn().PgConn().CustomData()[connKey].(*Conn)
	c.lent, c.fault, c.limit = x, nil, p.o.Limit
	c.stopped.Store(false)
	return c, nil
}

// Close waits for what is lent and closes all connections.
func (p *Pool) Close() { p.p.Close() }

// Stat says how many connections there are and how many of them are lent.
func (p *Pool) Stat() (open, lent int) {
	s := p.p.Stat()
	return int(s.TotalConns()), int(s.AcquiredConns())
}

// Rounds is how often an answer of the server was waited for, which is what a
// change costs beside its commit.
func (p *Pool) Rounds() int64 { return p.rounds.Load() }

// Release gives the connection back. One in an unknown state is closed.
func (c *Conn) Release() {
	x := c.lent
	c.lent = nil
	if err := c.rest(); err != nil || c.stopped.Load() || c.broken {
		c.Close() // the pool drops a closed one
	}
	x.Release()
}

// Close ends the connection at once.
func (c *Conn) Close() {
	done, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = c.pg.Close(done)
}

// rest leaves nothing of the last user behind.
func (c *Conn) rest() error {
	c.pending, c.args = c.pending[:0], c.args[:0]
	if c.pg.IsClosed() {
		return nil
	}
	if s := c.pg.TxStatus(); s != 'I' {
		return fmt.Errorf("postgres: released in transaction state %q", s)
	}
	return c.pg.Conn().SetDeadline(time.Time{})
}

// Follow interrupts the connection when ctx ends, until stop is called once.
// After that nothing comes any more that could meet the next user.
func (c *Conn) Follow(ctx context.Context) (stop func()) {
	done := make(chan struct{})
	kept := context.AfterFunc(ctx, func() {
		defer close(done)
		c.Interrupt()
	})
	return func() {
		if !kept() {
			<-done
		}
	}
}

// Interrupt makes the running statement, or the next, fail soon. It may be
// called from another goroutine; the connection is of no more use then.
func (c *Conn) Interrupt() {
	c.stopped.Store(true)
	_ = c.pg.Conn().SetDeadline(time.Unix(1, 0))
}
