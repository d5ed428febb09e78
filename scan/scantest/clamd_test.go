// SPDX-License-Identifier: Apache-2.0

package scantest

import (
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"
)

// The helper's clamd finds the test file and survives a restart.
func TestStartFindsTheTestFile(t *testing.T) {
	c := Start(t, Options{TCP: true})
	for range 2 {
		for _, a := range []string{c.Address, c.TCPAddress} {
			network, address, _ := strings.Cut(a, ":")
			conn, err := net.Dial(network, address)
			if err != nil {
				t.Fatal(err)
			}
			body := binary.BigEndian.AppendUint32([]byte("zINSTREAM\x00"), uint32(len(EICAR())))
			body = append(append(body, EICAR()...), 0, 0, 0, 0)
			if _, err := conn.Write(body); err != nil {
				t.Fatal(err)
			}
			reply, err := io.ReadAll(conn)
			conn.Close()
			if err != nil || !strings.HasSuffix(string(reply), "FOUND\x00") {
				t.Fatalf("%s: %q, %v", a, reply, err)
			}
		}
		if err := c.Restart(); err != nil {
			t.Fatal(err)
		}
	}
}
