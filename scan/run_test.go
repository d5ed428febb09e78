// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postfach/mailbox"
	"postfach/scan/scantest"
	"postfach/test/faultproxy"
)

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Issue 2 item 7: a clamd that goes turns the gate red at once, one that comes
// back is probed anew, and a scan over a restart gets no verdict.
func TestRestartIsNoticed(t *testing.T) {
	c := scantest.Start(t, scantest.Options{})
	g := green(t, Options{Address: address(t, c.Address)})
	for n := 1; n <= 2; n++ {
		c.Stop()
		until(t, g, "red", func(s Status) bool { return s.Problem.Code == Unreachable })
		if _, err := g.Scan(t.Context(), memory("x")); mailbox.KindOf(err) != mailbox.Unavailable {
			t.Fatalf("without clamd: %v", err)
		} else if e, _ := errors.AsType[*mailbox.Error](err); e.RetryAfter <= 0 {
			t.Error("no Retry-After")
		}
		if err := c.Restart(); err != nil {
			t.Fatal(err)
		}
		if s := until(t, g, "green", ready); s.Restarts != n {
			t.Errorf("%d restarts noticed, want %d", s.Restarts, n)
		}
		if v, err := g.Scan(t.Context(), memory("x")); err != nil || v.Outcome != mailbox.Clean {
			t.Fatalf("%+v, %v", v, err)
		}
	}
}

// A gate that is red looks for clamd again and again, once a second, so that
// uploads are taken within five seconds of its return (issue 2 item 7).
func TestRedGateAsksOften(t *testing.T) {
	if p := ordinaryRhythm().pulse; p > time.Second {
		t.Errorf("asks every %s", p)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var asked atomic.Int64
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			asked.Add(1)
			c.Close()
		}
	}()
	g := newGate(t, Options{Address: address(t, "tcp:"+l.Addr().String())})
	run(t, g)
	until(t, g, "asking for the tenth time", func(s Status) bool { return !s.Ready && asked.Load() >= 10 })
}

// A quick restart between two questions, with worse settings, is noticed too:
// the held connection breaks.
func TestQuickRestartIsProbed(t *testing.T) {
	c := scantest.Start(t, scantest.Options{})
	g := newGate(t, Options{Address: address(t, c.Address)})
	g.rhythm.pulse = 2 * time.Second // no question falls between
	run(t, g)
	until(t, g, "green", ready)
	if err := c.Forget("AlertEncrypted"); err != nil {
		t.Fatal(err)
	}
	if err := c.Restart(); err != nil {
		t.Fatal(err)
	}
	if v, err := g.Scan(t.Context(), memory("x")); err == nil {
		t.Fatalf("judged by a clamd that was not probed: %+v", v)
	}
	until(t, g, "red", func(s Status) bool { return s.Problem.Code == EncryptedPassed })
}

// A verdict that may come from another clamd than the one that was probed does
// not count.
func TestScanOverRestartHasNoVerdict(t *testing.T) {
	c := scantest.Start(t, scantest.Options{})
	p := scantest.StartProxy(t, c, "unix")
	g := green(t, Options{Address: address(t, p.Address)})
	c.Pause()
	done := make(chan error, 1)
	go func() {
		_, err := g.Scan(t.Context(), memory("x"))
		done <- err
	}()
	until(t, g, "scanning", func(s Status) bool { return s.Active == 1 })
	g.set(t.Context(), (*state).lose) // what Run does when the session breaks
	c.Continue()
	if err := <-done; mailbox.KindOf(err) != mailbox.Unavailable {
		t.Errorf("%v", err)
	}
}

// A clamd that accepts and stays silent is not alive.
func TestSilenceTurnsRed(t *testing.T) {
	c := scantest.Start(t, scantest.Options{})
	g := newGate(t, Options{Address: address(t, c.Address)})
	g.rhythm.patient = 500 * time.Millisecond
	run(t, g)
	until(t, g, "green", ready)
	c.Pause()
	// An upload that waits for its verdict is not left to the scan's own limit,
	// which is many minutes (issue 2 item 7: slow is 503).
	waiting := make(chan error, 1)
	go func() {
		_, err := g.Scan(t.Context(), memory("x"))
		waiting <- err
	}()
	until(t, g, "red", func(s Status) bool { return s.Problem.Code == Unreachable })
	if err := <-waiting; mailbox.KindOf(err) != mailbox.Unavailable {
		t.Errorf("an upload beside a silent clamd: %v", err)
	}
	c.Continue()
	until(t, g, "green", ready)
}

