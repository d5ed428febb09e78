// SPDX-License-Identifier: Apache-2.0

package dav

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"fmt"
	"hash/adler32"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"postfach/mailbox"
)

const sample = "Hello, world!"

// Digests of the sample, made by Python's hashlib and zlib.
var sampleDigests = map[string]string{
	"Repr-Digest":    "sha-256=:MV9b23bQeMQ7isAGTkoBZGErH853yGk0W/yUx1iU7dM=:",
	"Content-Digest": `md5=:AAAA:, sha-512=:wVJ82JPBJHc9gRkRlwyP5uhX1t9dySJr2KFgYUwM2WOk3eorlLt9NgIe+dhl1c6ilKgt1JoLsmn1H256V/eUIQ==:;a=b`,
	"OC-Checksum":    "MD5:6cd3556deb0da54bca060b4c39479839 SHA1:943a702d06f34599aee1f8da8ef9f7296031d699 adler32:205e048a NEW:zz",
}

func TestDigestsAgainstOtherImplementations(t *testing.T) {
	h := http.Header{}
	for k, v := range sampleDigests {
		h.Set(k, v)
	}
	got, err := digests(h)
	if err != nil {
		t.Fatal(err)
	}
	b := []byte(sample)
	s256, s512, s1, m5 := sha256.Sum256(b), sha512.Sum512(b), sha1.Sum(b), md5.Sum(b)
	want := []mailbox.Digest{{Algorithm: "sha-256", Sum: s256[:]}, {Algorithm: "sha-512", Sum: s512[:]}, {Algorithm: "md5", Sum: m5[:]},
		{Algorithm: "sha-1", Sum: s1[:]}, {Algorithm: "adler32", Sum: binary.BigEndian.AppendUint32(nil, adler32.Checksum(b))}}
	if fmt.Sprintf("%x", got) != fmt.Sprintf("%x", want) {
		t.Errorf("%x\nwant %x", got, want)
	}
	if got := reprDigest(s256); got != sampleDigests["Repr-Digest"] {
		t.Error(got)
	}
}

func TestMalformedDigests(t *testing.T) {
	for _, c := range [][2]string{
		{"Repr-Digest", "sha-256=abc"}, {"Repr-Digest", "sha-256=:!!:"}, {"Repr-Digest", "sha-256=:AAAA:"}, {"Repr-Digest", "sha-256"},
		{"Content-Digest", "sha-512=:AAAA:"}, {"OC-Checksum", "SHA1"}, {"OC-Checksum", "SHA1:zz"}, {"OC-Checksum", "MD5:00"},
		{"OC-Checksum", "ADLER32:"}, {"OC-Checksum", strings.Repeat("ADLER32:205e048a ", maxDigests+1)},
	} {
		h := http.Header{}
		h.Set(c[0], c[1])
		if d, err := digests(h); mailbox.KindOf(err) != mailbox.Invalid || err == nil {
			t.Errorf("%s: %s gave %v, %v", c[0], c[1], d, err)
		}
	}
	h := http.Header{"Repr-Digest": {"md5=:AAAA:, unixsum=:BBBB:"}}
	if d, err := digests(h); err != nil || len(d) != 0 {
		t.Errorf("unknown algorithms: %v, %v", d, err)
	}
	if wantsDigest(http.Header{"Want-Repr-Digest": {"sha-512=3, sha-256=0"}}) || !wantsDigest(http.Header{}) {
		t.Error("Want-Repr-Digest")
	}
}

// Every algorithm that a header may name is one that the mailbox verifies.
func TestAlgorithmsAreVerified(t *testing.T) {
	for _, a := range algorithms {
		if !mailbox.KnownDigest(a.name) {
			t.Errorf("%s is read here and verified by nobody", a.name)
		}
	}
}

func TestExpected(t *testing.T) {
	put := func(length int64, field, v string) *http.Request {
		r := httptest.NewRequest("PUT", "/dav/x", strings.NewReader("x"))
		r.ContentLength = length
		if field != "" {
			r.Header.Set(field, v)
		}
		return r
	}
	for _, c := range []struct {
		r    *http.Request
		want int64
		fail bool
	}{
		{put(7, "", ""), -1, false}, {put(-1, "X-Expected-Entity-Length", "11"), 11, false},
		{put(7, "X-Expected-Entity-Length", "7"), 7, false}, {put(0, "X-Expected-Entity-Length", "7"), 0, true},
		{put(7, "OC-Total-Length", "8"), 0, true}, {put(7, "OC-Total-Length", "x"), 0, true}, {put(7, "OC-Total-Length", "-7"), 0, true},
	} {
		got, err := expected(c.r)
		if (mailbox.KindOf(err) == mailbox.Invalid) != c.fail || got != c.want {
			t.Errorf("%v: %d, %v", c.r.Header, got, err)
		}
	}
}

// FuzzDigests: an accepted digest has an algorithm and the length that belongs
// to it.
func FuzzDigests(f *testing.F) {
	for _, v := range sampleDigests {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, h := range []http.Header{{"Repr-Digest": {s}}, {"Oc-Checksum": {s}}} {
			found, err := digests(h)
			for _, d := range found {
				i := slices.IndexFunc(algorithms, func(a algorithm) bool { return a.name == d.Algorithm })
				if err == nil && (i < 0 || len(d.Sum) != algorithms[i].size) {
					t.Fatalf("%q: %+v", s, d)
				}
			}
		}
	})
}
