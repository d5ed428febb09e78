// SPDX-License-Identifier: Apache-2.0

// Package results keeps what long series of tests found, a JSON object a line
// with the commit it holds for, so that a series can go on where it was
// interrupted. Only tests may import it.
package results

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
)

// File is the results of one series on one commit. The zero value keeps
// nothing.
type File struct {
	path string
	// Commit of the tree, with -dirty where it was changed.
	Commit string
}

// Open gives the file of a series in the folder that POSTFACH_RESULTS names;
// without it, one that keeps nothing.
func Open(series string) File {
	f := File{Commit: commit()}
	if dir := os.Getenv("POSTFACH_RESULTS"); dir != "" {
		f.path = filepath.Join(dir, series+"-"+f.Commit+".jsonl")
	}
	return f
}

func commit() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty", "--abbrev=12").Output()
	if err == nil {
		return strings.TrimSpace(string(out))
	}
	if b, ok := debug.ReadBuildInfo(); ok {
		return b.Main.Version
	}
	return "unknown"
}

// Any says whether a line fits.
func Any[L any](f File, fits func(L) bool) bool {
	file, err := os.Open(f.path)
	if err != nil {
		return false
	}
	defer file.Close()
	s := bufio.NewScanner(file)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		var l L
		if json.Unmarshal(s.Bytes(), &l) == nil && fits(l) {
			return true
		}
	}
	return false
}

// Add appends a line.
func (f File) Add(line any) error {
	if f.path == "" {
		return nil
	}
	b, err := json.Marshal(line)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(f.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(file, "%s\n", b); err != nil {
		file.Close()
		return err
	}
	return file.Close()
}
