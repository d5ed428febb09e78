// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"context"
	"fmt"
	"slices"
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
	if faults := MemberFaults(n); len(faults) > 0 {
		return faults[0]
	}
	return nil
}

// MemberFaults is CheckMember that gives everything that is wrong.
func MemberFaults(n NewMember) (faults []error) {
	wrong := func(format string, args ...any) {
		faults = append(faults, E(Invalid, ReasonMalformed, fmt.Sprintf(format, args...)))
	}
	if !isNumber(n.Number) {
		wrong("number %q: 1 to %d letters, digits and hyphens", n.Number, maxNumber)
	}
	if strings.TrimSpace(n.Name) == "" || utf8.RuneCountInString(n.Name) > 200 || !utf8.ValidString(n.Name) || strings.ContainsFunc(n.Name, unicode.IsControl) {
		wrong("name %q: 1 to 200 characters, no control characters", n.Name)
	}
	if n.Policy != "" && n.Policy != Single && n.Policy != FourEyes {
		wrong("release %q: single or four-eyes", n.Policy)
	}
	if n.Quota < 0 {
		wrong("quota: not negative")
	}
	return faults
}

// AddMembers makes members with their mailboxes, all or none. One that exists
// with the same name, and with what else is given, is left alone, so that an
// import may be repeated; it reports how many were made.
func (s *Service) AddMembers(ctx context.Context, by By, ms []NewMember) (made int, err error) {
	for _, n := range ms {
		if err := CheckMember(n); err != nil {
			return 0, err
		}
	}
	err = s.catalog.Update(ctx, 0, func(tx Tx) error {
		made = 0
		for _, n := range ms {
			exists, err := s.exists(tx, n)
			switch {
			case err == nil && !exists:
				err = s.addMember(tx, by, n)
				made++
			case KindOf(err) == Exists && err != nil && recovering(tx, n.Number):
				err = s.complete(tx, by, n)
				made++
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return made, err
}

// exists says whether there is a member with these particulars; kind Exists
// when there is one with others.
func (s *Service) exists(r Reader, n NewMember) (bool, error) {
	have, err := r.MemberByNumber(n.Number)
	if err != nil {
		if KindOf(err) == NotFound {
			err = nil
		}
		return false, err
	}
	parent, err := memberID(r, n.Parent)
	if err != nil {
		return false, err
	}
	successor, err := memberID(r, n.Successor)
	if err != nil {
		return false, err
	}
	if have.Name != n.Name || n.Policy != "" && have.Policy != n.Policy || n.Quota != 0 && have.Quota != n.Quota ||
		parent != 0 && have.Parent != parent || successor != 0 && have.Successor != successor {
		return false, E(Exists, ReasonMalformed, fmt.Sprintf("member %s exists: %s", n.Number, describe(have)))
	}
	return true, nil
}

func (s *Service) addMember(tx Tx, by By, n NewMember) error {
	if slices.Contains(s.folders[1:], NameKey(n.Number)) { // a path with that name leads to the folder
		return E(Invalid, ReasonMalformed, fmt.Sprintf("number %q is the name of a fixed folder", n.Number))
	}
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

// updateMember runs fn in a transaction on the mailbox of the member with this
// number. Kind NotFound when there is none.
func (s *Service) updateMember(ctx context.Context, number string, fn func(Tx, Member) error) error {
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
		return fn(tx, m)
	})
}

// SetMember changes a member's particulars; a new name shows in every listing
// of the mailbox, so its change number goes up.
func (s *Service) SetMember(ctx context.Context, by By, number string, ch MemberChange) error {
	return s.updateMember(ctx, number, func(tx Tx, m Member) error {
		before := m
		if err := ch.apply(tx, &m); err != nil {
			return err
		}
		if err := noCircle(tx, m); err != nil {
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

// noCircle refuses a member that would be above or after itself.
func noCircle(r Reader, m Member) error {
	for _, next := range []func(Member) MemberID{
		func(m Member) MemberID { return m.Parent }, func(m Member) MemberID { return m.Successor },
	} {
		seen := map[MemberID]bool{m.ID: true}
		for at := next(m); at != 0; {
			if seen[at] {
				return E(Invalid, ReasonMalformed, "member "+m.Number+" would be its own parent or successor")
			}
			seen[at] = true
			up, err := r.Member(at)
			if err != nil {
				return err
			}
			at = next(up)
		}
	}
	return nil
}

func describe(m Member) string {
	closed := "open"
	if !m.ClosedOn.IsZero() {
		closed = closedOn + m.ClosedOn.UTC().Format(time.RFC3339Nano)
	}
	return fmt.Sprintf("name %q, release %q, quota %d, parent %d, successor %d, %s", m.Name, m.Policy, m.Quota, m.Parent, m.Successor, closed)
}

const closedOn = "closed on "

// ClosedOn reads from a record of OpMemberClose when the member closes, zero for
// open again; ok is false when its detail does not say it.
func ClosedOn(r Record) (t time.Time, ok bool) {
	last := r.Detail.Text[strings.LastIndex(r.Detail.Text, ", ")+1:] // describe's last word on the member as it is now
	if last == " open" {
		return t, true
	}
	text, ok := strings.CutPrefix(last, " "+closedOn)
	t, err := time.Parse(time.RFC3339Nano, text)
	return t, ok && err == nil
}
