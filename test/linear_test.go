// SPDX-License-Identifier: Apache-2.0

package test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"postfach/test/world"
)

const (
	runsPerWorld  = 10 // mailboxes, one after the other
	linearClients = 7
	killsPerRun   = 2
)

// TestLinear lets many clients put, read, list, move, release, lock and delete
// a few documents of one mailbox at two nodes over PostgreSQL and S3, kills
// nodes meanwhile, and looks for an order of all requests that explains every
// answer (P68). `make linear` plays 200 runs and keeps a line of each in
// docs/results.
func TestLinear(t *testing.T) {
	long(t)
	runs, seed := number("POSTFACH_LINEAR_RUNS", 4), number("POSTFACH_LINEAR_SEED", 20260101)
	results, commit := os.Getenv("POSTFACH_RESULTS"), commitID()
	name := filepath.Join(results, "linear-"+commit+".jsonl")
	var left []int
	for s := seed; s < seed+runs; s++ {
		if results == "" || !alreadyDone(name, s) {
			left = append(left, s)
		}
	}
	for begin := 0; begin < len(left); begin += runsPerWorld {
		some := left[begin:min(begin+runsPerWorld, len(left))]
		t.Run(fmt.Sprint("from seed ", some[0]), func(t *testing.T) {
			nodes := linearNodes(t, len(some))
			for i, s := range some {
				sum := nodes.run(t, i, uint64(s))
				sum.Commit, sum.Passed = commit, !t.Failed()
				line, _ := json.Marshal(sum)
				t.Logf("%s", line)
				if results != "" {
					appendLine(t, name, string(line))
				}
				if t.Failed() {
					t.Fatalf("seed %d: stopped at the first fault", s)
				}
			}
			nodes[0].CLI("", "audit", "replay", "--verify")
			nodes[0].CLI("", "storage", "verify")
		})
	}
}

// linearSummary is one line of docs/results.
type linearSummary struct {
	Commit     string  `json:"commit"`
	Seed       uint64  `json:"seed"`
	Operations int     `json:"operations"`
	Unknown    int     `json:"unknown"` // answers that never came
	Busy       int     `json:"busy"`    // of these and of readings, answered with 5xx
	Kills      int     `json:"kills"`
	Seconds    float64 `json:"seconds"`
	Checking   float64 `json:"checking"` // seconds of the search
	Result     string  `json:"result"`
	ByName     bool    `json:"by_name,omitempty"` // the search over all names together took too long
	Passed     bool    `json:"passed"`
}

type nodes []*world.World

// linearNodes starts two nodes with a mailbox for each run.
func linearNodes(t *testing.T, runs int) nodes {
	t.Helper()
	o := world.Options{Quiet: 5 * time.Second, AtMost: 20 * time.Second}
	o.Accounts = []world.Account{{Login: "bert", Role: "caseworker"}, {Login: "berta", Role: "caseworker"}}
	for i := range runs {
		o.Members = append(o.Members, world.Member{Number: fmt.Sprint(4000 + i), Name: fmt.Sprint("Stadt ", i)})
		for k := range 2 {
			o.Accounts = append(o.Accounts, world.Account{Login: fmt.Sprintf("clerk%d-%d", i, k), Role: "clerk", Member: fmt.Sprint(4000 + i)})
		}
	}
	all, _, _ := bucketNodes(t, o)
	return all
}

// prepare makes the clients of a mailbox. transport is between them and the nodes.
func (n nodes) prepare(t testing.TB, i int, seed uint64, transport func(http.RoundTripper) http.RoundTripper) (*linearRun, []*linearClient) {
	r := &linearRun{t: t, nodes: n, member: fmt.Sprint(4000 + i), seed: seed, start: time.Now()}
	var all []*linearClient
	for id := range linearClients {
		as := []string{fmt.Sprintf("clerk%d-0", i), "bert", fmt.Sprintf("clerk%d-1", i), "berta"}[id%4]
		h := n[0].Client()
		h.Transport, h.Timeout = transport(h.Transport), time.Minute
		t.Cleanup(h.CloseIdleConnections)
		all = append(all, &linearClient{run: r, id: id, as: as, rng: rand.New(rand.NewPCG(seed, uint64(id))), http: h})
	}
	return r, all
}

func straight(r http.RoundTripper) http.RoundTripper { return r }

// run plays one mailbox and judges its history.
func (n nodes) run(t *testing.T, i int, seed uint64) (sum linearSummary) {
	t.Helper()
	r, clients := n.prepare(t, i, seed, straight)
	killing := make(chan struct{})
	var all sync.WaitGroup
	for _, c := range clients {
		all.Go(func() { c.work(killing) })
	}
	rng := rand.New(rand.NewPCG(seed, 1000))
	for range killsPerRun {
		time.Sleep(time.Duration(50+rng.IntN(400)) * time.Millisecond)
		k := rng.IntN(len(n))
		victim := n[k]
		r.down.Store(int64(k) + 1)
		victim.Kill()
		time.Sleep(time.Duration(rng.IntN(200)) * time.Millisecond)
		victim.Launch()
		victim.WaitReady(patience)
		r.down.Store(0)
	}
	close(killing)
	all.Wait()
	for _, node := range n { // what is there in the end, by both
		for at := range places {
			clients[1].step(act{kind: "list", as: "bert", at: at}, node)
			for name := range names {
				clients[1].step(act{kind: "get", as: "bert", at: at, name: name}, node)
			}
		}
	}
	sum = linearSummary{Seed: seed, Kills: killsPerRun, Operations: len(r.history), Busy: r.busy, Seconds: time.Since(r.start).Seconds()}
	for _, o := range r.history {
		if o.Output.(outcome).status == 0 {
			sum.Unknown++
		}
	}
	began := time.Now()
	result, named := explain(r.history, 30*time.Second)
	sum.Checking, sum.Result, sum.ByName = time.Since(began).Seconds(), string(result), named
	if result != porcupine.Ok {
		t.Errorf("seed %d: the history of mailbox %s is not linearizable (%s): %s", seed, r.member, result, r.draw())
	}
	return sum
}

// work goes on until the kills are over, and for a number of requests at least.
func (c *linearClient) work(killing <-chan struct{}) {
	const least, most = 20, 60
	for done := range most {
		select {
		case <-killing:
			if done >= least {
				return
			}
		default:
		}
		k := c.rng.IntN(len(c.run.nodes))
		if int64(k)+1 == c.run.down.Load() { // as a balancer does that asks for readiness
			k = (k + 1) % len(c.run.nodes)
		}
		c.step(c.choose(), c.run.nodes[k])
		time.Sleep(time.Duration(c.rng.IntN(10)) * time.Millisecond)
	}
}

// draw keeps the history and a picture of it, and says where.
func (r *linearRun) draw() string {
	dir, err := os.MkdirTemp("", "linear")
	if err != nil {
		return err.Error()
	}
	var text strings.Builder
	for _, o := range r.history {
		fmt.Fprintf(&text, "%d\t%d\t%d\t%+v\t%+v\n", o.ClientId, o.Call, o.Return, o.Input, o.Output)
	}
	m := mailboxModel()
	m.Partition = byName
	_, info := porcupine.CheckOperationsVerbose(m, bounded(r.history), 10*time.Second)
	return fmt.Sprintln(dir, os.WriteFile(filepath.Join(dir, "history.txt"), []byte(text.String()), 0o600),
		porcupine.VisualizePath(m, info, filepath.Join(dir, "history.html")))
}
