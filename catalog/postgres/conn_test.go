// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"postfach/catalog/pgtest"
)

// shared is the server of all tests here.
var shared pgtest.Lazy

func TestMain(m *testing.M) {
	code := m.Run()
	shared.Stop()
	os.Exit(code)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// open makes a pool over a fresh database.
func open(t *testing.T, o Options) *Pool {
	t.Helper()
	s := shared.Get(t)
	o.URL = s.URL(s.Database(t))
	p, err := Open(o)
	must(t, err)
	t.Cleanup(p.Close)
	return p
}

func get(t *testing.T, p *Pool) *Conn {
	t.Helper()
	c, err := p.Get(t.Context())
	must(t, err)
	t.Cleanup(func() { // when the test fails before
		if c.lent != nil {
			c.Release()
		}
	})
	return c
}

// TestValuesRoundTrip: every kind of argument comes back, large and empty ones
// too, and a statement can be used inside its own rows.
func TestValuesRoundTrip(t *testing.T) {
	c := get(t, open(t, Options{}))
	defer c.Release()
	must(t, c.Script("CREATE TABLE v(id BIGINT GENERATED ALWAYS AS IDENTITY, i BIGINT, t TEXT, b BYTEA, at BIGINT, small SMALLINT, yes BOOLEAN)"))
	big := bytes.Repeat([]byte("äß x"), 400_000)
	at := time.Date(2026, 3, 29, 1, 59, 59, 123456000, time.UTC)
	const insert = "INSERT INTO v(i, t, b, at, small, yes) VALUES($1, $2, $3, $4, $5, $6)"
	for _, text := range []string{"", "Grüße", string(big)} {
		_, err := c.Exec(insert, int64(math.MinInt64), text, []byte(text+"\x00"), at, int64(-7), true)
		must(t, err)
	}
	must(t, c.Later(insert, nil, nil, []byte(nil), time.Time{}, false, nil))
	rows := 0
	const all = "SELECT i, t, b, at, id, small, yes FROM v WHERE id > $1 ORDER BY id"
	must(t, c.Query(all, func(r *Row) error {
		rows++
		if r.Int(4) == 4 {
			if !r.Null(0) || !r.Null(1) || !r.Null(2) || !r.Time(3).IsZero() || r.Text(1) != "" || r.Bytes(2) != nil || r.Int(5) != 0 || r.Null(5) || r.Bool(6) {
				t.Error("NULL does not read as zero")
			}
			return nil
		}
		inner := 0
		must(t, c.Query(all, func(*Row) error { inner++; return nil }, r.Int(4)))
		if want := 4 - int(r.Int(4)); inner != want {
			t.Errorf("inner query: %d rows, want %d", inner, want)
		}
		if r.Int(0) != math.MinInt64 || r.Text(1)+"\x00" != string(r.Bytes(2)) || !r.Time(3).Equal(at) || r.Int(5) != -7 || !r.Bool(6) {
			t.Errorf("row %d came back changed", r.Int(4))
		}
		return nil
	}, int64(0)))
	if rows != 4 {
		t.Fatalf("%d rows", rows)
	}
}

// TestErrorsAreTold: what a caller must tell apart can be told apart, and a
// connection works again after an error.
func TestErrorsAreTold(t *testing.T) {
	c := get(t, open(t, Options{}))
	defer c.Release()
	must(t, c.Script("CREATE TABLE k(a BIGINT PRIMARY KEY, b TEXT NOT NULL UNIQUE, c SMALLINT)"))
	put := func(a int64, b any) error { _, err := c.Exec("INSERT INTO k VALUES($1, $2)", a, b); return err }
	must(t, put(1, "x"))
	if err := put(2, "x"); !Misuse(err) || !Again(err) || c.Fault() == nil {
		t.Errorf("unique: %v", err)
	}
	if err := put(3, nil); !Misuse(err) || Again(err) {
		t.Errorf("not null: %v", err)
	}
	for _, wrong := range []any{struct{}{}, int64(7), []byte("x")} {
		if err := put(3, wrong); err == nil || Code(err) != "" {
			t.Errorf("%T as a text: %v", wrong, err)
		}
	}
	if _, err := c.Exec("INSERT INTO k VALUES($1, 'y', $2)", int64(4), int64(1<<20)); err == nil || Code(err) != "" {
		t.Errorf("too large for its column: %v", err)
	}
	must(t, put(3, "z"))
	if _, err := c.Exec("SELECT $1::text, $2::text", "a"); err == nil || !strings.Contains(err.Error(), "$2") {
		t.Errorf("a missing argument: %v", err)
	}
	if _, err := c.Exec("SELEC 1"); !Misuse(err) || !strings.Contains(err.Error(), "SELEC") {
		t.Errorf("syntax error: %v", err)
	}
	if err := c.Query("SELECT 1.5", nil); err == nil || !strings.Contains(err.Error(), "cast it") {
		t.Errorf("a type that is not read: %v", err)
	}
	stop := errors.New("stop")
	if err := c.Query("SELECT a FROM k", func(*Row) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("scan's error: %v", err)
	}
	if c.Broken() {
		t.Error("an error of the program broke the connection")
	}
}

// TestLater: statements that nobody waits for run in their order, and none of
// them stands when one fails.
func TestLater(t *testing.T) {
	p := open(t, Options{})
	c := get(t, p)
	must(t, c.Script("CREATE TABLE l(a BIGINT PRIMARY KEY)"))
	count := func() (n int64) {
		must(t, c.Query("SELECT count(*) FROM l", func(r *Row) error { n = r.Int(0); return nil }))
		return n
	}
	must(t, c.Begin("BEGIN"))
	for i := range int64(3 * maxPending) {
		must(t, c.Later("INSERT INTO l VALUES($1)", i))
	}
	if n := count(); n != 3*maxPending {
		t.Errorf("%d rows are seen inside", n)
	}
	known, err := c.Commit()
	if must(t, err); !known || count() != 3*maxPending {
		t.Errorf("%d rows are left", count())
	}
	must(t, c.Begin("BEGIN"))
	must(t, c.Later("DELETE FROM l"))
	must(t, c.Later("INSERT INTO l VALUES($1)", int64(1)))
	must(t, c.Later("INSERT INTO l VALUES($1)", int64(1)))
	if known, err = c.Commit(); !known || !Misuse(err) {
		t.Errorf("known %v, %v", known, err)
	}
	c.Rollback()
	if n := count(); n != 3*maxPending {
		t.Errorf("%d rows after a change that failed", n)
	}
	must(t, c.Begin("BEGIN"))
	must(t, c.Later("DELETE FROM l"))
	c.Rollback() // nothing was sent yet
	must(t, c.Begin("BEGIN"))
	if _, err := c.Exec("SELECT 1/0"); !Misuse(err) {
		t.Errorf("%v", err)
	}
	if known, err = c.Commit(); !known || err == nil || c.Fault() == nil {
		t.Errorf("a commit that was a rollback: known %v, %v", known, err)
	}
	if n := count(); n != 3*maxPending {
		t.Errorf("%d rows", n)
	}
	c.Release()
}

// TestStream: a long result comes in parts and in order, also when others run
// inside it, and one that is broken off leaves the connection whole.
func TestStream(t *testing.T) {
	c := get(t, open(t, Options{}))
	defer c.Release()
	must(t, c.Begin("BEGIN READ ONLY"))
	defer c.Rollback()
	const series = "SELECT generate_series(CAST(1 AS BIGINT), $1)"
	for _, n := range []int64{0, 1, fetchRows, 2*fetchRows + 1} {
		var got []int64
		must(t, c.Stream(series, func(r *Row) error {
			if got = append(got, r.Int(0)); r.Int(0) == fetchRows {
				inner := 0
				must(t, c.Stream(series, func(*Row) error { inner++; return nil }, int64(fetchRows+3)))
				if inner != fetchRows+3 {
					t.Errorf("inner: %d rows", inner)
				}
			}
			return nil
		}, n))
		if int64(len(got)) != n || !slices.IsSorted(got) {
			t.Errorf("%d rows of %d", len(got), n)
		}
	}
	stop := errors.New("stop")
	for range 2 {
		if err := c.Stream(series, func(*Row) error { return stop }, int64(5)); !errors.Is(err, stop) {
			t.Errorf("scan's error: %v", err)
		}
	}
}

// TestRelease: the next user of a connection finds nothing of the last one, and
// one that was left inside a transaction or interrupted is not used again.
func TestRelease(t *testing.T) {
	p := open(t, Options{Conns: 1, Limit: 2 * time.Second})
	pid := func(c *Conn) (n int64) {
		must(t, c.Query("SELECT CAST(pg_backend_pid() AS BIGINT)", func(r *Row) error { n = r.Int(0); return nil }))
		return n
	}
	c := get(t, p)
	first := pid(c)
	must(t, c.Later("SELECT 1/0"))
	c.Release()
	c = get(t, p)
	if got := pid(c); got != first || c.Fault() != nil {
		t.Errorf("connection %d, fault %v", got, c.Fault())
	}
	must(t, c.Begin("BEGIN"))
	pid(c)
	c.Release()
	c = get(t, p)
	second := pid(c)
	if second == first {
		t.Error("a connection inside a transaction was used again")
	}
	time.AfterFunc(20*time.Millisecond, c.Interrupt)
	if _, err := c.Exec("SELECT 1 FROM pg_sleep(60)"); err == nil || Misuse(err) || !c.Broken() {
		t.Errorf("interrupted: %v", err)
	}
	c.Release()
	c = get(t, p)
	if pid(c) == second {
		t.Error("an interrupted connection was used again")
	}
	if _, err := c.Exec("SELECT 1 FROM pg_sleep(60)"); err == nil || Misuse(err) || !c.Broken() { // Limit
		t.Errorf("no answer: %v", err)
	}
	c.Release()
	c = get(t, p)
	c.Patient(time.Minute)
	_, err := c.Exec("SELECT 1 FROM pg_sleep(2.5)")
	must(t, err)
	c.Release()
}

// TestFollow: an interruption that comes late meets nobody else. When stop
// returns, it has happened or never will.
func TestFollow(t *testing.T) {
	p := open(t, Options{})
	c := get(t, p)
	for range 200 {
		c.stopped.Store(false)
		ctx, cancel := context.WithCancel(t.Context())
		stop := c.Follow(ctx)
		cancel()
		if stop(); !c.stopped.Load() {
			t.Fatal("the interruption is still to come")
		}
	}
	c.Release()
	c = get(t, p)
	ctx, cancel := context.WithCancel(t.Context())
	c.Follow(ctx)()
	cancel()
	_, err := c.Exec("SELECT 1")
	must(t, err)
	c.Release()
}

// TestFlushKeepsMemory: the list of what waits is made once for a connection,
// and keeps nothing of what was sent.
func TestFlushKeepsMemory(t *testing.T) {
	c := get(t, open(t, Options{}))
	defer c.Release()
	for range 2 {
		must(t, c.Later("SELECT $1::text", "geheim"))
		_, err := c.Exec("SELECT 1")
		must(t, err)
	}
	if len(c.pending) != 0 || cap(c.pending) < 2 {
		t.Fatalf("%d waiting, room for %d", len(c.pending), cap(c.pending))
	}
	for _, r := range c.pending[:cap(c.pending)] {
		if r.s != nil || r.params != nil {
			t.Errorf("kept: %s %q", r.sql(), r.params)
		}
	}
}

// TestSocketAndTLS: a socket needs no TLS; where TLS is asked for, only the
// server that the authority has signed is spoken to (P31).
func TestSocketAndTLS(t *testing.T) {
	s := shared.Get(t)
	ca, stranger := s.TLS(t)
	try := func(url string) error {
		p, err := Open(Options{URL: url, Wait: 3 * time.Second})
		must(t, err)
		defer p.Close()
		c, err := p.Get(t.Context())
		if err == nil {
			c.Release()
		}
		return err
	}
	must(t, try(fmt.Sprintf("postgres://%s@/postgres?host=%s&port=%d&sslmode=disable", pgtest.Owner, s.Socket, s.Port)))
	with := func(host, query string) string {
		return fmt.Sprintf("postgres://%s@%s:%d/postgres?%s", pgtest.Owner, host, s.Port, query)
	}
	must(t, try(with("localhost", "sslmode=verify-full&sslrootcert="+ca)))
	for _, wrong := range []string{
		with("localhost", "sslmode=verify-full&sslrootcert="+stranger),
		with("localhost", "sslmode=verify-full"),
		with("127.0.0.1", "sslmode=verify-full&sslrootcert="+ca), // the certificate names localhost
	} {
		if err := try(wrong); err == nil || !strings.Contains(err.Error(), "x509") {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}
