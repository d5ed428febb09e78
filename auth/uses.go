// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"sync"
	"time"
)

const (
	usedEvery  = time.Minute // how often uses are written
	usedAtOnce = 500         // in one transaction
)

// uses gathers when app passwords were last used. A sync client asks twice a
// minute; the catalog hears of it once a minute, for all programs together.
type uses struct {
	mu   sync.Mutex
	last map[AppPasswordID]time.Time
}

// note remembers a use; most of them cost one atomic read.
func (u *uses) note(e *verified, now time.Time) {
	noted := e.noted.Load()
	if now.UnixNano()-noted < int64(usedEvery/4) || !e.noted.CompareAndSwap(noted, now.UnixNano()) {
		return
	}
	u.put(e.app, now)
}

func (u *uses) put(id AppPasswordID, at time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.last == nil {
		u.last = make(map[AppPasswordID]time.Time)
	}
	if at.After(u.last[id]) {
		u.last[id] = at
	}
}

func (u *uses) take() map[AppPasswordID]time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	out := u.last
	u.last = nil
	return out
}

// Run writes the last uses of app passwords once a minute, and what is left
// when ctx ends.
func (a *Authenticator) Run(ctx context.Context) {
	tick := time.NewTicker(usedEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			a.writeUses(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.timeout)
			defer cancel()
			a.writeUses(last)
			return
		}
	}
}

// writeUses hands what has gathered to the store. What it does not take is
// tried again with the next.
func (a *Authenticator) writeUses(ctx context.Context) {
	all := a.uses.take()
	for len(all) > 0 {
		some := make(map[AppPasswordID]time.Time)
		for id, at := range all {
			if len(some) == usedAtOnce {
				break
			}
			some[id] = at
			delete(all, id)
		}
		err := a.store.UpdateAccounts(ctx, func(tx Tx) error {
			for id, at := range some {
				if err := tx.UsedAppPassword(id, at); err != nil {
					return err
				}
			}
			return nil
		})
		if err == nil {
			continue
		}
		a.o.Log.WarnContext(ctx, "last use of app passwords not written yet", "count", len(some)+len(all), "err", err)
		for _, m := range []map[AppPasswordID]time.Time{some, all} {
			for id, at := range m {
				a.uses.put(id, at)
			}
		}
		return
	}
}
