// SPDX-License-Identifier: Apache-2.0

package catalogtest

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"postfach/mailbox"
)

func locks(t *testing.T, c mailbox.Catalog) {
	m, other := addMember(t, c, "0815"), addMember(t, c, "0816")
	e := addFile(t, c, m, mailbox.ToAuthority, "a")
	var now time.Time
	view(t, c, func(r mailbox.Reader) error { now = r.Now(); return nil })
	lock := mailbox.Lock{
		Token: "urn:uuid:1", Member: m.ID, Entry: e.ID, Account: 1, Person: 2, Holder: "Anna Grün", Exclusive: true,
		Infinite: true, Owner: "<D:href>ü</D:href>", Expires: now.Add(time.Hour),
	}
	expired := lock
	expired.Token, expired.Expires = "urn:uuid:2", now
	shared := lock
	shared.Token, shared.Exclusive, shared.Infinite = "urn:uuid:3", false, false
	update(t, c, m.ID, func(tx mailbox.Tx) error {
		for _, l := range []mailbox.Lock{lock, expired, shared} {
			if err := tx.PutLock(l); err != nil {
				return err
			}
		}
		return nil
	})
	check := func(want ...mailbox.Lock) {
		t.Helper()
		view(t, c, func(r mailbox.Reader) error {
			got, err := r.Locks(m.ID)
			same(t, "locks", got, want)
			if none, err := r.Locks(other.ID); err != nil || len(none) > 0 {
				t.Errorf("locks of another mailbox: %v, %v", none, err)
			}
			return err
		})
	}
	check(lock, shared)
	lock.Expires = lock.Expires.Add(time.Hour)
	update(t, c, m.ID, func(tx mailbox.Tx) error { return tx.PutLock(lock) }) // refreshed
	check(lock, shared)
	update(t, c, m.ID, func(tx mailbox.Tx) error { return tx.DeleteLocks(shared.Token, "urn:uuid:none") })
	check(lock)
}

func props(t *testing.T, c mailbox.Catalog) {
	m := addMember(t, c, "0815")
	a, b := addFile(t, c, m, mailbox.ToAuthority, "a"), addFile(t, c, m, mailbox.ToAuthority, "b")
	p := func(local, xml string) mailbox.Prop { return mailbox.Prop{Space: "urn:x", Local: local, XML: xml} }
	update(t, c, m.ID, func(tx mailbox.Tx) error {
		if err := tx.SetProps(a.ID, []mailbox.Prop{p("eins", "<a/>"), p("zwei", "<b/>")}, nil); err != nil {
			return err
		}
		return tx.SetProps(a.ID, []mailbox.Prop{p("eins", "<c>ü</c>")}, []mailbox.Prop{p("zwei", ""), p("drei", "")})
	})
	view(t, c, func(r mailbox.Reader) error {
		got, err := r.Props(a.ID, b.ID)
		want := map[mailbox.EntryID][]mailbox.Prop{a.ID: {p("eins", "<c>ü</c>")}}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
		if none, err := r.Props(); err != nil || len(none) != 0 {
			t.Errorf("properties of nothing: %v, %v", none, err)
		}
		return nil
	})
}

func deliveries(t *testing.T, c mailbox.Catalog) {
	m := addMember(t, c, "0815")
	e := addFile(t, c, m, mailbox.ToAuthority, "a")
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	d := mailbox.Delivery{
		Member: m.ID, Entry: e.ID, Version: e.Version.ID, Direction: mailbox.ToTheAuth, Time: at, Account: 1, Person: 2,
		Twin: mailbox.NewVersionID(),
	}
	update(t, c, m.ID, func(tx mailbox.Tx) error {
		if err := tx.InsertDelivery(d); err != nil {
			return err
		}
		second := d
		second.Twin, second.Direction, second.Time = mailbox.VersionID{}, mailbox.ToReviewers, at.Add(time.Minute)
		return tx.InsertDelivery(second)
	})
	all := func() (got []mailbox.Delivery) {
		view(t, c, func(r mailbox.Reader) (err error) { got, err = r.Deliveries(e.ID); return err })
		return got
	}
	got := all()
	if len(got) != 2 || got[0].Direction != mailbox.ToReviewers || got[0].ID <= got[1].ID || !got[0].Twin.IsZero() {
		t.Fatalf("deliveries %+v", got)
	}
	if d.ID = got[1].ID; got[1] != d {
		t.Errorf("got %+v\nwant %+v", got[1], d)
	}
	d.Withdrawn, d.Superseded, d.Fetched = at.Add(1000), at.Add(2000), at.Add(3000)
	update(t, c, m.ID, func(tx mailbox.Tx) error { return tx.UpdateDelivery(d) })
	if got := all()[1]; got != d {
		t.Errorf("got %+v\nwant %+v", got, d)
	}
	view(t, c, func(r mailbox.Reader) error {
		if told, err := r.Told(d.ID); err != nil || told {
			t.Errorf("told: %v, %v", told, err)
		}
		_, err := r.Told(9999)
		wantKind(t, err, mailbox.NotFound)
		return nil
	})
	d.Version = mailbox.NewVersionID()
	err := c.Update(ctx(t), m.ID, func(tx mailbox.Tx) error { return tx.InsertDelivery(d) })
	wantKind(t, err, mailbox.NotFound)
	update(t, c, m.ID, func(tx mailbox.Tx) error {
		return tx.InsertAlert(mailbox.Alert{Kind: mailbox.AlertRefused, Member: m.ID, Account: 4, Signature: "Eicar", Time: at})
	})
}

func fetches(t *testing.T, c mailbox.Catalog) {
	m := addMember(t, c, "0815")
	e := addFile(t, c, m, mailbox.Root, "a")
	f := mailbox.Fetch{Version: e.Version.ID, Person: 3}
	check := func() {
		t.Helper()
		view(t, c, func(r mailbox.Reader) error {
			if got, err := r.Fetch(f.Version, f.Person); err != nil || fmt.Sprint(got) != fmt.Sprint(f) {
				t.Errorf("got %+v, %v, want %+v", got, err, f)
			}
			return nil
		})
	}
	check()
	f.Ranges = [][2]int64{{0, 10}, {20, 1 << 40}}
	update(t, c, m.ID, func(tx mailbox.Tx) error { return tx.PutFetch(f) })
	check()
	f.Ranges, f.Complete = [][2]int64{{0, 1 << 40}}, time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	update(t, c, m.ID, func(tx mailbox.Tx) error { return tx.PutFetch(f) })
	check()
	f.Version = mailbox.NewVersionID()
	wantKind(t, c.Update(ctx(t), m.ID, func(tx mailbox.Tx) error { return tx.PutFetch(f) }), mailbox.NotFound)
}
