// SPDX-License-Identifier: Apache-2.0

package scrub

import (
	"context"

	"postfach/mailbox"
)

// latestRead is how many contents are read again at a start.
const latestRead = 50

// latest reads at a start what was stored last: if the end before it was none
// that was meant, that is what it can have hit (L4).
func (s *Scrubber) latest(ctx context.Context) error {
	release, err := s.take(ctx)
	if err != nil {
		return err
	}
	defer release()
	var all []mailbox.Version
	err = s.Catalog.LatestVersions(ctx, latestRead, func(v mailbox.Version) error {
		if !v.Purged {
			all = append(all, v)
		}
		return nil
	})
	if err != nil {
		return err
	}
	damaged := 0
	for _, v := range all {
		if err := s.keep(ctx, leaseFor); err != nil {
			return err
		}
		f, err := s.look(ctx, v)
		if err != nil {
			return err
		}
		if f.Damaged() {
			damaged++
		}
	}
	s.Log.InfoContext(ctx, "latest contents read again", "versions", len(all), "damaged", damaged)
	return nil
}
