// SPDX-License-Identifier: Apache-2.0

package mailbox_test

import (
	"slices"
	"testing"

	"postfach/mailbox"
)

var dropFolders = map[string]func(w *scene, centre mailbox.Actor){
	"moved into another folder that is removed": func(w *scene, centre mailbox.Actor) {
		w.put(centre, "/an_KVBbg/a", "1")
		w.mkdir(w.clerk, "/an_KVBbg/Archiv")
		w.move(w.clerk, "/an_KVBbg/"+centre.Login, "/an_KVBbg/Archiv/RZ")
		w.put(centre, "/an_KVBbg/b", "1")
		if got := w.read(w.worker, w.at("/an_KVBbg/Archiv/RZ/b")); got != "1" {
			w.t.Fatal(got)
		}
		rs := w.records(mailbox.OpCreate)
		if got := rs[len(rs)-1].Detail.Path; got != "/an_KVBbg/Archiv/RZ/b" {
			w.t.Errorf("recorded at %s", got)
		}
		before := w.etag(w.worker, w.at("/an_KVBbg/Archiv"))
		w.put(centre, "/an_KVBbg/c", "1")
		if w.etag(w.worker, w.at("/an_KVBbg/Archiv")) == before {
			w.t.Error("the folder above has not changed")
		}
		w.remove(w.clerk, "/an_KVBbg/Archiv")
		if got := w.names(centre, "/an_KVBbg"); len(got) != 0 {
			w.t.Fatalf("sees %q", got)
		}
		e := w.put(centre, "/an_KVBbg/d", "1").Entry
		if got := w.read(w.worker, w.at("/an_KVBbg/"+centre.Login+"/d")); got != "1" {
			w.t.Fatal(got)
		}
		if ds := w.deliveries(e.ID); len(ds) != 1 {
			w.t.Errorf("%+v", ds)
		}
	},
	"below a hidden folder": func(w *scene, centre mailbox.Actor) {
		w.put(centre, "/an_KVBbg/a", "1")
		w.mkdir(w.clerk, "/an_KVBbg/x.tmp")
		w.move(w.clerk, "/an_KVBbg/"+centre.Login, "/an_KVBbg/x.tmp/RZ")
		e := w.put(centre, "/an_KVBbg/b", "1").Entry
		if ds := w.deliveries(e.ID); len(ds) != 0 {
			w.t.Errorf("nobody sees it: %+v", ds)
		}
		w.move(w.clerk, "/an_KVBbg/x.tmp/RZ", "/an_KVBbg/RZ")
		if ds := w.deliveries(e.ID); len(ds) != 1 {
			w.t.Errorf("%+v", ds)
		}
	},
	"taken over and given back": func(w *scene, centre mailbox.Actor) {
		w.put(centre, "/an_KVBbg/a", "1")
		w.move(w.worker, w.at("/an_KVBbg/"+centre.Login), w.at("/KVBBG-SB-Posteingang/"+centre.Login))
		if got := w.names(centre, "/an_KVBbg"); len(got) != 0 {
			w.t.Fatalf("sees %q", got)
		}
		w.put(centre, "/an_KVBbg/b", "1")
		w.move(w.worker, w.at("/KVBBG-SB-Posteingang/"+centre.Login), w.at("/an_KVBbg/zurück"))
		if got := w.names(centre, "/an_KVBbg"); !slices.Equal(got, []string{"b"}) {
			w.t.Fatalf("sees %q", got)
		}
	},
	"its name is taken, twice": func(w *scene, centre mailbox.Actor) {
		w.mkdir(w.clerk, "/an_KVBbg/"+centre.Login)
		w.mkdir(w.clerk, "/an_KVBbg/"+centre.Login+" (Rechenzentrum)")
		w.put(centre, "/an_KVBbg/a", "1")
		if got := w.names(centre, "/an_KVBbg"); !slices.Equal(got, []string{"a"}) {
			w.t.Fatalf("sees %q", got)
		}
	},
	"a login that no folder can be called": func(w *scene, centre mailbox.Actor) {
		for i, login := range []string{`KASSE\rz:1`, "~$rz", "daten.tmp", "aux", "rz."} {
			c := w.actor(int64(20+i), mailbox.Datacentre, w.number)
			c.Login = login
			e := w.put(c, "/an_KVBbg/a", login).Entry
			if ds := w.deliveries(e.ID); len(ds) != 1 {
				w.t.Errorf("%s: %+v", login, ds)
			}
		}
		for _, n := range w.names(w.worker, w.at("/an_KVBbg")) {
			if mailbox.CheckName(n) != nil || mailbox.Hidden(n) {
				w.t.Errorf("folder %q", n)
			}
		}
	},
	"restored beside a new one": func(w *scene, centre mailbox.Actor) {
		w.put(centre, "/an_KVBbg/a", "1")
		old, err := w.Find(ctx, w.clerk, path("/an_KVBbg/"+centre.Login), mailbox.Want{})
		if err != nil {
			w.t.Fatal(err)
		}
		w.remove(w.clerk, "/an_KVBbg/"+centre.Login)
		w.put(centre, "/an_KVBbg/b", "1")
		w.move(w.clerk, "/an_KVBbg/"+centre.Login, "/an_KVBbg/RZ neu")
		if err := w.Restore(ctx, mailbox.By{}, old.Entry.ID); err != nil {
			w.t.Fatal(err)
		}
		if got := w.names(centre, "/an_KVBbg"); !slices.Equal(got, []string{"b"}) {
			w.t.Fatalf("sees %q", got)
		}
	},
	"what others put there neither shows nor blocks nor changes the ETag": func(w *scene, centre mailbox.Actor) {
		w.put(centre, "/an_KVBbg/a", "1")
		before := [2]string{w.etag(centre, "/an_KVBbg"), w.etag(centre, "/")}
		several := centre
		several.Layout = mailbox.Members
		root := w.etag(several, "/")
		w.put(w.clerk, "/an_KVBbg/"+centre.Login+"/fremd", "1")
		w.put(w.clerk, "/an_KVBbg/anders", "1")
		if after := [2]string{w.etag(centre, "/an_KVBbg"), w.etag(centre, "/")}; after != before {
			w.t.Errorf("%q became %q", before, after)
		}
		if after := w.etag(several, "/"); after != root {
			w.t.Errorf("root: %q became %q", root, after)
		}
		w.refused(w.tryPut(centre, "/an_KVBbg/fremd", "2"), mailbox.Forbidden, mailbox.ReasonOtherSide)
		w.refused(w.tryPut(centre, "/an_KVBbg/FREMD", "2"), mailbox.Forbidden, mailbox.ReasonOtherSide)
		w.put(w.clerk, "/an_KVBbg/"+centre.Login+"/a", "geändert") // this it sees
		if w.etag(centre, "/an_KVBbg") == before[0] || w.etag(centre, "/") == before[1] || w.etag(several, "/") == root {
			w.t.Error("a change that it sees does not show")
		}
	},
	"a clerk who also is a data centre": func(w *scene, centre mailbox.Actor) {
		other := w.actor(12, mailbox.Datacentre, w.number)
		w.put(other, "/an_KVBbg/a", "1")
		both := w.clerk
		both.Grants = append(slices.Clone(both.Grants), w.actor(1, mailbox.Datacentre, w.number).Grants...)
		w.put(both, "/an_KVBbg/direkt", "1")
		w.move(both, "/an_KVBbg/"+other.Login, "/an_KVBbg/umbenannt")
		w.put(other, "/an_KVBbg/b", "1")
		if got := w.names(w.clerk, "/an_KVBbg/umbenannt"); !slices.Equal(got, []string{"a", "b"}) {
			w.t.Fatalf("%q", got)
		}
	},
	"two data centres": func(w *scene, centre mailbox.Actor) {
		other := w.actor(12, mailbox.Datacentre, w.number)
		w.put(centre, "/an_KVBbg/a", "1")
		w.put(other, "/an_KVBbg/a", "2")
		w.refused(w.Remove(ctx, other, path("/an_KVBbg/x"), mailbox.Conditions{}), mailbox.NotFound, mailbox.ReasonNotFound)
		w.remove(other, "/an_KVBbg/a")
		if got := w.names(centre, "/an_KVBbg"); !slices.Equal(got, []string{"a"}) {
			w.t.Fatalf("sees %q", got)
		}
		for _, p := range []string{"/an_KVBbg/" + centre.Login + "/a", "/an_KVBbg/" + other.Login, "/Liste", "/Postausgang", "/KVBBG-SB-Posteingang"} {
			_, err := w.Find(ctx, other, path(p), mailbox.Want{})
			w.refused(err, mailbox.NotFound, mailbox.ReasonNotFound)
		}
		for _, p := range []string{"/Liste", "/Postausgang", "/Postausgang/x", "/KVBBG-SB-Posteingang/x", "/kein/Ordner"} {
			w.refused(w.tryPut(other, p, "x"), mailbox.Forbidden, mailbox.ReasonOtherSide)
		}
	},
}

// The data centre's view of a mailbox (DESIGN.md section 6, A7, A9), whatever
// others do to its folder.
func TestDropFolder(t *testing.T) {
	world := newWorld(t, mailbox.Single, nil)
	for name, run := range dropFolders {
		t.Run(name, func(t *testing.T) {
			w := world.scene(t, mailbox.Single)
			run(w, w.actor(11, mailbox.Datacentre, w.number))
		})
	}
}
