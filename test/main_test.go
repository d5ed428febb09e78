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
	os.Exit(run(m))
}

func run(m *testing.M) int {
	defer database.Stop()
	if testing.Short() || os.Getenv(world.BinaryVariable) != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "postfach-test")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary, err := world.Build(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	os.Setenv(world.BinaryVariable, binary)
	return m.Run()
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
