// SPDX-License-Identifier: Apache-2.0

package world

import (
	"encoding/json"
	"strings"
	"testing"
)

// Record is a line of `postfach audit export`.
type Record struct {
	Operation string `json:"operation"`
	SHA256    string `json:"sha256"`
	Result    string `json:"result"`
	Target    string `json:"target"`
	Path      string `json:"path"`
	Raw       string `json:"-"`
}

// Audit exports the whole log.
func (w *World) Audit(t testing.TB) (all []Record) {
	t.Helper()
	for line := range strings.Lines(w.CLI("", "audit", "export")) {
		r := Record{Raw: line}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("audit export: %v\n%s", err, line)
		}
		var d struct{ Detail Record }
		if json.Unmarshal([]byte(line), &d) == nil && r.Path == "" {
			r.Path, r.Target = d.Detail.Path, d.Detail.Target
		}
		all = append(all, r)
	}
	return all
}

// Delivery is one of `postfach delivery list --json`.
type Delivery struct {
	Direction string `json:"direction"`
	SHA256    string `json:"sha256"`
	Notified  string `json:"notified"` // when the relay took the first mail
	Done      string `json:"settled"`  // when everybody it is for was told
	Withdrawn string `json:"withdrawn"`
	Supersed  string `json:"superseded"`
}

// Told says that a mail about it was accepted.
func (d Delivery) Told() bool { return d.Notified != "" }

// Settled says that nothing more will happen about it.
func (d Delivery) Settled() bool { return d.Done != "" || d.Withdrawn != "" || d.Supersed != "" }

// Deliveries lists all.
func (w *World) Deliveries(t testing.TB) (all []Delivery) {
	t.Helper()
	out := w.CLI("", "delivery", "list", "--json")
	if err := json.Unmarshal([]byte(out), &all); err == nil {
		return all
	}
	for line := range strings.Lines(out) { // one object a line
		var d Delivery
		if err := json.Unmarshal([]byte(line), &d); err != nil {
			t.Fatalf("delivery list: %v\n%s", err, line)
		}
		all = append(all, d)
	}
	return all
}
