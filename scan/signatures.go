// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"context"
	"fmt"
	"time"
)

// askVersion asks clamd for its engine and the date of its signatures.
func (g *Gate) askVersion(ctx context.Context) error {
	s, err := g.clamd.ask(ctx, "VERSION")
	if err != nil {
		return err
	}
	v, err := parseVersion(s, g.opt.Zone, g.opt.Now())
	if err != nil {
		return err
	}
	g.state.with(func(st *state) { st.version = v })
	return nil
}

// ageSignatures turns the gate red when the signatures are too old (P27), and
// tells the operator well before.
func (g *Gate) ageSignatures(ctx context.Context) {
	limit := g.opt.SignaturesMaxAge
	if limit < 0 {
		return
	}
	now := g.opt.Now()
	var date time.Time
	var half, tooOld bool
	g.set(ctx, func(st *state) {
		date = st.version.Date
		age := now.Sub(date)
		tooOld, half = date.IsZero() || age > limit, date.IsZero() || age > limit/2
		st.halfAge, st.age = half, Problem{}
		switch {
		case date.IsZero():
			st.age = Problem{SignaturesUnknown, "clamd names no date of official signatures: " + st.version.Engine}
		case tooOld:
			st.age = Problem{SignaturesOld, fmt.Sprintf("signatures of %s are older than %v", date.Format(time.DateTime), limit)}
		}
	})
	g.warnSignatures(date, half, tooOld, now)
}

// warnSignatures calls the operator's callback on every change for the worse
// and daily. Only Run's goroutine comes here.
func (g *Gate) warnSignatures(date time.Time, half, tooOld bool, now time.Time) {
	if !half {
		g.warned = warning{}
		return
	}
	if now.Sub(g.warned.at) < 24*time.Hour && g.warned.tooOld == tooOld {
		return
	}
	g.warned = warning{now, tooOld}
	if g.opt.OnSignatures != nil {
		g.opt.OnSignatures(date, tooOld)
	}
}

// warning is what the operator was last told.
type warning struct {
	at     time.Time
	tooOld bool
}
