// SPDX-License-Identifier: Apache-2.0

package dav

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"postfach/mailbox"
	"postfach/reply"
)

var testPlaces = places{prefix: "/dav", host: "austausch.example.org"}

const testHost = "10.0.0.5:8443"

// show renders an If header's lists in one line each, for comparison.
func show(lists []mailbox.IfList) string {
	var out []string
	for _, l := range lists {
		s := ""
		if l.Foreign {
			s = "foreign:"
		} else if l.Resource != nil {
			s = l.Resource.String() + ":"
		}
		for _, t := range l.Terms {
			not := ""
			if t.Not {
				not = "!"
			}
			s += " " + not + t.Token + t.ETag
		}
		out = append(out, s)
	}
	return strings.Join(out, " |")
}

func TestParseIf(t *testing.T) {
	cases := map[string]string{
		`(<urn:uuid:1>)`:                      ` urn:uuid:1`,
		`(<urn:uuid:1> ["a"])`:                ` urn:uuid:1 "a"`,
		`(<t> [W/"a]b"]) (Not <DAV:no-lock>)`: ` t "a]b" | !DAV:no-lock`,
		`(not<t>)`:                            ` !t`,
		"  (\t<t> )\t(<u>)":                   ` t | u`,
		`(["e"])`:                             ` "e"`,
		`</dav/a%20b> (<t>)`:                  `/a b: t`,
		`<http://10.0.0.5:8443/dav/x> (<t>)`:  `/x: t`,
		`<https://10.0.0.5/dav/x> (<t>)(<u>)`: `/x: t |/x: u`,
		`<http://austausch.example.org/dav/>(<t>) </dav/y> (Not ["z"])`: `/: t |/y: !"z"`,
		`<http://elsewhere/dav/x> (<t>)`:                                `foreign: t`,
		`</other/x> (<t>)`:                                              `foreign: t`,
	}
	for header, want := range cases {
		got, err := testPlaces.parseIf(header, testHost)
		if err != nil || show(got) != want {
			t.Errorf("%s: %q, %v; want %q", header, show(got), err, want)
		}
	}
	for _, bad := range []string{
		"", "x", "()", "(", "(<t>", "(<t>))", "(<t> x)", "(<>)", "([a])", `(["a"`, `(["a"x])`, "<t>", "</dav/x>", "(Not)", "(Not )",
		"</dav/x></dav/y>(<t>)", "(<t>) </dav/x> (<t>)", "</dav/%zz> (<t>)", "(<a b>)", "(<t>,<u>)",
		strings.Repeat("(<t>)", maxIfTerms+1), "(<" + strings.Repeat("x", maxIf) + ">)",
	} {
		if got, err := testPlaces.parseIf(bad, testHost); mailbox.KindOf(err) != mailbox.Invalid || err == nil {
			t.Errorf("%.40q: %q, %v; want Invalid", bad, show(got), err)
		}
	}
}

// FuzzParseIf: whatever is accepted says the same when it is written out again,
// and every list has a term; a condition is never lost.
func FuzzParseIf(f *testing.F) {
	f.Add(`</dav/a> (Not <t> ["e"]) (<u>)`)
	f.Add(`(<opaquelocktoken:1>)(Not <DAV:no-lock>)`)
	f.Fuzz(func(t *testing.T, s string) {
		lists, err := testPlaces.parseIf(s, testHost)
		if err != nil {
			return
		}
		var again strings.Builder
		for _, l := range lists {
			if len(l.Terms) == 0 {
				t.Fatalf("%q: an empty list", s)
			}
			if l.Foreign {
				again.WriteString("<http://elsewhere/x> ")
			} else if l.Resource != nil {
				fmt.Fprintf(&again, "<%s> ", appendHref([]byte("/dav"), l.Resource.String()))
			}
			again.WriteString("(")
			for _, term := range l.Terms {
				if (term.Token == "") == (term.ETag == "") {
					t.Fatalf("%q: not exactly one of token and etag", s)
				}
				if term.Not {
					again.WriteString("Not ")
				}
				if term.Token != "" {
					again.WriteString("<" + term.Token + "> ")
				} else {
					again.WriteString("[" + term.ETag + "] ")
				}
			}
			again.WriteString(")")
		}
		if again.Len() > maxIf {
			return
		}
		second, err := testPlaces.parseIf(again.String(), testHost)
		if err != nil || show(second) != show(lists) {
			t.Fatalf("%q: %q became %q (%v)", s, show(lists), show(second), err)
		}
	})
}

