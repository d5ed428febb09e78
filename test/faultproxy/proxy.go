// SPDX-License-Identifier: Apache-2.0

// Package faultproxy stands between a server and what it depends on, and
// breaks the network between them: at once, at any byte, for a while. It knows
// nothing of the protocols that pass, and nothing of Postfach; only tests may
// import it.
package faultproxy

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"postfach/test/porttest"
)

// Exchange is what passed over one connection, once it has ended.
type Exchange struct {
	Up, Down []byte   // what the server, and what the client was given
	Files    [][]byte // contents of the descriptors that the client passed
}

// Options of a Proxy; the zero value listens on loopback and remembers nothing.
type Options struct {
	Listen string         // "unix:PATH"; "" means TCP on loopback and a free port
	Ended  func(Exchange) // is told of every connection; nil keeps nothing
}

// Proxy passes connections on and breaks them.
type Proxy struct {
	Address string // "unix:PATH" or "tcp:HOST:PORT"

	backend string // likewise
	o       Options
	running sync.WaitGroup

	mu       sync.Mutex
	fault    Fault
	epoch    int           // rises with Set
	changed  chan struct{} // closed by Set
	left     int           // connections that Times still means
	hits     int
	links    map[*link]bool
	listener net.Listener // nil while nobody listens
	closed   bool
}

// Start listens in front of backend ("unix:PATH" or "tcp:HOST:PORT") until the
// test ends.
func Start(t testing.TB, backend string, o Options) *Proxy {
	t.Helper()
	p := &Proxy{Address: o.Listen, backend: backend, o: o, changed: make(chan struct{}), links: map[*link]bool{}}
	if p.Address == "" {
		p.Address = "tcp:" + porttest.Free(t) // so that nobody has it while the door is closed
	}
	if err := p.listen(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	return p
}

// HostPort is where a TCP proxy listens.
func (p *Proxy) HostPort() string { return strings.TrimPrefix(p.Address, "tcp:") }

// listen opens the door, at the address that it had; call it with mu or before
// anybody knows the proxy.
func (p *Proxy) listen() error {
	network, address, _ := strings.Cut(p.Address, ":")
	if network == "unix" {
		_ = os.Remove(address) // what a closed door left
	}
	var l net.Listener
	var err error
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if l, err = net.Listen(network, address); err == nil {
			break
		}
		if time.Now().After(end) {
			return fmt.Errorf("listen at the address again: %w", err)
		}
	}
	p.Address, p.listener = network+":"+l.Addr().String(), l
	p.running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			p.running.Go(func() { p.serve(conn) })
		}
	})
	return nil
}

func (p *Proxy) close() {
	p.Set(Fault{})
	p.mu.Lock()
	p.closed = true
	if p.listener != nil {
		_ = p.listener.Close()
	}
	p.mu.Unlock()
	p.Cut()
	p.running.Wait()
}

// Set replaces the fault, for new and open connections. What was held back
// passes now.
func (p *Proxy) Set(f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault, p.left, p.hits = f, f.Times, 0
	p.epoch++
	close(p.changed)
	p.changed = make(chan struct{})
	if p.closed {
		return
	}
	if f.Refuse && p.listener != nil {
		_ = p.listener.Close()
		p.listener = nil
	}
	if f.Refuse {
		p.hits = 1 // nobody can count who finds the door closed
	}
	if !f.Refuse && p.listener == nil {
		if err := p.listen(); err != nil {
			panic(err) // a test whose port was taken from it can only end
		}
	}
	if f.Refuse || f.Reset && f.Match == "" {
		for l := range p.links {
			l.reset()
		}
	}
}

// Cut breaks every connection that is open.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.reset()
	}
}

// Hits is on how many connections the fault has come true since Set.
func (p *Proxy) Hits() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hits
}

// Open is the number of connections from the client's side.
func (p *Proxy) Open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.links)
}

func (p *Proxy) serve(client net.Conn) {
	l := &link{p: p, client: client, keep: p.o.Ended != nil, ended: make(chan struct{})}
	p.mu.Lock()
	reset := p.closed || p.fault.Reset && p.fault.Match == ""
	if reset {
		p.hits++
	}
	p.links[l] = true
	p.mu.Unlock()
	defer func() {
		l.reset()
		p.mu.Lock()
		delete(p.links, l)
		p.mu.Unlock()
	}()
	if reset {
		return
	}
	network, address, _ := strings.Cut(p.backend, ":")
	server, err := net.Dial(network, address)
	if err != nil || !l.join(server) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { l.pump(up, client, server) })
	both.Go(func() { l.pump(down, server, client) })
	both.Wait()
	if p.o.Ended != nil {
		p.o.Ended(l.seen)
	}
}

// errEnded ends a direction that was cut.
var errEnded = errors.New("the connection was cut")
