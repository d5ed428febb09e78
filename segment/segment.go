// SPDX-License-Identifier: Apache-2.0

// Package segment ships the audit log into the storage, in small objects that
// are written once: whoever loses the catalog still has the log, at most a
// minute behind, and a segment that is missing or was changed shows, since each
// names the digest of the one before it.
//
// A segment is two objects. The .log holds the fixed part of its records, which
// is kept for ever and locked where the bucket locks. The .detail holds what a
// retention run may have to erase (paths, names, addresses), each with its
// salt; the digest in the fixed part binds the two, and gives nothing away once
// the detail is gone.
package segment

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"time"

	"postfach/mailbox"
)

// Record is an audit record as it stands in the catalog's tables.
type Record struct {
	mailbox.Record          // without its Detail
	Digest         [32]byte // SHA-256 of Salt and Text
	Salt           []byte   // 16 bytes; nil when the detail is erased
	Text           []byte   // the detail, JSON; nil when it is erased
}

// Intact says that the detail is the one that the record was written with, or
// is gone.
func (r Record) Intact() bool {
	if r.Salt == nil {
		return true
	}
	h := sha256.New()
	h.Write(r.Salt)
	h.Write(r.Text)
	return [32]byte(h.Sum(nil)) == r.Digest
}

// Header is the first line of a segment.
type Header struct {
	Life     string // of the catalog: another one after every restore
	Instance string // what sync clients know the installation by
	Number   int64  // from 1, without gaps over all lives
	Previous [32]byte
	First    int64 // sequence of the first record
	Last     int64
	Records  int
	Detail   [32]byte // digest of the .detail object
	Made     time.Time
}

// Names of the two objects of a segment below the storage's folder of segments.
func (h Header) logName() string    { return name(h.Life, h.Number) + logSuffix }
func (h Header) detailName() string { return name(h.Life, h.Number) + detailSuffix }

const (
	logSuffix    = ".log"
	detailSuffix = ".detail"
	// maxLine bounds a line, in bytes; a detail holds two paths of 4 KiB at most
	// and some short texts.
	maxLine = 1 << 20
)

func name(life string, number int64) string { return fmt.Sprintf("%s/%012d", life, number) }

var nameForm = regexp.MustCompile(`^([a-z0-9]{1,64})/([0-9]{12})\.(log|detail)$`)

// parseName is the inverse of name, for .log objects.
func parseName(s string) (life string, number int64, ok bool) {
	m := nameForm.FindStringSubmatch(s)
	if m == nil || m[3] != "log" {
		return "", 0, false
	}
	n, err := strconv.ParseInt(m[2], 10, 64)
	return m[1], n, err == nil
}

// headerLine is a Header as JSON; digests in lower-case hexadecimal.
type headerLine struct {
	Format   int    `json:"format"` // 1
	Life     string `json:"life"`
	Instance string `json:"instance"`
	Number   int64  `json:"number"`
	Previous string `json:"previous,omitempty"`
	First    int64  `json:"first"`
	Last     int64  `json:"last"`
	Records  int    `json:"records"`
	Detail   string `json:"detail"`
	Made     string `json:"made"`
}

// fixedLine is the fixed part of a record.
type fixedLine struct {
	Sequence  int64             `json:"sequence"`
	Time      int64             `json:"time"` // microseconds UTC
	Person    mailbox.PersonID  `json:"person,omitempty"`
	Account   mailbox.AccountID `json:"account,omitempty"`
	Role      string            `json:"role,omitempty"`
	Member    mailbox.MemberID  `json:"member,omitempty"`
	Operation string            `json:"operation"`
	Place     int               `json:"place,omitempty"`
	Entry     mailbox.EntryID   `json:"entry,omitempty"`
	Version   string            `json:"version,omitempty"`
	SHA256    string            `json:"sha256,omitempty"`
	Result    string            `json:"result"`
	RequestID string            `json:"request_id,omitempty"`
	Digest    string            `json:"detail_digest"`
}

// detailLine is the erasable part of a record.
type detailLine struct {
	Sequence int64  `json:"sequence"`
	Salt     string `json:"salt"`
	Detail   string `json:"detail"` // JSON as text, byte for byte what the digest covers
}

// encode gives the two objects of a segment, and completes the header.
func encode(h *Header, records []Record) (log, detail []byte, err error) {
	h.First, h.Last, h.Records = records[0].Sequence, records[len(records)-1].Sequence, len(records)
	var d lines
	for _, r := range records {
		if r.Salt != nil {
			d.add(detailLine{r.Sequence, hex.EncodeToString(r.Salt), string(r.Text)})
		}
	}
	h.Detail = sha256.Sum256(d.b.Bytes())
	var l lines
	l.add(h.line())
	for _, r := range records {
		l.add(fixedOf(r))
	}
	return l.b.Bytes(), d.b.Bytes(), errors.Join(d.err, l.err)
}

type lines struct {
	b   bytes.Buffer
	err error
}

