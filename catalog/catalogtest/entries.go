// SPDX-License-Identifier: Apache-2.0

package catalogtest

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"postfach/mailbox"
)

func wholeEntry(t *testing.T, c mailbox.Catalog) {
	m := addMember(t, c, "0815")
	old := addFile(t, c, m, mailbox.ToAuthority, "alt")
	at := time.Date(2026, 10, 25, 0, 30, 0, 999_999_000, time.UTC)
	e := mailbox.Entry{
		Member: m.ID, Parent: m.Folders[mailbox.ToAuthority], Place: mailbox.ToAuthority, Name: "Übersicht ß.csv",
		Side: mailbox.MemberSide, Account: 7, Person: 8, Created: at, Modified: time.Unix(0, 0).UTC(),
		TakenBy: 9, TakenAt: at.Add(time.Second), Drop: 10, Replaces: old.ID, ChangeAuthority: 11, ChangeMember: 12,
	}
	update(t, c, m.ID, func(tx mailbox.Tx) error { return tx.InsertEntry(&e) })
	if e.ID == 0 || e.ID == old.ID {
		t.Fatalf("id %d", e.ID)
	}
	check := func() {
		t.Helper()
		view(t, c, func(r mailbox.Reader) error {
			if got, err := r.Entry(e.ID); err != nil || !reflect.DeepEqual(got, e) {
				t.Errorf("got %+v, %v\nwant %+v", got, err, e)
			}
			return nil
		})
	}
	check()
	update(t, c, m.ID, func(tx mailbox.Tx) error {
		e.Version = version(tx, "Inhalt")
		e.Version.Entry = e.ID
		if err := tx.InsertVersion(e.Version, nil, time.Time{}); err != nil {
			return err
		}
		e.Name, e.Place, e.Parent, e.Side = "ẞ", mailbox.Root, m.Folders[mailbox.Root], mailbox.AuthoritySide
		e.Account, e.Person, e.Created, e.Modified, e.Removed = 17, 18, at.Add(1000), at.Add(2000), at.Add(3000)
		e.TakenBy, e.TakenAt, e.Drop, e.Replaces, e.ChangeAuthority, e.ChangeMember = 0, time.Time{}, 0, 0, 21, 22
		return tx.UpdateEntry(e)
	})
	check()
	view(t, c, func(r mailbox.Reader) error {
		_, err := r.Entry(9999)
		wantKind(t, err, mailbox.NotFound)
		return nil
	})
	err := c.Update(ctx(t), m.ID, func(tx mailbox.Tx) error { return tx.UpdateEntry(mailbox.Entry{ID: 9999, Member: m.ID}) })
	wantKind(t, err, mailbox.NotFound)
}

func twins(t *testing.T, c mailbox.Catalog) {
	m := addMember(t, c, "0815")
	first := addFile(t, c, m, mailbox.ToAuthority, "Maße.csv")
	other := addFile(t, c, m, mailbox.ToAuthority, "andere.csv")
	err := c.Update(ctx(t), m.ID, func(tx mailbox.Tx) error { _, err := file(tx, m, mailbox.ToAuthority, "MASSE.CSV"); return err })
	wantKind(t, err, mailbox.Twin)
	err = c.Update(ctx(t), m.ID, func(tx mailbox.Tx) error { other.Name = "masse.csv"; return tx.UpdateEntry(other) })
	wantKind(t, err, mailbox.Twin)
	edit(t, c, first, func(e *mailbox.Entry) { e.Name = "MASSE.csv" }) // to its own twin
	addFile(t, c, m, mailbox.Root, "Maße.csv")                         // in another folder
	edit(t, c, first, func(e *mailbox.Entry) { e.Removed = time.Now() })
	addFile(t, c, m, mailbox.ToAuthority, "masse.csv") // the name is free again
	err = c.Update(ctx(t), m.ID, func(tx mailbox.Tx) error {
		first.Removed = time.Time{}
		return tx.UpdateEntry(first)
	})
	wantKind(t, err, mailbox.Twin) // restored onto a name that is taken
}

func paging(t *testing.T, c mailbox.Catalog) {
	m := addMember(t, c, "0815")
	all := numbered("Datei %03d", 25)
	update(t, c, m.ID, func(tx mailbox.Tx) error {
		for i := range all {
			if _, err := file(tx, m, mailbox.ToAuthority, all[(i*7)%25]); err != nil {
				return err
			}
		}
		return nil
	})
	view(t, c, func(r mailbox.Reader) error {
		var got []string
		after := ""
		for pages := 0; ; pages++ {
			page, err := r.Children(m.Folders[mailbox.ToAuthority], after, 10, nil)
			if err != nil {
				return err
			}
			if len(page) == 0 {
				if pages != 3 {
					t.Errorf("%d pages", pages)
				}
				break
			}
			got = append(got, names(page)...)
			after = mailbox.NameKey(page[len(page)-1].Name)
		}
		same(t, "pages", got, all)
		if e, err := r.Child(m.Folders[mailbox.ToAuthority], "datei 007"); err != nil || e.Name != "Datei 007" || e.Version.ID.IsZero() {
			t.Errorf("child: %+v, %v", e, err)
		}
		_, err := r.Child(m.Folders[mailbox.ToAuthority], "Datei 007")
		wantKind(t, err, mailbox.NotFound) // a name is no key
		return nil
	})
}

