// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"testing"
	"time"

	"postfach/mailcatcher"
)

// catch starts a mail catcher on loopback and gives its port.
func catch(t *testing.T, o mailcatcher.Options, wrap func(net.Listener) net.Listener) (*mailcatcher.Catcher, int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if wrap != nil {
		l = wrap(l)
	}
	c := mailcatcher.New(o)
	done := make(chan error, 1)
	go func() { done <- c.Serve(l) }()
	t.Cleanup(func() {
		c.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return c, port
}

// authority makes a private CA and a server certificate for "localhost".
func authority(t *testing.T) (*x509.CertPool, *tls.Config) {
	t.Helper()
	key := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	now := time.Now()
	caKey, leafKey := key(), key()
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		DNSNames: []string{"localhost"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(caDER)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, parsed, leafKey.Public(), caKey)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return pool, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: leafKey}}}
}

func letterhead() Letterhead {
	return Letterhead{
		URL: "https://austausch.example.org", From: "Kasse Musterland <postfach@kasse.example>",
		Authority: Authority{Name: "Kasse Musterland", Short: "KM", ServiceContact: "Telefon 0123 4567, service@kasse.example"},
	}
}

func composer(t *testing.T, h Letterhead) *Composer {
	t.Helper()
	c, err := NewComposer(h)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func letterTo(t *testing.T, address string) Mail {
	t.Helper()
	n := sample(TopicToMember, "de", false)
	n.Recipient.Address = address
	m, err := composer(t, letterhead()).Compose(n)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func openSession(t *testing.T, r Relay) (*Session, error) {
	t.Helper()
	s, err := NewSender(r)
	if err != nil {
		t.Fatal(err)
	}
	session, err := s.Open(deadline(t))
	if err == nil {
		t.Cleanup(session.Close)
	}
	return session, err
}
