// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"slices"
	"strings"
	"testing"

	"postfach/catalog/sqlite"
	"postfach/mailbox"
)

func records(q RecordQuery) string {
	sql, _, err := q.statement()
	if err != nil {
		panic(err)
	}
	return sql
}

// planned is a statement that requests run; sorts says that it may sort.
type planned struct {
	name, sql string
	sorts     bool
}

func requestStatements() []planned {
	return []planned{
		{"child", selectChild, false}, {"children", selectChildren, false}, {"entry", selectEntry, false},
		{"subtree", selectSubtree, true}, {"set place", setPlace, false}, {"mark taken", markTakenTree, false},
		{"mark outbox", markOutboxTree, false}, {"drop folder", selectDropFolder, false},
		{"member", selectMember, false}, {"member by number", selectMemberByNumber, false},
		{"mailboxes", selectTheseMailboxes, true}, {"sum", "SELECT sum(e.change_member)" + sumThese, false},
		{"version", selectVersion, false}, {"versions", selectVersions, true}, {"authors", selectAuthors, true},
		{"outbox twins", selectOutboxTwins, false}, {"taken twin", selectTakenOverTwin, false},
		{"former names", selectFormer, true}, {"replaced by", selectReplacedBy, false}, {"purgeable", selectPurgeable, true},
		{"locks", selectLocks, true}, {"props", selectProps, false},
		{"deliveries", selectDeliveries, false}, {"told", selectTold, false}, {"fetch", selectFetch, false},
		{"credentials", selectByLogin, false}, {"grants", selectGrants, true}, {"attempts", selectAttempts, false},
		{"removed", selectRemoved, true},
		{"deliveries of a member", selectDeliveryFacts + " WHERE d.member = $1 " + factsOrder, true},
		{"audit", records(RecordQuery{After: 1}), false}, {"audit of a member", records(RecordQuery{Member: 1}), false},
		{"audit of an account", records(RecordQuery{Account: 1, Newest: true}), false}, {"audit of a period", selectPeriod, false},
		{"audit of an entry", records(RecordQuery{Entry: 1, Operations: []mailbox.Operation{"x"}}), false},
		{"claim", claim, false}, {"items", selectItems, true}, {"told accounts", selectToldAccounts, true},
	}
}

// TestPlans: what requests run uses an index whatever the size of the tables
// (DESIGN.md section 10), and what runs for every request sorts nothing.
func TestPlans(t *testing.T) {
	s := openTest(t)
	// Small by themselves: what a statement has just gathered, or one row.
	small := []string{"SCAN b", "SCAN c", "SCAN w", "SCAN within", "SCAN below", "SCAN chain", "SCAN t", "SCAN tree", "SCAN j", "SCAN CONSTANT ROW", "SCAN json_each"}
	for _, tc := range requestStatements() {
		err := s.writer.conn.Query("EXPLAIN QUERY PLAN "+tc.sql, func(r *sqlite.Row) error {
			step := r.Text(3)
			scan := strings.HasPrefix(step, "SCAN") &&
				!slices.ContainsFunc(small, func(s string) bool { return step == s || strings.HasPrefix(step, s+" ") })
			if scan || strings.Contains(step, "AUTOMATIC") || !tc.sorts && strings.Contains(step, "TEMP B-TREE FOR ORDER") {
				t.Errorf("%s: %s", tc.name, step)
			}
			return nil
		}, make([]any, 20)...)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}
