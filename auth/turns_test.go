// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postfach/mailbox"
)

var (
	netA = netip.MustParsePrefix("192.0.2.0/24")
	netB = netip.MustParsePrefix("198.51.100.0/24")
)

// At most two hashes run at once, and a network with many waiting callers does
// not keep another one waiting longer than its own turn.
func TestTurnsAreFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns(2, time.Minute)
		var mu sync.Mutex
		running, most := 0, 0
		var order []netip.Prefix
		work := func(from netip.Prefix) {
			if err := turns.take(context.Background(), from); err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			running++
			most = max(most, running)
			order = append(order, from)
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			running--
			mu.Unlock()
			turns.done()
		}
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() { work(netA) })
		}
		synctest.Wait()
		wg.Go(func() { work(netB) })
		wg.Wait()
		if most != 2 || len(order) != 21 {
			t.Errorf("%d at once, %d in all", most, len(order))
		}
		for i, n := range order {
			if n == netB && i > 4 {
				t.Errorf("the other network came after %d", i)
			}
		}
		if turns.free != 2 || turns.waiting != 0 || len(turns.queues) != 0 || len(turns.order) != 0 {
			t.Errorf("not empty: %+v", turns)
		}
	})
}

// Waiting is bounded in time and in number; then the kind is Unavailable with a
// Retry-After. Who leaves the queue takes no turn away.
func TestTurnsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns(1, 5*time.Second)
		if err := turns.take(context.Background(), netA); err != nil {
			t.Fatal(err)
		}
		errs := make(chan error, hashQueueOne+2)
		for range hashQueueOne + 1 {
			go func() { errs <- turns.take(context.Background(), netA) }()
		}
		synctest.Wait()
		if len(errs) != 1 {
			t.Errorf("%d were turned away at once", len(errs))
		}
		ctx, cancel := context.WithCancel(context.Background())
		go func() { errs <- turns.take(ctx, netB) }()
		synctest.Wait()
		cancel()
		synctest.Wait()
		time.Sleep(6 * time.Second)
		synctest.Wait()
		kinds := map[mailbox.Kind]int{}
		for range len(errs) {
			err := <-errs
			kinds[mailbox.KindOf(err)]++
			if e, _ := errors.AsType[*mailbox.Error](err); e.Kind == mailbox.Unavailable && e.RetryAfter <= 0 {
				t.Error("no Retry-After")
			}
		}
		if kinds[mailbox.Unavailable] != hashQueueOne+1 || kinds[mailbox.Canceled] != 1 {
			t.Errorf("kinds %v", kinds)
		}
		turns.done()
		if err := turns.take(context.Background(), netB); err != nil || turns.waiting != 0 {
			t.Errorf("%v, waiting %d", err, turns.waiting)
		}
	})
}

// Sign-ins of one account from one network go one after the other, others
// beside them, and nothing is left behind.
func TestPairs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pairs := newPairs(10 * time.Second)
		a, b := AttemptKey{Network: netA}, AttemptKey{Network: netB}
		var mu sync.Mutex
		running := map[AttemptKey]int{}
		var wg sync.WaitGroup
		for range 5 {
			for _, k := range []AttemptKey{a, b} {
				wg.Go(func() {
					unlock, err := pairs.lock(context.Background(), k)
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					if running[k]++; running[k] > 1 {
						t.Error("two at once")
					}
					mu.Unlock()
					time.Sleep(time.Second)
					mu.Lock()
					running[k]--
					mu.Unlock()
					unlock()
				})
			}
		}
		begin := time.Now()
		wg.Wait()
		if took := time.Since(begin); took != 5*time.Second { // the bubble's clock
			t.Errorf("took %v", took)
		}
		unlock, err := pairs.lock(context.Background(), a)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pairs.lock(context.Background(), a); mailbox.KindOf(err) != mailbox.Unavailable {
			t.Errorf("a wait without end: %v", err)
		}
		unlock()
		if len(pairs.held) != 0 {
			t.Errorf("left behind: %v", pairs.held)
		}
	})
}

// A change of an account is noticed within a second, a store that cannot tell
// is tolerated for three and then nothing goes on.
func TestEpoch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		value, asked := int64(1), 0
		var fault error
		e := epoch{now: time.Now, load: func(context.Context) (int64, error) { asked++; return value, fault }}
		get := func() int64 {
			t.Helper()
			v, err := e.current(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		get()
		get()
		if asked != 1 {
			t.Errorf("asked %d times within a second", asked)
		}
		value = 2
		time.Sleep(epochEvery)
		if get() != 2 {
			t.Error("a change was not noticed")
		}
		fault = errors.New("disk gone")
		time.Sleep(2 * time.Second)
		if get() != 2 {
			t.Error("a short fault was not tolerated")
		}
		time.Sleep(time.Second)
		if _, err := e.current(t.Context()); mailbox.KindOf(err) != mailbox.Unavailable {
			t.Errorf("a long fault: %v", err)
		}
	})
}

func TestRecentIsBounded(t *testing.T) {
	c := newRecent[int](100)
	for i := range 1000 {
		c.put(mark{byte(i), byte(i >> 8)}, i)
		if len(c.now)+len(c.old) > 100 {
			t.Fatalf("%d kept", len(c.now)+len(c.old))
		}
		if v, ok := c.get(mark{byte(i), byte(i >> 8)}); !ok || v != i {
			t.Fatalf("%d is not there", i)
		}
	}
	if _, ok := c.get(mark{}); ok {
		t.Error("the first is still there")
	}
	c.drop(mark{byte(999 & 0xff), byte(999 >> 8)})
	if _, ok := c.get(mark{byte(999 & 0xff), byte(999 >> 8)}); ok {
		t.Error("dropped and still there")
	}
}
