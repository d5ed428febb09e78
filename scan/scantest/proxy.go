// SPDX-License-Identifier: Apache-2.0

package scantest

import (
	"bufio"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Fault is how a Proxy treats a connection. The zero value passes everything.
type Fault struct {
	Match      string // only connections whose first command contains this; "" means all
	Refuse     bool   // close at once
	CutSending int    // reset after that many bytes from the client, its command included; 0 never
	Slow       int    // bytes per second from the client; 0 as they come
	Stall      bool   // take everything, answer nothing
	Reply      string // say this instead of clamd's answer; "" lets clamd speak
	CutReply   int    // reset after that many bytes of the answer; 0 never, below 0 before the first
}

// Proxy stands between a gate and a real clamd and breaks what it is told to.
// It passes no descriptors.
type Proxy struct {
	Address string // "unix:…" or "tcp:…"

	backend string
	mu      sync.Mutex
	faults  []Fault
	conns   map[net.Conn]bool
}

// StartProxy listens on network ("unix" or "tcp") in front of c until the test
// ends.
func StartProxy(t testing.TB, c *Clamd, network string) *Proxy {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(c.Dir, "proxy.ctl")
	}
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Address: network + ":" + l.Addr().String(), backend: c.socket, conns: map[net.Conn]bool{}}
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

// Set replaces the faults; it holds for connections from now on.
func (p *Proxy) Set(f ...Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = f
}

// Cut breaks every connection that is open.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		reset(c)
	}
}

func (p *Proxy) fault(command string) Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.faults {
		if strings.Contains(command, f.Match) {
			return f
		}
	}
	return Fault{}
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

func (p *Proxy) serve(client net.Conn) {
	p.keep(client, true)
	defer func() { p.keep(client, false); client.Close() }()
	in := bufio.NewReaderSize(client, 64)
	command, err := in.Peek(1)
	if err == nil {
		for n := 2; n <= 32 && command[len(command)-1] != 0; n++ {
			if command, err = in.Peek(n); err != nil {
				break
			}
		}
	}
	f := p.fault(string(command))
	if f.Refuse {
		reset(client)
		return
	}
	server, err := net.Dial("unix", p.backend)
	if err != nil {
		reset(client)
		return
	}
	p.keep(server, true)
	defer func() { p.keep(server, false); server.Close() }()
	var up sync.WaitGroup
	up.Go(func() {
		if f.CutSending > 0 {
			io.CopyN(server, in, int64(f.CutSending))
			reset(client)
			server.Close()
			return
		}
		trickle(server, in, f.Slow)
		server.Close() // the client has gone
	})
	p.answer(client, server, f)
	client.Close()
	up.Wait()
}

// answer passes clamd's answer on, or what the fault says instead.
func (p *Proxy) answer(client, server net.Conn, f Fault) {
	if f.Stall {
		io.Copy(io.Discard, server)
		return
	}
	var from io.Reader = server
	if f.Reply != "" {
		io.Copy(io.Discard, io.LimitReader(server, 1)) // wait until clamd answers
		from = strings.NewReader(f.Reply)
	}
	if f.CutReply == 0 {
		io.Copy(client, from)
		return
	}
	if f.CutReply > 0 {
		io.CopyN(client, from, int64(f.CutReply))
	} else {
		io.CopyN(io.Discard, from, 1)
	}
	reset(client)
}

// reset closes so that the other side sees an error where the system allows.
func reset(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		t.SetLinger(0)
	}
	c.Close()
}

// trickle copies at most rate bytes per second; 0 copies as fast as they come.
func trickle(to io.Writer, from io.Reader, rate int) {
	if rate == 0 {
		io.Copy(to, from)
		return
	}
	for {
		if _, err := io.CopyN(to, from, int64(rate/10)+1); err != nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}
