// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/csv"
	"errors"
	"io"
	"strings"
)

// table writes a CSV file that a German spreadsheet opens by a double click:
// UTF-8 with a byte order mark, cells separated by semicolons, lines ended by
// CR LF (RFC 4180).
type table struct {
	file io.WriteCloser
	csv  *csv.Writer
}

// byteOrderMark makes spreadsheets read UTF-8.
const byteOrderMark = "\uFEFF"

func newTable(file io.WriteCloser, head ...string) (*table, error) {
	t := &table{file: file, csv: csv.NewWriter(file)}
	t.csv.Comma, t.csv.UseCRLF = ';', true
	if _, err := io.WriteString(file, byteOrderMark); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	t.add(head...)
	return t, nil
}

// add writes one line; end says whether it could be.
func (t *table) add(cells ...string) {
	for i, c := range cells {
		cells[i] = harmless(c)
	}
	_ = t.csv.Write(cells) // end tells
}

// harmless keeps a spreadsheet from calculating a name that looks like a
// formula: an apostrophe goes before it. No control character goes in.
func harmless(cell string) string {
	cell = plain(strings.ReplaceAll(strings.ToValidUTF8(cell, "\uFFFD"), "\n", "\uFFFD"))
	if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

func (t *table) end() error {
	t.csv.Flush()
	return errors.Join(t.csv.Error(), t.file.Close())
}
