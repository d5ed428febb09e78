// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"strings"
	"testing"

	"postfach/catalog/catalogtest"
	"postfach/catalog/sqlite"
)

func TestAccessSuite(t *testing.T) { catalogtest.RunAccess(t, openWhole) }

// TestAccessPlans: what a sign-in and a poll ask uses an index.
func TestAccessPlans(t *testing.T) {
	s := openTest(t)
	for _, sql := range []string{selectAppPasswords, selectOneTimes, selectFlow, usedAppPassword, expiredFlows} {
		err := s.writer.conn.Query("EXPLAIN QUERY PLAN "+sql, func(r *sqlite.Row) error {
			if step := r.Text(3); strings.HasPrefix(step, "SCAN") && !strings.HasPrefix(step, "SCAN json_each") {
				t.Errorf("%s: %s", sql, step)
			}
			return nil
		}, make([]any, 5)...)
		if err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
}
