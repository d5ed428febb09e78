// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// figures are all results by "who test".
type figures map[string][]Result

func (f figures) add(who, test string, r Result) { f[who+" "+test] = append(f[who+" "+test], r) }

// median of one field over the repetitions that did not fail; 0 for none.
func (f figures) median(who, test string, field func(Result) float64) float64 {
	var v []float64
	for _, r := range f[who+" "+test] {
		if r.Failed == 0 {
			v = append(v, field(r))
		}
	}
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	return (v[len(v)/2] + v[(len(v)-1)/2]) / 2
}

func seconds(r Result) float64 { return r.Seconds }
func rate(r Result) float64    { return r.Rate }
func cpu(r Result) float64     { return r.CPU }
func peak(r Result) float64    { return r.Peak }
func ttfb(r Result) float64    { return r.TTFB }

// line is one row of the table of targets: ours, what it is held
// against, and the bound of the ratio (of the value itself where against is 1).
type line struct {
	work          string
	ours, against float64
	unit          string
	atLeast       bool // the ratio must not be below the target; else not above
	target        float64
}

func (l line) ratio() float64 { return l.ours / l.against }

func (l line) met() bool {
	if l.atLeast {
		return l.ratio() >= l.target
	}
	return l.ratio() <= l.target
}

// lines are the targets of the single node.
func (r *run) lines() []line {
	f := r.figures
	ours := func(test string, field func(Result) float64) float64 { return f.median("postfach", test, field) }
	floor := func(test string, field func(Result) float64) float64 { return f.median("floor", test, field) }
	apache := func(test string, field func(Result) float64) float64 { return f.median("apache", test, field) }
	idle := r.ours.idle
	leastCPU := apache("put", cpu)
	for _, p := range r.peers {
		leastCPU = min(leastCPU, f.median(p.name, "put", cpu))
	}
	return []line{
		{"PUT of the large file against dd and clamdscan --fdpass", ours("put", seconds), floor("dd", seconds) + floor("clamdscan", seconds), "s", false, 1.10},
		{"PUT against Apache, then clamdscan --fdpass", ours("put", seconds), apache("put", seconds) + floor("clamdscan", seconds), "s", false, 0.92},
		{"PUT, our CPU against the thriftiest peer's plain PUT", ours("put", cpu), leastCPU, "s", false, 1.6},
		{"PUT, peak memory above idle", ours("put", peak) - idle, 1, "MiB", false, 32},
		{fmt.Sprintf("%d parallel PUTs of %d MiB, peak memory above idle", r.size.parallel, r.size.medium>>20), ours("parallel", peak) - idle, 1, "MiB", false, 256},
		{"PUT 16 KiB c=1 against the slower of scan rate and durable floor", ours("small1", rate), min(floor("scan16k-c1", rate), floor("durable16k", rate)), "/s", true, 0.7},
		{"PUT 16 KiB c=16 against clamd's rate at c=16", ours("small16", rate), floor("scan16k-c16", rate), "/s", true, 0.6},
		{"GET of the large file against Apache, time", ours("get", seconds), apache("get", seconds), "s", false, 1.05},
		{"GET, CPU against Apache", ours("get", cpu), apache("get", cpu), "s", false, 1.5},
		{fmt.Sprintf("PROPFIND of %d against Apache, total", r.size.list), ours("list10k", seconds), apache("list10k", seconds), "s", false, 0.35},
		{"– time to first byte", ours("list10k", ttfb) * 1000, 1, "ms", false, 5},
		{"– CPU against Apache", ours("list10k", cpu), apache("list10k", cpu), "s", false, 0.35},
		{"PROPFIND of 10, c=16, against Apache", ours("list10", rate), apache("list10", rate), "/s", true, 1.5},
		{"MOVE c=1 against one durable transaction", ours("move", rate), floor("transaction", rate), "/s", true, 0.6},
		{"idle resident memory", idle, 1, "MiB", false, 30},
		{"– of it anonymous", r.ours.anon, 1, "MiB", false, 15},
		{"start to ready, scanner's probe included", r.ours.startup, 1, "s", false, 2},
	}
}

// report prints the table of the single node and keeps it.
func (r *run) report(dir string) {
	r.t.Helper()
	table{"bench", "Side by side", r.size, r.lines(), r.figures}.publish(r.t, dir)
}

// table is what one benchmark found.
type table struct {
	file, title string
	size        size
	lines       []line
	figures     figures
}

// publish prints the table and keeps it with the raw results under the commit.
func (r table) publish(t testing.TB, dir string) {
	t.Helper()
	var b strings.Builder
	commit := "unknown"
	if out, err := exec.Command("git", "describe", "--always", "--dirty", "--abbrev=12").Output(); err == nil {
		commit = strings.TrimSpace(string(out))
	}
	fmt.Fprintf(&b, "# %s, commit %s\n\n%s, %d cores, large file %d MiB, median of %d; ratios hold within this run only.\n\n",
		r.title, commit, time.Now().UTC().Format(time.DateOnly), runtime.NumCPU(), r.size.big>>20, r.size.repetitions)
	b.WriteString("| work | ours | against | ratio | target | met |\n|---|---|---|---|---|---|\n")
	for _, l := range r.lines {
		sign, met, against := "≤", "yes", fmt.Sprintf("%.3g %s", l.against, l.unit)
		if l.atLeast {
			sign = "≥"
		}
		if !l.met() {
			met = "**no**"
		}
		if l.against == 1 {
			against = "–"
		}
		fmt.Fprintf(&b, "| %s | %.3g %s | %s | %.2f | %s %.3g | %s |\n", l.work, l.ours, l.unit, against, l.ratio(), sign, l.target, met)
	}
	b.WriteString("\n| who, test | s | /s | p50 ms | p99 ms | CPU s | peak MiB |\n|---|---|---|---|---|---|---|\n")
	names := make([]string, 0, len(r.figures))
	for k := range r.figures {
		names = append(names, k)
	}
	slices.Sort(names)
	for _, k := range names {
		who, test, _ := strings.Cut(k, " ")
		m := func(field func(Result) float64) float64 { return r.figures.median(who, test, field) }
		fmt.Fprintf(&b, "| %s | %.3g | %.4g | %.3g | %.3g | %.3g | %.3g |\n", k, m(seconds), m(rate),
			m(func(r Result) float64 { return r.P50 }), m(func(r Result) float64 { return r.P99 }), m(cpu), m(peak))
	}
	fmt.Println(b.String())
	if dir == "" || os.Getenv("BENCH") == "quick" {
		return
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	raw, _ := json.MarshalIndent(r.figures, "", " ")
	for name, content := range map[string][]byte{r.file + "-" + commit + ".md": []byte(b.String()), r.file + "-" + commit + ".json": append(raw, '\n')} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			t.Error(err)
		}
	}
}
