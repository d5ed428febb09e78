// SPDX-License-Identifier: Apache-2.0

package test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"postfach/test/world"
)

// TestDesktopsConverge: two desktops of two vendors on one mailbox, with random
// work on both and everything that befalls them from outside in between. In the
// end both hold what the server holds, and no content that somebody made is
// nowhere. `make desktops` runs the long series, a line each in
// docs/results: POSTFACH_DESKTOP_SEED is the first seed, POSTFACH_DESKTOP_SERIES
// how many, POSTFACH_DESKTOP_OPERATIONS the operations of each desktop. A series
// that has passed on this commit is left out.
func TestDesktopsConverge(t *testing.T) {
	long(t)
	seed, series := number("POSTFACH_DESKTOP_SEED", 20), number("POSTFACH_DESKTOP_SERIES", 1)
	operations := number("POSTFACH_DESKTOP_OPERATIONS", 40)
	results, commit := os.Getenv("POSTFACH_RESULTS"), commitID()
	name := filepath.Join(results, "desktops-"+commit+".jsonl")
	for s := seed; s < seed+series; s++ {
		if results != "" && alreadyDone(name, s) {
			t.Logf("the series of seed %d was done before", s)
			continue
		}
		t.Run(fmt.Sprint("seed ", s), func(t *testing.T) {
			sum := deskSummary{Commit: commit, Seed: uint64(s), Operations: operations}
			start := time.Now()
			defer func() { // a failed series has its line too
				sum.Seconds, sum.Passed = int(time.Since(start).Seconds()), !t.Failed()
				line, _ := json.Marshal(sum)
				t.Logf("%s", line)
				if results != "" {
					appendLine(t, name, string(line))
				}
			}()
			deskSeries(t, &sum)
		})
	}
}

// deskSummary is one line of docs/results.
type deskSummary struct {
	Commit     string `json:"commit"`
	Seed       uint64 `json:"seed"`
	Operations int    `json:"operations"` // of each desktop
	Runs       int    `json:"runs"`       // of both clients
	Failed     int    `json:"failed"`     // runs that said that something failed
	Happenings int    `json:"happenings"` // from outside
	Contents   int    `json:"contents"`   // made on the desks and looked for at the end
	Requests   int    `json:"requests"`
	Seconds    int    `json:"seconds"`
	Passed     bool   `json:"passed"`
}

// deskSeries is one series in a world of its own.
func deskSeries(t *testing.T, sum *deskSummary) {
	t.Helper()
	w := whole(t, world.Options{Members: []world.Member{world.Musterhausen}, Accounts: []world.Account{
		{Login: "anna", Role: "clerk", Member: "0815"}, {Login: "bert", Role: "caseworker"}}})
	r := rand.New(rand.NewPCG(sum.Seed, 1))
	var all [2]*worker
	for i, v := range vendors {
		d := newDesk(t, w, v, "anna")
		d.env = []string{"OWNCLOUD_BLACKLIST_TIME_MAX=25"}
		d.sync()
		all[i] = &worker{desk: d, r: r, sum: sum, made: map[string]string{}}
	}
	outside := &happening{t: t, w: w, r: r, desks: []*desk{all[0].desk, all[1].desk}}
	for all[0].n < sum.Operations || all[1].n < sum.Operations {
		for _, x := range all {
			for range min(1+r.IntN(4), sum.Operations-x.n) {
				x.operate()
			}
		}
		end := func() {}
		if r.IntN(2) == 0 {
			end = outside.one()
			sum.Happenings++
		}
		for i, x := range all {
			run := x.try()
			all[1-i].gone = append(all[1-i].gone, run.by("DELETE")...)
			if r.IntN(2) == 0 {
				x.rescues = true
			}
		}
		end()
		for _, x := range all {
			if x.rescues {
				rescue(x.desk, served(t, w, "anna", "/dav/"))
				x.rescues = false
			}
		}
	}
	settle(t, w, all[0].desk, all[1].desk)
	notNowhere(t, w, all[:])
}

