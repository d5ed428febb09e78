// SPDX-License-Identifier: Apache-2.0

package catalogtest

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"postfach/auth"
	"postfach/mailbox"
	"postfach/notify"
)

// RunNotices runs the suite of notify.Store and notify.Desk. The outbox's
// folder of returned documents is called Zurückgewiesen.
func RunNotices(t *testing.T, open OpenWhole) {
	runWhole(t, open, []wholeCase{
		{"the backlog holds what is open", backlog},
		{"what is visible to the receiving side", visible},
		{"recipients by grants in force", recipients},
		{"operators", operators},
		{"forming is whole, and nobody is told twice (I4)", forming},
		{"a notice is claimed by one and comes back after its lease", claiming},
		{"a claimed notice has the facts of its moment", claimedFacts},
		{"failed attempts and retries", failing},
		{"a dropped notice opens its deliveries", dropping},
		{"alerts and who was told", alerts},
		{"notices are listed and counted", desk},
	})
}

// deliver makes a file with a delivery and gives both.
func deliver(t *testing.T, c Whole, m mailbox.Member, p mailbox.Place, d mailbox.Direction, name string) (mailbox.Entry, mailbox.DeliveryID) {
	t.Helper()
	e := addFile(t, c, m, p, name)
	update(t, c, m.ID, func(tx mailbox.Tx) error {
		return tx.InsertDelivery(mailbox.Delivery{Member: m.ID, Entry: e.ID, Version: e.Version.ID, Direction: d, Time: tx.Now(), Account: 4, Person: 5})
	})
	var id mailbox.DeliveryID
	view(t, c, func(r mailbox.Reader) error {
		all, err := r.Deliveries(e.ID)
		id = all[0].ID
		return err
	})
	return e, id
}

func pending(t *testing.T, c Whole) map[mailbox.DeliveryID]notify.Pending {
	t.Helper()
	b, err := c.Backlog(ctx(t), 1000)
	if err != nil {
		t.Fatal(err)
	}
	all := map[mailbox.DeliveryID]notify.Pending{}
	for _, p := range b.Deliveries {
		all[p.ID] = p
	}
	return all
}

func form(t *testing.T, c Whole, f notify.Forming) {
	t.Helper()
	if err := c.Form(ctx(t), f); err != nil {
		t.Fatal(err)
	}
}

func notice(id string, account mailbox.AccountID, deliveries ...mailbox.DeliveryID) notify.NewNotice {
	return notify.NewNotice{
		MessageID: id + "@example.org", Topic: notify.TopicToMember, Direction: mailbox.ToMember,
		Recipient: notify.Recipient{Account: account}, Deliveries: deliveries,
	}
}

func backlog(t *testing.T, c Whole, k *clock) {
	m := addMember(t, c, "0815")
	first, a := deliver(t, c, m, mailbox.Root, mailbox.ToMember, "a")
	k.pass(time.Second)
	_, b := deliver(t, c, m, mailbox.ToAuthority, mailbox.ToTheAuth, "bb")
	update(t, c, m.ID, func(tx mailbox.Tx) error { // replaced
		v := version(tx, "neu")
		v.Entry = first.ID
		if err := tx.InsertVersion(v, nil, time.Time{}); err != nil {
			return err
		}
		first.Version = v
		return tx.UpdateEntry(first)
	})
	got, err := c.Backlog(ctx(t), 10)
	if err != nil || len(got.Deliveries) != 2 || !got.Now.Equal(k.now()) {
		t.Fatalf("%+v, %v", got, err)
	}
	p := got.Deliveries[0]
	if p.ID != a || p.Number != "0815" || p.Name != "Stadt 0815" || p.Current || p.Size != 1 || p.Direction != mailbox.ToMember || !p.Visible {
		t.Errorf("%+v", p)
	}
	if p := got.Deliveries[1]; p.ID != b || !p.Current || p.Size != 2 || !p.Time.Equal(k.now()) || p.Told != nil {
		t.Errorf("%+v", p)
	}
	if one, err := c.Backlog(ctx(t), 1); err != nil || len(one.Deliveries) != 1 || one.Deliveries[0].ID != a {
		t.Errorf("limited: %+v, %v", one, err)
	}
	form(t, c, notify.Forming{Closings: []notify.Closing{{Delivery: a, How: notify.Superseded}, {Delivery: b, How: notify.Withdrawn}}})
	if rest := pending(t, c); len(rest) != 0 {
		t.Errorf("closed and still open: %+v", rest)
	}
	view(t, c, func(r mailbox.Reader) error {
		d, err := r.Deliveries(first.ID)
		if !d[0].Superseded.Equal(k.now()) || !d[0].Withdrawn.IsZero() {
			t.Errorf("closed as %+v", d[0])
		}
		return err
	})
}

