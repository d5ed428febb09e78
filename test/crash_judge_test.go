// SPDX-License-Identifier: Apache-2.0

package test

import (
	"maps"
	"slices"
	"strings"
	"time"

	"postfach/scan/scantest"
	"postfach/test/world"
)

// compare holds the restarted server against what the clients know.
func (s *series) compare() {
	s.t.Helper()
	for _, c := range s.clients {
		if c.doubt != nil {
			s.settle(c)
		}
		for _, d := range c.docs {
			s.expect(c, d)
		}
	}
	found := filesWith(s.t, s.w.Data, string(scantest.EICAR()))
	// A kill in the self-test of a start leaves the test file that the server
	// itself shows to the scanner; the janitor collects it.
	found = slices.DeleteFunc(found, func(name string) bool { return strings.Contains(name, "/.staging/.probe-") })
	if len(found) > 0 {
		s.t.Errorf("I1: the virus lies in %q", found)
	}
}

// read fetches as the caseworker, who sees every place.
func (s *series) read(path string) world.Answer {
	s.t.Helper()
	return s.w.Do(s.t, world.Exchange{As: "bert", Method: "GET", Path: path})
}

func (s *series) holds(d state) bool {
	s.t.Helper()
	if d.path == "" {
		return false
	}
	a := s.read(d.path)
	return a.Status == 200 && string(a.Body) == d.content
}

// expect: what was acknowledged is there with its bytes (I2), and an ETag never
// names other bytes than before (I6).
func (s *series) expect(c *client, d state) {
	s.t.Helper()
	a := s.read(d.path)
	if a.Status != 200 || string(a.Body) != d.content {
		s.t.Errorf("I2: client %d was promised %s with %.40q (%d bytes), found %d with %.40q (%d bytes)",
			c.id, d.path, d.content, len(d.content), a.Status, a.Body, len(a.Body))
		return
	}
	etag, sum := a.Header.Get("ETag"), hexDigest(d.content)
	if old, known := s.etags[etag]; known && old != sum {
		s.t.Errorf("I6: ETag %s of %s named other bytes before", etag, d.path)
	}
	s.etags[etag] = sum
}

// settle finds out whether a change in doubt happened: it did as a whole or
// not at all, and a repeated upload changes nothing more (I7).
func (s *series) settle(c *client) {
	s.t.Helper()
	d := *c.doubt
	c.doubt = nil
	s.lost++
	applied, was := s.holds(d.after), s.holds(d.before)
	if d.after.path == "" {
		applied = s.read(d.before.path).Status == 404
	}
	if d.before.path == "" && !applied {
		was = s.read(d.after.path).Status == 404
	}
	if applied == was {
		s.t.Errorf("after the kill %s %s → %s of client %d is neither done nor undone (done %t, as before %t)",
			d.operation, d.before.path, d.after.path, c.id, applied, was)
		return
	}
	if applied {
		s.found++
		c.apply(d.change, d.doc)
	}
	if d.operation != "create" && d.operation != "replace" {
		return
	}
	etag := s.read(d.after.path).Header.Get("ETag")
	a, err := c.send(d.change)
	if err != nil {
		s.t.Errorf("I7: repeating %s: %v", d.after.path, err)
		return
	}
	switch {
	case applied && (a.Status != 204 || a.Header.Get("ETag") != etag):
		s.t.Errorf("I7: %s was stored; its repetition got %d with ETag %s, want 204 with %s", d.after.path, a.Status, a.Header.Get("ETag"), etag)
	case !applied && a.Status/100 != 2:
		s.t.Errorf("I7: repeating %s: %d", d.after.path, a.Status)
	case !applied:
		c.apply(d.change, d.doc)
	}
}

// account compares the whole of the audit log, the deliveries and the mails
// with everything that surely happened, once at the end of a round.
func (s *series) account(sum *crashSummary) {
	s.t.Helper()
	s.w.CLI("", "audit", "replay", "--verify")
	s.w.CLI("", "storage", "verify")
	expected, deliveries := map[string]int{}, map[string]int{}
	for _, c := range s.clients {
		for _, ch := range c.done {
			sum.Acknowledged++
			expected[ch.operation+" "+hexDigest(or(ch.after.content, ch.before.content))]++
			switch ch.operation {
			case "create", "replace":
				if c.member {
					deliveries["to-authority "+hexDigest(ch.after.content)]++
				}
			case "release":
				deliveries["to-member "+hexDigest(ch.after.content)]++
			}
		}
	}
	sum.Unknown, sum.Applied = s.lost, s.found
	s.compareAudit(expected, sum)
	s.compareDeliveries(deliveries, sum)
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// compareAudit: no change without its record, no record without its change (I3).
func (s *series) compareAudit(expected map[string]int, sum *crashSummary) {
	s.t.Helper()
	found := map[string]int{}
	for _, r := range s.w.Audit(s.t) {
		switch r.Operation {
		case "create", "replace", "remove", "rename", "take-over", "give-back", "release", "recall":
			if r.Result != "ok" {
				continue
			}
			op := r.Operation
			if op == "recall" && r.Target == "" {
				op = "remove" // a removal in the root is a recall
			}
			found[op+" "+r.SHA256]++
			sum.AuditRecords++
		}
	}
	if !maps.Equal(expected, found) {
		s.t.Errorf("I3: audit and acknowledgements differ:\n%s", differences(expected, found))
	}
}

// compareDeliveries: each is there once, and told once the server had time (I4).
func (s *series) compareDeliveries(expected map[string]int, sum *crashSummary) {
	s.t.Helper()
	found := map[string]int{}
	eventually(s.t, "every delivery is told, withdrawn or superseded", func() bool {
		for _, d := range s.w.Deliveries(s.t) {
			if !d.Settled() {
				return false
			}
		}
		return true
	})
	for _, d := range s.w.Deliveries(s.t) {
		found[d.Direction+" "+d.SHA256]++
		sum.Deliveries++
	}
	if !maps.Equal(expected, found) {
		s.t.Errorf("I4: deliveries and acknowledgements differ:\n%s", differences(expected, found))
	}
	time.Sleep(100 * time.Millisecond)
	sum.Mails = len(s.w.AllMails())
	if sum.Deliveries > 0 && sum.Mails == 0 {
		s.t.Error("I4: deliveries are settled and no mail ever came")
	}
}

func differences(expected, found map[string]int) string {
	var b strings.Builder
	for k, n := range expected {
		if found[k] != n {
			b.WriteString("expected ")
			b.WriteString(strings.Repeat(k+"; ", n))
			b.WriteString("\n")
		}
	}
	for k, n := range found {
		if expected[k] != n {
			b.WriteString("found    ")
			b.WriteString(strings.Repeat(k+"; ", n))
			b.WriteString("\n")
		}
	}
	return b.String()
}
