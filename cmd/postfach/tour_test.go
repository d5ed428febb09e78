// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

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

// TestDemo starts twice on one folder: the second time with the same data and
// accounts, within seconds, and not beside itself.
func TestDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("the demo takes some seconds")
	}
	o := demoOptions(t, nil)
	first := playDemo(t, o)
	second := playDemo(t, o)
	password := regexp.MustCompile(`(?m)^anna +(\S+)`)
	a, b := password.FindStringSubmatch(first), password.FindStringSubmatch(second)
	if a == nil || b == nil || a[1] != b[1] {
		t.Errorf("anna's password: %q, then %q", a, b)
	}
	if strings.Contains(second, "Filling") {
		t.Errorf("filled twice:\n%s", second)
	}
	for _, role := range []string{"caseworker", "reviewer", "registrar", "auditor", "operator", "clerk", "administrator", "data centre"} {
		if !strings.Contains(first, role) {
			t.Errorf("no account of role %s:\n%s", role, first)
		}
	}
}

// lockedBuffer is written to by a demo while a test reads it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// playDemo runs a demo until it has told everything, and looks into anna's
// mailbox with what it told.
func playDemo(t *testing.T, o demo.Options) string {
	t.Helper()
	out := &lockedBuffer{}
	o.Out = out
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- demo.Run(ctx, o) }()
	for end := time.Now().Add(90 * time.Second); !strings.Contains(out.String(), "Ctrl-C"); time.Sleep(20 * time.Millisecond) {
		select {
		case err := <-ended:
			t.Fatalf("the demo ended: %v\n%s", err, out.String())
		default:
		}
		if time.Now().After(end) {
			t.Fatalf("the demo does not come up:\n%s", out.String())
		}
	}
	beside := o
	beside.Out = &lockedBuffer{}
	if err := demo.Run(ctx, beside); err == nil || !strings.Contains(err.Error(), "runs on") {
		t.Errorf("a second demo on the same folder: %v", err)
	}
	line := regexp.MustCompile(`curl -u (\S+):(\S+) (http\S+/dav/)\n`).FindStringSubmatch(out.String())
	if line == nil {
		t.Fatalf("no curl line:\n%s", out.String())
	}
	for name, want := range map[string]int{"Korrekturliste%20M%C3%A4rz%202026.csv": 200, "an_KVBbg/Jahresmeldung%202025.csv": 200,
		"Postausgang/Fehlerliste%20April%202026%20%28Entwurf%29.csv": 404} {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, line[3]+name, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth(line[1], line[2])
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", name, resp.StatusCode, want)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("the demo ended with %v", err)
	}
	return out.String()
}