func TestParseDepthOverwriteTimeout(t *testing.T) {
	for s, want := range map[string]depth{"": 1, "0": 0, "1": 1, "infinity": infinity, "Infinity": infinity, " 0 ": 0} {
		if got, err := parseDepth(s, 1); err != nil || got != want {
			t.Errorf("Depth %q: %d, %v", s, got, err)
		}
	}
	for _, s := range []string{"2", "-1", "1,noroot", "x", "00"} {
		if _, err := parseDepth(s, 1); mailbox.KindOf(err) != mailbox.Invalid {
			t.Errorf("Depth %q: %v", s, err)
		}
	}
	for s, want := range map[string]bool{"": true, "T": true, "F": false, "f": false} {
		if got, err := parseOverwrite(s); err != nil || got != want {
			t.Errorf("Overwrite %q: %v, %v", s, got, err)
		}
	}
	if _, err := parseOverwrite("maybe"); err == nil {
		t.Error("Overwrite: maybe is accepted")
	}
	for s, want := range map[string]time.Duration{
		"": 0, "Second-0": 0, "Second-x": 0, "Extend": 0, "Infinite": maxLock, "infinite, Second-5": maxLock,
		"Second-3600": time.Hour, "Extend, Second-600": 10 * time.Minute, "Second-4100000000": maxLock,
		"Second-99999999999999999999": maxLock, "second-1": time.Second,
	} {
		if got := parseTimeout(s); got != want {
			t.Errorf("Timeout %q: %v, want %v", s, got, want)
		}
	}
}

func FuzzParseTimeout(f *testing.F) {
	f.Add("Infinite, Second-4100000000")
	f.Fuzz(func(t *testing.T, s string) {
		if d := parseTimeout(s); d < 0 || d > maxLock {
			t.Fatalf("%q: %v", s, d)
		}
	})
}

func FuzzParseDepth(f *testing.F) {
	f.Add("infinity")
	f.Fuzz(func(t *testing.T, s string) {
		if d, err := parseDepth(s, 0); err == nil && d != 0 && d != 1 && d != infinity {
			t.Fatalf("%q: %d", s, d)
		}
	})
}

func TestDestination(t *testing.T) {
	for header, want := range map[string]string{
		"/dav/a":                                "/a",
		"http://10.0.0.5:8443/dav/a%20b":        "/a b",
		"https://AUSTAUSCH.example.org./dav/a/": "/a",
		"http://user@10.0.0.5/dav/%25":          "/%", // decoded exactly once
		"http://10.0.0.5/dav/a+b%23c":           "/a+b#c",
		"/dav":                                  "/",
		"/dav/Ma%CC%88rz.csv":                   "/März.csv", // NFD becomes NFC
		"http://10.0.0.5:1/dav/x y":             "/x y",      // unescaped blank, as cadaver may send
		"http://10.0.0.5/dav/%2525":             "/%25",
		"http://austausch.example.org:99/dav/ü": "/ü",
	} {
		if got, err := testPlaces.destination(header, testHost); err != nil || got.String() != want {
			t.Errorf("%s: %q, %v; want %q", header, got, err, want)
		}
	}
	for header, want := range map[string]int{
		"": 400, "dav/a": 400, "/dav/a?b": 400, "/dav/%zz": 400, "/dav/a%2Fb": 400, "/dav/a%2fb": 400, "/dav/" + strings.Repeat("x", maxReference): 400,
		"http://elsewhere/dav/a": 502, "ftp://10.0.0.5/dav/a": 502, "/davX/a": 502, "/": 502, "http:///dav/a": 502, "http://10.0.0.5": 502,
	} {
		if got, err := testPlaces.destination(header, testHost); err == nil || reply.Status(err) != want {
			t.Errorf("%.50s: %q, %v; want %d", header, got, err, want)
		}
	}
}

