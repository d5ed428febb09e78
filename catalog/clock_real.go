// SPDX-License-Identifier: Apache-2.0

//go:build !testclock

package catalog

import "time"

// clock is the wall clock.
func clock() func() time.Time { return time.Now }

// shift is how wrong the clock of a database server is made: never.
func shift() func() time.Duration { return func() time.Duration { return 0 } }
