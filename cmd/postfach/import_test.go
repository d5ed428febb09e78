// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postfach/mailbox"
	"postfach/scan/scantest"
)

// cloud is the data folder of an ownCloud.
type cloud struct {
	t   *testing.T
	dir string
}

// stood is the time of every document in it.
var stood = time.Date(2021, 3, 4, 5, 6, 7, 0, time.UTC)

func (c cloud) put(path, body string) {
	c.t.Helper()
	name := filepath.Join(c.dir, path)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(body), 0o600); err != nil {
		c.t.Fatal(err)
	}
	if err := os.Chtimes(name, stood, stood); err != nil {
		c.t.Fatal(err)
	}
}

// newCloud has documents of two users, and much that is none.
func newCloud(t *testing.T) cloud {
	c := cloud{t, filepath.Join(t.TempDir(), "data")}
	c.put("musterhausen/files/Bescheid Mu\u0308ller.pdf", "Bescheid") // decomposed, as macOS writes
	c.put("musterhausen/files/an_KVBbg/2021/Liste.csv", "Liste")
	c.put("musterhausen/files/KVBBG-SB-Posteingang/Alt.csv", "alt")
	c.put("musterhausen/files/Postausgang/Entwurf.txt", "Entwurf")
	c.put("musterhausen/files/an_KVBbg/Virus.pdf", string(scantest.EICAR()))
	c.put("musterhausen/files/an_KVBbg/Was?.txt", "Fragezeichen")
	c.put("musterhausen/files/an_KVBbg/Twin.txt", "eins")
	c.put("musterhausen/files/an_KVBbg/twin.txt", "zwei")
	c.put("musterhausen/files/.DS_Store", "x")
	c.put("musterhausen/files_trashbin/files/weg.txt.d1600000000", "weg")
	c.put("fremd/files/an_KVBbg/x.txt", "x")
	c.put("ausgelassen/files/an_KVBbg/y.txt", "y")
	c.put("owncloud.log", "{}")
	if err := os.MkdirAll(filepath.Join(c.dir, "musterhausen/files/an_KVBbg/leer"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(c.dir, "musterhausen/files/an_KVBbg/passwd")); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestImport: an ownCloud's tree is taken over with its times, through the
// scanner and the name rules, without mails and not twice (K13, I1, I3).
func TestImport(t *testing.T) {
	h := newHouse(t)
	c := newCloud(t)
	owners := h.file("map.csv", "Ordner;Mitgliedsnummer\nmusterhausen;0815\nausgelassen;\n")
	report := filepath.Join(h.dir, "report.csv")

	// A dry run stores nothing.
	h.refuse(exitRefused, "", "", "import", "--from", c.dir, "--map", owners, "--dry-run")
	if out := h.must("", "entry", "list", "0815", "-r"); strings.Contains(out, "Liste.csv") {
		t.Fatal("the dry run stored something: " + out)
	}

	code, out, errs := h.try("", "import", "--from", c.dir, "--map", owners, "--report", report, "--order", "Umzug")
	if code != exitRefused {
		t.Fatalf("exit code %d: %s%s", code, out, errs)
	}
	contains(t, out, "4 documents", "0 were taken over before", "7 refused")
	list := h.must("", "entry", "list", "0815", "-r", "--json")
	contains(t, list, `"/Bescheid Müller.pdf"`, `"/an_KVBbg/2021/Liste.csv"`, `"/KVBBG-SB-Posteingang/Alt.csv"`, `"/an_KVBbg/leer"`,
		`"/an_KVBbg/Twin.txt"`, `"modified":"2021-03-04T05:06:07Z"`)
	for _, no := range []string{"Virus", "Was", "DS_Store", "weg", "passwd", "Entwurf", "twin.txt", "y.txt"} {
		if strings.Contains(list, no) {
			t.Errorf("%s was taken over: %s", no, list)
		}
	}
	f, err := os.Open(report)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma = ';'
	rows, err := r.ReadAll()
	if err != nil || len(rows) != 8 {
		t.Fatalf("report: %v %q", err, rows)
	}
	for origin, why := range map[string]string{
		"fremd":                                      "kein Mitglied",
		"musterhausen/files/an_KVBbg/Virus.pdf":      "Virenscanner",
		"musterhausen/files/an_KVBbg/Was?.txt":       "Zeichen",
		"musterhausen/files/an_KVBbg/twin.txt":       "Twin.txt",
		"musterhausen/files/.DS_Store":               "Programm",
		"musterhausen/files/an_KVBbg/passwd":         "Verknüpfung",
		"musterhausen/files/Postausgang/Entwurf.txt": "Verfasser",
	} {
		found := false
		for _, row := range rows {
			found = found || row[0] == origin && strings.Contains(row[4], why)
		}
		if !found {
			t.Errorf("the report does not say %q of %s: %q", why, origin, rows)
		}
	}
	if out := h.must("", "delivery", "list", "--json"); out != "" {
		t.Errorf("an import is no delivery: %s", out)
	}
	if out := h.must("", "notice", "list", "--json"); out != "" {
		t.Errorf("an import tells nobody: %s", out)
	}
	contains(t, h.must("", "audit", "list", "--member", "0815", "--json", "--limit", "0"), `"import"`, `"Umzug"`, `"refused-upload"`)
	h.must("", "audit", "replay", "--verify")
}

// TestImportAgain: a second run takes nothing twice, whatever has become of a
// document here; what changed there becomes a newer version unless somebody
// changed it here too (K13).
func TestImportAgain(t *testing.T) {
	h := newHouse(t)
	c := cloud{t, filepath.Join(t.TempDir(), "data")}
	for _, name := range []string{"weg", "bleibt", "geht", "neu", "beide"} {
		c.put("0815/files/an_KVBbg/"+name+".txt", name)
	}
	contains(t, h.must("", "import", "--from", c.dir), "5 documents")
	contains(t, h.must("", "import", "--from", c.dir), "0 documents", "5 were taken over before")

	h.move("bert", "/0815/an_KVBbg/geht.txt", "/0815/KVBBG-SB-Posteingang/geht.txt")
	h.put("anna", "/an_KVBbg/beide.txt", "hier neu")
	c.put("0815/files/an_KVBbg/neu.txt", "dort neu")
	c.put("0815/files/an_KVBbg/beide.txt", "dort auch neu")
	c.put("0815/files/an_KVBbg/spaet.txt", "kam später")
	code, out, _ := h.try("", "import", "--from", c.dir)
	if code != exitRefused {
		t.Fatal(out)
	}
	contains(t, out, "2 documents", "3 were taken over before", "1 refused", "beide.txt")
	contains(t, h.must("", "entry", "history", "0815", "/an_KVBbg/neu.txt"), bytesOf(3), bytesOf(8))
	if list := h.must("", "entry", "list", "0815", "-r"); strings.Count(list, "geht.txt") != 1 {
		t.Errorf("what was taken over by a caseworker came again: %s", list)
	}
	h.must("", "audit", "replay", "--verify")
}

// forgetful is a real catalog whose next answer to a change gets lost, so that
// nobody knows for a moment whether it was kept.
type forgetful struct {
	catalogStore
	armed bool
}

var errAnswerLost = mailbox.Wrap(mailbox.Unavailable, mailbox.ReasonCatalog, errors.New("connection lost"))

func (f *forgetful) Update(ctx context.Context, m mailbox.MemberID, fn func(mailbox.Tx) error) error {
	err := f.catalogStore.Update(ctx, m, fn)
	if err == nil && f.armed {
		return errAnswerLost
	}
	return err
}

func (f *forgetful) Committed(ctx context.Context, v mailbox.VersionID) (bool, error) {
	if f.armed {
		f.armed = false
		return false, errAnswerLost
	}
	return f.catalogStore.Committed(ctx, v)
}

// TestImportOfLostAnswers: a document that was taken over although the answer
// was lost is not reported as refused (K13).
func TestImportOfLostAnswers(t *testing.T) {
	h := newHouse(t)
	c := cloud{t, filepath.Join(t.TempDir(), "data")}
	c.put("0815/files/an_KVBbg/Liste.csv", "Inhalt")
	a := *h.a
	catalog := &forgetful{catalogStore: a.catalog, armed: true}
	a.service = mailbox.New(catalog, a.blobs, a.gate, mailboxOptions(a.cfg, quiet))
	tree, err := os.OpenRoot(c.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	e := &env{ctx: t.Context(), out: bufio.NewWriter(t.Output())}
	i := &importer{e: e, a: &a, tree: tree, files: tree.FS(), report: &importReport{e: e}}
	if err := i.mailbox("0815", "0815"); err != nil || i.count.taken != 1 || i.bytes != 6 || i.report.n != 0 {
		t.Errorf("%+v, %d bytes, %d refused, %v", i.count, i.bytes, i.report.n, err)
	}
	if catalog.armed {
		t.Error("no answer was lost")
	}
	contains(t, h.must("", "import", "--from", c.dir), "0 documents", "1 were taken over before")
}
