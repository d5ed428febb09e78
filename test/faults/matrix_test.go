// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"postfach/test/faultproxy"
	"postfach/test/results"
)

// readiness is what /readyz has to say while a fault is on.
type readiness int

const (
	may   readiness = iota // what breaks in the middle of something can be either
	must                   // red: an upload would be refused
	never                  // green: uploads are taken
)

// faultCase is one row of the matrix.
type faultCase struct {
	dep   string
	name  string
	f     faultproxy.Fault
	red   readiness
	works bool // everything is answered as if there were no fault
	stall bool // answers may take until timeouts are over
	short bool // runs in `make test`
}

// garbage is no protocol's.
const garbage = "\x00\x01\x02 Das ist keine Antwort.\r\n\r\n\xff"

// always are the faults that leave nothing of a dependency.
func always(dep string) []faultCase {
	red := must
	if dep == relay { // a relay that is away delays no upload
		red = never
	}
	f := func(name string, f faultproxy.Fault, short bool) faultCase {
		return faultCase{dep: dep, name: name, f: f, red: red, works: dep == relay, short: short,
			stall: f.StallUp != 0 || f.StallDown != 0}
	}
	return []faultCase{
		f("refused", faultproxy.Fault{Refuse: true}, true),
		f("reset when taken", faultproxy.Fault{Reset: true}, false),
		f("reset before its first byte", faultproxy.Fault{CutDown: -1}, false),
		f("closed before its first byte", faultproxy.Fault{CutDown: -1, Orderly: true}, false),
		f("garbage", faultproxy.Fault{Garbage: garbage}, dep == clamd),
		f("takes nothing", faultproxy.Fault{StallUp: -1}, false),
		f("answers nothing", faultproxy.Fault{StallDown: -1}, true),
	}
}

// amid are faults that come in the middle of something: in a head, in an
// answer, in a body; in long series at many more bytes, by chance.
func amid(h *house, dep string) (all []faultCase) {
	red := may
	if dep == relay {
		red = never
	}
	add := func(name string, f faultproxy.Fault) {
		all = append(all, faultCase{dep: dep, name: name, f: f, red: red, works: dep == relay, stall: f.StallUp != 0 || f.StallDown != 0})
	}
	to, of := h.bytesOf(dep)
	for _, n := range to {
		add(fmt.Sprint("reset after ", n, " bytes to it"), faultproxy.Fault{CutUp: n})
	}
	for _, n := range of {
		add(fmt.Sprint("reset after ", n, " bytes of it"), faultproxy.Fault{CutDown: n})
	}
	add(fmt.Sprint("closed after ", of[1], " bytes of it"), faultproxy.Fault{CutDown: of[1], Orderly: true})
	add(fmt.Sprint("stalls after ", to[2], " bytes to it"), faultproxy.Fault{StallUp: to[2]})
	add(fmt.Sprint("stalls after ", of[2], " bytes of it"), faultproxy.Fault{StallDown: of[2]})
	return all
}

// bytesOf are counts of bytes to a dependency and of what it says, at which
// something is going on.
func (h *house) bytesOf(dep string) (to, of []int64) {
	var mostTo, mostOf int64
	switch dep {
	case clamd: // its answers are short; and where it is passed descriptors, so is what it is sent
		mostTo, mostOf = 2<<20, 12
		if h.name == "embedded" {
			mostTo = 300
		}
	case bucket:
		mostTo, mostOf = 2<<20, 1500<<10
	case postgres:
		mostTo, mostOf = 12_000, 12_000
	case relay:
		mostTo, mostOf = 6_000, 450
	}
	rng := rand.New(rand.NewPCG(seed(), uint64(mostTo)))
	spread := func(most int64) []int64 {
		n := []int64{1, most / 60, most / 8, most / 2}
		if n[1] < 2 {
			n[1] = 2
		}
		if whole() {
			for range 10 {
				n = append(n, 1+rng.Int64N(most))
			}
		}
		return n
	}
	return spread(mostTo), spread(mostOf)
}

// slowly is a dependency that works, at so many bytes a second.
func slowly(dep string, rate int) faultCase {
	return faultCase{dep: dep, name: fmt.Sprint("slow: ", rate, " bytes a second"), f: faultproxy.Fault{Rate: rate}, works: true, short: dep == postgres}
}

// matrix of a house.
func matrix(h *house) (all []faultCase) {
	rates := map[string]int{clamd: 2 << 20, bucket: 1 << 20, postgres: 100_000, relay: 2_000}
	for _, dep := range []string{clamd, bucket, postgres, relay} {
		if h.proxies[dep] == nil || dep == relay && h.name != "embedded" {
			continue
		}
		all = append(all, always(dep)...)
		all = append(all, amid(h, dep)...)
		all = append(all, slowly(dep, rates[dep]))
	}
	return all
}

// chosen leaves, for `make test`, what is marked and some by chance.
func chosen(all []faultCase) []faultCase {
	if whole() {
		return all
	}
	rng := rand.New(rand.NewPCG(seed(), 3))
	lucky := map[string]int{}
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	all = slices.DeleteFunc(all, func(c faultCase) bool {
		if c.short || c.stall {
			return !c.short
		}
		lucky[c.dep]++
		return lucky[c.dep] > 1
	})
	return all
}

// TestFaults is the matrix (P68, I1, I2, I4).
func TestFaults(t *testing.T) {
	for name, build := range map[string]func(*testing.T) *house{"embedded": embedded, "spread": spread} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, file := build(t), results.Open("faults")
			for _, c := range chosen(matrix(h)) {
				key := h.name + ": " + c.dep + " " + c.name
				if results.Any(file, func(l line) bool { return l.Case == key && l.Passed }) {
					continue
				}
				t.Run(c.dep+" "+c.name, func(t *testing.T) {
					l := h.strike(t, c)
					l.Case, l.Commit, l.Passed = key, file.Commit, !t.Failed()
					t.Logf("%+v", l)
					if err := file.Add(l); err != nil {
						t.Error(err)
					}
				})
				if t.Failed() {
					t.Fatalf("stopped at the first broken promise:\n%s", h.Log())
				}
			}
			if t.Run("clamd at every byte", func(t *testing.T) { h.everyByte(t, file) }) {
				h.settle(t)
			}
		})
	}
}
