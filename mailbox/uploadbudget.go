// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"io"
	"strconv"
	"sync"
	"time"
)

// uploads is the budget of bytes that chunks may hold at rest, per account and
// per process, and the assemblies under way. Unlike staging it outlives
// requests, so its sums come from the storage.
type uploads struct {
	perAccount, all int64 // bytes
	now             func() time.Time

	mu         sync.Mutex
	accounts   map[AccountID]*held
	total      int64 // bytes, of accounts
	assemblies map[ChunkedUpload]*assembly
}

// held is what one account's uploads hold; uploads.mu guards it.
type held struct {
	of    *uploads
	at    time.Time // when it was counted
	bytes int64
	each  map[string]*heldUpload
	gone  bool // counted anew since: its sums are of no account any more
}

type heldUpload struct {
	bytes  int64
	chunks int
}

// recount is how long the sums of an account are believed.
const recount = 5 * time.Minute

func newUploads(perAccount, all int64, now func() time.Time) *uploads {
	return &uploads{perAccount: perAccount, all: all, now: now,
		accounts: make(map[AccountID]*held), assemblies: make(map[ChunkedUpload]*assembly)}
}

// known gives the sums of an account, nil when they are to be counted.
func (u *uploads) known(a AccountID) *held {
	u.mu.Lock()
	defer u.mu.Unlock()
	if h := u.accounts[a]; h != nil && u.now().Sub(h.at) < recount {
		return h
	}
	return nil
}

// learn enters what was counted.
func (u *uploads) learn(a AccountID, states []UploadState) *held {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.drop(a)
	h := &held{of: u, at: u.now(), each: make(map[string]*heldUpload, len(states))}
	for _, st := range states {
		h.each[st.Name] = &heldUpload{bytes: st.Bytes, chunks: st.Chunks}
		h.bytes += st.Bytes
	}
	u.accounts[a] = h
	u.total += h.bytes
	return h
}

// forget lets an account be counted anew.
func (u *uploads) forget(a AccountID) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.drop(a)
}

func (u *uploads) drop(a AccountID) {
	if h := u.accounts[a]; h != nil {
		h.gone = true
		u.total -= h.bytes
		delete(u.accounts, a)
	}
}

// assembly gives the joining of an upload, which is one for all who ask.
func (u *uploads) assembly(of ChunkedUpload) *assembly {
	u.mu.Lock()
	defer u.mu.Unlock()
	now := u.now()
	for k, a := range u.assemblies {
		if len(a.turn) == 0 && now.Sub(a.asked) > assemblyKept {
			delete(u.assemblies, k)
		}
	}
	a := u.assemblies[of]
	if a == nil {
		a = &assembly{turn: make(chan struct{}, 1)}
		u.assemblies[of] = a
	}
	a.asked = now
	return a
}

// remember keeps an assembly for who asks again.
func (u *uploads) remember(of ChunkedUpload, a *assembly) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.assemblies[of] = a
}

// fresh forgets an earlier upload of the name.
func (u *uploads) fresh(of ChunkedUpload) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.assemblies, of)
}

// begin enters a new upload of total bytes, if they would fit.
func (h *held) begin(name string, total int64) error {
	h.of.mu.Lock()
	defer h.of.mu.Unlock()
	if h.each[name] == nil && len(h.each) >= MaxUploads || !h.room(total) {
		return crowded()
	}
	h.upload(name)
	return nil
}

// upload gives the sums of an upload; one that another node began is new here.
func (h *held) upload(name string) *heldUpload {
	e := h.each[name]
	if e == nil {
		e = &heldUpload{}
		h.each[name] = e
	}
	return e
}

func (h *held) room(n int64) bool {
	return h.bytes+n <= h.of.perAccount && h.of.total+n <= h.of.all
}

func crowded() error {
	return &Error{Kind: Unavailable, Reason: ReasonStaging, RetryAfter: 30 * time.Second}
}

// fits says whether an upload of at most most bytes may have n more.
func (h *held) fits(name string, n, most int64) error {
	h.of.mu.Lock()
	defer h.of.mu.Unlock()
	return h.allowed(h.upload(name), n, most)
}

func (h *held) allowed(e *heldUpload, n, most int64) error {
	switch {
	case e.chunks >= MaxChunks:
		return E(Invalid, ReasonTooMany)
	case e.bytes+n > most:
		return E(TooLarge, ReasonTooLarge, mebibytes(most))
	case !h.room(n):
		return crowded()
	}
	return nil
}

func mebibytes(n int64) string { return strconv.FormatInt(n>>20, 10) + " MiB" }

// take is fits, and takes them.
func (h *held) take(name string, n, most int64) error {
	h.of.mu.Lock()
	defer h.of.mu.Unlock()
	e := h.upload(name)
	if err := h.allowed(e, n, most); err != nil {
		return err
	}
	e.bytes += n
	h.bytes += n
	if !h.gone {
		h.of.total += n
	}
	return nil
}

// stored counts a chunk whose bytes have been taken.
func (h *held) stored(name string) {
	h.of.mu.Lock()
	defer h.of.mu.Unlock()
	h.upload(name).chunks++
}

// metered takes from the budget what a body brings, step by step.
type metered struct {
	body    io.Reader
	held    *held
	upload  string
	max     int64 // bytes of the whole upload
	refused error
}

func (m *metered) Read(p []byte) (int, error) {
	n, err := m.body.Read(p)
	if n > 0 {
		if m.refused = m.held.take(m.upload, int64(n), m.max); m.refused != nil {
			return 0, m.refused
		}
	}
	return n, err
}
