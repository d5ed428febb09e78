// SPDX-License-Identifier: Apache-2.0

// Package porttest finds TCP ports on loopback for servers that a test starts
// later, or stops and starts again. Nothing outside tests may import it.
package porttest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
)

// Port is one that nobody else gets until Release.
type Port struct {
	Number int

	mark net.PacketConn
}

// Reserve picks a port below those that the system gives to clients: else a
// client could hold it until the server listens, or while it is down. A UDP
// socket of the same number tells other tests, of other processes too, that the
// port is taken.
func Reserve() (*Port, error) {
	from, to := between()
	for range 1000 {
		p := &Port{Number: from + rand.IntN(to-from)}
		var err error
		if p.mark, err = net.ListenPacket("udp4", p.Address()); err != nil {
			continue
		}
		l, err := net.Listen("tcp4", p.Address())
		if err != nil {
			p.Release()
			continue
		}
		return p, l.Close()
	}
	return nil, errors.New("no free port")
}

// Address is 127.0.0.1 with the port.
func (p *Port) Address() string { return fmt.Sprint("127.0.0.1:", p.Number) }

// Release lets others have the port.
func (p *Port) Release() { _ = p.mark.Close() }

// Free gives a loopback address that nobody listens on, and that is the test's
// until it ends.
func Free(t testing.TB) string {
	t.Helper()
	p, err := Reserve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Release)
	return p.Address()
}

// between gives the ports to choose from: from 20000 to 29999, or lower where
// the system gives those to clients.
func between() (from, to int) {
	from, to = 20000, 30000
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return from, to
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\t")
	if low, err := strconv.Atoi(first); err == nil && low >= 2000 && low < to {
		from, to = max(1100, low-10000), low
	}
	return from, to
}
