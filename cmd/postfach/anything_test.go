// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"postfach/mailbox"
)

// TestReplayAfterAnything: whatever people do in whatever order, and whatever of
// it is refused, the log yields the same tree and digests (D8, I3).
func TestReplayAfterAnything(t *testing.T) {
	h := newHouse(t)
	h.must("ein langes Kennwort\n", "account", "add", "dora", "--person", "Dora Beispiel", "--email", "dora@example.org", "--role", "datacentre", "--member", "0815", "--password-stdin")
	const seed = 20260301
	g := &game{house: h, random: rand.New(rand.NewPCG(seed, 1)), done: map[string]int{}}
	actors := map[string]mailbox.Actor{}
	for _, login := range []string{"anna", "bert", "carla", "dora"} {
		actors[login] = h.as(login)
	}
	g.onceAround(actors["anna"], actors["bert"], actors["carla"])
	for i := range 4000 {
		a := actors[g.pick("anna", "anna", "bert", "bert", "bert", "carla", "carla", "dora")]
		if op, err := g.anything(a, i); err == nil {
			g.done[op]++
		}
	}
	t.Logf("seed %d: %v", seed, g.done)
	for _, op := range []string{"put", "folder", "move", "copy", "remove", "restore", "read"} {
		if g.done[op] == 0 {
			t.Errorf("no %s went through: the series proves less than it says", op)
		}
	}
	out := h.must("", "audit", "replay", "--verify")
	contains(t, out, "0 differences", "0 missing or different")
	log := h.must("", "audit", "export")
	for _, op := range []mailbox.Operation{mailbox.OpCreate, mailbox.OpReplace, mailbox.OpTakeOver, mailbox.OpGiveBack, mailbox.OpRelease, mailbox.OpRecall,
		mailbox.OpReturn, mailbox.OpRename, mailbox.OpCopy, mailbox.OpRemove, mailbox.OpRestore, mailbox.OpMakeFolder} {
		if !strings.Contains(log, fmt.Sprintf(`"operation":%q`, op)) {
			t.Errorf("no %s occurred: the series proves less than it says", op)
		}
	}
}

// game is people who do anything, mostly where they may.
type game struct {
	*house
	random *rand.Rand
	done   map[string]int
}

// onceAround plays what chance may miss: a take-over and its reverse, a return, a
// release and a recall.
func (g *game) onceAround(clerk, author, reviewer mailbox.Actor) {
	g.t.Helper()
	ctx, s := g.t.Context(), g.a.service
	move := func(a mailbox.Actor, from, to string) error {
		_, err := s.Move(ctx, a, mailbox.ParsePath("/0815/"+from), mailbox.ParsePath("/0815/"+to), mailbox.Conditions{}, "Grund")
		return err
	}
	put := func(a mailbox.Actor, to string) error {
		_, err := s.Deliver(ctx, a, mailbox.ParsePath("/0815/"+to), mailbox.Upload{Body: strings.NewReader("fest"), Length: 4, Expected: -1})
		return err
	}
	err := errors.Join(put(clerk, "an_KVBbg/fest.csv"), move(author, "an_KVBbg/fest.csv", "KVBBG-SB-Posteingang/fest.csv"),
		move(author, "KVBBG-SB-Posteingang/fest.csv", "an_KVBbg/fest.csv"), put(author, "Postausgang/fest.csv"))
	err = errors.Join(err, move(reviewer, "Postausgang/fest.csv", "Postausgang/Zurückgewiesen/fest.csv"), move(author, "Postausgang/Zurückgewiesen/fest.csv", "Postausgang/fest.csv"))
	if move(author, "Postausgang/fest.csv", "fest.csv") != nil { // four eyes
		d, e := s.Open(ctx, reviewer, mailbox.ParsePath("/0815/Postausgang/fest.csv"))
		if e != nil {
			g.t.Fatal(e)
		}
		body, e := d.Read(ctx, 0, -1)
		if e != nil {
			g.t.Fatal(e)
		}
		err = errors.Join(err, body.Close(), d.Sent(ctx, 0, 4), move(reviewer, "Postausgang/fest.csv", "fest.csv"))
	}
	if err = errors.Join(err, s.Remove(ctx, author, mailbox.ParsePath("/0815/fest.csv"), mailbox.Conditions{})); err != nil {
		g.t.Fatal(err)
	}
}

func (g *game) pick(all ...string) string { return all[g.random.IntN(len(all))] }

func (g *game) path(login string) mailbox.Path {
	places := map[string][]string{
		"anna":  {"", "/an_KVBbg", "/an_KVBbg", "/an_KVBbg/Mappe"},
		"dora":  {"/an_KVBbg", "/an_KVBbg/dora"},
		"carla": {"", "/Postausgang", "/Postausgang/Zurückgewiesen"},
		"bert":  {"", "/Mappe", "/an_KVBbg", "/an_KVBbg/Mappe", "/KVBBG-SB-Posteingang", "/KVBBG-SB-Posteingang/Mappe", "/Postausgang", "/Postausgang", "/Postausgang/Mappe", "/Postausgang/Zurückgewiesen"},
	}
	return mailbox.ParsePath("/0815" + g.pick(places[login]...) + "/" + g.pick("a.txt", "b.txt", "Mappe", "~$a.txt", "Ä.csv"))
}

// anything does one thing and says which; refusals are part of the game.
func (g *game) anything(a mailbox.Actor, i int) (string, error) {
	ctx, s, p := g.t.Context(), g.a.service, g.path(a.Login)
	switch g.random.IntN(11) {
	case 0, 1, 2:
		body := fmt.Sprintf("Inhalt %d", i%40)
		_, err := s.Deliver(ctx, a, p, mailbox.Upload{Body: strings.NewReader(body), Length: int64(len(body)), Expected: -1})
		return "put", err
	case 3:
		_, err := s.MakeFolder(ctx, a, p, mailbox.Conditions{})
		return "folder", err
	case 4, 5, 6, 7:
		_, err := s.Move(ctx, a, p, g.path(a.Login), mailbox.Conditions{NoOverwrite: g.random.IntN(4) == 0}, "Grund")
		return "move", err
	case 8:
		_, err := s.Copy(ctx, a, p, g.path(a.Login), mailbox.Conditions{}, true)
		return "copy", err
	case 9:
		if g.random.IntN(2) == 0 {
			return "remove", s.Remove(ctx, a, p, mailbox.Conditions{})
		}
		return "restore", s.Restore(ctx, mailbox.By{System: "test"}, mailbox.EntryID(g.random.IntN(200)+1))
	}
	d, err := s.Open(ctx, a, p)
	if err != nil {
		return "read", err
	}
	body, err := d.Read(ctx, 0, -1)
	if err != nil {
		return "read", err
	}
	return "read", errors.Join(body.Close(), d.Sent(ctx, 0, d.Entry.Version.Size))
}
