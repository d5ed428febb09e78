// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"fmt"
	"time"
)

// SignaturesOld tells the operators, else operator_address, once per state of
// the scanner's database that it grows old. The scanner's watcher calls it as
// often as it likes when age is beyond half of limit.
func (w *Worker) SignaturesOld(ctx context.Context, database string, age, limit time.Duration) error {
	if last, _ := w.reported.Load().(string); last == database && last != "" {
		return nil
	}
	operators, err := w.store.Operators(ctx)
	if err != nil {
		return fmt.Errorf("resolve operators: %w", err)
	}
	to := reachable(operators)
	if len(to) == 0 {
		to = []Recipient{w.operator}
	}
	f := facts{Signature: printable(database, maxSignature), Hours: int(age.Hours()), Limit: int(limit.Hours())}
	var notices Forming
	for _, r := range to {
		once := fmt.Sprintf("signatures %s %d", f.Signature, r.Account)
		notices.Notices = append(notices.Notices, w.notice(draft{TopicSignatures, r, f, once}))
	}
	if err := w.form(ctx, notices); err != nil {
		return err
	}
	w.reported.Store(database)
	return nil
}
