// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"errors"
	"strings"
	"testing"
)

// L28: argon2id with the agreed costs, salted, and the same letters in another
// normal form are the same password.
func TestPasswordHash(t *testing.T) {
	const password = "Schöne Größe 42"
	h, err := hashPassword(password)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(h), "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hash is %q", h)
	}
	again, err := hashPassword(password)
	if err != nil || again == h {
		t.Errorf("two hashes of one password are equal, or %v", err)
	}
	for p, want := range map[string]bool{
		password:                       true,
		"Scho\u0308ne Gro\u0308ße 42":  true,  // NFD
		"Schone Große 42":              false, //
		password + " ":                 false,
		strings.ToUpper(password):      false,
		"Sch\xf6ne Gr\xf6\xdfe 42":     false, // Latin-1
		strings.Repeat("x", 100_000):   false,
		"":                             false,
		"Schöne Größe 42\x00Schwanz 1": false,
	} {
		if got := h.matches(p); got != want {
			t.Errorf("%.40q matches: %t", p, got)
		}
	}
}

// P35: nothing can be signed in with where no password is.
func TestNoHashMatchesNothing(t *testing.T) {
	for _, h := range []PHC{"", "x", "$argon2id$v=19$m=19456,t=2,p=1$$", dummyHash()} {
		if h.matches("") || h.matches("Schöne Größe 42") {
			t.Errorf("%q matches", h)
		}
	}
}

// Issue 2: the only password rule so far is a length of at least 12.
func TestCheckPassword(t *testing.T) {
	for p, want := range map[string]error{
		"123456789012":              nil,
		"aaaaaaaaaaaa":              nil,
		"            ":              nil,
		"ääääääääääää":              nil,
		"ääääääääääa":               invalid(textPasswordShort),
		"a\u0308a\u0308aaaaaaaaa":   invalid(textPasswordShort), // 11 characters, 13 as typed
		"":                          invalid(textPasswordShort),
		strings.Repeat("x", 256):    nil,
		strings.Repeat("x", 257):    invalid(textPasswordLong),
		strings.Repeat("ä", 129):    invalid(textPasswordLong),
		"zwölf Zeichen\n":           invalid(textPasswordControl),
		"zwölf Zeichen\x7f":         invalid(textPasswordControl),
		"zw\xf6lf Zeichen und mehr": invalid(textPasswordControl),
	} {
		err := CheckPassword(p)
		if (err == nil) != (want == nil) {
			t.Errorf("%.20q: %v", p, err)
			continue
		}
		if r, ok := errors.AsType[*Refusal](err); ok && r.text != want.(*Refusal).text {
			t.Errorf("%.20q: %v", p, err)
		}
	}
}

func TestParsePHCRefuses(t *testing.T) {
	good := string(dummyHash())
	for _, s := range []string{
		"", good + "$", "x" + good, good[:len(good)-30],
		strings.Replace(good, "argon2id", "argon2i", 1),
		strings.Replace(good, "v=19", "v=16", 1),
		strings.Replace(good, "m=19456", "m=4194304", 1), // 4 GiB
		strings.Replace(good, "m=19456", "m=019456", 1),
		strings.Replace(good, "m=19456", "m=+19456", 1),
		strings.Replace(good, "t=2", "t=0", 1),
		strings.Replace(good, "t=2", "t=1000", 1),
		strings.Replace(good, "p=1", "p=255", 1),
		strings.Replace(good, ",p=1", "", 1),
		good[:len(good)-40] + "\n" + good[len(good)-40:],
	} {
		if _, err := parsePHC(PHC(s)); err == nil {
			t.Errorf("%q is taken", s)
		}
	}
	if _, err := parsePHC(PHC(good)); err != nil {
		t.Error(err)
	}
}

// Whatever is taken costs a bounded amount and is written back as it was read.
func FuzzParsePHC(f *testing.F) {
	f.Add(string(dummyHash()))
	f.Add("$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$argon2id$v=19$m=65536,t=99,p=1$AAAA$AAAA")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parsePHC(PHC(s))
		if err != nil {
			return
		}
		if p.memory > maxArgonMemory || p.time > maxArgonTime || p.time == 0 || len(p.salt) > 64 || len(p.hash) > 64 || len(p.hash) < 16 {
			t.Fatalf("%q: out of bounds: %+v", s, p)
		}
		if string(p.format()) != s {
			t.Fatalf("%q is written as %q", s, p.format())
		}
	})
}

func BenchmarkHash(b *testing.B) {
	h := dummyHash()
	for b.Loop() {
		h.matches("Schöne Größe 42")
	}
}
