// SPDX-License-Identifier: Apache-2.0

package catalogtest

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"postfach/mailbox"
)

func wholeVersion(t *testing.T, c mailbox.Catalog) {
	m := addMember(t, c, "0815")
	e := addFile(t, c, m, mailbox.ToAuthority, "a")
	v := mailbox.Version{
		ID: mailbox.NewVersionID(), Entry: e.ID, Blob: mailbox.BlobKey{Member: "0099", Folder: "Ausgang", Version: e.Version.ID},
		Size: 1 << 40, SHA256: [32]byte{31: 1}, SHA1: make([]byte, 20), MD5: []byte("0123456789abcdef"),
		Account: 7, Person: 8, Side: mailbox.AuthoritySide, Time: time.Date(2026, 1, 1, 0, 0, 0, 5000, time.UTC),
		Engine: "ClamAV", Database: "27001", Seen: true,
	}
	update(t, c, m.ID, func(tx mailbox.Tx) error { return tx.InsertVersion(v, nil, v.ID.Time()) })
	view(t, c, func(r mailbox.Reader) error {
		if got, err := r.Version(v.ID); err != nil || !reflect.DeepEqual(got, v) {
			t.Errorf("got %+v, %v\nwant %+v", got, err, v)
		}
		if now, err := r.Entry(e.ID); err != nil || !reflect.DeepEqual(now, e) {
			t.Errorf("a version became current by itself: %+v, %v\nwant %+v", now, err, e)
		}
		_, err := r.Version(mailbox.NewVersionID())
		wantKind(t, err, mailbox.NotFound)
		return nil
	})
	update(t, c, m.ID, func(tx mailbox.Tx) error { return tx.SetSeen(e.Version.ID) })
	view(t, c, func(r mailbox.Reader) error {
		if got, err := r.Version(e.Version.ID); err != nil || !got.Seen {
			t.Errorf("not seen: %+v, %v", got, err)
		}
		return nil
	})
	err := c.Update(ctx(t), m.ID, func(tx mailbox.Tx) error { return tx.InsertVersion(v, nil, time.Time{}) })
	if err == nil {
		t.Error("a version id was used twice (I6)")
	}
	v.ID, v.Entry = mailbox.NewVersionID(), 9999
	err = c.Update(ctx(t), m.ID, func(tx mailbox.Tx) error { return tx.InsertVersion(v, nil, time.Time{}) })
	wantKind(t, err, mailbox.NotFound)
}

func oldVersion(t *testing.T, c mailbox.Catalog) {
	m := addMember(t, c, "0815")
	err := c.Update(ctx(t), m.ID, func(tx mailbox.Tx) error {
		e := mailbox.Entry{Member: m.ID, Parent: m.Folders[mailbox.Root], Name: "a", Created: tx.Now(), Modified: tx.Now()}
		if err := tx.InsertEntry(&e); err != nil {
			return err
		}
		v := version(tx, "a")
		v.Entry = e.ID
		return tx.InsertVersion(v, nil, v.ID.Time().Add(time.Millisecond))
	})
	wantKind(t, err, mailbox.Unavailable)
}

func missingVersion(t *testing.T, c mailbox.Catalog) {
	m := addMember(t, c, "0815")
	err := c.Update(ctx(t), m.ID, func(tx mailbox.Tx) error {
		e := mailbox.Entry{Member: m.ID, Parent: m.Folders[mailbox.Root], Name: "a", Version: version(tx, "a")}
		return tx.InsertEntry(&e)
	})
	wantKind(t, err, mailbox.Internal)
}

func history(t *testing.T, c mailbox.Catalog) {
	m := addMember(t, c, "0815")
	var want []mailbox.VersionID
	var last mailbox.Entry
	for i := range 3 { // the same name taken over three times
		e := addFile(t, c, m, mailbox.ToAuthority, "Liste.csv")
		update(t, c, m.ID, func(tx mailbox.Tx) error {
			second := version(tx, "zweite")
			second.Entry = e.ID
			if err := tx.InsertVersion(second, nil, time.Time{}); err != nil {
				return err
			}
			want = slices.Insert(want, 0, second.ID, e.Version.ID)
			e.Version, e.Parent, e.Place = second, m.Folders[mailbox.CaseworkerInbox], mailbox.CaseworkerInbox
			if i > 0 {
				last.Removed = tx.Now()
				if err := tx.UpdateEntry(last); err != nil {
					return err
				}
				e.Replaces = last.ID
			}
			return tx.UpdateEntry(e)
		})
		last = e
	}
	view(t, c, func(r mailbox.Reader) error {
		all, err := r.Versions(last.ID)
		var got []mailbox.VersionID
		for _, v := range all {
			got = append(got, v.ID)
		}
		same(t, "history", got, want)
		return err
	})
}

