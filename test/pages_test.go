// SPDX-License-Identifier: Apache-2.0

package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"postfach/test/world"
)

// block is what stands behind <!-- name --> on a page of docs, as it is to be
// copied from there.
func block(t *testing.T, page, name string) string {
	t.Helper()
	_, rest, found := strings.Cut(readFile(t, "../docs/"+page), "\n<!-- "+name+" -->\n```")
	_, rest, _ = strings.Cut(rest, "\n") // the language
	text, _, ended := strings.Cut(rest, "\n```")
	if !found || !ended {
		t.Fatalf("docs/%s has no block %s", page, name)
	}
	return text + "\n"
}

// follow runs the commands of a block with other paths, the longest first.
func follow(t *testing.T, w *world.World, commands string, paths ...string) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.Symlink(os.Getenv(world.BinaryVariable), filepath.Join(dir, "postfach")))
	cmd := exec.Command("sh", "-e", "-c", strings.NewReplacer(paths...).Replace(commands))
	cmd.Env = append(append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH")), w.Env()...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v in\n%s\n%s", err, commands, out)
	}
	return string(out)
}
