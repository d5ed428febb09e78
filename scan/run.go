// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"context"
	"log/slog"
	"time"
)

// rhythm of the gate's own questions; tests shorten it.
type rhythm struct {
	pulse   time.Duration // between signs of life, and between tries while red
	patient time.Duration // for one self-test while red, and for a sign of life
	busy    time.Duration // for one self-test while green, beside uploads
	version time.Duration // between questions for the signature date
	settle  time.Duration // after green before the daily probes
	daily   time.Duration // between daily probes
	again   time.Duration // after a daily probe that broke off or failed
}

func ordinaryRhythm() rhythm {
	return rhythm{
		pulse: time.Second, patient: 10 * time.Second, busy: time.Minute, version: 5 * time.Minute,
		settle: time.Minute, daily: 24 * time.Hour, again: 10 * time.Minute,
	}
}

// Run probes clamd and watches it until ctx ends. Without it the gate stays
// red. A gate that is red tries again every second.
func (g *Gate) Run(ctx context.Context) {
	if g.opt.NoOwnSignatures {
		g.opt.Log.WarnContext(ctx, "scanner runs without deploy/postfach.ndb (scan.own_signatures: off)")
	}
	if g.opt.Address.Exposed() {
		g.opt.Log.WarnContext(ctx, "contents go to clamd in plain text over the network (scan.plain_tcp: allow)")
	}
	daily := g.newDaily(ctx)
	for ctx.Err() == nil {
		g.live(ctx, daily)
		sleep(ctx, g.rhythm.pulse)
	}
	daily.wait()
}

// live is one life of clamd as we see it: connect, test, watch, lose.
func (g *Gate) live(ctx context.Context, daily *daily) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := g.clamd.session(ctx, g.rhythm.patient)
	if err != nil {
		g.set(ctx, func(st *state) { st.problem = Problem{Unreachable, err.Error()} })
		return
	}
	defer s.close()
	if !g.test(ctx, g.rhythm.patient) {
		return
	}
	daily.begin(g.opt.Now())
	err = g.watch(ctx, s, daily)
	if ctx.Err() != nil {
		return
	}
	g.set(ctx, func(st *state) {
		st.lose()
		st.problem = Problem{Unreachable, err.Error()}
	})
}

// watch returns when clamd is lost or fails the self-test.
func (g *Gate) watch(ctx context.Context, s *session, daily *daily) error {
	pulse := time.NewTicker(g.rhythm.pulse)
	defer pulse.Stop()
	asked := g.opt.Now()
	for {
		retest := false
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.lost: // the quickest sign of a restart
			return s.err
		case <-g.kick:
			retest = true
		case <-pulse.C:
		}
		if err := s.ping(ctx); err != nil {
			return err
		}
		if retest {
			if err := g.retest(ctx, s); err != nil {
				return err
			}
		}
		if now := g.opt.Now(); now.Sub(asked) >= g.rhythm.version || now.Before(asked) {
			asked = now
			if err := g.askVersion(ctx); err != nil {
				return err
			}
		}
		g.ageSignatures(ctx)
		daily.turn(ctx)
	}
}

// retest runs the self-test on a clamd that is being watched. All threads may
// be busy with our own uploads, so it may take longer than the first one; signs
// of life are asked for meanwhile, so that one that stands still is found out
// as soon as ever.
func (g *Gate) retest(ctx context.Context, s *session) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	passed := make(chan bool, 1)
	go func() { passed <- g.test(ctx, g.rhythm.busy) }()
	pulse := time.NewTicker(g.rhythm.pulse)
	defer pulse.Stop()
	for {
		var err error
		select {
		case ok := <-passed:
			if !ok {
				return g.state.red()
			}
			return nil
		case <-s.lost:
			err = s.err
		case <-pulse.C:
			err = s.ping(ctx)
		}
		if err != nil {
			cancel()
			<-passed // it sets the state, and must not do so later
			return err
		}
	}
}

// test runs the self-test and sets the state to its outcome.
func (g *Gate) test(ctx context.Context, limit time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	problem := g.probe(ctx)
	if problem.Code == "" {
		g.ageSignatures(ctx)
	}
	g.set(ctx, func(st *state) {
		st.problem = problem
		if problem.Code == "" {
			st.lastProbe = g.opt.Now()
		}
	})
	return problem.Code == ""
}

// set changes the state and logs when uploads become possible or impossible.
func (g *Gate) set(ctx context.Context, change func(*state)) {
	before, after := g.state.with(change)
	switch {
	case before.Code == after.Code:
	case after.Code == "":
		engine, database := g.state.names()
		g.opt.Log.InfoContext(ctx, "scanner ready", "engine", engine, "database", database,
			"descriptors", g.state.descriptors())
	default:
		g.opt.Log.Log(ctx, slog.LevelError, "scanner not ready, uploads are refused",
			"code", string(after.Code), "detail", after.Detail)
	}
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
