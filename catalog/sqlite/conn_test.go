// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func open(t testing.TB) *Conn {
	t.Helper()
	c, err := Open(filepath.Join(t.TempDir(), "a?b#c%20.db"), Options{BusyTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestValuesRoundTrip: every kind of argument comes back, large and empty ones
// too, and a statement can be used inside its own rows.
func TestValuesRoundTrip(t *testing.T) {
	c := open(t)
	must(t, c.Script("CREATE TABLE v(id INTEGER PRIMARY KEY, i INTEGER, t TEXT, b BLOB, at INTEGER) STRICT"))
	big := bytes.Repeat([]byte("äß\x00x"), 40_000)
	at := time.Date(2026, 3, 29, 1, 59, 59, 123456000, time.UTC)
	for _, text := range []string{"", "Grüße\x00dahinter", string(big)} {
		_, err := c.Exec("INSERT INTO v(i, t, b, at) VALUES($1, $2, $3, $4)", int64(-1<<63), text, []byte(text), at)
		must(t, err)
	}
	_, err := c.Exec("INSERT INTO v(i, t, b, at) VALUES($1, $2, $3, $4)", nil, nil, []byte(nil), time.Time{})
	must(t, err)
	rows := 0
	const all = "SELECT i, t, b, at, id FROM v WHERE id > $1 ORDER BY id"
	err = c.Query(all, func(r *Row) error {
		rows++
		if r.Int(4) == 4 {
			if !r.Null(0) || !r.Null(1) || !r.Null(2) || !r.Time(3).IsZero() || r.Text(1) != "" || r.Bytes(2) != nil {
				t.Error("NULL does not read as zero")
			}
			return nil
		}
		inner := 0
		must(t, c.Query(all, func(*Row) error { inner++; return nil }, r.Int(4)))
		if want := 4 - int(r.Int(4)); inner != want {
			t.Errorf("inner query: %d rows, want %d", inner, want)
		}
		if r.Int(0) != -1<<63 || r.Text(1) != string(r.Bytes(2)) || !r.Time(3).Equal(at) {
			t.Errorf("row %d came back changed", r.Int(4))
		}
		return nil
	}, int64(0))
	must(t, err)
	if rows != 4 {
		t.Fatalf("%d rows", rows)
	}
	if c.used != 0 {
		t.Fatalf("%d bytes of arguments are still held", c.used)
	}
}

// TestErrorsAreTold: what a caller must tell apart can be told apart, and a
// statement works again after it failed.
func TestErrorsAreTold(t *testing.T) {
	c := open(t)
	must(t, c.Script("CREATE TABLE k(a INTEGER PRIMARY KEY, b TEXT NOT NULL UNIQUE) STRICT"))
	put := func(a int64, b any) error { _, err := c.Exec("INSERT INTO k VALUES($1, $2)", a, b); return err }
	must(t, put(1, "x"))
	if err := put(2, "x"); !Misuse(err) || !strings.Contains(err.Error(), "UNIQUE") {
		t.Errorf("unique: %v", err)
	}
	if err := put(1, "y"); !Misuse(err) {
		t.Errorf("primary key: %v", err)
	}
	if err := put(3, nil); !Misuse(err) {
		t.Errorf("not null: %v", err)
	}
	if err := put(3, struct{}{}); err == nil {
		t.Error("an argument of a strange type is not refused")
	}
	must(t, put(3, "z"))
	var order []int64
	must(t, c.Query("SELECT $3, $1, $2, $3", func(r *Row) error {
		order = append(order, r.Int(0), r.Int(1), r.Int(2), r.Int(3))
		return nil
	}, int64(1), int64(2), int64(3)))
	if !slices.Equal(order, []int64{3, 1, 2, 3}) {
		t.Errorf("arguments went to %v", order)
	}
	if _, err := c.Exec("SELECT $2", int64(1)); err == nil {
		t.Error("a missing argument is not refused")
	}
	if _, err := c.Exec("SELEC 1"); err == nil || !strings.Contains(err.Error(), "SELEC") {
		t.Errorf("syntax error: %v", err)
	}
	stop := errors.New("stop")
	if err := c.Query("SELECT a FROM k", func(*Row) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("scan's error: %v", err)
	}
}

// TestReadOnly: a connection for reading cannot write.
func TestReadOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.db")
	w, err := Open(path, Options{})
	must(t, err)
	defer w.Close()
	must(t, w.Script("PRAGMA journal_mode=WAL; CREATE TABLE r(a INTEGER) STRICT"))
	r, err := Open(path, Options{ReadOnly: true})
	must(t, err)
	defer r.Close()
	if _, err := r.Exec("INSERT INTO r VALUES(1)"); err == nil || Misuse(err) {
		t.Errorf("writing on a read-only connection: %v", err)
	}
}

// TestInterrupt ends a statement that would run for ever.
func TestInterrupt(t *testing.T) {
	c := open(t)
	started := make(chan struct{})
	go func() { <-started; c.Interrupt() }()
	const forever = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT i FROM n"
	n := 0
	err := c.Query(forever, func(*Row) error {
		if n++; n == 1 {
			close(started)
		}
		return nil
	})
	if err == nil || Misuse(err) {
		t.Fatalf("want an interruption, got %v", err)
	}
}

// TestOpenFails: a folder is not a database, and the error names it.
func TestOpenFails(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), dir) {
		t.Fatalf("opening a folder: %v", err)
	}
}
