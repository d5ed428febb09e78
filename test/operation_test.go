// SPDX-License-Identifier: Apache-2.0

package test

import (
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"postfach/test/porttest"
	"postfach/test/world"
)

// TestHealth: liveness, readiness and metrics, each where it belongs (K15).
func TestHealth(t *testing.T) {
	w := whole(t, world.Everybody())
	w.Play(t, []world.Exchange{
		{Method: "GET", Path: "/healthz", Want: 200},
		{Method: "GET", Path: "/readyz", Want: 200},
	})
	if a := w.Do(t, world.Exchange{Method: "GET", Path: "/metrics"}); a.Status == 200 {
		t.Error("metrics are open on the public address")
	}
	get := func(path string) string {
		t.Helper()
		r, err := http.Get(w.Metrics + path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		b, _ := io.ReadAll(r.Body)
		if r.StatusCode != 200 {
			t.Errorf("%s: %d\n%s", path, r.StatusCode, b)
		}
		return string(b)
	}
	for _, metric := range []string{"postfach_scanner_ready 1", "postfach_catalog_ready 1", "postfach_storage_ready 1", "postfach_notices_queued"} {
		if m := get("/metrics"); !strings.Contains(m, metric) {
			t.Errorf("no %q in the metrics", metric)
		}
	}
	for _, part := range []string{"catalog", "storage", "scanner"} {
		if v := get("/readyz?verbose"); !strings.Contains(v, part) {
			t.Errorf("verbose readiness does not speak of %s:\n%s", part, v)
		}
	}
	if a := w.Do(t, world.Exchange{Method: "GET", Path: "/readyz?verbose"}); strings.Contains(string(a.Body), "clamd") {
		t.Errorf("readiness tells details to strangers: %s", a.Body)
	}
	w.CLI("", "check", "--brief")
	w.Scanner.Stop()
	if out, err := w.Try("", "check", "--brief"); err == nil || exitCode(err) != 2 {
		t.Errorf("check without a scanner: %v\n%s", err, out)
	}
}

func exitCode(err error) int {
	if x, ok := err.(*exec.ExitError); ok {
		return x.ExitCode()
	}
	return -1
}

// TestListingPage: the mail's link works from the first day: a plain page,
// no script, strict policy (item 8).
func TestListingPage(t *testing.T) {
	w := whole(t, world.Everybody())
	w.Put(t, "bert", "/dav/0815/B%C3%B6se.txt", "x")
	a := w.Do(t, world.Exchange{As: "anna", Method: "GET", Path: "/dav/", Want: 200})
	page := string(a.Body)
	for _, part := range []string{"<html lang=\"de\"", "an_KVBbg", "href=", "Böse.txt", "0123 456789"} {
		if !strings.Contains(page, part) {
			t.Errorf("the page lacks %q:\n%s", part, page)
		}
	}
	if strings.Contains(strings.ToLower(page), "<script") || !strings.Contains(a.Header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("script or a lax policy: %s", a.Header.Get("Content-Security-Policy"))
	}
	english := w.Do(t, world.Exchange{As: "anna", Method: "GET", Path: "/dav/", Header: map[string]string{"Accept-Language": "en"}, Want: 200})
	w.Do(t, world.Exchange{As: "bert", Method: "GET", Path: "/dav/", Want: 200, Contains: "<code>/dav/0815/</code>"}) // by number, where not all are listed
	if !strings.Contains(string(english.Body), "lang=\"en\"") {
		t.Errorf("no English page:\n%.300s", english.Body)
	}
	link := w.Do(t, world.Exchange{As: "anna", Method: "GET", Path: "/postfach/0815"})
	if link.Status != 200 && link.Status/100 != 3 {
		t.Errorf("the link of the mails: %d", link.Status)
	}
	ours, none := w.Do(t, world.Exchange{Method: "GET", Path: "/postfach/0815"}), w.Do(t, world.Exchange{Method: "GET", Path: "/postfach/9999"})
	if ours.Status != none.Status || strings.ReplaceAll(string(ours.Body), "0815", "9999") != string(none.Body) {
		t.Errorf("the link alone tells something (K20): %d and %d\n%s\n%s", ours.Status, none.Status, ours.Body, none.Body)
	}
}

// TestGrantsEnd: an account whose last grant has ended gets 403 on every path,
// never an empty listing, so that no sync client deletes a tree (section 6).
func TestGrantsEnd(t *testing.T) {
	w := whole(t, world.Everybody())
	w.Put(t, "anna", "/dav/an_KVBbg/f", "x")
	w.CLI("", "account", "revoke", "anna", "--role", "clerk", "--member", "0815")
	eventually(t, "the revocation is in force", func() bool {
		a, err := w.Send(world.Exchange{As: "anna", Method: "PROPFIND", Path: "/dav/", Header: depth1})
		return err == nil && a.Status == 403
	})
	for _, path := range []string{"/dav/", "/dav/an_KVBbg/", "/dav/an_KVBbg/f", "/dav/0815/", "/dav/gibt-es-nicht"} {
		for _, method := range []string{"GET", "PROPFIND", "PUT", "DELETE", "MKCOL"} {
			w.Play(t, []world.Exchange{{As: "anna", Method: method, Path: path, Header: depth0, Want: 403}})
		}
	}
	w.Get(t, "bert", "/dav/0815/an_KVBbg/f") // what she sent is not gone
}

// TestMemberClose: no sign-ins and no deliveries, the content is kept and the
// number never given again (item 3).
func TestMemberClose(t *testing.T) {
	w := whole(t, world.Everybody())
	w.Put(t, "anna", "/dav/an_KVBbg/f", "x")
	w.CLI("", "member", "close", "0815", "--on", time.Now().AddDate(0, 0, -1).Format(time.DateOnly))
	eventually(t, "the clerk is out", func() bool {
		a, err := w.Send(world.Exchange{As: "anna", Method: "GET", Path: "/dav/"})
		return err == nil && (a.Status == 401 || a.Status == 403)
	})
	w.Get(t, "bert", "/dav/0815/an_KVBbg/f")
	w.Put(t, "emil", "/dav/an_KVBbg/f", "x") // another member goes on
	if out, err := w.Try("", "member", "add", "0815", "Ein anderes Mitglied"); err == nil {
		t.Errorf("the number was given again: %s", out)
	}
	if a := w.Do(t, world.Exchange{As: "bert", Method: "PUT", Path: "/dav/0815/Neu.txt", Body: "x"}); a.Status/100 == 2 {
		t.Errorf("a delivery to a closed member: %d", a.Status)
	}
}

// TestDataCentre: delivers into its own folder, reads nothing, and only its
// members exist for it (A7, A9).
func TestDataCentre(t *testing.T) {
	w := whole(t, world.Everybody())
	w.Put(t, "anna", "/dav/an_KVBbg/annas.txt", "geheim")
	w.Put(t, "dora", "/dav/0815/an_KVBbg/Lauf.csv", "Lohn")
	w.Do(t, world.Exchange{As: "dora", Method: "GET", Path: "/dav/0815/an_KVBbg/Lauf.csv", Want: 403})
	if got := w.Names(t, "dora", "/dav/0815/an_KVBbg/"); !slices.Equal(got, []string{"Lauf.csv"}) {
		t.Errorf("the data centre sees %q", got)
	}
	if got := w.Names(t, "dora", "/dav/0815/"); !slices.Equal(got, []string{"an_KVBbg"}) {
		t.Errorf("the data centre sees %q in the mailbox", got)
	}
	for _, who := range []string{"anna", "bert"} {
		got := w.Get(t, who, "/dav/0815/an_KVBbg/dora/Lauf.csv")
		if string(got.Body) != "Lohn" {
			t.Errorf("%s reads %q", who, got.Body)
		}
	}
	w.Do(t, world.Exchange{As: "dora", Method: "PROPFIND", Path: "/dav/0816/", Header: depth0, Want: 404})
}

// TestMachineAccount: has a responsible person, comes from its networks only.
func TestMachineAccount(t *testing.T) {
	o := world.Everybody()
	o.Accounts = append(o.Accounts,
		world.Account{Login: "lauf", Role: "clerk", Member: "0815", Flags: []string{"--kind", "machine", "--network", "127.0.0.0/8"}},
		world.Account{Login: "fern", Role: "clerk", Member: "0815", Flags: []string{"--kind", "machine", "--network", "192.0.2.0/24"}})
	w := whole(t, o)
	w.Put(t, "lauf", "/dav/an_KVBbg/aus-dem-lauf.csv", "x")
	if a := w.Do(t, world.Exchange{As: "fern", Method: "GET", Path: "/dav/"}); a.Status != 401 && a.Status != 403 {
		t.Errorf("a machine from elsewhere: %d", a.Status)
	}
}

// TestImportIsAllOrNothing: every fault with its line, Windows-1252 and commas
// too, nothing stored where one line is wrong (item 3).
func TestImportIsAllOrNothing(t *testing.T) {
	w := whole(t, world.Options{Stopped: true})
	file := w.Dir + "/m.csv"
	writeFile(t, file, "number;name\n0001;Stadt Eins\n0002;\n00 03;Stadt Drei\n0001;Stadt Eins noch einmal\n")
	out, err := w.Try("", "member", "import", file)
	out = strings.ReplaceAll(out, w.Dir, "") // its digits are no line numbers
	if err == nil {
		t.Fatal("a faulty file was taken")
	}
	for _, line := range []string{"3", "4", "5"} {
		if !strings.Contains(out, line) {
			t.Errorf("line %s is not named:\n%s", line, out)
		}
	}
	if list := w.CLI("", "member", "list"); strings.Contains(list, "Stadt Eins") {
		t.Errorf("half of it was stored:\n%s", list)
	}
	if err := os.WriteFile(file, []byte("number,name\r\n0001,Stadt M\xfcnchen\r\n"), 0o600); err != nil { // Windows-1252
		t.Fatal(err)
	}
	w.CLI("", "member", "import", "--dry-run", file)
	if list := w.CLI("", "member", "list"); strings.Contains(list, "0001") {
		t.Errorf("a dry run stores:\n%s", list)
	}
	w.CLI("", "member", "import", file)
	if list := w.CLI("", "member", "list"); !strings.Contains(list, "Stadt München") {
		t.Errorf("after the import:\n%s", list)
	}
}

// TestSyslog: a collector gets the server's log by RFC 5424, with the request
// ids and without paths; while it is away the server works and keeps the lines
// (K15, DESIGN.md section 10).
func TestSyslog(t *testing.T) {
	long(t)
	address := porttest.Free(t) // nobody is there yet
	o := world.Everybody()
	o.Settings = "log: {syslog: tcp:" + address + "}"
	w := whole(t, o)
	w.Put(t, "anna", "/dav/an_KVBbg/Geheimname.txt", "x")
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetReadDeadline(time.Now().Add(time.Minute))
	var got strings.Builder
	for b := make([]byte, 4096); !strings.Contains(got.String(), `method="PUT"`); {
		n, err := conn.Read(b)
		if err != nil {
			t.Fatalf("%v after\n%s", err, &got)
		}
		got.Write(b[:n])
	}
	for _, part := range []string{"<30>1 ", " postfach ", " doors-open ", "[postfach@32473 ", ` status="201"`, ` id="`} {
		if !strings.Contains(got.String(), part) {
			t.Errorf("no %q in\n%s", part, &got)
		}
	}
	if strings.Contains(got.String(), "Geheimname") {
		t.Errorf("a file name is in the log:\n%s", &got)
	}
}
