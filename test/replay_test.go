// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"postfach/scan/scantest"
	"postfach/test/world"
)

// Programs that do not run on the machines of the tests are replayed: what they
// send stands in test/replays, one file a sequence, in the order in which they
// send it. A line that begins in the first column is a person, a header of every
// request from there on, or a request; what is indented belongs to the request:
//
//	as clerk                    who asks: clerk, caseworker, second (another clerk of the member), nobody
//	every Translate: f
//	PUT /dav/an_KVBbg/a.txt
//	    If: (<$token>)          a header; $token was kept from an answer
//	    body der Inhalt         or @lock, @win32, @eicar, or @ and a file of test/replays
//	    chunked                 without Content-Length
//	    -> 204                  the status
//	    -> has TEXT             in the body; "has not" for its absence
//	    -> header ETag REGEXP   of the answer; an empty expression says that it is absent
//	    -> prop NAME REGEXP     of the first resource of a multistatus, in DAV:
//	    -> names a, b           all that a listing holds
//	    keep token Lock-Token   the header of the answer, without < and >
//
// $number is the member's, $clerk the clerk's login, $url the server's address,
// $$ a dollar.

type script struct {
	t     *testing.T
	w     *world.World
	as    string
	every map[string]string
	kept  map[string]string
	clerk string
}

// step is one request of a script and what is expected of it.
type step struct {
	line           int
	method, path   string
	header         map[string]string
	body           string
	chunked        bool
	expected, keep []string
}

var requestLine = regexp.MustCompile(`^([A-Z]+) (/\S*)$`)

// play runs the sequence of a file on a mailbox of its own.
func play(t *testing.T, w *world.World, file, number, clerk string) {
	t.Helper()
	s := &script{t: t, w: w, as: clerk, every: map[string]string{}, clerk: clerk,
		kept: map[string]string{"number": number, "clerk": clerk, "url": w.URL}}
	var now *step
	for i, line := range strings.Split(readFile(t, file)+"\n.", "\n") {
		if strings.HasPrefix(line, "#") || strings.TrimSpace(line) == "" {
			continue
		}
		if strings.HasPrefix(line, " ") {
			if now == nil {
				t.Fatalf("%s:%d: belongs to no request", file, i+1)
			}
			s.part(now, strings.TrimSpace(line))
			continue
		}
		if now != nil {
			s.send(file, now)
			now = nil
		}
		switch m := requestLine.FindStringSubmatch(line); {
		case line == ".":
		case m != nil:
			now = &step{line: i + 1, method: m[1], path: s.fill(m[2]), header: maps.Clone(s.every)}
		case strings.HasPrefix(line, "as "):
			s.as = s.person(line[3:])
		case strings.HasPrefix(line, "every "):
			name, value, _ := strings.Cut(line[6:], ": ")
			s.every[name] = s.fill(value)
		default:
			t.Fatalf("%s:%d: what is %q?", file, i+1, line)
		}
	}
}

