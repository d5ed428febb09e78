// SPDX-License-Identifier: Apache-2.0

package dav

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"

	"postfach/mailbox"
)

// algorithm is a digest by the names that its headers use.
type algorithm struct {
	name string // of mailbox.Digest, which is that of RFC 9530 where it has one
	oc   string // in OC-Checksum
	size int    // bytes
}

// algorithms that the mailbox verifies. RFC 9530 section 5 calls all but the
// first two insecure, so they count in OC-Checksum only.
var algorithms = []algorithm{
	{"sha-256", "SHA256", 32}, {"sha-512", "", 64}, {"sha-1", "SHA1", 20}, {"md5", "MD5", 16}, {"adler32", "ADLER32", 4},
}

const maxDigests = 8 // in one request

// digests reads Repr-Digest, Content-Digest (RFC 9530; a PUT here has no
// content coding, so they say the same) and OC-Checksum. Algorithms that we do
// not know are ignored, as the RFC wants; one that we know must be readable.
func digests(h http.Header) ([]mailbox.Digest, error) {
	var all []mailbox.Digest
	for _, field := range []string{"Repr-Digest", "Content-Digest"} {
		for _, v := range h.Values(field) {
			found, err := parseDigest(v, field)
			if err != nil {
				return nil, err
			}
			all = append(all, found...)
		}
	}
	found, err := parseChecksum(h.Get("OC-Checksum"))
	if all = append(all, found...); len(all) > maxDigests {
		return nil, malformed("Digest")
	}
	return all, err
}

// parseDigest reads a dictionary of byte sequences (RFC 9530 section 3, RFC
// 9651 section 3.2): "sha-256=:base64:, sha-512=:base64:".
func parseDigest(s, field string) ([]mailbox.Digest, error) {
	var found []mailbox.Digest
	for member := range strings.SplitSeq(s, ",") {
		key, value, _ := strings.Cut(strings.Trim(member, " \t"), "=")
		for _, a := range algorithms[:2] {
			if a.name != key {
				continue
			}
			value, _, _ = strings.Cut(value, ";") // parameters
			if len(value) < 2 || value[0] != ':' || value[len(value)-1] != ':' {
				return nil, malformed(field)
			}
			sum, err := base64.StdEncoding.DecodeString(value[1 : len(value)-1])
			if err != nil || len(sum) != a.size {
				return nil, malformed(field)
			}
			found = append(found, mailbox.Digest{Algorithm: a.name, Sum: sum})
		}
	}
	return found, nil
}

// parseChecksum reads ownCloud's "TYPE:hex", several separated by spaces.
func parseChecksum(s string) ([]mailbox.Digest, error) {
	var found []mailbox.Digest
	for entry := range strings.FieldsSeq(s) {
		kind, value, ok := strings.Cut(entry, ":")
		if !ok {
			return nil, malformed("OC-Checksum")
		}
		for _, a := range algorithms {
			if a.oc == "" || !strings.EqualFold(a.oc, kind) {
				continue
			}
			if a.name == "adler32" && value != "" { // written without leading zeros
				value = strings.Repeat("0", max(8-len(value), 0)) + value
			}
			sum, err := hex.DecodeString(value)
			if err != nil || len(sum) != a.size {
				return nil, malformed("OC-Checksum")
			}
			found = append(found, mailbox.Digest{Algorithm: a.name, Sum: sum})
		}
	}
	return found, nil
}

// wantsDigest says whether Repr-Digest with SHA-256 may be sent: always, unless
// Want-Repr-Digest gives it the weight 0 (RFC 9530 section 4).
func wantsDigest(h http.Header) bool {
	for member := range strings.SplitSeq(h.Get("Want-Repr-Digest"), ",") {
		key, value, _ := strings.Cut(strings.Trim(member, " \t"), "=")
		if key == "sha-256" && value == "0" {
			return false
		}
	}
	return true
}

// reprDigest is the field value for a SHA-256.
func reprDigest(sum [32]byte) string {
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
}

// expected reads how many bytes a chunked PUT has by Finder's X-Expected-
// Entity-Length or ownCloud's OC-Total-Length; -1 if neither is there. A
// contradiction to Content-Length is kind Invalid: an empty body that was
// announced longer has been eaten by a proxy (CLIENTS.md 2.2).
func expected(r *http.Request) (int64, error) {
	size := int64(-1)
	for _, field := range []string{"X-Expected-Entity-Length", "OC-Total-Length"} {
		v := r.Header.Get(field)
		if v == "" {
			continue
		}
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n < 0 {
			return 0, malformed(field)
		}
		if r.ContentLength >= 0 && r.ContentLength != n || size >= 0 && size != n {
			return 0, mailbox.E(mailbox.Invalid, mailbox.ReasonLength)
		}
		size = n
	}
	return size, nil
}
