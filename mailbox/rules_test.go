// SPDX-License-Identifier: Apache-2.0

package mailbox_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"postfach/mailbox"
)

// P48: whatever people do in whatever order, the mailbox answers as the model
// does and shows each side the same; the folders' ETags change exactly when what
// one sees changes (I5); every document that the other side sees has exactly one
// standing delivery (I4); the counters and the log are right (I3, D8). Seeded;
// MODEL_SEED repeats one run, MODEL_SECONDS goes on for longer.
func TestRulesAgainstAModel(t *testing.T) {
	w := newWorld(t, mailbox.Single, nil)
	long := 3
	if testing.Short() {
		long = 1
	}
	if s, err := strconv.Atoi(os.Getenv("MODEL_SECONDS")); err == nil {
		long = s
	}
	end := time.Now().Add(time.Duration(long) * time.Second)
	seed, only := uint64(1), os.Getenv("MODEL_SEED")
	if only != "" {
		seed, _ = strconv.ParseUint(only, 10, 64)
	}
	answers := map[mailbox.Kind]int{}
	for ; time.Now().Before(end) && !t.Failed(); seed++ {
		g := newGame(w, seed)
		g.answers = answers
		for range 120 {
			if g.step(); t.Failed() {
				t.Fatalf("seed %d, so far:\n%s", seed, strings.Join(g.played, "\n"))
			}
		}
		g.deliveries()
		g.usage()
		if only != "" {
			break
		}
	}
	t.Logf("seeds 1 to %d; of each kind of answer %v", seed-1, answers)
	w.replays()
}

// game plays one mailbox and its model.
type game struct {
	*scene
	random *rand.Rand
	model  *model
	people []mailbox.Actor
	played []string
	states []map[string]state // by viewer

	answers map[mailbox.Kind]int // that were given
}

// state of a folder as somebody sees it.
type state struct{ etag, content string }

func newGame(w *world, seed uint64) *game {
	r := rand.New(rand.NewPCG(seed, 0))
	policy := []mailbox.ReleasePolicy{mailbox.Single, mailbox.FourEyes}[r.IntN(2)]
	s := w.scene(w.t, policy)
	author, reviewer := s.actor(2, mailbox.Caseworker, ""), s.actor(4, mailbox.Reviewer, "")
	reviewer.Person = author.Person
	g := &game{scene: s, random: r, model: newModel(policy), people: []mailbox.Actor{s.clerk, s.actor(6, mailbox.Clerk, s.number),
		author, s.actor(7, mailbox.Caseworker, ""), s.reviewer, reviewer}}
	g.observe()
	return g
}

func pick[T any](g *game, of []T) T { return of[g.random.IntN(len(of))] }

func (g *game) path() string {
	names := []string{"/a", "/a", "/b", "/a.tmp", "/O", "/O/a", "/O/a.tmp", "/O.tmp", "/O.tmp/a", "/O/O", "", "/" + returnedName + "/a", "/" + returnedName}
	return fixedPath(g.random.IntN(4)) + pick(g, names)
}

func fixedPath(i int) string {
	if fixedNames[i] == "" {
		return ""
	}
	return "/" + fixedNames[i]
}

// there gives something that is in view, with its path.
func (g *game) there() (*thing, string) {
	var all []*thing
	g.model.root.each(func(x *thing) {
		if !g.model.fixed(x) {
			all = append(all, x)
		}
	})
	if len(all) == 0 {
		return nil, g.path()
	}
	x := pick(g, all)
	p := ""
	for at := x; at != g.model.root; at = at.up {
		p = "/" + at.name + p
	}
	return x, p
}

