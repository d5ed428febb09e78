// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"slices"
	"sync"
)

// queues let changes that hold the same rows wait for each other in this
// process instead of at the server: of all changes of one mailbox that a node
// has under way, one has a connection, so that a busy mailbox leaves the pool
// to the others. Whoever has the turn may run what waits behind it as well
// (group). Nodes wait for each other at the server.
type queues struct {
	mu  sync.Mutex
	all map[string][]*change // who waits, by key; a key is there while it is somebody's turn
}

// change is what write was called with: it waits for its turn, or is run by
// whoever has it.
type change struct {
	ctx   context.Context
	fn    func(*tx) error
	alone bool         // it shares no transaction
	told  chan outcome // one for each wait
}

// outcome ends a wait.
type outcome struct {
	turn bool // it is the change's turn; else it has been run
	next verdict
	err  error
}

// wait waits for the turn of a key, or until the change has been run; "" has no
// queue. A turn must be ended by leave. A context that ends before takes the
// change back.
func (q *queues) wait(key string, c *change) outcome {
	if key == "" || q.enter(key, c) {
		return outcome{turn: true}
	}
	select {
	case o := <-c.told:
		return o
	case <-c.ctx.Done():
		if q.withdraw(key, c) {
			return outcome{err: canceled(c.ctx)}
		}
		return <-c.told
	}
}

// enter takes the turn if it is nobody's, else the change waits.
func (q *queues) enter(key string, c *change) (turn bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	waiting, busy := q.all[key]
	if !busy {
		q.all[key] = nil
		return true
	}
	q.all[key] = append(waiting, c)
	return false
}

// withdraw says whether the change still waited.
func (q *queues) withdraw(key string, c *change) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	at := slices.Index(q.all[key], c)
	if at < 0 {
		return false
	}
	q.all[key] = slices.Delete(q.all[key], at, at+1)
	return true
}

// take gives whoever has the turn what waits next, if it may be run with others.
func (q *queues) take(key string) (c *change, found bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	waiting := q.all[key]
	if len(waiting) == 0 || waiting[0].alone {
		return nil, false
	}
	c = waiting[0]
	q.all[key] = slices.Delete(waiting, 0, 1)
	return c, true
}

// leave ends the turn; the next one is that of whoever waits the longest.
func (q *queues) leave(key string) {
	if key == "" {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	waiting := q.all[key]
	if len(waiting) == 0 {
		delete(q.all, key)
		return
	}
	waiting[0].told <- outcome{turn: true}
	q.all[key] = slices.Delete(waiting, 0, 1)
}
