// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"postfach/test/world"
)

// call is one system call as strace saw it.
type call struct {
	name, args   string
	began, ended int // line numbers
}

var (
	plainCall   = regexp.MustCompile(`^(\d+) +(\w+)\((.*)\) += .*$`)
	beginCall   = regexp.MustCompile(`^(\d+) +(\w+)\((.*) <unfinished \.\.\.>$`)
	resumedCall = regexp.MustCompile(`^(\d+) +<\.\.\. (\w+) resumed>(.*)\) += .*$`)
)

func parseStrace(text string) (calls []call) {
	open := map[string]int{} // pid → index in calls
	for i, line := range strings.Split(text, "\n") {
		if m := plainCall.FindStringSubmatch(line); m != nil {
			calls = append(calls, call{m[2], m[3], i, i})
		} else if m := beginCall.FindStringSubmatch(line); m != nil {
			open[m[1]] = len(calls)
			calls = append(calls, call{m[2], m[3], i, i})
		} else if m := resumedCall.FindStringSubmatch(line); m != nil {
			if j, ok := open[m[1]]; ok {
				calls[j].args += m[3]
				calls[j].ended = i
			}
		}
	}
	return calls
}

// TestDurableOrder: before an upload is acknowledged the file is synced, gets
// its name, its folder is synced and the catalog is synced, in this order (I2).
func TestDurableOrder(t *testing.T) {
	w := whole(t, world.Everybody())
	w.Put(t, "anna", "/dav/an_KVBbg/vorher", "Verbindung und Anmeldung sind warm")
	for name, size := range map[string]int{"small": 1000, "large": 5 << 20} {
		t.Run(name, func(t *testing.T) {
			text := traced(t, w, func() { w.Put(t, "anna", "/dav/an_KVBbg/"+name, strings.Repeat("x", size)) })
			judgeOrder(t, text, filepath.Join(w.Data, "blobs"), filepath.Join(w.Data, "catalog.db"))
		})
	}
}

// traced runs what under strace and returns its log.
func traced(t *testing.T, w *world.World, what func()) string {
	t.Helper()
	log := filepath.Join(t.TempDir(), "strace.log")
	cmd := exec.Command("strace", "-f", "-y", "-s", "32", "-p", fmt.Sprint(w.PID()), "-o", log,
		"-e", "trace=fsync,fdatasync,rename,renameat,renameat2,link,linkat,write,sendto,writev,sync_file_range")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); cmd.Wait() }()
	for end := time.Now().Add(patience); !allTraced(w.PID()); time.Sleep(20 * time.Millisecond) {
		select {
		case <-ended:
			t.Skipf("strace may not attach here: %s", said.String())
		default:
		}
		if time.Now().After(end) {
			cmd.Process.Kill()
			<-ended
			t.Fatalf("strace does not attach: %s", said.String())
		}
	}
	what()
	cmd.Process.Signal(syscall.SIGINT)
	<-ended
	return readFile(t, log)
}

// allTraced says that a tracer sees every thread of a process.
func allTraced(pid int) bool {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	for _, name := range threads {
		b, err := os.ReadFile(name)
		if err == nil && strings.Contains(string(b), "TracerPid:\t0\n") {
			return false
		}
	}
	return err == nil && len(threads) > 0
}

// beside are calls about what the server keeps in the storage by itself, at any
// time: the shipped log and the catalog's standing.
var beside = regexp.MustCompile(`/blobs>|/blobs/\.(audit|catalog)|"\.(audit|catalog)`)

func judgeOrder(t *testing.T, text, blobs, catalog string) {
	t.Helper()
	answer := -1
	calls := parseStrace(text)
	for _, c := range calls {
		if strings.Contains(c.args, `"HTTP/1.1 20`) {
			answer = c.began
		}
	}
	if answer < 0 {
		t.Fatalf("no answer in the log:\n%.2000s", text)
	}
	// the last sync of each kind before the answer, in the order they must have
	file, name, folder, cat := -1, -1, -1, -1
	for _, c := range calls {
		if c.ended >= answer || beside.MatchString(c.args) {
			continue
		}
		sync := c.name == "fsync" || c.name == "fdatasync"
		switch {
		case strings.HasPrefix(c.name, "rename") || strings.HasPrefix(c.name, "link"):
			if strings.Contains(c.args, blobs) || strings.Contains(c.args, "/proc/self/fd") {
				name = c.ended
			}
		case sync && strings.Contains(c.args, catalog):
			cat = c.ended
		case sync && strings.Contains(c.args, blobs) && name < 0:
			file = c.ended
		case sync && strings.Contains(c.args, blobs):
			folder = c.ended
		}
	}
	if file < 0 || name < file || folder < name || cat < folder {
		t.Errorf("order: file sync %d, name %d, folder sync %d, catalog sync %d, answer %d (lines)\n%s", file, name, folder, cat, answer, text)
	}
}

// TestStraceOrderIsJudged shows that a wrong order is seen.
func TestStraceOrderIsJudged(t *testing.T) {
	log := "1 fsync(5</d/blobs/x>) = 0\n1 renameat(4</d/blobs>, \"x\", 4</d/blobs>, \"y\") = 0\n" +
		"2 fsync(4</d/blobs> <unfinished ...>\n1 write(9<s>, \"HTTP/1.1 201\", 9) = 9\n2 <... fsync resumed>) = 0\n"
	calls := parseStrace(log)
	if len(calls) != 4 || calls[2].ended != 4 || calls[2].began != 2 {
		t.Fatalf("parsed %+v", calls)
	}
}
