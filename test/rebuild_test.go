// SPDX-License-Identifier: Apache-2.0

package test

import (
	"encoding/csv"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"postfach/test/world"
)

// live exchanges documents in all the ways that decide what a rebuilt mailbox
// may show, and gives what anna must find after a rebuilding, by path.
func live(t *testing.T, w *world.World) map[string]string {
	t.Helper()
	const box = "/dav/0815"
	put := func(as, path, body string) { t.Helper(); w.Put(t, as, path, body) }
	put("anna", "/dav/an_KVBbg/Prüfliste Müller.csv", "Prüfliste")
	put("anna", "/dav/an_KVBbg/ersetzt.txt", "erste Fassung")
	put("anna", "/dav/an_KVBbg/ersetzt.txt", "zweite Fassung")
	put("anna", "/dav/an_KVBbg/gelöscht.txt", "gelöscht")
	put("anna", "/dav/an_KVBbg/alt.txt", "umbenannt")
	put("anna", "/dav/an_KVBbg/Liste.csv", "Liste eins")
	put("bert", box+"/Postausgang/Entwurf.pdf", "Entwurf")
	put("bert", box+"/Postausgang/Bescheid.pdf", "Bescheid")
	put("bert", box+"/Postausgang/Zurück.pdf", "zurückgerufen")
	put("bert", box+"/Postausgang/Wieder.pdf", "wieder Entwurf")
	put("emil", "/dav/an_KVBbg/von Emil.txt", "Emil")
	w.CLI("", "member", "close", "0816", "--on", "31.12.2099")
	tree := t.TempDir()
	for path, body := range map[string]string{"an_KVBbg/übernommen.txt": "übernommen", "KVBBG-SB-Posteingang/früher.txt": "früher", "Altbescheid.txt": "alt"} {
		name := filepath.Join(tree, "0815", "files", path)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		writeFile(t, name, body)
	}
	w.CLI("", "import", "--from", tree)
	w.Play(t, []world.Exchange{
		{As: "anna", Method: "MKCOL", Path: "/dav/an_KVBbg/Ordner/", Want: 201},
		{As: "anna", Method: "COPY", Path: "/dav/an_KVBbg/ersetzt.txt", Header: destination("/dav/an_KVBbg/Ordner/Kopie.txt"), Want: 201},
		{As: "anna", Method: "DELETE", Path: "/dav/an_KVBbg/gel%C3%B6scht.txt", Want: 204},
		{As: "anna", Method: "MOVE", Path: "/dav/an_KVBbg/alt.txt", Header: destination("/dav/an_KVBbg/Ordner/neu.txt"), Want: 201},
		{As: "bert", Method: "MOVE", Path: box + "/an_KVBbg/Liste.csv", Header: destination(box + "/KVBBG-SB-Posteingang/Liste.csv"), Want: 201},
		{As: "bert", Method: "MOVE", Path: box + "/Postausgang/Bescheid.pdf", Header: destination(box + "/Bescheid.pdf"), Want: 201},
		{As: "bert", Method: "MOVE", Path: box + "/Postausgang/Zur%C3%BCck.pdf", Header: destination(box + "/Zur%C3%BCck.pdf"), Want: 201},
		{As: "bert", Method: "DELETE", Path: box + "/Zur%C3%BCck.pdf", Want: 204},
		{As: "bert", Method: "MOVE", Path: box + "/Postausgang/Wieder.pdf", Header: destination(box + "/Wieder.pdf"), Want: 201},
		{As: "bert", Method: "MOVE", Path: box + "/Wieder.pdf", Header: destination(box + "/Postausgang/Wieder.pdf"), Want: 201},
	})
	put("anna", "/dav/an_KVBbg/Liste.csv", "Liste zwei")
	w.Move(t, "bert", box+"/an_KVBbg/Liste.csv", box+"/KVBBG-SB-Posteingang/Liste.csv", 204)
	return map[string]string{
		"/an_KVBbg/Prüfliste Müller.csv": "Prüfliste", "/an_KVBbg/ersetzt.txt": "zweite Fassung",
		"/an_KVBbg/Ordner/Kopie.txt": "zweite Fassung", "/an_KVBbg/Ordner/neu.txt": "umbenannt",
		"/KVBBG-SB-Posteingang/Liste.csv": "Liste zwei", "/Bescheid.pdf": "Bescheid",
		"/an_KVBbg/übernommen.txt": "übernommen", "/KVBBG-SB-Posteingang/früher.txt": "früher", "/Altbescheid.txt": "alt",
	}
}

