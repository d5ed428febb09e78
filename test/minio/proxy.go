// SPDX-License-Identifier: Apache-2.0

package minio

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// Fault is how a Proxy treats a request.
type Fault struct {
	Method string // "" means every
	Match  string // part of the request's path and query; "" means all
	Times  int    // how often; 0 means always

	Refuse     bool   // reset before anything is passed on
	CutBody    int64  // reset after that many bytes of the request's body; 0 never
	Stall      bool   // take the request, pass nothing on, answer nothing
	StallReply int64  // pass the request on, stop after that many bytes of the answer; below 0 before the first; 0 never
	CutReply   int64  // likewise, but reset
	Reply      string // pass the request on and say this instead of the answer
	Instead    string // say this and pass nothing on
}

// Proxy stands between a storage and a real server and breaks what it is told
// to. It knows one request from the next, so that every stage of an upload can
// be hit.
type Proxy struct {
	Endpoint string

	backend string
	mu      sync.Mutex
	faults  []Fault
	log     []string
	conns   map[net.Conn]bool
	running int // requests under way
	most    int
}

// StartProxy listens in front of s until the test ends.
func StartProxy(t testing.TB, s *Server) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Endpoint: "http://" + l.Addr().String(), backend: s.Address, conns: map[net.Conn]bool{}}
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
		_ = l.Close()
		p.Cut()
		running.Wait()
	})
	return p
}

// Set replaces the faults; it holds for requests from now on. What stalls goes
// on stalling.
func (p *Proxy) Set(f ...Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = f
}

// Requests gives the method, path and query of every request so far, and
// forgets them.
func (p *Proxy) Requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	log := p.log
	p.log = nil
	return log
}

// Most is the largest number of requests with a body that were under way at a
// time.
func (p *Proxy) Most() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.most
}

// Open is the number of connections from the storage.
func (p *Proxy) Open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns)
}

// Cut breaks every connection that is open.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		reset(c)
	}
}

func (p *Proxy) fault(r *http.Request) Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.log = append(p.log, r.Method+" "+r.RequestURI)
	for i := range p.faults {
		f := &p.faults[i]
		if f.Method != "" && f.Method != r.Method || !strings.Contains(r.RequestURI, f.Match) || f.Times < 0 {
			continue
		}
		hit := *f
		if f.Times > 0 {
			if f.Times--; f.Times == 0 {
				f.Times = -1
			}
		}
		return hit
	}
	return Fault{}
}

func (p *Proxy) count(by int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running += by
	p.most = max(p.most, p.running)
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

// serve passes on one connection, request by request.
func (p *Proxy) serve(client net.Conn) {
	p.keep(client, true)
	defer func() { p.keep(client, false); _ = client.Close() }()
	server, err := net.Dial("tcp", p.backend)
	if err != nil {
		reset(client)
		return
	}
	defer server.Close()
	in, out := bufio.NewReader(client), bufio.NewReader(server)
	for {
		req, err := http.ReadRequest(in)
		if err != nil || !p.exchange(req, client, server, out) {
			reset(client)
			return
		}
	}
}

// exchange passes on one request and its answer, and says whether the
// connection can go on.
func (p *Proxy) exchange(req *http.Request, client, server net.Conn, out *bufio.Reader) bool {
	f := p.fault(req)
	over := func() {}
	if req.ContentLength > 0 {
		p.count(1)
		over = sync.OnceFunc(func() { p.count(-1) })
		defer over()
	}
	switch {
	case f.Refuse:
		return false
	case f.Stall:
		_, _ = io.Copy(io.Discard, req.Body)
		return p.stall(client)
	case f.Instead != "":
		_, _ = io.Copy(io.Discard, req.Body)
		_, err := io.WriteString(client, f.Instead)
		return err == nil
	}
	head := &strings.Builder{}
	fmt.Fprintf(head, "%s %s HTTP/1.1\r\nHost: %s\r\n", req.Method, req.RequestURI, req.Host)
	_ = req.Header.Write(head) // to memory
	body := io.Reader(req.Body)
	if f.CutBody > 0 {
		body = io.LimitReader(body, f.CutBody)
	}
	if _, err := io.Copy(server, io.MultiReader(strings.NewReader(head.String()+"\r\n"), body)); err != nil || f.CutBody > 0 {
		return false
	}
	resp, err := http.ReadResponse(out, req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	over() // before the storage can know, and goes on with another one
	return p.answer(client, resp, f)
}

// answer passes on the server's answer, or what the fault says instead.
func (p *Proxy) answer(client net.Conn, resp *http.Response, f Fault) bool {
	switch {
	case f.Reply != "":
		_, _ = io.Copy(io.Discard, resp.Body)
		_, err := io.WriteString(client, f.Reply)
		return err == nil
	case f.StallReply != 0:
		_ = resp.Write(&limited{client, f.StallReply})
		return p.stall(client)
	case f.CutReply != 0:
		_ = resp.Write(&limited{client, f.CutReply})
		return false
	}
	return resp.Write(client) == nil && !resp.Close
}

// stall returns when the storage has given up.
func (p *Proxy) stall(client net.Conn) bool {
	_, _ = io.Copy(io.Discard, client)
	return false
}

// limited passes on so many bytes and swallows the others.
type limited struct {
	w    io.Writer
	left int64
}

func (l *limited) Write(p []byte) (int, error) {
	n := min(int64(len(p)), max(l.left, 0))
	l.left -= n
	if _, err := l.w.Write(p[:n]); err != nil {
		return 0, err
	}
	return len(p), nil
}

// reset closes so that the other side sees an error.
func reset(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = c.Close()
}
