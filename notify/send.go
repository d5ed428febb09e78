// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"postfach/mailbox"
)

// shutdownGrace is what a mail in hand has left when the server stops.
const shutdownGrace = 10 * time.Second

// idleMost is how long a connection is kept while notify.rate makes us wait.
const idleMost = 10 * time.Second

// sendLoop empties the queue again and again. While the relay is away one
// notice at a time tries it, with growing pauses; the others wait unharmed.
func (w *Worker) sendLoop(ctx context.Context) {
	pause := w.o.Poll
	for ctx.Err() == nil {
		formed := w.formed
		err := w.Send(ctx)
		if relay, ok := errors.AsType[*SendError](err); ok && relay.Relay {
			pause = min(2*pause, max(relayPause, w.o.Poll))
			w.o.Log.WarnContext(ctx, "mail relay", "err", relay.Reply(), "next", pause)
			formed = nil // more mails are no reason to ask it sooner
		} else {
			pause = w.o.Poll
			if err != nil && ctx.Err() == nil {
				w.o.Log.ErrorContext(ctx, "send mails", "err", err)
			}
		}
		select {
		case <-ctx.Done():
		case <-formed:
		case <-time.After(pause):
		}
	}
}

// Send hands every due notice to the relay, over one connection while it lasts,
// and returns when none is due. A *SendError that concerns the relay ends it.
func (w *Worker) Send(ctx context.Context) error {
	var s *Session
	defer func() {
		if s != nil {
			s.Close()
		}
	}()
	for {
		if s != nil && w.wait() > idleMost {
			s.Close()
			s = nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(w.wait()):
		}
		n, due, err := w.store.Claim(ctx, w.o.Lease)
		if err != nil || !due {
			return err
		}
		w.limiter.Reserve()
		if s, err = w.attempt(ctx, s, n); err != nil {
			return err
		}
	}
}

// wait says how long notify.rate asks for until the next mail. Only mails count
// against it, not looking whether there is one.
func (w *Worker) wait() time.Duration {
	missing := 1 - w.limiter.Tokens()
	if missing <= 0 {
		return 0
	}
	return time.Duration(missing / float64(w.limiter.Limit()) * float64(time.Second))
}

// attempt deals with one claimed notice. What was begun is recorded even when
// ctx ends meanwhile; a mail in hand then has a few seconds left.
func (w *Worker) attempt(ctx context.Context, s *Session, n Notice) (*Session, error) {
	if pointless(n) {
		w.o.Count("dropped")
		return s, w.record(ctx, func(ctx context.Context) error { return w.store.Drop(ctx, n.ID) })
	}
	mail, err := w.composer.Compose(n)
	if err != nil {
		w.o.Log.ErrorContext(ctx, "compose mail", "notice", n.ID, "err", err)
		return s, w.failed(ctx, n, &SendError{Permanent: true, Err: err})
	}
	s, reply, err := w.transmit(ctx, s, mail)
	if err == nil {
		w.o.Count("sent")
		return s, w.record(ctx, func(ctx context.Context) error { return w.store.Sent(ctx, n.ID, reply) })
	}
	cause, ok := errors.AsType[*SendError](err)
	if !ok {
		cause = relayError(err)
	}
	if err := w.failed(ctx, n, cause); err != nil {
		return s, err
	}
	if cause.Relay {
		return s, cause
	}
	return s, nil
}

// record writes an outcome whether or not ctx has ended.
func (w *Worker) record(ctx context.Context, write func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.o.Lease/4)
	defer cancel()
	return write(ctx)
}

// transmit uses the open connection, or a new one when there is none.
func (w *Worker) transmit(ctx context.Context, s *Session, m Mail) (*Session, string, error) {
	outer := ctx
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.o.Lease/2)
	defer cancel()
	defer context.AfterFunc(outer, func() {
		select {
		case <-time.After(shutdownGrace):
			cancel()
		case <-ctx.Done():
		}
	})()
	if s != nil && !s.Usable() {
		s.Close()
		s = nil
	}
	if s == nil {
		var err error
		if s, err = w.sender.Open(ctx); err != nil {
			return nil, "", err
		}
	}
	reply, err := s.Send(ctx, m)
	return s, reply, err
}

