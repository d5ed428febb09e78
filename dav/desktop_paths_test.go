// SPDX-License-Identifier: Apache-2.0

package dav

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"postfach/mailbox"
)

// A chunk's number is what stands in its name, and nothing else has one.
func FuzzChunkNumber(f *testing.F) {
	for _, s := range []string{"0", "0000000000000010", "10000", "000000000000000-000000010485759", "-1", "1-", "x", ".file", "9223372036854775808"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := chunkNumber(s)
		if err != nil {
			if mailbox.KindOf(err) != mailbox.Invalid {
				t.Fatalf("%q: %v", s, err)
			}
			return
		}
		first, _, _ := strings.Cut(s, "-")
		if strings.Trim(s, "0123456789-") != "" || strings.TrimLeft(first, "0") != strings.TrimLeft(fmt.Sprint(n), "0") {
			t.Fatalf("%q is read as %d", s, n)
		}
		if again, err := chunkNumber(fmt.Sprintf("%016d", n)); err != nil || again != n {
			t.Fatalf("%d, listed, is read as %d %v", n, again, err)
		}
	})
}

// Whatever the path, what it leads to needs a sign-in unless it is one of the
// few open questions, and a path below a root gives back the rest of it.
func FuzzLocate(f *testing.F) {
	for _, s := range []string{"/", "/dav/x", "/davX", "/status.php", "/remote.php/webdav", "/remote.php/webdavX", "/remote.php/dav/files/anna/a/b",
		"/remote.php/dav/uploads/anna/1/2", "/remote.php/dav/files//x", "/remote.php/", "/ocs/v1.php/cloud/user", "/ocs/v2.php/", "/index.php/204"} {
		f.Add(s)
	}
	h := &Handler{places: places{prefix: "/dav"}}
	f.Fuzz(func(t *testing.T, s string) {
		at := h.locate(s, httptest.NewRequest("GET", "/", nil))
		switch at.area {
		case fileArea, chunkArea:
			if at.root+at.inside != s || at.inside != "" && at.inside[0] != '/' {
				t.Fatalf("%q is %q below %q", s, at.inside, at.root)
			}
			if strings.Contains(at.login, "/") || at.sync != strings.HasPrefix(s, remoteRoot) {
				t.Fatalf("%q: %+v", s, at)
			}
		case openArea, ocsArea:
			if !strings.HasPrefix(s, ocsRoot) && s != "/status.php" && s != "/204" && s != "/index.php/204" {
				t.Fatalf("%q is open", s)
			}
		case nowhere, stubArea:
			if strings.HasPrefix(s, remoteRoot) {
				t.Fatalf("%q is answered without sign-in", s)
			}
		}
	})
}

// Both forms of an answer are well-formed, whatever a text holds.
func FuzzObject(f *testing.F) {
	f.Add("Kasse <&> \"x\" \x01 ü \xff")
	f.Fuzz(func(t *testing.T, s string) {
		o := object{{"a", s}, {"b", []string{s}}, {"c", object{{"d", true}, {"e", nil}, {"f", 1.5}}}}
		if root, err := readXML(strings.NewReader("<r>" + string(o.appendXML(nil)) + "</r>")); len(s) < 1000 && (err != nil || root == nil) {
			t.Fatalf("%q: %v %s", s, err, o.appendXML(nil))
		}
		if !json.Valid(o.appendJSON(nil)) {
			t.Fatalf("%q: %s", s, o.appendJSON(nil))
		}
	})
}
