// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"slices"
	"testing"

	"postfach/mailbox"
	"postfach/scan/scantest"
)

// class is a file with the test signature packed inside: either clamd reads it
// and finds the signature, or the gate must say why it cannot be judged. Clean
// is wrong in every case (I1).
type class struct {
	name string
	file []byte
	want mailbox.Reason // "" means that the signature is found
}

func judgeClasses(t *testing.T, classes []class) {
	t.Helper()
	c := scantest.Start(t, scantest.Options{})
	g := green(t, Options{Address: address(t, c.Address)})
	// What the gate alone says, without our signatures.
	for _, tc := range classes {
		v, err := g.Scan(t.Context(), memory(tc.file))
		switch {
		case err != nil:
			t.Errorf("%s: %v", tc.name, err)
		case tc.want == "" && v.Outcome != mailbox.Malicious:
			t.Errorf("%s: %+v, want the signature found", tc.name, v)
		case tc.want != "" && (v.Outcome != mailbox.Unjudgeable || v.Reason != tc.want):
			t.Errorf("%s: %+v, want %s", tc.name, v, tc.want)
		}
		if tc.want == "" {
			continue
		}
		f, err := inspect(t.Context(), memory(tc.file), int64(len(tc.file)))
		if err != nil || f.reason != tc.want {
			t.Errorf("%s: the gate alone says %+v, %v", tc.name, f, err)
		}
	}
}

func TestZipClasses(t *testing.T) {
	const structure, method = mailbox.ReasonArchiveStructure, mailbox.ReasonArchiveMethod
	plain := infected()
	data := deflated(t, plain)
	m := shape{method: 8, data: data, plain: plain}
	with := func(change func(*shape)) shape { s := m; change(&s); return s }
	one := func(s shape) []byte { return zipOf(ending{}, s) }
	inner := one(m)
	stored := shape{name: "innen.zip", data: inner, plain: inner}
	full := uint32(0xffffffff)
	harmless := zipOf(ending{}, shape{plain: []byte("abc"), data: []byte("abc")})
	second := m
	second.name = "zwei.txt"

	judgeClasses(t, []class{
		{"plain", one(m), ""},
		{"stored zip in zip", one(stored), ""},
		{"two members", zipOf(ending{}, shape{plain: []byte("abc"), data: []byte("abc")}, second), ""},
		{"comment", zipOf(ending{comment: "hallo"}, m), ""},
		{"descriptor of 16", one(m.streamed().described(16)), ""},
		{"descriptor of 12", one(m.streamed().described(12)), ""},
		{"descriptor of 24", one(m.streamed().described(24)), ""},
		{"stored with descriptor", one(stored.streamed().described(16)), ""},
		{"sizes and descriptor", one(with(func(s *shape) { s.flags = zipDescriptor }).described(16)), ""},
		{"version 4.5", one(with(func(s *shape) { s.version = 45 })), ""},
		{"zip64 end", zipOf(ending{zip64: true}, m), ""},
		{"zip64 sizes in the directory only", one(with(func(s *shape) {
			s.centralPacked, s.centralPlain, s.centralExtra = &full, &full, zip64Extra(len(plain), len(data))
		})), ""},
		{"zip64 sizes with descriptor", one(with(func(s *shape) {
			*s = s.streamed().described(24)
			s.version, s.localPacked, s.localPlain, s.localExtra = 45, &full, &full, zip64Extra(0, 0)
		})), ""},
		{"zip64 true sizes with descriptor", one(with(func(s *shape) {
			*s = s.streamed().described(24)
			s.version, s.localPacked, s.localPlain, s.localExtra = 45, &full, &full, zip64Extra(len(plain), len(data))
		})), ""},
		{"self-extractor", append([]byte("MZ"+string(make([]byte, 1000))), inner...), ""},
		{"script in front", append([]byte("#!/bin/sh\nexec java -jar $0\n"), inner...), ""},
		{"office padding", one(with(func(s *shape) { s.flags, s.localExtra = 6, append([]byte{0x20, 0xa2, 8, 0}, make([]byte, 8)...) })), ""},

		{"zip64 local sizes", one(with(func(s *shape) {
			s.version, s.localPacked, s.localPlain, s.localExtra = 45, &full, &full, zip64Extra(len(plain), len(data))
		})), structure},
		{"zip64 packed size only", one(with(func(s *shape) {
			s.version, s.localPacked, s.localExtra = 45, &full, zip64Extra(len(data))
		})), structure},
		{"zip64 of version 2.0", one(with(func(s *shape) {
			s.localPacked, s.localPlain, s.localExtra = &full, &full, zip64Extra(len(plain), len(data))
		})), structure},
		{"zip64 field missing", one(with(func(s *shape) { s.centralPacked = &full })), structure},
		{"LZMA", one(with(func(s *shape) { s.method = 14 })), method},
		{"PPMd", one(with(func(s *shape) { s.method = 98 })), method},
		{"xz", one(with(func(s *shape) { s.method = 95 })), method},
		{"zstd", one(with(func(s *shape) { s.method = 93 })), method},
		{"AES without encryption", one(with(func(s *shape) { s.method = 99 })), method},
		{"masked directory", one(with(func(s *shape) { s.flags = zipMasked })), method},
		{"strong encryption", one(with(func(s *shape) { s.flags = zipStrong | zipEncrypted })), method},
		{"local method differs", one(with(func(s *shape) { s.localMethod = is[uint16](0) })), structure},
		{"local flags differ", one(with(func(s *shape) { s.localFlags = is[uint16](1) })), structure},
		{"local size smaller", one(with(func(s *shape) { s.localPacked = is[uint32](10) })), structure},
		{"local size larger", one(with(func(s *shape) { s.localPacked = is[uint32](1 << 20) })), structure},
		{"local plain size differs", one(with(func(s *shape) { s.localPlain = is[uint32](10) })), structure},
		{"local checksum differs", one(with(func(s *shape) { s.localCRC = is[uint32](1) })), structure},
		{"local name differs", one(with(func(s *shape) { s.localName = "andere.txt" })), structure},
		{"zero sizes without descriptor", one(with(func(s *shape) { s.localPacked = is[uint32](0) })), structure},
		{"central size smaller", one(with(func(s *shape) { s.centralPacked = is[uint32](10) })), structure},
		{"stored with two sizes", one(shape{data: inner, plain: inner, centralPlain: is[uint32](1), localPlain: is[uint32](1)}), structure},
		{"gap", one(with(func(s *shape) { s.gap = make([]byte, 100) })), structure},
		{"hidden member", one(with(func(s *shape) { s.gap = harmless[:40] })), structure},
		{"wrong descriptor", one(with(func(s *shape) {
			*s = s.streamed().described(16)
			s.descriptor[8] ^= 1
		})), structure},
		{"count too small", zipOf(ending{entries: -1}, m, second), structure},
		{"count too large", zipOf(ending{entries: 1}, m), structure},
		{"directory offset beyond", zipOf(ending{offset: 5}, m), structure},
		{"appended zip", slices.Concat(harmless, inner), structure},
		{"appended junk", append(one(m), "junk"...), structure},
		{"byte in front", append([]byte("x"), inner...), structure},
		{"behind a picture", append([]byte("\xff\xd8\xff\xe0\x00\x10JFIF\x00"), inner...), structure},
		{"behind music", append([]byte("ID3\x03"+string(make([]byte, 100))), inner...), structure},
		{"split mark", append([]byte("PK00"), inner...), structure},
		{"no end", inner[:len(inner)-22], structure},
		{"no directory", inner[:zipLocalSize+9+len(data)], structure},
		{"overlap", overlapping(inner), structure},
		{"directory in two parts", patched(inner, len(inner)-18, 1), structure},
	})
}

