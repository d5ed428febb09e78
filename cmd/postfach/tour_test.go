// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"postfach/demo"
)

func demoOptions(t *testing.T, out io.Writer) demo.Options {
	e := &env{ctx: t.Context(), getenv: func(string) string { return "" }}
	return demo.Options{Dir: filepath.Join(t.TempDir(), "demo"), Listen: "127.0.0.1:0", MailListen: "127.0.0.1:0", OwnSignatures: true,
		Program: "bin/postfach", Out: out, Serve: e.serveAs, Command: e.command}
}

// changing from one tour to the next.
var changing = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`127\.0\.0\.1:[0-9]+`), "127.0.0.1:PORT"},
	{regexp.MustCompile(`(anna|bert|carla|emil):[A-Za-z]+-[A-Za-z]+-[A-Za-z]+-[0-9]{3}`), "$1:PASSWORD"},
	{regexp.MustCompile(`/\S*/postfach-tour-[0-9]+/`), "/tmp/postfach-tour/"},
}

// fixedLines are the sentences, commands and statuses of a tour.
func fixedLines(text string) (lines []string) {
	step := regexp.MustCompile(`^([0-9]+\. |\$ |    HTTP [0-9]{3}$)`)
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if !step.MatchString(line) {
			continue
		}
		for _, c := range changing {
			line = c.pattern.ReplaceAllString(line, c.instead)
		}
		lines = append(lines, line)
	}
	return lines
}

// varying are the parts of outputs that no two tours have alike.
var varying = append(slices.Clone(changing), []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}`), "TIME"},
	{regexp.MustCompile(`[0-9]{2}\.[0-9]{2}\.[0-9]{4}, [0-9]{2}:[0-9]{2} Uhr`), "TIME"},
	{regexp.MustCompile(`^(Etag: ).*`), "$1"},
	{regexp.MustCompile(` +`), " "}, // columns are as wide as their widest cell
	{regexp.MustCompile(`^[0-9]+ TIME`), "N TIME"},
	{regexp.MustCompile(`^[0-9]+ records`), "N records"},
}...)

// outputLines are what the commands of a tour wrote, without what varies.
func outputLines(text string) (lines []string) {
	for line := range strings.Lines(text) {
		line, output := strings.CutPrefix(strings.TrimRight(line, " \r\n"), "    ")
		if !output || line == "" {
			continue
		}
		for _, c := range varying {
			line = c.pattern.ReplaceAllString(line, c.instead)
		}
		lines = append(lines, line)
	}
	return lines
}

// untold gives the outputs of the README that the tour does not have; one may
// be cut where it says "…".
func untold(readme, tour string) (all []string) {
	real := outputLines(tour)
	for _, line := range outputLines(readme) {
		if strings.HasPrefix(line, "…") {
			continue
		}
		start, cut := strings.CutSuffix(line, "…")
		if !slices.ContainsFunc(real, func(r string) bool { return r == line || cut && strings.HasPrefix(r, strings.TrimRight(start, " ")) }) {
			all = append(all, line)
		}
	}
	return all
}

// TestTour: every step goes as it should, and the README tells these very
// commands with these answers, in this order (issue 2, items 1 and 2).
func TestTour(t *testing.T) {
	if testing.Short() {
		t.Skip("the tour takes a quarter of a minute")
	}
	var out bytes.Buffer
	if err := demo.Tour(t.Context(), demoOptions(t, &out)); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, told, _ := strings.Cut(string(readme), "<!-- tour -->")
	told, _, _ = strings.Cut(told, "<!-- end of tour -->")
	for _, line := range untold(told, out.String()) {
		t.Errorf("the README tells an output that the tour does not have: %s", line)
	}
	if wrong := untold(strings.Replace(told, "Repr-Digest: sha-256=:", "Repr-Digest: sha-256=:x", 1), out.String()); len(wrong) == 0 {
		t.Error("a wrong output in the README would not be seen")
	}
	rest := fixedLines(out.String())
	said := fixedLines(told)
	if len(said) < 20 {
		t.Fatalf("the README tells only %d lines of the tour", len(said))
	}
	for _, line := range said {
		found := false
		for len(rest) > 0 && !found {
			found, rest = rest[0] == line, rest[1:]
		}
		if !found {
			t.Fatalf("the README says what the tour does not, or not there:\n%s\nThe tour:\n%s", line, out.String())
		}
	}
}
