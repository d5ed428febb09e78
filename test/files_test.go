// SPDX-License-Identifier: Apache-2.0

package test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"postfach/test/world"
)

func hexDigest(body string) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:])
}

// blobs lists the files of the storage folder, with their sizes.
func blobs(t *testing.T, w *world.World) map[string]int64 {
	t.Helper()
	found := map[string]int64{}
	root := filepath.Join(w.Data, "blobs")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // gone while we look
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			rel, _ := filepath.Rel(root, path)
			found[rel] = info.Size()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// encryptedZip is made by the real tool.
func encryptedZip(t *testing.T) []byte {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "geheim.txt"), "geheimer Inhalt")
	cmd := exec.Command("zip", "-q", "-P", "kennwort", "a.zip", "geheim.txt")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("zip: %v %s", err, out)
	}
	b, err := os.ReadFile(filepath.Join(dir, "a.zip"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// zeroZip holds one member of n zero bytes.
func zeroZip(t *testing.T, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	m, err := z.Create("null.bin")
	if err == nil {
		_, err = m.Write(make([]byte, n))
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
