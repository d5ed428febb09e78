// SPDX-License-Identifier: Apache-2.0

package dav

import (
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"postfach/mailbox"
)

// get serves GET and HEAD. HEAD tells what a listing tells, so it needs no more
// right than listing, and it is no reading (DESIGN.md section 2, four eyes).
func (q *request) get() error {
	if q.Method == http.MethodHead {
		n, err := q.h.mailbox.Find(q.Context(), q.actor, q.path, mailbox.Want{})
		if err != nil {
			return err
		}
		if n.Folder {
			return q.pageHead()
		}
		_, _, err = q.describe(&n)
		return err
	}
	doc, err := q.h.mailbox.Open(q.Context(), q.actor, q.path)
	if e, ok := errors.AsType[*mailbox.Error](err); ok && e.Reason == mailbox.ReasonIsFolder {
		return q.page()
	}
	if err != nil {
		return err
	}
	q.nearWindowsLimit(&doc.Node)
	return q.send(doc)
}

// send gives the content of a document, or a range of it.
func (q *request) send(doc *mailbox.Document) error {
	part, answer, err := q.plan(&doc.Node)
	if err != nil || answer == http.StatusNotModified {
		if err == nil {
			q.w.WriteHeader(answer)
		}
		return err
	}
	n := part.n
	if answer == http.StatusOK {
		n = -1
	}
	body, err := doc.Read(q.Context(), part.offset, n) // recorded from here on
	if err != nil {
		return err
	}
	defer body.Close() //nolint:errcheck // only read
	q.w.WriteHeader(answer)
	// An *os.File under a LimitedReader is what net/http hands to sendfile.
	sent, err := io.CopyN(q.w, body, part.n)
	if err == nil {
		err = http.NewResponseController(q.w).Flush()
	}
	end := part.offset + part.n
	if err != nil || sent != part.n {
		q.h.log.DebugContext(q.Context(), "sending broke off", "err", err)
		end = part.offset
	}
	if err := doc.Sent(q.Context(), part.offset, end); err != nil {
		q.h.log.ErrorContext(q.Context(), "retrieval not recorded", "err", err)
	}
	return nil
}

// describe answers a HEAD.
func (q *request) describe(n *mailbox.Node) (span, int, error) {
	part, answer, err := q.plan(n)
	if err == nil {
		q.w.WriteHeader(answer)
	}
	return part, answer, err
}

// plan judges the conditions and the range of a GET or HEAD and sets all
// headers: 200 with the whole, 206 with a part, or 304.
func (q *request) plan(n *mailbox.Node) (span, int, error) {
	none, err := q.mayGet(n)
	if err != nil {
		return span{}, 0, err
	}
	h := q.w.Header()
	v := &n.Entry.Version
	h.Set("ETag", n.ETag)
	h.Set("Last-Modified", n.Entry.Modified.UTC().Format(http.TimeFormat))
	h.Set("Cache-Control", "private, no-cache")
	if unchanged(q.Header, none, n.ETag, n.Entry.Modified) {
		return span{}, http.StatusNotModified, nil
	}
	part, partial, err := span{0, v.Size}, false, error(nil)
	if rangeHolds(q.Header, n.ETag, n.Entry.Modified) {
		part, partial, err = parseRange(q.Header.Get("Range"), v.Size)
	}
	if err != nil {
		h.Set("Content-Range", "bytes */"+strconv.FormatInt(v.Size, 10))
		return part, 0, err
	}
	h.Set("Accept-Ranges", "bytes")
	h.Set("Content-Type", contentType(n.Name))
	h.Set("Content-Disposition", disposition(n.Name))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	if wantsDigest(q.Header) {
		h.Set("Repr-Digest", reprDigest(v.SHA256))
	}
	if len(v.SHA1) > 0 {
		h.Set("OC-Checksum", "SHA1:"+hex.EncodeToString(v.SHA1))
	}
	h.Set("Content-Length", strconv.FormatInt(part.n, 10))
	if !partial {
		return part, http.StatusOK, nil
	}
	h.Set("Content-Range", "bytes "+strconv.FormatInt(part.offset, 10)+"-"+
		strconv.FormatInt(part.offset+part.n-1, 10)+"/"+strconv.FormatInt(v.Size, 10))
	return part, http.StatusPartialContent, nil
}

// mayGet judges If-Match and If-Unmodified-Since (RFC 9110 section 13.2.2) and
// gives If-None-Match.
func (q *request) mayGet(n *mailbox.Node) (none mailbox.ETags, err error) {
	c, err := q.places.conditions(q.Request)
	if err != nil {
		return none, err
	}
	changed := !c.IfUnmodifiedSince.IsZero() && n.Entry.Modified.Truncate(1e9).After(c.IfUnmodifiedSince)
	if c.IfMatch.Present && !c.IfMatch.Any {
		changed = true
		for _, t := range c.IfMatch.Tags {
			changed = changed && t != n.ETag
		}
	}
	if changed {
		return none, mailbox.E(mailbox.Precondition, mailbox.ReasonCondition)
	}
	return c.IfNoneMatch, nil
}

// disposition makes a browser save a document under its name (RFC 6266): the
// name in UTF-8, and in ASCII for what reads nothing else.
func disposition(name string) string {
	plain := strings.Map(func(c rune) rune {
		if c < 0x20 || c >= 0x7f || c == '"' || c == '\\' || c == '%' {
			return '_'
		}
		return c
	}, name)
	s := `attachment; filename="` + plain + `"`
	if plain == name {
		return s
	}
	const hexDigits = "0123456789ABCDEF"
	b := []byte(s + "; filename*=UTF-8''")
	for i := range len(name) {
		c := name[i]
		if c < utf8.RuneSelf && (c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '-' || c == '.' || c == '_') {
			b = append(b, c)
		} else {
			b = append(b, '%', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return string(b)
}
