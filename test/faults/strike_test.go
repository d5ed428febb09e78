// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"postfach/test/faultproxy"
	"postfach/test/world"
)

// line is what is kept of a case.
type line struct {
	Commit   string         `json:"commit"`
	Case     string         `json:"case"`
	Answers  map[string]int `json:"answers"`        // of each operation under the fault
	Doubtful int            `json:"doubtful"`       // 503 whose change stands, whole
	Hits     int            `json:"hits"`           // connections that the fault came true on
	Red      bool           `json:"red"`            // /readyz said so
	Asked    float64        `json:"asked"`          // the longest /readyz took, in seconds
	Answered float64        `json:"answered"`       // all operations, after the fault's beginning, in seconds
	Recovery float64        `json:"recovery"`       // from the fault's end to the first upload, in seconds
	Told     float64        `json:"told,omitempty"` // to the last mail, likewise
	Passed   bool           `json:"passed"`
}

const (
	// holdMost bounds how long a fault stays on in `make test`; a stall is
	// ended before timeouts are over, and everything has to go on.
	holdMost = time.Minute
	// holdLeast and holdRelay are how long it stays on at least, and the relay's.
	holdLeast = 1200 * time.Millisecond
	holdRelay = 2500 * time.Millisecond
	// holdWhole is that of the long series: every timeout ends before.
	holdWhole = 4 * time.Minute
	// patience is the generous deadline of what has to come true afterwards.
	patience = 3 * time.Minute
	// readyMost is how long /readyz may take at worst, on a busy machine.
	readyMost = time.Minute
)

// strike works while a fault is on, ends it, and compares.
func (h *house) strike(t *testing.T, c faultCase) line {
	t.Helper()
	d, p := h.prepare(t), h.proxies[c.dep]
	l := line{Answers: map[string]int{}}
	p.Set(c.f)
	defer p.Set(faultproxy.Fault{})
	begin := time.Now()
	ops := h.work(d)
	answers := make(chan result, len(ops))
	for _, o := range ops {
		go func() { answers <- h.try(o) }()
	}
	got := h.watch(t, c, answers, len(ops), &l)
	if l.Hits = p.Hits(); l.Red && c.red == must && !c.stall {
		if r := h.try(h.work(d)[0]); r.done() || r.fault() != "" {
			t.Errorf("red, and an upload: %s", r)
		}
	}
	p.Set(faultproxy.Fault{})
	end := time.Now()
	for len(got) < len(ops) {
		select {
		case r := <-answers:
			got = append(got, r)
		case <-time.After(holdWhole):
			t.Fatalf("%d of %d requests were never answered\n%s", len(ops)-len(got), len(ops), h.Log())
		}
	}
	l.Answered = time.Since(begin).Seconds()
	h.recovered(t, d)
	l.Recovery = time.Since(end).Seconds()
	for _, r := range got {
		l.Answers[r.name] = r.Status
		if c.works && !r.done() {
			t.Errorf("%s: refused although all works", r)
		}
		if h.judge(t, r, c.dep == postgres) {
			l.Doubtful++
		}
	}
	if c.dep == relay {
		h.told(t)
		l.Told = time.Since(end).Seconds()
	}
	h.calm(t, h.rest)
	return l
}

// watch asks for readiness while the fault is on, and gives what was answered
// by its end.
func (h *house) watch(t *testing.T, c faultCase, answers <-chan result, n int, l *line) (got []result) {
	t.Helper()
	most, begin := holdMost, time.Now()
	if whole() {
		most = holdWhole
	}
	var red time.Time
	if c.dep == relay { // mails are tried meanwhile; nobody waits for them
		if most = holdRelay; whole() {
			most *= 2
		}
	}
	for time.Since(begin) < most {
		asked := time.Now()
		s := h.ready(t)
		if took := time.Since(asked); took > readyMost {
			t.Errorf("/readyz answers after %s", took)
		} else {
			l.Asked = max(l.Asked, took.Seconds())
		}
		switch {
		case s != http.StatusOK && s != http.StatusServiceUnavailable:
			t.Errorf("/readyz: %d", s)
		case s == http.StatusServiceUnavailable && red.IsZero():
			red, l.Red = time.Now(), true
		}
		for more := true; more; {
			select {
			case r := <-answers:
				got = append(got, r)
			default:
				more = false
			}
		}
		if h.enough(c, l.Red, len(got) == n, time.Since(begin)) {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	switch {
	case c.red == must && !l.Red:
		t.Errorf("/readyz is green after %s", time.Since(begin))
	case (c.red == never || c.works) && l.Red:
		t.Error("/readyz is red although uploads are taken")
	}
	return got
}

// ready asks /readyz on a connection of its own: on one that is kept, the
// question would wait for what the last request still has to record.
func (h *house) ready(t *testing.T) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.URL+"/readyz", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Close = true
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0
	}
	a.Body.Close()
	return a.StatusCode
}

// enough says whether a fault was on for long enough.
func (h *house) enough(c faultCase, red, answered bool, on time.Duration) bool {
	switch {
	case c.dep == relay || on < holdLeast || c.red == must && !red:
		return false
	case c.stall && !whole():
		return true
	}
	return answered
}

// recovered waits until all is as before: ready, and an upload is taken.
func (h *house) recovered(t *testing.T, d documents) {
	t.Helper()
	h.WaitReady(patience)
	path, body := submitted+d.prefix+"danach", noise(300)
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		a, err := h.Send(world.Exchange{As: "anna", Method: "PUT", Path: path, Body: body})
		if err == nil && a.Status == http.StatusCreated {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("ready, and an upload: %d %v %.300s\n%s", a.Status, err, a.Body, h.Log())
		}
	}
	h.kept[path] = body
}

// told waits until everybody was told of everything: every delivery is settled
// and no mail waits.
func (h *house) told(t *testing.T) {
	t.Helper()
	left := ""
	for end := time.Now().Add(5 * time.Minute); time.Now().Before(end); time.Sleep(300 * time.Millisecond) {
		left = ""
		for _, d := range h.Deliveries(t) {
			if !d.Settled() {
				left = fmt.Sprintf("delivery of %s is not settled", d.SHA256)
			}
		}
		for _, n := range h.notices(t) {
			if n.State == "queued" {
				left = fmt.Sprintf("mail %s waits: %s", n.MessageID, n.Reply)
			}
		}
		if left == "" {
			return
		}
	}
	t.Errorf("after the fault's end: %s\n%s", left, h.Log())
}
