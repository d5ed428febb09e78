// SPDX-License-Identifier: Apache-2.0

package test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"postfach/test/world"
)

// killsPerRound: a long series is cut into rounds of their own seed, each in a
// world of its own, so that it can be resumed after a round.
const killsPerRound = 30

// TestCrash kills the server at random moments under mixed work of several
// clients and compares what is there after each restart with the clients' own
// lists of acknowledgements: I1 to I4, I6 and I7. `make crash` runs 300 kills
// and keeps a line per round in docs/results.
func TestCrash(t *testing.T) {
	long(t)
	kills := number("POSTFACH_CRASH_KILLS", killsPerRound)
	seed := number("POSTFACH_CRASH_SEED", 20260101)
	results, commit := os.Getenv("POSTFACH_RESULTS"), commitID()
	for round := 0; round*killsPerRound < kills; round++ {
		name := filepath.Join(results, "crash-"+commit+".jsonl")
		if results != "" && alreadyDone(name, seed+round) {
			t.Logf("round with seed %d was done before", seed+round)
			continue
		}
		t.Run(fmt.Sprint("seed ", seed+round), func(t *testing.T) {
			start := time.Now()
			sum := crashRound(t, uint64(seed+round), min(killsPerRound, kills-round*killsPerRound))
			sum.Commit, sum.Seconds, sum.Passed = commit, int(time.Since(start).Seconds()), !t.Failed()
			line, _ := json.Marshal(sum)
			t.Logf("%s", line)
			if results != "" {
				appendLine(t, name, string(line))
			}
		})
	}
}

// crashSummary is one line of docs/results.
type crashSummary struct {
	Commit       string `json:"commit"`
	Seed         uint64 `json:"seed"`
	Kills        int    `json:"kills"`
	Acknowledged int    `json:"acknowledged"`
	Unknown      int    `json:"unknown"`       // answers that the kill swallowed
	Applied      int    `json:"applied"`       // of these, found done afterwards
	Deliveries   int    `json:"deliveries"`    // expected and found
	Mails        int    `json:"mails"`         // that arrived
	AuditRecords int    `json:"audit_records"` // of changes, expected and found
	Seconds      int    `json:"seconds"`
	Passed       bool   `json:"passed"`
}

func number(variable string, alt int) int {
	if n, err := strconv.Atoi(os.Getenv(variable)); err == nil {
		return n
	}
	return alt
}

// commitID is the commit of the tree, with -dirty where it was changed.
func commitID() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty", "--abbrev=12").Output()
	if err != nil {
		if b, ok := debug.ReadBuildInfo(); ok {
			return b.Main.Version
		}
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

func alreadyDone(name string, seed int) bool {
	b, _ := os.ReadFile(name)
	for line := range strings.Lines(string(b)) {
		var s crashSummary
		if json.Unmarshal([]byte(line), &s) == nil && s.Seed == uint64(seed) && s.Passed {
			return true
		}
	}
	return false
}

func appendLine(t *testing.T, name, line string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(line + "\n"); err != nil {
		t.Fatal(err)
	}
}

// crashRound is one world, killed several times.
func crashRound(t *testing.T, seed uint64, kills int) crashSummary {
	t.Helper()
	w := world.Start(t, world.Everybody())
	s := &series{t: t, w: w, rng: rand.New(rand.NewPCG(seed, 1)), etags: map[string]string{}}
	for i := range 4 {
		s.clients = append(s.clients, &client{s: s, id: i, member: i%2 == 0, rng: rand.New(rand.NewPCG(seed, uint64(10+i)))})
	}
	for range kills {
		s.workAndKill()
		w.Launch()
		if s.rng.IntN(8) == 0 { // a second kill while the server recovers
			time.Sleep(time.Duration(s.rng.IntN(300)) * time.Millisecond)
			w.Kill()
			w.Launch()
		}
		w.WaitReady(patience)
		s.compare()
		if t.Failed() {
			t.Fatalf("seed %d: stopped at the first broken promise\n%s", seed, w.Log())
		}
	}
	sum := crashSummary{Seed: seed, Kills: kills}
	s.account(&sum)
	return sum
}