// pointless says that a notice must not go out any more: everything it is about
// was withdrawn, or its recipient is not (or not by mail) entitled to it now.
// Its deliveries are then judged anew.
func pointless(n Notice) bool {
	if !n.Entitled {
		return true
	}
	if len(n.Items) == 0 {
		return false
	}
	if _, err := ParseAddress(n.Recipient.Address); err != nil && n.Recipient.Account != 0 {
		return true
	}
	for _, i := range n.Items {
		if i.Live {
			return false
		}
	}
	return true
}

// failed records the end of an attempt: again later, or for good with a report.
func (w *Worker) failed(ctx context.Context, n Notice, cause *SendError) error {
	f := Failure{Reply: cause.Reply(), Permanent: cause.Permanent || n.Age >= w.o.GiveUp}
	if !f.Permanent {
		w.o.Count("retried")
		switch {
		case cause.Away: // sendLoop's pauses spare the relay
			f.RetryIn = min(w.o.Poll, w.o.Retry)
		case cause.Relay: // soon, but not for ever: it may be this mail that it breaks on
			f.RetryIn = pauseAfter(n.Attempts, w.o.Retry/relaySooner)
		default:
			f.RetryIn = pauseAfter(n.Attempts, w.o.Retry)
		}
		return w.record(ctx, func(ctx context.Context) error { return w.store.Failed(ctx, n.ID, f) })
	}
	w.o.Count("failed")
	w.o.Log.WarnContext(ctx, "mail failed for good", "notice", n.ID, "attempts", n.Attempts)
	return w.record(ctx, func(ctx context.Context) error {
		var err error
		if f.Report, err = w.report(ctx, n); err != nil {
			return err
		}
		return w.store.Failed(ctx, n.ID, f)
	})
}

// pauseAfter grows by doubling, up to an hour.
func pauseAfter(attempts int, first time.Duration) time.Duration {
	p := first
	for range min(attempts-1, 20) {
		if p *= 2; p >= longestPause {
			return max(longestPause, first)
		}
	}
	return p
}

// report tells the responsible caseworkers of the members concerned, else the
// staff address, that somebody could not be reached. A report that cannot be
// delivered makes no further one.
func (w *Worker) report(ctx context.Context, n Notice) ([]NewNotice, error) {
	if n.Topic == TopicUndeliverable || n.Topic == TopicSignatures {
		return nil, nil
	}
	f, err := decodeFacts(n.Data)
	if err != nil {
		f = facts{}
	}
	if len(n.Items) > 0 {
		f = factsOfItems(f, n.Items)
	}
	f.First, f.Account = n.Created, n.Recipient.Account
	to, err := w.responsible(ctx, n)
	if err != nil {
		return nil, err
	}
	var out []NewNotice
	for _, r := range to {
		once := fmt.Sprintf("undeliverable %s %d", n.MessageID, r.Account)
		out = append(out, w.notice(draft{TopicUndeliverable, r, f, once}))
	}
	return out, nil
}

func (w *Worker) responsible(ctx context.Context, n Notice) ([]Recipient, error) {
	var members []mailbox.MemberID
	for _, i := range n.Items {
		members = append(members, i.Member)
	}
	found := map[mailbox.MemberID][]Recipient{}
	if len(members) > 0 {
		var err error
		if found, err = w.store.Recipients(ctx, mailbox.ToTheAuth, members); err != nil {
			return nil, fmt.Errorf("resolve recipients: %w", err)
		}
	}
	var all []Recipient
	for _, r := range found {
		for _, x := range r {
			if x.Account != n.Recipient.Account && x.Address != n.Recipient.Address {
				all = append(all, x)
			}
		}
	}
	if all = reachable(all); len(all) == 0 && n.Recipient.Address != w.staff.Address {
		all = []Recipient{w.staff}
	}
	return all, nil
}
