// SPDX-License-Identifier: Apache-2.0

// Package faults breaks what a whole Postfach depends on, one thing at a time
// and in every way, while people work: clamd, the bucket, the database, the
// mail relay and the clocks. Whatever happens costs availability at most: no
// byte is readable that clamd did not call clean, nothing acknowledged is lost,
// nobody stays untold, and every answer is true (I1, I2, I4, P68).
package faults

import (
	"flag"
	"os"
	"strconv"
	"testing"

	"postfach/catalog/pgtest"
	"postfach/test/world"
)

// database is the PostgreSQL server of the tests here; it starts when needed.
var database pgtest.Lazy

// TestMain builds the binary once.
func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(world.Main(m, database.Stop))
}

// long skips in short runs; these tests take a minute.
func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a whole Postfach and what it depends on; left out by -short")
	}
}

// whole says that the long series runs: `make faults`.
func whole() bool { return os.Getenv("POSTFACH_FAULTS") == "all" }

// seed of what is chosen at random; POSTFACH_FAULTS_SEED sets another.
func seed() uint64 {
	if n, err := strconv.ParseUint(os.Getenv("POSTFACH_FAULTS_SEED"), 10, 64); err == nil {
		return n
	}
	return 20260101
}
