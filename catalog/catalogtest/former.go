// SPDX-License-Identifier: Apache-2.0

package catalogtest

import (
	"slices"
	"testing"
	"time"

	"postfach/mailbox"
)

func formerNames(t *testing.T, c mailbox.Catalog) {
	m := addMember(t, c, "0815")
	a, b := addFile(t, c, m, mailbox.Outbox, "Brief.docx"), addFile(t, c, m, mailbox.Outbox, "Liste.csv")
	var began time.Time
	update(t, c, m.ID, func(tx mailbox.Tx) error {
		began = tx.Now()
		for _, e := range []mailbox.Entry{a, b} {
			if err := tx.LeaveName(e); err != nil {
				return err
			}
		}
		b.Name = "BRIEF.docx" // the latest name counts
		return tx.LeaveName(b)
	})
	view(t, c, func(r mailbox.Reader) error {
		got, err := r.Former(a.Parent, mailbox.NameKey("brief.DOCX"), began)
		same(t, "former", names(got), []string{"Brief.docx", "Liste.csv"})
		if err != nil {
			return err
		}
		got, err = r.Former(a.Parent, mailbox.NameKey("Brief.docx"), began.Add(time.Microsecond))
		same(t, "former, later", names(got), nil)
		if err != nil {
			return err
		}
		got, err = r.Former(m.Folders[mailbox.Root], mailbox.NameKey("Brief.docx"), began)
		same(t, "former, elsewhere", names(got), nil)
		return err
	})
}

func replacedBy(t *testing.T, c mailbox.Catalog) {
	m := addMember(t, c, "0815")
	old, next := addFile(t, c, m, mailbox.ToAuthority, "a"), addFile(t, c, m, mailbox.ToAuthority, "b")
	edit(t, c, next, func(e *mailbox.Entry) { e.Replaces = old.ID })
	view(t, c, func(r mailbox.Reader) error {
		if got, err := r.ReplacedBy(old.ID); err != nil || got.ID != next.ID {
			t.Errorf("%+v, %v", got, err)
		}
		_, err := r.ReplacedBy(next.ID)
		wantKind(t, err, mailbox.NotFound)
		return nil
	})
}

func moreAuthors(t *testing.T, c mailbox.Catalog) {
	m := addMember(t, c, "0815")
	e := addFile(t, c, m, mailbox.Outbox, "a")
	update(t, c, m.ID, func(tx mailbox.Tx) error { return tx.AddAuthors(e.Version.ID, []mailbox.PersonID{41, 42, 41}) })
	view(t, c, func(r mailbox.Reader) error {
		got, err := r.Authors(e.Version.ID)
		if !slices.Contains(got, 41) || !slices.Contains(got, 42) {
			t.Errorf("authors %v", got)
		}
		return err
	})
	err := c.Update(ctx(t), m.ID, func(tx mailbox.Tx) error { return tx.AddAuthors(mailbox.NewVersionID(), []mailbox.PersonID{1}) })
	wantKind(t, err, mailbox.NotFound)
}

// purging: what the other side could see, what is current and what a copy needs
// is never offered.
func purging(t *testing.T, c mailbox.Catalog) {
	m := addMember(t, c, "0815")
	e := addFile(t, c, m, mailbox.ToAuthority, "~a.tmp")
	base := e.Version.ID
	add := func(change func(*mailbox.Version)) (v mailbox.Version) {
		update(t, c, m.ID, func(tx mailbox.Tx) error {
			v = version(tx, "")
			v.Entry, v.Side = e.ID, mailbox.MemberSide
			if change != nil {
				change(&v)
			}
			e.Version = v
			if err := tx.InsertVersion(v, nil, time.Time{}); err != nil {
				return err
			}
			return tx.UpdateEntry(e)
		})
		return v
	}
	first, second := add(nil), add(nil)
	add(func(v *mailbox.Version) { v.Seen = true })
	add(func(v *mailbox.Version) { v.Side = mailbox.AuthoritySide })
	needed := add(nil)
	add(func(v *mailbox.Version) { v.Blob = needed.Blob })
	offered := func(keep, limit int, before time.Time) (ids []mailbox.VersionID) {
		view(t, c, func(r mailbox.Reader) error {
			vs, err := r.Purgeable(m.ID, before, keep, limit)
			for _, v := range vs {
				if v.ID != needed.ID && v.Side == mailbox.MemberSide {
					ids = append(ids, v.ID)
				} else {
					t.Errorf("offered %+v", v)
				}
			}
			return err
		})
		return ids
	}
	later := time.Now().Add(time.Hour)
	same(t, "all", offered(0, 10, later), []mailbox.VersionID{base, first.ID, second.ID})
	same(t, "one", offered(0, 1, later), []mailbox.VersionID{base})
	same(t, "kept by number", offered(4, 10, later), []mailbox.VersionID{base, first.ID})
	same(t, "kept by age", offered(0, 10, time.Unix(0, 0)), nil)
	update(t, c, m.ID, func(tx mailbox.Tx) error { return tx.Purge(first.ID) })
	same(t, "one is gone", offered(0, 10, later), []mailbox.VersionID{base, second.ID})
	if named, err := c.Committed(ctx(t), first.ID); err != nil || named {
		t.Errorf("a purged version names its blob: %v %v", named, err)
	}
	view(t, c, func(r mailbox.Reader) error {
		if v, err := r.Version(first.ID); err != nil || !v.Purged {
			t.Errorf("%+v, %v", v, err)
		}
		return nil
	})
}
