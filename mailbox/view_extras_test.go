// SPDX-License-Identifier: Apache-2.0

package mailbox_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"postfach/mailbox"
)

// counted is the size of a folder as the service says it, and by walking
// through it as the actor sees it.
func (w *world) counted(a mailbox.Actor, path string) (said, walked int64) {
	w.t.Helper()
	n, err := w.Find(context.Background(), a, mailbox.ParsePath(path), mailbox.Want{Sizes: true})
	if err != nil {
		w.t.Fatalf("%s: %v", path, err)
	}
	var walk func(string)
	walk = func(p string) {
		first := true
		err := w.List(context.Background(), a, mailbox.ParsePath(p), mailbox.Want{Sizes: true}, func(n mailbox.Node) error {
			if !first && n.Folder {
				walk(p + "/" + n.Name)
			} else if !n.Folder {
				walked += n.Entry.Version.Size
			}
			first = false
			return nil
		})
		if err != nil {
			w.t.Fatalf("%s: %v", p, err)
		}
	}
	walk(path)
	return n.Size, walked
}

// The remembered size of a folder is what the actor would find by walking
// through it, after every kind of change, for each side and a data centre: no
// draft, hidden name or neighbour is felt in it (I5).
func TestFolderSizes(t *testing.T) {
	w := newWorld(t, mailbox.Single, nil)
	clerk, sb := w.actor(1, mailbox.Clerk, "0815"), w.actor(2, mailbox.Caseworker, "")
	rz := w.actor(3, mailbox.Datacentre, "0815")
	const box = "/0815"
	check := func(after string) {
		t.Helper()
		for _, c := range []struct {
			who  mailbox.Actor
			path string
		}{{clerk, ""}, {clerk, "/an_KVBbg"}, {clerk, "/Postausgang"}, {sb, box}, {sb, box + "/an_KVBbg"}, {sb, box + "/Postausgang"},
			{rz, ""}, {rz, "/an_KVBbg"}} {
			if said, walked := w.counted(c.who, c.path); said != walked {
				t.Fatalf("after %s: %s sees %d bytes in %q and is told %d", after, c.who.Login, walked, c.path, said)
			}
		}
	}
	check("nothing")
	w.mkdir(clerk, "/an_KVBbg/d")
	w.mkdir(clerk, "/an_KVBbg/d/e")
	r := rand.New(rand.NewPCG(7, 7))
	for i := range 12 {
		name := fmt.Sprintf("/an_KVBbg/d/e/f%d", r.IntN(5))
		if i%4 == 0 {
			name = "/an_KVBbg/d/~$lock.docx"
		}
		w.put(clerk, name, string(make([]byte, r.IntN(500))))
		check(fmt.Sprint("upload ", i))
	}
	w.put(rz, "/an_KVBbg/Lieferung", "12345")
	check("a delivery")
	w.put(sb, box+"/Postausgang/Entwurf", "geheim")
	check("a draft")
	w.put(sb, box+"/Postausgang/x.tmp", "versteckt")
	check("a hidden draft")
	w.move(sb, box+"/Postausgang/Entwurf", box+"/Bescheid")
	check("a release")
	w.move(sb, box+"/an_KVBbg/d", box+"/KVBBG-SB-Posteingang/d")
	check("a folder taken over")
	w.put(clerk, "/an_KVBbg/neu", "x")
	w.move(sb, box+"/KVBBG-SB-Posteingang/d/e", box+"/KVBBG-SB-Posteingang/e")
	check("a folder moved")
	w.remove(sb, box+"/KVBBG-SB-Posteingang/e")
	check("a folder removed")
	w.move(sb, box+"/Bescheid", box+"/Postausgang/Bescheid")
	check("a recall")
	if n, _ := w.counted(clerk, "/Postausgang"); n != 0 {
		t.Errorf("the member feels %d bytes of drafts", n)
	}
	if n, err := w.Find(t.Context(), sb, mailbox.ParsePath("/"), mailbox.Want{Sizes: true}); err != nil || n.Size != -1 {
		t.Errorf("%d %v", n.Size, err)
	}
}

