// SPDX-License-Identifier: Apache-2.0

package test

import (
	"html"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"postfach/test/world"
)

// TestBrowserAndProgramsAlike: one account, by browser, network drive and sync
// client: the same folders, the same documents, the same refusals (K14).
func TestBrowserAndProgramsAlike(t *testing.T) {
	w := whole(t, world.Everybody())
	w.Put(t, "anna", "/dav/an_KVBbg/Grüße & mehr.txt", "an die Kasse")
	w.Put(t, "dora", "/dav/0815/an_KVBbg/Lauf.csv", "Lohn")
	w.Put(t, "bert", "/dav/0815/Bescheid.txt", "Bescheid")
	w.Put(t, "bert", "/dav/0815/Postausgang/Entwurf.txt", "Entwurf")
	for _, login := range []string{"anna", "bert", "carla", "dora", "emil"} {
		folders, documents := []string{"/dav/"}, 0
		for len(folders) > 0 {
			folder := folders[0]
			folders = folders[1:]
			var program []string
			for _, r := range w.Propfind(t, login, folder, "1")[1:] {
				program = append(program, r.Href)
				if r.Folder() {
					folders = append(folders, r.Href)
					continue
				}
				documents++
				browser := w.Do(t, world.Exchange{As: login, Method: "GET", Path: r.Href, Header: inBrowser})
				other := w.Do(t, world.Exchange{As: login, Method: "GET", Path: r.Href})
				if browser.Status != other.Status || browser.Status == 200 && string(browser.Body) != string(other.Body) {
					t.Errorf("%s, %s: by browser %d, by a program %d", login, r.Href, browser.Status, other.Status)
				}
			}
			page := w.Do(t, world.Exchange{As: login, Method: "GET", Path: folder, Header: inBrowser, Want: 200})
			if browser := listed(page.Body); !slices.Equal(sorted(browser), sorted(program)) {
				t.Errorf("%s, %s: the browser lists %q, a program %q", login, folder, browser, program)
			}
			if login == "anna" || login == "emil" { // their mailbox is the root by every way
				client := w.Propfind(t, login, "/remote.php/webdav/"+strings.TrimPrefix(folder, "/dav/"), "1")[1:]
				var hrefs []string
				for _, r := range client {
					hrefs = append(hrefs, "/dav/"+strings.TrimPrefix(r.Href, "/remote.php/webdav/"))
				}
				if !slices.Equal(sorted(hrefs), sorted(program)) {
					t.Errorf("%s, %s: a sync client lists %q, a program %q", login, folder, hrefs, program)
				}
			}
		}
		if want := map[string]int{"anna": 3, "bert": 4, "carla": 4, "dora": 1}[login]; documents != want {
			t.Errorf("%s saw %d documents, want %d", login, documents, want)
		}
	}
}

