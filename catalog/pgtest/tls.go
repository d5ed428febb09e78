// SPDX-License-Identifier: Apache-2.0

package pgtest

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"postfach/test/certify"
)

// TLS lets the server speak TLS too, with a certificate for localhost, and gives
// the file of the authority that has signed it, and that of another one.
func (s *Server) TLS(t testing.TB) (authority, stranger string) {
	t.Helper()
	ca := certify.New(t)
	pair := ca.Server(t, "localhost")
	s.write(t, filepath.Join(s.data(), "server.crt"), pair.Certificate)
	s.write(t, filepath.Join(s.data(), "server.key"), pair.Key)
	dir := t.TempDir()
	authority, stranger = filepath.Join(dir, "ca.crt"), filepath.Join(dir, "other.crt")
	s.write(t, authority, ca.PEM())
	s.write(t, stranger, certify.New(t).PEM())
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

// write makes a file of the user that the server runs as.
func (s *Server) write(t testing.TB, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if s.owner != nil {
		if err := os.Chown(path, int(s.owner.Uid), int(s.owner.Gid)); err != nil {
			t.Fatal(err)
		}
	}
}
