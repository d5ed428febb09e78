// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestClock: a release does not let its clock be shifted; a build for tests
// does.
func TestClock(t *testing.T) {
	file := filepath.Join(t.TempDir(), "shift")
	must(t, os.WriteFile(file, []byte("-1000h\n"), 0o600))
	t.Setenv("POSTFACH_TESTCLOCK", file)
	shifted := time.Since(clock()()) > 999*time.Hour
	if shifted != clockMayShift {
		t.Errorf("shifted: %v", shifted)
	}
}
