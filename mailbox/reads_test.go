// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"math/rand/v2"
	"testing"
	"time"
)

// Ranges cover a document exactly when every byte is in one of them, in
// whatever order and however they overlap (L12, four eyes).
func TestRangesCover(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		size := int64(1 + r.IntN(40))
		have := make([]bool, size)
		var ranges [][2]int64
		for range r.IntN(12) {
			from := r.Int64N(size)
			to := from + r.Int64N(size-from+1)
			ranges = cover(ranges, from, to)
			for i := from; i < to; i++ {
				have[i] = true
			}
		}
		all := true
		for _, h := range have {
			all = all && h
		}
		if covers(ranges, size) != all {
			t.Fatalf("%v of %d bytes: covers is %v", ranges, size, !all)
		}
		for i := 1; i < len(ranges); i++ {
			if ranges[i][0] <= ranges[i-1][1] {
				t.Fatalf("not sorted and disjoint: %v", ranges)
			}
		}
	}
}

// What one person has received in many pieces, and what the process remembers
// of readings, is bounded.
func TestReadsAreBounded(t *testing.T) {
	var ranges [][2]int64
	for i := range int64(maxRanges + 20) {
		ranges = cover(ranges, 2*i, 2*i+1)
	}
	if len(ranges) != maxRanges {
		t.Errorf("%d ranges", len(ranges))
	}
	d, now := newReads(), time.Now()
	for i := range maxReads + 20 {
		d.remember(readKey{account: AccountID(i)}, now)
	}
	if len(d.recorded) > maxReads || !d.known(readKey{account: maxReads + 19}, now) {
		t.Errorf("%d readings remembered", len(d.recorded))
	}
}
