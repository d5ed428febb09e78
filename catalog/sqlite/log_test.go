// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func logged(t *testing.T, path, cache string) *Conn {
	t.Helper()
	c, err := Open(path, Options{BusyTimeout: time.Second})
	must(t, err)
	t.Cleanup(func() { must(t, c.Close()) })
	must(t, c.Script("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size="+cache))
	return c
}

func begin(t *testing.T, c *Conn) {
	t.Helper()
	_, err := c.Exec("BEGIN IMMEDIATE")
	must(t, err)
}

// fill puts n rows of a page each.
func fill(t *testing.T, c *Conn, n int, mark byte) {
	t.Helper()
	for range n {
		_, err := c.Exec("INSERT INTO f(b) VALUES($1)", bytes.Repeat([]byte{mark}, 4000))
		must(t, err)
	}
}

// seen counts the rows with a mark, and that every page is sound.
func seen(t *testing.T, c *Conn, mark byte) (n int) {
	t.Helper()
	must(t, c.Query("SELECT count(*) FROM f WHERE b = $1", func(r *Row) error { n = int(r.Int(0)); return nil }, bytes.Repeat([]byte{mark}, 4000)))
	must(t, c.Query("PRAGMA integrity_check", func(r *Row) error {
		if r.Text(0) != "ok" {
			t.Error(r.Text(0))
		}
		return nil
	}))
	return n
}

// TestCommitIsSeen: what Commit has ended, another connection sees, and a crash
// leaves: small transactions, such that are over what is gathered, and such that
// do not fit the cache, so that pages are written before the commit and again.
func TestCommitIsSeen(t *testing.T) {
	for _, cache := range []string{"10", "5000"} {
		t.Run(cache, func(t *testing.T) { commitIsSeen(t, cache) })
	}
}

func commitIsSeen(t *testing.T, cache string) {
	path := filepath.Join(t.TempDir(), "l.db")
	c := logged(t, path, cache)
	must(t, c.Script("CREATE TABLE f(id INTEGER PRIMARY KEY, b BLOB) STRICT"))
	other := logged(t, path, "100")
	for i, n := range []int{1, 5, 31, 32, 33, 300, 2, 1500} {
		mark := byte('a' + i)
		begin(t, c)
		fill(t, c, n/2, mark)
		_, err := c.Exec("UPDATE f SET b = b WHERE id % 7 = 0") // pages that were written already
		must(t, err)
		fill(t, c, n-n/2, mark)
		must(t, c.Commit())
		if got := seen(t, other, mark); got != n {
			t.Fatalf("%d rows are seen of %d", got, n)
		}
	}
	copied := filepath.Join(t.TempDir(), "l.db")
	for _, end := range []string{"", "-wal"} { // as a crash leaves them
		b, err := os.ReadFile(path + end)
		must(t, err)
		must(t, os.WriteFile(copied+end, b, 0o600))
	}
	if got := seen(t, logged(t, copied, "100"), 'h'); got != 1500 {
		t.Errorf("%d rows after a recovery", got)
	}
}

// TestRollbackLeavesNothing: nothing of a transaction that was rolled back, or
// could not commit, is written later, where another connection has written by
// then.
func TestRollbackLeavesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l.db")
	c := logged(t, path, "10")
	must(t, c.Script("PRAGMA foreign_keys=1; CREATE TABLE f(id INTEGER PRIMARY KEY, b BLOB) STRICT; "+
		"CREATE TABLE r(f INTEGER REFERENCES f DEFERRABLE INITIALLY DEFERRED) STRICT"))
	other := logged(t, path, "10")
	for i := range 4 {
		begin(t, c)
		fill(t, c, 50, 'x')
		if i%2 == 0 {
			_, err := c.Exec("INSERT INTO r VALUES(-1)")
			must(t, err)
			if err := c.Commit(); !Misuse(err) {
				t.Fatalf("a reference to nothing: %v", err)
			}
		}
		_, err := c.Exec("ROLLBACK")
		must(t, err)
		begin(t, other)
		fill(t, other, 40, 'o')
		must(t, other.Commit())
		begin(t, c)
		fill(t, c, 1, 'c')
		must(t, c.Commit())
		for _, r := range []*Conn{c, other} {
			if x, o, mine := seen(t, r, 'x'), seen(t, r, 'o'), seen(t, r, 'c'); x != 0 || o != 40*(i+1) || mine != i+1 {
				t.Fatalf("round %d: %d, %d, %d", i, x, o, mine)
			}
		}
	}
}

// TestCommitWritesOnce: a commit of a few pages is one write to the log.
func TestCommitWritesOnce(t *testing.T) {
	c := logged(t, filepath.Join(t.TempDir(), "l.db"), "1000")
	must(t, c.Script("CREATE TABLE f(id INTEGER PRIMARY KEY, b BLOB) STRICT"))
	begin(t, c)
	fill(t, c, 1, 'a')
	must(t, c.Commit())
	begin(t, c)
	fill(t, c, 20, 'b')
	before := writes(t)
	must(t, c.Commit())
	if n := writes(t) - before; n > 3 { // one to spare for the rest of the process
		t.Errorf("%d writes for a commit of 20 pages", n)
	}
}

// writes counts the write system calls of this process.
func writes(t *testing.T) (n int) {
	t.Helper()
	b, err := os.ReadFile("/proc/self/io")
	must(t, err)
	_, after, _ := strings.Cut(string(b), "syscw: ")
	if _, err := fmt.Sscan(after, &n); err != nil {
		t.Fatal(err)
	}
	return n
}
