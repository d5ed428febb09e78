// SPDX-License-Identifier: Apache-2.0

package segment

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"postfach/mailbox"
)

// Copy brings all segments from one storage into another. What is there already
// is compared; another content under the same name is an error.
func Copy(ctx context.Context, from, to Store) error {
	return from.Segments(ctx, func(name string) error {
		if !nameForm.MatchString(name) {
			return nil // none of ours
		}
		data, err := from.Segment(ctx, name)
		if err != nil {
			return err
		}
		err = to.PutSegment(ctx, name, data, strings.HasSuffix(name, logSuffix))
		if err == nil || mailbox.KindOf(err) != mailbox.Exists {
			return err
		}
		there, err := to.Segment(ctx, name)
		if err == nil && !bytes.Equal(there, data) {
			err = fmt.Errorf("segment %s has another content there", name)
		}
		return err
	})
}
