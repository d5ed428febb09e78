// SPDX-License-Identifier: Apache-2.0

package test

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"postfach/test/world"
)

// TestMain builds the binary once for all worlds of this package.
func TestMain(m *testing.M) {
	flag.Parse()
	stop := func() { database.Stop(); clockBinary.remove() }
	if os.Getenv(aloneVariable) == "" {
		os.Exit(world.Main(m, stop))
	}
	err := beginAlone()
	code := 1
	if err == nil {
		code = world.Main(m, stop)
		err = endAlone()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// whole starts a world; such tests take seconds and are left out by -short.
func whole(t *testing.T, o world.Options) *world.World {
	t.Helper()
	long(t)
	return world.Start(t, o)
}

func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a whole Postfach; left out by -short")
	}
}