// FuzzDestination: an accepted destination leads to the same place when its
// href is given as the destination.
func FuzzDestination(f *testing.F) {
	f.Add("http://10.0.0.5:8443/dav/a%20b%2525")
	f.Add("/dav/Ma%CC%88rz.csv")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := testPlaces.destination(s, testHost)
		if err != nil {
			return
		}
		href := string(appendHref([]byte("/dav"), p.String()))
		if strings.ContainsAny(href, "<>&'\" \n") || len(href) > maxReference {
			if len(href) <= maxReference {
				t.Fatalf("%q: href %q needs escaping", s, href)
			}
			return
		}
		q, err := testPlaces.destination(href, testHost)
		if err != nil || q.String() != p.String() {
			t.Fatalf("%q: %q, then %q, %v", s, p, q, err)
		}
	})
}

func TestParseETags(t *testing.T) {
	for s, want := range map[string][]string{
		`"a"`: {`"a"`}, `"a", W/"b"`: {`"a"`, `W/"b"`}, `"a,b"`: {`"a,b"`}, `abc`: {"abc"}, `,"a",`: {`"a"`}, `abc, "d"`: {"abc", `"d"`},
	} {
		got, err := parseETags([]string{s}, "If-Match")
		if err != nil || !got.Present || got.Any || !reflect.DeepEqual(got.Tags, want) {
			t.Errorf("%s: %+v, %v", s, got, err)
		}
	}
	if e, err := parseETags([]string{" * "}, "If-Match"); err != nil || !e.Any {
		t.Errorf("*: %+v, %v", e, err)
	}
	if e, err := parseETags(nil, "If-Match"); err != nil || e.Present {
		t.Errorf("absent: %+v, %v", e, err)
	}
	for _, bad := range []string{"", " , ", `"a`, `"a" "b"`, `"a"b`, `*, "a"`} {
		if e, err := parseETags([]string{bad}, "If-Match"); err == nil {
			t.Errorf("%q: %+v accepted", bad, e)
		}
	}
}

func FuzzParseETags(f *testing.F) {
	f.Add(`"a", W/"b"`)
	f.Fuzz(func(t *testing.T, s string) {
		e, err := parseETags([]string{s}, "If-Match")
		if err == nil && (!e.Present || e.Any == (len(e.Tags) > 0)) {
			t.Fatalf("%q: %+v", s, e)
		}
	})
}

