// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"postfach/scan/scantest"
	"postfach/test/faultproxy"
	"postfach/test/results"
)

// exchange is a conversation with clamd that a whole server has.
type exchange struct {
	name    string
	command string // that it begins with
	body    string // of the upload that makes the server have it; "" for one of the gate's own
	kind    kind   // of that upload
	slow    bool   // a trial takes a second: the gate has to find clamd again
}

// exchanges of a house. The gate's own are had anew when the connection that it
// holds to clamd breaks.
func (h *house) exchanges() []exchange {
	large := "zFILDES"
	if h.name == "spread" {
		large = "zINSTREAM"
	}
	ill := string(scantest.EICAR())
	return []exchange{
		{"small upload", "zINSTREAM", noise(40), upload, false},
		{"spooled upload", large, noise(1200 << 10), upload, false},
		{"infected upload", "zINSTREAM", ill, infected, false},
		{"spooled infected upload", large, noise(1100<<10) + ill, infected, false},
		{"version", "zVERSION", "", 0, true},
		{"connection that is kept", "zIDSESSION", "", 0, true},
		{"sign of life", "zPING", "", 0, true},
	}
}

// everyByte cuts the server's conversations with clamd at every protocol byte,
// in both directions, by reset and in order (I1). Never is anything taken or
// readable of an upload whose verdict did not arrive whole, and the next upload
// is taken.
func (h *house) everyByte(t *testing.T, file results.File) {
	rng := rand.New(rand.NewPCG(seed(), 5))
	for _, x := range h.exchanges() {
		to, of := h.measure(t, x)
		for name, cuts := range map[string][]faultproxy.Fault{"to": cutsUp(to), "of": cutsDown(of)} {
			key := fmt.Sprintf("%s: clamd cut at every byte %s it, %s", h.name, name, x.name)
			if results.Any(file, func(l line) bool { return l.Case == key && l.Passed }) {
				continue
			}
			if !whole() {
				rng.Shuffle(len(cuts), func(i, j int) { cuts[i], cuts[j] = cuts[j], cuts[i] })
				cuts = cuts[:min(len(cuts), 4)]
				if x.slow {
					cuts = cuts[:rng.IntN(2)]
				}
			}
			l := line{Commit: file.Commit, Case: key, Answers: map[string]int{}}
			for _, f := range cuts {
				f.Match, f.Times = x.command, 1
				h.cutOnce(t, x, f, &l)
			}
			l.Passed = !t.Failed()
			t.Logf("%+v", l)
			if err := file.Add(l); err != nil {
				t.Error(err)
			}
			if t.Failed() {
				t.Fatalf("stopped at the first broken promise:\n%s", h.Log())
			}
		}
	}
	h.calm(t, h.rest)
}

// measure has an exchange once, whole.
func (h *house) measure(t *testing.T, x exchange) (to, of int) {
	t.Helper()
	h.witness.forget()
	if x.body == "" {
		h.proxies[clamd].Cut()
	} else if r := h.try(h.trial(x)); !r.done() {
		t.Fatalf("without any fault: %s", r)
	}
	for end := time.Now().Add(patience); of == 0; time.Sleep(20 * time.Millisecond) {
		if to, of = h.witness.size(about{x.command, len(x.body)}); x.command == "zIDSESSION" {
			return len("zIDSESSION\x00zPING\x00"), len("1: PONG\x00") // it has no end
		}
		if time.Now().After(end) {
			t.Fatalf("the server never says %s to clamd", x.command)
		}
	}
	return to, of
}

// cutsUp are cuts at every byte, of the long middle only at the borders of the
// pieces that it is sent in.
func cutsUp(n int) (all []faultproxy.Fault) {
	const piece = 256 << 10
	for i := int64(1); i <= int64(n); i++ {
		if i > 64 && i < int64(n)-16 && (i-10)%(piece+4) > 6 {
			continue
		}
		all = append(all, faultproxy.Fault{CutUp: i}, faultproxy.Fault{CutUp: i, Orderly: true})
	}
	return all
}

// cutsDown are cuts at every byte of an answer. Its end in order is no cut.
func cutsDown(n int) []faultproxy.Fault {
	all := []faultproxy.Fault{{CutDown: -1}, {CutDown: -1, Orderly: true}, {CutDown: int64(n)}}
	for i := int64(1); i < int64(n); i++ {
		all = append(all, faultproxy.Fault{CutDown: i}, faultproxy.Fault{CutDown: i, Orderly: true})
	}
	return all
}

// trial is the upload of an exchange, under a name of its own.
func (h *house) trial(x exchange) op {
	h.next++
	body := x.body
	if x.kind == upload {
		body = fmt.Sprintf("%016x", rand.Uint64()) + body[16:]
	}
	return uploadOf(fmt.Sprintf("b%04d", h.next), x.name, x.kind, body)
}

// cutOnce cuts one conversation, and looks what that did.
func (h *house) cutOnce(t *testing.T, x exchange, f faultproxy.Fault, l *line) {
	t.Helper()
	p := h.proxies[clamd]
	for range 5 { // another upload's, or the daily probe, may have been hit instead
		p.Set(f)
		if x.body == "" {
			p.Cut()
			h.meets(t, f)
		} else {
			r := h.try(h.trial(x))
			l.Answers[fmt.Sprint(r.Status)]++
			h.judge(t, r, false)
		}
		hit := p.Hits()
		p.Set(faultproxy.Fault{})
		begin := time.Now()
		h.next++
		h.recovered(t, documents{prefix: fmt.Sprintf("b%04d-", h.next)})
		l.Recovery = max(l.Recovery, time.Since(begin).Seconds())
		if l.Hits += hit; hit > 0 {
			return
		}
	}
	t.Errorf("%s: %+v never came true", x.name, f)
}

// meets waits until the gate's own conversation has met the fault.
func (h *house) meets(t *testing.T, f faultproxy.Fault) {
	t.Helper()
	for end := time.Now().Add(patience); h.proxies[clamd].Hits() == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%+v never came true", f)
		}
	}
}
