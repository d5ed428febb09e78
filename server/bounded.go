// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"sync"
)

// Bounded is ask with a caller that waits no longer than its context lasts,
// whatever ask is stuck in: a disk or a server that stands still ends no
// question. Nobody asks anew before the last question has come back; who comes
// meanwhile waits for its answer.
func Bounded[T any](ask func(context.Context) (T, error)) func(context.Context) (T, error) {
	type answer struct {
		there chan struct{} // closed when the others are set
		value T
		err   error
	}
	var mu sync.Mutex
	var under *answer // way
	return func(ctx context.Context) (T, error) {
		mu.Lock()
		a := under
		if a == nil {
			a = &answer{there: make(chan struct{})}
			under = a
			go func() {
				a.value, a.err = ask(ctx)
				mu.Lock()
				under = nil
				mu.Unlock()
				close(a.there)
			}()
		}
		mu.Unlock()
		select {
		case <-a.there:
			return a.value, a.err
		case <-ctx.Done():
			var none T
			return none, context.Cause(ctx)
		}
	}
}
