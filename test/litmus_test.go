// SPDX-License-Identifier: Apache-2.0

package test

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"postfach/test/results"
	"postfach/test/world"
)

// litmusTests is how many tests Debian's litmus 0.13 runs per suite.
var litmusTests = map[string]string{"basic": "16", "copymove": "13", "props": "30", "locks": "41", "http": "4"}

var litmusSummary = regexp.MustCompile("summary for `(\\w+)': of (\\d+) tests run: (\\d+) passed, (\\d+) failed")

// litmusRun is what litmus summed up in one place, by suite.
type litmusRun struct {
	Commit  string            `json:"commit"`
	Place   string            `json:"place"`
	As      string            `json:"as"`
	Passed  map[string]string `json:"passed"`
	Skipped int               `json:"skipped"`
}

// TestLitmus: no failures, no skips, where a member writes and where a
// caseworker does (issue 2, item 8).
func TestLitmus(t *testing.T) {
	w := whole(t, world.Everybody())
	kept := results.Open("litmus")
	for _, place := range []struct{ who, path string }{
		{"anna", "/dav/an_KVBbg/"},
		{"anna", "/dav/0815/an_KVBbg/"},
		{"bert", "/dav/0815/Postausgang/"},
	} {
		t.Run(strings.Trim(strings.ReplaceAll(place.path, "/", "_"), "_"), func(t *testing.T) {
			out := litmus(t, w, place.who, place.path)
			sum := litmusRun{Place: place.path, As: place.who, Passed: map[string]string{}, Skipped: strings.Count(out, "SKIPPED")}
			seen := map[string]bool{}
			for _, s := range litmusSummary.FindAllStringSubmatch(out, -1) {
				seen[s[1]] = true
				sum.Passed[s[1]] = s[3] + " of " + s[2]
				if s[2] != litmusTests[s[1]] || s[3] != s[2] || s[4] != "0" {
					t.Errorf("%s: of %s tests (want %s) %s passed, %s failed", s[1], s[2], litmusTests[s[1]], s[3], s[4])
				}
			}
			for suite := range litmusTests {
				if !seen[suite] {
					t.Errorf("suite %s did not run to its end", suite)
				}
			}
			if sum.Skipped > 0 {
				t.Error("tests were skipped")
			}
			sum.Commit = kept.Commit
			must(t, kept.Add(sum))
			if t.Failed() {
				t.Log(out)
			}
		})
	}
}

func litmus(t *testing.T, w *world.World, who, path string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "litmus", "-k", w.URL+path, who, world.Password)
	cmd.Dir = t.TempDir() // it writes debug.log where it stands
	out, err := cmd.CombinedOutput()
	text := strings.ReplaceAll(string(out), "\r", "\n")
	if err != nil {
		t.Errorf("litmus: %v", err)
	}
	return text
}
