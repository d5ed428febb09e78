// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postfach/scan/scantest"
	"postfach/test/world"
)

// refusal is something that a person tries and may not, or cannot.
type refusal struct {
	name    string
	folder  string // below /dav/, with its slash
	file    string // name on the server
	content string
	status  int
	says    string // of the sentence in German
	again   bool   // rclone tries once more by itself
	before  func(t *testing.T, w *world.World, login string)
}

// refusals are told as issue 4, item 8 lists them; the scanner is stopped for
// the last one.
func refusals(t *testing.T) []refusal {
	return []refusal{
		{name: "virus", folder: "an_KVBbg/", file: "Rechnung.txt", content: string(scantest.EICAR()), status: 415, says: "Virenscanner"},
		{name: "too large", folder: "an_KVBbg/", file: "riesig.bin", content: random(t, 1<<20+1), status: 413, says: "Erlaubt sind höchstens 1 MiB"},
		{name: "read-only", folder: "KVBBG-SB-Posteingang/", file: "neu.txt", content: "x", status: 403, says: "Dieser Ordner gehört der Kasse"},
		{name: "other side", folder: "Postausgang/", file: "neu.txt", content: "x", status: 403, says: "Dieser Ordner gehört der Kasse"},
		{name: "name", folder: "an_KVBbg/", file: "a?b.txt", content: "x", status: 400, says: "Nicht erlaubt sind"},
		{name: "locked", folder: "an_KVBbg/", file: "Liste.txt", content: "neu und länger", status: 423, says: "wird gerade bearbeitet von: clerk", again: true, before: lockElsewhere},
		{name: "no room", folder: "an_KVBbg/", file: "viel.bin", content: random(t, 600_000), status: 507, says: "Das Postfach ist voll", before: fillMailbox},
		{name: "scanner down", folder: "an_KVBbg/", file: "sauber.txt", content: "x", status: 503, says: "kann gerade nicht auf Viren geprüft werden", again: true},
	}
}

func fillMailbox(t *testing.T, w *world.World, login string) {
	for i := range 3 {
		w.Put(t, login, fmt.Sprintf("/dav/an_KVBbg/voll%d.bin", i), random(t, 550_000))
	}
}

// lockElsewhere is another program of the same person; by another person it is
// test/replays/office-in-use.txt.
func lockElsewhere(t *testing.T, w *world.World, login string) {
	w.Put(t, login, "/dav/an_KVBbg/Liste.txt", "alt")
	lock(t, w, login, "/dav/an_KVBbg/Liste.txt", nil)
}

// uploader is a program that sends a file, and what of a refusal it shows.
type uploader struct {
	name  string
	shows func(refusal) string // must stand in its output
	send  func(t *testing.T, w *world.World, rec *recorder, login string, x refusal, file string) string
	most  int // uploads of one attempt
}

func sentence(x refusal) string { return x.says }

func reasonPhrase(x refusal) string { return fmt.Sprint(x.status) }

var uploaders = []uploader{
	{name: "curl", shows: sentence, send: sendByCurl, most: 1},
	{name: "rclone other", shows: sentence, send: sendByRclone("rclone", "other"), most: 3},
	{name: "rclone nextcloud", shows: sentence, send: sendByRclone("rclone", "nextcloud"), most: 3},
	{name: "current rclone nextcloud", shows: sentence, send: sendByRclone("", "nextcloud"), most: 3},
	{name: "cadaver", shows: reasonPhrase, send: sendByCadaver, most: 1},
	{name: "Explorer", shows: reasonPhrase, send: sendByExplorer, most: 2}, // the placeholder counts
	{name: "davfs2", shows: davfsSays, send: sendByDavfs, most: 3},
}

