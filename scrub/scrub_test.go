// SPDX-License-Identifier: Apache-2.0

package scrub_test

import (
	"testing"

	"postfach/mailbox"
	"postfach/scrub"
)

// TestChosen: after as many rounds as the share says everything was read, and
// no version twice.
func TestChosen(t *testing.T) {
	for _, percent := range []int{1, 3, 5, 33, 50, 99, 100} {
		rounds := int64((99 + percent) / percent)
		for range 200 {
			v, n := mailbox.NewVersionID(), 0
			for round := range rounds {
				if scrub.Chosen(v, percent, 7+round) {
					n++
				}
			}
			if n != 1 {
				t.Fatalf("%d %%: read in %d of %d rounds", percent, n, rounds)
			}
		}
	}
}
