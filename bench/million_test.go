// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"postfach/catalog"
	"postfach/mailbox"
	"postfach/scan/scantest"
	"postfach/test/world"
)

// BenchmarkMillion runs a single node whose catalog holds a million entries
// beside one with a thousand. `make bench` calls it.
func BenchmarkMillion(b *testing.B) {
	for b.Loop() {
		r := &run{t: b, size: sizes(), dir: b.TempDir(), figures: figures{}}
		r.scanner = scantest.Start(b, scantest.Options{MaxSize: 2000 << 20})
		few, lot := r.filled("few", 1), r.filled("many", r.size.million/1000)
		for i := range r.size.repetitions {
			pair := []*target{few, lot}
			for k := range pair {
				r.catalogWork(pair[(k+i)%2], i)
			}
		}
		per := func(who, test string) float64 { return 1000 / r.figures.median(who, test, rate) }
		var lines []line
		for _, test := range []string{"PROPFIND of 10 entries, c=16", "PUT 16 KiB c=1", "MOVE c=1"} {
			lines = append(lines, line{fmt.Sprintf("%s, with %d entries against 1000", test, r.size.million), per("many", test), per("few", test), "ms", false, 1.2})
		}
		table{"million", "A large catalog against a small one", r.size, lines, r.figures}.publish(b, os.Getenv("POSTFACH_RESULTS"))
	}
}

// filled is a single node with so many mailboxes of 1,000 documents each.
func (r *run) filled(name string, mailboxes int) *target {
	r.t.Helper()
	w := world.Start(r.t, world.Options{Scanner: r.scanner, MaxSize: "2000MiB", Stopped: true, Data: filepath.Join(r.dir, name),
		Quiet: time.Minute, AtMost: 5 * time.Minute, Members: []world.Member{world.Musterhausen},
		Accounts: []world.Account{{Login: benchUser, Password: benchPassword, Role: "clerk", Member: "0815"}}})
	began := time.Now()
	c, err := catalog.OpenSQLite(filepath.Join(w.Data, "catalog.db"), catalog.Options{})
	if err != nil {
		r.t.Fatal(err)
	}
	for i := range mailboxes {
		number := "0815" // the one that is worked in is as large as the others
		if i > 0 {
			number = fmt.Sprint(10_000 + i)
		}
		if err := fillMailbox(c, number, 10, 100); err != nil {
			r.t.Fatal(err)
		}
	}
	if err := c.Close(); err != nil {
		r.t.Fatal(err)
	}
	w.Serve()
	r.figures.add(name, "filling", Result{Seconds: time.Since(began).Seconds(), Entries: mailboxes * 1000})
	g := &target{name: name, server: Server{w.URL + "/dav/an_KVBbg/", benchUser, benchPassword}, tree: Tree{w.PID()}}
	g.rest()
	g.server.Make("ten/")
	if res := g.server.Small("ten", 10, 8, 100); res.Failed > 0 {
		r.t.Fatalf("%s: %+v", name, res)
	}
	return g
}

// fillMailbox makes folders with documents in one transaction, with a record of
// the audit log each, as if they had been uploaded. Their bytes are nowhere.
func fillMailbox(c *catalog.SQLite, number string, folders, each int) error {
	ctx := context.Background()
	var m mailbox.Member
	err := c.View(ctx, func(r mailbox.Reader) (err error) { m, err = r.MemberByNumber(number); return err })
	if mailbox.KindOf(err) == mailbox.NotFound {
		m = mailbox.Member{Number: number, Name: "Stadt " + number}
		names := mailbox.FolderNames{ToAuthority: "an_KVBbg", CaseworkerInbox: "KVBBG-SB-Posteingang", Outbox: "Postausgang"}
		err = c.Update(ctx, 0, func(tx mailbox.Tx) error { return tx.InsertMember(&m, names) })
	}
	if err != nil {
		return err
	}
	return c.Update(ctx, m.ID, func(tx mailbox.Tx) error {
		for f := range folders {
			folder := mailbox.Entry{Member: m.ID, Parent: m.Folders[mailbox.ToAuthority], Place: mailbox.ToAuthority, Folder: true,
				Name: fmt.Sprintf("Ordner %02d", f), Created: tx.Now(), Modified: tx.Now()}
			if err := tx.InsertEntry(&folder); err != nil {
				return err
			}
			for i := range each {
				if err := fillDocument(tx, m, folder, i); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func fillDocument(tx mailbox.Tx, m mailbox.Member, folder mailbox.Entry, i int) error {
	id, now := mailbox.NewVersionID(), tx.Now()
	e := mailbox.Entry{Member: m.ID, Parent: folder.ID, Place: folder.Place, Name: fmt.Sprintf("Beitragsliste %05d.csv", i),
		Side: mailbox.MemberSide, Account: 1, Person: 1, Created: now, Modified: now, ChangeAuthority: 1, ChangeMember: 1}
	e.Version = mailbox.Version{ID: id, Blob: mailbox.BlobKey{Member: m.Number, Folder: "an_KVBbg", Version: id}, Size: 16384,
		SHA256: sha256.Sum256(id[:]), Account: 1, Person: 1, Side: mailbox.MemberSide, Time: now, Engine: "ClamAV 1.4.6", Database: "27812"}
	if err := tx.InsertEntry(&e); err != nil {
		return err
	}
	e.Version.Entry = e.ID
	if err := tx.InsertVersion(e.Version, []mailbox.PersonID{1}, now.Add(-time.Hour)); err != nil {
		return err
	}
	return tx.Audit(mailbox.Record{Person: 1, Account: 1, Role: mailbox.Clerk, Member: m.ID, Operation: mailbox.OpCreate, Place: folder.Place,
		Entry: e.ID, Version: id, SHA256: e.Version.SHA256, Result: "ok", RequestID: "0123456789abcdef",
		Detail: mailbox.Detail{Path: "/an_KVBbg/" + folder.Name + "/" + e.Name, Door: "dav", Address: "192.0.2.1", UserAgent: "curl/8.5.0", Size: 16384}})
}

// catalogWork is what a large catalog could slow down.
func (r *run) catalogWork(g *target, i int) {
	r.t.Helper()
	s, from, to := g.server, fmt.Sprintf("s%d", i), fmt.Sprintf("m%d", i)
	s.Make(from + "/")
	s.Make(to + "/")
	for _, one := range []struct {
		test string
		load func() Result
	}{
		{"PROPFIND of 10 entries, c=16", func() Result { return s.Propfinds("ten/", r.size.lists, 16) }},
		{"PUT 16 KiB c=1", func() Result { return s.Small(from, r.size.moves, 1, 16<<10) }},
		{"MOVE c=1", func() Result { return s.Move(from, to, r.size.moves) }},
	} {
		res := g.tree.Measure(one.load)
		if res.Failed > 0 {
			r.t.Errorf("%s %s: %d failed: %s", g.name, one.test, res.Failed, res.Error)
		}
		r.figures.add(g.name, one.test, res)
	}
}
