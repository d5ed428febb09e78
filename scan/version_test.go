// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"testing"
	"time"
)

// Three parts, a date of clamd's local time; everything else is
// an unknown date, which counts as too old.
func TestParseVersion(t *testing.T) {
	now := time.Date(2022, 10, 12, 12, 0, 0, 0, time.UTC)
	date := time.Date(2022, 10, 12, 7, 59, 6, 0, time.UTC)
	for _, tc := range []struct {
		reply string
		want  version
		fails bool
	}{
		{"ClamAV 0.105.1/26687/Wed Oct 12 07:59:06 2022\x00", version{"ClamAV 0.105.1", "26687/Wed Oct 12 07:59:06 2022", date}, false},
		{"ClamAV 1.4.6/1/Sat Oct  1 07:59:06 2022\x00", version{"ClamAV 1.4.6", "1/Sat Oct  1 07:59:06 2022", date.AddDate(0, 0, -11)}, false},
		{"ClamAV 1.4.6\x00", version{Engine: "ClamAV 1.4.6"}, false},
		{"ClamAV 1.4.6/27000/yesterday\x00", version{Engine: "ClamAV 1.4.6"}, false},
		{"ClamAV 1.4.6/x/Wed Oct 12 07:59:06 2022\x00", version{Engine: "ClamAV 1.4.6"}, false},
		{"ClamAV 1.4.6/1/Wed Oct 12 07:59:06 2022/2\x00", version{Engine: "ClamAV 1.4.6"}, false},
		{"ClamAV 1.4.6/1/Wed Oct 12 07:59:06 2099\x00", version{Engine: "ClamAV 1.4.6"}, false},
		{"UNKNOWN COMMAND\x00", version{}, true},
		{"", version{}, true},
	} {
		v, err := parseVersion(tc.reply, time.UTC, now)
		if v != tc.want || (err != nil) != tc.fails {
			t.Errorf("%q: %+v, %v", tc.reply, v, err)
		}
	}
}

// A date is never further ahead than a zone could explain.
func FuzzParseVersion(f *testing.F) {
	f.Add("ClamAV 0.105.1/26687/Wed Oct 12 07:59:06 2022\x00")
	f.Add("ClamAV 1.4.6\x00")
	now := time.Date(2022, 10, 12, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		v, err := parseVersion(s, time.UTC, now)
		if err != nil && v != (version{}) {
			t.Fatalf("%q: %+v with an error", s, v)
		}
		if v.Date.After(now.Add(dateSlack)) || v.Date.IsZero() != (v.Database == "") {
			t.Fatalf("%q: %+v", s, v)
		}
	})
}
