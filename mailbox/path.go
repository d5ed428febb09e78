// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Bounds of names and paths, in bytes of UTF-8.
const (
	MaxName = 255
	MaxPath = 1024 // below the mailbox root; Explorer and Office fail long before
)

// Path is a place as an actor names it below the DAV root, decoded once and in
// NFC. A path that no entry can have keeps its fault until the name policy is
// due, since rights are checked before names.
type Path struct {
	segments []string
	fault    *Error
	slash    bool
}

// ParsePath reads a decoded path such as "/an_KVBbg/Liste.csv". A trailing
// slash is remembered and otherwise ignored. It never fails: see Fault.
func ParsePath(decoded string) Path {
	p := Path{slash: strings.HasSuffix(decoded, "/")}
	if !utf8.ValidString(decoded) {
		p.fault = E(NameRefused, ReasonNameEncoding)
	}
	for s := range strings.SplitSeq(norm.NFC.String(decoded), "/") {
		switch s {
		case "":
			continue
		case ".", "..":
			p.fault = E(NameRefused, ReasonNameDots)
		}
		p.segments = append(p.segments, s)
	}
	return p
}

// Fault says why no entry can have this path; nil when one can.
func (p Path) Fault() error {
	if p.fault == nil {
		return nil
	}
	return p.fault
}

// Segments are the names from the root down. The caller does not change them.
func (p Path) Segments() []string { return p.segments }

// IsRoot says that the path names the root itself.
func (p Path) IsRoot() bool { return len(p.segments) == 0 }

// Slash says that the path was written with a trailing slash.
func (p Path) Slash() bool { return p.slash }

// Base is the last name, "" for the root.
func (p Path) Base() string {
	if p.IsRoot() {
		return ""
	}
	return p.segments[len(p.segments)-1]
}

// Parent is the path without its last name; the root is its own parent.
func (p Path) Parent() Path {
	if p.IsRoot() {
		return p
	}
	return Path{segments: p.segments[:len(p.segments)-1], fault: p.fault, slash: true}
}

// Child is the path of name below p.
func (p Path) Child(name string) Path {
	s := make([]string, 0, len(p.segments)+1)
	return Path{segments: append(append(s, p.segments...), name), fault: p.fault}
}

// String is the absolute path, without a trailing slash but for the root.
func (p Path) String() string { return "/" + strings.Join(p.segments, "/") }

// NameKey is what makes two names twins: NFC(fold(NFC(name))).
func NameKey(name string) string {
	if isPlain(name) {
		return name
	}
	return norm.NFC.String(cases.Fold().String(norm.NFC.String(name)))
}

// isPlain says that folding would return name unchanged.
func isPlain(name string) bool {
	for i := range len(name) {
		if c := name[i]; c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' {
			return false
		}
	}
	return true
}

// reservedNames are refused with any extension, since Windows opens a device
// under them.
var reservedNames = map[string]bool{
	"con": true, "prn": true, "aux": true, "nul": true,
	"com1": true, "com2": true, "com3": true, "com4": true, "com5": true, "com6": true, "com7": true, "com8": true, "com9": true,
	"lpt1": true, "lpt2": true, "lpt3": true, "lpt4": true, "lpt5": true, "lpt6": true, "lpt7": true, "lpt8": true, "lpt9": true,
	"com¹": true, "com²": true, "com³": true, "lpt¹": true, "lpt²": true, "lpt³": true,
}

// CheckName refuses names that one of the clients could not hold: kind
// NameRefused, with the sentence that says which rule.
func CheckName(name string) error {
	switch {
	case !utf8.ValidString(name):
		return E(NameRefused, ReasonNameEncoding)
	case name == "" || name == "." || name == "..":
		return E(NameRefused, ReasonNameDots)
	case len(name) > MaxName:
		return E(NameRefused, ReasonNameLong)
	case strings.ContainsFunc(name, unicode.IsControl):
		return E(NameRefused, ReasonNameControl)
	case strings.ContainsAny(name, `/\:*?"<>|`):
		return E(NameRefused, ReasonNameCharacter)
	case strings.HasSuffix(name, ".") || strings.HasSuffix(name, " "):
		return E(NameRefused, ReasonNameTrailing)
	}
	stem, _, _ := strings.Cut(strings.ToLower(name), ".")
	if reservedNames[strings.TrimRight(stem, " ")] {
		return E(NameRefused, ReasonNameReserved, name)
	}
	return nil
}

// Hidden says that a client makes such names for itself (DESIGN.md 7): accepted,
// scanned and audited, but invisible to the other side and never a delivery.
func Hidden(name string) bool {
	if strings.HasPrefix(name, "~$") || strings.HasPrefix(name, "._") {
		return true
	}
	if i := len(name) - len(".tmp"); i >= 0 && strings.EqualFold(name[i:], ".tmp") {
		return true
	}
	if strings.HasSuffix(name, "#") && len(name) > len(".~lock.") && strings.EqualFold(name[:len(".~lock.")], ".~lock.") {
		return true
	}
	return strings.EqualFold(name, ".ds_store") || strings.EqualFold(name, "thumbs.db") || strings.EqualFold(name, "desktop.ini")
}
