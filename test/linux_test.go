// SPDX-License-Identifier: Apache-2.0

package test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"postfach/scan/scantest"
	"postfach/test/world"
)

// session runs a shell script as somebody's desktop session without a screen:
// with a message bus of its own and in a process namespace that ends with it,
// because desktops start helpers that outlive their callers.
func session(t *testing.T, home, script string, env ...string) string {
	t.Helper()
	run := filepath.Join(home, "run")
	must(t, os.MkdirAll(run, 0o700))
	if out, err := exec.Command("unshare", "--pid", "--fork", "--mount-proc", "true").CombinedOutput(); err != nil && os.Getuid() == 0 {
		t.Skipf("no process namespace here: %v %s", err, out)
	}
	args := []string{"--pid", "--fork", "--kill-child", "--mount-proc"}
	if os.Getuid() != 0 {
		args = append(args, "--map-root-user")
	}
	cmd := command(t, "unshare", append(args, "dbus-run-session", "--", "bash", "-u", "-c", "mark() { printf '\n== %s\n' $1; }\n"+script)...)
	cmd.Dir = home
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_RUNTIME_DIR="+run, "XDG_CONFIG_HOME="+filepath.Join(home, ".config"),
		"XDG_CACHE_HOME="+filepath.Join(home, ".cache"), "XDG_DATA_HOME="+filepath.Join(home, ".local"),
		"LC_ALL=C.UTF-8", "QT_QPA_PLATFORM=offscreen", "GIO_USE_VOLUME_MONITOR=unix")
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.CombinedOutput()
	if _, ended := err.(*exec.ExitError); err != nil && !ended {
		t.Fatalf("session: %v\n%s", err, out)
	}
	return string(out)
}

// said is what a script wrote between the lines "== name" and the next "==".
func said(out, name string) string {
	_, rest, _ := strings.Cut(out, "== "+name+"\n")
	part, _, _ := strings.Cut(rest, "\n== ")
	return part
}

// refusing is a world in which the desktops' file managers meet each refusal, and
// the files that they send for it. What is locked is there already; the mailbox is
// full only in the second session, since KDE asks for the free space beforehand.
func refusing(t *testing.T, home string) *world.World {
	t.Helper()
	o := world.Everybody()
	o.MaxSize, o.Settings = "1MiB", "quota: {current: 2MiB}"
	w := whole(t, o)
	lockElsewhere(t, w, "anna")
	writeFile(t, filepath.Join(home, "riesig.bin"), random(t, 1<<20+1))
	writeFile(t, filepath.Join(home, "viel.bin"), random(t, 600_000))
	return w
}

// leftBehind is what a session left in the clerk's folder beside what refusing put
// there.
func leftBehind(t *testing.T, w *world.World) []string {
	t.Helper()
	return slices.DeleteFunc(w.Names(t, "anna", "/dav/an_KVBbg/"), func(n string) bool { return n == "Liste.txt" || strings.HasPrefix(n, "voll") })
}

