// SPDX-License-Identifier: Apache-2.0

package pgtest

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
)

// Fault is what a Proxy does.
type Fault int

const (
	Pass       Fault = iota
	LoseCommit       // at the next COMMIT: reset the client, and do not tell the server
	LoseReply        // at the next COMMIT: reset the client when the server answers
	HoldCommit       // at the next COMMIT: reset the client, keep the server waiting for it
	Refuse           // reset every new connection
)

// Proxy stands between a catalog and a server and breaks what it is told to.
type Proxy struct {
	Port int

	server int
	mu     sync.Mutex
	faults []Fault // one after the other; the last stays if it is Pass or Refuse
	hit    int
	conns  map[net.Conn]bool
}

// NewProxy listens in front of s until the test ends.
func NewProxy(t testing.TB, s *Server) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Port: l.Addr().(*net.TCPAddr).Port, server: s.Port, conns: map[net.Conn]bool{}}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { p.serve(conn) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		p.Cut()
		running.Wait()
	})
	return p
}

// URL of a database behind the proxy.
func (p *Proxy) URL(database string) string { return URL(p.Port, database) }

// Set says what to do next. Faults of a COMMIT are used up by one.
func (p *Proxy) Set(f ...Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults, p.hit = f, 0
}

// Hits is how many COMMITs were broken since Set.
func (p *Proxy) Hits() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hit
}

// Cut breaks every connection that is open, on both sides.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		reset(c)
	}
}

func (p *Proxy) fault() Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.faults) == 0 {
		return Pass
	}
	return p.faults[0]
}

// atCommit uses up the fault of a COMMIT.
func (p *Proxy) atCommit() Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.faults) == 0 || p.faults[0] == Pass || p.faults[0] == Refuse {
		return Pass
	}
	f := p.faults[0]
	p.faults = p.faults[1:]
	p.hit++
	return f
}

func (p *Proxy) keep(c net.Conn, open bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if open {
		p.conns[c] = true
	} else {
		delete(p.conns, c)
	}
}

// bindCommit is in the message that executes the prepared statement COMMIT:
// no portal name, the statement's, one format code.
var bindCommit = []byte("\x00COMMIT\x00\x00\x01")

func (p *Proxy) serve(client net.Conn) {
	p.keep(client, true)
	defer func() { p.keep(client, false); client.Close() }()
	if p.fault() == Refuse {
		reset(client)
		return
	}
	server, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", p.server))
	if err != nil {
		reset(client)
		return
	}
	p.keep(server, true)
	defer func() { p.keep(server, false); server.Close() }()
	var lose sync.Once
	loseReply := make(chan struct{})
	var down sync.WaitGroup
	down.Go(func() { p.answers(client, server, loseReply) })
	defer down.Wait()
	b := make([]byte, 64<<10)
	for {
		n, err := client.Read(b)
		if err != nil {
			server.Close() // the client has gone
			return
		}
		if bytes.Contains(b[:n], bindCommit) {
			switch p.atCommit() {
			case LoseCommit:
				reset(client)
				server.Close()
				return
			case HoldCommit:
				reset(client)
				io.Copy(io.Discard, server) // until the server has had enough
				return
			case LoseReply:
				lose.Do(func() { close(loseReply) })
			}
		}
		if _, err := server.Write(b[:n]); err != nil {
			return
		}
	}
}

// answers passes on what the server says, until the answer to lose.
func (p *Proxy) answers(client, server net.Conn, lose <-chan struct{}) {
	b := make([]byte, 64<<10)
	for {
		n, err := server.Read(b)
		if err != nil {
			client.Close()
			return
		}
		select {
		case <-lose:
			reset(client)
			server.Close()
			return
		default:
		}
		if _, err := client.Write(b[:n]); err != nil {
			return
		}
	}
}

// reset closes so that the other side sees an error.
func reset(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		t.SetLinger(0)
	}
	c.Close()
}