// inView lists a mailbox by command: paths of files with their entries.
func inView(t *testing.T, w *world.World, member string) map[string]int64 {
	t.Helper()
	all := make(map[string]int64)
	for line := range strings.Lines(w.CLI("", "entry", "list", member, "-r", "--json")) {
		var e struct {
			ID     int64
			Path   string
			Folder bool
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if !e.Folder {
			all[e.Path] = e.ID
		}
	}
	return all
}

// report reads the CSV file of a rebuilding: fates by path.
func report(t *testing.T, name string) map[string]string {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma = ';'
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]string)
	for _, row := range rows[1:] {
		all[row[0]+row[3]] = row[1] + ": " + row[9]
	}
	return all
}

func dropCatalog(t *testing.T, w *world.World) {
	t.Helper()
	files, _ := filepath.Glob(w.Data + "/catalog.db*")
	for _, f := range files {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRebuild: a lost catalog comes back from the storage; nobody enters a
// mailbox before a person has confirmed it; then the clerk sees exactly what was
// in view, no draft and nothing removed (issue 3, item 5; I3, I5, I6).
func TestRebuild(t *testing.T) {
	o := world.Everybody()
	o.Settings = "audit_segments: 1s"
	rebuilt(t, whole(t, o))
}

// TestRebuildBucket: the same from a bucket.
func TestRebuildBucket(t *testing.T) {
	w, _, _ := inBucket(t)
	rebuilt(t, w)
}

// TestRebuildDatabase: the same into another database of PostgreSQL.
func TestRebuildDatabase(t *testing.T) {
	long(t)
	s := database.Get(t)
	old, fresh := s.URL(s.Database(t)), s.URL(s.Database(t))
	o := world.Everybody()
	o.Catalog, o.Settings = old, "audit_segments: 1s"
	rebuiltWith(t, world.Start(t, o), func(w *world.World) {
		text, err := os.ReadFile(w.Config)
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, w.Config, strings.Replace(string(text), old, fresh, 1))
	})
}

func rebuilt(t *testing.T, w *world.World) {
	t.Helper()
	rebuiltWith(t, w, func(w *world.World) { dropCatalog(t, w) })
}

func rebuiltWith(t *testing.T, w *world.World, lose func(*world.World)) {
	want := live(t, w)
	if err := w.Stop(); err != nil { // ships the rest of the log
		t.Fatal(err)
	}
	before := inView(t, w, "0815")
	lose(w)
	file := w.Dir + "/report.csv"
	said := w.CLI("", "storage", "rebuild", "--report", file, "--verify", "--order", "Notfall 7")
	if !strings.Contains(said, "2 mailboxes") || !strings.Contains(said, "2 drafts and 0 doubtful") || strings.Contains(said, "audit log: ") {
		t.Errorf("rebuild says\n%s", said)
	}
	if row := w.CLI("", "member", "show", "0816", "--json"); !strings.Contains(row, `"closed_on": "2099-12-31"`) {
		t.Errorf("the member that closes: %s", row)
	}
	fates := report(t, file)
	for path, fate := range map[string]string{"0815/Postausgang/Entwurf.pdf": "draft: ", "0815/Postausgang/Wieder.pdf": "draft: ",
		"0815gelöscht.txt": "removed: ", "0815Zurück.pdf": "removed: ", "0815/Bescheid.pdf": "in view: "} {
		if fates[path] != fate {
			t.Errorf("%s is %q, want %q", path, fates[path], fate)
		}
	}
	if out, err := w.Try("", "storage", "rebuild", "--report", file+"2"); err == nil {
		t.Errorf("a rebuilding over a catalog with rows: %s", out)
	}

	w.Serve()
	_, accounts := world.Cast()
	for _, a := range accounts {
		w.AddAccount(a)
	}
	const get = http.MethodGet
	for _, x := range []world.Exchange{
		{As: "anna", Method: "PROPFIND", Path: "/dav/", Header: depth1, Want: 503}, {As: "anna", Method: get, Path: "/dav/Bescheid.pdf", Want: 503},
		{As: "anna", Method: "PUT", Path: "/dav/an_KVBbg/neu.txt", Body: "x", Want: 503}, {As: "bert", Method: "PROPFIND", Path: "/dav/0815/", Header: depth1, Want: 503},
		{As: "bert", Method: get, Path: "/dav/0815/Postausgang/Entwurf.pdf", Want: 503}, {As: "bert", Method: "PROPFIND", Path: "/dav/", Header: depth1, Want: 207},
	} {
		a := w.Do(t, x)
		if strings.Contains(string(a.Body), "Bescheid.pdf") {
			t.Errorf("%s by %s tells of a document", x.Path, x.As)
		}
	}
	w.CLI("", "audit", "replay", "--verify")
	if waiting := w.CLI("", "storage", "confirm"); strings.Count(waiting, "\n") != 2 {
		t.Errorf("waiting: %q", waiting)
	}
	w.CLI("", "storage", "confirm", "0815", "--order", "Notfall 7")
	if out, err := w.Try("", "storage", "confirm", "0815"); err == nil {
		t.Errorf("confirmed twice: %s", out)
	}

	after := inView(t, w, "0815")
	delete(before, "/Postausgang/Entwurf.pdf")
	delete(before, "/Postausgang/Wieder.pdf")
	if !maps.Equal(after, before) {
		t.Errorf("in view\n%v, before\n%v", after, before)
	}
	if paths := slices.Sorted(maps.Keys(want)); !slices.Equal(slices.Sorted(maps.Keys(after)), paths) {
		t.Errorf("in view %q, want %q", slices.Sorted(maps.Keys(after)), paths)
	}
	for path, body := range want {
		if got := w.Get(t, "anna", "/dav"+path); string(got.Body) != body {
			t.Errorf("%s holds %q", path, got.Body)
		}
	}
	for _, gone := range []string{"/dav/Postausgang/Entwurf.pdf", "/dav/Zur%C3%BCck.pdf", "/dav/an_KVBbg/gel%C3%B6scht.txt", "/dav/Wieder.pdf"} {
		w.Do(t, world.Exchange{As: "anna", Method: get, Path: gone, Want: 404})
	}
	w.Do(t, world.Exchange{As: "emil", Method: get, Path: "/dav/an_KVBbg/von%20Emil.txt", Want: 503})

	// Life goes on, with ids that nobody had before, and the log tells it all.
	w.Put(t, "anna", "/dav/an_KVBbg/danach.txt", "danach")
	for path, id := range inView(t, w, "0815") {
		if path == "/an_KVBbg/danach.txt" && id < 1e12 {
			t.Errorf("a new entry has the id %d", id)
		}
	}
	if swept := w.CLI("", "storage", "collect", "--dry-run"); !strings.Contains(swept, "0 unnamed blobs") {
		t.Errorf("the janitor would say: %s", swept)
	}
	history := w.CLI("", "entry", "history", "0815", "/KVBBG-SB-Posteingang/Liste.csv", "--json")
	for _, b := range []string{"Liste eins", "Liste zwei"} {
		if !strings.Contains(history, hexDigest(b)) {
			t.Errorf("the history lacks %q:\n%s", b, history)
		}
	}
	w.CLI("", "storage", "verify")
	w.CLI("", "audit", "replay", "--verify")
	if log := w.CLI("", "audit", "list", "--limit", "0", "--json"); !strings.Contains(log, "Notfall 7") || !strings.Contains(log, `"mailbox-confirm"`) {
		t.Error("rebuilding and confirmation are not in the log")
	}
}

// TestRebuildWithoutLog: where no log says otherwise everything is doubtful, and
// a member sees nothing until a person brings a document back.
func TestRebuildWithoutLog(t *testing.T) {
	w := whole(t, world.Everybody())
	live(t, w)
	if err := w.Stop(); err != nil {
		t.Fatal(err)
	}
	dropCatalog(t, w)
	if err := os.RemoveAll(w.Data + "/blobs/.audit"); err != nil {
		t.Fatal(err)
	}
	file := w.Dir + "/report.csv"
	said := w.CLI("", "storage", "rebuild", "--report", file)
	if !strings.Contains(said, "0 entries in view") || !strings.Contains(said, "there is no audit log") {
		t.Errorf("rebuild says\n%s", said)
	}
	fates := report(t, file)
	for path, fate := range fates {
		if !strings.HasPrefix(fate, "doubtful: ") {
			t.Errorf("%s is %s", path, fate)
		}
	}
	if len(fates) < 9 || fates["0815/an_KVBbg/Prüfliste Müller.csv"] == "" {
		t.Errorf("report %v", fates)
	}
	members := w.Dir + "/members.csv"
	writeFile(t, members, "number;name;release\n0815;Stadt Musterhausen;four-eyes\n0816;Gemeinde Beispielstadt;\n")
	w.CLI("", "member", "import", members)
	w.Serve()
	_, accounts := world.Cast()
	for _, a := range accounts {
		w.AddAccount(a)
	}
	w.CLI("", "storage", "confirm", "0815")
	if got := inView(t, w, "0815"); len(got) != 0 {
		t.Errorf("in view without a log: %v", got)
	}
	for line := range strings.Lines(w.CLI("", "entry", "list", "0815", "--removed", "--json")) {
		var e struct {
			ID   json.Number
			Path string
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(e.Path, "Prüfliste") || strings.Contains(e.Path, "Entwurf") {
			w.CLI("", "entry", "restore", e.ID.String())
		}
	}
	if got := w.Get(t, "anna", "/dav/an_KVBbg/Prüfliste Müller.csv"); string(got.Body) != "Prüfliste" {
		t.Errorf("brought back: %q", got.Body)
	}
	// Under four eyes nobody can be shown to be another person than the author.
	w.Get(t, "carla", "/dav/0815/Postausgang/Entwurf.pdf")
	w.Move(t, "carla", "/dav/0815/Postausgang/Entwurf.pdf", "/dav/0815/Entwurf.pdf", 403)
	w.CLI("", "audit", "replay", "--verify")
}

// TestRebuildDoubts: what the log does not know whole, or the storage has not
// whole, goes out of view and is named.
func TestRebuildDoubts(t *testing.T) {
	o := world.Everybody()
	o.Settings = "audit_segments: 30s"
	w := whole(t, o)
	for _, name := range []string{"heil", "verloren", "gekürzt"} {
		w.Put(t, "anna", "/dav/an_KVBbg/"+name+".txt", name)
	}
	if err := w.Stop(); err != nil {
		t.Fatal(err)
	}
	w.Serve()
	w.Put(t, "anna", "/dav/an_KVBbg/zuletzt.txt", "zuletzt")
	w.Put(t, "anna", "/dav/an_KVBbg/heil.txt", "heil, neue Fassung")
	w.Kill() // before the log is shipped
	if err := os.Remove(blobWith(t, w, "verloren")); err != nil {
		t.Fatal(err)
	}
	short := blobWith(t, w, "gekürzt")
	os.Chmod(short, 0o600)
	if err := os.Truncate(short, 3); err != nil {
		t.Fatal(err)
	}
	dropCatalog(t, w)
	note := w.Data + "/blobs/.catalog" // as if much more of the log were missing
	text := regexp.MustCompile(`"records":\d+`).ReplaceAllString(readFile(t, note), `"records":999999`)
	must(t, os.Remove(note))
	writeFile(t, note, text)
	file := w.Dir + "/report.csv"
	if said := w.CLI("", "storage", "rebuild", "--report", file); !strings.Contains(said, "the catalog had 999999") {
		t.Errorf("rebuild says\n%s", said)
	}
	fates := report(t, file)
	for path, fate := range map[string]string{
		"0815/an_KVBbg/heil.txt": "in view: ", "0815/an_KVBbg/verloren.txt": "doubtful: its bytes are not in the storage",
		"0815/an_KVBbg/gekürzt.txt": "doubtful: its bytes have another length", "0815/an_KVBbg/zuletzt.txt": "doubtful: the log does not know it",
	} {
		if !strings.HasPrefix(fates[path], fate) {
			t.Errorf("%s is %q, want %q", path, fates[path], fate)
		}
	}
	if n := strings.Count(strings.Join(slices.Collect(maps.Values(fates)), "\n"), "the log does not know it"); n != 2 {
		t.Errorf("%d contents that the log does not know, want 2: %v", n, fates)
	}
	w.CLI("", "audit", "replay", "--verify")
	w.Serve()
	w.AddAccount(world.Account{Login: "anna", Role: "clerk", Member: "0815"})
	w.CLI("", "storage", "confirm", "0815")
	if got := w.Get(t, "anna", "/dav/an_KVBbg/heil.txt"); string(got.Body) != "heil" {
		t.Errorf("heil.txt holds %q", got.Body)
	}
	for _, gone := range []string{"verloren", "gek%C3%BCrzt", "zuletzt"} {
		w.Do(t, world.Exchange{As: "anna", Method: "GET", Path: "/dav/an_KVBbg/" + gone + ".txt", Want: 404})
	}
}
