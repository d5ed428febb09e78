// SPDX-License-Identifier: Apache-2.0

package dav_test

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

var summary = regexp.MustCompile("summary for `(\\w+)': of (\\d+) tests run: (\\d+) passed, (\\d+) failed")

// TestLitmus runs Debian's litmus against the door in this process, where a
// member writes and where a caseworker does (issue 2, item 8). The same over
// the built binary is in package test.
func TestLitmus(t *testing.T) {
	if _, err := exec.LookPath("litmus"); err != nil {
		t.Fatalf("no litmus: install Debian's litmus (%v)", err)
	}
	w := newWorld(t)
	for _, place := range []struct{ as, path string }{{"anna", "/dav/an_KVBbg/"}, {"bert", "/dav/0815/Postausgang/"}} {
		cmd := exec.CommandContext(t.Context(), "litmus", "-k", w.url+place.path, place.as, password)
		cmd.Dir = t.TempDir() // it writes debug.log where it stands
		out, _ := cmd.CombinedOutput()
		text := strings.ReplaceAll(string(out), "\r", "\n")
		found := summary.FindAllStringSubmatch(text, -1)
		for _, s := range found {
			if s[2] != s[3] {
				t.Errorf("%s, %s: %s of %s passed", place.path, s[1], s[3], s[2])
			}
		}
		if len(found) != 5 || strings.Contains(text, "SKIPPED") || t.Failed() {
			t.Errorf("%s:\n%s", place.path, text)
		}
	}
}
