// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postfach/auth"
	"postfach/catalog"
	"postfach/mailbox"
)

// begun is what a program learns when it begins.
type begun struct {
	Poll  struct{ Token, Endpoint string }
	Login string
}

// granted is what it gets in the end.
type granted struct{ Server, LoginName, AppPassword string }

// begin is the first request of a program that has no credentials.
func (w *world) begin(agent string) (b begun) {
	w.Helper()
	a := w.do("POST", "/index.php/login/v2", "", "User-Agent: "+agent).want(w, 200)
	w.must(json.Unmarshal([]byte(a.body), &b))
	if b.Poll.Endpoint != w.url+"/index.php/login/v2/poll" || !strings.HasPrefix(b.Login, w.url+"/index.php/login/v2/flow/") || len(b.Poll.Token) < 40 {
		w.Errorf("%+v", b)
	}
	return b
}

func (w *world) poll(b begun) answer {
	w.Helper()
	return w.do("POST", b.Poll.Endpoint, "token="+b.Poll.Token, "Content-Type: application/x-www-form-urlencoded")
}

// CLIENTS.md section 6, check 25, over HTTP: begin, poll 404, allow, poll 200
// once, then 404; the app password works at WebDAV and nowhere else.
func TestLoginFlow(t *testing.T) {
	w := newWorld(t)
	w.person("anna", own)
	if a := w.do("PROPFIND", "/dav/", ""); a.StatusCode != 401 || strings.Contains(strings.Join(a.Header.Values("WWW-Authenticate"), ","), "Bearer") {
		t.Errorf("%d %q", a.StatusCode, a.Header.Values("WWW-Authenticate"))
	}
	b := w.begin("notebook (Desktop Client - Linux)")
	if a := w.poll(b).want(t, 404); a.body != "[]" {
		t.Errorf("%q", a.body)
	}
	w.get(b.Login+"?user=anna").want(t, 200, "notebook (Desktop Client - Linux)", `value="anna"`, "soeben selbst")
	w.post(b.Login, "login", "anna", "password", "falsch", "name", "Büro").want(t, 403, "stimmt nicht", `value="Büro"`)
	w.post(b.Login, "login", "anna", "password", own, "name", " ").want(t, 400, "kein Name")
	w.poll(b).want(t, 404)
	w.post(b.Login, "login", "anna", "password", own, "name", "Büro").want(t, 200, "Zugriff erlaubt")

	var g granted
	w.must(json.Unmarshal([]byte(w.poll(b).want(t, 200).body), &g))
	w.poll(b).want(t, 404)
	if g.Server != w.url || g.LoginName != "anna" {
		t.Errorf("%+v", g)
	}
	w.get(b.Login).want(t, 404, "schon beantwortet")
	w.post(b.Login, "login", "anna", "password", own, "name", "Büro").want(t, 404)
	w.dav("anna", g.AppPassword).want(t, 207)
	w.dav("anna", own).want(t, 207)

	// Scoped to DAV (P40): no page takes it, and it makes no other.
	w.post("/anmelden", "login", "anna", "password", g.AppPassword).want(t, 403, "nur für Programme")
	next := w.begin("x")
	w.post(next.Login, "login", "anna", "password", g.AppPassword, "name", "Büro").want(t, 403, "nur für Programme")
	w.poll(next).want(t, 404)
	w.get("/ocs/v2.php/core/getapppassword", "OCS-APIRequest: true", basic("anna", g.AppPassword)).want(t, 403)
}

// A request that nobody answers is over after 20 minutes, one that was allowed
// and not fetched too; tokens are not guessed from each other.
func TestLoginFlowExpires(t *testing.T) {
	w := newWorld(t)
	w.person("anna", own)
	b := w.begin("x")
	w.pass(21 * time.Minute)
	w.get(b.Login).want(t, 404, "abgelaufen")
	w.post(b.Login, "login", "anna", "password", own, "name", "x").want(t, 404)
	b = w.begin("x")
	w.post(b.Login, "login", "anna", "password", own, "name", "x").want(t, 200)
	w.pass(21 * time.Minute)
	w.poll(b).want(t, 404)
	for _, page := range []string{"", "x", strings.Repeat("A", 10_000), strings.TrimPrefix(b.Login, w.url+"/index.php/login/v2/flow/")[1:]} {
		w.get("/index.php/login/v2/flow/"+page).want(t, 404)
	}
	w.do("POST", b.Poll.Endpoint+"?token="+b.Poll.Token, "", "Content-Type: application/x-www-form-urlencoded").want(t, 404) // tokens do not stand in addresses
}