// sensible is something that people really do: who works at a place takes what
// is there, mostly to where it goes from there.
func (g *game) sensible() (a mailbox.Actor, op, p, q string) {
	x, p := g.there()
	clerk, worker, reviewer := pick(g, g.people[:2]), pick(g, g.people[2:4]), pick(g, g.people[4:])
	name := pick(g, []string{"/a", "/a", "/b", "/O", "/O/a", "/O/a.tmp", "/a.tmp"})
	if x != nil && g.random.IntN(4) == 0 { // aside, back again, or into a folder
		a := clerk
		if g.model.place(x) != mailbox.ToAuthority {
			a = worker
		}
		if x.folder && g.random.IntN(2) == 0 {
			return a, "put", p + pick(g, []string{"/a", "/a.tmp"}), ""
		}
		if aside, hidden := strings.CutSuffix(p, ".tmp"); hidden {
			return a, "move", p, aside
		}
		return a, "move", p, p + ".tmp"
	}
	if x == nil || g.random.IntN(4) == 0 {
		a, p = clerk, fixedPath(1)+name
		if g.random.IntN(2) == 0 {
			a, p = worker, fixedPath(3)+name
		}
		return a, pick(g, []string{"put", "put", "put", "mkcol"}), p, ""
	}
	if g.random.IntN(3) > 0 {
		name = "/" + x.name
	}
	switch g.model.place(x) {
	case mailbox.Root:
		return worker, pick(g, []string{"move", "put", "copy", "remove"}), p, fixedPath(pick(g, []int{0, 3})) + name
	case mailbox.ToAuthority:
		if g.random.IntN(2) == 0 {
			return worker, "move", p, fixedPath(2) + name
		}
		return clerk, pick(g, []string{"move", "put", "copy", "remove"}), p, fixedPath(1) + name
	case mailbox.CaseworkerInbox:
		return worker, pick(g, []string{"move", "move", "copy", "remove"}), p, fixedPath(pick(g, []int{1, 2, 3})) + name
	}
	switch g.random.IntN(4) {
	case 0:
		return pick(g, []mailbox.Actor{reviewer, worker}), "move", p, name
	case 1:
		return reviewer, "read", p, ""
	case 2:
		return reviewer, "move", p, fixedPath(3) + "/" + returnedName + name
	}
	return worker, pick(g, []string{"move", "put", "copy", "remove"}), p, fixedPath(3) + name
}

// step does one thing in both worlds and compares.
func (g *game) step() {
	g.t.Helper()
	a, p, q := pick(g, g.people), g.path(), g.path()
	op := pick(g, []string{"put", "put", "mkcol", "remove", "move", "move", "copy", "read"})
	if g.random.IntN(5) > 0 {
		a, op, p, q = g.sensible()
	}
	if p == "" {
		p = "/x"
	}
	if q == "" {
		q = "/y"
	}
	at := func(p string) mailbox.Path {
		if a.Layout == mailbox.Direct {
			return path(p)
		}
		return path(g.at(p))
	}
	var err error
	var want mailbox.Kind
	body := pick(g, []string{"eins", "zwei", "drei"})
	g.played = append(g.played, fmt.Sprintf("%d %s %s %s %s %s", a.Account, a.Grants[0].Role, op, p, q, body))
	switch op {
	case "put":
		_, err = g.Deliver(ctx, a, at(p), upload(body))
		want = g.model.put(&a, p, body)
	case "mkcol":
		_, err = g.MakeFolder(ctx, a, at(p), mailbox.Conditions{})
		want = g.model.mkcol(&a, p)
	case "remove":
		err = g.Remove(ctx, a, at(p), mailbox.Conditions{})
		want = g.model.remove(&a, p)
	case "move":
		_, err = g.Move(ctx, a, at(p), at(q), mailbox.Conditions{}, "")
		want = g.model.move(&a, p, q)
	case "copy":
		_, err = g.Copy(ctx, a, at(p), at(q), mailbox.Conditions{}, true)
		want = g.model.copy(&a, p, q)
	case "read":
		g.reads(a, p, at(p))
		return
	}
	got := good
	if err != nil {
		got = mailbox.KindOf(err)
	}
	g.answers[got]++
	if got != want {
		g.t.Errorf("answers kind %d (%v), the model %d", got, err, want)
		return
	}
	g.observe()
}

func (g *game) reads(a mailbox.Actor, p string, at mailbox.Path) {
	g.t.Helper()
	l := g.model.look(a.Grants[0].Role.Side(), p)
	d, err := g.Open(ctx, a, at)
	if sees := l.found() && !l.at.folder; sees != (err == nil) {
		g.t.Errorf("reading: %v, the model sees it: %v", err, sees)
		return
	}
	if err == nil {
		if got := g.read(a, at.String()); got != l.at.now().bytes {
			g.t.Errorf("reads %q, the model %q", got, l.at.now().bytes)
		}
		_ = d
		l.at.now().read[a.Person] = true
	}
}

