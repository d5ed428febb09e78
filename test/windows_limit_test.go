// SPDX-License-Identifier: Apache-2.0

package test

import (
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"postfach/test/world"
)

// TestWindowsLimit: people whose drive stops at 50 MB find out why: beside the
// file in the listing, and the service desk in the log. So it is for the empty
// file that an upload beyond the limit leaves.
func TestWindowsLimit(t *testing.T) {
	w := whole(t, world.Options{MaxSize: "64MiB", Members: []world.Member{world.Musterhausen},
		Accounts: []world.Account{{Login: "anna", Role: "clerk", Member: "0815"}}})
	drive := map[string]string{"User-Agent": "Microsoft-WebDAV-MiniRedir/10.0.19045", "Depth": "0"}
	page := map[string]string{"Accept": "text/html", "Accept-Language": "de"}
	const f = "/dav/an_KVBbg/"
	w.Put(t, "anna", f+"klein.zip", "x")
	plain := w.Do(t, world.Exchange{As: "anna", Method: "GET", Path: f, Header: page, Want: 200})
	w.Do(t, world.Exchange{As: "anna", Method: "PROPFIND", Path: f + "klein.zip", Header: drive, Want: 207})
	if strings.Contains(string(plain.Body), "50 MB") || strings.Contains(w.Log(), "windows size limit") {
		t.Errorf("a hint without a reason:\n%s", plain.Body)
	}
	w.Put(t, "anna", f+"leer.zip", "")
	// No random bytes: by chance they hold what a scanner takes for an archive beyond its limits.
	w.Put(t, "anna", f+"exakt.zip", strings.Repeat("x", 50_000_000))
	w.Do(t, world.Exchange{As: "anna", Method: "GET", Path: f, Header: page, Want: 200, Contains: `<p class="note" id="void">`})
	w.Put(t, "anna", f+"gross.zip", strings.Repeat("y", 50_000_001))
	listing := string(w.Do(t, world.Exchange{As: "anna", Method: "GET", Path: f, Header: page, Want: 200}).Body)
	for hint, times := range map[string]int{`<a href="#large">`: 1, `<a href="#void">`: 1, `<a href="/hilfe#grosse-dateien">`: 2, `id="large"`: 1} {
		if n := strings.Count(listing, hint); n != times {
			t.Errorf("%s stands %d times, want %d:\n%s", hint, n, times, listing)
		}
	}
	w.Do(t, world.Exchange{As: "anna", Method: "PROPFIND", Path: f + "gross.zip", Header: map[string]string{"Depth": "0", "User-Agent": "davfs2/1.6.1"}, Want: 207})
	if strings.Contains(w.Log(), "windows size limit") {
		t.Error("other programs have no such limit")
	}
	w.Do(t, world.Exchange{As: "anna", Method: "PROPFIND", Path: f + "gross.zip", Header: drive, Want: 207})
	w.Do(t, world.Exchange{As: "anna", Method: "GET", Path: f + "exakt.zip", Header: drive, Want: 200})
	for _, said := range []string{`"size":50000001,"limit":50000000,"over":true`, `"size":50000000,"limit":50000000,"over":false`} {
		eventually(t, "the log says "+said, func() bool {
			return strings.Contains(w.Log(), `"windows size limit"`) && strings.Contains(w.Log(), said)
		})
	}
	if strings.Contains(w.Log(), "gross.zip") {
		t.Error("the log names the file")
	}
}

var codeOnPage = regexp.MustCompile(`<code>(rclone [^<]+)</code>`)

// TestHelpCommands: what the help page tells people to type works as it stands
// there, with Debian's rclone.
func TestHelpCommands(t *testing.T) {
	w := whole(t, world.Everybody())
	body := string(w.Do(t, world.Exchange{Method: "GET", Path: "/hilfe?lang=de", Want: 200}).Body)
	var lines []string
	for _, m := range codeOnPage.FindAllStringSubmatch(body, -1) {
		lines = append(lines, strings.ReplaceAll(html.UnescapeString(m[1]), "ANMELDENAME", "anna"))
	}
	if len(lines) != 3 {
		t.Fatalf("%d lines for rclone: %q", len(lines), lines)
	}
	home := t.TempDir()
	must(t, os.Mkdir(filepath.Join(home, "Meldungen"), 0o700))
	writeFile(t, filepath.Join(home, "Meldungen", "März.csv"), "1;2;3\n")
	cmd := command(t, "bash", "-euc", "read -rs GERAETEPASSWORT\n"+strings.Join(lines, "\n"))
	cmd.Dir, cmd.Env = home, append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+home)
	cmd.Stdin = strings.NewReader(world.Password + "\n")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "0 differences found") || strings.Contains(string(out), "could not be checked") {
		t.Errorf("%v\n%s", err, out)
	}
	if got := string(w.Get(t, "bert", "/dav/0815/an_KVBbg/M%C3%A4rz.csv").Body); got != "1;2;3\n" {
		t.Errorf("arrived as %q", got)
	}
}
