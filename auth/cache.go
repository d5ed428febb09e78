// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"hash"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"postfach/mailbox"
)

const (
	cacheFor  = 15 * time.Minute // verified credentials; then they are hashed again
	wrongFor  = 5 * time.Minute  // refused ones
	cacheSize = 16384            // of each

	epochEvery = time.Second     // how often changes of accounts are looked for
	epochStale = 3 * time.Second // how old the last look may be while the store is slow
)

// mark stands for credentials in memory: an HMAC under a key of this process,
// so that neither a password nor anything to test guesses with is kept (L28).
type mark [sha256.Size]byte

// marker makes marks. A pool saves setting up the HMAC for each request.
type marker struct{ pool sync.Pool }

func newMarker() *marker {
	var key [32]byte
	rand.Read(key[:])
	return &marker{pool: sync.Pool{New: func() any { return hmac.New(sha256.New, key[:]) }}}
}

// of marks an Authorization header, by itself or as seen from a network.
func (m *marker) of(header string, from netip.Prefix) mark {
	h := m.pool.Get().(hash.Hash)
	defer m.pool.Put(h)
	h.Reset()
	h.Write([]byte(header))
	if from.IsValid() {
		a := from.Addr().As16()
		h.Write(a[:])
		h.Write([]byte{0})
	}
	var out mark
	h.Sum(out[:0])
	return out
}

// verified is a password that was right for these credentials.
type verified struct {
	cred   Credentials
	app    AppPasswordID // 0: the account's own password, unless
	bearer *token        // not nil: an access token
	epoch  int64         // of the store, from before cred was read
	until  time.Time
	view   atomic.Pointer[view]
	noted  atomic.Int64 // last use of the app password, in Unix nanoseconds
}

// wrong is a password that was refused. It is forgotten at any change of an
// account, since it may have become right.
type wrong struct {
	epoch int64
	until time.Time
}

// recent is a bounded map that forgets the less recently written half when it
// is full.
type recent[V any] struct {
	mu       sync.RWMutex
	now, old map[mark]V
	half     int
}

func newRecent[V any](size int) *recent[V] {
	return &recent[V]{now: make(map[mark]V), half: max(1, size/2)}
}

func (c *recent[V]) get(k mark) (V, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if v, ok := c.now[k]; ok {
		return v, true
	}
	v, ok := c.old[k]
	return v, ok
}

func (c *recent[V]) put(k mark, v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.now[k]; !ok && len(c.now) >= c.half {
		c.old, c.now = c.now, make(map[mark]V)
	}
	c.now[k] = v
}

func (c *recent[V]) drop(k mark) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.now, k)
	delete(c.old, k)
}

// epoch is the store's counter of changes, looked up at most once a second.
type epoch struct {
	load  func(context.Context) (int64, error)
	now   func() time.Time
	value atomic.Int64
	seen  atomic.Int64 // when value was read, in Unix nanoseconds; 0 for never
	mu    sync.Mutex
}

// current gives a value at most epochStale old. Kind Unavailable when the store
// cannot tell: a disabled account must not work on.
func (e *epoch) current(ctx context.Context) (int64, error) {
	age := e.age()
	if age < epochEvery {
		return e.value.Load(), nil
	}
	if age < epochStale {
		if !e.mu.TryLock() {
			return e.value.Load(), nil // somebody else is looking
		}
	} else {
		e.mu.Lock()
	}
	defer e.mu.Unlock()
	if e.age() < epochEvery {
		return e.value.Load(), nil
	}
	asked := e.now()
	v, err := e.load(ctx)
	if err != nil {
		if e.age() < epochStale {
			return e.value.Load(), nil
		}
		return 0, storeError(err)
	}
	e.value.Store(v)
	e.seen.Store(asked.UnixNano())
	return v, nil
}

func (e *epoch) age() time.Duration {
	seen := e.seen.Load()
	age := time.Duration(e.now().UnixNano() - seen)
	if seen == 0 || age < 0 { // never, or the clock went back
		return epochStale
	}
	return age
}

// storeError makes an error of the store fit to leave the package.
func storeError(err error) error {
	if mailbox.KindOf(err) != mailbox.Internal {
		return err
	}
	return mailbox.Wrap(mailbox.Unavailable, mailbox.ReasonCatalog, err)
}
