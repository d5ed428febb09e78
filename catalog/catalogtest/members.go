// SPDX-License-Identifier: Apache-2.0

package catalogtest

import (
	"testing"
	"time"

	"postfach/mailbox"
)

func numbersOnce(t *testing.T, c mailbox.Catalog) {
	m := addMember(t, c, "0815")
	m.ClosedOn = time.Now()
	update(t, c, m.ID, func(tx mailbox.Tx) error { return tx.UpdateMember(m) })
	again := mailbox.Member{Number: "0815"}
	err := c.Update(ctx(t), 0, func(tx mailbox.Tx) error { return tx.InsertMember(&again, Names) })
	wantKind(t, err, mailbox.Exists)
	view(t, c, func(r mailbox.Reader) error {
		if n, err := r.CountMembers(); err != nil || n != 1 {
			t.Errorf("%d members, %v", n, err)
		}
		return nil
	})
}

func wholeMember(t *testing.T, c mailbox.Catalog) {
	parent := addMember(t, c, "0001")
	m := mailbox.Member{
		Number: "0815", Name: "Stadt Mühlhausen", Parent: parent.ID, Policy: mailbox.FourEyes, Quota: 1 << 40,
		ClosedOn: time.Date(2027, 1, 31, 23, 0, 0, 1000, time.UTC),
	}
	update(t, c, 0, func(tx mailbox.Tx) error { return tx.InsertMember(&m, Names) })
	m.Name, m.Successor = "Stadt Müllrose", parent.ID
	update(t, c, m.ID, func(tx mailbox.Tx) error { return tx.UpdateMember(m) })
	view(t, c, func(r mailbox.Reader) error {
		byNumber, err := r.MemberByNumber("0815")
		if err != nil || byNumber != m {
			t.Errorf("by number: %+v, %v; want %+v", byNumber, err, m)
		}
		if byID, err := r.Member(m.ID); err != nil || byID != m {
			t.Errorf("by id: %+v, %v", byID, err)
		}
		_, err = r.Member(99)
		wantKind(t, err, mailbox.NotFound)
		_, err = r.MemberByNumber("815")
		wantKind(t, err, mailbox.NotFound)
		for _, p := range mailbox.Places {
			e, err := r.Entry(m.Folders[p])
			root := p == mailbox.Root
			if err != nil || !e.Folder || e.Place != p || e.Member != m.ID || root != (e.Parent == 0) ||
				!root && (e.Parent != m.Folders[mailbox.Root] || e.Name != Names.Of(p)) {
				t.Errorf("folder of %d: %+v, %v", p, e, err)
			}
		}
		folders, err := r.Children(m.Folders[mailbox.Root], "", 9, nil)
		same(t, "the fixed folders", names(folders), []string{"an_KVBbg", "KVBBG-SB-Posteingang", "Postausgang"})
		return err
	})
	err := c.Update(ctx(t), 99, func(tx mailbox.Tx) error { return tx.UpdateMember(mailbox.Member{ID: 99}) })
	wantKind(t, err, mailbox.NotFound)
}

func mailboxesAndSums(t *testing.T, c mailbox.Catalog) {
	var members []mailbox.Member
	for _, number := range []string{"30", "10", "20"} {
		members = append(members, addMember(t, c, number))
	}
	for i, m := range members {
		update(t, c, m.ID, func(tx mailbox.Tx) error {
			n := int64(10 * (i + 1))
			if err := tx.Touch([]mailbox.EntryID{m.Folders[mailbox.Root]}, n, true, false); err != nil {
				return err
			}
			return tx.Touch([]mailbox.EntryID{m.Folders[mailbox.Root]}, n+1, false, true)
		})
	}
	view(t, c, func(r mailbox.Reader) error {
		numbersOf := func(ids []mailbox.MemberID) (all []string) {
			boxes, err := r.Mailboxes(ids)
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range boxes {
				if b.Root.ID != b.Member.Folders[mailbox.Root] || b.Root.ChangeAuthority+1 != b.Root.ChangeMember {
					t.Errorf("root of %s: %+v", b.Member.Number, b.Root)
				}
				all = append(all, b.Member.Number)
			}
			return all
		}
		same(t, "all", numbersOf(nil), []string{"10", "20", "30"})
		same(t, "two", numbersOf([]mailbox.MemberID{members[0].ID, members[1].ID, 99}), []string{"10", "30"})
		same(t, "none", numbersOf([]mailbox.MemberID{}), nil)
		for _, tc := range []struct {
			ids  []mailbox.MemberID
			side mailbox.Side
			sum  int64
			n    int
		}{
			{nil, mailbox.AuthoritySide, 60, 3}, {nil, mailbox.MemberSide, 63, 3},
			{[]mailbox.MemberID{members[2].ID, 99}, mailbox.AuthoritySide, 30, 1}, {[]mailbox.MemberID{}, mailbox.MemberSide, 0, 0},
		} {
			if sum, n, err := r.SumChanges(tc.ids, tc.side); err != nil || sum != tc.sum || n != tc.n {
				t.Errorf("sum over %v: %d, %d, %v; want %d, %d", tc.ids, sum, n, err, tc.sum, tc.n)
			}
		}
		return nil
	})
}

func changeNumbers(t *testing.T, c mailbox.Catalog) {
	m, other := addMember(t, c, "0815"), addMember(t, c, "0816")
	for want := int64(1); want <= 3; want++ {
		update(t, c, m.ID, func(tx mailbox.Tx) error {
			n, err := tx.NextChange()
			if n != want {
				t.Errorf("change %d, want %d", n, want)
			}
			return err
		})
	}
	touch := func(n int64, authority, member bool, places ...mailbox.Place) {
		var ids []mailbox.EntryID
		for _, p := range places {
			ids = append(ids, m.Folders[p])
		}
		update(t, c, m.ID, func(tx mailbox.Tx) error { return tx.Touch(ids, n, authority, member) })
	}
	touch(2, true, true, mailbox.Root, mailbox.ToAuthority)
	touch(3, true, false, mailbox.Root, mailbox.Outbox)
	for p, want := range map[mailbox.Place][2]int64{
		mailbox.Root: {3, 2}, mailbox.ToAuthority: {2, 2}, mailbox.Outbox: {3, 0}, mailbox.CaseworkerInbox: {0, 0},
	} {
		if e := place(t, c, m, p); e.ChangeAuthority != want[0] || e.ChangeMember != want[1] {
			t.Errorf("folder of %d has %d and %d, want %v", p, e.ChangeAuthority, e.ChangeMember, want)
		}
	}
	view(t, c, func(r mailbox.Reader) error {
		if o, err := r.Member(other.ID); err != nil || o.Change != 0 {
			t.Errorf("another mailbox counted along: %+v, %v", o, err)
		}
		return nil
	})
	err := c.Update(ctx(t), 0, func(tx mailbox.Tx) error { _, err := tx.NextChange(); return err })
	if err == nil {
		t.Error("a change number of no mailbox")
	}
}

func usage(t *testing.T, c mailbox.Catalog) {
	m := addMember(t, c, "0815")
	update(t, c, m.ID, func(tx mailbox.Tx) error { return tx.AddUsage(100, 0) })
	update(t, c, m.ID, func(tx mailbox.Tx) error { return tx.AddUsage(-30, 30) })
	view(t, c, func(r mailbox.Reader) error {
		if got, err := r.Member(m.ID); err != nil || got.Usage != (mailbox.Usage{Current: 70, Superseded: 30}) {
			t.Errorf("usage %+v, %v", got.Usage, err)
		}
		return nil
	})
}
