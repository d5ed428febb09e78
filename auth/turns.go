// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"net/netip"
	"runtime/debug"
	"sync"
	"time"

	"postfach/mailbox"
)

const (
	hashesAtOnce = 2                      // 19 MiB and one core each
	hashWait     = 5 * time.Second        // longest wait for a turn
	hashQueue    = 200                    // waiting in all …
	hashQueueOne = 64                     // … and from one network
	memoryAfter  = 500 * time.Millisecond // without a hash, their memory is given back
)

// turns lets few password hashes run at once. Networks are served in turn, so
// that a flood of guesses from one does not keep the others from signing in.
type turns struct {
	mu      sync.Mutex
	all     int
	free    int
	waiting int
	queues  map[netip.Prefix][]*ticket
	order   []netip.Prefix // networks with a queue, next first
	wait    time.Duration
	giving  bool // the memory of hashes is about to be given back
}

// ticket is one caller in the queue.
type ticket struct {
	called chan struct{} // closed when it is this caller's turn
	left   bool          // it went away; guarded by turns.mu
}

func newTurns(n int, wait time.Duration) *turns {
	return &turns{all: n, free: n, queues: make(map[netip.Prefix][]*ticket), wait: wait}
}

func errBusy() error {
	return &mailbox.Error{Kind: mailbox.Unavailable, Reason: mailbox.ReasonBusy, RetryAfter: 10 * time.Second}
}

// take waits for a turn; the caller ends it with done. Kind Unavailable when
// the queue is full or the wait too long, Canceled when ctx ends.
func (t *turns) take(ctx context.Context, from netip.Prefix) error {
	t.mu.Lock()
	if t.free > 0 {
		t.free--
		t.mu.Unlock()
		return nil
	}
	if t.waiting >= hashQueue || len(t.queues[from]) >= hashQueueOne {
		t.mu.Unlock()
		return errBusy()
	}
	k := &ticket{called: make(chan struct{})}
	if len(t.queues[from]) == 0 {
		t.order = append(t.order, from)
	}
	t.queues[from] = append(t.queues[from], k)
	t.waiting++
	t.mu.Unlock()

	timer := time.NewTimer(t.wait)
	defer timer.Stop()
	select {
	case <-k.called:
		return nil
	case <-timer.C:
		return t.leave(k, errBusy())
	case <-ctx.Done():
		return t.leave(k, mailbox.Wrap(mailbox.Canceled, "", ctx.Err()))
	}
}

// leave gives up waiting, unless the turn came at the same moment.
func (t *turns) leave(k *ticket, err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case <-k.called:
		return nil
	default:
	}
	k.left = true
	return err
}

// done ends a turn and calls the next caller, of the next network.
func (t *turns) done() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.order) > 0 {
		from := t.order[0]
		k := t.queues[from][0]
		t.waiting--
		t.order = t.order[1:]
		if rest := t.queues[from][1:]; len(rest) > 0 {
			t.queues[from] = rest
			t.order = append(t.order, from)
		} else {
			delete(t.queues, from)
		}
		if !k.left {
			close(k.called)
			return
		}
	}
	if t.free++; t.free == t.all && !t.giving {
		t.giving = true
		time.AfterFunc(memoryAfter, t.giveBack)
	}
}

// giveBack returns what hashes took to the system: 19 MiB each, which without
// it would stay and let the heap grow to twice that before the next collection.
func (t *turns) giveBack() {
	t.mu.Lock()
	idle := t.free == t.all
	t.giving = false
	t.mu.Unlock()
	if idle { // else whoever ends last asks again
		debug.FreeOSMemory()
	}
}

// pairs lets one sign-in at a time run per account and network, so that guesses
// sent side by side are counted one by one, and the parallel connections of one
// client share one hash.
type pairs struct {
	mu   sync.Mutex
	held map[AttemptKey]*pair
	wait time.Duration
}

type pair struct {
	token chan struct{} // holds one value while free
	users int           // holding or waiting; guarded by pairs.mu
}

func newPairs(wait time.Duration) *pairs {
	return &pairs{held: make(map[AttemptKey]*pair), wait: wait}
}

// lock waits for the pair; the caller unlocks with the returned function.
// Errors are those of turns.take.
func (p *pairs) lock(ctx context.Context, key AttemptKey) (func(), error) {
	p.mu.Lock()
	h := p.held[key]
	if h == nil {
		h = &pair{token: make(chan struct{}, 1)}
		h.token <- struct{}{}
		p.held[key] = h
	}
	if h.users >= hashQueueOne {
		p.mu.Unlock()
		return nil, errBusy()
	}
	h.users++
	p.mu.Unlock()

	timer := time.NewTimer(p.wait)
	defer timer.Stop()
	select {
	case <-h.token:
		return func() {
			h.token <- struct{}{}
			p.leave(key, h)
		}, nil
	case <-timer.C:
		p.leave(key, h)
		return nil, errBusy()
	case <-ctx.Done():
		p.leave(key, h)
		return nil, mailbox.Wrap(mailbox.Canceled, "", ctx.Err())
	}
}

func (p *pairs) leave(key AttemptKey, h *pair) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if h.users--; h.users == 0 {
		delete(p.held, key)
	}
}