// TestRefusals: each program beside the desktops (whose test is
// TestDesktopRefusals) with each refusal: what the program's own output says,
// that it does not go on sending what will not be taken, and that nothing is
// left on the server.
func TestRefusals(t *testing.T) {
	o := newOffice(t, world.Options{MaxSize: "1MiB", Settings: "quota: {current: 2MiB}"})
	all, logins := refusals(t), map[string]string{}
	for _, u := range uploaders {
		_, logins[u.name] = o.clerk(t)
	}
	t.Run("by", func(t *testing.T) {
		for _, u := range uploaders {
			t.Run(u.name, func(t *testing.T) {
				t.Parallel()
				for _, x := range all[:len(all)-1] {
					t.Run(x.name, func(t *testing.T) { u.refused(t, o, logins[u.name], x) })
				}
			})
		}
	})
	o.Scanner.Stop()
	eventually(t, "the server knows that its scanner is gone", func() bool { return o.ReadyStatus() != 200 })
	for _, u := range uploaders {
		t.Run(u.name+"/scanner down", func(t *testing.T) { u.refused(t, o, logins[u.name], all[len(all)-1]) })
	}
}

func (u uploader) refused(t *testing.T, o *office, login string, x refusal) {
	if x.before != nil {
		x.before(t, o.World, login)
	}
	was := o.Names(t, login, "/dav/an_KVBbg/")
	rec := newRecorder(t, o.World, httptest.NewServer)
	file := filepath.Join(t.TempDir(), "Quelle")
	writeFile(t, file, x.content)
	out := u.send(t, o.World, rec, login, x, file)
	asked := rec.take()
	if !strings.Contains(out, u.shows(x)) {
		t.Errorf("%q is not in what the program says:\n%s\n%s", u.shows(x), asked, out)
	}
	puts := asked.by("PUT")
	refused := 0
	for _, p := range puts {
		if p.status == x.status {
			refused++
		}
	}
	if refused == 0 && !u.asksFirst(x) {
		t.Errorf("no upload was answered with %d:\n%s", x.status, asked)
	}
	if len(puts) > u.most || len(puts) > min(u.most, 2) && !x.again {
		t.Errorf("%d uploads in one attempt:\n%s", len(puts), asked)
	}
	if now := o.Names(t, login, "/dav/an_KVBbg/"); len(now) != len(was) {
		t.Errorf("before: %q, after: %q\n%s\n%s", was, now, asked, out)
	}
	if a, err := o.Send(world.Exchange{As: login, Method: "GET", Path: "/dav/" + x.folder + url.PathEscape(x.file)}); err != nil || a.Status == 200 && string(a.Body) == x.content {
		t.Errorf("it is on the server: %d %v", a.Status, err)
	}
}

func sendByCurl(t *testing.T, w *world.World, rec *recorder, login string, x refusal, file string) string {
	out, err := command(t, "curl", "-sS", "-T", file, "-u", login+":"+world.Password, rec.URL+"/dav/"+x.folder+url.PathEscape(x.file)).CombinedOutput()
	if err != nil {
		t.Errorf("curl: %v", err)
	}
	return string(out)
}

func sendByRclone(program, vendor string) func(*testing.T, *world.World, *recorder, string, refusal, string) string {
	return func(t *testing.T, w *world.World, rec *recorder, login string, x refusal, file string) string {
		program := program
		if program == "" {
			var err error
			program, err = currentRclone()
			must(t, err)
		}
		r := newRemoteAt(t, rec, program, vendor, login)
		// Three tries instead of its usual ten spare time.
		cmd := command(t, program, "--config", "/dev/null", "--retries", "1", "--low-level-retries", "3", "copyto", file, r.spec+x.folder+x.file)
		out, err := cmd.CombinedOutput()
		if err == nil {
			t.Error("rclone thinks that it has succeeded")
		}
		return string(out)
	}
}

func sendByCadaver(t *testing.T, w *world.World, rec *recorder, login string, x refusal, file string) string {
	home := t.TempDir()
	writeFile(t, filepath.Join(home, ".netrc"), "machine 127.0.0.1\nlogin "+login+"\npassword "+world.Password+"\n")
	cmd := command(t, "cadaver", rec.URL+"/dav/"+x.folder)
	cmd.Env = append(os.Environ(), "HOME="+home, "LC_ALL=C.UTF-8")
	cmd.Stdin = strings.NewReader("put " + file + " " + x.file + "\nquit\n")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "failed") {
		t.Errorf("cadaver: %v\n%s", err, out)
	}
	return string(out)
}

