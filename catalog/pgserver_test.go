// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"postfach/auth"
	"postfach/catalog/pgtest"
	"postfach/catalog/postgres"
	"postfach/mailbox"
)

// TestPostgresRefuses: what is not ours, what is newer, and what may lose an
// acknowledged upload (I2) is refused with a reason.
func TestPostgresRefuses(t *testing.T) {
	s := shared.Get(t)
	for _, tc := range []struct{ name, setup, want string }{
		{"foreign", "CREATE TABLE invoices (id INT)", errForeignDatabase.Error()},
		{"newer", "CREATE TABLE schema_version (version BIGINT NOT NULL); INSERT INTO schema_version VALUES (1000)", "schema 1000"},
		{"asynchronous", "ALTER DATABASE %s SET synchronous_commit = off", "synchronous_commit = off"},
	} {
		name := s.Database(t)
		must(t, s.Exec(name, strings.ReplaceAll(tc.setup, "%s", name)))
		if _, err := OpenPostgres(Server{URL: s.URL(name)}, Options{}); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %s", tc.name, err, tc.want)
		}
	}
	latin := "latin" + s.Database(t)
	must(t, s.Exec("postgres", "CREATE DATABASE "+latin+" ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"))
	defer func() { must(t, s.Exec("postgres", "DROP DATABASE "+latin)) }()
	if _, err := OpenPostgres(Server{URL: s.URL(latin)}, Options{}); err == nil || !strings.Contains(err.Error(), "LATIN1") {
		t.Errorf("encoding: %v", err)
	}
	newer := s.Database(t)
	openNode(t, s.URL(newer), Options{})
	must(t, s.Exec(newer, "UPDATE schema_version SET version = version + 1"))
	if _, err := OpenPostgres(Server{URL: s.URL(newer)}, Options{}); !errors.Is(err, errNewer) {
		t.Errorf("newer by one: %v", err)
	}
	_, err := OpenPostgres(Server{URL: pgtest.URL(1, "nobody")}, Options{BusyTimeout: time.Second})
	wantKind(t, err, mailbox.Unavailable)
}

// TestPostgresClock: the clock is the database's, to the microsecond, and
// stands still within a view.
func TestPostgresClock(t *testing.T) {
	p := openPostgres(t)
	before := time.Now().Add(-time.Second)
	must(t, p.View(t.Context(), func(r mailbox.Reader) error {
		if now := r.Now(); now.Before(before) || now.After(time.Now().Add(time.Second)) || now.Nanosecond()%1000 != 0 || now != r.Now() {
			t.Errorf("clock %v", now)
		}
		return nil
	}))
}

// TestPostgresPatience: a change that falls silent is given up soon, since it
// keeps others away; whoever reads may take longer.
func TestPostgresPatience(t *testing.T) {
	p := openPostgres(t)
	const show = "SELECT current_setting('idle_in_transaction_session_timeout')"
	var of string
	see := func(r tuple) { of = r.Text(0) }
	must(t, p.write(t.Context(), nothing, func(tx *tx) error { _, err := tx.one(show, see); return err }))
	if of != "1min" {
		t.Errorf("a change may be silent for %s", of)
	}
	must(t, p.read(t.Context(), func(r *reader) error { _, err := r.one(show, see); return err }))
	if of != "1h" {
		t.Errorf("a view may be silent for %s", of)
	}
}

// TestPostgresAgain: a change that the database gives up for another one's sake
// is run again, a few times and no more.
func TestPostgresAgain(t *testing.T) {
	for _, code := range []string{"40001", "40P01"} {
		p := openPostgres(t)
		m := newMember(t, p.tables, "0815")
		must(t, p.write(t.Context(), nothing, func(tx *tx) error {
			_, err := tx.exec("CREATE SEQUENCE tries")
			if err != nil {
				return err
			}
			_, err = tx.exec(`CREATE FUNCTION give_up() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
				IF nextval('tries') % 4 <> 0 THEN RAISE EXCEPTION 'given up' USING ERRCODE = '` + code + `'; END IF; RETURN NULL; END $$`)
			if err != nil {
				return err
			}
			_, err = tx.exec(`CREATE CONSTRAINT TRIGGER give_up AFTER INSERT ON audit DEFERRABLE INITIALLY DEFERRED
				FOR EACH ROW EXECUTE FUNCTION give_up()`) // at the commit
			return err
		}))
		runs := 0
		_, err := newFile(p, m, "a", &runs)
		if must(t, err); runs != 4 {
			t.Errorf("%s: %d runs", code, runs)
		}
		must(t, p.write(t.Context(), nothing, func(tx *tx) error {
			_, err := tx.exec("ALTER SEQUENCE tries RESTART WITH 1 INCREMENT BY 4")
			return err
		}))
		runs = 0
		if _, err = newFile(p, m, "b", &runs); mailbox.KindOf(err) != mailbox.Unavailable || runs != tries {
			t.Errorf("%s for ever: %v after %d runs", code, err, runs)
		}
	}
}

