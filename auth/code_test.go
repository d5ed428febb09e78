// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"strings"
	"testing"
)

// A18: codes have no look-alikes, are read however they are typed, and are not
// taken for each other.
func TestCodes(t *testing.T) {
	if strings.ContainsAny(codeLetters, "0O1IlBSVZ") {
		t.Error("look-alikes")
	}
	seen := map[string]bool{}
	letters := map[rune]int{}
	for range 2000 {
		for _, k := range []codeKind{appCode, oneTimeCode} {
			c := newCode(k)
			n, size := k.groups()
			if len(c) != n*size+n-1 || seen[c] {
				t.Fatalf("%s %q", k, c)
			}
			seen[c] = true
			for _, r := range strings.ReplaceAll(c, "-", "") {
				letters[r]++
			}
			got, text, ok := readCode(strings.ToLower(strings.ReplaceAll(c, "-", " ")) + "\u00a0")
			if !ok || got != k || text != strings.ReplaceAll(c, "-", "") {
				t.Fatalf("%q is read as %s %q, %t", c, got, text, ok)
			}
			twins := strings.NewReplacer("2", "z", "5", "S", "8", "B", "U", "v").Replace(c)
			if _, text, _ := readCode(twins); text != strings.ReplaceAll(c, "-", "") {
				t.Fatalf("%q is read as %q", twins, text)
			}
		}
	}
	// 82,000 letters: each of 28 about 2,900 times; 20 standard deviations apart is a fault.
	for _, r := range codeLetters {
		if n := letters[r]; n < 1900 || n > 3900 {
			t.Errorf("%q came %d times", r, n)
		}
	}
	for _, s := range []string{"", "-", "ein langes Kennwort", "ACDE-FGHJ-KLMN-PQR0", "ACDE-FGHJ-KLMN-PQR", strings.Repeat("A", 26), strings.Repeat("-", 200)} {
		if _, _, ok := readCode(s); ok {
			t.Errorf("%q is no code", s)
		}
	}
}

// Whatever is read as a code is read alike in every way of writing it, and the
// hash of one kind is never that of the other.
func FuzzReadCode(f *testing.F) {
	f.Add("ACDE-FGHJ-KLMN-PQRT")
	f.Add("acdef ghjkl mnpqr tuwxy 23456")
	f.Add("ſ\u2013Å")
	key := secret{1}
	f.Fuzz(func(t *testing.T, s string) {
		k, letters, ok := readCode(s)
		if !ok {
			return
		}
		n, size := k.groups()
		if len(letters) != n*size || strings.Trim(letters, codeLetters) != "" {
			t.Fatalf("%q gives %q", s, letters)
		}
		k2, again, ok := readCode(strings.ToLower(letters))
		if !ok || k2 != k || again != letters {
			t.Fatalf("%q is read as %q", letters, again)
		}
		if key.code(appCode, letters).is(key.code(oneTimeCode, letters)) {
			t.Fatal("one hash for two kinds")
		}
	})
}

// A note comes back as it was handed out or not at all, and not for another use.
func FuzzUnseal(f *testing.F) {
	key := secret{7}
	sealed := key.seal("ticket", noon, []byte("note"))
	f.Add(sealed)
	f.Add(sealed + "=")
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		note, at, ok := key.unseal("ticket", s)
		if ok != (s == sealed) || ok && (string(note) != "note" || !at.Equal(noon)) {
			t.Fatalf("%q: %q %v %t", s, note, at, ok)
		}
		if _, _, ok := key.unseal("flow", s); ok {
			t.Fatal("a ticket is no flow")
		}
		other := secret{8}
		if _, _, ok := other.unseal("ticket", s); ok {
			t.Fatal("another installation's")
		}
	})
}
