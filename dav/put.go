// SPDX-License-Identifier: Apache-2.0

package dav

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"postfach/mailbox"
	"postfach/reply"
)

func (q *request) put() error {
	up, err := q.upload()
	if err != nil {
		return err
	}
	got, err := q.h.mailbox.Deliver(q.Context(), q.actor, q.path, up)
	if err != nil {
		return err
	}
	q.stored(&got, !up.Modified.IsZero())
	return nil
}

// stored answers a successful upload; timed says that the client gave a time.
func (q *request) stored(got *mailbox.Receipt, timed bool) {
	h := q.w.Header()
	v := &got.Entry.Version
	h.Set("ETag", got.ETag)
	h.Set("OC-ETag", got.ETag)
	h.Set("OC-FileId", q.h.fileID(got.Entry.ID))
	h.Set("Last-Modified", got.Entry.Modified.UTC().Format(http.TimeFormat))
	if wantsDigest(q.Header) {
		h.Set("Repr-Digest", reprDigest(v.SHA256))
	}
	if timed && !got.Repeated {
		h.Set("X-OC-MTime", "accepted")
	}
	q.created(got.Created)
}

// created answers 201 for what is new and 204 for what was replaced.
func (q *request) created(isNew bool) {
	if !isNew {
		q.w.WriteHeader(http.StatusNoContent)
		return
	}
	q.w.Header().Set("Content-Length", "0")
	q.w.WriteHeader(http.StatusCreated)
}

// upload reads everything that a PUT says about its body.
func (q *request) upload() (mailbox.Upload, error) {
	up := mailbox.Upload{Body: q.Body, Length: q.ContentLength}
	if q.Header.Get("Content-Range") != "" { // RFC 9110 section 14.5
		return up, mailbox.E(mailbox.Invalid, mailbox.ReasonContentRange)
	}
	if c := q.Header.Get("Content-Encoding"); c != "" && !strings.EqualFold(c, "identity") {
		return up, reply.WithStatus(http.StatusUnsupportedMediaType, mailbox.E(mailbox.Invalid, mailbox.ReasonMalformed, "Content-Encoding"))
	}
	var err error
	if up.Conditions, err = q.places.conditions(q.Request); err != nil {
		return up, err
	}
	if up.Expected, err = expected(q.Request); err != nil {
		return up, err
	}
	if up.Digests, err = digests(q.Header); err != nil {
		return up, err
	}
	up.Modified = parseMtime(q.Header.Get("X-OC-Mtime"))
	// Who sends these compares checksums afterwards.
	up.Checksums = q.Header.Get("OC-Checksum") != "" || q.Header.Get("X-OC-Mtime") != ""
	return up, nil
}

// parseMtime reads X-OC-Mtime, seconds since 1970, also with a fraction. What
// is no sane time of a document is ignored.
func parseMtime(s string) time.Time {
	whole, _, _ := strings.Cut(strings.TrimSpace(s), ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || n <= 0 || n >= 1<<33 { // the year 2242
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}