func removed(t *testing.T, c mailbox.Catalog) {
	m := addMember(t, c, "0815")
	folder := addFolder(t, c, m, place(t, c, m, mailbox.ToAuthority), "Ordner")
	inside := addFolder(t, c, m, folder, "innen")
	edit(t, c, folder, func(e *mailbox.Entry) { e.Removed = time.Now().UTC().Truncate(time.Microsecond) })
	view(t, c, func(r mailbox.Reader) error {
		_, err := r.Child(folder.Parent, "ordner")
		wantKind(t, err, mailbox.NotFound)
		page, err := r.Children(folder.Parent, "", 10, nil)
		same(t, "in view", names(page), nil)
		if below, err := r.Subtree(folder.Parent, 100); err != nil || len(below) != 0 {
			t.Errorf("a removed folder does not hide what is below: %v, %v", names(below), err)
		}
		if e, err := r.Entry(folder.ID); err != nil || e.Removed.IsZero() {
			t.Errorf("by id: %+v, %v", e, err)
		}
		if e, err := r.Entry(inside.ID); err != nil || !e.Removed.IsZero() {
			t.Errorf("inside: %+v, %v", e, err)
		}
		return err
	})
}

func subtree(t *testing.T, c mailbox.Catalog) {
	m := addMember(t, c, "0815")
	top := addFolder(t, c, m, place(t, c, m, mailbox.ToAuthority), "z")
	middle := addFolder(t, c, m, top, "y")
	gone := addFolder(t, c, m, top, "weg")
	leaf := mailbox.Entry{}
	update(t, c, m.ID, func(tx mailbox.Tx) (err error) {
		leaf, err = file(tx, m, mailbox.ToAuthority, "x")
		leaf.Parent = middle.ID
		if err == nil {
			err = tx.UpdateEntry(leaf)
		}
		return err
	})
	late := addFolder(t, c, m, top, "a")
	edit(t, c, gone, func(e *mailbox.Entry) { e.Removed = time.Now() })
	update(t, c, m.ID, func(tx mailbox.Tx) error { return tx.SetPlace(top.ID, mailbox.CaseworkerInbox) })
	view(t, c, func(r mailbox.Reader) error {
		all, err := r.Subtree(top.ID, 100)
		got := names(all)
		if slices.Sort(got); err != nil || fmt.Sprint(got) != "[a x y]" {
			t.Errorf("subtree %v, %v", got, err)
		}
		if some, err := r.Subtree(top.ID, 2); err != nil || len(some) != 2 {
			t.Errorf("two of a subtree: %d, %v", len(some), err)
		}
		seen := map[mailbox.EntryID]bool{top.ID: true}
		for _, e := range all {
			if !seen[e.Parent] {
				t.Errorf("%s comes before its parent", e.Name)
			}
			if seen[e.ID] = true; !e.Folder && e.Version.ID != leaf.Version.ID {
				t.Errorf("%s without its version", e.Name)
			}
		}
		for _, id := range []mailbox.EntryID{top.ID, middle.ID, leaf.ID, late.ID, gone.ID} {
			if e, err := r.Entry(id); err != nil || e.Place != mailbox.CaseworkerInbox {
				t.Errorf("%s stayed in place %d (%v)", e.Name, e.Place, err)
			}
		}
		if e, err := r.Entry(m.Folders[mailbox.ToAuthority]); err != nil || e.Place != mailbox.ToAuthority {
			t.Errorf("the folder above moved along: %v", err)
		}
		return nil
	})
}

func dropFolder(t *testing.T, c mailbox.Catalog) {
	m, other := addMember(t, c, "0815"), addMember(t, c, "0816")
	folder := addFolder(t, c, m, place(t, c, m, mailbox.ToAuthority), "Rechenzentrum")
	folder = edit(t, c, folder, func(e *mailbox.Entry) { e.Drop = 42 })
	find := func(m mailbox.MemberID, a mailbox.AccountID) (id mailbox.EntryID) {
		view(t, c, func(r mailbox.Reader) error {
			e, err := r.DropFolder(m, a)
			if id = e.ID; err != nil {
				wantKind(t, err, mailbox.NotFound)
			}
			return nil
		})
		return id
	}
	if find(m.ID, 42) != folder.ID || find(m.ID, 43) != 0 || find(other.ID, 42) != 0 || find(m.ID, 0) != 0 {
		t.Error("the drop folder is not that of its account and mailbox")
	}
	edit(t, c, folder, func(e *mailbox.Entry) { e.Removed = time.Now() })
	if find(m.ID, 42) != 0 {
		t.Error("a removed drop folder is found")
	}
}