// sendByExplorer replays the redirector; what it shows by its own texts follows
// from the status.
func sendByExplorer(t *testing.T, w *world.World, rec *recorder, login string, x refusal, file string) string {
	path := "/dav/" + x.folder + url.PathEscape(x.file)
	said := ""
	do := func(method string, header map[string]string, body string) world.Answer {
		r, err := w.Request(login, method, path, strings.NewReader(body))
		must(t, err)
		r.URL, err = url.Parse(rec.URL + path)
		must(t, err)
		r.Header.Set("User-Agent", "Microsoft-WebDAV-MiniRedir/10.0.19045")
		for k, v := range header {
			r.Header.Set(k, v)
		}
		resp, err := w.Client().Do(r)
		must(t, err)
		resp.Body.Close()
		said += fmt.Sprintf("%s → %d\n", method, resp.StatusCode)
		return world.Answer{Status: resp.StatusCode, Header: resp.Header}
	}
	do("PROPFIND", map[string]string{"Depth": "0"}, "")
	header := map[string]string{}
	if do("PUT", nil, "").Status/100 == 2 {
		token := do("LOCK", map[string]string{"Timeout": "Second-3600"}, lockBody).Header.Get("Lock-Token")
		header["If"] = "(" + token + ")"
		do("PUT", header, readFile(t, file))
	}
	return said
}

// sendByDavfs writes through a mount. davfs2 locks a new name before it lets a
// program write, and sends when the program has closed the file: what is refused
// then it keeps in the mount's lost+found.
func sendByDavfs(t *testing.T, w *world.World, rec *recorder, login string, x refusal, file string) string {
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skip("no /dev/fuse on this machine, so nothing can be mounted by davfs2")
	}
	mnt := mountDavfs(t, rec, login)
	err := os.WriteFile(filepath.Join(mnt, filepath.FromSlash(x.folder), x.file), []byte(x.content), 0o644)
	if err != nil {
		return err.Error()
	}
	var kept []string
	eventually(t, "davfs2 keeps what was refused", func() bool {
		kept, _ = filepath.Glob(filepath.Join(mnt, "lost+found", x.file+"*"))
		return len(kept) == 1
	})
	if readFile(t, kept[0]) != x.content {
		return "another content is in lost+found"
	}
	return "kept in lost+found"
}

// davfsSays is what a program is told by the mount, or what lies in lost+found.
func davfsSays(x refusal) string {
	switch x.status {
	case 400, 403:
		return "invalid argument"
	case 423:
		return "permission denied"
	case 503:
		return "input/output error"
	}
	return "kept in lost+found"
}

// asksFirst: davfs2 learns from LOCK what may not be put here.
func (u uploader) asksFirst(x refusal) bool {
	return u.name == "davfs2" && (x.status == 400 || x.status == 403 || x.status == 423 || x.status == 503)
}

// A browser gets a page for what it may not see, with the same sentence and the
// way to the help.
func TestRefusalsInBrowser(t *testing.T) {
	w := whole(t, world.Everybody())
	w.Put(t, "bert", "/dav/0815/Postausgang/Entwurf.txt", "geheim")
	w.Put(t, "dora", "/dav/0815/an_KVBbg/Lieferung.txt", "x")
	for _, x := range []struct {
		as, path, says string
		status         int
	}{
		{"anna", "/dav/Postausgang/Entwurf.txt", "Diese Datei oder dieser Ordner ist nicht vorhanden.", 404},
		{"anna", "/dav/0816/", "nicht vorhanden", 404},
		{"dora", "/dav/0815/an_KVBbg/Lieferung.txt", "kann keine Inhalte abrufen", 403},
		{"anna:falsch", "/dav/", "Bitte melden Sie sich", 401},
	} {
		w.Do(t, world.Exchange{As: x.as, Method: "GET", Path: x.path, Header: map[string]string{"Accept": "text/html", "Accept-Language": "de"}, Want: x.status, Contains: x.says})
		w.Do(t, world.Exchange{As: x.as, Method: "GET", Path: x.path, Header: map[string]string{"Accept": "text/html", "Accept-Language": "de"}, Want: x.status, Contains: `href="/hilfe?lang=de"`})
	}
}