// Whoever was sent the link of somebody else's program is warned.
func TestLoginFlowFromElsewhere(t *testing.T) {
	w := newWorld(t)
	w.from = "203.0.113.7"
	b := w.begin("fremd")
	w.mu.Lock()
	w.from = "192.0.2.10"
	w.mu.Unlock()
	w.get(b.Login).want(t, 200, "aus einem anderen Netz")
}

// The login flow is where a letter is opened, too.
func TestLoginFlowWithLetter(t *testing.T) {
	w := newWorld(t)
	w.person("anna", "")
	code := w.letter("anna")
	b := w.begin("notebook")
	p := w.post(b.Login, "login", "anna", "password", code, "name", "Büro").want(t, 200, "Guten Tag Anna Größe,")
	w.poll(b).want(t, 404)
	w.post("/anmelden/kennwort", "ticket", p.field(t, "ticket"), "flow", p.field(t, "flow"), "login", "anna", "password", own, "repeat", own).
		want(t, 200, strings.TrimPrefix(b.Login, w.url))
	w.pass(time.Second)
	w.post(b.Login, "login", "anna", "password", own, "name", "Büro").want(t, 200)
	w.poll(b).want(t, 200)
}

// An account that was disabled, closed or filled up between permission and
// fetching gets nothing.
func TestLoginFlowOfDisabled(t *testing.T) {
	w := newWorld(t)
	w.person("anna", own)
	b := w.begin("x")
	w.post(b.Login, "login", "anna", "password", own, "name", "x").want(t, 200)
	for i := range auth.MaxAppPasswords {
		_, _, err := w.dir.AddAppPassword(w.ctx, by, "anna", fmt.Sprint("Gerät ", i))
		w.must(err)
	}
	w.poll(b).want(t, 404)
	full := w.begin("x")
	w.post(full.Login, "login", "anna", "password", own, "name", "x").want(t, 409, "schon 30")
	w.must(w.dir.RevokeAppPassword(w.ctx, by, "anna", 1))
	w.must(w.dir.Disable(w.ctx, by, "anna"))
	w.poll(b).want(t, 404)
	w.must(w.dir.Enable(w.ctx, by, "anna"))
	w.poll(b).want(t, 200)
}

func basic(login, password string) string {
	r, _ := http.NewRequest("GET", "/", nil)
	r.SetBasicAuth(login, password)
	return "Authorization: " + r.Header.Get("Authorization")
}

// The two endpoints of desktop clients, in both forms (CLIENTS.md 1.4).
func TestOCSAppPassword(t *testing.T) {
	w := newWorld(t)
	w.person("anna", own)
	const get, drop, api = "/ocs/v2.php/core/getapppassword", "/ocs/v2.php/core/apppassword", "OCS-APIRequest: true"
	w.do("GET", get, "", basic("anna", own)).want(t, 412) // a link on a page makes none
	if a := w.do("GET", get, "", api).want(t, 401, "<statuscode>997</statuscode>"); !strings.HasPrefix(a.Header.Get("WWW-Authenticate"), "Basic ") {
		t.Error("no challenge")
	}
	var x struct {
		XMLName xml.Name `xml:"ocs"`
		Meta    struct {
			Status string `xml:"status"`
			Code   int    `xml:"statuscode"`
		} `xml:"meta"`
		App string `xml:"data>apppassword"`
	}
	w.must(xml.Unmarshal([]byte(w.do("GET", get, "", api, basic("anna", own), "User-Agent: Nextcloud-android/3").want(t, 200).body), &x))
	if x.Meta.Status != "ok" || x.Meta.Code != 200 || x.App == "" {
		t.Errorf("%+v", x)
	}
	var j struct {
		OCS struct {
			Meta struct{ StatusCode int }
			Data json.RawMessage
		}
	}
	var data struct{ AppPassword string }
	w.must(json.Unmarshal([]byte(w.do("GET", get+"?format=json", "", api, basic("anna", own)).want(t, 200).body), &j))
	w.must(json.Unmarshal(j.OCS.Data, &data))
	w.dav("anna", x.App).want(t, 207)
	w.dav("anna", data.AppPassword).want(t, 207)

	w.do("DELETE", drop, "", api, basic("anna", own)).want(t, 403)
	w.do("DELETE", drop, "", api, basic("anna", x.App)).want(t, 200, "<data></data>")
	w.must(json.Unmarshal([]byte(w.do("DELETE", drop, "", api, basic("anna", data.AppPassword), "Accept: application/json").want(t, 200).body), &j))
	if string(j.OCS.Data) != "[]" {
		t.Errorf("data %s", j.OCS.Data)
	}
	w.pass(time.Second)
	w.dav("anna", x.App).want(t, 401)
	w.do("DELETE", drop, "", api, basic("anna", data.AppPassword)).want(t, 401)
	w.do("POST", drop, "", api).want(t, 405)
}

