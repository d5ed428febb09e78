// SPDX-License-Identifier: Apache-2.0

package mailbox_test

import (
	"fmt"
	"testing"
	"time"

	"postfach/catalog"
	"postfach/mailbox"
)

// A22, I5: a listing does not outlive the grant that it began with.
func TestListingEndsWithItsGrant(t *testing.T) {
	const documents = 1000 // several pages
	now := newClock()
	c, err := catalog.OpenSQLite(t.TempDir()+"/catalog.db", catalog.Options{Now: now.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	s, clerk := filled(t, c, documents)
	folder := "/an_KVBbg"
	list := func(meanwhile func()) (seen int, err error) {
		err = s.List(ctx, clerk, path(folder), mailbox.Want{}, func(mailbox.Node) error {
			if seen++; seen == 1 && meanwhile != nil {
				meanwhile()
			}
			return nil
		})
		return seen, err
	}
	if seen, err := list(nil); err != nil || seen != 1+documents {
		t.Errorf("%d nodes, %v", seen, err)
	}
	clerk.Grants[0].Until = now.now().Add(time.Minute)
	if seen, err := list(func() { now.pass(59 * time.Second) }); err != nil || seen != 1+documents {
		t.Errorf("before its end: %d nodes, %v", seen, err)
	}
	seen, err := list(func() { now.pass(2 * time.Second) })
	if mailbox.KindOf(err) != mailbox.Forbidden || seen > documents/2 {
		t.Errorf("a grant that ended: %d nodes, %v", seen, err)
	}
}

// Nor does it go on in another folder that has taken the path meanwhile.
func TestListingStaysInItsFolder(t *testing.T) {
	w := newWorld(t, mailbox.Single, nil)
	clerk := w.actor(1, mailbox.Clerk, "0815")
	w.mkdir(clerk, "/an_KVBbg/Alt")
	for i := range 150 { // more than the first page
		w.mkdir(clerk, fmt.Sprintf("/an_KVBbg/Alt/%03d", i))
	}
	seen := 0
	err := w.List(ctx, clerk, path("/an_KVBbg/Alt"), mailbox.Want{}, func(mailbox.Node) error {
		if seen++; seen == 1 {
			w.move(clerk, "/an_KVBbg/Alt", "/an_KVBbg/Fort")
			w.mkdir(clerk, "/an_KVBbg/Alt")
		}
		return nil
	})
	if mailbox.KindOf(err) != mailbox.NotFound || seen > 101 {
		t.Errorf("%d nodes, %v", seen, err)
	}
}
