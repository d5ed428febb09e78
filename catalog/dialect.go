// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"regexp"
	"strings"
)

// The statements are written for both databases. What PostgreSQL says in other
// words stands here, and nowhere else.
var (
	// A list of ids or of texts comes as JSON in one argument.
	listOfTexts = regexp.MustCompile(`SELECT CAST\(value AS TEXT\) FROM json_each\((\$\d+)\)`)
	listOfIDs   = regexp.MustCompile(`SELECT value FROM json_each\((\$\d+)\)`)

	otherWords = strings.NewReplacer(
		// One recursive term; the two partial indexes serve it together.
		within, `(WITH RECURSIVE within (id) AS (SELECT CAST($1 AS BIGINT)
			UNION ALL SELECT e.id FROM within w JOIN entries e ON e.parent = w.id AND (e.removed = 0 OR e.removed <> 0))
			SELECT id FROM within)`,
		// Nodes that claim at the same time get different notices.
		claimable+")", claimable+" FOR UPDATE SKIP LOCKED)",
		"last_insert_rowid()", "lastval()",
	)
)

// inPostgres puts a statement into words of PostgreSQL.
func inPostgres(sql string) string {
	sql = otherWords.Replace(sql)
	sql = listOfTexts.ReplaceAllString(sql, "SELECT jsonb_array_elements_text(CAST(CAST($1 AS TEXT) AS JSONB))")
	return listOfIDs.ReplaceAllString(sql, "SELECT CAST(jsonb_array_elements_text(CAST(CAST($1 AS TEXT) AS JSONB)) AS BIGINT)")
}