// TestGvfs: GNOME's file system with its own program, without a screen: listing,
// copying both ways, saving over, renaming, moving, deleting, free space, and
// how a refusal is shown.
func TestGvfs(t *testing.T) {
	home := t.TempDir()
	w := refusing(t, home)
	rec := newRecorder(t, w, httptest.NewServer)
	writeFile(t, filepath.Join(home, "ü a.txt"), "Inhalt\n")
	writeFile(t, filepath.Join(home, "Viren.txt"), string(scantest.EICAR()))
	w.Put(t, "bert", "/dav/0815/Bescheid.txt", "Bescheid")
	b := strings.Replace(rec.URL, "http://", "dav://", 1) + "/dav"
	mount := `
printf 'anna\n` + world.Password + `\n' | gio mount ` + b + `/
B=` + b + `
`
	out := session(t, home, mount+`
mark list; gio list $B/ 2>&1
mark get; gio copy $B/Bescheid.txt geholt.txt 2>&1; cat geholt.txt
mark copy; gio copy "ü a.txt" $B/an_KVBbg/ 2>&1
mark rename; gio rename "$B/an_KVBbg/%C3%BC%20a.txt" b.txt 2>&1
mark mkdir; gio mkdir $B/an_KVBbg/Ordner 2>&1
mark move; gio move $B/an_KVBbg/b.txt $B/an_KVBbg/Ordner/ 2>&1
mark save; echo mehr | gio save $B/an_KVBbg/Ordner/b.txt 2>&1; gio cat $B/an_KVBbg/Ordner/b.txt 2>&1
mark long; gio list -l $B/an_KVBbg/Ordner 2>&1
mark space; gio info -f $B/ 2>&1
mark forbidden; gio copy "ü a.txt" $B/neu.txt 2>&1
mark virus; gio copy Viren.txt $B/an_KVBbg/ 2>&1
mark large; gio copy riesig.bin $B/an_KVBbg/ 2>&1
mark locked; echo neu | gio save $B/an_KVBbg/Liste.txt 2>&1
mark name; gio copy "ü a.txt" "$B/an_KVBbg/a%3Fb.txt" 2>&1
mark remove; gio remove $B/an_KVBbg/Ordner/b.txt 2>&1; gio remove $B/an_KVBbg/Ordner 2>&1
mark end
`)
	fillMailbox(t, w, "anna")
	w.Scanner.Stop()
	eventually(t, "the server knows that its scanner is gone", func() bool { return w.ReadyStatus() != 200 })
	out += session(t, home, mount+`mark room; gio copy viel.bin $B/an_KVBbg/ 2>&1
mark scanner; gio copy "ü a.txt" $B/an_KVBbg/sauber.txt 2>&1
mark end
`)
	asked := rec.take()
	for name, words := range map[string][]string{
		"list": {"an_KVBbg", "KVBBG-SB-Posteingang", "Postausgang", "Bescheid.txt"}, "get": {"Bescheid"}, "save": {"mehr"}, "long": {"b.txt\t5"},
		"space": {"filesystem::size", "filesystem::free"}, "forbidden": {"Forbidden"}, "virus": {"Unsupported Media Type"},
		"large": {"Request Entity Too Large"}, "room": {"Insufficient Storage"}, "locked": {"Locked"}, "name": {"Bad Request"}, "scanner": {"Service Unavailable"},
	} {
		for _, word := range words {
			if got := said(out, name); !strings.Contains(got, word) {
				t.Errorf("%s: %q is missing in\n%s", name, word, got)
			}
		}
	}
	for _, quiet := range []string{"copy", "mkdir", "move", "remove", "list", "get", "save"} {
		if got := said(out, quiet); strings.Contains(got, "gio: ") {
			t.Errorf("%s: %s", quiet, got)
		}
	}
	if m := asked.by("MOVE"); len(m) != 2 || m[0].status != 201 || m[1].status != 201 {
		t.Errorf("renaming and moving:\n%s", asked)
	}
	if names := leftBehind(t, w); len(names) > 0 {
		t.Errorf("left on the server: %q\n%s", names, out)
	}
	if t.Failed() {
		t.Logf("%s\n%s", asked, out)
	}
}