// Rights that are told are those that the operations then find: spot checks;
// both come from the same table.
func TestRightsTold(t *testing.T) {
	w := newWorld(t, mailbox.FourEyes, nil)
	clerk, sb := w.actor(1, mailbox.Clerk, "0815"), w.actor(2, mailbox.Caseworker, "0815")
	rz := w.actor(3, mailbox.Datacentre, "0815")
	w.put(clerk, "/an_KVBbg/a", "a")
	w.mkdir(clerk, "/an_KVBbg/d")
	w.put(rz, "/an_KVBbg/rz", "b")
	for _, c := range []struct {
		who  mailbox.Actor
		path string
		has  []mailbox.Right
		not  []mailbox.Right
	}{
		{clerk, "/", []mailbox.Right{mailbox.ToList, mailbox.ToRead}, []mailbox.Right{mailbox.ToCreate, mailbox.ToMakeFolder, mailbox.ToRename}},
		{clerk, "/an_KVBbg", []mailbox.Right{mailbox.ToCreate, mailbox.ToMakeFolder}, []mailbox.Right{mailbox.ToRename, mailbox.ToRemoveFolder, mailbox.ToLock}},
		{clerk, "/an_KVBbg/a", []mailbox.Right{mailbox.ToReplace, mailbox.ToRemove, mailbox.ToRename}, []mailbox.Right{mailbox.ToTakeOver}},
		{clerk, "/an_KVBbg/d", []mailbox.Right{mailbox.ToRename, mailbox.ToRemoveFolder, mailbox.ToCreate}, nil},
		{sb, "/0815/an_KVBbg/a", []mailbox.Right{mailbox.ToRead, mailbox.ToTakeOver}, []mailbox.Right{mailbox.ToRemove, mailbox.ToReplace}},
		{sb, "/0815", []mailbox.Right{mailbox.ToMakeFolder}, []mailbox.Right{mailbox.ToCreate}}, // four eyes
		{sb, "/0815/Postausgang", []mailbox.Right{mailbox.ToCreate, mailbox.ToMakeFolder}, []mailbox.Right{mailbox.ToRename}},
		{rz, "/an_KVBbg", []mailbox.Right{mailbox.ToList, mailbox.ToCreate}, []mailbox.Right{mailbox.ToMakeFolder, mailbox.ToRename, mailbox.ToRead}},
		{rz, "/an_KVBbg/rz", []mailbox.Right{mailbox.ToReplace, mailbox.ToRemove}, []mailbox.Right{mailbox.ToRead, mailbox.ToRename}},
	} {
		n, err := w.Find(t.Context(), c.who, mailbox.ParsePath(c.path), mailbox.Want{Rights: true})
		if err != nil {
			t.Fatalf("%s: %v", c.path, err)
		}
		for _, r := range c.has {
			if !n.Rights.Has(r) {
				t.Errorf("%s at %s: not told of the right to %s", c.who.Login, c.path, r)
			}
		}
		for _, r := range c.not {
			if n.Rights.Has(r) {
				t.Errorf("%s at %s: told of the right to %s", c.who.Login, c.path, r)
			}
		}
	}
}

// DESIGN.md section 6: sync clients see what is granted by number, with every
// role that holds there, and never an empty root.
func TestByNumber(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }
	all := mailbox.Grant{Role: mailbox.Reviewer, Until: day(20)}
	one := mailbox.Grant{Role: mailbox.Caseworker, Member: 5, Number: "0815", From: day(3), Until: day(30), Responsible: true}
	audit := mailbox.Grant{Role: mailbox.Auditor}
	a, err := mailbox.Actor{Grants: []mailbox.Grant{all, one, audit}}.ByNumber()
	if err != nil || len(a.Grants) != 3 {
		t.Fatalf("%+v %v", a.Grants, err)
	}
	for _, g := range a.Grants {
		if g.Role.Files() && g.Member != 5 {
			t.Errorf("%+v leads beyond the number", g)
		}
		if g.Role == mailbox.Reviewer && (!g.From.Equal(day(3)) || !g.Until.Equal(day(20)) || g.Number != "0815") {
			t.Errorf("%+v", g)
		}
	}
	_, err = mailbox.Actor{Grants: []mailbox.Grant{all, audit}}.ByNumber()
	if mailbox.KindOf(err) != mailbox.Forbidden {
		t.Errorf("%v", err)
	}
	plain := mailbox.Actor{Grants: []mailbox.Grant{one, audit}}
	if a, err := plain.ByNumber(); err != nil || len(a.Grants) != 2 {
		t.Errorf("%+v %v", a, err)
	}
	if len(plain.Grants) != 2 { // shared, never written
		t.Error("the grants were changed")
	}
}