func (s *script) person(name string) string {
	domain, who, with := strings.Cut(name, `\`)
	if !with {
		domain, who = "", name
	} else {
		domain += `\`
	}
	switch who {
	case "clerk":
		return domain + s.clerk
	case "second":
		return domain + "zweit-" + s.clerk
	case "caseworker":
		return domain + "bert"
	case "nobody":
		return ""
	}
	s.t.Fatalf("nobody is called %q", name)
	return ""
}

var placeholder = regexp.MustCompile(`\$(?:\$|[a-z]+)`)

func (s *script) fill(text string) string {
	return placeholder.ReplaceAllStringFunc(text, func(name string) string {
		if name == "$$" {
			return "$"
		}
		value, ok := s.kept[name[1:]]
		if !ok {
			s.t.Fatalf("nothing was kept as %s", name)
		}
		return value
	})
}

// part reads an indented line.
func (s *script) part(st *step, line string) {
	switch {
	case strings.HasPrefix(line, "-> "):
		st.expected = append(st.expected, line[3:])
	case strings.HasPrefix(line, "keep "):
		st.keep = append(st.keep, line[5:])
	case line == "chunked":
		st.chunked = true
	case strings.HasPrefix(line, "body "):
		st.body = s.body(line[5:])
	default:
		name, value, ok := strings.Cut(line, ": ")
		if !ok {
			s.t.Fatalf("line %d: what is %q?", st.line, line)
		}
		st.header[name] = s.fill(value)
	}
}

func (s *script) body(text string) string {
	name, isFile := strings.CutPrefix(text, "@")
	switch {
	case !isFile:
		return text
	case name == "lock":
		return strings.Replace(lockBody, "test", `KASSE\`+s.clerk, 1)
	case name == "eicar":
		return string(scantest.EICAR())
	}
	return readFile(s.t, filepath.Join("replays", name+".xml"))
}

// send does the request and judges the answer.
func (s *script) send(file string, st *step) {
	s.t.Helper()
	at := fmt.Sprintf("%s:%d: %s %s", filepath.Base(file), st.line, st.method, st.path)
	var body io.Reader
	if st.body != "" {
		body = strings.NewReader(st.body)
	}
	if st.chunked {
		body = io.MultiReader(body)
	}
	r, err := s.w.Request(s.as, st.method, st.path, body)
	must(s.t, err)
	for name, value := range st.header {
		r.Header.Set(name, value)
	}
	resp, err := s.w.Client().Do(r)
	must(s.t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	must(s.t, err)
	for _, e := range st.expected {
		if fault := s.judge(e, resp, b); fault != "" {
			s.t.Fatalf("%s: %s\n%v\n%.1500s", at, fault, resp.Header, b)
		}
	}
	for _, k := range st.keep {
		name, header, _ := strings.Cut(k, " ")
		s.kept[name] = strings.Trim(resp.Header.Get(header), "<>")
		if s.kept[name] == "" {
			s.t.Fatalf("%s: no %s to keep", at, header)
		}
	}
}

// judge says what is wrong with an answer, "" for nothing.
func (s *script) judge(expected string, resp *http.Response, body []byte) string {
	kind, rest, _ := strings.Cut(expected, " ")
	switch kind {
	case "has":
		if absent, ok := strings.CutPrefix(rest, "not "); ok {
			if strings.Contains(string(body), s.fill(absent)) {
				return "the body has " + absent
			}
		} else if !strings.Contains(string(body), s.fill(rest)) {
			return "the body lacks " + rest
		}
	case "header":
		name, want, _ := strings.Cut(rest, " ")
		return differs(name, resp.Header.Get(name), s.fill(want))
	case "prop":
		name, want, _ := strings.Cut(rest, " ")
		return differs(name, world.ParseMultistatus(s.t, body)[0].Prop(name), s.fill(want))
	case "names":
		var names []string
		for _, r := range world.ParseMultistatus(s.t, body)[1:] {
			names = append(names, r.Path[strings.LastIndexByte(strings.TrimSuffix(r.Path, "/"), '/')+1:])
		}
		slices.Sort(names)
		if got := strings.Join(names, ", "); got != rest {
			return fmt.Sprintf("names %q, want %q", got, rest)
		}
	default:
		code, err := strconv.Atoi(kind)
		if err != nil || rest != "" {
			return "what is " + expected + "?"
		}
		if code != resp.StatusCode {
			return fmt.Sprintf("status %d, want %d", resp.StatusCode, code)
		}
	}
	return ""
}

func differs(name, got, want string) string {
	if want == "" && got == "" || want != "" && regexp.MustCompile("^(?s:"+want+")$").MatchString(got) {
		return ""
	}
	return fmt.Sprintf("%s is %q, want %q", name, got, want)
}

// TestReplays plays every file of test/replays: Explorer and Office (K1; checks
// 21 and 22), Finder (check 23), davfs2, gvfs and KDE.
func TestReplays(t *testing.T) {
	o := newOffice(t, world.Options{MaxSize: "1MiB", Settings: "quota: {current: 2MiB}"})
	files, err := filepath.Glob("replays/*.txt")
	must(t, err)
	if len(files) < 10 {
		t.Fatalf("only %d sequences", len(files))
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txt"), func(t *testing.T) {
			number, clerk := o.clerk(t)
			if text, err := os.ReadFile(f); err == nil && strings.Contains(string(text), "\nas second") {
				o.AddAccount(world.Account{Login: "zweit-" + clerk, Role: "clerk", Member: number})
			}
			play(t, o.World, f, number, clerk)
		})
	}
}

// TestExplorerNotice: Explorer's empty placeholder is not announced, only what
// follows it is (L10).
func TestExplorerNotice(t *testing.T) {
	t.Parallel()
	w := whole(t, unhurried())
	play(t, w, "replays/explorer-copy.txt", "0815", "anna")
	w.WaitMails(t, "bert@example.org", 1)
	settled() // a false second notice would come after the quiet period
	if n := len(w.Mails("bert@example.org")); n != 1 {
		t.Errorf("%d mails for one file whose placeholder was empty, want 1", n)
	}
}

var lockToken = regexp.MustCompile(`<([^>]+)>`)

// lock takes an exclusive lock and returns its token.
func lock(t *testing.T, w *world.World, as, path string, header map[string]string) string {
	t.Helper()
	a := w.Do(t, world.Exchange{As: as, Method: "LOCK", Path: path, Header: header, Body: lockBody})
	m := lockToken.FindStringSubmatch(a.Header.Get("Lock-Token"))
	if a.Status/100 != 2 || m == nil {
		t.Fatalf("LOCK %s: %d, Lock-Token %q\n%s", path, a.Status, a.Header.Get("Lock-Token"), a.Body)
	}
	return m[1]
}
