// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"time"
)

// LastProbe gives when a probe of the scanner was last remembered; the zero
// time for never.
func (s tables) LastProbe(ctx context.Context, name string) (at time.Time, err error) {
	err = s.read(ctx, func(r *reader) error {
		_, err := r.one(selectNumber, func(row tuple) { at = row.Time(0) }, "probe:"+name)
		return err
	})
	return at, err
}

// Remember keeps when a probe of the scanner was done.
func (s tables) Remember(ctx context.Context, name string, at time.Time) error {
	return s.write(ctx, nothing, func(t *tx) error {
		return t.later(putNumber, "probe:"+name, at)
	})
}
