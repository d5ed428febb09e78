// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing that is wrong with a configuration.
type Fault struct {
	File string `json:"file"`
	Line int    `json:"line"` // 0 when the fault is in no line of the file
	Key  string `json:"key"`  // such as scan.max_size, or the name of an environment variable
	Text string `json:"text"`
}

// Error gives the fault as compilers do, for example
// "postfach.yaml:12: scan.max_size: 3000MiB is over 2000 MiB".
func (f Fault) Error() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Line > 0 {
		fmt.Fprintf(&b, ":%d", f.Line)
	}
	for _, part := range []string{f.Key, f.Text} {
		if part != "" {
			b.WriteString(": " + part)
		}
	}
	return b.String()
}

// Faults is the error of Load: everything that is wrong, by line.
type Faults []Fault

func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, one := range f {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

func (f Faults) sorted() Faults {
	slices.SortStableFunc(f, func(a, b Fault) int { return a.Line - b.Line })
	return f
}
