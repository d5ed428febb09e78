// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"postfach/mailbox"
	"postfach/storage/storagetest"
)

const orderHelper = "POSTFACH_STORAGE_ORDER_HELPER"

// TestOrderHelper is the program that TestOrder watches: it stores two blobs
// and says so for each.
func TestOrderHelper(t *testing.T) {
	dir := os.Getenv(orderHelper)
	if dir == "" {
		t.Skip("only for TestOrder")
	}
	d := openDir(t, dir, Options{ReserveFree: -1})
	if os.Getenv(orderHelper+"_NAMED") != "" {
		named(d)
	}
	for _, n := range []int64{1000, 2 << 20} {
		key := storagetest.Key()
		storagetest.Put(t, d, key, storagetest.Bytes(n, 1))
		fmt.Fprintf(os.Stdout, "ACK %s\n", key.Version)
	}
}

// call is a finished system call; begin and end number its lines in the trace.
type call struct {
	text       string
	begin, end int
}

// What an answer promises is on the disk before it is given (I2): the bytes
// are synced, then named, then the folder is synced, and so is the parent of
// every folder that was made for it.
func TestOrder(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip("needs strace")
	}
	for _, way := range []string{"", "1"} {
		dir := t.TempDir()
		trace := filepath.Join(t.TempDir(), "trace")
		cmd := exec.Command("strace", "-f", "-y", "-s", "200", "-e", "trace=fsync,linkat,mkdirat,write,pwrite64",
			"-o", trace, os.Args[0], "-test.run=^TestOrderHelper$", "-test.v")
		cmd.Env = append(os.Environ(), orderHelper+"="+dir, orderHelper+"_NAMED="+way)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Skipf("strace cannot run here: %v: %s", err, out)
		}
		acks := regexp.MustCompile(`ACK (\S+)`).FindAllStringSubmatch(string(out), -1)
		if len(acks) != 2 {
			t.Fatalf("the helper said: %s", out)
		}
		calls := readTrace(t, trace)
		for _, ack := range acks {
			inOrder(t, calls, dir, ack[1])
		}
	}
}

func inOrder(t *testing.T, calls []call, dir, id string) {
	t.Helper()
	if _, err := mailbox.ParseVersionID(id); err != nil {
		t.Fatal(err)
	}
	folder := dir + "/0815/an_KVBbg/" + id[len(id)-2:]
	ack := find(t, calls, 0, `^write\(1<.*ACK `+id)
	link := find(t, calls, 0, `^linkat\(.*"`+id+`"`)
	written := findLast(t, calls, link.begin, `^write\([0-9]+<`+regexp.QuoteMeta(dir)+`/\.staging/`)
	synced := findLast(t, calls, link.begin, `^fsync\([0-9]+<`+regexp.QuoteMeta(dir)+`/\.staging/`)
	if synced.begin < written.end {
		t.Errorf("%s: written after the sync:\n%s\n%s", id, written.text, synced.text)
	}
	if after := find(t, calls, link.end, `^fsync\([0-9]+<`+regexp.QuoteMeta(folder)+`>`); after.end > ack.begin {
		t.Errorf("%s: acknowledged before the sync of the folder", id)
	}
	for path := folder; path != dir; path = filepath.Dir(path) {
		parent := `<` + regexp.QuoteMeta(filepath.Dir(path)) + `>`
		made := find(t, calls, 0, `^mkdirat\([0-9]+`+parent+`, "`+filepath.Base(path)+`"`)
		if after := find(t, calls, made.end, `^fsync\([0-9]+`+parent); after.end > ack.begin {
			t.Errorf("%s: acknowledged before %s was lasting", id, path)
		}
	}
}

// find gives the first call from line on that matches and succeeded.
func find(t *testing.T, calls []call, line int, pattern string) call {
	t.Helper()
	p := regexp.MustCompile(pattern)
	for _, c := range calls {
		if c.begin >= line && p.MatchString(c.text) && !strings.Contains(c.text, ") = -1") {
			return c
		}
	}
	t.Fatalf("no %s from line %d on", pattern, line)
	return call{}
}

// findLast gives the last call that matches and ended before line.
func findLast(t *testing.T, calls []call, line int, pattern string) call {
	t.Helper()
	p := regexp.MustCompile(pattern)
	var last *call
	for i, c := range calls {
		if c.end < line && p.MatchString(c.text) && (last == nil || c.end > last.end) {
			last = &calls[i]
		}
	}
	if last == nil {
		t.Fatalf("no %s before line %d", pattern, line)
	}
	return *last
}

// readTrace joins the two lines of calls that were interrupted by others.
func readTrace(t *testing.T, path string) []call {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var calls []call
	pending := map[string]call{}
	resumed := regexp.MustCompile(`^<\.\.\. \w+ resumed>`)
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		pid, text, _ := strings.Cut(lines.Text(), " ")
		text = strings.TrimSpace(text)
		switch begun, ok := strings.CutSuffix(text, "<unfinished ...>"); {
		case ok:
			pending[pid] = call{begun, n, 0}
		case resumed.MatchString(text):
			c := pending[pid]
			calls = append(calls, call{c.text + resumed.ReplaceAllString(text, ""), c.begin, n})
		default:
			calls = append(calls, call{text, n, n})
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return calls
}