// TestPostgresText: what is no text in UTF-8 does not keep anything from being
// recorded.
func TestPostgresText(t *testing.T) {
	p := openPostgres(t)
	must(t, p.Append(t.Context(), mailbox.Record{Operation: mailbox.OpRead, Result: "ok\x00\xff",
		RequestID: "Gr\xfc\xdfe", Detail: mailbox.Detail{UserAgent: "a\x00b\xff"}}))
	must(t, p.Inquire(t.Context(), func(q *Inquiry) error {
		return q.Records(RecordQuery{}, func(l Logged) error {
			if l.Result != "ok\uFFFD\uFFFD" || l.RequestID != "Gr\uFFFDe" || l.Detail.UserAgent != "a\x00b\uFFFD" || !l.Intact {
				t.Errorf("%q, %q, %q, intact %v", l.Result, l.RequestID, l.Detail.UserAgent, l.Intact)
			}
			return nil
		})
	}))
}

// TestInquireLong: a result that is fetched in parts comes whole and in order,
// while other questions are asked about each of its rows.
func TestInquireLong(t *testing.T) { forBoth(t, Options{}, inquireLong) }

func inquireLong(t *testing.T, s tables) {
	m := newMember(t, s, "0815")
	const n = 1203
	must(t, s.Update(t.Context(), m.ID, func(tx mailbox.Tx) error {
		for i := range n {
			e := mailbox.Entry{Member: m.ID, Parent: m.Folders[mailbox.Root], Place: mailbox.Root, Folder: true, Name: fmt.Sprint(i), Created: tx.Now(), Modified: tx.Now()}
			if err := tx.InsertEntry(&e); err != nil {
				return err
			}
		}
		return nil
	}))
	stop := errors.New("stop")
	must(t, s.Inquire(t.Context(), func(q *Inquiry) error {
		for _, limit := range []int{0, 700} {
			seen, last := 0, mailbox.EntryID(0)
			err := q.EachEntry(m.ID, func(e mailbox.Entry) error {
				again, err := q.Entry(e.ID)
				if err != nil || again.Name != e.Name || e.ID <= last {
					t.Errorf("entry %d after %d: %v", e.ID, last, err)
				}
				if last = e.ID; seen%400 == 0 { // a long question inside a long one
					inner := 0
					must(t, q.EachEntry(m.ID, func(mailbox.Entry) error { inner++; return nil }))
					if inner != n+4 {
						t.Errorf("%d entries inside", inner)
					}
				}
				if seen++; seen == limit {
					return stop
				}
				return nil
			})
			if want := cmp.Or(limit, n+4); seen != want || errors.Is(err, stop) != (limit > 0) || !errors.Is(err, stop) && err != nil {
				t.Errorf("%d entries, want %d (%v)", seen, want, err)
			}
		}
		return nil
	}))
}

