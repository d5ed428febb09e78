// SPDX-License-Identifier: Apache-2.0

package storagetest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"postfach/mailbox"
)

// Segmented is a storage that keeps parts of the shipped audit log.
type Segmented interface {
	PutSegment(ctx context.Context, name string, data []byte, lasting bool) error
	Segment(ctx context.Context, name string) ([]byte, error)
	Segments(ctx context.Context, fn func(name string) error) error
	Strays(ctx context.Context, limit int) ([]string, error)
}

// Segments runs the suite of Segmented; open gives a fresh, empty storage.
func Segments(t *testing.T, open func(*testing.T) Segmented) {
	t.Run("a segment is written once", func(t *testing.T) { segmentOnce(t, open(t)) })
	t.Run("of many writers one wins", func(t *testing.T) { segmentRace(t, open(t)) })
	t.Run("other names are refused", func(t *testing.T) { segmentNames(t, open(t)) })
}

func segmentOnce(t *testing.T, s Segmented) {
	ctx := t.Context()
	if _, err := s.Segment(ctx, "leben/000000000001.log"); mailbox.KindOf(err) != mailbox.NotFound || err == nil {
		t.Errorf("an absent segment: %v", err)
	}
	if err := s.Segments(ctx, func(n string) error { return fmt.Errorf("%s", n) }); err != nil {
		t.Errorf("an empty storage lists %v", err)
	}
	want := map[string][]byte{"leben/000000000001.log": []byte("eins\n"), "leben/000000000001.detail": {}, "zweites/000000000002.log": Bytes(1<<20, 3)}
	for name, data := range want {
		if err := s.PutSegment(ctx, name, data, name[len(name)-1] == 'g'); err != nil {
			t.Fatal(err)
		}
	}
	for name, data := range want {
		if err := s.PutSegment(ctx, name, []byte("anders"), true); mailbox.KindOf(err) != mailbox.Exists || err == nil {
			t.Errorf("%s a second time: %v", name, err)
		}
		if got, err := s.Segment(ctx, name); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: %d bytes, want %d, %v", name, len(got), len(data), err)
		}
	}
	var names []string
	if err := s.Segments(ctx, func(n string) error { names = append(names, n); return nil }); err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	if !slices.Equal(names, []string{"leben/000000000001.detail", "leben/000000000001.log", "zweites/000000000002.log"}) {
		t.Errorf("listed %q", names)
	}
	if strays, err := s.Strays(ctx, 10); err != nil || len(strays) != 0 {
		t.Errorf("segments count as strays: %q, %v", strays, err)
	}
}

func segmentRace(t *testing.T, s Segmented) {
	const writers = 8
	var wg sync.WaitGroup
	errs := make([]error, writers)
	for i := range writers {
		wg.Go(func() {
			errs[i] = s.PutSegment(t.Context(), "leben/000000000001.log", fmt.Appendf(nil, "Schreiber %d", i), true)
		})
	}
	wg.Wait()
	won := slices.IndexFunc(errs, func(err error) bool { return err == nil })
	for i, err := range errs {
		if i != won && (err == nil || mailbox.KindOf(err) != mailbox.Exists) {
			t.Errorf("writer %d beside %d: %v", i, won, err)
		}
	}
	if won < 0 {
		t.Fatal("nobody wrote")
	}
	if got, err := s.Segment(t.Context(), "leben/000000000001.log"); err != nil || string(got) != fmt.Sprintf("Schreiber %d", won) {
		t.Errorf("%q, %v, written by %d", got, err, won)
	}
}

func segmentNames(t *testing.T, s Segmented) {
	for _, name := range []string{"", "x", "../000000000001.log", "a/b/000000000001.log", "a/1.log", "a/000000000001.txt", "a/000000000001.log\n"} {
		if err := s.PutSegment(t.Context(), name, nil, false); err == nil {
			t.Errorf("%q is taken", name)
		}
		if _, err := s.Segment(t.Context(), name); err == nil {
			t.Errorf("%q is read", name)
		}
	}
}
