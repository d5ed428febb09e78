// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

const ticks = 100 // clock ticks per second that Linux shows to programs (USER_HZ)

// Tree is a process and all its descendants, as the kernel counts them.
type Tree struct{ PID int }

func (t Tree) members() []int {
	children := map[int][]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range stats {
		if f := statFields(name); len(f) > 1 {
			parent, _ := strconv.Atoi(f[1])
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
			children[parent] = append(children[parent], pid)
		}
	}
	all := []int{t.PID}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all
}

// statFields are those after the command's name: state, parent and so on.
func statFields(name string) []string {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil
	}
	_, rest, _ := strings.Cut(string(b[strings.LastIndexByte(string(b), ')'):]), " ")
	return strings.Fields(rest)
}

// CPU is user and system time in seconds, children that ended included.
func (t Tree) CPU() float64 {
	sum := 0
	for _, pid := range t.members() {
		f := statFields(fmt.Sprintf("/proc/%d/stat", pid))
		for i := 11; i < 15 && i < len(f); i++ {
			n, _ := strconv.Atoi(f[i])
			sum += n
		}
	}
	return float64(sum) / ticks
}

// Memory sums one field of /proc/PID/status, such as VmRSS, VmHWM or RssAnon, in MiB.
func (t Tree) Memory(field string) float64 {
	re := regexp.MustCompile(`(?m)^` + field + `:\s+(\d+)`)
	sum := 0
	for _, pid := range t.members() {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if m := re.FindSubmatch(b); m != nil {
			n, _ := strconv.Atoi(string(m[1]))
			sum += n
		}
	}
	return float64(sum) / 1024
}

// ResetPeak makes VmHWM start anew; it needs root and says whether it worked.
func (t Tree) ResetPeak() bool {
	for _, pid := range t.members() {
		if os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0) != nil {
			return false
		}
	}
	return true
}

// Measure runs a load and adds what it cost the server.
func (t Tree) Measure(load func() Result) Result {
	t.ResetPeak()
	before := t.CPU()
	r := load()
	r.CPU = t.CPU() - before
	r.Peak = t.Memory("VmHWM")
	return r
}
