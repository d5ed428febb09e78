// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"postfach/mailbox"
	"postfach/scan/scantest"
)

// deploy/postfach.ndb in a real clamd: each signature hits at every nesting
// level what clamd would call clean without it (issue 2 item 7).
func TestOwnSignatures(t *testing.T) {
	c := testClient(t, scantest.Start(t, scantest.Options{}).Address)
	without := testClient(t, scantest.Start(t, scantest.Options{NoOwnSignatures: true}).Address)
	w := newWorkshop(t, infected())
	plain, data := infected(), deflated(t, infected())
	full := uint32(0xffffffff)
	zip64 := shape{method: 8, data: data, plain: plain, version: 45, localPacked: &full, localPlain: &full, localExtra: zip64Extra(len(plain), len(data))}
	packedOnly := zip64
	packedOnly.localPlain, packedOnly.localExtra, packedOnly.version = nil, zip64Extra(len(data)), 20
	rest := bytes.Repeat([]byte("\x00Rest"), 50)
	form := func(magic string) []byte { return append([]byte(magic), rest...) }
	for _, tc := range []struct {
		name string // of the signature, behind Postfach.Unscannable.
		b    []byte
	}{
		{"Structure.Zip64", zipOf(ending{}, zip64)},
		{"Structure.Zip64", zipOf(ending{}, packedOnly)},
		{"Method.Zip", w.make("7z a -bd -tzip -mm=LZMA o.zip src && mv o.zip out")},
		{"Method.Zip", w.make("7z a -bd -tzip -mm=PPMd o.zip src && mv o.zip out")},
		{"Structure.SplitZip", append([]byte("PK00"), zipOf(ending{}, shape{method: 8, data: data, plain: plain})...)},
		{"Structure.Bzip2", w.make("bzip2 -c src/liste.csv > out; bzip2 -c 'src/Ordner ä/inhalt.txt' >> out")},
		{"Method.Lzma", w.make("xz --format=lzma -c 'src/Ordner ä/inhalt.txt' > out")},
		{"Method.Zstd", form("\x28\xb5\x2f\xfd")},
		{"Method.Lz4", form("\x04\x22\x4d\x18")},
		{"Method.Lzip", form("LZIP\x01")},
		{"Method.Compress", form("\x1f\x9d\x90")},
		{"Method.Lha", form("\x20\x00-lh5-")},
		{"Method.Ace", form("1234567**ACE**")},
		{"Method.Rar", form("Rar!\x1a\x07\x00")},
		{"Method.Rar", form("Rar!\x1a\x07\x01\x00")},
		{"Method.Wim", form("MSWIM\x00\x00\x00")},
		{"Method.Vhdx", form("vhdxfile")},
		{"Method.Pst", form("!BDN")},
		{"Encrypted.Office", testdata(t, "encrypted.docx")},
		{"Encrypted.Word", testdata(t, "encrypted.doc")},
		{"Encrypted.Excel", testdata(t, "encrypted.xls")},
		{"Encrypted.OpenDocument", testdata(t, "encrypted.odt")},
	} {
		for level, b := range map[string][]byte{
			"bare": tc.b, "in zip": zipOf(ending{}, shape{name: "a", method: 8, data: deflated(t, tc.b), plain: tc.b}),
			"in gzip": gzipped(t, tc.b), "in zip in gzip": gzipped(t, zipOf(ending{}, shape{name: "a", data: tc.b, plain: tc.b})),
		} {
			v, err := c.bytes(t.Context(), b)
			if err != nil || v.Outcome != mailbox.Unjudgeable || !strings.HasPrefix(v.Signature, ownPrefix+tc.name) {
				t.Errorf("%s %s: %+v, %v", tc.name, level, v, err)
			}
			if v, err := without.bytes(t.Context(), b); err != nil || v.Outcome != mailbox.Clean {
				t.Logf("%s %s: clamd by itself says %+v, %v now", tc.name, level, v, err)
			}
		}
	}
}

// Ordinary files pass our signatures: the archives of the tools, the documents,
// and the programs of this machine.
func TestOwnSignaturesSpareOrdinaryFiles(t *testing.T) {
	c := testClient(t, scantest.Start(t, scantest.Options{}).Address)
	files := []string{"/bin/ls", "/bin/sh"}
	for _, tool := range []string{"zip", "unzip", "7z", "xz", "bzip2", "tar", "clamscan"} {
		if name, err := exec.LookPath(tool); err == nil {
			files = append(files, name)
		}
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		if v, err := c.descriptor(t.Context(), f, info.Size()); err != nil || v.Outcome != mailbox.Clean {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
	}
	zip64 := shape{method: 8, data: deflated(t, []byte("abc")), plain: []byte("abc"), version: 45}
	for name, b := range map[string][]byte{
		"version 4.5":           zipOf(ending{}, zip64),
		"version 4.5, streamed": zipOf(ending{zip64: true}, zip64.streamed().described(24)),
		"bzip2 in zip":          zipOf(ending{}, shape{name: "a.bz2", data: []byte("BZh91AY&SY"), plain: []byte("BZh91AY&SY")}),
	} {
		if v, err := c.bytes(t.Context(), b); err != nil || v.Outcome != mailbox.Clean {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
	}
}

// deploy/clamd.conf as shipped, but for its paths, passes the self-test and the
// daily probes with a smaller max_size.
func TestShippedConfiguration(t *testing.T) {
	if testing.Short() {
		t.Skip("runs clamd with the limits of production: make test has it")
	}
	c := scantest.Start(t, scantest.Options{Shipped: true})
	g := green(t, Options{Address: address(t, c.Address), MaxSize: maxSize, StagingDir: t.TempDir()})
	if !g.Status().Descriptors {
		t.Error("descriptors do not pass")
	}
	g.opt.MaxSize = 16 << 20 // 2000 MiB take half a minute
	if problem, err := g.tryLimits(t.Context()); err != nil || problem.Code != "" {
		t.Errorf("%+v, %v", problem, err)
	}
}
