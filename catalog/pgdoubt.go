// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"postfach/catalog/postgres"
)

// doubt is a transaction whose COMMIT was sent and whose answer was lost. The
// server may not even have read it yet.
type doubt struct {
	xid      string // of the transaction
	pid      int64  // of the server's process that ran it
	timeline string // of the server: a number means nothing in another history
}

// resolveFor bounds the questions about one doubt.
const resolveFor = 5 * time.Second

const (
	fateOf = "SELECT coalesce(pg_xact_status(CAST(CAST($1 AS TEXT) AS XID8)), 'ended')"
	// endProcess throws out the process of a transaction, so that it is not
	// committed after we have said that it was not. One that is committing ends
	// with its commit.
	endProcess = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE pid = CAST(CAST($1 AS BIGINT) AS INTEGER) AND backend_xid = CAST(CAST(CAST($2 AS TEXT) AS XID8) AS XID)`
)

var (
	errUndecided = errors.New("the transaction is still in progress")
	errHistory   = errors.New("the server has been replaced by another one")
)

// remember keeps a doubt until somebody asks (settle).
func (p *Postgres) remember(d doubt) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.doubts[d] = true
}

// settle ends the doubts there are; then what is not in the tables will never
// be. A server that has taken another one's place has no part in them.
func (p *Postgres) settle(ctx context.Context) error {
	p.mu.Lock()
	var all []doubt
	for d := range p.doubts {
		all = append(all, d)
	}
	p.mu.Unlock()
	for _, d := range all {
		if _, err := p.resolve(ctx, d); err != nil && !errors.Is(err, errHistory) {
			return unavailable(err)
		}
		p.mu.Lock()
		delete(p.doubts, d)
		p.mu.Unlock()
	}
	return nil
}

// resolve finds out whether a transaction stands, and sees to it that one that
// is still open never will, or soon does.
func (p *Postgres) resolve(ctx context.Context, d doubt) (stands bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, resolveFor)
	defer cancel()
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, 250*time.Millisecond) {
		var fate string
		if fate, err = p.fate(ctx, d); err == nil {
			switch fate {
			case "committed":
				return true, nil
			case "aborted":
				return false, nil
			case "in progress":
				err = errUndecided
			default:
				err = fmt.Errorf("transaction %s has ended long ago", d.xid)
			}
		}
		if errors.Is(err, errHistory) {
			return false, err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return false, err
		}
	}
}

// fate asks once, on another connection.
func (p *Postgres) fate(ctx context.Context, d doubt) (fate string, err error) {
	c, err := p.get(ctx)
	if err != nil {
		return "", err
	}
	defer c.Release()
	if c.Timeline() != d.timeline {
		return "", errHistory
	}
	err = c.Query(fateOf, func(r *postgres.Row) error { fate = r.Text(0); return nil }, d.xid)
	if err == nil && fate == "in progress" {
		_, err = c.Exec(endProcess, d.pid, d.xid)
	}
	return fate, err
}
