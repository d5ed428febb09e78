// SPDX-License-Identifier: Apache-2.0

package segment

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"postfach/mailbox"
)

// Copied says what Copy found.
type Copied struct {
	Parts     int      // that both storages have now
	Different []string // names with another content at the target; it stays
}

// Copy brings all segments from one storage into another, the detail of a
// segment before the part that names it. What is there already is compared.
func Copy(ctx context.Context, from, to Store) (c Copied, err error) {
	var names []string
	if err := from.Segments(ctx, func(name string) error {
		if nameForm.MatchString(name) { // else none of ours
			names = append(names, name)
		}
		return nil
	}); err != nil {
		return c, err
	}
	slices.Sort(names)
	for _, name := range names {
		data, err := from.Segment(ctx, name)
		if err != nil {
			return c, err
		}
		err = to.PutSegment(ctx, name, data, strings.HasSuffix(name, logSuffix))
		if err != nil && mailbox.KindOf(err) != mailbox.Exists {
			return c, err
		}
		there, err := to.Segment(ctx, name)
		if err != nil {
			return c, err
		}
		if !bytes.Equal(there, data) {
			c.Different = append(c.Different, name)
			continue
		}
		c.Parts++
	}
	return c, nil
}
