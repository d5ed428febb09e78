// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// By says who changes members or entries from the command line, for the audit
// record (DESIGN.md section 8).
type By struct {
	System string // operating-system user
	Order  string // --order, "" for none
}

// record begins a record about an administrative change.
func (b By) record(tx Reader, op Operation) Record {
	return Record{Time: tx.Now(), Operation: op, Result: ok, Detail: Detail{Door: "cli", System: b.System, Order: b.Order}}
}

// NewMember is what a registrar says of a member.
type NewMember struct {
	Number    string
	Name      string
	Parent    string // number of the member whose settlement office it is; "" for none
	Successor string // number; "" for none
	Policy    ReleasePolicy
	Quota     int64 // bytes; 0 means the installation's
}

// CheckMember refuses what no member can be called: kind Invalid.
func CheckMember(n NewMember) error {
	switch {
	case n.Number == "" || len(n.Number) > 32 || strings.ContainsFunc(n.Number, func(c rune) bool {
		return c > unicode.MaxASCII || !unicode.IsLetter(c) && !unicode.IsDigit(c) && c != '-'
	}):
		return E(Invalid, ReasonMalformed, fmt.Sprintf("number %q: 1 to 32 letters, digits and hyphens", n.Number))
	case strings.TrimSpace(n.Name) == "" || utf8.RuneCountInString(n.Name) > 200 || !utf8.ValidString(n.Name) || strings.ContainsFunc(n.Name, unicode.IsControl):
		return E(Invalid, ReasonMalformed, fmt.Sprintf("name %q: 1 to 200 characters, no control characters", n.Name))
	case n.Policy != "" && n.Policy != Single && n.Policy != FourEyes:
		return E(Invalid, ReasonMalformed, fmt.Sprintf("release %q: single or four-eyes", n.Policy))
	case n.Quota < 0:
		return E(Invalid, ReasonMalformed, "quota: not negative")
	}
	return nil
}

// AddMembers makes members with their mailboxes, all or none. One that exists
// with the same particulars is left alone, so that an import may be repeated;
// it reports how many were made.
func (s *Service) AddMembers(ctx context.Context, by By, ms []NewMember) (made int, err error) {
	for _, n := range ms {
		if err := CheckMember(n); err != nil {
			return 0, err
		}
	}
	err = s.catalog.Update(ctx, 0, func(tx Tx) error {
		made = 0
		for _, n := range ms {
			have, err := tx.MemberByNumber(n.Number)
			if err == nil && have.Name == n.Name {
				continue
			}
			if err == nil {
				return E(Exists, ReasonMalformed, fmt.Sprintf("member %s exists as %q", n.Number, have.Name))
			}
			if KindOf(err) != NotFound {
				return err
			}
			if err := s.addMember(tx, by, n); err != nil {
				return err
			}
			made++
		}
		return nil
	})
	return made, err
}

func (s *Service) addMember(tx Tx, by By, n NewMember) error {
	m := Member{Number: n.Number, Name: n.Name, Policy: n.Policy, Quota: n.Quota}
	var err error
	if m.Parent, err = memberID(tx, n.Parent); err != nil {
		return err
	}
	if m.Successor, err = memberID(tx, n.Successor); err != nil {
		return err
	}
	if err := tx.InsertMember(&m, s.o.Folders); err != nil {
		return err
	}
	rec := by.record(tx, OpMemberAdd)
	rec.Member, rec.Entry, rec.Detail.Name = m.ID, m.Folders[Root], n.Number+" "+n.Name
	return tx.Audit(rec)
}

func memberID(r Reader, number string) (MemberID, error) {
	if number == "" {
		return 0, nil
	}
	m, err := r.MemberByNumber(number)
	if KindOf(err) == NotFound && err != nil {
		return 0, E(Invalid, ReasonMalformed, "no member "+number)
	}
	return m.ID, err
}

// MemberChange is what to change of a member; nil leaves as it is.
type MemberChange struct {
	Name      *string
	Parent    *string
	Successor *string
	Policy    *ReleasePolicy
	Quota     *int64
	ClosedOn  *time.Time // zero reopens
}

