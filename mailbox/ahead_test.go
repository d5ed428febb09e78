// SPDX-License-Identifier: Apache-2.0

package mailbox_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"postfach/catalog"
	"postfach/mailbox"
)

// counted counts the pages that are read.
type counted struct {
	*catalog.SQLite
	pages atomic.Int64
}

func (c *counted) View(ctx context.Context, fn func(mailbox.Reader) error) error {
	return c.SQLite.View(ctx, func(r mailbox.Reader) error { return fn(countedReader{r, c}) })
}

type countedReader struct {
	mailbox.Reader
	c *counted
}

func (r countedReader) Children(parent mailbox.EntryID, after string, limit int, into []mailbox.Entry) ([]mailbox.Entry, error) {
	r.c.pages.Add(1)
	return r.Reader.Children(parent, after, limit, into)
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// aheadWorld is a service that reads ahead over a folder of 3,000 documents and
// a folder, which is what has given it a change number.
func aheadWorld(t *testing.T) (*counted, *mailbox.Service, mailbox.Actor) {
	t.Helper()
	c, err := catalog.OpenSQLite(t.TempDir()+"/catalog.db", catalog.Options{})
	noError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	_, clerk := filled(t, c, 3000)
	n := &counted{SQLite: c}
	s := mailbox.New(n, nil, nil, mailbox.Options{Folders: folders, ReadAhead: true})
	_, err = s.MakeFolder(ctx, clerk, path("/an_KVBbg/Zuletzt"), mailbox.Conditions{})
	noError(t, err)
	n.pages.Store(0)
	return n, s, clerk
}

func namesOf(t *testing.T, s *mailbox.Service, a mailbox.Actor, at func(i int)) []string {
	t.Helper()
	var names []string
	noError(t, s.List(ctx, a, path("/an_KVBbg"), mailbox.Want{}, func(n mailbox.Node) error {
		names = append(names, n.Name)
		if at != nil {
			at(len(names))
		}
		return nil
	}))
	return names
}

// TestReadAhead: what is read ahead is used, and gives the same listing.
func TestReadAhead(t *testing.T) {
	c, s, clerk := aheadWorld(t)
	plain := mailbox.New(c.SQLite, nil, nil, mailbox.Options{Folders: folders})
	if got, want := namesOf(t, s, clerk, nil), namesOf(t, plain, clerk, nil); len(want) != 3002 || !slices.Equal(got, want) {
		t.Errorf("%d names, want %d the same", len(got), len(want))
	}
	if n := c.pages.Load(); n != 4 { // 100, and three of at most 1,000
		t.Errorf("%d pages were read, none of them twice is 4", n)
	}
}

// TestReadAheadSeesChanges: a change that is made while a part is handed out
// shows in the next, whether it was read by then or not.
func TestReadAheadSeesChanges(t *testing.T) {
	c, s, clerk := aheadWorld(t)
	names := namesOf(t, s, clerk, func(i int) {
		if i == 50 || i == 150 {
			time.Sleep(50 * time.Millisecond) // most likely it was
			noError(t, s.Remove(ctx, clerk, path(fmt.Sprintf("/an_KVBbg/Beitragsliste %04d.csv", 2000+i)), mailbox.Conditions{}))
			_, err := s.MakeFolder(ctx, clerk, path(fmt.Sprintf("/an_KVBbg/Neu %d", i)), mailbox.Conditions{})
			noError(t, err)
		}
	})
	for _, gone := range []string{"Beitragsliste 2050.csv", "Beitragsliste 2150.csv"} {
		if slices.Contains(names, gone) {
			t.Errorf("%s was removed before its part was handed out", gone)
		}
	}
	if len(names) != 3002 {
		t.Errorf("%d names", len(names))
	}
	if n := c.pages.Load(); n < 6 {
		t.Errorf("%d pages were read: the first two were not read again", n)
	}
}

// TestReadAheadEnds: a listing that its client gives up leaves nothing running
// that writes into what the next one uses.
func TestReadAheadEnds(t *testing.T) {
	_, s, clerk := aheadWorld(t)
	enough := errors.New("enough")
	for range 20 {
		err := s.List(ctx, clerk, path("/an_KVBbg"), mailbox.Want{}, func(mailbox.Node) error { return enough })
		if !errors.Is(err, enough) {
			t.Fatal(err)
		}
		if names := namesOf(t, s, clerk, nil); len(names) != 3002 {
			t.Fatalf("%d names", len(names))
		}
	}
}
