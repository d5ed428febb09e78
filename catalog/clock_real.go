// SPDX-License-Identifier: Apache-2.0

//go:build !testclock

package catalog

import "time"

// clock is the wall clock.
func clock() func() time.Time { return time.Now }
