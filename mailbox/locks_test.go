// SPDX-License-Identifier: Apache-2.0

package mailbox_test

import (
	"slices"
	"testing"

	"postfach/mailbox"
)

// tagged is an If header about another resource than that of the request.
func tagged(at string, terms ...mailbox.IfTerm) mailbox.Conditions {
	p := path(at)
	return mailbox.Conditions{If: []mailbox.IfList{{Resource: &p, Terms: terms}}}
}

var infinite = mailbox.LockRequest{Exclusive: true, Infinite: true}

var lockCases = map[string]func(w *scene, berta mailbox.Actor){
	"an infinite lock covers what is below and what comes": func(w *scene, berta mailbox.Actor) {
		w.mkdir(w.clerk, "/an_KVBbg/O")
		w.put(w.clerk, "/an_KVBbg/O/a", "1")
		l := w.lock(w.clerk, "/an_KVBbg/O", infinite)
		for what, err := range map[string]error{
			"PUT":      w.tryPut(berta, "/an_KVBbg/O/a", "2"),
			"PUT new":  w.tryPut(berta, "/an_KVBbg/O/b", "2"),
			"MOVE in":  w.tryMove(berta, "/an_KVBbg/O/a", "/an_KVBbg/O/c"),
			"COPY in":  w.tryCopy(berta, "/an_KVBbg/O/a", "/an_KVBbg/O/c"),
			"DELETE":   w.Remove(ctx, berta, path("/an_KVBbg/O/a"), mailbox.Conditions{}),
			"take one": w.tryMove(w.worker, w.at("/an_KVBbg/O/a"), w.at("/KVBBG-SB-Posteingang/a")),
			"take all": w.tryMove(w.worker, w.at("/an_KVBbg/O"), w.at("/KVBBG-SB-Posteingang/O")),
		} {
			if mailbox.KindOf(err) != mailbox.Locked {
				w.t.Errorf("%s: %v", what, err)
			}
		}
		up := upload("2")
		up.Conditions = with(l.Token)
		if _, err := w.Deliver(ctx, w.clerk, path("/an_KVBbg/O/b"), up); err != nil {
			w.t.Error(err)
		}
		if err := w.tryCopy(berta, "/an_KVBbg/O/a", "/an_KVBbg/a"); err != nil { // a copy leaves its source alone
			w.t.Error(err)
		}
		n, err := w.Find(ctx, w.worker, path(w.at("/an_KVBbg/O/b")), mailbox.Want{Locks: true})
		if err != nil || len(n.Locks) != 1 || n.Locks[0].Holder != w.clerk.PersonName {
			w.t.Errorf("%+v, %v", n.Locks, err)
		}
	},
	"no lock above what somebody else has locked": func(w *scene, berta mailbox.Actor) {
		w.mkdir(w.clerk, "/an_KVBbg/O")
		w.put(w.clerk, "/an_KVBbg/O/a", "1")
		w.lock(w.clerk, "/an_KVBbg/O/a", mailbox.LockRequest{Exclusive: true})
		_, _, err := w.Lock(ctx, berta, path("/an_KVBbg/O"), infinite)
		w.refused(err, mailbox.Locked, mailbox.ReasonLocked)
		w.lock(berta, "/an_KVBbg/O", mailbox.LockRequest{Exclusive: true}) // depth 0 covers the folder alone
	},
	"shared locks stand side by side and each holder may write": func(w *scene, berta mailbox.Actor) {
		w.put(w.clerk, "/an_KVBbg/a", "1")
		anna := w.lock(w.clerk, "/an_KVBbg/a", mailbox.LockRequest{})
		w.lock(berta, "/an_KVBbg/a", mailbox.LockRequest{})
		_, _, err := w.Lock(ctx, berta, path("/an_KVBbg/a"), mailbox.LockRequest{Exclusive: true})
		w.refused(err, mailbox.Locked, mailbox.ReasonLocked)
		up := upload("2")
		up.Conditions = with(anna.Token)
		if _, err := w.Deliver(ctx, w.clerk, path("/an_KVBbg/a"), up); err != nil {
			w.t.Error(err)
		}
		w.refused(w.tryPut(berta, "/an_KVBbg/a", "3"), mailbox.Locked, mailbox.ReasonLocked)
	},
	"a lock on the target stays with its name": func(w *scene, berta mailbox.Actor) {
		w.put(w.clerk, "/an_KVBbg/a", "1")
		w.put(w.clerk, "/an_KVBbg/b", "2")
		l := w.lock(w.clerk, "/an_KVBbg/a", mailbox.LockRequest{Exclusive: true})
		w.refused(w.tryMove(w.clerk, "/an_KVBbg/b", "/an_KVBbg/a"), mailbox.Locked, mailbox.ReasonLocked)
		if _, err := w.Move(ctx, w.clerk, path("/an_KVBbg/b"), path("/an_KVBbg/a"),
			tagged("/an_KVBbg/a", mailbox.IfTerm{Token: l.Token}), ""); err != nil {
			w.t.Fatal(err)
		}
		w.refused(w.tryPut(berta, "/an_KVBbg/a", "3"), mailbox.Locked, mailbox.ReasonLocked)
		up := upload("3")
		up.Conditions = with(l.Token)
		if _, err := w.Deliver(ctx, w.clerk, path("/an_KVBbg/a"), up); err != nil {
			w.t.Error(err)
		}
	},
	"If about other resources, with ETags and Not": func(w *scene, _ mailbox.Actor) {
		a, b := w.put(w.clerk, "/an_KVBbg/a", "1").ETag, w.put(w.clerk, "/an_KVBbg/b", "2").ETag
		secret := w.put(w.worker, w.at("/Postausgang/x"), "3").ETag
		for name, tc := range map[string]struct {
			c  mailbox.Conditions
			ok bool
		}{
			"the other is as it should be":     {tagged("/an_KVBbg/b", mailbox.IfTerm{ETag: b}), true},
			"by its number":                    {tagged(w.at("/an_KVBbg/b"), mailbox.IfTerm{ETag: b}), true},
			"the other is not":                 {tagged("/an_KVBbg/b", mailbox.IfTerm{ETag: a}), false},
			"Not":                              {tagged("/an_KVBbg/b", mailbox.IfTerm{Not: true, ETag: a}), true},
			"both of one list":                 {tagged("/an_KVBbg/a", mailbox.IfTerm{ETag: a}, mailbox.IfTerm{Not: true, ETag: a}), false},
			"absent":                           {tagged("/an_KVBbg/c", mailbox.IfTerm{ETag: a}), false},
			"Not of what is absent":            {tagged("/an_KVBbg/c", mailbox.IfTerm{Not: true, ETag: a}), true},
			"what is not seen, as if absent":   {tagged("/Postausgang/x", mailbox.IfTerm{ETag: secret}), false},
			"Not of what is not seen":          {tagged("/Postausgang/x", mailbox.IfTerm{Not: true, ETag: secret}), true},
			"another mailbox, as if absent":    {tagged("/4711/an_KVBbg/x", mailbox.IfTerm{Not: true, ETag: a}), true},
			"elsewhere":                        {mailbox.Conditions{If: []mailbox.IfList{{Foreign: true, Terms: []mailbox.IfTerm{{Not: true, ETag: a}}}}}, false},
			"a token that nobody gave":         {with("urn:uuid:00000000-0000-7000-8000-000000000000"), false},
			"Not a token that nobody gave":     {mailbox.Conditions{If: []mailbox.IfList{{Terms: []mailbox.IfTerm{{Not: true, Token: "DAV:no-lock"}}}}}, true},
			"If-None-Match: * on what exists":  {mailbox.Conditions{IfNoneMatch: mailbox.ETags{Present: true, Any: true}}, false},
			"If-Match: * on what exists":       {mailbox.Conditions{IfMatch: mailbox.ETags{Present: true, Any: true}}, true},
			"If-None-Match of another, weakly": {mailbox.Conditions{IfNoneMatch: mailbox.ETags{Present: true, Tags: []string{"W/" + a}}}, false},
		} {
			up := upload("1") // repeated, so that nothing changes
			up.Conditions = tc.c
			_, err := w.Deliver(ctx, w.clerk, path("/an_KVBbg/a"), up)
			if tc.ok != (err == nil) || err != nil && mailbox.KindOf(err) != mailbox.Precondition {
				w.t.Errorf("%s: %v", name, err)
			}
		}
	},
	"a folder's ETag is one that its viewer knows": func(w *scene, _ mailbox.Actor) {
		w.mkdir(w.clerk, "/an_KVBbg/O")
		c := mailbox.Conditions{IfMatch: mailbox.ETags{Present: true, Tags: []string{w.etag(w.clerk, "/an_KVBbg/O")}}}
		w.put(w.clerk, "/an_KVBbg/O/a", "1")
		err := w.Remove(ctx, w.clerk, path("/an_KVBbg/O"), c)
		w.refused(err, mailbox.Precondition, mailbox.ReasonCondition)
		c.IfMatch.Tags[0] = w.etag(w.clerk, "/an_KVBbg/O")
		if err := w.Remove(ctx, w.clerk, path("/an_KVBbg/O"), c); err != nil {
			w.t.Error(err)
		}
	},
}