func visible(t *testing.T, c Whole, _ *clock) {
	m := addMember(t, c, "0815")
	want := map[mailbox.DeliveryID]bool{}
	add := func(visible bool, p mailbox.Place, d mailbox.Direction, name string, above ...string) {
		e, id := deliver(t, c, m, p, d, name)
		parent := place(t, c, m, p)
		for i, folder := range above {
			f := addFolder(t, c, m, parent, folder)
			if folder == "weg" {
				edit(t, c, f, func(e *mailbox.Entry) { e.Removed = time.Now() })
			}
			if parent = f; i == len(above)-1 {
				edit(t, c, e, func(e *mailbox.Entry) { e.Parent = f.ID })
			}
		}
		want[id] = visible
	}
	add(true, mailbox.Root, mailbox.ToMember, "a")
	add(true, mailbox.Root, mailbox.ToMember, "tief", "1", "2", "3")
	add(false, mailbox.Root, mailbox.ToMember, "~$a")
	add(false, mailbox.Root, mailbox.ToMember, "b", "~$verborgen")
	add(false, mailbox.Root, mailbox.ToMember, "c", "weg", "innen")
	add(false, mailbox.Outbox, mailbox.ToMember, "zurückgeholt")
	add(true, mailbox.ToAuthority, mailbox.ToTheAuth, "d")
	add(true, mailbox.CaseworkerInbox, mailbox.ToTheAuth, "e")
	add(false, mailbox.Root, mailbox.ToTheAuth, "f")
	add(true, mailbox.Outbox, mailbox.ToReviewers, "g")
	add(true, mailbox.Outbox, mailbox.ToReviewers, "h", "Ordner", "Zurückgewiesen")
	add(false, mailbox.Outbox, mailbox.ToReviewers, "i", "zurückgewiesen", "tiefer")
	add(false, mailbox.Root, mailbox.ToReviewers, "freigegeben")
	for id, p := range pending(t, c) {
		if p.Visible != want[id] {
			t.Errorf("delivery %d %s: visible %v", id, p.Direction, p.Visible)
		}
	}
}

