// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"encoding/binary"
	"time"
)

// Results up to keptBytes and keptCells keep their memory for the next one.
const (
	keptBytes = 1 << 20
	keptCells = 1 << 16
)

// result is the rows of a statement, in memory.
type result struct {
	cells []cell // row by row
	data  []byte
	width int
}

// sink takes the rows of an answer as they come; their memory is the
// connection's.
type sink interface {
	reset()
	add(values [][]byte)
}

// passing hands each row on at once, until scan gives an error.
type passing struct {
	scan func(*Row) error
	row  Row
	err  error
}

func (p *passing) reset() {}

func (p *passing) add(values [][]byte) {
	if p.err == nil {
		p.row.values = values
		p.err = p.scan(&p.row)
	}
}

// cell is a column of a row: data[from:to], or NULL when to is below from.
type cell struct{ from, to int }

func (r *result) reset() { r.cells, r.data, r.width = r.cells[:0], r.data[:0], 0 }

func (r *result) add(values [][]byte) {
	r.width = len(values)
	for _, v := range values {
		from := len(r.data)
		if v == nil {
			r.cells = append(r.cells, cell{from, from - 1})
			continue
		}
		r.data = append(r.data, v...)
		r.cells = append(r.cells, cell{from, len(r.data)})
	}
}

func (r *result) len() int {
	if r.width == 0 {
		return 0
	}
	return len(r.cells) / r.width
}

func (r *result) each(same []string, scan func(*Row) error) error {
	row := Row{r: r, same: same}
	for i := range r.len() {
		row.at = i * r.width
		if err := scan(&row); err != nil {
			return err
		}
	}
	return nil
}

// room gives memory for a result; keep takes it back.
func (c *Conn) room() *result {
	if n := len(c.free); n > 0 {
		r := c.free[n-1]
		c.free = c.free[:n-1]
		return r
	}
	return &result{}
}

func (c *Conn) keep(r *result) {
	if cap(r.data) <= keptBytes && cap(r.cells) <= keptCells {
		r.reset()
		c.free = append(c.free, r)
	}
}

// Row is the current row of a running query; columns count from 0. NULL reads
// as the zero value.
type Row struct {
	r      *result // nil for one that passes
	at     int     // its first cell in r
	values [][]byte
	same   []string
}

// raw is the column's memory, valid while scan runs.
func (r *Row) raw(i int) []byte {
	if r.r == nil {
		return r.values[i]
	}
	c := r.r.cells[r.at+i]
	if c.to < c.from {
		return nil
	}
	return r.r.data[c.from:c.to]
}

// Int reads an integer of any width, and a truth value as 0 or 1.
func (r *Row) Int(i int) int64 {
	switch b := r.raw(i); len(b) {
	case 8:
		return int64(binary.BigEndian.Uint64(b))
	case 4:
		return int64(int32(binary.BigEndian.Uint32(b)))
	case 2:
		return int64(int16(binary.BigEndian.Uint16(b)))
	case 1:
		return int64(b[0])
	}
	return 0
}

// Bool reads a truth value, and an integer as true unless it is 0.
func (r *Row) Bool(i int) bool { return r.Int(i) != 0 }

// Null says that the column is NULL.
func (r *Row) Null(i int) bool {
	if r.r == nil {
		return r.values[i] == nil
	}
	c := r.r.cells[r.at+i]
	return c.to < c.from
}

// Time reads microseconds UTC; 0 is the zero time.
func (r *Row) Time(i int) time.Time {
	if us := r.Int(i); us != 0 {
		return time.UnixMicro(us).UTC()
	}
	return time.Time{}
}

// Text reads a string.
func (r *Row) Text(i int) string { return string(r.raw(i)) }

// Same is Text for a column that mostly repeats the value of the row before.
func (r *Row) Same(i int) string {
	b := r.raw(i)
	if last := r.same[i]; last == string(b) {
		return last
	}
	r.same[i] = string(b)
	return r.same[i]
}

// Bytes reads bytes into fresh memory; nil when there are none or NULL.
func (r *Row) Bytes(i int) []byte {
	b := r.raw(i)
	if len(b) == 0 {
		return nil
	}
	return append(make([]byte, 0, len(b)), b...)
}

// UUID reads an id, as far as the blob goes; NULL is the zero id.
func (r *Row) UUID(i int) (id [16]byte) {
	copy(id[:], r.raw(i))
	return id
}

// Sum reads a SHA-256 likewise.
func (r *Row) Sum(i int) (sum [32]byte) {
	copy(sum[:], r.raw(i))
	return sum
}
