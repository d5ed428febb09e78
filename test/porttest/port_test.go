// SPDX-License-Identifier: Apache-2.0

package porttest

import (
	"net"
	"testing"
)

// Ports of one time are different ones, can be listened on, and are not among
// those that clients get.
func TestPortsAreOnesOwn(t *testing.T) {
	seen := map[string]bool{}
	for range 200 {
		address := Free(t)
		if seen[address] {
			t.Fatalf("%s was given twice", address)
		}
		seen[address] = true
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for range 20 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		from, to := between()
		if port := c.LocalAddr().(*net.TCPAddr).Port; port >= from && port < to {
			t.Errorf("a client got port %d", port)
		}
	}
}
