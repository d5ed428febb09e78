// SPDX-License-Identifier: Apache-2.0

//go:build testclock

package catalog

import (
	"os"
	"strings"
	"time"
)

// clock is the wall clock, shifted by the duration (such as "-90m") that stands
// in the file named by POSTFACH_TESTCLOCK, read anew each time. A test sets a
// clock wrong with it; a release is built without this file.
func clock() func() time.Time {
	by := shift()
	return func() time.Time { return time.Now().Add(by()) }
}

// shift is the duration alone, for the clock of a database server.
func shift() func() time.Duration {
	name := os.Getenv("POSTFACH_TESTCLOCK")
	return func() time.Duration {
		text, err := os.ReadFile(name)
		if name == "" || err != nil {
			return 0
		}
		by, err := time.ParseDuration(strings.TrimSpace(string(text)))
		if err != nil {
			panic("POSTFACH_TESTCLOCK: " + err.Error())
		}
		return by
	}
}
