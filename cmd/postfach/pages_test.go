// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

const someSmaps = `00400000-01200000 r-xp 00000000 fe:00 247026                     /opt/postfach
Rss:                   8 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me
01200000-02400000 r--p 00e00000 fe:00 247026                     /opt/postfach
Anonymous:             0 kB
02400000-02500000 r--p 02000000 fe:00 247026                     /opt/postfach
Rss:                  40 kB
Anonymous:             4 kB
02500000-02600000 rw-p 02100000 fe:00 247026                     /opt/postfach
Anonymous:             0 kB
c000000000-c000400000 rw-p 00000000 00:00 0
Anonymous:           400 kB
7f0000000000-7f0000001000 r--p 00000000 fe:00 99                         /opt/other
Anonymous:             0 kB
`

// TestUnchangedPages: what can be written, was changed by the loader or belongs
// to another file is never given back: its content would be lost.
func TestUnchangedPages(t *testing.T) {
	got, err := unchanged(strings.NewReader(someSmaps), "/opt/postfach")
	want := []pages{{0x400000, 0x1200000}, {0x1200000, 0x2400000}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%x, %v; want %x", got, err, want)
	}
}

// TestDropPages: a running program holds less of its file afterwards, and runs
// on.
func TestDropPages(t *testing.T) {
	before := resident(t)
	dropPages()
	if after := resident(t); after >= before {
		t.Errorf("%d KiB of files resident, %d before", after, before)
	}
}

// resident is how much of files this process holds in memory, in KiB.
func resident(t *testing.T) (n int) {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(b), "RssFile:")
	if _, err := fmt.Sscan(after, &n); err != nil {
		t.Fatal(err)
	}
	return n
}