func recipients(t *testing.T, c Whole, k *clock) {
	a, b, closed := addMember(t, c, "1"), addMember(t, c, "2"), addMember(t, c, "3")
	closed.ClosedOn = k.now()
	update(t, c, closed.ID, func(tx mailbox.Tx) error { return tx.UpdateMember(closed) })
	addAccount(t, c, "clerk1", mailbox.Clerk, a.ID, false)
	addAccount(t, c, "clerk3", mailbox.Clerk, closed.ID, true)
	both := addAccount(t, c, "clerk12", mailbox.Clerk, a.ID, false)
	addAccount(t, c, "admin1", mailbox.Administrator, a.ID, true)
	responsible := addAccount(t, c, "cw1", mailbox.Caseworker, a.ID, true)
	addAccount(t, c, "cwall", mailbox.Caseworker, 0, false)
	addAccount(t, c, "cwallresp", mailbox.Caseworker, 0, true)
	addAccount(t, c, "cw1not", mailbox.Caseworker, a.ID, false)
	addAccount(t, c, "reviewer", mailbox.Reviewer, 0, false)
	gone := addAccount(t, c, "gone", mailbox.Reviewer, 0, false)
	updateAccounts(t, c, func(tx auth.Tx) error {
		gone.Disabled = true
		_, err := tx.PutAccount(gone)
		for _, g := range []mailbox.Grant{
			{Account: both.ID, Role: mailbox.Clerk, Member: b.ID}, {Account: both.ID, Role: mailbox.Clerk, Member: a.ID},
			{Account: responsible.ID, Role: mailbox.Reviewer, Member: b.ID, From: k.now().Add(time.Second)},
			{Account: responsible.ID, Role: mailbox.Reviewer, Member: a.ID, Until: k.now()},
			{Account: responsible.ID, Role: mailbox.Clerk, Member: b.ID, From: k.now(), Until: k.now().Add(time.Second)},
		} {
			if err == nil {
				_, err = tx.PutGrant(g)
			}
		}
		if err == nil {
			_, err = tx.PutPerson(auth.Person{ID: both.Person, Name: "Ohne Adresse"})
		}
		return err
	})
	for d, want := range map[mailbox.Direction]string{
		mailbox.ToMember:    "1:clerk1,;2:,cw1;3:;",
		mailbox.ToTheAuth:   "1:cw1,cwallresp;2:cwallresp;3:;",
		mailbox.ToReviewers: "1:reviewer;2:reviewer;3:;",
	} {
		all, err := c.Recipients(ctx(t), d, []mailbox.MemberID{a.ID, b.ID, closed.ID, 99})
		got := ""
		for i, m := range []mailbox.Member{a, b, closed} {
			got += fmt.Sprintf("%d:", i+1)
			for j, r := range all[m.ID] {
				if j > 0 {
					got += ","
				}
				if len(r.Address) > 12 {
					got += r.Address[:len(r.Address)-len("@example.org")]
				}
				if r.Account == 0 || r.Person == 0 || r.Name == "" {
					t.Errorf("%+v", r)
				}
			}
			got += ";"
		}
		if err != nil || got != want {
			t.Errorf("%s: got %s, want %s (%v)", d, got, want, err)
		}
	}
}

