// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"
	"os"
	"testing"
)

// Main runs the tests of a package whose worlds share one built binary, calls
// stop at the end, and gives the exit code. Short runs need no binary, and
// BinaryVariable names one that is there already. Flags must be parsed before.
func Main(m *testing.M, stop func()) int {
	defer stop()
	if testing.Short() || os.Getenv(BinaryVariable) != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "postfach-test")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary, err := Build(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	os.Setenv(BinaryVariable, binary)
	return m.Run()
}