func authors(t *testing.T, c mailbox.Catalog) {
	m := addMember(t, c, "0815")
	e := addFile(t, c, m, mailbox.Outbox, "a")
	v := mailbox.Version{ID: mailbox.NewVersionID(), Entry: e.ID, Person: 5, SHA256: [32]byte{1}}
	v.Blob.Version = v.ID
	update(t, c, m.ID, func(tx mailbox.Tx) error { return tx.InsertVersion(v, []mailbox.PersonID{9, 5, 7, 9}, time.Time{}) })
	view(t, c, func(r mailbox.Reader) error {
		got, err := r.Authors(v.ID)
		slices.Sort(got)
		same(t, "authors", got, []mailbox.PersonID{5, 7, 9})
		if err != nil {
			return err
		}
		got, err = r.Authors(e.Version.ID)
		same(t, "only the uploader", got, []mailbox.PersonID{5})
		return err
	})
}

func outboxTwins(t *testing.T, c mailbox.Catalog) {
	m, other := addMember(t, c, "0815"), addMember(t, c, "0816")
	drafted := addFile(t, c, m, mailbox.Outbox, "Entwurf")
	released := addFile(t, c, m, mailbox.Outbox, "Entwurf 2")
	provided := addFile(t, c, m, mailbox.Root, "Entwurf")
	recalled := addFile(t, c, m, mailbox.Root, "Entwurf 3")
	addFile(t, c, other, mailbox.Outbox, "Entwurf")
	var sha [32]byte
	copy(sha[:], "gleich")
	update(t, c, m.ID, func(tx mailbox.Tx) error {
		for _, e := range []*mailbox.Entry{&drafted, &released, &provided, &recalled} {
			v := version(tx, "gleich")
			v.Entry = e.ID
			if err := tx.InsertVersion(v, nil, time.Time{}); err != nil {
				return err
			}
			e.Version = v
			if err := tx.UpdateEntry(*e); err != nil {
				return err
			}
		}
		return nil
	})
	edit(t, c, released, func(e *mailbox.Entry) { e.Place, e.Parent = mailbox.Root, m.Folders[mailbox.Root] })
	edit(t, c, recalled, func(e *mailbox.Entry) { e.Place, e.Parent = mailbox.Outbox, m.Folders[mailbox.Outbox] })
	view(t, c, func(r mailbox.Reader) error {
		got, err := r.OutboxTwins(m.ID, sha)
		same(t, "twins", got, []mailbox.VersionID{drafted.Version.ID, released.Version.ID, recalled.Version.ID})
		if none, err := r.OutboxTwins(other.ID, sha); err != nil || len(none) != 0 {
			t.Errorf("twins in another mailbox: %v, %v", none, err)
		}
		return err
	})
	folder := addFolder(t, c, m, place(t, c, m, mailbox.Root), "Ordner")
	edit(t, c, provided, func(e *mailbox.Entry) { e.Parent = folder.ID })
	update(t, c, m.ID, func(tx mailbox.Tx) error { return tx.SetPlace(folder.ID, mailbox.Outbox) })
	view(t, c, func(r mailbox.Reader) error {
		got, err := r.OutboxTwins(m.ID, sha)
		if !slices.Contains(got, provided.Version.ID) {
			t.Error("a folder moved into the outbox leaves its files out")
		}
		return err
	})
}

func takenTwin(t *testing.T, c mailbox.Catalog) {
	m := addMember(t, c, "0815")
	find := func(e mailbox.Entry) (id mailbox.VersionID, err error) {
		view(t, c, func(r mailbox.Reader) error { id, err = r.TakenOverTwin(e.Member, e.Version.SHA256); return nil })
		return id, err
	}
	e := addFile(t, c, m, mailbox.ToAuthority, "a")
	_, err := find(e)
	wantKind(t, err, mailbox.NotFound)
	take := func(e *mailbox.Entry) {
		e.Place, e.Parent = mailbox.CaseworkerInbox, m.Folders[mailbox.CaseworkerInbox]
		e.TakenBy, e.TakenAt = 3, time.Now()
	}
	edit(t, c, e, take)
	edit(t, c, e, func(e *mailbox.Entry) { // given back
		e.Place, e.Parent, e.TakenBy, e.TakenAt = mailbox.ToAuthority, m.Folders[mailbox.ToAuthority], 0, time.Time{}
	})
	if id, err := find(e); err != nil || id != e.Version.ID {
		t.Errorf("twin %v, %v", id, err)
	}
	folder := addFolder(t, c, m, place(t, c, m, mailbox.ToAuthority), "Ordner")
	update(t, c, m.ID, func(tx mailbox.Tx) error {
		second, err := file(tx, m, mailbox.Root, "a")
		if err != nil {
			return err
		}
		e = second
		second.Place, second.Parent = mailbox.ToAuthority, folder.ID
		return tx.UpdateEntry(second)
	})
	update(t, c, m.ID, func(tx mailbox.Tx) error { return tx.SetPlace(folder.ID, mailbox.CaseworkerInbox) })
	if id, err := find(e); err != nil || id != e.Version.ID {
		t.Errorf("newest twin, taken over with its folder: %v, %v; want %v", id, err, e.Version.ID)
	}
}
