// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"context"
	"io"
	"os"
	"sync"
	"time"

	"postfach/mailbox"
)

// Names under which the daily probes are remembered.
const (
	limitsPassed = "scan-limits"        // time of the last one that passed
	limitsFailed = "scan-limits-failed" // time of the last one with a wrong verdict
)

// daily schedules the probes that take long: a member over the limit, and a
// file of max_size with our marker at its end. They run at most once a day and
// once after each restart of clamd, beside the uploads, one at a time.
type daily struct {
	g       *Gate
	mu      sync.Mutex
	due     time.Time
	running bool
	lives   int // of clamd, as far as we saw
	done    sync.WaitGroup
}

// newDaily recalls when the last probe passed. One that failed since keeps the
// gate red until it passes.
func (g *Gate) newDaily(ctx context.Context) *daily {
	d := &daily{g: g}
	passed, err := g.memory.LastProbe(ctx, limitsPassed)
	if err == nil {
		d.due = passed.Add(g.rhythm.daily)
		var failed time.Time
		failed, err = g.memory.LastProbe(ctx, limitsFailed)
		if err == nil && failed.After(passed) {
			d.due = time.Time{}
			g.set(ctx, func(s *state) {
				s.limits = Problem{EndUnread, "the daily probe failed before the restart and has not passed since"}
			})
		}
	}
	if err != nil {
		d.due = time.Time{} // not remembered means due
		g.opt.Log.WarnContext(ctx, "daily scanner probe: cannot recall the last one", "err", err)
	}
	return d
}

// begin says that clamd passed the self-test. The first minute is kept free,
// unless the gate is red for want of this very probe.
func (d *daily) begin(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lives++; d.lives > 1 {
		d.due = time.Time{}
	}
	settled := now.Add(d.g.rhythm.settle)
	if d.g.state.failedLimits() {
		settled = now
	}
	if d.due.Before(settled) {
		d.due = settled
	}
}

// turn starts the probes when they are due and no upload waits.
func (d *daily) turn(ctx context.Context) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.running || d.g.opt.Now().Before(d.due) || !d.g.state.idle() {
		return
	}
	d.running = true
	d.done.Go(func() {
		next := d.g.probeLimits(ctx)
		d.mu.Lock()
		defer d.mu.Unlock()
		d.running, d.due = false, d.g.opt.Now().Add(next)
	})
}

// wait returns when no probe runs any more.
func (d *daily) wait() { d.done.Wait() }

// probeLimits runs both probes and gives the time until the next turn. A lost
// connection says nothing about clamd's limits and only repeats them later.
func (g *Gate) probeLimits(ctx context.Context) time.Duration {
	generation := g.state.current()
	problem, err := g.tryLimits(ctx)
	if err != nil || ctx.Err() != nil || generation != g.state.current() {
		if ctx.Err() == nil {
			g.opt.Log.WarnContext(ctx, "daily scanner probe broke off, will be repeated", "err", err)
		}
		return g.rhythm.again
	}
	now := g.opt.Now()
	g.set(ctx, func(s *state) {
		s.limits = problem
		if problem.Code == "" {
			s.lastLimits = now
		}
	})
	name, next := limitsPassed, g.rhythm.daily
	if problem.Code != "" {
		name, next = limitsFailed, g.rhythm.again
	}
	if err := g.memory.Remember(ctx, name, now); err != nil {
		g.opt.Log.WarnContext(ctx, "daily scanner probe: cannot be remembered", "err", err)
	}
	return next
}

func (g *Gate) tryLimits(ctx context.Context) (Problem, error) {
	v, err := g.clamd.bytes(ctx, hugeMember())
	if err != nil {
		return Problem{}, err
	}
	if v.Outcome != mailbox.Unjudgeable {
		return Problem{MemberPassed, describe(v)}, nil
	}
	if v, err = g.scanLargest(ctx); err != nil {
		return Problem{}, err
	}
	if !isProbe(v) && !(g.opt.NoOwnSignatures && v.Outcome == mailbox.Clean) {
		return Problem{EndUnread, describe(v)}, nil
	}
	return Problem{}, nil
}

// scanLargest scans max_size bytes with the marker at their end, by the way
// that large uploads take. The file has a hole instead of zeros, so that it
// takes no space.
func (g *Gate) scanLargest(ctx context.Context) (v mailbox.Verdict, err error) {
	size := g.opt.MaxSize
	if !g.state.descriptors() {
		return g.clamd.stream(ctx, endMarked(size, marker()), size)
	}
	err = withSpool(g.opt.StagingDir, true, func(w *os.File) error {
		if err := w.Truncate(size); err != nil {
			return err
		}
		_, err := io.WriteString(io.NewOffsetWriter(w, size-int64(len(marker()))), marker())
		return err
	}, func(r *os.File) (err error) {
		v, err = g.clamd.descriptor(ctx, r, size)
		return err
	})
	return v, err
}

// forgetful is the memory of a gate that was given none.
type forgetful struct {
	mu    sync.Mutex
	times map[string]time.Time
}

func newForgetful() *forgetful { return &forgetful{times: map[string]time.Time{}} }

func (f *forgetful) LastProbe(_ context.Context, name string) (time.Time, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.times[name], nil
}

func (f *forgetful) Remember(_ context.Context, name string, at time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.times[name] = at
	return nil
}