// patched sets one byte.
func patched(b []byte, at int, v byte) []byte {
	b = slices.Clone(b)
	b[at] = v
	return b
}

// overlapping makes the directory name the same member twice.
func overlapping(b []byte) []byte {
	dir := len(b) - 22 - 46 - len("liste.txt")
	out := slices.Concat(b[:len(b)-22], b[dir:len(b)-22], b[len(b)-22:])
	end := len(out) - 22
	out[end+8], out[end+10] = 2, 2
	out[end+12] *= 2
	return out
}

func gzipped(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(b)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestGzipClasses(t *testing.T) {
	const structure = mailbox.ReasonArchiveStructure
	bad := gzipped(t, infected())
	clean := gzipped(t, bytes.Repeat([]byte("abc"), 1000))
	withComment := slices.Concat(bad[:3], []byte{16}, bad[4:10], []byte("Notiz\x00"), bad[10:])
	judgeClasses(t, []class{
		{"one member", bad, ""},
		{"two members", slices.Concat(clean, bad), ""},
		{"comment", withComment, ""},
		{"padding", slices.Concat(clean, make([]byte, 512), bad), structure},
		{"junk", slices.Concat(clean, []byte("junk"), bad), structure},
		{"zip behind", slices.Concat(clean, zipOf(ending{}, shape{method: 8, data: deflated(t, infected()), plain: infected()})), structure},
		{"reserved flag", patched(bad, 3, 0x20), structure},
		{"header checksum", patched(bad, 3, 0x02), structure},
		{"wrong checksum in front", slices.Concat(patched(clean, len(clean)-8, clean[len(clean)-8]^1), bad), structure},
		{"cut off", bad[:len(bad)-5], structure},
	})
}

func TestTarClasses(t *testing.T) {
	const structure, method = mailbox.ReasonArchiveStructure, mailbox.ReasonArchiveMethod
	inner := zipOf(ending{}, shape{method: 8, data: deflated(t, infected()), plain: infected()})
	block := func(b []byte) []byte {
		return append(slices.Clone(b), make([]byte, (tarBlock-len(b)%tarBlock)%tarBlock)...)
	}
	header := func(size int64, kind byte) []byte { return tarHeader("datei", size, kind) }
	first := append(header(5, '0'), block([]byte("hallo"))...)
	member := append(header(int64(len(inner)), '0'), block(inner)...)
	end := make([]byte, 2*tarBlock)
	as := func(kind byte) []byte {
		return slices.Concat(first, header(int64(len(inner)), kind), block(inner), end)
	}
	large := header(int64(len(inner)), '0')
	copy(large[124:136], "\x80\x00\x00\x00\x00\x00\x00\x00")
	large[134], large[135] = byte(len(inner)>>8), byte(len(inner))
	fixTarSum(large)
	record := "17 size=000000000\n"
	judgeClasses(t, []class{
		{"ordinary", slices.Concat(first, member, end), ""},
		{"without an end", slices.Concat(first, member), ""},
		{"contiguous", as('7'), ""},
		{"old regular", as(0), ""},
		{"one empty block inside", slices.Concat(first, make([]byte, tarBlock), member, end), structure},
		{"behind the end", slices.Concat(first, end, member, end), structure},
		{"link with content", as('1'), structure},
		{"folder with content", as('5'), structure},
		{"unknown type", as('A'), method},
		{"sparse", as('S'), method},
		{"size in base 256", slices.Concat(first, large, block(inner), end), structure},
		{"size in pax", slices.Concat(first, header(int64(len(record)), 'x'), block([]byte(record)), member, end), method},
		{"wrong checksum", slices.Concat(first, patched(member, 0, 'X'), end), structure},
		{"other dialect", slices.Concat(first, fixTarSum(patched(member, 257, 0)), end), structure},
		{"junk between", slices.Concat(first, bytes.Repeat([]byte("junk"), 128), member, end), structure},
	})
}

func tarHeader(name string, size int64, kind byte) []byte {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	if err := w.WriteHeader(&tar.Header{Name: name, Size: size, Mode: 0o644, Typeflag: '0', Format: tar.FormatUSTAR}); err != nil {
		panic(err)
	}
	b := out.Bytes()
	b[156] = kind
	return fixTarSum(b)
}

func fixTarSum(b []byte) []byte {
	copy(b[148:156], "        ")
	sum := 0
	for _, c := range b[:tarBlock] {
		sum += int(c)
	}
	for i := range 6 {
		b[153-i] = '0' + byte(sum>>(3*i)&7)
	}
	b[154], b[155] = 0, ' '
	return b
}

// Formats that clamd does not unpack are refused by their beginning, and an
// .lzma file, which has none, by its form.
func TestUnreadForms(t *testing.T) {
	rest := bytes.Repeat([]byte("\x00etwas"), 100)
	for name, magic := range map[string]string{
		"rar 4": "Rar!\x1a\x07\x00", "rar 5": "Rar!\x1a\x07\x01\x00", "zstd": "\x28\xb5\x2f\xfd", "lz4": "\x04\x22\x4d\x18",
		"lzip": "LZIP\x01", "compress": "\x1f\x9d\x90", "lha": "\x20\x00-lh5-", "vhdx": "vhdxfile", "pst": "!BDN",
		"rar behind a program": "MZ" + string(make([]byte, 5000)) + "Rar!\x1a\x07\x01\x00",
	} {
		b := append([]byte(magic), rest...)
		if f, err := inspect(t.Context(), memory(b), int64(len(b))); err != nil || f.reason != mailbox.ReasonArchiveMethod {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
}

// Ordinary files that are no archives are clamd's alone.
func TestOrdinaryFilesPass(t *testing.T) {
	for name, s := range map[string]string{
		"empty": "", "text": "Sehr geehrte Damen und Herren", "one byte": "P", "PK in a text": "PK ist eine Abkürzung",
		"csv": "0815;Stadt Musterhausen;1234,56\r\n", "bracket": "]\x00\x00", "font": "\x00\x01\x00\x00\x00\x0f\x00\x80\x00\x03\x00\x70GSUB",
		"zeros": string(make([]byte, 5000)), "end mark in a text": "x PK\x05\x06" + string(make([]byte, 100)),
		"icon": "\x00\x00\x01\x00\x01\x00\x10\x10\x00\x00\x01\x00\x04\x00\x28\x01\x00\x00\x16\x00\x00\x00\x28\x00\x00\x00\x10\x00\x00\x00\x20\x00",
	} {
		if f, err := inspect(t.Context(), memory(s), int64(len(s))); err != nil || f.reason != "" {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
}
