// SPDX-License-Identifier: Apache-2.0

package faultproxy

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// firstMost is the longest Match, in bytes.
const firstMost = 256

// link is one connection through the proxy.
type link struct {
	p      *Proxy
	client net.Conn
	keep   bool
	ended  chan struct{} // closed by reset

	mu     sync.Mutex
	server net.Conn
	over   bool
	seen   Exchange

	// Under the proxy's mu:
	first  []byte   // what the client began with
	epoch  int      // that the following is about
	judged bool     // whether the fault concerns us is decided
	meant  bool     // it does
	struck bool     // and it has come true
	passed [2]int64 // bytes since then, each way
}

// join adds the server's side, unless the client's was reset meanwhile.
func (l *link) join(server net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		_ = server.Close()
		return false
	}
	l.server = server
	return true
}

// reset closes both sides so that they see an error where the system allows.
func (l *link) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.over {
		close(l.ended)
	}
	l.over = true
	for _, c := range []net.Conn{l.client, l.server} {
		if t, ok := c.(*net.TCPConn); ok {
			_ = t.SetLinger(0)
		}
		if c != nil {
			_ = c.Close()
		}
	}
}

// finish closes both sides in order.
func (l *link) finish() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.over {
		close(l.ended)
	}
	l.over = true
	_ = l.client.Close()
	_ = l.server.Close()
}

// pump passes one direction on until its end, which it passes on too.
func (l *link) pump(w way, from, to net.Conn) {
	b, rights := make([]byte, 64<<10), make([]byte, 256)
	for {
		n, oob, err := read(from, b, rights)
		if n > 0 {
			if l.relay(w, to, b[:n], oob) != nil {
				return
			}
		}
		if err != nil {
			if half, ok := to.(interface{ CloseWrite() error }); ok && errors.Is(err, io.EOF) {
				_ = half.CloseWrite()
			} else {
				l.reset()
			}
			return
		}
	}
}

// read reads bytes, and descriptors where the socket can pass some.
func read(c net.Conn, b, rights []byte) (n int, oob []byte, err error) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		n, err = c.Read(b)
		return n, nil, err
	}
	n, m, _, _, err := u.ReadMsgUnix(b, rights)
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, rights[:max(m, 0)], err
}

// relay passes bytes on as far as the fault lets them.
func (l *link) relay(w way, to net.Conn, b, oob []byte) error {
	files := descriptors(oob)
	defer closeAll(files)
	l.begin(w, b)
	for len(b) > 0 {
		n, what, hold, changed := l.next(w, len(b))
		if n > 0 {
			if !l.wait(hold) {
				return errEnded
			}
			l.record(w, b[:n], files)
			if err := write(to, b[:n], files); err != nil {
				l.reset()
				return err
			}
			closeAll(files)
			b, files = b[n:], nil
		}
		switch what {
		case cut:
			l.end()
			return errEnded
		case garble:
			l.garble()
			return errEnded
		case stall:
			select {
			case <-changed:
			case <-l.ended:
				return errEnded
			}
		}
	}
	return nil
}

// begin remembers how the client's bytes begin.
func (l *link) begin(w way, b []byte) {
	if w != up {
		return
	}
	l.p.mu.Lock()
	defer l.p.mu.Unlock()
	if room := firstMost - len(l.first); room > 0 {
		l.first = append(l.first, b[:min(len(b), room)]...)
	}
}

// next says what to do with n bytes that are there.
func (l *link) next(w way, n int) (allowed int, what deed, hold time.Duration, changed <-chan struct{}) {
	p := l.p
	p.mu.Lock()
	defer p.mu.Unlock()
	if l.epoch != p.epoch {
		l.epoch, l.judged, l.meant, l.struck, l.passed = p.epoch, false, false, false, [2]int64{}
	}
	if !l.judged {
		if l.meant, l.judged = p.fault.concerns(l.first); l.meant && p.fault.Times > 0 {
			l.meant = p.left > 0
			p.left--
		}
	}
	if !l.meant {
		return n, pass, 0, p.changed
	}
	if p.fault.Reset {
		p.hits++
		return 0, cut, 0, p.changed
	}
	most, what := p.fault.rule(w, l.passed[w], int64(n))
	allowed = int(most)
	if cut, hold := p.fault.slice(allowed); cut < allowed || hold > 0 {
		if cut < allowed {
			what = pass
		}
		l.passed[w] += int64(cut)
		l.strike()
		return cut, what, hold, p.changed
	}
	l.passed[w] += most
	if what != pass {
		l.strike()
	}
	return allowed, what, 0, p.changed
}

// strike counts that the fault has come true here; the proxy's mu is held.
func (l *link) strike() {
	if !l.struck {
		l.struck = true
		l.p.hits++
	}
}

// wait lets time pass, unless the connection ends.
func (l *link) wait(d time.Duration) bool {
	if d == 0 {
		return true
	}
	select {
	case <-time.After(d):
		return true
	case <-l.ended:
		return false
	}
}

// end breaks off as the fault says.
func (l *link) end() {
	l.p.mu.Lock()
	orderly := l.p.fault.Orderly
	l.p.mu.Unlock()
	if orderly {
		l.finish()
	} else {
		l.reset()
	}
}

// garble says nonsense to the client and ends.
func (l *link) garble() {
	l.p.mu.Lock()
	text := l.p.fault.Garbage
	l.p.mu.Unlock()
	l.record(down, []byte(text), nil)
	_, _ = io.WriteString(l.client, text)
	l.finish()
}

func (l *link) record(w way, b []byte, files []*os.File) {
	if !l.keep {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if w == up {
		l.seen.Up = append(l.seen.Up, b...)
	} else {
		l.seen.Down = append(l.seen.Down, b...)
	}
	for _, f := range files {
		l.seen.Files = append(l.seen.Files, content(f))
	}
}

// content reads a passed file without moving its position.
func content(f *os.File) []byte {
	info, err := f.Stat()
	if err != nil {
		return nil
	}
	b, err := io.ReadAll(io.NewSectionReader(f, 0, info.Size()))
	if err != nil {
		return nil
	}
	return b
}

func write(to net.Conn, b []byte, files []*os.File) error {
	u, ok := to.(*net.UnixConn)
	if !ok || len(files) == 0 {
		_, err := to.Write(b)
		return err
	}
	var fds []int
	for _, f := range files {
		fds = append(fds, int(f.Fd()))
	}
	n, _, err := u.WriteMsgUnix(b, syscall.UnixRights(fds...), nil)
	if err == nil && n < len(b) {
		_, err = u.Write(b[n:])
	}
	return err
}

// descriptors takes the files out of a control message.
func descriptors(oob []byte) (files []*os.File) {
	messages, err := syscall.ParseSocketControlMessage(oob)
	if err != nil {
		return nil
	}
	for _, m := range messages {
		fds, err := syscall.ParseUnixRights(&m)
		if err != nil {
			continue
		}
		for _, fd := range fds {
			syscall.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), "passed"))
		}
	}
	return files
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}