// One that falls silent while it is being tested again is found out as soon as
// any other: the signs of life go on beside the test, which may take long.
func TestSilenceDuringRetestTurnsRed(t *testing.T) {
	c := scantest.Start(t, scantest.Options{})
	p := faultproxy.Start(t, c.Address, faultproxy.Options{Listen: "unix:" + filepath.Join(t.TempDir(), "clamd.ctl")})
	g := newGate(t, Options{Address: address(t, p.Address)})
	g.rhythm.patient, g.rhythm.busy = 500*time.Millisecond, time.Hour
	run(t, g)
	until(t, g, "green", ready)
	p.Set(faultproxy.Fault{Match: "zINSTREAM", StallDown: -1})
	g.look()
	until(t, g, "tested again", func(Status) bool { return p.Hits() > 0 })
	c.Pause()
	until(t, g, "red", func(s Status) bool { return s.Problem.Code == Unreachable })
	c.Continue()
	p.Set(faultproxy.Fault{})
	until(t, g, "green", ready)
}

// A connection that breaks while a descriptor is passed for a test does not mean
// that clamd cannot read what it is passed.
func TestBrokenConnectionKeepsDescriptors(t *testing.T) {
	c := scantest.Start(t, scantest.Options{})
	p := faultproxy.Start(t, c.Address, faultproxy.Options{Listen: "unix:" + filepath.Join(t.TempDir(), "clamd.ctl")})
	p.Set(faultproxy.Fault{Match: "zFILDES", Times: 1, CutDown: 3})
	g := green(t, Options{Address: address(t, p.Address), StagingDir: t.TempDir()})
	if s := g.Status(); !s.Descriptors || p.Hits() != 1 {
		t.Errorf("%+v after %d broken connections", s, p.Hits())
	}
}

// Nonsense instead of verdicts: 503 for the upload, and the gate looks again.
func TestNonsenseTurnsRed(t *testing.T) {
	c := scantest.Start(t, scantest.Options{})
	p := scantest.StartProxy(t, c, "tcp")
	g := green(t, Options{Address: address(t, p.Address)})
	p.Set(scantest.Fault{Match: "INSTREAM", Reply: "stream: fine\x00"})
	if v, err := g.Scan(t.Context(), memory("x")); mailbox.KindOf(err) != mailbox.Unavailable {
		t.Fatalf("%+v, %v", v, err)
	}
	until(t, g, "red", func(s Status) bool { return s.Problem.Code == Unreachable })
	p.Set()
	until(t, g, "green", ready)
}

// A client that goes away is Canceled, not a fault of the scanner.
func TestCanceledScan(t *testing.T) {
	c := scantest.Start(t, scantest.Options{})
	g := green(t, Options{Address: address(t, c.Address)})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := g.Scan(ctx, memory("x")); mailbox.KindOf(err) != mailbox.Canceled {
		t.Errorf("%v", err)
	}
	if err := g.Ready(); err != nil {
		t.Error(err)
	}
}

// Waiting uploads hold no thread of clamd, and large ones leave room for small
// ones: with every large place taken, a small upload is judged.
func TestLargeUploadsLeaveRoom(t *testing.T) {
	c := scantest.Start(t, scantest.Options{})
	g := green(t, Options{Address: address(t, c.Address), Concurrent: 4})
	for range 3 {
		release, err := g.place(t.Context(), spool(t, []byte("x")))
		if err != nil {
			t.Fatal(err)
		}
		defer release()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := g.place(ctx, spool(t, []byte("x"))); err == nil {
		t.Error("a fourth large upload found a place")
	}
	if v, err := g.Scan(t.Context(), memory("x")); err != nil || v.Outcome != mailbox.Clean {
		t.Errorf("%+v, %v", v, err)
	}
}

// Over max_size nothing is asked; clamd could not look at it all.
func TestOverMaxSize(t *testing.T) {
	c := scantest.Start(t, scantest.Options{})
	g := green(t, Options{Address: address(t, c.Address), MaxSize: 100})
	v, err := g.Scan(t.Context(), memory(make([]byte, 101)))
	if err != nil || v.Outcome != mailbox.Unjudgeable || v.Reason != mailbox.ReasonScanLimits {
		t.Errorf("%+v, %v", v, err)
	}
}