// notNowhere: nothing that was made is lost. It is on the desks, or the server
// has it as a version, removed or not.
func notNowhere(t *testing.T, w *world.World, all []*worker) {
	t.Helper()
	kept := map[string]bool{}
	for _, rec := range w.Audit(t) {
		if rec.Operation == "create" || rec.Operation == "replace" {
			kept[rec.SHA256] = true
		}
	}
	for _, x := range all { // with their conflict copies
		for _, sum := range x.tree() {
			kept[sum] = true
		}
	}
	for _, x := range all {
		x.sum.Contents += len(x.made)
		for sum, what := range x.made {
			if !kept[sum] {
				t.Errorf("%s: %s is nowhere", x.vendor, what)
			}
		}
	}
}

// worker is a desk on which somebody works at random. Contents that were on
// the desk at the end of a run, or that nobody changed before the next, must
// never be lost.
type worker struct {
	*desk
	r       *rand.Rand
	n       int // operations done
	runs    int
	sum     *deskSummary
	made    map[string]string // digest → what it was
	gone    requests          // what other desks removed since the last run
	rescues bool              // its person will read what the client said
}

// operate does one thing in an_KVBbg.
func (x *worker) operate() {
	x.t.Helper()
	x.n++
	files, folders := x.lying()
	any := func(of []string) string { return of[x.r.IntN(len(of))] }
	rename := func(from, to string) {
		err := os.Rename(from, to)
		x.t.Logf("%s: rename %s → %s %v", x.vendor, x.short(from), x.short(to), err)
	}
	fresh := func() string {
		return filepath.Join(any(folders), fmt.Sprintf("%s %d ü.txt", x.vendor[:2], x.n))
	}
	switch k := x.r.IntN(10); {
	case k < 3 || len(files) == 0:
		x.make(fresh())
	case k < 5:
		name := any(files)
		x.excuse(name)
		x.make(name)
	case k < 6:
		rename(any(files), fresh())
	case k < 7:
		name := any(files)
		x.excuse(name)
		x.t.Logf("%s: remove %s %v", x.vendor, x.short(name), os.Remove(name))
	case k < 8:
		name := filepath.Join(any(folders), fmt.Sprintf("Ordner %s %d", x.vendor[:2], x.n))
		x.t.Logf("%s: make folder %s %v", x.vendor, x.short(name), os.MkdirAll(name, 0o700))
	case k < 9 && len(folders) > 1:
		rename(any(folders[1:]), filepath.Join(folders[0], fmt.Sprintf("verlegt %s %d", x.vendor[:2], x.n)))
	case len(folders) > 1:
		name := any(folders[1:])
		for _, f := range files {
			if strings.HasPrefix(f, name+"/") {
				x.excuse(f)
			}
		}
		x.t.Logf("%s: remove all %s %v", x.vendor, x.short(name), os.RemoveAll(name))
	}
}

// excuse: what its own person removes or overwrites need not be anywhere.
func (x *worker) excuse(name string) {
	if b, err := os.ReadFile(name); err == nil {
		delete(x.made, fmt.Sprintf("%x", sha256.Sum256(b)))
	}
}

// make writes a file that is unlike any other. Sizes differ, since clients
// compare whole seconds.
func (x *worker) make(name string) {
	x.t.Helper()
	size := x.r.IntN(3000)
	if x.r.IntN(15) == 0 {
		size = 11_000_000 // in chunks
	}
	content := fmt.Sprintf("%s %d %s\n%s", x.vendor, x.n, name, strings.Repeat("x", size))
	x.t.Logf("%s: write %s %v", x.vendor, x.short(name), os.WriteFile(name, []byte(content), 0o600))
}

func (x *worker) short(name string) string { return strings.TrimPrefix(name, x.root+"/an_KVBbg") }

// try notes what lies on the desk, then runs the client. POSTFACH_DESKTOP_LOGS
// names a folder for what the clients say.
func (x *worker) try() deskRun {
	x.t.Helper()
	files, _ := x.lying()
	for _, f := range files {
		if x.forgets(f) {
			x.excuse(f)
		} else if b, err := os.ReadFile(f); err == nil {
			x.made[fmt.Sprintf("%x", sha256.Sum256(b))] = fmt.Sprintf("%s before run %d", f, x.runs+1)
		}
	}
	r := x.desk.try()
	if r.code == 0 { // else it may not have come to know of it
		x.gone = nil
	}
	x.runs++
	x.sum.Runs++
	x.sum.Requests += len(r.requests)
	if r.code != 0 {
		x.sum.Failed++
	}
	x.t.Logf("%s: run %d, code %d\n%s", x.vendor, x.runs, r.code, r.requests)
	if dir := os.Getenv("POSTFACH_DESKTOP_LOGS"); dir != "" {
		writeFile(x.t, filepath.Join(dir, fmt.Sprintf("%s-%03d.log", x.vendor, x.runs)), r.out)
	}
	if r.code < 0 || r.code > 1 {
		x.t.Logf("it broke down:\n%s", tail(r.out))
	}
	return r
}

