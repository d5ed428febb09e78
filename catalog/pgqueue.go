// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"sync"
)

// queues let changes that hold the same rows wait for each other in this
// process instead of at the server: of all changes of one mailbox that a node
// has under way, one has a connection, so that a busy mailbox leaves the pool
// to the others. Nodes wait for each other at the server.
type queues struct {
	mu  sync.Mutex
	all map[string]*queue
}

type queue struct {
	turn  chan struct{} // holds one token while it is nobody's turn
	users int           // in the queue, or at their turn
}

// enter waits for the turn of a key; "" has no queue. leave ends the turn.
func (q *queues) enter(ctx context.Context, key string) (leave func(), err error) {
	if key == "" {
		return func() {}, nil
	}
	q.mu.Lock()
	one := q.all[key]
	if one == nil {
		one = &queue{turn: make(chan struct{}, 1)}
		one.turn <- struct{}{}
		q.all[key] = one
	}
	one.users++
	q.mu.Unlock()
	out := func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		if one.users--; one.users == 0 {
			delete(q.all, key)
		}
	}
	select {
	case <-one.turn:
		return func() { one.turn <- struct{}{}; out() }, nil
	case <-ctx.Done():
		out()
		return nil, canceled(ctx)
	}
}
