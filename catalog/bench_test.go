// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postfach/catalog/catalogtest"
	"postfach/mailbox"
)

// fill makes a mailbox with n files in its an_KVBbg, 1,000 to a folder, and
// gives the first folder.
func fill(b testing.TB, s tables, number string, n int) (mailbox.Member, mailbox.Entry) {
	b.Helper()
	m := mailbox.Member{Number: number, Name: "Stadt " + number}
	if err := s.Update(context.Background(), 0, func(t mailbox.Tx) error { return t.InsertMember(&m, catalogtest.Names) }); err != nil {
		b.Fatal(err)
	}
	var first, folder mailbox.Entry
	for done := 0; done < n; {
		err := s.Update(context.Background(), m.ID, func(t mailbox.Tx) error {
			folder = mailbox.Entry{
				Member: m.ID, Parent: m.Folders[mailbox.ToAuthority], Place: mailbox.ToAuthority, Folder: true,
				Name: fmt.Sprintf("Ordner %04d", done/1000), Created: t.Now(), Modified: t.Now(),
			}
			if err := t.InsertEntry(&folder); err != nil {
				return err
			}
			if done == 0 {
				first = folder
			}
			for i := range min(1000, n-done) {
				if err := upload(t, m, folder, fmt.Sprintf("Beitragsliste %05d.csv", i)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		done += min(1000, n-done)
	}
	return m, first
}

// upload does what the commit of an upload does (mailbox/store.go).
func upload(t mailbox.Tx, m mailbox.Member, folder mailbox.Entry, name string) error {
	if _, err := t.Member(m.ID); err != nil {
		return err
	}
	if _, err := t.Child(folder.ID, mailbox.NameKey(name)); mailbox.KindOf(err) != mailbox.NotFound {
		return err
	}
	if _, err := t.Locks(m.ID); err != nil {
		return err
	}
	change, err := t.NextChange()
	if err != nil {
		return err
	}
	now := t.Now()
	id := mailbox.NewVersionID()
	e := mailbox.Entry{
		Member: m.ID, Parent: folder.ID, Place: folder.Place, Name: name, Side: mailbox.MemberSide, Account: 4, Person: 5,
		Created: now, Modified: now, ChangeAuthority: change, ChangeMember: change,
	}
	e.Version = mailbox.Version{
		ID: id, Blob: mailbox.BlobKey{Member: m.Number, Folder: "an_KVBbg", Version: id}, Size: 16384, SHA256: [32]byte(append(id[:], id[:]...)),
		Account: 4, Person: 5, Side: mailbox.MemberSide, Time: now, Engine: "ClamAV 1.4.6", Database: "27812 Sat Nov 21 2026",
	}
	if err := t.InsertEntry(&e); err != nil {
		return err
	}
	e.Version.Entry = e.ID
	if err := t.InsertVersion(e.Version, []mailbox.PersonID{5}, now.Add(-time.Hour)); err != nil {
		return err
	}
	if err := t.AddUsage(16384, 0); err != nil {
		return err
	}
	if err := t.Touch([]mailbox.EntryID{m.Folders[mailbox.Root], m.Folders[mailbox.ToAuthority], folder.ID}, change, true, true); err != nil {
		return err
	}
	if _, err := t.TakenOverTwin(m.ID, e.Version.SHA256); mailbox.KindOf(err) != mailbox.NotFound {
		return err
	}
	if err := t.SetSeen(id); err != nil {
		return err
	}
	d := mailbox.Delivery{Member: m.ID, Entry: e.ID, Version: id, Direction: mailbox.ToTheAuth, Time: now, Account: 4, Person: 5}
	if err := t.InsertDelivery(d); err != nil {
		return err
	}
	return t.Audit(mailbox.Record{
		Person: 5, Account: 4, Role: mailbox.Clerk, Member: m.ID, Operation: mailbox.OpCreate, Place: folder.Place, Entry: e.ID,
		Version: id, SHA256: e.Version.SHA256, Result: "ok", RequestID: "0123456789abcdef",
		Detail: mailbox.Detail{Path: "/an_KVBbg/" + name, Door: "dav", Address: "192.0.2.1", UserAgent: "curl/8.5.0", Size: 16384},
	})
}

// forEach runs a benchmark on a fresh catalog of each kind.
func forEach(b *testing.B, run func(*testing.B, tables)) {
	b.Run("SQLite", func(b *testing.B) { run(b, openTest(b).tables) })
	b.Run("PostgreSQL", func(b *testing.B) { run(b, openPostgres(b).tables) })
}

// atOnce runs one b.N times, by that many goroutines at a time.
func atOnce(b *testing.B, clients int, one func(client, i int) error) {
	var n atomic.Int64
	var all sync.WaitGroup
	b.ResetTimer()
	for client := range clients {
		all.Go(func() {
			for i := int(n.Add(1)); i <= b.N; i = int(n.Add(1)) {
				if err := one(client, i); err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Wait()
}

// BenchmarkUpload is the commit of an upload: alone, 16 at a time into one
// mailbox, and 16 at a time into 16.
func BenchmarkUpload(b *testing.B) {
	forEach(b, func(b *testing.B, s tables) {
		var boxes [16]mailbox.Member
		var folders [16]mailbox.Entry
		for i := range boxes {
			boxes[i], folders[i] = fill(b, s, fmt.Sprintf("08%02d", i), 1000)
		}
		run := func(name string, clients, mailboxes int) {
			b.Run(name, func(b *testing.B) {
				prefix := mailbox.NewVersionID().String()
				atOnce(b, clients, func(client, i int) error {
					box := client % mailboxes
					return s.Update(context.Background(), boxes[box].ID, func(t mailbox.Tx) error {
						return upload(t, boxes[box], folders[box], fmt.Sprintf("%s %d.csv", prefix, i))
					})
				})
			})
		}
		run("c=1", 1, 1)
		run("c=16", 16, 1)
		run("c=16,mailboxes=16", 16, 16)
	})
}

// BenchmarkBusyMailbox is the commit of an upload, 16 at a time into one mailbox
// of PostgreSQL: those that wait share a transaction, or each has its own. Both
// take turns, so that they have the same load beside them.
func BenchmarkBusyMailbox(b *testing.B) {
	p := openPostgres(b)
	for i, together := range []bool{false, true, false, true, false, true} {
		m, folder := fill(b, p.tables, fmt.Sprint(i), 1000)
		p.groupFor = 0
		if together {
			p.groupFor = groupFor
		}
		b.Run(fmt.Sprintf("together=%v", together), func(b *testing.B) {
			prefix := mailbox.NewVersionID().String()
			rounds := p.pool.Rounds()
			atOnce(b, 16, func(_, i int) error {
				return p.Update(context.Background(), m.ID, func(t mailbox.Tx) error {
					return upload(t, m, folder, fmt.Sprintf("%s %d.csv", prefix, i))
				})
			})
			b.ReportMetric(float64(p.pool.Rounds()-rounds)/float64(b.N), "rounds/op")
		})
	}
}

// BenchmarkMove is the commit of a rename, whatever the size of the document.
func BenchmarkMove(b *testing.B) {
	forEach(b, func(b *testing.B, s tables) {
		m, folder := fill(b, s, "0815", 1000)
		name, e := "Beitragsliste 00500.csv", mailbox.Entry{}
		for i := 0; b.Loop(); i++ {
			to := fmt.Sprintf("Umbenannt %d.csv", i)
			err := s.Update(context.Background(), m.ID, func(t mailbox.Tx) (err error) {
				if e, err = t.Child(folder.ID, mailbox.NameKey(name)); err != nil {
					return err
				}
				return move(t, m, folder, e, to)
			})
			if err != nil {
				b.Fatal(err)
			}
			name = to
		}
	})
}

// move does what the commit of a MOVE does (mailbox/move.go).
func move(t mailbox.Tx, m mailbox.Member, folder, e mailbox.Entry, to string) error {
	if _, err := t.Member(m.ID); err != nil {
		return err
	}
	if _, err := t.Child(folder.ID, mailbox.NameKey(to)); mailbox.KindOf(err) != mailbox.NotFound {
		return fmt.Errorf("taken: %w", err)
	}
	if _, err := t.Locks(m.ID); err != nil {
		return err
	}
	change, err := t.NextChange()
	if err != nil {
		return err
	}
	e.Name, e.ChangeAuthority, e.ChangeMember = to, change, change
	if err := t.UpdateEntry(e); err != nil {
		return err
	}
	if err := t.Touch([]mailbox.EntryID{m.Folders[mailbox.Root], m.Folders[mailbox.ToAuthority], folder.ID}, change, true, true); err != nil {
		return err
	}
	return t.Audit(mailbox.Record{Person: 5, Account: 4, Role: mailbox.Clerk, Member: m.ID, Operation: mailbox.OpRename, Entry: e.ID,
		Result: "ok", Detail: mailbox.Detail{Path: "/an_KVBbg/" + e.Name, Target: "/an_KVBbg/" + to, Door: "dav"}})
}

// BenchmarkSmallest is one durable row: the floor of a commit.
func BenchmarkSmallest(b *testing.B) {
	forEach(b, func(b *testing.B, s tables) {
		for b.Loop() {
			if err := s.beat(context.Background()); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkChildren reads pages of a folder with 10,000 entries.
func BenchmarkChildren(b *testing.B) {
	s := openTest(b)
	_, folder := fill(b, s.tables, "0815", 1000)
	for _, n := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				err := s.View(context.Background(), func(r mailbox.Reader) error {
					page, err := r.Children(folder.ID, "", n, nil)
					if len(page) != n {
						b.Fatal(len(page))
					}
					return err
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkResolve finds a file by its path, as every request does.
func BenchmarkResolve(b *testing.B) { forEach(b, benchmarkResolve) }

func benchmarkResolve(b *testing.B, s tables) {
	fill(b, s, "0815", 1000)
	b.ReportAllocs()
	resolve := func() {
		err := s.View(context.Background(), func(r mailbox.Reader) error {
			m, err := r.MemberByNumber("0815")
			if err != nil {
				return err
			}
			at := m.Folders[mailbox.Root]
			for _, name := range []string{"an_kvbbg", "ordner 0000", "beitragsliste 00500.csv"} {
				e, err := r.Child(at, name)
				if err != nil {
					return err
				}
				at = e.ID
			}
			return nil
		})
		if err != nil {
			b.Error(err)
		}
	}
	b.Run("c=1", func(b *testing.B) {
		for b.Loop() {
			resolve()
		}
	})
	b.Run("c=16", func(b *testing.B) {
		b.SetParallelism(8)
		b.RunParallel(func(p *testing.PB) {
			for p.Next() {
				resolve()
			}
		})
	})
}

// BenchmarkMailboxes is what a listing of 10,000 members needs.
func BenchmarkMailboxes(b *testing.B) {
	s := openTest(b)
	err := s.Update(context.Background(), 0, func(t mailbox.Tx) error {
		for i := range 10_000 {
			if err := t.InsertMember(&mailbox.Member{Number: fmt.Sprintf("%05d", i), Name: "Stadt"}, catalogtest.Names); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	for _, bc := range []struct {
		name string
		run  func(mailbox.Reader) (int, error)
	}{
		{"list", func(r mailbox.Reader) (int, error) { all, err := r.Mailboxes(nil); return len(all), err }},
		{"sum", func(r mailbox.Reader) (int, error) {
			_, n, err := r.SumChanges(nil, mailbox.AuthoritySide)
			return n, err
		}},
	} {
		b.Run(bc.name, func(b *testing.B) {
			for b.Loop() {
				err := s.View(context.Background(), func(r mailbox.Reader) error {
					n, err := bc.run(r)
					if n != 10_000 {
						b.Fatal(n)
					}
					return err
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkOpen is the start with a schema in place.
func BenchmarkOpen(b *testing.B) {
	path := filepath.Join(b.TempDir(), "c.db")
	for b.Loop() {
		s, err := OpenSQLite(path, Options{})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