// SetMember changes a member's particulars; a new name shows in every listing
// of the mailbox, so its change number goes up.
func (s *Service) SetMember(ctx context.Context, by By, number string, ch MemberChange) error {
	var id MemberID
	err := s.catalog.View(ctx, func(r Reader) error {
		m, err := r.MemberByNumber(number)
		id = m.ID
		return err
	})
	if err != nil {
		return err
	}
	return s.catalog.Update(ctx, id, func(tx Tx) error {
		m, err := tx.Member(id)
		if err != nil {
			return err
		}
		before := m
		if err := ch.apply(tx, &m); err != nil {
			return err
		}
		if err := CheckMember(NewMember{Number: m.Number, Name: m.Name, Policy: m.Policy, Quota: m.Quota}); err != nil {
			return err
		}
		if err := tx.UpdateMember(m); err != nil {
			return err
		}
		change, err := tx.NextChange()
		if err != nil {
			return err
		}
		if err := tx.Touch([]EntryID{m.Folders[Root]}, change, true, true); err != nil {
			return err
		}
		op := OpMemberSet
		if ch.ClosedOn != nil {
			op = OpMemberClose
		}
		rec := by.record(tx, op)
		rec.Member, rec.Detail.Name, rec.Detail.Text = m.ID, m.Number, describe(before)+" -> "+describe(m)
		return tx.Audit(rec)
	})
}

func (ch MemberChange) apply(r Reader, m *Member) (err error) {
	if ch.Name != nil {
		m.Name = *ch.Name
	}
	if ch.Policy != nil {
		m.Policy = *ch.Policy
	}
	if ch.Quota != nil {
		m.Quota = *ch.Quota
	}
	if ch.ClosedOn != nil {
		m.ClosedOn = *ch.ClosedOn
	}
	if ch.Parent != nil {
		if m.Parent, err = memberID(r, *ch.Parent); err != nil {
			return err
		}
	}
	if ch.Successor != nil {
		m.Successor, err = memberID(r, *ch.Successor)
	}
	return err
}

func describe(m Member) string {
	closed := "open"
	if !m.ClosedOn.IsZero() {
		closed = "closed on " + m.ClosedOn.Format(time.DateOnly)
	}
	return fmt.Sprintf("name %q, release %q, quota %d, parent %d, successor %d, %s", m.Name, m.Policy, m.Quota, m.Parent, m.Successor, closed)
}

// Restore brings a removed entry back to where it was, with all that was below
// it when it went. Kind Twin when the name is taken meanwhile, kind
// ParentMissing when its folder is out of view. What becomes visible to the
// other side is a delivery again.
func (s *Service) Restore(ctx context.Context, by By, id EntryID) error {
	var m MemberID
	err := s.catalog.View(ctx, func(r Reader) error {
		e, err := r.Entry(id)
		m = e.Member
		return err
	})
	if err != nil {
		return err
	}
	return s.catalog.Update(ctx, m, func(tx Tx) error {
		e, err := tx.Entry(id)
		if err != nil {
			return err
		}
		if e.Removed.IsZero() {
			return E(Conflict, ReasonExists)
		}
		t, err := s.spotAbove(tx, e)
		if err != nil {
			return err
		}
		t.rest = []string{e.Name}
		if twin, err := tx.Child(e.Parent, NameKey(e.Name)); err == nil {
			return E(Twin, ReasonTwin, twin.Name)
		} else if KindOf(err) != NotFound {
			return err
		}
		return s.restore(tx, by, t, e)
	})
}

// spotAbove finds the folder of an entry as the catalog knows it, without an
// actor's view.
func (s *Service) spotAbove(r Reader, e Entry) (*spot, error) {
	m, err := r.Member(e.Member)
	if err != nil {
		return nil, err
	}
	t := &spot{member: m, side: e.Side, actor: &Actor{Account: e.Account, Person: e.Person}, now: r.Now()}
	for id := e.Parent; id != 0; {
		up, err := r.Entry(id)
		if err != nil {
			return nil, err
		}
		if !up.Removed.IsZero() {
			return nil, E(ParentMissing, ReasonParent)
		}
		t.chain = append([]Entry{up}, t.chain...)
		id = up.Parent
	}
	return t, nil
}

func (s *Service) restore(tx Tx, by By, t *spot, e Entry) error {
	change, err := tx.NextChange()
	if err != nil {
		return err
	}
	e.Removed, e.Place = time.Time{}, t.place()
	if err := tx.UpdateEntry(e); err != nil {
		return err
	}
	if err := touch(tx, t.chain, e, change); err != nil {
		return err
	}
	back := *t
	back.chain, back.rest = append(t.chain[:len(t.chain):len(t.chain)], e), nil
	below, err := s.below(tx, &back)
	if err != nil {
		return err
	}
	var size int64
	for _, f := range append([]Entry{e}, below...) {
		if !f.Folder && f.Version.Side == MemberSide {
			size += f.Version.Size
		}
	}
	if size > 0 {
		if err := tx.AddUsage(size, -size); err != nil {
			return err
		}
	}
	x := &transfer{from: back, to: *t, below: below}
	if err := s.announceTree(tx, x, t.chain, e); err != nil {
		return err
	}
	rec := by.record(tx, OpRestore).about(tx, t, "", &e, t.inside())
	return tx.Audit(rec)
}