// RFC 4918 sections 6, 7 and 10.4, over real folders.
func TestLocksOnFolders(t *testing.T) {
	world := newWorld(t, mailbox.Single, nil)
	for name, run := range lockCases {
		t.Run(name, func(t *testing.T) {
			w := world.scene(t, mailbox.Single)
			run(w, w.actor(7, mailbox.Clerk, w.number))
		})
	}
}

// Views: an account with the layout "direct" reaches a second mailbox by its
// number; folder names may be configured anew over old mailboxes.
func TestLayouts(t *testing.T) {
	w := newWorld(t, mailbox.Single, nil)
	both := w.actor(1, mailbox.Clerk, "0815")
	both.Grants = append(both.Grants, w.actor(1, mailbox.Clerk, "4711").Grants...)
	w.put(both, "/an_KVBbg/a", "1")
	w.put(both, "/4711/an_KVBbg/b", "2")
	if got := w.names(both, "/0815/an_KVBbg"); !slices.Equal(got, []string{"a"}) {
		t.Errorf("%q", got)
	}
	both.Layout = mailbox.Members
	if got := w.names(both, "/"); !slices.Equal(got, []string{"0815 Stadt Musterhausen", "4711 Gemeinde Beispielwalde"}) {
		t.Errorf("%q", got)
	}
	if got := w.names(both, "/4711 was auch immer/an_KVBbg"); !slices.Equal(got, []string{"b"}) {
		t.Errorf("%q", got)
	}
	_, err := w.Find(ctx, both, path("/an_KVBbg"), mailbox.Want{})
	w.refused(err, mailbox.NotFound, mailbox.ReasonNotFound)
	for _, n := range []string{"an-KVBbg", "Posteingang", "0815-1"} {
		names := mailbox.FolderNames{ToAuthority: "an-KVBbg", CaseworkerInbox: "Posteingang", Outbox: "Ausgang"}
		s := mailbox.New(w.catalog, w.blobs, w.gate, mailbox.Options{Folders: names})
		_, err := s.AddMembers(ctx, mailbox.By{}, []mailbox.NewMember{{Number: n, Name: "Amt"}})
		if clash := n != "0815-1"; clash != (err != nil) {
			t.Errorf("member %q: %v", n, err)
		}
		clerk := w.actor(1, mailbox.Clerk, "0815")
		renamed := w.over(w.catalog)
		renamed.Service = s
		if got := renamed.names(clerk, "/"); !slices.Equal(got, []string{"Ausgang", "Posteingang", "an-KVBbg"}) {
			t.Errorf("the folders are called %q", got)
		}
		if got := renamed.names(clerk, "/an-KVBbg"); !slices.Equal(got, []string{"a"}) {
			t.Errorf("%q", got)
		}
		renamed.put(clerk, "/an-KVBbg/a", n)
	}
}
