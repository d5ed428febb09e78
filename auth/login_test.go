// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestParseLogin(t *testing.T) {
	for s, want := range map[string]string{
		"anna":                   "anna",
		"Anna.Beispiel@kasse.de": "Anna.Beispiel@kasse.de",
		"jürgen_2":               "jürgen_2",
		"ju\u0308rgen":           "jürgen",
		"0815-job":               "0815-job",
		"":                       "",
		"-anna":                  "",
		"anna beispiel":          "",
		"anna/..":                "",
		"KASSE\\anna":            "",
		"anna:x":                 "",
		"an\x00na":               "",
		"j\xfcrgen":              "",
		"\u0308rgen":             "",
		strings.Repeat("x", 101): "",
	} {
		if got, err := ParseLogin(s); string(got) != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", s, got, err)
		}
	}
}

// CLIENTS.md 2.1: Windows sends DOMAIN\user. Case and normal form do not matter.
func TestTypedLogin(t *testing.T) {
	want := Login("Jürgen").Key()
	for _, s := range []string{"jürgen", "JÜRGEN", `KASSE\jürgen`, `host\KASSE\Jürgen`, "ju\u0308rgen", `\jürgen`} {
		if got := typedLogin(s).Key(); got != want {
			t.Errorf("%q is %q", s, got)
		}
	}
	for _, s := range []string{"jurgen", "jürgen/", "jürgen@kasse", `jürgen\`} {
		if typedLogin(s).Key() == want {
			t.Errorf("%q is taken for jürgen", s)
		}
	}
}

func TestParseEmail(t *testing.T) {
	for s, want := range map[string]bool{
		"anna@example.org":                         true,
		"anna.beispiel+kasse@stadt-xy.de":          true,
		"anna@münchen.de":                          true,
		"anna":                                     false,
		"anna@localhost":                           false,
		"anna@example.org, bert@example.org":       false,
		"Anna <anna@example.org>":                  false,
		"anna@example.org\r\nBcc: x@example.org":   false,
		"an na@example.org":                        false,
		"@example.org":                             false,
		"anna@.example.org":                        false,
		"anna@example..org":                        false,
		"anna@example.org.":                        false,
		`"anna"@example.org`:                       false,
		strings.Repeat("a", 65) + "@example.org":   false,
		"anna@" + strings.Repeat("a.", 130) + "de": false,
		"": false,
	} {
		if _, err := ParseEmail(s); (err == nil) != want {
			t.Errorf("%q: %v", s, err)
		}
	}
}

// A login that is taken is in the form it is stored in, and its key is stable,
// so no two spellings of one login become two accounts.
func FuzzParseLogin(f *testing.F) {
	f.Add("Jürgen")
	f.Add("Straße")
	f.Add("ǰ")
	f.Fuzz(func(t *testing.T, s string) {
		if key := foldKey(s); foldKey(key) != key {
			t.Fatalf("%q: key %q is not stable: %q", s, key, foldKey(key))
		}
		l, err := ParseLogin(s)
		if err != nil {
			return
		}
		if again, err := ParseLogin(string(l)); err != nil || again != l {
			t.Fatalf("%q: %q is not stable: %q, %v", s, l, again, err)
		}
		if !utf8.ValidString(string(l)) || strings.ContainsAny(string(l), "/\\: \x00\r\n") {
			t.Fatalf("%q is taken", l)
		}
	})
}

// No address that is taken can break out of a mail header.
func FuzzParseEmail(f *testing.F) {
	f.Add("anna@example.org")
	f.Add("anna@example.org\nBcc: x")
	f.Fuzz(func(t *testing.T, s string) {
		e, err := ParseEmail(s)
		if err == nil && (strings.ContainsAny(e, "\r\n\x00 <>,;\"") || strings.Count(e, "@") != 1) {
			t.Fatalf("%q is taken", e)
		}
	})
}