// forgets: owncloudcmd 2.11 removes what is new two folders and more below one
// that was removed on another desk; see goneElsewhere.
func (x *worker) forgets(file string) bool {
	return x.vendor == owncloud && slices.ContainsFunc(x.gone, func(a asked) bool {
		top := x.path(strings.TrimPrefix(a.path, "/remote.php/dav/files/"+x.login+"/"))
		return strings.HasPrefix(filepath.Dir(file), top+"/")
	})
}

// lying gives files and folders in an_KVBbg, the latter with an_KVBbg first.
func (x *worker) lying() (files, folders []string) {
	x.t.Helper()
	top := x.path("an_KVBbg")
	for name := range x.tree() {
		full := x.path(strings.TrimSuffix(name, "/"))
		switch {
		case !strings.HasPrefix(full, top+"/"):
		case strings.HasSuffix(name, "/"):
			folders = append(folders, full)
		default:
			files = append(files, full)
		}
	}
	slices.Sort(files)
	slices.Sort(folders)
	return files, append([]string{top}, folders...)
}

// settle runs both clients until both hold what the server holds.
func settle(t *testing.T, w *world.World, desks ...*desk) {
	t.Helper()
	end := time.Now().Add(5 * time.Minute)
	for {
		time.Sleep(time.Second)
		var wrong []string
		last := make([]deskRun, len(desks))
		for i, d := range desks {
			last[i] = d.try()
		}
		on := served(t, w, "anna", "/dav/")
		for _, d := range desks {
			rescue(d, on)
			for _, s := range treeDifferences(own(d.tree(), on), on) {
				wrong = append(wrong, d.vendor+": "+s)
			}
		}
		if len(wrong) == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("not in step:\n%s\n%s%s\n%s%s", strings.Join(wrong, "\n"), last[0].requests, tail(last[0].out), last[1].requests, tail(last[1].out))
		}
	}
}

// rescue is what a person does who reads "not allowed because you don't have
// permission to add files in that folder": what was added on the desk to a
// folder while a caseworker took it over can go nowhere and stays (issue 4, item
// 9), and while one file fails clients put off removing folders. It goes back to
// an_KVBbg.
func rescue(d *desk, on map[string]string) {
	d.t.Helper()
	tree := d.tree()
	names := slices.Sorted(maps.Keys(tree))
	slices.Reverse(names) // what is inside first
	for i, name := range names {
		if _, there := on[name]; there || !strings.HasPrefix(name, "KVBBG-SB-Posteingang/") || strings.Contains(name, "conflicted copy") {
			continue
		}
		full := d.path(strings.TrimSuffix(name, "/"))
		_ = os.Chmod(filepath.Dir(full), 0o700)
		if strings.HasSuffix(name, "/") {
			_ = os.Remove(full) // succeeds when it is empty
			continue
		}
		d.t.Logf("%s: rescue %s %v", d.vendor, name, os.Rename(full, d.path(fmt.Sprintf("an_KVBbg/gerettet %s %d %s", d.vendor, i, filepath.Base(full)))))
	}
}

// own leaves out what clients keep to themselves on purpose: their conflict
// copies, and folders that they keep for those.
func own(tree, on map[string]string) map[string]string {
	for _, name := range slices.Collect(maps.Keys(tree)) {
		if !strings.Contains(name, "conflicted copy") {
			continue
		}
		delete(tree, name)
		for up := filepath.Dir(name); up != "."; up = filepath.Dir(up) {
			if _, there := on[up+"/"]; !there {
				delete(tree, up+"/")
			}
		}
	}
	return tree
}
