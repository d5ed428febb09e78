// SPDX-License-Identifier: Apache-2.0

// Package catalogtest holds what every catalog must do, whatever database is
// below it. It knows the interfaces only; no SQL lives here.
package catalogtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"postfach/mailbox"
)

// Open gives a fresh, empty catalog; it is closed when the test ends.
type Open func(t *testing.T) mailbox.Catalog

// Names of the fixed folders in the suite.
var Names = mailbox.FolderNames{ToAuthority: "an_KVBbg", CaseworkerInbox: "KVBBG-SB-Posteingang", Outbox: "Postausgang"}

// Run runs the suite of mailbox.Catalog.
func Run(t *testing.T, open Open) {
	for _, tc := range []struct {
		name string
		run  func(*testing.T, mailbox.Catalog)
	}{
		{"a change is kept or undone as a whole (I3)", wholeChange},
		{"a failing change leaves its neighbours alone", neighbours},
		{"a panic undoes one change", panics},
		{"a change of a caller who has gone is not begun", callerGone},
		{"a view sees one state", oneState},
		{"member numbers are given once (I6)", numbersOnce},
		{"a member is stored whole", wholeMember},
		{"mailboxes and their sums", mailboxesAndSums},
		{"an entry is stored whole", wholeEntry},
		{"twins are refused", twins},
		{"children are paged by name key", paging},
		{"a removed entry is out of view", removed},
		{"a subtree comes parents first and moves as one", subtree},
		{"change numbers grow and touch the sides named", changeNumbers},
		{"a drop folder is found by its account", dropFolder},
		{"a version is stored whole", wholeVersion},
		{"an id that is too old is refused", oldVersion},
		{"an entry cannot name a version that is not stored", missingVersion},
		{"history goes on through replaced entries", history},
		{"authors", authors},
		{"twins in the outbox, now and then", outboxTwins},
		{"the twin that was taken over (I7)", takenTwin},
		{"names that were left", formerNames},
		{"who replaced an entry", replacedBy},
		{"more authors", moreAuthors},
		{"bytes that may be given up", purging},
		{"locks end by the catalog's clock", locks},
		{"dead properties", props},
		{"deliveries", deliveries},
		{"what a person has fetched", fetches},
		{"usage is counted", usage},
		{"append is an audit record without a change", appends},
		{"ready", ready},
	} {
		t.Run(tc.name, func(t *testing.T) { tc.run(t, open(t)) })
	}
}

var errUndo = errors.New("undo this")

func ctx(t *testing.T) context.Context { return t.Context() }

func update(t *testing.T, c mailbox.Catalog, m mailbox.MemberID, fn func(mailbox.Tx) error) {
	t.Helper()
	if err := c.Update(ctx(t), m, fn); err != nil {
		t.Fatal(err)
	}
}

func view(t *testing.T, c mailbox.Catalog, fn func(mailbox.Reader) error) {
	t.Helper()
	if err := c.View(ctx(t), fn); err != nil {
		t.Fatal(err)
	}
}

func wantKind(t *testing.T, err error, k mailbox.Kind) {
	t.Helper()
	if err == nil || mailbox.KindOf(err) != k {
		t.Errorf("want an error of kind %d, got %v", k, err)
	}
}

// addMember makes a member with that number.
func addMember(t *testing.T, c mailbox.Catalog, number string) mailbox.Member {
	t.Helper()
	m := mailbox.Member{Number: number, Name: "Stadt " + number}
	update(t, c, 0, func(tx mailbox.Tx) error { return tx.InsertMember(&m, Names) })
	return m
}

// file makes an entry with a first version inside a change.
func file(tx mailbox.Tx, m mailbox.Member, place mailbox.Place, name string) (mailbox.Entry, error) {
	e := mailbox.Entry{
		Member: m.ID, Parent: m.Folders[place], Place: place, Name: name, Side: mailbox.MemberSide,
		Account: 4, Person: 5, Created: tx.Now(), Modified: tx.Now(),
	}
	e.Version = version(tx, name)
	if err := tx.InsertEntry(&e); err != nil {
		return e, err
	}
	e.Version.Entry = e.ID
	return e, tx.InsertVersion(e.Version, nil, tx.Now().Add(-time.Hour))
}

func version(tx mailbox.Tx, content string) mailbox.Version {
	v := mailbox.Version{
		ID: mailbox.NewVersionID(), Size: int64(len(content)), Account: 4, Person: 5, Side: mailbox.MemberSide,
		Time: tx.Now(), Engine: "ClamAV 1.4.6", Database: "27000",
	}
	copy(v.SHA256[:], content)
	v.Blob = mailbox.BlobKey{Member: "0815", Folder: "root", Version: v.ID}
	return v
}

func addFile(t *testing.T, c mailbox.Catalog, m mailbox.Member, place mailbox.Place, name string) (e mailbox.Entry) {
	t.Helper()
	update(t, c, m.ID, func(tx mailbox.Tx) (err error) {
		e, err = file(tx, m, place, name)
		return err
	})
	return e
}

func addFolder(t *testing.T, c mailbox.Catalog, m mailbox.Member, parent mailbox.Entry, name string) mailbox.Entry {
	t.Helper()
	e := mailbox.Entry{Member: m.ID, Parent: parent.ID, Place: parent.Place, Folder: true, Name: name, Side: mailbox.MemberSide}
	update(t, c, m.ID, func(tx mailbox.Tx) error {
		e.Created, e.Modified = tx.Now(), tx.Now()
		return tx.InsertEntry(&e)
	})
	return e
}

func place(t *testing.T, c mailbox.Catalog, m mailbox.Member, p mailbox.Place) (e mailbox.Entry) {
	t.Helper()
	view(t, c, func(r mailbox.Reader) (err error) { e, err = r.Entry(m.Folders[p]); return err })
	return e
}

// in runs fn with e as stored and stores what fn makes of it.
func edit(t *testing.T, c mailbox.Catalog, e mailbox.Entry, fn func(*mailbox.Entry)) mailbox.Entry {
	t.Helper()
	update(t, c, e.Member, func(tx mailbox.Tx) (err error) {
		if e, err = tx.Entry(e.ID); err != nil {
			return err
		}
		fn(&e)
		return tx.UpdateEntry(e)
	})
	return e
}

func names(entries []mailbox.Entry) (all []string) {
	for _, e := range entries {
		all = append(all, e.Name)
	}
	return all
}

func same[T comparable](t *testing.T, what string, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func record(op mailbox.Operation) mailbox.Record {
	return mailbox.Record{Operation: op, Result: "ok", Detail: mailbox.Detail{Path: "/Grüße <&>.csv"}}
}

func numbered(format string, n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf(format, i))
	}
	return all
}
