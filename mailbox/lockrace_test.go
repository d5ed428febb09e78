// SPDX-License-Identifier: Apache-2.0

package mailbox_test

import (
	"context"
	"testing"

	"postfach/mailbox"
)

// crossed is a catalog beside which somebody else makes and removes a document
// between the two looks of a LOCK, so many times.
type crossed struct {
	mailbox.Catalog
	times  int
	looks  int
	put    func()
	remove func()
}

func (c *crossed) Update(ctx context.Context, m mailbox.MemberID, fn func(mailbox.Tx) error) error {
	if c.looks++; c.times > 0 {
		if c.looks%2 == 0 { // it was missing, and the LOCK would make it
			c.put()
			c.times--
		} else if c.looks > 1 { // it was there, and the LOCK looks again
			c.remove()
		}
	}
	return c.Catalog.Update(ctx, m, fn)
}

// A LOCK meets others who make and remove the document: it is taken in the end,
// or refused for the moment, and is never told that it may not be asked for
// (RFC 4918 section 9.10; P68).
func TestLockBesideOthers(t *testing.T) {
	base := newWorld(t, mailbox.Single, nil)
	for _, times := range []int{0, 1, 5, 1000} {
		c := &crossed{Catalog: base.catalog}
		w := base.over(c).scene(t, mailbox.Single)
		direct := base.scene(t, mailbox.Single)
		direct.number, direct.clerk = w.number, w.clerk
		c.put = func() { direct.put(w.clerk, "/an_KVBbg/a", "x") }
		c.remove = func() { direct.remove(w.clerk, "/an_KVBbg/a") }
		c.looks, c.times = 0, times
		_, _, err := w.Lock(ctx, w.clerk, path("/an_KVBbg/a"), mailbox.LockRequest{Exclusive: true})
		if times == 1000 {
			w.refused(err, mailbox.Unavailable, mailbox.ReasonCatalog)
		} else if err != nil {
			t.Errorf("after %d crossings: %v", times, err)
		}
	}
}
