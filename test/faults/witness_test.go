// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"regexp"
	"sync"
	"time"

	"postfach/test/faultproxy"
)

// witness remembers, beside the server, which contents clamd was given whole
// and called clean in an answer that arrived whole.
type witness struct {
	mu    sync.Mutex
	clean map[string]bool  // by SHA-256 in hex
	sizes map[about][2]int // bytes to and from clamd, of the last exchange
}

func newWitness() *witness { return &witness{clean: map[string]bool{}, sizes: map[about][2]int{}} }

var cleanFile = regexp.MustCompile(`^fd\[[0-9]+\]: OK\x00$`)

// note looks at one ended connection to clamd.
func (w *witness) note(e faultproxy.Exchange) {
	command, rest, _ := bytes.Cut(e.Up, []byte{0})
	var content []byte
	clean := false
	switch string(command) {
	case "zINSTREAM":
		content, clean = chunks(rest)
		clean = clean && string(e.Down) == "stream: OK\x00"
	case "zFILDES":
		if len(e.Files) == 1 {
			content, clean = e.Files[0], cleanFile.Match(e.Down)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sizes[about{string(command), len(content)}] = [2]int{len(e.Up), len(e.Down)}
	if clean {
		w.clean[sum(content)] = true
	}
}

// about is a command to clamd, and how many bytes it is about.
type about struct {
	command string
	size    int
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

// forget and size learn how long an exchange of a command is.
func (w *witness) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.sizes)
}

func (w *witness) size(a about) (to, of int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sizes[a][0], w.sizes[a][1]
}

// saw says whether clamd called a content clean. The connection may be ending
// at this moment.
func (w *witness) saw(content []byte) bool {
	digest, clean := sum(content), false
	for end := time.Now().Add(time.Minute); !clean && time.Now().Before(end); time.Sleep(time.Millisecond) {
		w.mu.Lock()
		clean = w.clean[digest]
		w.mu.Unlock()
	}
	return clean
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