func operators(t *testing.T, c Whole, _ *clock) {
	op := addAccount(t, c, "op", mailbox.Operator, 0, false)
	addAccount(t, c, "revision", mailbox.Auditor, 0, false)
	updateAccounts(t, c, func(tx auth.Tx) error {
		_, err := tx.PutGrant(mailbox.Grant{Account: op.ID, Role: mailbox.Operator})
		return err
	})
	got, err := c.Operators(ctx(t))
	want := []notify.Recipient{{Account: op.ID, Person: op.Person, Address: "op@example.org", Name: "Frau op", Language: "de"}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
}

func forming(t *testing.T, c Whole, _ *clock) {
	m := addMember(t, c, "0815")
	x, y := addAccount(t, c, "x", mailbox.Clerk, m.ID, false), addAccount(t, c, "y", mailbox.Clerk, m.ID, false)
	_, a := deliver(t, c, m, mailbox.Root, mailbox.ToMember, "a")
	_, b := deliver(t, c, m, mailbox.Root, mailbox.ToMember, "b")
	form(t, c, notify.Forming{Notices: []notify.NewNotice{notice("1", x.ID, a)}})
	if p := pending(t, c)[a]; !slices.Equal(p.Told, []mailbox.AccountID{x.ID}) {
		t.Errorf("told %v", p.Told)
	}
	view(t, c, func(r mailbox.Reader) error {
		if told, err := r.Told(a); err != nil || !told {
			t.Errorf("told: %v, %v", told, err)
		}
		return nil
	})
	err := c.Form(ctx(t), notify.Forming{
		Notices:  []notify.NewNotice{notice("2", y.ID, b), notice("3", x.ID, b, a)},
		Closings: []notify.Closing{{Delivery: b, How: notify.Told}},
	})
	wantKind(t, err, mailbox.Conflict) // x is told of a already
	if p := pending(t, c)[b]; p.ID != b || p.Told != nil {
		t.Errorf("a conflict has written something: %+v", p)
	}
	once := notice("4", 0, b)
	once.Recipient.Address, once.Once = "amt@example.org", "einmal"
	again := once
	again.MessageID, again.Deliveries = "5@example.org", nil
	form(t, c, notify.Forming{
		Notices:  []notify.NewNotice{once, again, notice("6", y.ID, a)},
		Closings: []notify.Closing{{Delivery: a, How: notify.Told}, {Delivery: b, How: notify.Told}, {Delivery: b, How: notify.Withdrawn}},
	})
	if d, err := c.Depth(ctx(t)); err != nil || d.Queued != 3 {
		t.Errorf("%+v, %v", d, err)
	}
	if rest := pending(t, c); len(rest) != 0 {
		t.Errorf("still open: %+v", rest)
	}
	wantKind(t, c.Form(ctx(t), notify.Forming{Notices: []notify.NewNotice{notice("7", y.ID, b)}}), mailbox.Conflict)
	if err := c.Form(ctx(t), notify.Forming{Closings: []notify.Closing{{Delivery: b, How: "direction"}}}); err == nil {
		t.Error("closed in a way that does not exist")
	}
}

func claiming(t *testing.T, c Whole, k *clock) {
	if n, found, err := c.Claim(ctx(t), time.Minute); err != nil || found {
		t.Errorf("from nothing: %+v, %v", n, err)
	}
	n := notice("1", 0)
	n.Recipient.Address, n.Data, n.Topic = "amt@example.org", []byte(`{"a":1}`), notify.TopicRefusedStaff
	form(t, c, notify.Forming{Notices: []notify.NewNotice{n}})
	k.pass(time.Second)
	form(t, c, notify.Forming{Notices: []notify.NewNotice{notice("2", 0)}})
	claim := func(want string, attempts int) notify.NoticeID {
		t.Helper()
		got, found, err := c.Claim(ctx(t), time.Minute)
		if err != nil || found != (want != "") || found && (got.MessageID != want+"@example.org" || got.Attempts != attempts) {
			t.Errorf("claimed %+v, %v, %v; want %s", got, found, err, want)
		}
		if want == "1" && (got.Recipient.Address != "amt@example.org" || !got.Entitled || string(got.Data) != `{"a":1}` ||
			got.Topic != notify.TopicRefusedStaff || got.Age != k.now().Sub(got.Created)) {
			t.Errorf("claimed %+v", got)
		}
		return got.ID
	}
	claim("1", 1)
	second := claim("2", 1)
	claim("", 0)
	k.pass(time.Minute) // both holders are gone
	first := claim("1", 2)
	for _, id := range []notify.NoticeID{first, second} {
		if err := c.Sent(ctx(t), id, "250 ok"); err != nil {
			t.Error(err)
		}
	}
	k.pass(time.Hour)
	claim("", 0)
	wantKind(t, c.Sent(ctx(t), first, "250"), mailbox.Conflict)
	wantKind(t, c.Sent(ctx(t), 99, "250"), mailbox.NotFound)
}

func claimedFacts(t *testing.T, c Whole, k *clock) {
	a, b := addMember(t, c, "2"), addMember(t, c, "1")
	x := addAccount(t, c, "x", mailbox.Clerk, a.ID, false)
	updateAccounts(t, c, func(tx auth.Tx) error {
		_, err := tx.PutGrant(mailbox.Grant{Account: x.ID, Role: mailbox.Clerk, Member: b.ID, Until: k.now().Add(time.Hour)})
		return err
	})
	_, first := deliver(t, c, a, mailbox.Root, mailbox.ToMember, "a")
	gone, second := deliver(t, c, b, mailbox.Root, mailbox.ToMember, "b")
	form(t, c, notify.Forming{Notices: []notify.NewNotice{notice("1", x.ID, first, second)}})
	claim := func() notify.Notice {
		t.Helper()
		n, found, err := c.Claim(ctx(t), time.Second)
		if err != nil || !found {
			t.Fatalf("%v, %v", found, err)
		}
		k.pass(time.Second)
		return n
	}
	n := claim()
	want := []notify.Item{
		{Delivery: second, Member: b.ID, Number: "1", Name: "Stadt 1", Live: true},
		{Delivery: first, Member: a.ID, Number: "2", Name: "Stadt 2", Live: true},
	}
	if !n.Entitled || n.Recipient.Address != "x@example.org" || n.Recipient.Person != x.Person || !slices.Equal(n.Items, want) {
		t.Errorf("%+v", n)
	}
	edit(t, c, gone, func(e *mailbox.Entry) { e.Removed = k.now() })
	if n = claim(); n.Items[0].Live || !n.Items[1].Live {
		t.Errorf("%+v", n.Items)
	}
	k.pass(time.Hour) // one of the grants has ended
	if n = claim(); n.Entitled {
		t.Error("entitled by a grant that has ended")
	}
}

func failing(t *testing.T, c Whole, k *clock) {
	form(t, c, notify.Forming{Notices: []notify.NewNotice{notice("1", 0)}})
	n, _, err := c.Claim(ctx(t), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Failed(ctx(t), n.ID, notify.Failure{Reply: "451 later", RetryIn: 10 * time.Minute}); err != nil {
		t.Fatal(err)
	}
	wantKind(t, c.Retry(ctx(t), n.ID, mailbox.Record{Operation: mailbox.OpNoticeRetry, Result: "ok"}), mailbox.Conflict)
	if _, found, _ := c.Claim(ctx(t), time.Hour); found {
		t.Error("claimed before it is due")
	}
	k.pass(10 * time.Minute)
	if n, _, err = c.Claim(ctx(t), time.Hour); err != nil || n.Attempts != 2 || n.Age != 10*time.Minute {
		t.Fatalf("%+v, %v", n, err)
	}
	report := notice("2", 0)
	report.Once = "undeliverable-1"
	f := notify.Failure{Reply: "550 no", Permanent: true, Report: []notify.NewNotice{report}}
	if err := c.Failed(ctx(t), n.ID, f); err != nil {
		t.Fatal(err)
	}
	if d, err := c.Depth(ctx(t)); err != nil || d.Failed != 1 || d.Queued != 1 {
		t.Errorf("%+v, %v", d, err)
	}
	wantKind(t, c.Failed(ctx(t), n.ID, f), mailbox.Conflict)
	wantKind(t, c.Retry(ctx(t), 99, mailbox.Record{Operation: mailbox.OpNoticeRetry, Result: "ok"}), mailbox.NotFound)
	k.pass(time.Hour)
	if err := c.Retry(ctx(t), n.ID, mailbox.Record{Operation: mailbox.OpNoticeRetry, Result: "ok"}); err != nil {
		t.Fatal(err)
	}
	seen := map[string]time.Duration{}
	for range 2 {
		n, _, _ := c.Claim(ctx(t), time.Hour)
		seen[n.MessageID] = n.Age
	}
	if !reflect.DeepEqual(seen, map[string]time.Duration{"1@example.org": 0, "2@example.org": time.Hour}) {
		t.Errorf("claimed %v", seen)
	}
}

func dropping(t *testing.T, c Whole, _ *clock) {
	m := addMember(t, c, "0815")
	x := addAccount(t, c, "x", mailbox.Clerk, m.ID, false)
	_, a := deliver(t, c, m, mailbox.Root, mailbox.ToMember, "a")
	form(t, c, notify.Forming{Notices: []notify.NewNotice{notice("1", x.ID, a)}, Closings: []notify.Closing{{Delivery: a, How: notify.Told}}})
	n, _, err := c.Claim(ctx(t), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Drop(ctx(t), n.ID); err != nil {
		t.Fatal(err)
	}
	if p := pending(t, c)[a]; p.ID != a || p.Told != nil {
		t.Errorf("%+v", p)
	}
	wantKind(t, c.Drop(ctx(t), n.ID), mailbox.Conflict)
	form(t, c, notify.Forming{Notices: []notify.NewNotice{notice("2", x.ID, a)}})
}

func alerts(t *testing.T, c Whole, k *clock) {
	m := addMember(t, c, "0815")
	x, off := addAccount(t, c, "x", mailbox.Clerk, m.ID, false), addAccount(t, c, "off", mailbox.Clerk, m.ID, false)
	unsent := addAccount(t, c, "unsent", mailbox.Clerk, m.ID, false)
	e, d := deliver(t, c, m, mailbox.Root, mailbox.ToMember, "a")
	fixed := notice("3", 0, d)
	fixed.Recipient.Address = "amt@example.org"
	form(t, c, notify.Forming{Notices: []notify.NewNotice{notice("1", x.ID, d), notice("2", off.ID, d), fixed, notice("4", unsent.ID, d)}})
	for range 3 {
		if _, _, err := c.Claim(ctx(t), time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	updateAccounts(t, c, func(tx auth.Tx) error { off.Disabled = true; _, err := tx.PutAccount(off); return err })
	put := func(a mailbox.Alert) { update(t, c, 0, func(tx mailbox.Tx) error { return tx.InsertAlert(a) }) }
	refused := mailbox.Alert{Kind: mailbox.AlertRefused, Member: m.ID, Account: x.ID, Version: mailbox.NewVersionID(), Signature: "Eicar", Time: k.now()}
	put(refused)
	put(mailbox.Alert{Kind: mailbox.AlertRecalled, Member: m.ID, Account: x.ID, Entry: e.ID, Time: k.now()})
	put(mailbox.Alert{Kind: mailbox.AlertReturned, Account: off.ID, Signature: "bitte ändern", Time: k.now()})
	open := func() []notify.Alert {
		t.Helper()
		b, err := c.Backlog(ctx(t), 10)
		if err != nil {
			t.Fatal(err)
		}
		return b.Alerts
	}
	got := open()
	if len(got) != 3 {
		t.Fatalf("%+v", got)
	}
	if a := got[0]; a.Alert != refused || a.Number != "0815" || a.Name != "Stadt 0815" || a.Uploader.Address != "x@example.org" || !a.LastTold.IsZero() || a.Told != nil {
		t.Errorf("%+v", a)
	}
	told := []string{}
	for _, r := range got[1].Told {
		told = append(told, r.Address)
	}
	slices.Sort(told)
	same(t, "told of the recalled document", told, []string{"amt@example.org", "x@example.org"})
	if a := got[2]; a.Number != "" || a.Uploader.Account != off.ID || a.Uploader.Address != "" || a.Signature != "bitte ändern" {
		t.Errorf("%+v", a)
	}
	form(t, c, notify.Forming{Alerts: []notify.AlertID{got[0].ID}})
	wantKind(t, c.Form(ctx(t), notify.Forming{Alerts: []notify.AlertID{got[1].ID, got[0].ID}}), mailbox.Conflict)
	formed := k.now()
	k.pass(time.Minute)
	put(refused)
	refused.Signature = "anderes"
	put(refused)
	if got = open(); len(got) != 4 || !got[2].LastTold.Equal(formed) || !got[3].LastTold.IsZero() {
		t.Errorf("%+v", got)
	}
}

func desk(t *testing.T, c Whole, k *clock) {
	m := addMember(t, c, "0815")
	x := addAccount(t, c, "x", mailbox.Clerk, m.ID, false)
	_, d := deliver(t, c, m, mailbox.Root, mailbox.ToMember, "a")
	form(t, c, notify.Forming{Notices: []notify.NewNotice{notice("1", x.ID, d), notice("2", 0), notice("3", 0)}})
	begun := k.now()
	n, _, _ := c.Claim(ctx(t), time.Hour)
	k.pass(time.Second)
	if err := c.Sent(ctx(t), n.ID, "250 angenommen"); err != nil {
		t.Fatal(err)
	}
	ids := func(before notify.NoticeID, limit int, states ...notify.State) (all []notify.NoticeID) {
		t.Helper()
		records, err := c.Notices(ctx(t), states, before, limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			all = append(all, r.ID)
		}
		return all
	}
	same(t, "all", ids(0, 10), []notify.NoticeID{3, 2, 1})
	same(t, "a page", ids(3, 1), []notify.NoticeID{2})
	same(t, "queued", ids(0, 10, notify.StateQueued, notify.StateFailed), []notify.NoticeID{3, 2})
	got, err := c.Notices(ctx(t), []notify.State{notify.StateSent}, 0, 1)
	want := notify.Record{
		ID: 1, State: notify.StateSent, Topic: notify.TopicToMember, Direction: mailbox.ToMember, MessageID: "1@example.org",
		Account: x.ID, Address: "x@example.org", Created: begun, Ended: k.now(), Attempts: 1, Reply: "250 angenommen", Deliveries: 1,
	}
	if err != nil || len(got) != 1 || got[0] != want {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
	if d, err := c.Depth(ctx(t)); err != nil || d != (notify.Depth{Queued: 2, Oldest: begun}) {
		t.Errorf("%+v, %v", d, err)
	}
}
