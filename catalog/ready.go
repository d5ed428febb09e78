// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"time"
)

// readyFor is how long a successful commit shows that another would succeed.
const readyFor = 2 * time.Second

// Ready says whether a change could be committed now, by what was committed in
// the last two seconds, else by committing something small.
func (s *SQLite) Ready(ctx context.Context) error {
	if at := s.writer.committed.Load(); at > 0 && !s.writer.doubt.Load() && time.Since(s.writer.begun)-time.Duration(at) < readyFor {
		return nil
	}
	return s.beat(ctx)
}

// beat commits something small.
func (s tables) beat(ctx context.Context) error {
	return s.write(ctx, nothing, func(t *tx) error {
		return t.later(putNumber, "beat", t.at)
	})
}
