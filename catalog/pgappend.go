// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"sync"

	"postfach/mailbox"
)

// appends gathers what Append is called with while a commit is under way, so
// that many records share the next one.
type appends struct {
	mu      sync.Mutex
	waiting []*job
	busy    bool
	running sync.WaitGroup
}

// Append writes audit records that belong to no change. A context that ends
// before the writing has begun takes them back.
func (p *Postgres) Append(ctx context.Context, records ...mailbox.Record) error {
	if len(records) == 0 {
		return nil
	}
	j := &job{ctx: ctx, fn: auditing(records), done: make(chan error, 1)}
	if err := p.gather(j); err != nil {
		return err
	}
	select {
	case err := <-j.done:
		return err
	case <-ctx.Done():
		if j.taken.CompareAndSwap(false, true) {
			return canceled(ctx)
		}
		return <-j.done
	}
}

func (p *Postgres) gather(j *job) error {
	a := &p.appends
	a.mu.Lock()
	defer a.mu.Unlock()
	if p.closed.Load() {
		return errClosed
	}
	a.waiting = append(a.waiting, j)
	if !a.busy {
		a.busy = true
		a.running.Go(p.appendAll)
	}
	return nil
}

// appendAll commits what waits until nothing does.
func (p *Postgres) appendAll() {
	a := &p.appends
	for {
		a.mu.Lock()
		n := min(len(a.waiting), batchJobs)
		batch := append([]*job(nil), a.waiting[:n]...)
		a.waiting = append(a.waiting[:0], a.waiting[n:]...)
		if n == 0 {
			a.busy = false
			a.mu.Unlock()
			return
		}
		a.mu.Unlock()
		p.appendBatch(batch)
	}
}

func (p *Postgres) appendBatch(batch []*job) {
	var taken []*job
	for _, j := range batch {
		if j.taken.CompareAndSwap(false, true) {
			taken = append(taken, j)
		}
	}
	if len(taken) == 0 {
		return
	}
	err := p.write(context.Background(), nothing, func(t *tx) error {
		for _, j := range taken {
			if err := j.fn(t); err != nil {
				return err
			}
		}
		return nil
	})
	for _, j := range taken {
		j.done <- err
	}
}
