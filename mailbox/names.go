// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"strconv"
	"unicode"
)

// newName applies the name policy to a name that would come to be.
func (s *Service) newName(r Reader, t *spot) error {
	if err := t.path.Fault(); err != nil {
		return err
	}
	if t.found() {
		return nil
	}
	for _, n := range t.rest {
		if err := CheckName(n); err != nil {
			return err
		}
	}
	if len(t.inside()) > MaxPath {
		return E(NameRefused, ReasonPathLong, strconv.Itoa(MaxPath))
	}
	if len(t.chain) == 1 && t.rest[0] == t.member.Number {
		// In the layout "direct" that name leads to the mailbox itself.
		return E(NameRefused, ReasonOwnNumber, t.rest[0])
	}
	return s.foreignNumber(r, t, t.rest[len(t.rest)-1])
}

// namesBelow applies the name policy to what a folder brings along to the
// place of to.
func (s *Service) namesBelow(r Reader, from, to *spot, below []Entry) error {
	if len(below) == 0 {
		return nil
	}
	base := len(to.inside()) - len(from.inside())
	return walkTree(from.chain, below, func(chain []Entry) error {
		at := spot{chain: chain}
		if base+len(at.inside()) > MaxPath {
			return E(NameRefused, ReasonPathLong, strconv.Itoa(MaxPath))
		}
		if len(chain) == len(from.chain) || from.place() == to.place() {
			return nil
		}
		return s.foreignNumber(r, to, chain[len(chain)-1].Name)
	})
}

// foreignNumber refuses a name that carries another member's number, where the
// installation says what a number looks like.
func (s *Service) foreignNumber(r Reader, t *spot, name string) error {
	if s.o.MemberNumber == nil || t.place() != Root && t.place() != Outbox {
		return nil
	}
	for _, m := range s.o.MemberNumber.FindAllStringSubmatch(name, 16) {
		number := m[min(1, len(m)-1)]
		if number == t.member.Number {
			continue
		}
		other, err := r.MemberByNumber(number)
		if err == nil && other.ID != t.member.ID {
			return E(NameRefused, ReasonNameNumber, number, t.member.Number)
		}
		if err != nil && KindOf(err) != NotFound {
			return err
		}
	}
	return nil
}

// openParent checks that the missing name would stand in an existing folder and
// has no twin there.
func (t *spot) openParent() error {
	if len(t.rest) > 1 || !t.entry().Folder {
		return E(ParentMissing, ReasonParent)
	}
	if t.twin != nil {
		return E(Twin, ReasonTwin, t.twin.Name)
	}
	return nil
}

// maxNumber is how long a member number may be.
const maxNumber = 32

// isNumber says whether a member could be known by s.
func isNumber(s string) bool {
	if s == "" || len(s) > maxNumber {
		return false
	}
	for _, c := range s {
		if c > unicode.MaxASCII || !unicode.IsLetter(c) && !unicode.IsDigit(c) && c != '-' {
			return false
		}
	}
	return true
}
