// SPDX-License-Identifier: Apache-2.0

package dav

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"postfach/mailbox"
)

// span is a part of a file: n bytes from offset.
type span struct{ offset, n int64 }

// parseRange reads a Range header (RFC 9110 section 14.2) for a file of size
// bytes. partial is false when the whole file is to be sent: no range, another
// unit, a malformed header, or several ranges (which a server may ignore, and
// which no known client of ours asks for). Kind RangeUnsatisfiable when no byte
// of the range exists.
func parseRange(s string, size int64) (part span, partial bool, err error) {
	whole := span{0, size}
	spec, ok := strings.CutPrefix(strings.TrimSpace(s), "bytes=")
	if !ok || strings.Contains(spec, ",") {
		return whole, false, nil
	}
	first, last, ok := strings.Cut(strings.TrimSpace(spec), "-")
	if !ok || first == "" && !allDigits(last) || first != "" && !allDigits(first) || last != "" && !allDigits(last) {
		return whole, false, nil
	}
	unsatisfiable := mailbox.E(mailbox.RangeUnsatisfiable, mailbox.ReasonRange)
	if first == "" { // the last n bytes
		n, perr := strconv.ParseInt(last, 10, 64)
		if perr != nil {
			n = size // longer than any file
		}
		if n = min(n, size); n == 0 {
			return whole, false, unsatisfiable
		}
		return span{size - n, n}, true, nil
	}
	from, perr := strconv.ParseInt(first, 10, 64)
	if perr != nil || from >= size {
		return whole, false, unsatisfiable
	}
	to := size - 1
	if last != "" {
		n, perr := strconv.ParseInt(last, 10, 64)
		if perr == nil && n < from {
			return whole, false, nil // malformed, so ignored
		}
		if perr == nil {
			to = min(n, to)
		}
	}
	return span{from, to - from + 1}, true, nil
}

// rangeHolds evaluates If-Range (RFC 9110 section 13.1.5): the strong ETag, or
// the exact date.
func rangeHolds(h http.Header, etag string, modified time.Time) bool {
	v := h.Get("If-Range")
	if v == "" {
		return true
	}
	if strings.HasPrefix(v, `"`) {
		return v == etag
	}
	t, err := http.ParseTime(v)
	return err == nil && t.Equal(modified.Truncate(time.Second))
}

// unchanged says whether a GET or HEAD may be answered 304 (RFC 9110 sections
// 13.1.2 and 13.1.3).
func unchanged(h http.Header, none mailbox.ETags, etag string, modified time.Time) bool {
	if none.Present {
		if none.Any {
			return true
		}
		for _, t := range none.Tags {
			if strings.TrimPrefix(t, "W/") == etag {
				return true
			}
		}
		return false
	}
	since, err := http.ParseTime(h.Get("If-Modified-Since"))
	return err == nil && !modified.Truncate(time.Second).After(since)
}
