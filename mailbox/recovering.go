// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"context"
	"fmt"
	"time"
)

// Mailboxes that were rebuilt from the storage alone, without their catalog.

const (
	// ReasonRecovering refuses everybody until a person has confirmed the mailbox.
	ReasonRecovering Reason = "recovering"
	// ReasonUnknownAuthor refuses a release under four eyes: whether the releasing
	// person is another one cannot be known.
	ReasonUnknownAuthor Reason = "unknown-author"
)

// UnknownPerson is an author whom nobody knows any more.
const UnknownPerson PersonID = -1

const retryRecovering = time.Hour

// OpConfirm is the operation of the record about a confirmation.
const OpConfirm Operation = "mailbox-confirm"

// Confirm opens a rebuilt mailbox to those who have grants. Kind NotFound when
// there is no such member, Conflict when its mailbox is open.
func (s *Service) Confirm(ctx context.Context, by By, number string) error {
	return s.updateMember(ctx, number, func(tx Tx, m Member) error {
		if !m.Recovering {
			return E(Conflict, ReasonMalformed, fmt.Sprintf("the mailbox of %s waits for no confirmation", number))
		}
		m.Recovering = false
		if err := tx.UpdateMember(m); err != nil {
			return err
		}
		rec := by.record(tx, OpConfirm)
		rec.Member, rec.Entry, rec.Detail.Name = m.ID, m.Folders[Root], m.Number+" "+m.Name
		return tx.Audit(rec)
	})
}

// recovering says whether a member's mailbox waits for its confirmation.
func recovering(r Reader, number string) bool {
	m, err := r.MemberByNumber(number)
	return err == nil && m.Recovering
}

// complete gives a rebuilt mailbox the particulars of its member, which do not
// stand in the storage.
func (s *Service) complete(tx Tx, by By, n NewMember) error {
	m, err := tx.MemberByNumber(n.Number)
	if err != nil {
		return err
	}
	before := m
	m.Name = n.Name
	if n.Policy != "" {
		m.Policy = n.Policy
	}
	if n.Quota != 0 {
		m.Quota = n.Quota
	}
	if n.Parent != "" {
		if m.Parent, err = memberID(tx, n.Parent); err != nil {
			return err
		}
	}
	if n.Successor != "" {
		if m.Successor, err = memberID(tx, n.Successor); err != nil {
			return err
		}
	}
	if err := noCircle(tx, m); err != nil {
		return err
	}
	if err := tx.UpdateMember(m); err != nil {
		return err
	}
	rec := by.record(tx, OpMemberSet)
	rec.Member, rec.Detail.Name, rec.Detail.Text = m.ID, m.Number, describe(before)+" -> "+describe(m)
	return tx.Audit(rec)
}