// TestKDE: KIO, which Dolphin works with, by its own program. It asks for
// passwords in a window only, so whatever stands between signs in for it; the
// requests are KDE's.
func TestKDE(t *testing.T) {
	home := t.TempDir()
	w := refusing(t, home)
	rec := newRecorder(t, w, func(h http.Handler) *httptest.Server {
		return httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			r.SetBasicAuth("anna", world.Password)
			h.ServeHTTP(rw, r)
		}))
	})
	writeFile(t, filepath.Join(home, "ü a.txt"), "Inhalt\n")
	writeFile(t, filepath.Join(home, "zwei.txt"), "zweite Fassung\n")
	writeFile(t, filepath.Join(home, "Viren.txt"), string(scantest.EICAR()))
	must(t, os.Mkdir(filepath.Join(home, "Ordner"), 0o700))
	writeFile(t, filepath.Join(home, "Ordner", "c.txt"), "c\n")
	w.Put(t, "bert", "/dav/0815/Bescheid.txt", "Bescheid")
	b := strings.Replace(rec.URL, "http://", "webdav://", 1) + "/dav"
	begin := `
B=` + b + `
K="timeout 100 kioclient --noninteractive"
H="file://$HOME"
`
	out := session(t, home, begin+`
mark list; $K ls $B/ 2>&1
mark get; $K copy $B/Bescheid.txt $H/geholt.txt 2>&1; cat geholt.txt
mark copy; $K copy "$H/ü a.txt" $B/an_KVBbg/ 2>&1
mark folder; $K copy $H/Ordner $B/an_KVBbg/ 2>&1
mark move; $K move "$B/an_KVBbg/ü a.txt" $B/an_KVBbg/Ordner/b.txt 2>&1
mark over; $K --overwrite copy $H/zwei.txt $B/an_KVBbg/Ordner/b.txt 2>&1; $K cat $B/an_KVBbg/Ordner/b.txt 2>&1
mark stat; $K stat $B/an_KVBbg/Ordner/b.txt 2>&1
mark forbidden; $K copy $H/zwei.txt $B/neu.txt 2>&1
mark virus; $K copy $H/Viren.txt $B/an_KVBbg/ 2>&1
mark large; $K copy $H/riesig.bin $B/an_KVBbg/ 2>&1
mark locked; $K --overwrite copy $H/zwei.txt $B/an_KVBbg/Liste.txt 2>&1
mark name; $K copy $H/zwei.txt "$B/an_KVBbg/a%3Fb.txt" 2>&1; echo "code $?"
mark root; $K move $B/an_KVBbg/Ordner/c.txt $B/ 2>&1
mark remove; $K remove $B/an_KVBbg/Ordner 2>&1
mark end
`)
	fillMailbox(t, w, "anna")
	w.Scanner.Stop()
	eventually(t, "the server knows that its scanner is gone", func() bool { return w.ReadyStatus() != 200 })
	out += session(t, home, begin+`mark room; $K copy $H/viel.bin $B/an_KVBbg/ 2>&1
mark scanner; $K copy $H/zwei.txt $B/an_KVBbg/sauber.txt 2>&1
mark end
`)
	asked := rec.take()
	for name, words := range map[string][]string{
		"list": {"an_KVBbg", "KVBBG-SB-Posteingang", "Postausgang", "Bescheid.txt"}, "get": {"Bescheid"}, "over": {"zweite Fassung"},
		"stat": {"15"}, "forbidden": {"Access was denied"}, "virus": {"(415)"}, "root": {"Access was denied"},
		"large": {"(413)"}, "room": {"not enough space"}, "locked": {"the resource is locked"}, "scanner": {"(503)"},
		"name": {"code 0"}, // KIO 5.103 takes 400 for success and says nothing
	} {
		for _, word := range words {
			if got := said(out, name); !strings.Contains(got, word) {
				t.Errorf("%s: %q is missing in\n%s", name, word, got)
			}
		}
	}
	for _, quiet := range []string{"list", "get", "copy", "folder", "move", "over", "stat", "remove"} {
		if got := said(out, quiet); strings.Contains(got, "kioclient: ") {
			t.Errorf("%s: %s", quiet, got)
		}
	}
	if p := asked.by("PUT").to("/a?b.txt"); len(p) != 1 || p[0].status != 400 {
		t.Errorf("a name that is not allowed: %v", p)
	}
	if m := asked.by("MOVE"); len(m) != 2 || m[0].status != 201 || m[1].status != 403 {
		t.Errorf("moving:\n%s", asked)
	}
	if names := leftBehind(t, w); len(names) > 0 {
		t.Errorf("left on the server: %q", names)
	}
	if t.Failed() {
		t.Logf("%s\n%s", asked, out)
	}
}
