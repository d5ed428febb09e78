// SPDX-License-Identifier: Apache-2.0

package mailbox_test

import (
	"strings"
	"testing"

	"postfach/mailbox"
)

var checks = map[string]func(*scene){
	"depth-0 lock on a folder guards the removal of its members": func(w *scene) {
		w.mkdir(w.clerk, "/an_KVBbg/O")
		w.put(w.clerk, "/an_KVBbg/O/a", "1")
		l := w.lock(w.clerk, "/an_KVBbg/O", mailbox.LockRequest{Exclusive: true})
		err := w.Remove(ctx, w.clerk, path("/an_KVBbg/O/a"), mailbox.Conditions{})
		w.refused(err, mailbox.Locked, mailbox.ReasonLocked)
		c, folder := with(l.Token), path("/an_KVBbg/O")
		c.If[0].Resource = &folder
		if err := w.Remove(ctx, w.clerk, path("/an_KVBbg/O/a"), c); err != nil {
			w.t.Fatal(err)
		}
	},
	"no second exclusive lock under an infinite one, not even with its token": func(w *scene) {
		w.mkdir(w.clerk, "/an_KVBbg/O")
		l := w.lock(w.clerk, "/an_KVBbg/O", mailbox.LockRequest{Exclusive: true, Infinite: true})
		_, _, err := w.Lock(ctx, w.clerk, path("/an_KVBbg/O/neu"), mailbox.LockRequest{Exclusive: true, Conditions: with(l.Token)})
		w.refused(err, mailbox.Locked, mailbox.ReasonLocked)
	},
	"a give-back under an unseen name is the constant 403": func(w *scene) {
		w.put(w.clerk, "/an_KVBbg/a", "1")
		w.move(w.worker, w.at("/an_KVBbg/a"), w.at("/KVBBG-SB-Posteingang/a"))
		w.put(w.clerk, "/an_KVBbg/~$x", "1")
		err := w.tryMove(w.worker, w.at("/KVBBG-SB-Posteingang/a"), w.at("/an_KVBbg/~$x"))
		w.refused(err, mailbox.Forbidden, mailbox.ReasonNotAllowed)
		if strings.Contains(err.Error(), "~$x") {
			w.t.Errorf("the refusal tells the name: %v", err)
		}
	},
	"a reviewer neither renames what was returned nor releases it": func(w *scene) {
		w.put(w.worker, w.at("/Postausgang/a"), "1")
		if _, err := w.Return(ctx, w.reviewer, path(w.at("/Postausgang/a")), "falsch"); err != nil {
			w.t.Fatal(err)
		}
		err := w.tryMove(w.reviewer, w.at("/Postausgang/Zurückgewiesen/a"), w.at("/Postausgang/Zurückgewiesen/b"))
		w.refused(err, mailbox.Forbidden, mailbox.ReasonNotAllowed)
		err = w.tryMove(w.worker, w.at("/Postausgang/Zurückgewiesen/a"), w.at("/a"))
		w.refused(err, mailbox.Conflict, "returned")
	},
	"nothing that arrives takes a folder out of view": func(w *scene) {
		w.put(w.clerk, "/an_KVBbg/a", "1")
		w.mkdir(w.worker, w.at("/KVBBG-SB-Posteingang/a"))
		w.put(w.clerk, "/an_KVBbg/b", "1")
		w.move(w.worker, w.at("/an_KVBbg/b"), w.at("/KVBBG-SB-Posteingang/a/b"))
		err := w.tryMove(w.worker, w.at("/an_KVBbg/a"), w.at("/KVBBG-SB-Posteingang/a"))
		w.refused(err, mailbox.Conflict, mailbox.ReasonIsFolder)
		w.read(w.worker, w.at("/KVBBG-SB-Posteingang/a/b"))
	},
	"the path of what moves along stays short enough": func(w *scene) {
		long := strings.Repeat("x", 250)
		w.mkdir(w.clerk, "/an_KVBbg/k")
		w.mkdir(w.clerk, "/an_KVBbg/k/"+long)
		w.mkdir(w.clerk, "/an_KVBbg/k/"+long+"/"+long)
		w.mkdir(w.clerk, "/an_KVBbg/k/"+long+"/"+long+"/"+long)
		w.put(w.clerk, "/an_KVBbg/k/"+long+"/"+long+"/"+long+"/"+long, "1")
		w.refused(w.tryMove(w.clerk, "/an_KVBbg/k", "/an_KVBbg/"+long+"y"), mailbox.NameRefused, mailbox.ReasonPathLong)
		w.refused(w.tryCopy(w.clerk, "/an_KVBbg/k", "/an_KVBbg/"+long+"y"), mailbox.NameRefused, mailbox.ReasonPathLong)
	},
	"a file is no parent": func(w *scene) {
		w.put(w.clerk, "/an_KVBbg/a", "1")
		w.refused(w.tryMove(w.clerk, "/an_KVBbg/a", "/an_KVBbg/a/b"), mailbox.ParentMissing, mailbox.ReasonParent)
	},
	"no name in the root is the mailbox's own number": func(w *scene) {
		w.refused(w.tryPut(w.worker, w.at("/"+w.number), "1"), mailbox.NameRefused, mailbox.ReasonOwnNumber)
		_, err := w.MakeFolder(ctx, w.worker, path(w.at("/"+w.number)), mailbox.Conditions{})
		w.refused(err, mailbox.NameRefused, mailbox.ReasonOwnNumber)
	},
	"the wrong place is said before the scanner's health": func(w *scene) {
		w.refused(w.tryPut(w.clerk, "/a", "1"), mailbox.Forbidden, mailbox.ReasonOtherSide)
	},
}

// The order of checks of DESIGN.md section 2, and what it must not tell.
func TestOrderOfChecks(t *testing.T) {
	world := newWorld(t, mailbox.Single, nil)
	for name, run := range checks {
		t.Run(name, func(t *testing.T) { run(world.scene(t, mailbox.Single)) })
	}
}

// scene is a world with one fresh member and the usual people.
type scene struct {
	*world
	number                  string
	clerk, worker, reviewer mailbox.Actor
}

func (w *world) scene(t *testing.T, policy mailbox.ReleasePolicy) *scene {
	own := w.on(t)
	n := own.fresh(policy)
	return &scene{world: own, number: n, clerk: own.actor(1, mailbox.Clerk, n), worker: own.actor(2, mailbox.Caseworker, ""),
		reviewer: own.actor(3, mailbox.Reviewer, "")}
}

// at is a path of the authority's people.
func (w *scene) at(p string) string { return "/" + w.number + p }