// TestRestrictedRole: the statements that docs/postgresql.md has for a role of
// the nodes let it do everything but touch the audit log and the schema.
func TestRestrictedRole(t *testing.T) {
	s := shared.Get(t)
	text, err := os.ReadFile("../docs/postgresql.md")
	must(t, err)
	_, rest, _ := strings.Cut(string(text), "<!-- grants -->\n```sql\n")
	grants, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("docs/postgresql.md has no grants")
	}
	database := s.Database(t)
	openNode(t, s.URL(database), Options{})
	role := database + "_node"
	must(t, s.Exec(database, "CREATE ROLE "+role+" LOGIN; "+strings.ReplaceAll(grants, "postfach_node", role)))
	t.Cleanup(func() {
		must(t, s.Exec(database, "DROP OWNED BY "+role+"; DROP ROLE "+role))
	})
	p := openNode(t, strings.Replace(s.URL(database), pgtest.Owner+"@", role+"@", 1), Options{})
	m, _, _ := world(t, p.tables)
	changeWithRecord(t, p.tables, m)
	must(t, p.UpdateAccounts(t.Context(), func(tx auth.Tx) error { _, err := tx.PutPerson(auth.Person{Name: "Anna"}); return err }))
	must(t, p.Ready(t.Context()))
	for _, sql := range []string{
		"UPDATE audit SET result = 'x'", "DELETE FROM audit", "UPDATE audit_detail SET detail = ''", "DELETE FROM audit_detail",
		"TRUNCATE audit CASCADE", "ALTER TABLE audit DISABLE TRIGGER ALL", "DROP TABLE locks", "CREATE TABLE x (a INT)",
	} {
		err := p.write(t.Context(), nothing, func(tx *tx) error { _, err := tx.exec(sql); return err })
		if err == nil || postgres.Code(err) != "42501" {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

// changeWithRecord makes a change with its record.
func changeWithRecord(t *testing.T, s tables, m mailbox.Member) {
	t.Helper()
	must(t, s.Update(t.Context(), m.ID, func(tx mailbox.Tx) error {
		if _, err := tx.NextChange(); err != nil {
			return err
		}
		return tx.Audit(mailbox.Record{Operation: mailbox.OpCreate, Member: m.ID})
	}))
}

// TestSchemasAlike: both databases have the same tables, columns and indexes,
// and a number means the same schema in both.
func TestSchemasAlike(t *testing.T) {
	p, s := openPostgres(t), openTest(t)
	theirs := shapeOf(t, p.tables, `SELECT table_name || '.' || column_name,
			CASE data_type WHEN 'bigint' THEN 'INTEGER' WHEN 'smallint' THEN 'INTEGER' WHEN 'text' THEN 'TEXT' WHEN 'bytea' THEN 'BLOB' ELSE data_type END
			|| CASE is_nullable WHEN 'YES' THEN ' NULL' ELSE '' END
		FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'schema_version'
		UNION ALL SELECT indexname, '' FROM pg_indexes WHERE schemaname = 'public' AND indexname NOT LIKE '%\_key' AND indexname NOT LIKE '%\_pkey'
			AND tablename <> 'schema_version'`)
	ours := shapeOf(t, s.tables, `SELECT t.name || '.' || c.name, c.type || CASE WHEN c."notnull" = 0 AND c.pk = 0 THEN ' NULL' ELSE '' END
		FROM sqlite_schema t JOIN pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%'
		UNION ALL SELECT name, '' FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL`)
	for _, name := range slices.Sorted(maps.Keys(merge(ours, theirs))) {
		if ours[name] != theirs[name] {
			t.Errorf("%s: SQLite %q, PostgreSQL %q", name, ours[name], theirs[name])
		}
	}
	lite, err := migrations()
	must(t, err)
	post, err := postgresScripts()
	must(t, err)
	if newest := postgresFirst + len(post) - 1; len(lite) != newest {
		t.Errorf("schema %d of SQLite, %d of PostgreSQL: each change needs a script in both folders", len(lite), newest)
	}
}

func shapeOf(t *testing.T, s tables, sql string) map[string]string {
	t.Helper()
	all := map[string]string{}
	must(t, s.read(t.Context(), func(r *reader) error {
		return r.each(sql, func(row tuple) error { all[row.Text(0)] = "has " + row.Text(1); return nil })
	}))
	return all
}

func merge(a, b map[string]string) map[string]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// TestPostgresPlans: what requests run uses an index whatever the size of the
// tables, with the plan that a prepared statement settles on.
func TestPostgresPlans(t *testing.T) {
	s := shared.Get(t)
	database := s.Database(t)
	p := openNode(t, s.URL(database), Options{})
	for i := range 4 {
		fill(t, p.tables, fmt.Sprint(i), 2000)
	}
	must(t, s.Exec(database, "ANALYZE"))
	must(t, p.read(t.Context(), func(r *reader) error {
		for _, sql := range []string{"SET LOCAL plan_cache_mode = force_generic_plan", "SET LOCAL enable_seqscan = off"} {
			if _, err := r.c.Exec(sql); err != nil {
				return err
			}
		}
		c := r.c.(post)
		for i, tc := range requestStatements() {
			sql := inPostgres(tc.sql)
			args := ""
			if n := params(sql); n > 0 {
				args = "(NULL" + strings.Repeat(", NULL", n-1) + ")"
			}
			must(t, c.Script(fmt.Sprintf("PREPARE plan%d AS %s", i, sql)))
			must(t, c.Query(fmt.Sprintf("EXPLAIN EXECUTE plan%d%s", i, args), func(row tuple) error {
				if step := row.Text(0); strings.Contains(step, "Seq Scan") {
					t.Errorf("%s: %s", tc.name, step)
				}
				return nil
			}))
		}
		return nil
	}))
}

// params counts the arguments of a statement.
func params(sql string) int {
	n := 0
	for strings.Contains(sql, fmt.Sprintf("$%d", n+1)) {
		n++
	}
	return n
}
