// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"fmt"
	"strings"
	"time"
)

// version is clamd's answer to VERSION, taken apart.
type version struct {
	Engine   string    // "ClamAV 1.4.6"
	Database string    // "26687/Wed Oct 12 07:59:06 2022"; "" without official signatures
	Date     time.Time // of the official signatures; zero when unknown
}

// dateSlack is how far in the future a signature date may lie: the answer
// names no zone, so clamd's local time may differ from what we believe.
const dateSlack = 24 * time.Hour

// parseVersion reads "ClamAV 0.105.1/26687/Wed Oct 12 07:59:06 2022"; with
// signatures of one's own only it is just "ClamAV 1.4.6". A date that cannot be
// read or lies in the future is unknown, which counts as too old. An answer
// that does not name ClamAV is an error.
func parseVersion(s string, zone *time.Location, now time.Time) (version, error) {
	parts := strings.Split(strings.TrimRight(s, "\x00\n"), "/")
	v := version{Engine: parts[0]}
	if !strings.HasPrefix(v.Engine, "ClamAV ") || !orderlyName(v.Engine) || len(v.Engine) > 80 {
		return version{}, fmt.Errorf("clamd answers VERSION with %.80q", s)
	}
	if len(parts) != 3 || !digits(parts[1]) {
		return v, nil
	}
	date, err := time.ParseInLocation("Mon Jan _2 15:04:05 2006", parts[2], zone)
	if err != nil || date.After(now.Add(dateSlack)) {
		return v, nil
	}
	v.Database, v.Date = parts[1]+"/"+parts[2], date
	return v, nil
}

func digits(s string) bool {
	return s != "" && len(s) <= 12 && strings.Trim(s, "0123456789") == ""
}