// The own password may be switched off for programs; pages still take it.
func TestNoOwnPasswordForPrograms(t *testing.T) {
	w := newWorld(t)
	w.person("anna", own)
	_, app, err := w.dir.AddAppPassword(w.ctx, by, "anna", "Notebook")
	w.must(err)
	w.dav("anna", own).want(t, 207)
	w.must(w.dir.SetAccount(w.ctx, by, "anna", auth.Change{DAVPassword: new(false)}))
	w.pass(time.Second)
	w.dav("anna", own).want(t, 401, "Gerätepasswort")
	w.dav("anna", "falsch").want(t, 401, "Bitte melden Sie sich") // nothing is told to who does not know it
	w.dav("anna", app).want(t, 207)
	b := w.begin("x")
	w.post(b.Login, "login", "anna", "password", own, "name", "x").want(t, 200)
	w.poll(b).want(t, 200)
	w.must(w.dir.SetAccount(w.ctx, by, "anna", auth.Change{DAVPassword: new(true)}))
	w.pass(time.Second)
	w.dav("anna", own).want(t, 207)
}

// K7, L28, P40: neither a code nor the token of a program stands in the catalog,
// the audit or the log; every step is audited.
func TestNoCodeIsKept(t *testing.T) {
	w := newWorld(t)
	w.person("anna", "")
	code := w.letter("anna")
	w.dav("anna", code)
	ticket := w.post("/anmelden", "login", "anna", "password", code).field(t, "ticket")
	w.post("/anmelden/kennwort", "ticket", ticket, "password", own, "repeat", own).want(t, 200)
	w.pass(time.Second)
	b := w.begin("notebook")
	w.post(b.Login, "login", "anna", "password", own, "name", "Büro").want(t, 200)
	var g granted
	w.must(json.Unmarshal([]byte(w.poll(b).want(t, 200).body), &g))
	w.dav("anna", g.AppPassword).want(t, 207)
	w.must(w.dir.RevokeAppPassword(w.ctx, by, "anna", 1))

	want := []mailbox.Operation{auth.OpOneTimePassword, mailbox.OpPassword, auth.OpAppPasswordAllow, auth.OpAppPasswordAdd, auth.OpAppPasswordRevoke}
	var ops []mailbox.Operation
	w.must(w.store.Inquire(w.ctx, func(q *catalog.Inquiry) error {
		return q.Records(catalog.RecordQuery{Operations: want}, func(l catalog.Logged) error {
			ops = append(ops, l.Operation)
			if l.Login != "anna" || l.PersonName != "Anna Größe" {
				t.Errorf("%s names %q, %q", l.Operation, l.Login, l.PersonName)
			}
			if byPage := l.Operation == mailbox.OpPassword || l.Operation == auth.OpAppPasswordAllow; byPage && (l.Detail.Door != "web" || l.Detail.Address == "") {
				t.Errorf("%s: %+v", l.Operation, l.Detail)
			}
			return nil
		})
	}))
	if fmt.Sprint(ops) != fmt.Sprint(want) {
		t.Errorf("audited %v, want %v", ops, want)
	}
	w.must(w.store.Close())
	files, err := filepath.Glob(w.path + "*")
	w.must(err)
	w.log.mu.Lock()
	all := []byte(w.log.text.String())
	w.log.mu.Unlock()
	for _, f := range files {
		raw, err := os.ReadFile(f)
		w.must(err)
		all = append(all, raw...)
	}
	if !bytes.Contains(all, []byte("Büro")) {
		t.Fatal("the test does not look at the catalog")
	}
	for _, secret := range []string{code, g.AppPassword, b.Poll.Token, own, ticket} {
		for _, form := range []string{secret, strings.ReplaceAll(secret, "-", "")} {
			if bytes.Contains(all, []byte(form)) {
				t.Errorf("%q is kept", form)
			}
		}
	}
}
