// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"testing"

	"postfach/mailbox"
	"postfach/scan/scantest"
)

// P31: clamd behind TLS is judged over TLS, and a certificate that nobody vouches
// for keeps the gate red.
func TestTLS(t *testing.T) {
	c := scantest.Start(t, scantest.Options{})
	server := httptest.NewTLSServer(nil) // for its certificate
	defer server.Close()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: server.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go join(conn, strings.TrimPrefix(c.Address, "unix:"))
		}
	}()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	o := Options{Address: address(t, "tls:"+l.Addr().String()), TLS: &tls.Config{RootCAs: roots, ServerName: "example.com"}}
	g := green(t, o)
	v, err := g.Scan(t.Context(), spool(t, append(noise(2<<20), scantest.EICAR()...)))
	if err != nil || v.Outcome != mailbox.Malicious {
		t.Errorf("%+v, %v", v, err)
	}
	o.TLS = nil
	g = newGate(t, o)
	run(t, g)
	until(t, g, "red", func(s Status) bool {
		return s.Problem.Code == Unreachable && strings.Contains(s.Problem.Detail, "certificate")
	})
}

// join connects both sides until one of them ends.
func join(a net.Conn, path string) {
	defer a.Close()
	b, err := net.Dial("unix", path)
	if err != nil {
		return
	}
	defer b.Close()
	go func() {
		io.Copy(b, a)
		b.Close()
	}()
	io.Copy(a, b)
}
