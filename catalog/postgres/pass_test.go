// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"errors"
	"testing"
)

// TestPass: rows that are handed on as they come are the same as those of Query;
// an error of scan ends them, one of the server tells that they do not count,
// and the connection serves on.
func TestPass(t *testing.T) {
	c := get(t, open(t, Options{}))
	defer c.Release()
	const all = `SELECT i, NULLIF('Zeile ' || i, 'Zeile 3'), '', i % 2 = 0 FROM generate_series(1, $1::bigint) AS i ORDER BY i`
	read := func(how func(string, func(*Row) error, ...any) error) (sum int64, texts string) {
		must(t, how(all, func(r *Row) error {
			sum += r.Int(0)
			if r.Int(0) < 5 {
				texts += r.Text(1) + r.Same(1) + "|"
			}
			if r.Null(1) != (r.Int(0) == 3) || r.Null(2) || r.Bool(3) != (r.Int(0)%2 == 0) {
				t.Errorf("row %d is not what was asked for", r.Int(0))
			}
			return nil
		}, int64(5000)))
		return sum, texts
	}
	sum, texts := read(c.Query)
	if s, x := read(c.Pass); s != sum || s != 5000*5001/2 || x != texts {
		t.Errorf("%d %q, want %d %q", s, x, sum, texts)
	}
	enough, rows := errors.New("enough"), 0
	err := c.Pass(all, func(*Row) error {
		if rows++; rows == 10 {
			return enough
		}
		return nil
	}, int64(5000))
	if !errors.Is(err, enough) || rows != 10 || c.Fault() != nil || c.Broken() {
		t.Errorf("%d rows, %v, fault %v", rows, err, c.Fault())
	}
	rows = 0
	err = c.Pass("SELECT 1 / (4000 - i) FROM generate_series(1, $1::bigint) AS i", func(*Row) error { rows++; return nil }, int64(5000))
	if Code(err) != "22012" || rows != 3999 {
		t.Errorf("%d rows, %v", rows, err)
	}
	read(c.Pass)
}
