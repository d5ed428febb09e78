// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"sync"
	"time"
)

// staging is the budget of bytes that uploads may hold at once, per process
// and per account. Nothing waits: an upload that does not fit is refused.
type staging struct {
	mu         sync.Mutex
	memory     int64 // left
	spool      int64 // left
	perAccount int64
	accounts   map[AccountID]int64 // taken
}

func newStaging(memory, spool, perAccount int64) *staging {
	return &staging{memory: memory, spool: spool, perAccount: perAccount, accounts: make(map[AccountID]int64)}
}

// share is one upload's part of the budget.
type share struct {
	s       *staging
	account AccountID
	memory  int64
	spool   int64
}

// begin reserves for an upload of size bytes; an unknown size (-1) begins with
// one memory buffer and grows.
func (s *staging) begin(a AccountID, size int64) (*share, error) {
	sh := &share{s: s, account: a}
	if size < 0 || size > smallBody {
		if err := sh.take(smallBody, 0); err != nil {
			return nil, err
		}
		return sh, sh.cover(size)
	}
	return sh, sh.take(size, 0)
}

// cover makes sure that n bytes of spool are reserved, in steps so that a body
// without a length does not ask for each chunk.
func (sh *share) cover(n int64) error {
	const step = 16 << 20
	if n <= sh.spool || n <= smallBody {
		return nil
	}
	err := sh.take(0, (n-sh.spool+step-1)/step*step)
	if err != nil {
		sh.end()
	}
	return err
}

func (sh *share) take(memory, spool int64) error {
	s := sh.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if memory > s.memory || spool > s.spool || s.accounts[sh.account]+memory+spool > s.perAccount {
		return &Error{Kind: Unavailable, Reason: ReasonStaging, RetryAfter: 30 * time.Second}
	}
	s.memory -= memory
	s.spool -= spool
	s.accounts[sh.account] += memory + spool
	sh.memory += memory
	sh.spool += spool
	return nil
}

// end gives everything back; it may be called more than once.
func (sh *share) end() {
	s := sh.s
	s.mu.Lock()
	defer s.mu.Unlock()
	s.memory += sh.memory
	s.spool += sh.spool
	if s.accounts[sh.account] -= sh.memory + sh.spool; s.accounts[sh.account] <= 0 {
		delete(s.accounts, sh.account)
	}
	sh.memory, sh.spool = 0, 0
}
