// SPDX-License-Identifier: Apache-2.0

package pgtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TLS lets the server speak TLS too, with a certificate for localhost, and gives
// the file of the authority that has signed it, and that of another one.
func (s *Server) TLS(t testing.TB) (authority, stranger string) {
	t.Helper()
	dir := t.TempDir()
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test CA"}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	key, der := sign(t, root, root, nil)
	_, other := sign(t, root, root, nil)
	parent, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, NotBefore: root.NotBefore, NotAfter: root.NotAfter}
	leafKey, leafDER := sign(t, leaf, parent, key)
	keyDER, err := x509.MarshalPKCS8PrivateKey(leafKey)
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, filepath.Join(s.data(), "server.crt"), "CERTIFICATE", leafDER)
	s.write(t, filepath.Join(s.data(), "server.key"), "PRIVATE KEY", keyDER)
	authority, stranger = filepath.Join(dir, "ca.crt"), filepath.Join(dir, "other.crt")
	s.write(t, authority, "CERTIFICATE", der)
	s.write(t, stranger, "CERTIFICATE", other)
	for _, sql := range []string{"ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()"} {
		if err := s.Exec("postgres", sql); err != nil {
			t.Fatal(err)
		}
	}
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		rows, err := s.Query("postgres", "SHOW ssl")
		if err == nil && rows[0][0] == "on" {
			return authority, stranger
		}
		if time.Now().After(end) {
			t.Fatalf("the server takes no TLS: %v\n%s", err, s.Log())
		}
	}
}

// sign makes a certificate; without a key of the parent it signs itself.
func sign(t testing.TB, template, parent *x509.Certificate, by *ecdsa.PrivateKey) (*ecdsa.PrivateKey, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if by == nil {
		by = key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	return key, der
}

// write makes a file of the user that the server runs as.
func (s *Server) write(t testing.TB, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	if s.owner != nil {
		if err := os.Chown(path, int(s.owner.Uid), int(s.owner.Gid)); err != nil {
			t.Fatal(err)
		}
	}
}