// observe compares what each side sees, and the ETags with what it saw before.
func (g *game) observe() {
	g.t.Helper()
	viewers := []mailbox.Actor{g.clerk, g.worker}
	first := g.states == nil
	for i, a := range viewers {
		seen := map[string]state{}
		top := "/"
		if a.Layout != mailbox.Direct {
			top = g.at("")
		}
		g.walk(a, path(top), "", g.model.root, seen)
		if first {
			g.states = append(g.states, seen)
			continue
		}
		for _, p := range slices.Sorted(maps.Keys(seen)) {
			was, before := g.states[i][p]
			if now := seen[p]; before && (was.content == now.content) != (was.etag == now.etag) {
				g.t.Errorf("account %d at %q: content %s → %s, ETag %s → %s", a.Account, p, was.content, now.content, was.etag, now.etag)
			}
		}
		g.states[i] = seen
	}
}

// walk lists a folder and those below, compares with the model, and gives what
// a folder's ETag stands for.
func (g *game) walk(a mailbox.Actor, p mailbox.Path, rel string, x *thing, seen map[string]state) string {
	g.t.Helper()
	var self mailbox.Node
	kids := map[string]mailbox.Node{}
	err := g.List(ctx, a, p, mailbox.Want{}, func(n mailbox.Node) error {
		if self.ETag == "" {
			self = n
			return nil
		}
		kids[n.Name] = n
		return nil
	})
	if err != nil {
		g.t.Fatalf("PROPFIND %s: %v", p, err)
	}
	var want []string
	for _, n := range slices.Sorted(maps.Keys(x.below)) {
		if g.model.sees(a.Grants[0].Role.Side(), x.below[n]) {
			want = append(want, n)
		}
	}
	if got := slices.Sorted(maps.Keys(kids)); !slices.Equal(got, want) {
		g.t.Errorf("account %d sees %q at %q, the model %q", a.Account, got, rel, want)
		return ""
	}
	content := fmt.Sprintf("%d(", self.Entry.ID)
	for _, n := range want {
		k, y := kids[n], x.below[n]
		switch {
		case k.Folder != y.folder:
			g.t.Errorf("%s/%s: folder %v, the model %v", rel, n, k.Folder, y.folder)
		case k.Folder:
			content += n + ":" + g.walk(a, p.Child(n), rel+"/"+n, y, seen) + " "
		default:
			if k.Entry.Version.SHA256Hex() != sum(y.now().bytes) {
				g.t.Errorf("%s/%s has other bytes than %q", rel, n, y.now().bytes)
			}
			y.entry = k.Entry.ID
			content += fmt.Sprintf("%s:%d:%s ", n, k.Entry.ID, k.ETag)
		}
	}
	content += ")"
	seen[rel] = state{self.ETag, content}
	return content
}

// deliveries: one that stands for each document that the other side sees where
// things are handed over, none for what it never saw.
func (g *game) deliveries() {
	g.t.Helper()
	g.model.root.each(func(x *thing) {
		if x.folder || x.entry == 0 {
			return
		}
		p := g.model.place(x)
		shown := p == mailbox.ToAuthority && g.model.seesAll(mailbox.AuthoritySide, x) || p == mailbox.Root && g.model.seesAll(mailbox.MemberSide, x)
		current := g.entry(x.entry).Version
		standing := 0
		for _, d := range g.world.deliveries(x.entry) {
			if d.Version == current.ID && d.Direction != mailbox.ToReviewers && live([]mailbox.Delivery{d}) == 1 {
				standing++
			}
		}
		if shown && standing != 1 || (!x.now().released || p == mailbox.Outbox) && standing != 0 {
			g.t.Errorf("%s at place %d: %d standing deliveries, shown %v", x.name, p, standing, shown)
		}
		if current.Seen != x.now().released {
			g.t.Errorf("%s at place %d: seen %v, the model %v", x.name, p, current.Seen, x.now().released)
		}
	})
}

// usage: the counter of current bytes is what the member side has in view.
func (g *game) usage() {
	g.t.Helper()
	var want int64
	g.model.root.each(func(x *thing) {
		if !x.folder && x.now().account != 0 && (x.now().account == g.people[0].Account || x.now().account == g.people[1].Account) {
			want += int64(len(x.now().bytes))
		}
	})
	g.view(func(r mailbox.Reader) error {
		m, err := r.Member(g.ids[g.number])
		if m.Usage.Current != want || m.Usage.Superseded < 0 {
			g.t.Errorf("usage %+v, the model has %d bytes", m.Usage, want)
		}
		return err
	})
}
