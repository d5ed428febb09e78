// SPDX-License-Identifier: Apache-2.0

package pgtest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Private starts a server that a test may reconfigure and destroy.
func Private(t testing.TB) *Server {
	t.Helper()
	var l Lazy
	s := l.Get(t)
	t.Cleanup(l.Stop)
	return s
}

// Data is the folder of the database cluster.
func (s *Server) Data() string { return s.data() }

// Folder makes a folder that the server can write.
func (s *Server) Folder(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(s.dir, name)
	err := os.Mkdir(path, 0o700)
	if err == nil && s.owner != nil {
		err = os.Chown(path, int(s.owner.Uid), int(s.owner.Gid))
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Configure adds lines to postgresql.conf and starts the server anew.
func (s *Server) Configure(lines string) error {
	s.Shutdown()
	f, err := os.OpenFile(filepath.Join(s.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString("\n" + lines + "\n")
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return s.Start()
}

// Run runs commands as the server's user, who reaches the server without
// naming it.
func (s *Server) Run(commands string) error {
	cmd := s.command("sh", "-e", "-c", commands)
	cmd.Path = "/bin/sh"
	cmd.Env = append(cmd.Env, "PATH="+s.bin+":/usr/bin:/bin", "PGHOST="+s.Socket, fmt.Sprint("PGPORT=", s.Port), "PGUSER="+Owner, "PGDATABASE=postgres")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w in\n%s\n%s", err, commands, out)
	}
	return nil
}
