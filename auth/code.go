// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"crypto/rand"
	"crypto/subtle"
	"strings"
)

// codeLetters has none of characters that look alike in print or by hand:
// 0 O, 1 I, 2 Z, 5 S, 8 B, U V. What is typed instead of its twin is read as
// the twin.
const codeLetters = "ACDEFGHJKLMNPQRTUWXY23456789"

// The two kinds of codes that the server makes up. They differ in length, so
// neither is ever taken for the other.
const (
	appCode     codeKind = "app-password"      // 5 groups of 5: 120 bits
	oneTimeCode codeKind = "one-time-password" // 4 groups of 4: 76 bits, for people who type
)

type codeKind string

func (k codeKind) groups() (n, size int) {
	if k == oneTimeCode {
		return 4, 4
	}
	return 5, 5
}

// CodeHash is all that is kept of a code: HMAC-SHA-256 under the catalog's
// secret. A slow hash guards what people choose; a random code of 76 bits and
// more cannot be found by trying whatever the hash costs, and a fast one lets
// a program sign in without 45 ms of a core. The key keeps hashes of one
// installation from telling anything about another.
type CodeHash [32]byte

func (s secret) code(k codeKind, letters string) CodeHash {
	return CodeHash(s.mac(string(k), letters))
}

// is compares in constant time.
func (h CodeHash) is(other CodeHash) bool { return subtle.ConstantTimeCompare(h[:], other[:]) == 1 }

// newCode makes a code as people see it, in groups.
func newCode(k codeKind) string {
	n, size := k.groups()
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte('-')
		}
		for range size {
			b.WriteByte(randomLetter())
		}
	}
	return b.String()
}

// randomLetter takes every letter with the same chance.
func randomLetter() byte {
	const fair = 256 - 256%len(codeLetters)
	var b [1]byte
	for {
		rand.Read(b[:]) // never fails
		if int(b[0]) < fair {
			return codeLetters[int(b[0])%len(codeLetters)]
		}
	}
}

// readCode finds out whether what was typed has the form of a code, and gives
// its letters. Case, spaces and dashes do not matter.
func readCode(typed string) (k codeKind, letters string, ok bool) {
	if len(typed) > 100 {
		return "", "", false
	}
	var b strings.Builder
	for _, r := range typed {
		switch {
		case strings.ContainsRune(" -\u2010\u2011\u2012\u2013\u2014\u00a0\u202f", r): // as telephones and word processors write them
			continue
		case r >= 'a' && r <= 'z':
			r -= 'a' - 'A'
		}
		if twin, ok := codeTwins[r]; ok {
			r = twin
		}
		if r >= 0x80 || !strings.ContainsRune(codeLetters, r) {
			return "", "", false
		}
		b.WriteRune(r)
	}
	for _, k := range []codeKind{appCode, oneTimeCode} {
		if n, size := k.groups(); b.Len() == n*size {
			return k, b.String(), true
		}
	}
	return "", "", false
}

// codeTwins are letters that no code has, by the one that they look like.
var codeTwins = map[rune]rune{'Z': '2', 'S': '5', 'B': '8', 'V': 'U'}
