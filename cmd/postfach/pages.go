// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// settled is when a start is over: what came with it will not be used again soon.
const settled = 2 * time.Second

// returnPages gives the pages of the program's own file back to the kernel once
// the start is over: two thirds of what an idle server would hold are code and
// tables that only a start needs. What is needed again comes back from the
// file, which the kernel mostly has in memory.
func returnPages(ctx context.Context) {
	select {
	case <-time.After(settled):
		dropPages()
	case <-ctx.Done():
	}
}

func dropPages() {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	maps, err := os.Open("/proc/self/smaps")
	if err != nil {
		return
	}
	defer maps.Close()
	ranges, err := unchanged(maps, program)
	if err != nil {
		return
	}
	for _, r := range ranges {
		_ = unix.Madvise(r.bytes(), unix.MADV_DONTNEED) // at worst they stay
	}
}

// pages is a range of addresses.
type pages struct{ from, to uintptr }

func (p pages) bytes() []byte {
	return unsafe.Slice((*byte)(*(*unsafe.Pointer)(unsafe.Pointer(&p.from))), p.to-p.from)
}

// unchanged gives the mappings of a file in smaps (proc(5)) that cannot be
// written and hold nothing but what stands in the file.
func unchanged(smaps io.Reader, file string) (all []pages, err error) {
	var at *pages // the mapping whose lines follow; nil for one that does not count
	lines := bufio.NewScanner(smaps)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) >= 5 && strings.Contains(f[0], "-") && !strings.HasSuffix(f[0], ":") {
			at = nil
			var p pages
			if _, err := fmt.Sscanf(f[0], "%x-%x", &p.from, &p.to); err != nil {
				return nil, fmt.Errorf("smaps: %q: %w", f[0], err)
			}
			if len(f) == 6 && f[5] == file && strings.HasPrefix(f[1], "r") && !strings.Contains(f[1], "w") {
				all = append(all, p)
				at = &all[len(all)-1]
			}
			continue
		}
		if at == nil || len(f) < 2 || f[0] != "Anonymous:" {
			continue
		}
		if n, err := strconv.Atoi(f[1]); err != nil || n != 0 { // changed once, by the loader
			all, at = all[:len(all)-1], nil
		}
	}
	return all, lines.Err()
}
