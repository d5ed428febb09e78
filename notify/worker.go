// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"postfach/mailbox"
)

// Options of a Worker.
type Options struct {
	Timing   Timing
	Staff    string        // staff_address; required
	Security string        // security_address; "" means Staff
	Operator string        // operator_address, when no account of an operator has one; "" means Security
	Rate     int           // mails per minute; 0 means no bound
	Poll     time.Duration // how often the catalog is asked; 0 means 5 s
	Lease    time.Duration // how long a claimed notice is ours; 0 means 5 minutes
	GiveUp   time.Duration // for how long sending is tried; 0 means 3 days
	Retry    time.Duration // first pause after a failed attempt, doubled each time; 0 means 1 minute
	Log      *slog.Logger  // nil discards
	// Count, when set, is told the outcome of every attempt for the metrics:
	// "sent", "retried", "failed", "dropped".
	Count func(outcome string)
}

const (
	backlogLimit = 20_000           // deliveries and alerts read at once
	formChunk    = 100              // notices written in one transaction
	longestPause = time.Hour        // between two attempts of one notice
	relayPause   = 15 * time.Second // between two tries of a relay that is away
	relaySooner  = 12               // how much sooner than a refused mail one is tried whose connection broke
)

// Worker turns deliveries into notices and notices into mails. Any number of
// workers may run over one catalog.
type Worker struct {
	store    Store
	composer *Composer
	sender   *Sender
	o        Options
	staff    Recipient
	security Recipient
	operator Recipient
	limiter  *rate.Limiter
	formed   chan struct{} // for sending
	reported atomic.Value  // string: the last signatures told of, see SignaturesOld
}

// New makes a worker; Run starts it.
func New(s Store, c *Composer, sender *Sender, o Options) (*Worker, error) {
	o.Security = cmp.Or(o.Security, o.Staff)
	o.Operator = cmp.Or(o.Operator, o.Security)
	o.Poll = cmp.Or(o.Poll, 5*time.Second)
	o.Lease = cmp.Or(o.Lease, 5*time.Minute)
	o.GiveUp = cmp.Or(o.GiveUp, 72*time.Hour)
	o.Retry = cmp.Or(o.Retry, time.Minute)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Count == nil {
		o.Count = func(string) {}
	}
	w := &Worker{store: s, composer: c, sender: sender, o: o, formed: make(chan struct{}, 1)}
	for _, a := range []struct {
		key, address string
		to           *Recipient
	}{
		{"notify.staff_address", o.Staff, &w.staff},
		{"authority.security_address", o.Security, &w.security},
		{"notify.operator_address", o.Operator, &w.operator},
	} {
		if _, err := ParseAddress(a.address); err != nil {
			return nil, fmt.Errorf("%s: %w", a.key, err)
		}
		a.to.Address = a.address
	}
	limit := rate.Inf
	if o.Rate > 0 {
		limit = rate.Every(time.Minute / time.Duration(o.Rate)) // one by one, so no minute sees more
	}
	w.limiter = rate.NewLimiter(limit, 1)
	return w, nil
}

// Run works until ctx ends; then the mail in hand is finished. Forming and
// sending do not wait for each other: a relay that is down delays no decision.
func (w *Worker) Run(ctx context.Context) error {
	var g errgroup.Group
	g.Go(func() error { w.formLoop(ctx); return nil })
	g.Go(func() error { w.sendLoop(ctx); return nil })
	return g.Wait()
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (w *Worker) formLoop(ctx context.Context) {
	tick := time.NewTicker(w.o.Poll)
	defer tick.Stop()
	for {
		if err := w.Form(ctx); err != nil && ctx.Err() == nil {
			w.o.Log.ErrorContext(ctx, "form notices", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Form does one round of decisions: what is due becomes notices, what has
// nothing to tell is closed. Safe to call at any time.
func (w *Worker) Form(ctx context.Context) error {
	b, err := w.store.Backlog(ctx, backlogLimit)
	if err != nil {
		return fmt.Errorf("read backlog: %w", err)
	}
	for _, step := range []func(context.Context, Backlog) error{w.formAlerts, w.formBatches} {
		err := step(ctx, b)
		if mailbox.KindOf(err) == mailbox.Conflict {
			w.o.Log.InfoContext(ctx, "another node was quicker to form notices")
		} else if err != nil {
			return err
		}
	}
	return nil
}

func (w *Worker) formBatches(ctx context.Context, b Backlog) error {
	if len(b.Deliveries) == 0 {
		return nil
	}
	who, err := resolve(ctx, w.store, b.Deliveries, w.staff)
	if err != nil {
		return fmt.Errorf("resolve recipients: %w", err)
	}
	batches, closings := Decide(b, who, w.o.Timing)
	for len(batches) > 0 {
		n := min(formChunk, len(batches))
		f := Forming{}
		for _, x := range batches[:n] {
			f.Notices = append(f.Notices, NewNotice{
				MessageID: w.composer.NewMessageID(), Topic: x.Topic, Direction: x.Direction,
				Recipient: x.Recipient, Deliveries: x.Deliveries,
			})
		}
		if err := w.form(ctx, f); err != nil {
			return err // the closings presume these notices; the next round decides anew
		}
		batches = batches[n:]
	}
	if len(closings) == 0 {
		return nil
	}
	return w.form(ctx, Forming{Closings: closings})
}

func (w *Worker) formAlerts(ctx context.Context, b Backlog) error {
	for _, a := range decideAlerts(b, w.security, w.o.Timing) {
		f := Forming{Alerts: a.Alerts}
		for _, d := range a.Mails {
			f.Notices = append(f.Notices, w.notice(d))
		}
		if err := w.form(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

func (w *Worker) notice(d draft) NewNotice {
	return NewNotice{
		MessageID: w.composer.NewMessageID(), Topic: d.topic, Recipient: d.recipient,
		Data: d.facts.encode(), Once: d.once,
	}
}

func (w *Worker) form(ctx context.Context, f Forming) error {
	if err := w.store.Form(ctx, f); err != nil {
		return fmt.Errorf("form notices: %w", err)
	}
	if len(f.Notices) > 0 {
		signal(w.formed)
	}
	return nil
}
