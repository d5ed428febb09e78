// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"archive/zip"
	"bytes"
	"os"
	"strings"
	"testing"
)

// Whatever the bytes, the gate's look at them ends without an error, and what
// it calls an orderly ZIP is one that Go's reader opens with the same members.
func FuzzInspect(f *testing.F) {
	names, err := os.ReadDir("testdata")
	if err != nil {
		f.Fatal(err)
	}
	for _, n := range names {
		if !n.IsDir() {
			f.Add(testdata(f, n.Name()))
		}
	}
	plain := infected()
	m := shape{method: 8, data: deflated(f, plain), plain: plain}
	f.Add(zipOf(ending{}, m))
	f.Add(zipOf(ending{zip64: true, comment: "x"}, m.streamed().described(24), shape{name: "b"}))
	f.Add(gzipped(f, plain))
	f.Add(append(tarHeader("a", 5, '0'), make([]byte, 1536)...))
	f.Add([]byte("\xfd7zXZ\x00\x00\x04YZ"))
	f.Add([]byte("7z\xbc\xaf\x27\x1c\x00\x04"))
	f.Add([]byte("BZh91AY&SY\x17\x72\x45\x38\x50\x90\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		found, err := inspect(t.Context(), memory(b), int64(len(b)))
		if err != nil {
			t.Fatalf("%+v, %v", found, err)
		}
		if !strings.HasPrefix(string(b), "PK\x03\x04") || found.reason != "" && !found.encrypted() {
			return
		}
		z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
		if err != nil && err != zip.ErrInsecurePath {
			t.Fatalf("the gate takes a ZIP that Go refuses: %v", err)
		}
		src := source{ctx: t.Context(), r: bytes.NewReader(b), size: int64(len(b))}
		end, err := findZipEnd(src)
		if err != nil {
			t.Fatal(err)
		}
		d, _, err := readZipEnd(src, end)
		if err != nil || int(d.entries) != len(z.File) {
			t.Fatalf("%d members where Go sees %d, %v", d.entries, len(z.File), err)
		}
	})
}

// The header parser of 7z ends on any bytes and gives no folders with an error.
func FuzzSevenHeader(f *testing.F) {
	f.Add([]byte{1, 4, 6, 0, 1, 9, 10, 0, 7, 11, 1, 0, 1, 0x21, 0x21, 1, 0, 12, 10, 0, 0})
	f.Add([]byte{0x17, 6, 0, 1, 9, 10, 0, 7, 11, 1, 0, 1, 0x23, 3, 1, 1, 5, 0x5d, 0, 0, 1, 0, 12, 10, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		p := &sevenParser{b: b}
		s := p.streams()
		if p.bad && len(s.folders) > 0 {
			t.Fatalf("%d folders of a broken header", len(s.folders))
		}
	})
}

// The decoder never gives more than it was asked for.
func FuzzDecodeLZMA(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0, 0}, []byte{0x5d, 0, 0, 1, 0}, 100)
	f.Fuzz(func(t *testing.T, in, props []byte, size int) {
		size = min(max(size, 0), 1<<20)
		out, err := decodeLZMA(in, props, size)
		if len(out) > size || err == nil && len(out) != size {
			t.Fatalf("%d of %d bytes, %v", len(out), size, err)
		}
	})
}
