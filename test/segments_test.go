// SPDX-License-Identifier: Apache-2.0

package test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"postfach/test/world"
)

// metric reads one number from /metrics.
func metric(t *testing.T, w *world.World, name string) float64 {
	t.Helper()
	r, err := http.Get(w.Metrics + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindSubmatch(text)
	if m == nil {
		t.Fatalf("no metric %s", name)
	}
	v, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// waitFor waits until something holds.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Minute); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited five minutes for: %s", what)
		}
	}
}

// exported reads lines of audit export as sequence and digest of the detail.
func exported(t *testing.T, text string) (all []string) {
	t.Helper()
	for line := range strings.Lines(text) {
		var r struct {
			Sequence int64
			Digest   string         `json:"detail_digest"`
			Detail   map[string]any `json:"detail"`
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprint(r.Sequence, r.Digest, r.Detail["path"]))
	}
	return all
}

// shippedWhole checks that the storage has the whole log of a stopped server.
func shippedWhole(t *testing.T, w *world.World) {
	t.Helper()
	stored := exported(t, w.CLI("", "audit", "export", "--from-storage"))
	log := exported(t, w.CLI("", "audit", "export"))
	if len(stored) == 0 || len(stored) > len(log) || strings.Join(stored, "\n") != strings.Join(log[:len(stored)], "\n") {
		t.Errorf("%d records in the storage are not the first of the %d in the catalog", len(stored), len(log))
	}
	if more := len(log) - len(stored); more != 2 { // the two exports
		t.Errorf("%d records are not in the storage", more-2)
	}
}

// TestAuditSegments: the log is in the storage within its time, over kill -9
// without losing or repeating a record, and can be read without a catalog
// (issue 3, item 5).
func TestAuditSegments(t *testing.T) {
	o := world.Everybody()
	o.Settings = "audit_segments: 1s"
	w := whole(t, o)
	for i := range 4 {
		w.Put(t, "anna", fmt.Sprintf("/dav/an_KVBbg/Prüfliste %d.csv", i), "x")
		w.Put(t, "bert", fmt.Sprintf("/dav/0815/Postausgang/%d.txt", i), "x")
		time.Sleep(time.Duration(i*317%1000) * time.Millisecond)
		w.Kill()
		w.Serve()
	}
	waitFor(t, "the audit log to be in the storage", func() bool { return metric(t, w, "postfach_audit_unshipped_seconds") == 0 })
	if err := w.Stop(); err != nil {
		t.Fatal(err)
	}
	shippedWhole(t, w)
	if _, err := w.Try("", "audit", "export", "--from-storage", "--member", "0815"); err == nil {
		t.Error("a member's number is looked up where there may be no catalog")
	}

	// Without a catalog it can be read all the same, and none is made.
	catalogs, _ := filepath.Glob(w.Data + "/catalog.db*")
	for _, c := range catalogs {
		if err := os.Remove(c); err != nil {
			t.Fatal(err)
		}
	}
	if out := w.CLI("", "audit", "export", "--from-storage"); !strings.Contains(out, "Prüfliste 3.csv") {
		t.Error("the log in the storage does not know the last upload")
	}
	if _, err := os.Stat(w.Data + "/catalog.db"); err == nil {
		t.Error("reading the log made a catalog")
	}

	// A changed segment is noticed.
	logs, _ := filepath.Glob(w.Data + "/blobs/.audit/*/*.log")
	text, err := os.ReadFile(logs[0])
	if err != nil {
		t.Fatal(err)
	}
	os.Remove(logs[0])
	writeFile(t, logs[0], strings.Replace(string(text), `"result":"ok"`, `"result":"no"`, 1))
	if out, err := w.Try("", "audit", "export", "--from-storage"); err == nil || !strings.Contains(out, "is missing or was changed") {
		t.Errorf("a changed segment was not noticed: %v", err)
	}
}

// TestAuditSegmentsOfNodes: two nodes over one database and one storage ship
// every record once (K11).
func TestAuditSegmentsOfNodes(t *testing.T) {
	long(t)
	s := database.Get(t)
	o := world.Everybody()
	o.Catalog, o.Data, o.Settings = s.URL(s.Database(t)), t.TempDir(), "audit_segments: 1s"
	a := world.Start(t, o)
	o.Scanner, o.Members, o.Accounts = a.Scanner, nil, nil
	b := world.Start(t, o)
	for i := range 20 {
		a.Put(t, "anna", fmt.Sprintf("/dav/an_KVBbg/a%d.csv", i), "x")
		b.Put(t, "emil", fmt.Sprintf("/dav/an_KVBbg/b%d.csv", i), "x")
		switch i {
		case 8:
			a.Kill()
			a.Serve()
		case 14:
			b.Kill()
			b.Serve()
		}
	}
	waitFor(t, "the audit log to be in the storage", func() bool { return metric(t, b, "postfach_audit_unshipped_seconds") == 0 })
	if err := a.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := b.Stop(); err != nil {
		t.Fatal(err)
	}
	shippedWhole(t, a)
}
