// SPDX-License-Identifier: Apache-2.0

package mailbox_test

import (
	"fmt"
	"testing"

	"postfach/catalog"
	"postfach/mailbox"
)

// BenchmarkList lists a folder of 1,000 documents, without a door.
func BenchmarkList(b *testing.B) {
	c, err := catalog.OpenSQLite(b.TempDir()+"/catalog.db", catalog.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Close() })
	s, clerk := filled(b, c, 1000)
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		err := s.List(ctx, clerk, path("/an_KVBbg"), mailbox.Want{Locks: true, Props: true}, func(mailbox.Node) error { n++; return nil })
		if err != nil || n != 1001 {
			b.Fatal(n, err)
		}
	}
}

// filled is a service over c with one member and a clerk, and documents in
// an_KVBbg that have no content.
func filled(tb testing.TB, c *catalog.SQLite, n int) (*mailbox.Service, mailbox.Actor) {
	tb.Helper()
	s := mailbox.New(c, nil, nil, mailbox.Options{Folders: folders})
	if _, err := s.AddMembers(ctx, mailbox.By{}, []mailbox.NewMember{{Number: "0815", Name: "Stadt Musterhausen"}}); err != nil {
		tb.Fatal(err)
	}
	var m mailbox.Member
	if err := c.View(ctx, func(r mailbox.Reader) (err error) { m, err = r.MemberByNumber("0815"); return err }); err != nil {
		tb.Fatal(err)
	}
	err := c.Update(ctx, m.ID, func(tx mailbox.Tx) error {
		for i := range n {
			id := mailbox.NewVersionID()
			e := mailbox.Entry{Member: m.ID, Parent: m.Folders[mailbox.ToAuthority], Place: mailbox.ToAuthority, Side: mailbox.MemberSide,
				Name: fmt.Sprintf("Beitragsliste %04d.csv", i), Created: tx.Now(), Modified: tx.Now()}
			e.Version = mailbox.Version{ID: id, Blob: mailbox.BlobKey{Member: "0815", Folder: "an_KVBbg", Version: id}, Size: 16384,
				Side: mailbox.MemberSide, Time: tx.Now(), Engine: "ClamAV 1.4.6"}
			if err := tx.InsertEntry(&e); err != nil {
				return err
			}
			e.Version.Entry = e.ID
			if err := tx.InsertVersion(e.Version, nil, id.Time()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return s, mailbox.Actor{Account: 1, Person: 1, Layout: mailbox.Direct,
		Grants: []mailbox.Grant{{Role: mailbox.Clerk, Member: m.ID, Number: "0815"}}}
}
