// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// plain makes text from outside fit for a terminal: no control character of a
// refused path or user agent reaches it. Line breaks of our own stay.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && (unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Bidi_Control, r)) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// cell is plain in one line of a table.
func cell(s string) string {
	s = strings.ReplaceAll(plain(s), "\n", " ")
	if s == "" {
		return "-"
	}
	return s
}

// say writes one sentence.
func (e *env) say(format string, args ...any) {
	fmt.Fprintln(e.out, plain(fmt.Sprintf(format, args...)))
}

// listing prints rows as an aligned table, or as JSON with one object a line.
type listing[T any] struct {
	tw    *tabwriter.Writer // nil for JSON
	enc   *json.Encoder
	cells func(T) []string
	rows  int
}

func newListing[T any](e *env, asJSON bool, head []string, cells func(T) []string) *listing[T] {
	l := &listing[T]{cells: cells}
	if asJSON {
		l.enc = json.NewEncoder(e.out)
		l.enc.SetEscapeHTML(false)
		return l
	}
	l.tw = tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(l.tw, strings.Join(head, "\t"))
	return l
}

func (l *listing[T]) add(row T) error {
	l.rows++
	if l.tw == nil {
		return l.enc.Encode(row)
	}
	cells := l.cells(row)
	for i := range cells {
		cells[i] = cell(cells[i])
	}
	_, err := fmt.Fprintln(l.tw, strings.Join(cells, "\t"))
	return err
}

func (l *listing[T]) end() error {
	if l.tw == nil {
		return nil
	}
	return l.tw.Flush()
}

// object prints one thing as JSON.
func (e *env) object(v any) error {
	enc := json.NewEncoder(e.out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// facts prints one thing as lines of name and value.
func (e *env) facts(pairs ...[2]string) error {
	tw := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	for _, p := range pairs {
		if p[1] != "" {
			fmt.Fprintf(tw, "%s:\t%s\n", p[0], cell(p[1]))
		}
	}
	return tw.Flush()
}

// moment is a time as operators read it; "" for none.
func moment(t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return ""
	}
	return t.In(zone).Format("2006-01-02 15:04:05")
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func bytesOf(n int64) string {
	switch {
	case n < 1<<10:
		return strconv.FormatInt(n, 10) + " B"
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	case n < 1<<30:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
}
