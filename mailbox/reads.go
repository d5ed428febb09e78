// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"slices"
	"sync"
	"time"
)

// reads remembers, for a few minutes, which account was recorded as reading
// which version (further ranges belong to the first record, I3), and which
// bodies are on their way.
type reads struct {
	mu       sync.Mutex
	recorded map[readKey]time.Time
	open     map[fetchKey]int
	swept    time.Time
}

type readKey struct {
	account AccountID
	version VersionID
}

type fetchKey struct {
	person  PersonID
	version VersionID
}

const (
	readWindow = 5 * time.Minute
	maxReads   = 50_000 // remembered readings; beyond it some parts are recorded once more
	maxRanges  = 1000   // of what one person has received of one version
)

func newReads() *reads {
	return &reads{recorded: make(map[readKey]time.Time), open: make(map[fetchKey]int)}
}

// known says whether the read was recorded within the window.
func (d *reads) known(k readKey, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	t, ok := d.recorded[k]
	return ok && now.Sub(t) < readWindow
}

func (d *reads) remember(k readKey, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if now.Sub(d.swept) > readWindow || len(d.recorded) >= maxReads {
		for k, t := range d.recorded {
			if now.Sub(t) >= readWindow || len(d.recorded) >= maxReads {
				delete(d.recorded, k)
			}
		}
		d.swept = now
	}
	d.recorded[k] = now
}

func (d *reads) begin(k fetchKey) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open[k]++
}

func (d *reads) end(k fetchKey) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open[k]--; d.open[k] <= 0 {
		delete(d.open, k)
	}
}

func (d *reads) underWay(k fetchKey) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.open[k] > 0
}

// cover adds the bytes [from, to) to sorted, disjoint ranges, of which it keeps
// the first maxRanges.
func cover(ranges [][2]int64, from, to int64) [][2]int64 {
	if from >= to {
		return ranges
	}
	ranges = append(slices.Clone(ranges), [2]int64{from, to})
	slices.SortFunc(ranges, func(a, b [2]int64) int { return int(min(max(a[0]-b[0], -1), 1)) })
	out := ranges[:1]
	for _, r := range ranges[1:] {
		last := &out[len(out)-1]
		if r[0] <= last[1] {
			last[1] = max(last[1], r[1])
			continue
		}
		out = append(out, r)
	}
	return out[:min(len(out), maxRanges)]
}

// covers says whether the ranges hold all of size bytes.
func covers(ranges [][2]int64, size int64) bool {
	return size == 0 || len(ranges) == 1 && ranges[0][0] == 0 && ranges[0][1] >= size
}