// inBrowser is what tells a browser from other programs.
var inBrowser = map[string]string{"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}

var rowLink = regexp.MustCompile(`<tr><th scope="row"><a href="([^"]*)"`)

// listed are the links of a listing's rows.
func listed(page []byte) (hrefs []string) {
	for _, m := range rowLink.FindAllSubmatch(page, -1) {
		hrefs = append(hrefs, html.UnescapeString(string(m[1])))
	}
	return hrefs
}

func sorted(all []string) []string {
	return slices.Sorted(slices.Values(all))
}

// TestNoWayForThirdParties: no public link, no sharing onwards, no guest, and
// nothing that would switch one on (L25).
func TestNoWayForThirdParties(t *testing.T) {
	w := whole(t, world.Everybody())
	const secret = "vertraulicher Inhalt"
	w.Put(t, "anna", "/dav/an_KVBbg/Geheim.txt", secret)
	places := []string{"/", "/dav/", "/dav/an_KVBbg/Geheim.txt", "/dav/0815/an_KVBbg/Geheim.txt", "/remote.php/webdav/an_KVBbg/Geheim.txt",
		"/remote.php/dav/files/anna/an_KVBbg/Geheim.txt", "/remote.php/dav/public-files/x/Geheim.txt", "/public.php/webdav/", "/public.php/dav/files/x/",
		"/index.php/s/abc", "/s/abc", "/index.php/apps/files/", "/postfach/0815"}
	for _, place := range places {
		for _, method := range []string{"GET", "HEAD", "PROPFIND", "PUT", "POST", "DELETE", "MKCOL", "COPY", "MOVE", "LOCK", "REPORT", "ACL"} {
			for _, as := range []string{"", "guest:", "anonymous:anonymous", "public:"} {
				a := w.Do(t, world.Exchange{As: as, Method: method, Path: place, Body: bodyOf[method],
					Header: map[string]string{"Depth": "0", "Destination": "/dav/an_KVBbg/x"}})
				open := (method == "GET" || method == "HEAD" || method == "POST") && (place == "/" || place == "/postfach/0815") // the page to sign in at
				if strings.Contains(string(a.Body), secret) || strings.Contains(string(a.Body), "Geheim.txt") || a.Status/100 == 2 && !open {
					t.Errorf("%s %s as %q: %d\n%.300s", method, place, as, a.Status, a.Body)
				}
			}
		}
	}
	json := map[string]string{"OCS-APIRequest": "true", "Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
	for _, api := range []string{"/ocs/v1.php/apps/files_sharing/api/v1/shares", "/ocs/v2.php/apps/files_sharing/api/v1/shares", "/ocs/v2.php/cloud/users"} {
		for _, method := range []string{"GET", "POST"} {
			a := w.Do(t, world.Exchange{As: "anna", Method: method, Path: api, Header: json, Body: "path=/an_KVBbg/Geheim.txt&shareType=3"})
			if a.Status/100 == 2 || strings.Contains(string(a.Body), "token") {
				t.Errorf("%s %s: %d\n%s", method, api, a.Status, a.Body)
			}
		}
	}
	a := w.Do(t, world.Exchange{As: "anna", Method: "GET", Path: "/ocs/v2.php/cloud/capabilities?format=json", Want: http.StatusOK})
	if !strings.Contains(string(a.Body), `"files_sharing":{"api_enabled":false`) {
		t.Errorf("clients are told of sharing: %s", a.Body)
	}
	settings := readFile(t, w.Config)
	for _, key := range []string{"sharing", "public_links", "guests", "anonymous"} {
		writeFile(t, w.Config, settings+key+": on\n")
		if out, err := w.Try("", "member", "list"); err == nil || !strings.Contains(out, key) {
			t.Errorf("%s can be switched on: %s", key, out)
		}
	}
	writeFile(t, w.Config, settings)
}

// TestCancel: what a clerk has delivered it corrects and withdraws until it is
// taken over; both leave their trace, and afterwards neither is possible (A31).
func TestCancel(t *testing.T) {
	w := whole(t, world.Everybody())
	const mine, theirs = "/dav/an_KVBbg/Meldung.csv", "/dav/KVBBG-SB-Posteingang/Meldung.csv"
	w.Put(t, "anna", mine, "falsch")
	w.Put(t, "anna", mine, "richtig")
	w.Do(t, world.Exchange{As: "anna", Method: "DELETE", Path: mine, Want: 204})
	w.Do(t, world.Exchange{As: "bert", Method: "GET", Path: "/dav/0815/an_KVBbg/Meldung.csv", Want: 404})
	settled()
	if n := len(w.Mails("bert@example.org")); n != 0 {
		t.Errorf("%d mails about what was withdrawn at once", n)
	}
	ended := map[string]bool{}
	for _, d := range w.Deliveries(t) {
		ended[d.SHA256] = (d.Supersed != "" || d.Withdrawn != "") && !d.Told()
	}
	for _, body := range []string{"falsch", "richtig"} {
		if !ended[hexDigest(body)] {
			t.Errorf("the delivery of %q is not recorded as withdrawn: %v", body, ended)
		}
	}
	operations := map[string]string{}
	for _, r := range w.Audit(t) {
		operations[r.Operation] += r.SHA256 + " "
	}
	for operation, body := range map[string]string{"create": "falsch", "replace": "richtig", "remove": "richtig"} {
		if !strings.Contains(operations[operation], hexDigest(body)) {
			t.Errorf("no record of %s with the digest of %q: %q", operation, body, operations[operation])
		}
	}
	if removed := w.CLI("", "entry", "list", "0815", "-r", "--removed"); !strings.Contains(removed, "Meldung.csv") {
		t.Errorf("what was withdrawn is not listed as removed:\n%s", removed)
	}

	w.Put(t, "anna", mine, "noch einmal")
	w.Move(t, "bert", "/dav/0815"+strings.TrimPrefix(mine, "/dav"), "/dav/0815"+strings.TrimPrefix(theirs, "/dav"), 201)
	w.Play(t, []world.Exchange{
		{As: "anna", Method: "DELETE", Path: theirs, Want: 403},
		{As: "anna", Method: "PUT", Path: theirs, Body: "anders", Want: 403},
		{As: "anna", Method: "MOVE", Path: theirs, Header: destination(mine), Want: 403},
		{As: "anna", Method: "DELETE", Path: mine, Want: 404},
		{As: "bert", Method: "GET", Path: "/dav/0815" + strings.TrimPrefix(theirs, "/dav"), Want: 200, Contains: "noch einmal"},
	})
}

// TestWhoItWasStaysKnown: the log and the history name a person by the real
// name when the account is disabled, its grants have ended and its member is
// closed, and nobody else ever gets that login (D9).
func TestWhoItWasStaysKnown(t *testing.T) {
	o := world.Everybody()
	o.Accounts[0].Person = "Anna Größe-Weiß"
	w := whole(t, o)
	w.Put(t, "anna", "/dav/an_KVBbg/Meldung.csv", "Meldung")
	w.CLI("", "account", "disable", "anna")
	w.CLI("", "account", "revoke", "anna", "--role", "clerk", "--member", "0815")
	w.CLI("", "member", "close", "0815", "--on", "2026-01-01")
	found := false
	for _, r := range w.Audit(t) {
		found = found || r.Operation == "create" && strings.Contains(r.Raw, `"person_name":"Anna Größe-Weiß"`) && strings.Contains(r.Raw, `"login":"anna"`)
	}
	if !found {
		t.Errorf("the log no longer says who it was:\n%s", w.CLI("", "audit", "export"))
	}
	if history := w.CLI("", "entry", "history", "0815", "/an_KVBbg/Meldung.csv"); !strings.Contains(history, "Anna Größe-Weiß") {
		t.Errorf("the history no longer says who it was:\n%s", history)
	}
	if out, err := w.Try(world.Password+"\n", "account", "add", "anna", "--person", "Anna Andere", "--email", "andere@example.org",
		"--role", "clerk", "--member", "0816", "--password-stdin"); err == nil {
		t.Errorf("the login was given again: %s", out)
	}
}

// TestLogsHoldNoContent: who reads the audit log sees names and digests and no
// content; the operator's log and metrics hold not even names; and no door
// shows the audit log to anybody (P4, K2).
func TestLogsHoldNoContent(t *testing.T) {
	o := world.Everybody()
	for _, role := range []string{"registrar", "auditor", "operator"} {
		o.Accounts = append(o.Accounts, world.Account{Login: role, Role: role})
	}
	w := whole(t, o)
	const content, name = "Kanarien-Inhalt-8472", "Kanarien-Name-8473"
	w.Put(t, "anna", "/dav/an_KVBbg/"+name+".txt", content)
	w.Get(t, "bert", "/dav/0815/an_KVBbg/"+name+".txt")
	w.Do(t, world.Exchange{As: "anna", Method: "PUT", Path: "/dav/" + name, Body: content, Want: 403})
	w.Do(t, world.Exchange{As: "emil", Method: "GET", Path: "/dav/0815/" + name, Want: 404})
	for _, login := range []string{"anna", "bert", "carla", "registrar", "auditor", "operator"} {
		for _, path := range []string{"/audit", "/metrics", "/admin", "/protokoll", "/dav/audit", "/readyz?verbose"} {
			a := w.Do(t, world.Exchange{As: login, Method: "GET", Path: path})
			if strings.Contains(string(a.Body), name) || strings.Contains(string(a.Body), "take-over") || a.Status == 200 && path != "/readyz?verbose" {
				t.Errorf("%s reads %s: %d\n%.300s", login, path, a.Status, a.Body)
			}
		}
	}
	a, err := http.Get(w.Metrics + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	metrics := new(strings.Builder)
	if err := a.Write(metrics); err != nil {
		t.Fatal(err)
	}
	log := w.CLI("", "audit", "export")
	if err := w.Stop(); err != nil {
		t.Errorf("stopping: %v", err)
	}
	own := readFile(t, w.LogFile())
	if !strings.Contains(log, name) || !strings.Contains(log, hexDigest(content)) || len(own) == 0 || !strings.Contains(metrics.String(), "postfach_") {
		t.Error("the search looks in the wrong place")
	}
	for what, text := range map[string]string{"audit log": log, "server's log": own, "metrics": metrics.String()} {
		if strings.Contains(text, content) || what != "audit log" && strings.Contains(text, name) {
			t.Errorf("the %s tells more than it should", what)
		}
	}
}
