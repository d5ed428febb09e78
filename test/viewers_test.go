// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"postfach/test/world"
)

// snapshot is all that an actor can learn by listing what it sees.
func snapshot(t *testing.T, w *world.World, as string, paths ...string) string {
	t.Helper()
	var b strings.Builder
	for _, p := range paths {
		for _, r := range w.Propfind(t, as, p, "1") {
			keys := make([]string, 0, len(r.Props))
			for k := range r.Props {
				keys = append(keys, k)
			}
			slices.Sort(keys)
			fmt.Fprintf(&b, "%s\n", r.Href)
			for _, k := range keys {
				fmt.Fprintf(&b, "  %s=%s\n", k, r.Props[k])
			}
		}
	}
	return b.String()
}

// TestInvisibleLeavesNoTrace compares what a clerk sees before and after the
// authority works on drafts, and what a caseworker sees before and after the
// clerk's hidden files: no ETag, count, size or quota depends on what one
// cannot see (I5).
func TestInvisibleLeavesNoTrace(t *testing.T) {
	w := whole(t, world.Everybody())
	w.Put(t, "anna", "/dav/an_KVBbg/da.txt", "da")
	mine := []string{"/dav/", "/dav/an_KVBbg/", "/dav/KVBBG-SB-Posteingang/", "/dav/Postausgang/", "/dav/0815/"}
	before := snapshot(t, w, "anna", mine...)
	w.Put(t, "bert", "/dav/0815/Postausgang/Entwurf.txt", strings.Repeat("geheim", 1000))
	w.Put(t, "bert", "/dav/0815/Postausgang/Entwurf.txt", "geheim, neue Fassung")
	w.Do(t, world.Exchange{As: "bert", Method: "MKCOL", Path: "/dav/0815/Postausgang/Ordner/", Want: 201})
	w.Move(t, "bert", "/dav/0815/Postausgang/Entwurf.txt", "/dav/0815/Postausgang/Ordner/Entwurf.txt", 201)
	lock(t, w, "bert", "/dav/0815/Postausgang/Ordner/Entwurf.txt", nil)
	w.Put(t, "bert", "/dav/0815/~$Liste.xlsx", "hidden in the member's own root")
	if after := snapshot(t, w, "anna", mine...); after != before {
		t.Errorf("the clerk sees a difference:\n%s", diff(before, after))
	}
	theirs := []string{"/dav/", "/dav/0815/", "/dav/0815/an_KVBbg/"}
	before = snapshot(t, w, "bert", theirs...)
	w.Put(t, "anna", "/dav/an_KVBbg/~$da.txt", "hidden")
	w.Put(t, "anna", "/dav/an_KVBbg/.DS_Store", "hidden")
	if after := snapshot(t, w, "bert", theirs...); withoutQuota(after) != withoutQuota(before) {
		t.Errorf("the caseworker sees a difference:\n%s", diff(before, after))
	}
	// another member's clerk sees nothing of all this
	before = snapshot(t, w, "emil", "/dav/", "/dav/an_KVBbg/")
	w.Put(t, "anna", "/dav/an_KVBbg/mehr.txt", "mehr")
	if after := snapshot(t, w, "emil", "/dav/", "/dav/an_KVBbg/"); after != before {
		t.Errorf("another member sees a difference:\n%s", diff(before, after))
	}
}

// withoutQuota drops the quota, which counts hidden files of the member's side.
func withoutQuota(s string) string {
	lines := strings.Split(s, "\n")
	return strings.Join(slices.DeleteFunc(lines, func(l string) bool { return strings.Contains(l, "{DAV:}quota-") }), "\n")
}

func diff(a, b string) string {
	var out strings.Builder
	al, bl := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range max(len(al), len(bl)) {
		x, y := "", ""
		if i < len(al) {
			x = al[i]
		}
		if i < len(bl) {
			y = bl[i]
		}
		if x != y {
			fmt.Fprintf(&out, "-%s\n+%s\n", x, y)
		}
	}
	return out.String()
}

// TestFolderETags: a change below a folder changes its ETag and those of all
// its ancestors, and nothing else does (CLIENTS.md 1.5).
func TestFolderETags(t *testing.T) {
	w := whole(t, world.Everybody())
	for _, p := range []string{"a", "a/b", "c"} {
		w.Do(t, world.Exchange{As: "anna", Method: "MKCOL", Path: "/dav/an_KVBbg/" + p + "/", Want: 201})
	}
	etags := func(as string) map[string]string {
		m := map[string]string{}
		for _, p := range []string{"/dav/0815/", "/dav/0815/an_KVBbg/", "/dav/0815/an_KVBbg/a/", "/dav/0815/an_KVBbg/a/b/", "/dav/0815/an_KVBbg/c/"} {
			m[p] = w.Propfind(t, as, p, "0")[0].Prop("getetag")
			if m[p] == "" {
				t.Errorf("%s has no getetag", p)
			}
		}
		return m
	}
	change := []struct {
		what string
		do   func()
		same []string
	}{
		{"a new file", func() { w.Put(t, "anna", "/dav/an_KVBbg/a/b/f", "1") }, []string{"/dav/0815/an_KVBbg/c/"}},
		{"new content", func() { w.Put(t, "anna", "/dav/an_KVBbg/a/b/f", "2") }, []string{"/dav/0815/an_KVBbg/c/"}},
		{"reading", func() { w.Get(t, "bert", "/dav/0815/an_KVBbg/a/b/f") }, []string{"/dav/0815/", "/dav/0815/an_KVBbg/", "/dav/0815/an_KVBbg/a/", "/dav/0815/an_KVBbg/a/b/", "/dav/0815/an_KVBbg/c/"}},
		{"a removal", func() { w.Do(t, world.Exchange{As: "anna", Method: "DELETE", Path: "/dav/an_KVBbg/a/b/f", Want: 204}) }, []string{"/dav/0815/an_KVBbg/c/"}},
	}
	for _, c := range change {
		annaBefore, bertBefore := etags("anna"), etags("bert")
		c.do()
		for who, before := range map[string]map[string]string{"anna": annaBefore, "bert": bertBefore} {
			for p, now := range etags(who) {
				if want := slices.Contains(c.same, p); (now == before[p]) != want {
					t.Errorf("%s, %s: ETag of %s stays the same: %t, want %t", c.what, who, p, now == before[p], want)
				}
			}
		}
	}
}