func (l *lines) add(v any) {
	e := json.NewEncoder(&l.b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil && l.err == nil {
		l.err = err
	}
}

func (h Header) line() headerLine {
	return headerLine{Format: 1, Life: h.Life, Instance: h.Instance, Number: h.Number, Previous: digits(h.Previous), First: h.First,
		Last: h.Last, Records: h.Records, Detail: hex.EncodeToString(h.Detail[:]), Made: h.Made.UTC().Format(time.RFC3339Nano)}
}

func fixedOf(r Record) fixedLine {
	f := fixedLine{Sequence: r.Sequence, Time: r.Time.UnixMicro(), Person: r.Person, Account: r.Account, Role: string(r.Role), Member: r.Member,
		Operation: string(r.Operation), Place: int(r.Place), Entry: r.Entry, SHA256: digits(r.SHA256), Result: r.Result,
		RequestID: r.RequestID, Digest: hex.EncodeToString(r.Digest[:])}
	if !r.Version.IsZero() {
		f.Version = r.Version.String()
	}
	return f
}

// digits writes a digest; "" for none.
func digits(sum [32]byte) string {
	if sum == [32]byte{} {
		return ""
	}
	return hex.EncodeToString(sum[:])
}

// parseDigits is the inverse of digits.
func parseDigits(s string) (sum [32]byte, err error) {
	if s == "" {
		return sum, nil
	}
	b, err := hex.DecodeString(s)
	if err == nil && len(b) != len(sum) {
		err = fmt.Errorf("a digest of %d digits", len(s))
	}
	copy(sum[:], b)
	return sum, err
}

// Decode reads a .log object and puts the details of a .detail object, which
// may be nil, beside the records.
func Decode(log, detail []byte) (Header, []Record, error) {
	in := scanner(log)
	if !in.Scan() {
		return Header{}, nil, errors.Join(errors.New("segment without a header"), in.Err())
	}
	h, err := parseHeader(in.Bytes())
	if err != nil {
		return h, nil, err
	}
	var records []Record
	at := make(map[int64]int)
	for in.Scan() {
		r, err := parseFixed(in.Bytes())
		if err != nil {
			return h, nil, err
		}
		if n := len(records); n > 0 && r.Sequence <= records[n-1].Sequence {
			return h, nil, fmt.Errorf("record %d follows record %d", r.Sequence, records[n-1].Sequence)
		}
		at[r.Sequence] = len(records)
		records = append(records, r)
	}
	switch n := len(records); {
	case in.Err() != nil:
		return h, nil, in.Err()
	case n == 0 || n != h.Records || records[0].Sequence != h.First || records[n-1].Sequence != h.Last:
		return h, nil, fmt.Errorf("segment of %d records, its header says %d from %d to %d", n, h.Records, h.First, h.Last)
	}
	return h, records, addDetails(records, at, detail)
}

func scanner(b []byte) *bufio.Scanner {
	s := bufio.NewScanner(bytes.NewReader(b))
	s.Buffer(nil, maxLine)
	return s
}

func parseHeader(text []byte) (h Header, err error) {
	var l headerLine
	if err := strict(text, &l); err != nil {
		return h, fmt.Errorf("segment header: %w", err)
	}
	if l.Format != 1 {
		return h, fmt.Errorf("segment of format %d, this program knows 1", l.Format)
	}
	h = Header{Life: l.Life, Instance: l.Instance, Number: l.Number, First: l.First, Last: l.Last, Records: l.Records}
	var errs [3]error
	h.Previous, errs[0] = parseDigits(l.Previous)
	h.Detail, errs[1] = parseDigits(l.Detail)
	h.Made, errs[2] = time.Parse(time.RFC3339Nano, l.Made)
	return h, errors.Join(errs[:]...)
}

func parseFixed(text []byte) (r Record, err error) {
	var f fixedLine
	if err := strict(text, &f); err != nil {
		return r, fmt.Errorf("record: %w", err)
	}
	r.Record = mailbox.Record{Sequence: f.Sequence, Time: time.UnixMicro(f.Time).UTC(), Person: f.Person, Account: f.Account,
		Role: mailbox.Role(f.Role), Member: f.Member, Operation: mailbox.Operation(f.Operation), Place: mailbox.Place(f.Place),
		Entry: f.Entry, Result: f.Result, RequestID: f.RequestID}
	if f.Version != "" {
		if r.Version, err = mailbox.ParseVersionID(f.Version); err != nil {
			return r, err
		}
	}
	if r.SHA256, err = parseDigits(f.SHA256); err != nil {
		return r, err
	}
	r.Digest, err = parseDigits(f.Digest)
	return r, err
}

func addDetails(records []Record, at map[int64]int, detail []byte) error {
	in := scanner(detail)
	for in.Scan() {
		var d detailLine
		if err := strict(in.Bytes(), &d); err != nil {
			return fmt.Errorf("detail: %w", err)
		}
		i, there := at[d.Sequence]
		if !there {
			return fmt.Errorf("detail of record %d, which is not in the segment", d.Sequence)
		}
		salt, err := hex.DecodeString(d.Salt)
		if err != nil || len(salt) != 16 {
			return fmt.Errorf("detail of record %d: bad salt", d.Sequence)
		}
		r := &records[i]
		r.Salt, r.Text = salt, []byte(d.Detail)
		if r.Intact() {
			if err := json.Unmarshal(r.Text, &r.Detail); err != nil {
				return fmt.Errorf("detail of record %d: %w", d.Sequence, err)
			}
		}
	}
	return in.Err()
}

// strict reads one JSON value and nothing behind it.
func strict(text []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something stands behind it")
	}
	return nil
}
