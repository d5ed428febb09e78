// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"regexp"
	"sync"

	"postfach/test/faultproxy"
)

// witness remembers, beside the server, which contents clamd was given whole
// and called clean in an answer that arrived whole.
type witness struct {
	mu    sync.Mutex
	clean map[string]bool // by SHA-256 in hex
}

func newWitness() *witness { return &witness{clean: map[string]bool{}} }

var cleanFile = regexp.MustCompile(`^fd\[[0-9]+\]: OK\x00$`)

// note looks at one ended connection to clamd.
func (w *witness) note(e faultproxy.Exchange) {
	var content []byte
	if rest, ok := bytes.CutPrefix(e.Up, []byte("zINSTREAM\x00")); ok {
		whole := false
		if content, whole = chunks(rest); !whole || string(e.Down) != "stream: OK\x00" {
			return
		}
	} else if bytes.HasPrefix(e.Up, []byte("zFILDES\x00")) && len(e.Files) == 1 && cleanFile.Match(e.Down) {
		content = e.Files[0]
	} else {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clean[sum(content)] = true
}

// chunks undoes the framing of INSTREAM, and says whether its end came.
func chunks(b []byte) (content []byte, whole bool) {
	for len(b) >= 4 {
		n := int(binary.BigEndian.Uint32(b))
		if b = b[4:]; n == 0 {
			return content, true
		}
		if n > len(b) {
			return nil, false
		}
		content, b = append(content, b[:n]...), b[n:]
	}
	return nil, false
}

// saw says whether clamd called a content clean.
func (w *witness) saw(content []byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.clean[sum(content)]
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// post remembers for which mails the relay's acknowledgement did not arrive
// although they had been handed over whole: these may come once more.
type post struct {
	mu    sync.Mutex
	times map[string]int // by Message-ID
}

var messageID = regexp.MustCompile(`(?i)\nMessage-Id: <([^>]+)>`)

// note looks at one ended connection to the relay.
func (p *post) note(e faultproxy.Exchange) {
	mails := bytes.Split(e.Up, []byte("\r\n.\r\n"))
	mails = mails[:len(mails)-1] // what follows the last one's end is none
	taken := bytes.Count(e.Down, []byte("queued\r\n"))
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range mails[min(taken, len(mails)):] {
		if id := messageID.FindSubmatch(m); id != nil {
			p.times[string(id[1])]++
		}
	}
}

func (p *post) lost(id string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.times[id]
}
