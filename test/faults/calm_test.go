// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"bufio"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// level is what a process has open.
type level struct{ goroutines, descriptors int }

// What may be open beside the level at rest: the database's connections that
// are kept, and a few requests of the process's own.
const (
	moreGoroutines  = 12
	moreDescriptors = 24
)

// level reads the server's own metrics.
func (h *house) level() (level, error) {
	r, err := http.Get(h.Metrics + "/metrics")
	if err != nil {
		return level{}, err
	}
	defer r.Body.Close()
	var l level
	for s := bufio.NewScanner(r.Body); s.Scan(); {
		name, value, _ := strings.Cut(s.Text(), " ")
		n, err := strconv.ParseFloat(value, 64)
		switch {
		case err != nil:
		case name == "go_goroutines":
			l.goroutines = int(n)
		case name == "process_open_fds":
			l.descriptors = int(n)
		}
	}
	if l.goroutines == 0 || l.descriptors == 0 {
		return l, fmt.Errorf("the metrics name neither goroutines nor descriptors: %+v", l)
	}
	return l, nil
}

// calm waits until the server has no more open than at rest, which the zero
// level finds out: the lowest of a second.
func (h *house) calm(t *testing.T, rest level) level {
	t.Helper()
	if p := h.proxies[bucket]; p != nil {
		p.Cut() // what is kept open for the next request
	}
	var last, lowest level
	begin := time.Now()
	for end := begin.Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		l, err := h.level()
		if err != nil {
			t.Fatal(err)
		}
		if last = l; lowest == (level{}) || l.goroutines < lowest.goroutines {
			lowest = l
		}
		if rest == (level{}) && time.Since(begin) > time.Second ||
			rest != (level{}) && l.goroutines <= rest.goroutines+moreGoroutines && l.descriptors <= rest.descriptors+moreDescriptors {
			return lowest
		}
	}
	t.Errorf("minutes after the fault %+v are open, %+v at rest", last, rest)
	return lowest
}
