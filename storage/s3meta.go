// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"postfach/mailbox"
)

// Names of metadata, which S3 gives back in its own spelling. Values are
// printable ASCII: paths as base64url, the scanner's words escaped as in URLs.
const (
	metaMark     = "postfach-upload" // which upload made the object
	metaBeside   = "postfach-beside" // the description is an object of its own
	metaFormat   = "postfach-format"
	metaEntry    = "postfach-entry"
	metaPath     = "postfach-path"
	metaSHA256   = "postfach-sha256"
	metaSize     = "postfach-size"
	metaPerson   = "postfach-person"
	metaTime     = "postfach-time"
	metaEngine   = "postfach-engine"
	metaDatabase = "postfach-database"
)

// maxMeta is what S3 lets an object have, names and values together, in bytes.
const maxMeta = 2 << 10

// newMark tells the objects of one upload from those of every other, so that
// an upload whose reply was lost can be recognized.
func newMark() string { return uuid.NewString() }

// encodeMeta gives a description as metadata, and whether it fits.
func encodeMeta(d mailbox.Description, mark string) (map[string]string, bool) {
	m := map[string]string{
		metaMark:     mark,
		metaFormat:   "1",
		metaEntry:    strconv.FormatInt(int64(d.Entry), 10),
		metaPath:     base64.RawURLEncoding.EncodeToString([]byte(d.Path)),
		metaSHA256:   hex.EncodeToString(d.SHA256[:]),
		metaSize:     strconv.FormatInt(d.Size, 10),
		metaPerson:   strconv.FormatInt(int64(d.Person), 10),
		metaTime:     d.Time.UTC().Format(timeLayout),
		metaEngine:   url.PathEscape(d.Engine),
		metaDatabase: url.PathEscape(d.Database),
	}
	size := 0
	for name, value := range m {
		size += len(name) + len(value)
		if value == "" { // not every server keeps empty ones
			delete(m, name)
		}
	}
	return m, size <= maxMeta
}

// besideMeta is the metadata of an object whose description lies beside it.
func besideMeta(mark string) map[string]string {
	return map[string]string{metaMark: mark, metaBeside: besideSuffix}
}

// lowerMeta gives metadata the names that it was stored with.
func lowerMeta(m map[string]string) map[string]string {
	low := make(map[string]string, len(m))
	for name, value := range m {
		low[strings.ToLower(name)] = value
	}
	return low
}

// decodeMeta reads what encodeMeta wrote.
func decodeMeta(m map[string]string) (mailbox.Description, error) {
	if m[metaFormat] != "1" {
		return mailbox.Description{}, fmt.Errorf("description of format %q, this program knows 1", m[metaFormat])
	}
	r := metaReader{m: m}
	d := mailbox.Description{
		Entry: mailbox.EntryID(r.number(metaEntry)), Person: mailbox.PersonID(r.number(metaPerson)), Size: r.number(metaSize),
		Path: r.path(metaPath), Engine: r.words(metaEngine), Database: r.words(metaDatabase), Time: r.time(metaTime),
	}
	r.digest(metaSHA256, d.SHA256[:])
	return d, r.err
}

// metaReader keeps the first fault.
type metaReader struct {
	m   map[string]string
	err error
}

func (r *metaReader) note(name string, err error) {
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("metadata %s: %w", name, err)
	}
}

func (r *metaReader) number(name string) int64 {
	n, err := strconv.ParseInt(r.m[name], 10, 64)
	r.note(name, err)
	return n
}

func (r *metaReader) path(name string) string {
	text, err := base64.RawURLEncoding.DecodeString(r.m[name])
	r.note(name, err)
	return string(text)
}

func (r *metaReader) words(name string) string {
	text, err := url.PathUnescape(r.m[name])
	r.note(name, err)
	return text
}

func (r *metaReader) time(name string) time.Time {
	at, err := time.Parse(timeLayout, r.m[name])
	r.note(name, err)
	return at
}

func (r *metaReader) digest(name string, into []byte) {
	if len(r.m[name]) != 2*len(into) {
		r.note(name, fmt.Errorf("%d digits", len(r.m[name])))
		return
	}
	_, err := hex.Decode(into, []byte(r.m[name]))
	r.note(name, err)
}
