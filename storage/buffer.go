// SPDX-License-Identifier: Apache-2.0

package storage

import "sync"

// smallBuffer holds most uploads of an ordinary day, in bytes.
const smallBuffer = 64 << 10

// buffers lends memory in two sizes, so that a small upload does not take the
// room of the largest one that memory may hold.
type buffers struct {
	max   int64 // bytes of the larger size
	small sync.Pool
	large sync.Pool
}

// get lends an empty buffer with room for n bytes, n <= max.
func (b *buffers) get(n int64) []byte {
	pool, size := &b.large, b.max
	if n <= smallBuffer && smallBuffer < b.max {
		pool, size = &b.small, smallBuffer
	}
	if p, ok := pool.Get().(*[]byte); ok {
		return (*p)[:0]
	}
	return make([]byte, 0, size)
}

// put takes a buffer back; its lender may not touch it any more.
func (b *buffers) put(buf []byte) {
	switch int64(cap(buf)) {
	case b.max:
		b.large.Put(&buf)
	case smallBuffer:
		b.small.Put(&buf)
	}
}
