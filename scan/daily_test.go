// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"context"
	"sync"
	"testing"
	"time"

	"postfach/scan/scantest"
)

// notebook is a memory that survives the gates of one test.
type notebook struct {
	mu    sync.Mutex
	times map[string]time.Time
}

func (n *notebook) LastProbe(_ context.Context, name string) (time.Time, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.times[name], nil
}

func (n *notebook) Remember(_ context.Context, name string, at time.Time) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.times[name] = at
	return nil
}

func (n *notebook) has(name string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return !n.times[name].IsZero()
}

func hurried(t *testing.T, o Options) *Gate {
	g := newGate(t, o)
	g.rhythm.settle, g.rhythm.again = 50*time.Millisecond, 50*time.Millisecond
	return g
}

// With MaxFileSize below MaxScanSize clamd
// cuts a large member and calls the archive clean; a file of max_size must be
// read to its end. Both are found in the background and turn the gate red.
func TestDailyProbes(t *testing.T) {
	for _, tc := range []struct {
		name string
		o    scantest.Options
		want Code
	}{
		{"good", scantest.Options{}, ""},
		{"member cut", scantest.Options{MaxFileSize: 32 << 20, MaxScanSize: 512 << 20}, MemberPassed},
		{"end unread", scantest.Options{MaxFileSize: 32 << 20, MaxScanSize: 32 << 20}, EndUnread},
		// large enough that no machine is through in the time
		{"end unread by time", scantest.Options{MaxScanTime: 100 * time.Millisecond, MaxSize: 256 << 20}, EndUnread},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if testing.Short() && tc.o.MaxSize > 64<<20 {
				t.Skip("scans a large file: make test has it")
			}
			c := scantest.Start(t, tc.o)
			for _, staging := range []string{t.TempDir(), ""} { // by descriptor and by stream
				memory := &notebook{times: map[string]time.Time{}}
				g := hurried(t, Options{Address: address(t, c.Address), StagingDir: staging, Memory: memory, MaxSize: tc.o.MaxSize})
				run(t, g)
				s := until(t, g, "probed", func(s Status) bool {
					return !s.LastLimits.IsZero() || !s.Ready && !s.LastProbe.IsZero()
				})
				if s.Problem.Code != tc.want {
					t.Fatalf("staging %q: %+v", staging, s)
				}
				name := limitsPassed
				if tc.want != "" {
					name = limitsFailed
				}
				for !memory.has(name) { // remembered just after it is shown
					time.Sleep(time.Millisecond)
				}
			}
		})
	}
}

// A remembered probe is not repeated on the same day; a failed one keeps the
// gate red over a restart of ours, until it passes.
func TestDailyProbesAreRemembered(t *testing.T) {
	c := scantest.Start(t, scantest.Options{})
	clock := &clock{now: time.Now()}
	memory := &notebook{times: map[string]time.Time{limitsPassed: clock.Now().Add(-23 * time.Hour)}}
	g := hurried(t, Options{Address: address(t, c.Address), Memory: memory, Now: clock.Now})
	run(t, g)
	until(t, g, "ready", ready)
	time.Sleep(300 * time.Millisecond)
	if !g.Status().LastLimits.IsZero() {
		t.Error("probed twice in a day")
	}
	clock.add(2 * time.Hour)
	until(t, g, "probed a day later", func(s Status) bool { return !s.LastLimits.IsZero() })

	memory.Remember(t.Context(), limitsFailed, clock.Now().Add(time.Second))
	g = hurried(t, Options{Address: address(t, c.Address), Memory: memory, Now: clock.Now})
	g.rhythm.settle = time.Hour // a red gate does not wait
	if err := g.Ready(); err == nil {
		t.Error("green before the first probe")
	}
	run(t, g)
	s := until(t, g, "ready", ready)
	if s.LastLimits.IsZero() {
		t.Error("green although the failed probe has not passed")
	}
}

// A restart of clamd makes the probes due again, and a lost connection only
// repeats them.
func TestDailyProbesAfterRestart(t *testing.T) {
	c := scantest.Start(t, scantest.Options{})
	memory := &notebook{times: map[string]time.Time{limitsPassed: time.Now()}}
	p := scantest.StartProxy(t, c, "tcp")
	g := hurried(t, Options{Address: address(t, p.Address), Memory: memory})
	run(t, g)
	until(t, g, "ready", ready)
	if err := c.Restart(); err != nil {
		t.Fatal(err)
	}
	s := until(t, g, "probed again", func(s Status) bool { return !s.LastLimits.IsZero() })
	if s.Problem.Code != "" || s.Restarts == 0 {
		t.Errorf("%+v", s)
	}
	p.Set(scantest.Fault{Match: "INSTREAM", CutSending: 100_000})
	if problem, err := g.tryLimits(t.Context()); err == nil || problem.Code != "" {
		t.Errorf("a lost connection became %+v", problem)
	}
	if !g.Status().Ready {
		t.Error("a lost connection turned the gate red")
	}
}

// Not while uploads wait.
func TestDailyProbesWaitForUploads(t *testing.T) {
	c := scantest.Start(t, scantest.Options{})
	g := hurried(t, Options{Address: address(t, c.Address)})
	g.state.with(func(s *state) { s.active = 1 })
	run(t, g)
	until(t, g, "ready", ready)
	time.Sleep(300 * time.Millisecond)
	if !g.Status().LastLimits.IsZero() {
		t.Error("probed beside an upload")
	}
	g.state.end()
	until(t, g, "probed", func(s Status) bool { return !s.LastLimits.IsZero() })
}
