// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"encoding/json"
	"strings"
	"testing"
)

// notice is a line of `postfach notice list`.
type notice struct {
	State     string `json:"state"`
	MessageID string `json:"message_id"`
	Reply     string `json:"reply"`
	To        string `json:"to"`
}

func (h *house) notices(t *testing.T) (all []notice) {
	t.Helper()
	for s := range strings.Lines(h.CLI("", "notice", "list", "--json", "--limit", "0")) {
		var n notice
		if err := json.Unmarshal([]byte(s), &n); err != nil {
			t.Fatalf("notice list: %v\n%s", err, s)
		}
		all = append(all, n)
	}
	return all
}

// allClean reads whatever a folder holds: clamd called all of it clean (I1).
func (h *house) allClean(t *testing.T, folder string) {
	t.Helper()
	for _, r := range h.Propfind(t, "bert", folder, "1")[1:] {
		if r.Folder() {
			continue
		}
		path := strings.TrimPrefix(r.Href, h.URL)
		if !h.witness.saw(h.Get(t, "bert", path).Body) {
			t.Errorf("%s can be read, and clamd never called it clean", r.Path)
		}
	}
}

func bare(id string) string { return strings.Trim(id, "<>") }

// settle looks at the whole when all faults are over: everything that was ever
// acknowledged is there, everybody was told, once, and the log, the catalog and
// the stored bytes agree. A restart changes nothing of it.
func (h *house) settle(t *testing.T) {
	t.Helper()
	h.told(t)
	h.Kill()
	h.Serve()
	for path, content := range h.kept {
		if !h.holds(t, path, content) {
			t.Errorf("%s was there and is lost", path)
		}
	}
	for _, folder := range []string{root, submitted, inbox, outbox} {
		h.allClean(t, folder)
	}
	came := map[string]int{}
	for _, m := range h.AllMails() {
		came[bare(m.MessageID)]++
	}
	for _, n := range h.notices(t) {
		id := bare(n.MessageID)
		switch got := came[id]; {
		case n.State == "sent" && got == 0:
			t.Errorf("mail %s to %s is called sent and never came", n.MessageID, n.To)
		case n.State == "failed":
			t.Errorf("mail %s to %s failed: %s", n.MessageID, n.To, n.Reply)
		case got > 1+h.post.lost(id): // once more for every lost acknowledgement
			t.Errorf("mail %s to %s came %d times", n.MessageID, n.To, got)
		}
		delete(came, id)
	}
	for id := range came {
		t.Errorf("mail %s came and nobody knows it", id)
	}
	if out := h.CLI("", "audit", "replay", "--verify"); !strings.Contains(out, " 0 differences") || !strings.Contains(out, " 0 missing or different") {
		t.Error(out)
	}
}
