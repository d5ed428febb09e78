// SPDX-License-Identifier: Apache-2.0

package reply

import (
	"io"
	"net/http"
	"strings"
	"time"
)

// How much of a refused upload is read on so that the client sees the answer
// instead of a broken connection (DESIGN.md 3).
const (
	drainBytes = 16 << 20
	drainTime  = 5 * time.Second
)

// tracked knows whether anyone has begun to read a request body.
type tracked struct {
	io.ReadCloser
	begun bool
	ended bool
}

func (t *tracked) Read(p []byte) (int, error) {
	t.begun = true
	n, err := t.ReadCloser.Read(p)
	if err != nil {
		t.ended = true
	}
	return n, err
}

// Track wraps the body of r, so that Fail can tell an upload that was refused
// before its first byte from one that was under way. Doors call it first.
func Track(r *http.Request) {
	if r.Body == nil || r.Body == http.NoBody {
		return
	}
	if _, ok := r.Body.(*tracked); !ok {
		r.Body = &tracked{ReadCloser: r.Body}
	}
}

// drain reads what is left of the body and says whether it came to its end.
// A client that waits for 100 Continue and was not told to go on sends
// nothing, so nothing is read: reading would ask it for the whole body.
func drain(w http.ResponseWriter, r *http.Request) bool {
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		return true
	}
	t, ok := r.Body.(*tracked)
	if ok && t.ended {
		return true
	}
	begun := ok && t.begun
	if !begun && strings.EqualFold(r.Header.Get("Expect"), "100-continue") {
		return false
	}
	// A server may set deadlines of its own between reads, so ours comes when
	// the time is over. Connections that know none are bounded by the count.
	control := http.NewResponseController(w)
	over := time.AfterFunc(drainTime, func() { _ = control.SetReadDeadline(time.Now()) })
	defer over.Stop()
	end := time.Now().Add(drainTime)
	buf := make([]byte, 32<<10)
	var n int
	var err error
	for m := 0; err == nil && n <= drainBytes && time.Now().Before(end); n += m {
		m, err = r.Body.Read(buf)
	}
	return err == io.EOF
}
