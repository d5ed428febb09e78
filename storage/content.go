// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"bytes"
	"os"
	"sync"

	"postfach/mailbox"
)

// content is a sealed upload. It ends with Publish or Discard, since its
// memory then serves the next upload: whoever holds Bytes must be done by then.
type content struct {
	size int64
	mem  []byte   // not nil when held in memory
	file *scratch // else

	mu    sync.RWMutex
	ended bool
}

var _ mailbox.Content = (*content)(nil)

func (c *content) Size() int64 { return c.size }

// Bytes is nil when the content lies in a file.
func (c *content) Bytes() []byte {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.ended {
		return nil
	}
	return c.mem
}

// ReadAt fails with os.ErrClosed after the end.
func (c *content) ReadAt(p []byte, off int64) (int, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	switch {
	case c.ended:
		return 0, os.ErrClosed
	case c.file != nil:
		return c.file.f.ReadAt(p, off)
	}
	return bytes.NewReader(c.mem).ReadAt(p, off)
}

// Open gives a fresh read-only descriptor of the file, nil when there is none.
func (c *content) Open() (*os.File, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.ended {
		return nil, os.ErrClosed
	}
	if c.file == nil {
		return nil, nil
	}
	f, err := c.file.reopen()
	return f, refusal("storage: open spool", err)
}

func (c *content) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	c.mem = nil
}
