// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"postfach/scan/scantest"
	"postfach/test/world"
)

// size of a run; BENCH=quick is for trying the harness, not for figures.
type size struct {
	big, medium  int64 // bytes of the large file and of each of 64 parallel ones
	parallel     int
	small, moves int // requests
	list, lists  int // entries of the large folder, listings of the small one
	million      int // entries of a large catalog
	repetitions  int
}

func sizes() size {
	if os.Getenv("BENCH") == "quick" {
		return size{64 << 20, 4 << 20, 16, 200, 100, 1000, 300, 20_000, 1}
	}
	return size{1 << 30, 64 << 20, 64, 2000, 1000, 10_000, 3000, 1_000_000, 3}
}

// run is one comparison: who takes part, and every figure by name.
type run struct {
	t       testing.TB
	size    size
	dir     string // on the disk under test
	big     string
	ours    *target
	peers   []*target
	scanner *scantest.Clamd
	figures figures
}

// BenchmarkSideBySide runs Postfach beside its peers and the floors and prints
// the ratios of the single-node table. Scanning and durability are never
// switched off. `make bench` calls it.
func BenchmarkSideBySide(b *testing.B) {
	for b.Loop() {
		r := prepare(b)
		for i := range r.size.repetitions {
			b.Logf("repetition %d of %d, %s", i+1, r.size.repetitions, time.Now().Format(time.TimeOnly))
			r.floors()
			all := append([]*target{r.ours}, r.peers...)
			for k := range all { // rotated, so that nobody is always first
				r.measure(all[(k+i)%len(all)], i)
			}
			r.parallelUploads()
		}
		r.report(os.Getenv("POSTFACH_RESULTS"))
	}
}

func prepare(t testing.TB) *run {
	t.Helper()
	r := &run{t: t, size: sizes(), dir: t.TempDir(), figures: figures{}}
	r.big = filepath.Join(r.dir, "big.bin")
	f, err := os.Create(r.big)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(f, rand.Reader, r.size.big); err != nil {
		t.Fatal(err)
	}
	f.Close()
	r.scanner = scantest.Start(t, scantest.Options{MaxSize: 2000 << 20})
	r.ours = r.postfach()
	r.peers = []*target{apache(t), rclone(t)}
	for _, g := range append([]*target{r.ours}, r.peers...) {
		r.figures.add(g.name, "startup", Result{Seconds: g.startup, Peak: g.idle, CPU: g.anon})
		for folder, n := range map[string]int{"many": r.size.list, "ten": 10} {
			g.server.Make(folder + "/")
			if res := g.server.Small(folder, n, 8, 100); res.Failed > 0 {
				t.Fatalf("%s: filling %s: %+v", g.name, folder, res)
			}
		}
	}
	return r
}

// postfach is the built binary with an ordinary configuration.
func (r *run) postfach() *target {
	r.t.Helper()
	w := world.Start(r.t, world.Options{Scanner: r.scanner, MaxSize: "2000MiB", Stopped: true, Data: filepath.Join(r.dir, "data"),
		Quiet: time.Minute, AtMost: 5 * time.Minute, Members: []world.Member{world.Musterhausen},
		Accounts: []world.Account{{Login: benchUser, Password: benchPassword, Role: "clerk", Member: "0815"}}})
	began := time.Now()
	w.Launch()
	w.WaitReady(30 * time.Second)
	g := &target{name: "postfach", server: Server{w.URL + "/dav/an_KVBbg/", benchUser, benchPassword}, tree: Tree{w.PID()}}
	g.startup = time.Since(began).Seconds()
	g.rest()
	return g
}

