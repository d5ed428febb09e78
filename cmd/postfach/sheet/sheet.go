// SPDX-License-Identifier: Apache-2.0

// Package sheet writes CSV files that a German spreadsheet opens by a double
// click: UTF-8 with a byte order mark, cells separated by semicolons, lines
// ended by CR LF (RFC 4180). It knows nothing of what the cells mean.
package sheet

import (
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"unicode"
)

// Mark is the byte order mark at the beginning, without which spreadsheets do
// not read UTF-8.
const Mark = "\uFEFF"

// Writer writes one file.
type Writer struct {
	file io.WriteCloser
	csv  *csv.Writer
}

// New begins a file with the names of its columns. The file is closed by Close,
// and when New fails.
func New(file io.WriteCloser, head ...string) (*Writer, error) {
	w := &Writer{file: file, csv: csv.NewWriter(file)}
	w.csv.Comma, w.csv.UseCRLF = ';', true
	if _, err := io.WriteString(file, Mark); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	w.Add(head...)
	return w, nil
}

// Add writes one line; Close says whether it could be.
func (w *Writer) Add(cells ...string) {
	safe := make([]string, len(cells))
	for i, c := range cells {
		safe[i] = harmless(c)
	}
	_ = w.csv.Write(safe) // Close tells
}

// harmless keeps a spreadsheet from calculating what looks like a formula: an
// apostrophe goes before it. Control characters and broken UTF-8 are replaced.
func harmless(cell string) string {
	cell = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(cell, "\uFFFD"))
	if cell != "" && strings.ContainsRune("=+-@", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

// Close ends the file and says whether everything could be written.
func (w *Writer) Close() error {
	w.csv.Flush()
	return errors.Join(w.csv.Error(), w.file.Close())
}
