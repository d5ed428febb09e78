// SPDX-License-Identifier: Apache-2.0

package mailbox

import "context"

// Flush writes what the journal has gathered, as its clock does each second.
func (s *Service) Flush(ctx context.Context) { s.journal.flush(ctx, s.o.Now(), false) }

// Gathered is how many records and counts the journal holds, and how many
// readings are remembered.
func (s *Service) Gathered() (journal, reads int) {
	return len(s.journal.queue) + len(s.journal.counts), len(s.reads.recorded)
}

// Bounds for tests.
const (
	MaxJournal = maxJournal
	MaxReads   = maxReads
	MaxRanges  = maxRanges
)
