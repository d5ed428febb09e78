// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"postfach/test/world"
)

// clockBinary has a clock that can be shifted; it is built once for all tests.
var clockBinary lazyBinary

type lazyBinary struct {
	once      sync.Once
	dir, path string
	err       error
}

func (l *lazyBinary) get(t *testing.T) string {
	t.Helper()
	l.once.Do(func() {
		if l.dir, l.err = os.MkdirTemp("", "postfach-clock"); l.err == nil {
			l.path, l.err = world.Build(l.dir, "testclock")
		}
	})
	must(t, l.err)
	return l.path
}

func (l *lazyBinary) remove() { _ = os.RemoveAll(l.dir) }

// TestReleaseHasNoTestClock: the switch that shifts the clock is in the binary
// built for tests and demonstrably not in the one that is shipped.
func TestReleaseHasNoTestClock(t *testing.T) {
	long(t)
	special := clockBinary.get(t)
	for name, want := range map[string]bool{special: true, os.Getenv(world.BinaryVariable): false} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := bytes.Contains(b, []byte("POSTFACH_TESTCLOCK")); got != want {
			t.Errorf("%s holds the test clock: %t, want %t", filepath.Base(name), got, want)
		}
	}
}

// TestClockFaults: a clock that jumps back or ahead loses nothing and makes
// nothing readable that should not be: the machine's under SQLite, the
// database's, which all nodes share, under PostgreSQL.
func TestClockFaults(t *testing.T) {
	long(t)
	binary := clockBinary.get(t)
	t.Run("SQLite", func(t *testing.T) { clockFaults(t, binary, "") })
	t.Run("PostgreSQL", func(t *testing.T) {
		s := database.Get(t)
		clockFaults(t, binary, s.URL(s.Database(t)))
	})
}

func clockFaults(t *testing.T, binary, catalog string) {
	t.Helper()
	clock := filepath.Join(t.TempDir(), "clock")
	shift := func(d string) { // in one step, since the server reads it all the time
		writeFile(t, clock+".new", d)
		if err := os.Rename(clock+".new", clock); err != nil {
			t.Fatal(err)
		}
	}
	shift("0s")
	o := world.Everybody()
	o.Catalog, o.Binary, o.Env = catalog, binary, []string{"POSTFACH_TESTCLOCK=" + clock}
	w := whole(t, o)
	w.Put(t, "anna", "/dav/an_KVBbg/a", "a")
	lock(t, w, "anna", "/dav/an_KVBbg/a", map[string]string{"Timeout": "Second-600"})
	w.Do(t, world.Exchange{As: "anna", Method: "PUT", Path: "/dav/an_KVBbg/a", Body: "ohne Sperre", Want: 423})

	shift("11m") // the lock has run out
	w.Do(t, world.Exchange{As: "anna", Method: "PUT", Path: "/dav/an_KVBbg/a", Body: "a2", Want: 204})

	shift("-3h") // back: writing goes on, the order of the records too
	w.Do(t, world.Exchange{As: "anna", Method: "PUT", Path: "/dav/an_KVBbg/b", Body: "b", Want: 201})
	w.Move(t, "bert", "/dav/0815/an_KVBbg/b", "/dav/0815/KVBBG-SB-Posteingang/b", 201)
	w.Kill()
	w.Serve()

	// Ahead by more than an upload may last: what seems to have begun that long
	// ago is refused, since the janitor may already have taken its bytes.
	shift("25h")
	a := w.Do(t, world.Exchange{As: "anna", Method: "PUT", Path: "/dav/an_KVBbg/c", Body: "c"})
	if a.Status/100 == 2 {
		t.Errorf("an upload that began 25 hours ago by the catalog's clock: %d", a.Status)
	}
	w.Kill()
	w.Serve() // the janitor of this run sees old blobs everywhere
	w.Play(t, []world.Exchange{
		{As: "anna", Method: "GET", Path: "/dav/an_KVBbg/c", Want: 404},
		{As: "anna", Method: "GET", Path: "/dav/an_KVBbg/a", Want: 200, Contains: "a2"},
		{As: "bert", Method: "GET", Path: "/dav/0815/KVBBG-SB-Posteingang/b", Want: 200, Contains: "b"},
	})
	shift("0s")
	w.Do(t, world.Exchange{As: "anna", Method: "PUT", Path: "/dav/an_KVBbg/c", Body: "c", Want: 201})
	w.CLI("", "storage", "verify")
	w.CLI("", "audit", "replay", "--verify")
}
