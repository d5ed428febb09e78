// SPDX-License-Identifier: Apache-2.0

package notify_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postfach/mailbox"
	"postfach/mailcatcher"
	"postfach/notify"
)

// Several nodes at once: each person one mail.
func TestSeveralWorkers(t *testing.T) {
	h := newHouse(t, mailcatcher.Options{}, notify.Options{})
	var want []string
	for i := range 60 {
		m := h.member(fmt.Sprintf("%04d", i))
		h.account(fmt.Sprintf("c%d", i), "", clerk(m))
		h.put(m, mailbox.Root, "Liste", 1)
		want = append(want, fmt.Sprintf("c%d@example.org%s", i, newDocuments))
	}
	h.clock.at = h.clock.at.Add(3 * time.Minute)
	var all sync.WaitGroup
	for range 4 {
		w := h.newWorker()
		all.Go(func() {
			for range 5 {
				if err := w.Form(h.ctx()); err != nil && mailbox.KindOf(err) != mailbox.Conflict {
					t.Error(err)
				}
				if err := w.Send(h.ctx()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	h.act()
	h.want(want...)
	h.settled()
}

// notify.rate bounds the mails of a minute.
func TestRate(t *testing.T) {
	h := newHouse(t, mailcatcher.Options{}, notify.Options{Rate: 600})
	for i := range 8 {
		m := h.member(fmt.Sprintf("%04d", i))
		h.account(fmt.Sprintf("c%d", i), "", clerk(m))
		h.put(m, mailbox.Root, "Liste", 1)
	}
	h.clock.at = h.clock.at.Add(3 * time.Minute)
	begun := time.Now()
	h.act()
	mails := h.catcher.Mails()
	if len(mails) != 8 {
		t.Fatalf("%d mails", len(mails))
	}
	if took := mails[7].Time.Sub(begun); took < 650*time.Millisecond { // from before the first, which may be slow itself
		t.Errorf("8 mails in %s, faster than 600 a minute", took)
	}
}

// Run forms and sends by itself and ends with its context, also while the relay
// says nothing.
func TestRun(t *testing.T) {
	stalled := make(chan struct{}, 1)
	var stall atomic.Bool
	h := newHouse(t, mailcatcher.Options{Behave: func(e mailcatcher.Event) mailcatcher.Answer {
		if e.Stage == mailcatcher.StageData && stall.Load() {
			stalled <- struct{}{}
			return mailcatcher.Answer{Stall: true}
		}
		return mailcatcher.Answer{}
	}}, notify.Options{Poll: 10 * time.Millisecond, Lease: 2 * time.Second})
	m := h.member("0815")
	h.account("anna", "", clerk(m))
	ctx, cancel := context.WithCancel(h.ctx())
	done := make(chan error, 1)
	go func() { done <- h.worker.Run(ctx) }()
	h.put(m, mailbox.Root, "Liste", 1)
	advance := func() {
		h.clock.mu.Lock()
		h.clock.at = h.clock.at.Add(3 * time.Minute)
		h.clock.mu.Unlock()
	}
	advance()
	if _, err := h.catcher.Wait(ctx, 1); err != nil {
		t.Fatal(err)
	}
	stall.Store(true)
	h.put(m, mailbox.Root, "Liste 2", 1)
	advance()
	<-stalled
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// Issue 2 item 11 through the catalog and the socket: 3,000 releases to 300
// members within an hour, 500 uploads by the same members within 15 minutes.
func TestBusyHour(t *testing.T) {
	if testing.Short() {
		t.Skip("long")
	}
	h := newHouse(t, mailcatcher.Options{}, notify.Options{})
	const members, releases, uploads = 300, 3000, 500
	var all []mailbox.Member
	h.account("deputy", "", mailbox.Grant{Role: mailbox.Caseworker, Responsible: true})
	for i := range members {
		m := h.member(fmt.Sprintf("%04d", i))
		h.account(fmt.Sprintf("c%d", i), "", clerk(m))
		all = append(all, m)
	}
	// Member after member gets its ten documents, one every 1.2 seconds.
	for i := range releases {
		h.put(all[i/10], mailbox.Root, fmt.Sprintf("Liste %d", i), 1)
		if i < uploads {
			h.put(all[i%members], mailbox.ToAuthority, fmt.Sprintf("Korrektur %d", i), 1)
		}
		if i%25 == 24 {
			h.pass(30 * time.Second)
		}
	}
	h.pass(20 * time.Minute)
	h.settled()
	got := map[string]int{}
	for _, m := range h.caught() {
		got[m]++
	}
	for i := range members {
		if to := fmt.Sprintf("c%d@example.org%s", i, newDocuments); got[to] != 1 {
			t.Errorf("%s: %d mails", to, got[to])
		}
	}
	if n := got["deputy@example.org"+submissions]; n != 1 || len(h.caught()) != members+1 {
		t.Errorf("%d mails to the deputy, %d in all", n, len(h.caught()))
	}
}
