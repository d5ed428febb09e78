// SPDX-License-Identifier: Apache-2.0

package segment

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math"
	"slices"
	"strings"

	"postfach/mailbox"
)

// Archive is what a storage holds of audit logs. After a restore of an older
// backup there are two continuations of one log: the one that was lost, and the
// one that goes on.
type Archive struct {
	// Chain is the log, oldest first: the continuation that was made last, and
	// everything before it.
	Chain []Header
	// Lost are segments that do not belong to it: the ends of lives that ended
	// with a restore, oldest first.
	Lost []Header
	// Gaps are the sequences with which the log goes on after segments that are
	// missing; what happened before them is not known whole. math.MaxInt64 where
	// its end is missing.
	Gaps []int64
	// Faults say what is missing or was changed.
	Faults []string

	store Store
}

// Open reads all segments once and finds out how they hang together.
func Open(ctx context.Context, store Store) (*Archive, error) {
	a := &Archive{store: store}
	var names []string
	err := store.Segments(ctx, func(n string) error {
		if _, _, ok := parseName(n); ok {
			names = append(names, n)
		} else if !strings.HasSuffix(n, detailSuffix) {
			a.fault("%s is no segment", n)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	all := make(map[[32]byte]Header)
	followed := make(map[[32]byte]bool)
	var damaged []Header // what their names say
	for _, n := range names {
		log, err := store.Segment(ctx, n)
		if err != nil {
			return nil, err
		}
		h, _, err := Decode(log, nil)
		if err == nil && h.logName() != n {
			err = fmt.Errorf("it says that it is %s", h.logName())
		}
		if err != nil {
			a.fault("%s: %v", n, err)
			life, number, _ := parseName(n)
			damaged = append(damaged, Header{Life: life, Number: number})
			continue
		}
		all[sha256.Sum256(log)] = h
		followed[h.Previous] = true
	}
	a.hang(all, followed)
	a.end(all, damaged)
	return a, nil
}

func (a *Archive) fault(format string, args ...any) {
	a.Faults = append(a.Faults, fmt.Sprintf(format, args...))
}

// hang walks back from the end that was made last.
func (a *Archive) hang(all map[[32]byte]Header, followed map[[32]byte]bool) {
	var end [32]byte
	for sum, h := range all {
		if best, ok := all[end]; !followed[sum] && (!ok || h.Made.After(best.Made) || h.Made.Equal(best.Made) && h.Number > best.Number) {
			end = sum
		}
	}
	used := make(map[[32]byte]bool)
	for at, next := end, int64(0); at != [32]byte{}; {
		h, ok := all[at]
		if !ok {
			if at == end {
				break // no segment at all
			}
			after := a.Chain[len(a.Chain)-1]
			a.fault("the segment before %s is missing or was changed", name(after.Life, next))
			a.Gaps = append(a.Gaps, after.First)
			// What lies before it still tells most of the story.
			at, ok = before(all, used, after)
			if !ok {
				break
			}
			h = all[at]
		}
		used[at] = true
		a.Chain = append(a.Chain, h)
		at, next = h.Previous, h.Number
	}
	slices.Reverse(a.Chain)
	if len(a.Chain) > 0 && a.Chain[0].Number != 1 && len(a.Faults) == 0 {
		a.fault("the log begins with segment %d", a.Chain[0].Number)
		a.Gaps = append(a.Gaps, a.Chain[0].First)
	}
	for sum, h := range all {
		if !used[sum] {
			a.Lost = append(a.Lost, h)
		}
	}
	slices.SortFunc(a.Lost, func(x, y Header) int { return x.Made.Compare(y.Made) })
}

// end notes where nothing says what the log ended with, since a segment cannot
// be read that went on after all others. One of another life that is known ended
// with it; one of a life that has no other may be the newest, unless it is the
// one that misses before a segment of the log.
func (a *Archive) end(all map[[32]byte]Header, damaged []Header) {
	if len(a.Chain) == 0 {
		return
	}
	last := a.Chain[len(a.Chain)-1]
	lives := make(map[string]bool)
	for _, h := range all {
		lives[h.Life] = true
	}
	for _, d := range damaged {
		misses := func(h Header) bool { _, there := all[h.Previous]; return !there && h.Number == d.Number+1 }
		if d.Life == last.Life && d.Number > last.Number || !lives[d.Life] && !slices.ContainsFunc(a.Chain, misses) {
			a.fault("%s may be the end of the log: what happened after %s is not known", name(d.Life, d.Number), name(last.Life, last.Number))
			a.Gaps = append(a.Gaps, math.MaxInt64)
			return
		}
	}
}

// before finds the segment to go on with where the one before after is missing:
// the latest of the same life; where there is none, the latest of another that
// can stand before the missing one.
func before(all map[[32]byte]Header, used map[[32]byte]bool, after Header) (at [32]byte, ok bool) {
	var best Header
	for sum, h := range all {
		same := h.Life == after.Life
		if used[sum] || h.Number >= after.Number || !same && h.Number == after.Number-1 {
			continue
		}
		better := h.Number > best.Number || h.Number == best.Number && h.Made.After(best.Made)
		if sameBest := best.Life == after.Life; same != sameBest {
			better = same
		}
		if !ok || better {
			at, best, ok = sum, h, true
		}
	}
	return at, ok
}

// Records gives the records of segments, with details where they are still
// there. A detail that is not the one that was shipped is told, and left out.
func (a *Archive) Records(ctx context.Context, of []Header, fn func(Record) error) error {
	last := int64(0)
	for _, h := range of {
		log, err := a.store.Segment(ctx, h.logName())
		if err != nil {
			return err
		}
		detail, err := a.store.Segment(ctx, h.detailName())
		switch {
		case err != nil && mailbox.KindOf(err) == mailbox.NotFound:
			detail = nil // erased, as it may be
		case err != nil:
			return err
		case sha256.Sum256(detail) != h.Detail:
			a.fault("%s was changed", h.detailName())
			detail = nil
		}
		_, records, err := Decode(log, detail)
		if err != nil {
			return fmt.Errorf("%s: %w", h.logName(), err)
		}
		for _, r := range records {
			if r.Sequence <= last {
				a.fault("%s repeats record %d", h.logName(), r.Sequence)
				continue
			}
			last = r.Sequence
			if err := fn(r); err != nil {
				return err
			}
		}
	}
	return nil
}
