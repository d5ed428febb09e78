// SPDX-License-Identifier: Apache-2.0

package mailbox_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"postfach/catalog"
	"postfach/mailbox"
	"postfach/scan"
	"postfach/storage"
)

var folders = mailbox.FolderNames{ToAuthority: "an_KVBbg", CaseworkerInbox: "KVBBG-SB-Posteingang", Outbox: "Postausgang"}

// world is the rules over a real catalog, storage and scanner.
type world struct {
	*mailbox.Service
	t       *testing.T
	catalog *catalog.SQLite
	blobs   *storage.Dir
	gate    *scan.Gate
	options mailbox.Options
	ids     map[string]mailbox.MemberID
}

// over is the same world with another way to the catalog.
func (w *world) over(c mailbox.Catalog) *world {
	own := *w
	own.Service = mailbox.New(c, w.blobs, w.gate, w.options)
	return &own
}

// newWorld has two members: 0815 by the given policy and 4711 by single.
func newWorld(t *testing.T, policy mailbox.ReleasePolicy, change func(*mailbox.Options)) *world {
	t.Helper()
	gate := scanner()
	c, err := catalog.OpenSQLite(t.TempDir()+"/catalog.db", catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	b, err := storage.OpenDir(dir, storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	o := mailbox.Options{Folders: folders, MaxSize: 2 << 20}
	if change != nil {
		change(&o)
	}
	w := &world{Service: mailbox.New(c, b, gate, o), t: t, catalog: c, blobs: b, gate: gate, options: o, ids: map[string]mailbox.MemberID{}}
	done := make(chan struct{})
	go func() { w.Run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done; _ = b.Close(); _ = c.Close() })
	if _, err := w.AddMembers(ctx, mailbox.By{System: "test"}, []mailbox.NewMember{
		{Number: "0815", Name: "Stadt Musterhausen", Policy: policy}, {Number: "4711", Name: "Gemeinde Beispielwalde"}}); err != nil {
		t.Fatal(err)
	}
	w.view(func(r mailbox.Reader) error {
		for _, n := range []string{"0815", "4711"} {
			m, err := r.MemberByNumber(n)
			if err != nil {
				return err
			}
			w.ids[n] = m.ID
		}
		return nil
	})
	return w
}

// fresh adds another member and gives its number.
func (w *world) fresh(policy mailbox.ReleasePolicy) string {
	w.t.Helper()
	number := fmt.Sprintf("%04d", 5000+len(w.ids))
	if _, err := w.AddMembers(context.Background(), mailbox.By{System: "test"},
		[]mailbox.NewMember{{Number: number, Name: "Amt " + number, Policy: policy}}); err != nil {
		w.t.Fatal(err)
	}
	w.view(func(r mailbox.Reader) error {
		m, err := r.MemberByNumber(number)
		w.ids[number] = m.ID
		return err
	})
	return number
}

// on is the world for a subtest.
func (w *world) on(t *testing.T) *world {
	own := *w
	own.t = t
	return &own
}

func (w *world) view(fn func(mailbox.Reader) error) {
	w.t.Helper()
	if err := w.catalog.View(context.Background(), fn); err != nil {
		w.t.Fatal(err)
	}
}

// actor with one role; number "" is all members. Accounts and persons are
// numbered by the caller.
func (w *world) actor(id int64, role mailbox.Role, number string) mailbox.Actor {
	a := mailbox.Actor{Account: mailbox.AccountID(id), Person: mailbox.PersonID(id), PersonName: "Person " + string(rune('A'+id)),
		Login: "konto" + string(rune('a'+id)), Kind: mailbox.PersonAccount, Layout: mailbox.Members,
		Grants: []mailbox.Grant{{ID: id, Account: mailbox.AccountID(id), Role: role, Member: w.ids[number], Number: number}},
		Via:    mailbox.Via{Door: "dav", Address: netip.MustParseAddr("127.0.0.1"), RequestID: "test"}}
	if role.Side() == mailbox.MemberSide {
		a.Layout = mailbox.Direct
	}
	return a
}

// put uploads and wants the kind; 0 (Internal) stands for success.
func (w *world) put(a mailbox.Actor, path, body string) mailbox.Receipt {
	w.t.Helper()
	r, err := w.Deliver(context.Background(), a, mailbox.ParsePath(path), upload(body))
	if err != nil {
		w.t.Fatalf("PUT %s: %v", path, err)
	}
	return r
}

func upload(body string) mailbox.Upload {
	return mailbox.Upload{Body: strings.NewReader(body), Length: int64(len(body)), Expected: -1}
}

func (w *world) move(a mailbox.Actor, from, to string) mailbox.Moved {
	w.t.Helper()
	m, err := w.Move(context.Background(), a, mailbox.ParsePath(from), mailbox.ParsePath(to), mailbox.Conditions{}, "")
	if err != nil {
		w.t.Fatalf("MOVE %s → %s: %v", from, to, err)
	}
	return m
}

func (w *world) read(a mailbox.Actor, path string) string {
	w.t.Helper()
	ctx := context.Background()
	d, err := w.Open(ctx, a, mailbox.ParsePath(path))
	if err != nil {
		w.t.Fatalf("GET %s: %v", path, err)
	}
	body, err := d.Read(ctx, 0, -1)
	if err != nil {
		w.t.Fatal(err)
	}
	defer body.Close()
	all, err := io.ReadAll(body)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := d.Sent(ctx, 0, int64(len(all))); err != nil {
		w.t.Fatal(err)
	}
	return string(all)
}

// names lists a folder.
func (w *world) names(a mailbox.Actor, path string) []string {
	w.t.Helper()
	var names []string
	first := true
	err := w.List(context.Background(), a, mailbox.ParsePath(path), mailbox.Want{}, func(n mailbox.Node) error {
		if !first {
			names = append(names, n.Name)
		}
		first = false
		return nil
	})
	if err != nil {
		w.t.Fatalf("PROPFIND %s: %v", path, err)
	}
	slices.Sort(names)
	return names
}

func (w *world) etag(a mailbox.Actor, path string) string {
	w.t.Helper()
	n, err := w.Find(context.Background(), a, mailbox.ParsePath(path), mailbox.Want{})
	if err != nil {
		w.t.Fatalf("PROPFIND %s: %v", path, err)
	}
	return n.ETag
}

// refused wants an error of this kind.
func (w *world) refused(err error, want mailbox.Kind, reason mailbox.Reason) {
	w.t.Helper()
	if err == nil {
		w.t.Fatalf("went through; want %s", reason)
	}
	if mailbox.KindOf(err) != want || !strings.HasPrefix(err.Error(), string(reason)) {
		w.t.Fatalf("got kind %d, %v; want kind %d, %s", mailbox.KindOf(err), err, want, reason)
	}
}

func (w *world) deliveries(e mailbox.EntryID) (ds []mailbox.Delivery) {
	w.view(func(r mailbox.Reader) (err error) { ds, err = r.Deliveries(e); return err })
	return ds
}

func sum(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

// mkdir makes a folder.
func (w *world) mkdir(a mailbox.Actor, path string) mailbox.Node {
	w.t.Helper()
	n, err := w.MakeFolder(context.Background(), a, mailbox.ParsePath(path), mailbox.Conditions{})
	if err != nil {
		w.t.Fatalf("MKCOL %s: %v", path, err)
	}
	return n
}

func (w *world) remove(a mailbox.Actor, path string) {
	w.t.Helper()
	if err := w.Remove(context.Background(), a, mailbox.ParsePath(path), mailbox.Conditions{}); err != nil {
		w.t.Fatalf("DELETE %s: %v", path, err)
	}
}

// tryMove is a MOVE whose refusal is looked at.
func (w *world) tryMove(a mailbox.Actor, from, to string) error {
	_, err := w.Move(context.Background(), a, mailbox.ParsePath(from), mailbox.ParsePath(to), mailbox.Conditions{}, "")
	return err
}

func (w *world) tryCopy(a mailbox.Actor, from, to string) error {
	_, err := w.Copy(context.Background(), a, mailbox.ParsePath(from), mailbox.ParsePath(to), mailbox.Conditions{}, true)
	return err
}

func (w *world) tryPut(a mailbox.Actor, path, body string) error {
	_, err := w.Deliver(context.Background(), a, mailbox.ParsePath(path), upload(body))
	return err
}

func (w *world) lock(a mailbox.Actor, path string, q mailbox.LockRequest) mailbox.Lock {
	w.t.Helper()
	l, _, err := w.Lock(context.Background(), a, mailbox.ParsePath(path), q)
	if err != nil {
		w.t.Fatalf("LOCK %s: %v", path, err)
	}
	return l
}

// with is the conditions of a request that submits lock tokens.
func with(tokens ...string) mailbox.Conditions {
	var c mailbox.Conditions
	for _, t := range tokens {
		c.If = append(c.If, mailbox.IfList{Terms: []mailbox.IfTerm{{Token: t}}})
	}
	return c
}

// entry as the catalog has it.
func (w *world) entry(id mailbox.EntryID) (e mailbox.Entry) {
	w.view(func(r mailbox.Reader) (err error) { e, err = r.Entry(id); return err })
	return e
}

// records of one operation, oldest first.
func (w *world) records(ops ...mailbox.Operation) (all []mailbox.Record) {
	w.t.Helper()
	err := w.catalog.Inquire(context.Background(), func(q *catalog.Inquiry) error {
		return q.Records(catalog.RecordQuery{Operations: ops}, func(l catalog.Logged) error {
			all = append(all, l.Record)
			return nil
		})
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}
