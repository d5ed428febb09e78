// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"errors"
	"time"

	"postfach/catalog/postgres"
)

// doubt is a transaction whose COMMIT was sent and whose answer was lost. The
// server may not even have read it yet. Its number alone proves nothing: after
// a crash the server gives the numbers of what it lost once more.
type doubt struct {
	xid     string // number of the transaction
	pid     int64  // of the server's process that ran it
	witness witness
}

// witness is what only this transaction can have left: an audit record, whose
// digest is salted.
type witness struct {
	time   int64 // microseconds; 0 for none
	digest [32]byte
}

// resolveFor bounds the questions about one doubt, unless a test has less time.
const resolveFor = 5 * time.Second

const (
	// endProcess throws out the process that still has the transaction open, so
	// that nothing is committed after we have said that it was not. One that is
	// committing ends with its commit. No row means that the transaction is over.
	endProcess = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE pid = CAST(CAST($1 AS BIGINT) AS INTEGER) AND backend_xid = CAST(CAST(CAST($2 AS TEXT) AS XID8) AS XID)`
	selectWitness = "SELECT 1 FROM audit WHERE time = $1 AND digest = $2"
)

var (
	errInProgress = errors.New("the transaction is still in progress")
	errNoWitness  = errors.New("the transaction is over and has left no record")
)

// remember keeps a doubt until somebody asks (settle).
func (p *Postgres) remember(d doubt) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.doubts[d] = true
}

// settle ends the doubts there are: when their transactions are over, what is
// not in the tables will never be.
func (p *Postgres) settle(ctx context.Context) error {
	p.mu.Lock()
	var all []doubt
	for d := range p.doubts {
		all = append(all, d)
	}
	p.mu.Unlock()
	for _, d := range all {
		if _, err := p.resolve(ctx, d); err != nil && !errors.Is(err, errNoWitness) {
			return unavailable(err)
		}
		p.mu.Lock()
		delete(p.doubts, d)
		p.mu.Unlock()
	}
	return nil
}

// resolve finds out whether a transaction stands, and sees to it that one that
// is still open ends.
func (p *Postgres) resolve(ctx context.Context, d doubt) (stands bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, p.resolveFor)
	defer cancel()
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, 250*time.Millisecond) {
		if stands, err = p.ask(ctx, d); err == nil || errors.Is(err, errNoWitness) {
			return stands, err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return false, err
		}
	}
}

// ask asks once, on another connection.
func (p *Postgres) ask(ctx context.Context, d doubt) (stands bool, err error) {
	c, err := p.get(ctx)
	if err != nil {
		return false, err
	}
	defer c.Release()
	defer c.Follow(ctx)()
	open := false
	if err := c.Query(endProcess, func(*postgres.Row) error { open = true; return nil }, d.pid, d.xid); err != nil {
		return false, err
	}
	switch {
	case open:
		return false, errInProgress
	case d.witness.time == 0:
		return false, errNoWitness
	}
	err = c.Query(selectWitness, func(*postgres.Row) error { stands = true; return nil }, d.witness.time, d.witness.digest[:])
	return stands, err
}