func TestParseLockToken(t *testing.T) {
	if got, err := parseLockToken(" <urn:uuid:1> "); err != nil || got != "urn:uuid:1" {
		t.Errorf("%q, %v", got, err)
	}
	for _, bad := range []string{"", "<>", "urn:uuid:1", "<a", "<a> <b>", "<a b>"} {
		if _, err := parseLockToken(bad); mailbox.KindOf(err) != mailbox.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestConditions(t *testing.T) {
	r := httptest.NewRequest("PUT", "/dav/x", nil)
	r.Header.Set("If", "(<t>)")
	r.Header.Set("If-None-Match", "*")
	r.Header.Set("If-Unmodified-Since", "Sat, 21 Nov 2026 10:00:00 GMT")
	r.Header.Set("Overwrite", "F")
	c, err := testPlaces.conditions(r)
	if err != nil || len(c.If) != 1 || !c.IfNoneMatch.Any || c.IfUnmodifiedSince.IsZero() || !c.NoOverwrite {
		t.Errorf("%+v, %v", c, err)
	}
	r.Header.Set("If-Match", `"a"`)
	if c, _ = testPlaces.conditions(r); !c.IfUnmodifiedSince.IsZero() {
		t.Error("If-Match does not displace If-Unmodified-Since (RFC 9110 section 13.1.4)")
	}
	r.Header.Set("If", "nonsense")
	if _, err := testPlaces.conditions(r); mailbox.KindOf(err) != mailbox.Invalid {
		t.Errorf("nonsense in If: %v", err)
	}
}

func TestParseRange(t *testing.T) {
	const size = 100
	cases := []struct {
		in      string
		want    span
		partial bool
		fail    bool
	}{
		{"", span{0, 100}, false, false}, {"bytes=0-0", span{0, 1}, true, false}, {"bytes=10-", span{10, 90}, true, false},
		{"bytes=-10", span{90, 10}, true, false}, {"bytes=-1000", span{0, 100}, true, false}, {"bytes=50-1000", span{50, 50}, true, false},
		{"bytes=0-0,5-6", span{0, 100}, false, false}, {"items=0-1", span{0, 100}, false, false}, {"bytes=5-1", span{0, 100}, false, false},
		{"bytes=a-b", span{0, 100}, false, false}, {"bytes=-", span{0, 100}, false, false}, {"bytes=--1", span{0, 100}, false, false},
		{"bytes=100-", span{0, 100}, false, true}, {"bytes=-0", span{0, 100}, false, true}, {"bytes=99999999999999999999-", span{0, 100}, false, true},
		{"bytes=0-99999999999999999999", span{0, 100}, true, false},
	}
	for _, c := range cases {
		got, partial, err := parseRange(c.in, size)
		if got != c.want || partial != c.partial || (mailbox.KindOf(err) == mailbox.RangeUnsatisfiable) != c.fail {
			t.Errorf("%q: %v %v %v", c.in, got, partial, err)
		}
	}
	if _, _, err := parseRange("bytes=0-", 0); err == nil {
		t.Error("a range of an empty file is satisfiable")
	}
}

func FuzzParseRange(f *testing.F) {
	f.Add("bytes=5-10", int64(8))
	f.Fuzz(func(t *testing.T, s string, size int64) {
		if size < 0 {
			return
		}
		got, partial, err := parseRange(s, size)
		if err != nil {
			return
		}
		if got.offset < 0 || got.n < 0 || got.offset+got.n > size || partial && got.n == 0 || !partial && got != (span{0, size}) {
			t.Fatalf("%q of %d: %+v, partial %v", s, size, got, partial)
		}
	})
}

func TestConditionalGet(t *testing.T) {
	at := time.Date(2026, 11, 21, 10, 0, 0, 500, time.UTC)
	header := func(k, v string) http.Header { h := http.Header{}; h.Set(k, v); return h }
	date := at.Format(http.TimeFormat)
	none := mailbox.ETags{Present: true, Tags: []string{`W/"a"`}}
	if !unchanged(http.Header{}, none, `"a"`, at) || unchanged(http.Header{}, none, `"b"`, at) {
		t.Error("If-None-Match")
	}
	if !unchanged(header("If-Modified-Since", date), mailbox.ETags{}, `"a"`, at) {
		t.Error("If-Modified-Since of the same second")
	}
	if unchanged(header("If-Modified-Since", date), none, `"b"`, at) {
		t.Error("If-None-Match does not displace If-Modified-Since")
	}
	if !rangeHolds(header("If-Range", `"a"`), `"a"`, at) || rangeHolds(header("If-Range", `"b"`), `"a"`, at) ||
		rangeHolds(header("If-Range", `W/"a"`), `"a"`, at) || !rangeHolds(header("If-Range", date), `"a"`, at) {
		t.Error("If-Range")
	}
}
