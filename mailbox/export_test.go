// SPDX-License-Identifier: Apache-2.0

package mailbox

import "context"

// Flush writes what the journal has gathered, as its clock does each second.
func (s *Service) Flush(ctx context.Context) { s.journal.flush(ctx, s.o.Now(), false) }

// Gathered is how many records and counts the journal holds.
func (s *Service) Gathered() int { return len(s.journal.queue) + len(s.journal.counts) }

// MaxJournal bounds the journal.
const MaxJournal = maxJournal
