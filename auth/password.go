// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// PHC is a password hash in PHC string form:
// $argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>, base64 without padding.
type PHC string

const (
	// MinPassword is the least number of characters of a password.
	MinPassword = 12
	// MaxPassword is the greatest length of a password in bytes.
	MaxPassword = 256

	argonMemory  = 19 * 1024 // KiB
	argonTime    = 2
	argonThreads = 1
	saltBytes    = 16
	hashBytes    = 32

	// Bounds for hashes that come from elsewhere: none may cost more than
	// about ten of ours.
	maxArgonMemory = 64 * 1024
	maxArgonTime   = 8
)

var errPHC = errors.New("not an argon2id hash in PHC string form within bounds")

// CheckPassword applies the rules for a new password: length is the only one
// (NIST SP 800-63B section 3.1.1), control characters are refused because
// clients cannot send them alike (RFC 7617 section 2). Characters are counted
// after NFC, in which form passwords are hashed: the same letters typed on
// another system are the same password. The error is a *Refusal.
func CheckPassword(s string) error {
	if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return invalid(textPasswordControl)
	}
	s = norm.NFC.String(s)
	switch {
	case utf8.RuneCountInString(s) < MinPassword:
		return invalid(textPasswordShort, MinPassword)
	case len(s) > MaxPassword:
		return invalid(textPasswordLong, MaxPassword)
	}
	return nil
}

// params are the cost and the parts of a parsed PHC.
type params struct {
	memory uint32 // KiB
	time   uint32
	salt   []byte
	hash   []byte
}

// hashPassword makes the PHC of a password that CheckPassword allows. It takes
// about 45 ms of one core and 19 MiB; callers take a turn of a hasher first.
func hashPassword(s string) (PHC, error) {
	if err := CheckPassword(s); err != nil {
		return "", err
	}
	p := params{memory: argonMemory, time: argonTime, salt: make([]byte, saltBytes)}
	rand.Read(p.salt)
	p.hash = p.derive(s, hashBytes)
	return p.format(), nil
}

// derive runs argon2id over the NFC form of the password.
func (p params) derive(password string, n uint32) []byte {
	return argon2.IDKey([]byte(norm.NFC.String(password)), p.salt, p.time, p.memory, argonThreads, n)
}

func (p params) format() PHC {
	enc := base64.RawStdEncoding
	return PHC(fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.memory, p.time, argonThreads,
		enc.EncodeToString(p.salt), enc.EncodeToString(p.hash)))
}

// matches says whether the password belongs to the hash, comparing in constant
// time. An unreadable hash matches nothing.
func (h PHC) matches(password string) bool {
	p, err := parsePHC(h)
	if err != nil {
		return false
	}
	return subtle.ConstantTimeCompare(p.derive(password, uint32(len(p.hash))), p.hash) == 1
}

// parsePHC reads exactly the form that format writes, with bounded costs.
func parsePHC(h PHC) (params, error) {
	part := strings.Split(string(h), "$")
	if len(h) > 300 || len(part) != 6 || part[0] != "" || part[1] != "argon2id" || part[2] != "v="+strconv.Itoa(argon2.Version) {
		return params{}, errPHC
	}
	cost := strings.Split(part[3], ",")
	if len(cost) != 3 || cost[2] != "p="+strconv.Itoa(argonThreads) {
		return params{}, errPHC
	}
	var p params
	var err [4]error
	p.memory, err[0] = parseCost(cost[0], "m=", 8, maxArgonMemory)
	p.time, err[1] = parseCost(cost[1], "t=", 1, maxArgonTime)
	p.salt, err[2] = base64.RawStdEncoding.Strict().DecodeString(part[4])
	p.hash, err[3] = base64.RawStdEncoding.Strict().DecodeString(part[5])
	if errors.Join(err[:]...) != nil || len(p.salt) < 8 || len(p.salt) > 64 || len(p.hash) < 16 || len(p.hash) > 64 {
		return params{}, errPHC
	}
	if p.format() != h { // line breaks and leading zeros decode, but are not ours
		return params{}, errPHC
	}
	return p, nil
}

func parseCost(s, name string, low, high uint64) (uint32, error) {
	digits, ok := strings.CutPrefix(s, name)
	n, err := strconv.ParseUint(digits, 10, 32)
	if !ok || err != nil || n < low || n > high {
		return 0, errPHC
	}
	return uint32(n), nil
}
