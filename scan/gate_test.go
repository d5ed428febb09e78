// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"postfach/mailbox"
	"postfach/scan/scantest"
)

// memory is a content held in memory.
type memory []byte

func (m memory) ReadAt(b []byte, off int64) (int, error) { return bytes.NewReader(m).ReadAt(b, off) }
func (m memory) Size() int64                             { return int64(len(m)) }
func (m memory) Bytes() []byte                           { return m }
func (m memory) Open() (*os.File, error)                 { return nil, nil }

// spooled is a content in a real file.
type spooled struct {
	*os.File
	size int64
}

func (s spooled) Size() int64             { return s.size }
func (s spooled) Bytes() []byte           { return nil }
func (s spooled) Open() (*os.File, error) { return os.Open(s.Name()) }

func spool(t testing.TB, b []byte) spooled {
	t.Helper()
	name := filepath.Join(t.TempDir(), "spool")
	if err := os.WriteFile(name, b, 0o400); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return spooled{f, int64(len(b))}
}

var (
	_ mailbox.Content = memory(nil)
	_ mailbox.Content = spooled{}
)

func address(t testing.TB, s string) Address {
	t.Helper()
	a, err := ParseAddress(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// newGate makes a gate with short pauses and, unless o says more, the limits
// of scantest.
func newGate(t testing.TB, o Options) *Gate {
	t.Helper()
	if o.MaxSize == 0 {
		o.MaxSize = 64 << 20
	}
	if o.SignaturesMaxAge == 0 {
		o.SignaturesMaxAge = -1
	}
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(testWriter{t}, nil))
	}
	g, err := NewGate(o)
	if err != nil {
		t.Fatal(err)
	}
	g.rhythm.pulse = 50 * time.Millisecond
	return g
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(b []byte) (int, error) {
	w.t.Log(string(bytes.TrimSpace(b)))
	return len(b), nil
}

// run runs the gate until the test ends.
func run(t testing.TB, g *Gate) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); g.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
}

// until waits for a state of the gate.
func until(t testing.TB, g *Gate, what string, ok func(Status) bool) Status {
	t.Helper()
	for range 30_000 {
		if s := g.Status(); ok(s) {
			return s
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("the gate never was %s: %+v", what, g.Status())
	return Status{}
}

func ready(s Status) bool { return s.Ready }

func green(t testing.TB, o Options) *Gate {
	t.Helper()
	g := newGate(t, o)
	run(t, g)
	until(t, g, "ready", ready)
	return g
}

// Issue 2 item 7: clean, infected with the name kept, and nothing before the
// self-test.
func TestGateJudges(t *testing.T) {
	c := scantest.Start(t, scantest.Options{TCP: true})
	big := func(tail []byte) []byte {
		return append(bytes.Repeat([]byte("Musterhausen; "), 200_000), tail...)
	}
	for _, address_ := range []string{c.Address, c.TCPAddress} {
		o := Options{Address: address(t, address_), StagingDir: t.TempDir()}
		if _, err := newGate(t, o).Scan(t.Context(), memory("x")); mailbox.KindOf(err) != mailbox.Unavailable {
			t.Fatalf("a gate that was never probed says %v", err)
		}
		g := green(t, o)
		if got, want := g.Status().Descriptors, o.Address.Network == "unix"; got != want {
			t.Errorf("%s: descriptors pass = %v, want %v", address_, got, want)
		}
		for _, tc := range []struct {
			name string
			c    mailbox.Content
			want mailbox.Outcome
		}{
			{"empty", memory{}, mailbox.Clean},
			{"small", memory("Hallo"), mailbox.Clean},
			{"small infected", memory(scantest.EICAR()), mailbox.Malicious},
			{"large", spool(t, big(nil)), mailbox.Clean},
			{"large infected", spool(t, big(scantest.EICAR())), mailbox.Malicious},
			{"our marker", memory("a" + marker()), mailbox.Malicious},
			{"encrypted", memory(encryptedZip()), mailbox.Unjudgeable},
			{"too deep", memory(nestedZip()), mailbox.Unjudgeable},
		} {
			v, err := g.Scan(t.Context(), tc.c)
			if err != nil || v.Outcome != tc.want || v.Engine == "" {
				t.Errorf("%s %s: %+v, %v", address_, tc.name, v, err)
			}
			if v.Outcome == mailbox.Malicious && v.Signature == "" {
				t.Errorf("%s %s: the signature's name is lost", address_, tc.name)
			}
		}
	}
}

var _ io.Reader = zeroReader{}