// floors measures what no server can beat here.
func (r *run) floors() {
	r.t.Helper()
	r.warm()
	tmp := filepath.Join(r.dir, "floor.bin")
	r.figures.add("floor", "dd", Copy(r.big, tmp))
	os.Remove(tmp)
	r.figures.add("floor", "clamdscan", r.clamdscan(r.big))
	for _, c := range []int{1, 16} {
		r.figures.add("floor", fmt.Sprintf("scan16k-c%d", c), Scans(r.scanner.Address, r.size.small, c, 16<<10))
	}
	dir, err := os.MkdirTemp(r.dir, "floor")
	if err != nil {
		r.t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	both, transaction, err := DurableFiles(dir, r.size.small, 16<<10)
	if err != nil {
		r.t.Fatal(err)
	}
	r.figures.add("floor", "durable16k", both)
	r.figures.add("floor", "transaction", transaction)
}

func (r *run) warm() {
	if err := Warm(r.big); err != nil {
		r.t.Fatal(err)
	}
}

// clamdscan is what somebody has today who scans what was uploaded.
func (r *run) clamdscan(file string) Result {
	start := time.Now()
	out, err := exec.Command("clamdscan", "--fdpass", "--no-summary", "--config-file="+filepath.Join(r.scanner.Dir, "clamd.conf"), file).CombinedOutput()
	res := Result{Seconds: time.Since(start).Seconds()}
	if err != nil || !strings.Contains(string(out), ": OK") {
		res.Failed, res.Error = 1, fmt.Sprint(err, string(out))
	}
	return res
}

// measure runs the whole list against one server.
func (r *run) measure(g *target, repetition int) {
	r.t.Helper()
	s, name := g.server, func(kind string) string { return fmt.Sprintf("%s%d", kind, repetition) }
	add := func(test string, load func() Result) {
		res := g.tree.Measure(load)
		if res.Failed > 0 {
			r.t.Errorf("%s %s: %d failed: %s", g.name, test, res.Failed, res.Error)
		}
		r.figures.add(g.name, test, res)
	}
	r.warm()
	add("put", func() Result { return s.Put(name("big"), r.big) })
	add("get", func() Result { return s.Get(name("big")) })
	s.Remove(name("big"))
	for _, folder := range []string{name("s1"), name("s16"), name("m")} {
		s.Make(folder + "/")
	}
	add("small1", func() Result { return s.Small(name("s1"), r.size.small, 1, 16<<10) })
	add("small16", func() Result { return s.Small(name("s16"), r.size.small, 16, 16<<10) })
	add("list10k", func() Result { return s.Propfind("many/") })
	add("list10", func() Result { return s.Propfinds("ten/", r.size.lists, 16) })
	add("move", func() Result { return s.Move(name("s1"), name("m"), r.size.moves) })
	for _, folder := range []string{name("s1"), name("s16"), name("m")} {
		s.Remove(folder + "/")
	}
}

// parallelUploads is the memory of many large uploads at once; ours alone.
func (r *run) parallelUploads() {
	r.t.Helper()
	part := filepath.Join(r.dir, "part.bin")
	if err := cut(r.big, part, r.size.medium); err != nil {
		r.t.Fatal(err)
	}
	res := r.ours.tree.Measure(func() Result {
		var wg sync.WaitGroup
		var mu sync.Mutex
		var sum Result
		start := time.Now()
		for i := range r.size.parallel {
			wg.Go(func() {
				one := r.ours.server.Put(fmt.Sprintf("p%02d", i), part)
				mu.Lock()
				sum.Failed += one.Failed
				if one.Error != "" {
					sum.Error = one.Error
				}
				mu.Unlock()
			})
		}
		wg.Wait()
		sum.Seconds = time.Since(start).Seconds()
		return sum
	})
	if res.Failed > 0 {
		r.t.Errorf("parallel uploads: %d failed: %s", res.Failed, res.Error)
	}
	r.figures.add("postfach", "parallel", res)
	for i := range r.size.parallel {
		r.ours.server.Remove(fmt.Sprintf("p%02d", i))
	}
}

func cut(from, to string, n int64) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer out.Close()
	_, err = io.CopyN(out, in, n)
	return err
}
