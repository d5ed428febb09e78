// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/unicode/norm"
)

const (
	maxTable   = 16     // MiB
	maxRows    = 50_000 //
	maxColumns = 64
	maxCell    = 4096 // bytes
	maxFaults  = 1000
)

// Column is one that a table may have.
type Column struct {
	Key      string   // by which Row.Get finds it
	Names    []string // accepted headers, German first; case does not matter
	Required bool     // the column must be there and none of its cells empty
	Lines    bool     // a cell may hold line breaks
}

// Row is one line of a table.
type Row struct {
	Line   int  // in the file, from 1
	Faulty bool // a fault of it was told; cells that are wrong are left out
	cells  map[string]string
}

// Get gives a cell by the key of its column, NFC and without surrounding
// space; "" when the column is not there.
func (r Row) Get(key string) string { return r.cells[key] }

// Fault is something wrong in a file.
type Fault struct {
	Line int // from 1
	*Refusal
}

// ReadTable reads a CSV file with a header line, separated by ; or , (whichever
// the header has more of), in UTF-8 or else Windows-1252, as spreadsheets write
// it. Lines without any content are skipped. It reports every fault, up to
// 1,000; rows with one are given too, so that they can be asked for further
// faults. A file with faults is not to be carried out. The error is the reader's.
func ReadTable(r io.Reader, columns []Column) ([]Row, []Fault, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxTable<<20+1))
	if err != nil {
		return nil, nil, err
	}
	if len(raw) > maxTable<<20 {
		return nil, []Fault{{1, invalid(textFileLong, maxTable)}}, nil
	}
	data, fault := decodeTable(raw)
	if fault != nil {
		return nil, []Fault{*fault}, nil
	}
	t := table{columns: columns}
	t.read(data)
	return t.rows, t.faults, nil
}

// decodeTable makes UTF-8 of the file.
func decodeTable(raw []byte) ([]byte, *Fault) {
	if bytes.HasPrefix(raw, []byte{0xFF, 0xFE}) || bytes.HasPrefix(raw, []byte{0xFE, 0xFF}) {
		return nil, &Fault{1, invalid(textFileUTF16)}
	}
	raw = bytes.TrimPrefix(raw, []byte("\ufeff"))
	if utf8.Valid(raw) {
		return raw, nil
	}
	out, err := charmap.Windows1252.NewDecoder().Bytes(raw)
	if i := bytes.IndexRune(out, utf8.RuneError); err != nil || i >= 0 {
		return nil, &Fault{1 + bytes.Count(out[:max(i, 0)], []byte("\n")), invalid(textFileByte)}
	}
	return out, nil
}

// table is a file being read.
type table struct {
	columns []Column
	header  []*Column // by position
	rows    []Row
	faults  []Fault
}

func (t *table) fault(line int, r *Refusal) {
	switch n := len(t.faults); {
	case n < maxFaults:
		t.faults = append(t.faults, Fault{line, r})
	case n == maxFaults:
		t.faults = append(t.faults, Fault{line, invalid(textTooManyFaults, maxFaults)})
	}
}

func (t *table) read(data []byte) {
	in := csv.NewReader(bytes.NewReader(data))
	in.Comma = separator(data)
	in.FieldsPerRecord = -1
	in.ReuseRecord = true
	for {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if e, ok := errors.AsType[*csv.ParseError](err); ok {
			t.fault(e.Line, invalid(textFileSyntax)) // what follows cannot be told apart
			return
		}
		line, _ := in.FieldPos(0)
		if empty(record) {
			continue
		}
		if t.header == nil {
			if !t.readHeader(line, record) {
				return
			}
			continue
		}
		if len(t.rows) == maxRows {
			t.fault(line, invalid(textFileRows, maxRows))
			return
		}
		t.readRow(line, record)
	}
	if t.header == nil {
		t.fault(1, invalid(textFileEmpty))
	}
}

// separator is what the header line has more of.
func separator(data []byte) rune {
	header, _, _ := bytes.Cut(bytes.TrimLeft(data, "\r\n"), []byte("\n"))
	if bytes.Count(header, []byte(",")) > bytes.Count(header, []byte(";")) {
		return ','
	}
	return ';'
}

func empty(record []string) bool {
	for _, c := range record {
		if strings.TrimSpace(c) != "" {
			return false
		}
	}
	return true
}

// readHeader finds the columns; false when the rows cannot be read.
func (t *table) readHeader(line int, record []string) bool {
	if len(record) > maxColumns {
		t.fault(line, invalid(textTooManyColumns, maxColumns))
		return false
	}
	t.header = make([]*Column, len(record))
	seen := make(map[string]bool)
	for i, cell := range record {
		name := strings.TrimSpace(cell)
		if name == "" {
			continue // nothing may stand below; readRow sees to it
		}
		c := t.column(name)
		switch {
		case c == nil:
			t.fault(line, invalid(textHeaderUnknown, name, t.known()))
		case seen[c.Key]:
			t.fault(line, invalid(textHeaderTwice, name))
		default:
			seen[c.Key], t.header[i] = true, c
		}
	}
	for _, c := range t.columns {
		if c.Required && !seen[c.Key] {
			t.fault(line, invalid(textHeaderMissing, c.Names[0]))
		}
	}
	return len(t.faults) == 0
}

func (t *table) column(name string) *Column {
	key := foldKey(name)
	for i := range t.columns {
		for _, n := range t.columns[i].Names {
			if foldKey(n) == key {
				return &t.columns[i]
			}
		}
	}
	return nil
}

func (t *table) known() string {
	var names []string
	for _, c := range t.columns {
		names = append(names, strings.Join(c.Names, "/"))
	}
	return strings.Join(names, ", ")
}

func (t *table) readRow(line int, record []string) {
	row := Row{Line: line, cells: make(map[string]string, len(t.header))}
	faults := len(t.faults)
	for i, cell := range record {
		cell = norm.NFC.String(strings.TrimSpace(cell))
		if cell == "" {
			continue
		}
		if i >= len(t.header) || t.header[i] == nil {
			t.fault(line, invalid(textCellsExtra))
			return
		}
		c := t.header[i]
		switch {
		case len(cell) > maxCell:
			t.fault(line, invalid(textCellLong, c.Names[0], maxCell))
		case strings.ContainsFunc(cell, func(r rune) bool { return unicode.IsControl(r) && !(c.Lines && (r == '\n' || r == '\r')) }):
			t.fault(line, invalid(textCellControl, c.Names[0]))
		default:
			row.cells[c.Key] = cell
		}
	}
	for _, c := range t.header {
		if c != nil && c.Required && row.cells[c.Key] == "" {
			t.fault(line, invalid(textCellEmpty, c.Names[0]))
		}
	}
	row.Faulty = len(t.faults) > faults
	t.rows = append(t.rows, row)
}
