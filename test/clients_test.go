// SPDX-License-Identifier: Apache-2.0

package test

import (
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"postfach/test/world"
)

// TestCadaver runs the whole set of commands of CLIENTS.md section 6, item 18.
func TestCadaver(t *testing.T) {
	w := whole(t, world.Everybody())
	home := t.TempDir()
	writeFile(t, filepath.Join(home, ".netrc"), "machine 127.0.0.1\nlogin anna\npassword "+world.Password+"\n")
	writeFile(t, filepath.Join(home, "f"), "Inhalt\n")
	script := "mkcol t\ncd t\nput f\nlock f\nput f\ndiscover f\nunlock f\nmove f g\ncopy g h\npropset g a b\npropget g\n" +
		"get g g2\ndelete h\nls\ncd ..\nrmcol t\nquit\n"
	cmd := exec.CommandContext(t.Context(), "cadaver", w.URL+"/dav/an_KVBbg/")
	cmd.Dir, cmd.Env = home, append(os.Environ(), "HOME="+home, "LC_ALL=C")
	cmd.Stdin = strings.NewReader(script)
	b, err := cmd.CombinedOutput()
	out := string(b)
	if err != nil || strings.Contains(out, "failed") {
		t.Errorf("cadaver: %v\n%s", err, out)
	}
	if n := strings.Count(out, "succeeded"); n < 12 {
		t.Errorf("only %d commands succeeded:\n%s", n, out)
	}
	if !strings.Contains(out, "Lock token") && !strings.Contains(out, "opaquelocktoken") && !strings.Contains(out, "urn:uuid") {
		t.Errorf("discover shows no lock:\n%s", out)
	}
	if got := readFile(t, filepath.Join(home, "g2")); got != "Inhalt\n" {
		t.Errorf("fetched %q", got)
	}
}

// hardNames go through the real clients, the longest ones too (issue 2, item 9).
var hardNames = []string{
	strings.Repeat("a", 251) + ".txt", strings.Repeat("ü", 125) + ".txtx", "😀 Grüße.txt", "a%20b %25.txt",
	"100% & #1 + a;b=c,d@e!'f'.txt", "[neu] {x} (1).txt", "~lock x#", "ﬁ Ünï.txt", "Straße.txt", "^`$HOME.txt",
}

// TestCadaverNames sends hard names with cadaver, and fetches some. (Its mget
// cuts names of 255 bytes.)
func TestCadaverNames(t *testing.T) {
	w := whole(t, world.Everybody())
	home, back := t.TempDir(), t.TempDir()
	writeFile(t, filepath.Join(home, ".netrc"), "machine 127.0.0.1\nlogin anna\npassword "+world.Password+"\n")
	send := filepath.Join(home, "namen")
	if err := os.Mkdir(send, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range hardNames {
		writeFile(t, filepath.Join(send, name), "Inhalt von "+name)
	}
	cmd := exec.CommandContext(t.Context(), "cadaver", w.URL+"/dav/an_KVBbg/")
	cmd.Dir, cmd.Env = back, append(os.Environ(), "HOME="+home, "LC_ALL=C.UTF-8")
	cmd.Stdin = strings.NewReader("lcd " + send + "\nmput *\nlcd " + back + "\nget \"a%20b %25.txt\" a\nget \"😀 Grüße.txt\" b\nquit\n")
	if out, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(out), "failed") {
		t.Errorf("cadaver: %v\n%s", err, out)
	}
	for _, name := range hardNames {
		if got := w.Get(t, "bert", "/dav/0815/an_KVBbg/"+url.PathEscape(name)); string(got.Body) != "Inhalt von "+name {
			t.Errorf("%q holds %q", name, got.Body)
		}
	}
	for file, name := range map[string]string{"a": "a%20b %25.txt", "b": "😀 Grüße.txt"} {
		if got := readFile(t, filepath.Join(back, file)); got != "Inhalt von "+name {
			t.Errorf("%q came back as %q", name, got)
		}
	}
}

func writeFile(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestCurl: what a script of the authority would write, with the tool itself.
func TestCurl(t *testing.T) {
	w := whole(t, world.Everybody())
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "liste.csv"), "1;2;3\n")
	curl := func(args ...string) string {
		t.Helper()
		out, err := exec.Command("curl", append([]string{"-sS", "-u", "anna:" + world.Password, "-w", "%{http_code}"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("curl %q: %v\n%s", args, err, out)
		}
		return string(out)
	}
	target := w.URL + "/dav/an_KVBbg/" + url.PathEscape("Übersicht.csv")
	file := filepath.Join(dir, "liste.csv")
	for i, want := range []string{"201", "204"} {
		if got := curl("-T", file, target); !strings.HasSuffix(got, want) {
			t.Errorf("upload %d: %s, want %s", i, got, want)
		}
	}
	if got := curl("-T", file, "-H", "Expect: 100-continue", w.URL+"/dav/0815/Verboten.csv"); !strings.HasSuffix(got, "403") {
		t.Errorf("upload into the root: %s", got)
	}
	if got := curl(target); got != "1;2;3\n200" {
		t.Errorf("download: %q", got)
	}
	if got := curl("-r", "2-2", target); got != "2206" {
		t.Errorf("range: %q", got)
	}
	if got := curl(w.URL + "/dav/"); !strings.Contains(got, "an_KVBbg") || !strings.HasSuffix(got, "200") {
		t.Errorf("listing: %q", got)
	}
	if got := curl("-u", "anna:falsches Kennwort", w.URL+"/dav/"); !strings.HasSuffix(got, "401") {
		t.Errorf("wrong password: %q", got)
	}
}
