// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"strings"
	"testing"
	"time"

	"postfach/auth"
	"postfach/mailbox"
)

// A18, A19, K17, L29: the one-time password of a letter opens nothing but the
// page of the own password, works once, and is told from a used one.
func TestLetterToOwnPassword(t *testing.T) {
	w := newWorld(t)
	w.person("anna", "")
	code := w.letter("anna")

	before := w.dav("anna", code).want(t, 401, "erste Anmeldung")
	if h := before.Header.Get("OC-ErrorString"); !strings.Contains(h, "eigenes Kennwort") {
		t.Errorf("what a sync client shows: %q", h)
	}
	if h := before.Header.Values("WWW-Authenticate"); len(h) != 1 || !strings.HasPrefix(h[0], "Basic ") {
		t.Errorf("challenges %q", h)
	}
	w.get("/postfach/0815").want(t, 200, `action="/anmelden"`, `href="/dav/0815/"`, "Erste Anmeldung mit dem Brief")

	typed := strings.ToLower(strings.ReplaceAll(code, "-", " "))
	w.post("/anmelden", "login", "anna", "password", typed+"x").want(t, 403, "stimmt nicht", `role="alert"`, `value="anna"`, "schon ein eigenes Kennwort")
	p := w.post("/anmelden", "login", "ANNA", "password", typed, "postfach", "0815").want(t, 200, "Guten Tag Anna Größe,", "mindestens 12 Zeichen")
	ticket := p.field(t, "ticket")
	if strings.Contains(p.body, code) || strings.Contains(p.body, typed) {
		t.Error("the page repeats the one-time password")
	}
	choose := func(password, repeat string) answer {
		return w.post("/anmelden/kennwort", "ticket", ticket, "login", "anna", "postfach", p.field(t, "postfach"), "password", password, "repeat", repeat)
	}
	choose(own, own+"!").want(t, 400, "verschieden")
	choose("zu kurz", "zu kurz").want(t, 400, "mindestens 12 Zeichen", `name="ticket"`)
	choose(code, code).want(t, 400, "anderes Kennwort als das aus dem Brief")
	w.dav("anna", code).want(t, 401, "erste Anmeldung") // nothing has happened yet
	choose(own, own).want(t, 200, "Ihr Kennwort ist eingerichtet", `href="/dav/0815/"`)
	choose("ein anderes langes", "ein anderes langes").want(t, 409, "gilt nicht mehr")

	w.pass(time.Second)
	w.dav("anna", own).want(t, 207)
	w.dav("anna", code).want(t, 401, "schon benutzt")
	w.post("/anmelden", "login", "anna", "password", code).want(t, 403, "schon benutzt", "sofort an den Service")
	w.post("/anmelden", "login", "anna", "password", own).want(t, 200, "Ihr Kennwort ist eingerichtet")
	// Nothing of this was a guess.
	w.post("/anmelden", "login", "anna", "password", "falsch 1").want(t, 403)
	w.post("/anmelden", "login", "anna", "password", "falsch 2").want(t, 403)
	w.dav("anna", own).want(t, 207)
}

// A25: a letter ends what was valid before: the own password, app passwords,
// and an earlier letter with whatever was begun with it.
func TestLetterEndsEarlier(t *testing.T) {
	w := newWorld(t)
	w.person("anna", own)
	_, app, err := w.dir.AddAppPassword(w.ctx, by, "anna", "Notebook")
	w.must(err)
	w.dav("anna", own).want(t, 207)
	w.dav("anna", app).want(t, 207)
	first := w.letter("anna")
	w.dav("anna", own).want(t, 401)
	w.dav("anna", app).want(t, 401)
	ticket := w.post("/anmelden", "login", "anna", "password", first).want(t, 200).field(t, "ticket")
	w.pass(time.Millisecond)
	second := w.letter("anna")
	w.post("/anmelden", "login", "anna", "password", first).want(t, 403, "stimmt nicht")
	w.post("/anmelden/kennwort", "ticket", ticket, "password", own, "repeat", own).want(t, 409, "gilt nicht mehr")
	w.post("/anmelden", "login", "anna", "password", second).want(t, 200).field(t, "ticket")
	// So does a password that is set otherwise.
	w.must(w.dir.SetPassword(w.ctx, by, "anna", "vom Dienst gesetzt"))
	w.pass(time.Second)
	w.post("/anmelden", "login", "anna", "password", second).want(t, 403, "stimmt nicht")
	w.dav("anna", "vom Dienst gesetzt").want(t, 207)
}

// A18: a one-time password expires by the catalog's clock, also between the
// two pages; a ticket lives shorter.
func TestLetterExpires(t *testing.T) {
	w := newWorld(t)
	w.person("anna", "")
	code := w.letter("anna")
	ticket := w.post("/anmelden", "login", "anna", "password", code).want(t, 200).field(t, "ticket")
	w.pass(31 * time.Minute)
	w.post("/anmelden/kennwort", "ticket", ticket, "password", own, "repeat", own).want(t, 409, "gilt nicht mehr")
	w.pass((auth.OneTimeDays - 1) * 24 * time.Hour)
	ticket = w.post("/anmelden", "login", "anna", "password", code).want(t, 200).field(t, "ticket")
	c, err := w.dir.Show(w.ctx, "anna")
	w.must(err)
	w.pass(c.OneTime.Expires.Sub(w.clock()))
	w.post("/anmelden/kennwort", "ticket", ticket, "password", own, "repeat", own).want(t, 409, "gilt nicht mehr")
	w.post("/anmelden", "login", "anna", "password", code).want(t, 403, "abgelaufen")
	w.dav("anna", code).want(t, 401, "abgelaufen")
}

// A disabled account and one of a closed member get no further with a letter,
// and nobody learns more than from a wrong password.
func TestLetterOfDisabled(t *testing.T) {
	w := newWorld(t)
	w.person("anna", "")
	code := w.letter("anna")
	ticket := w.post("/anmelden", "login", "anna", "password", code).want(t, 200).field(t, "ticket")
	w.must(w.dir.Disable(w.ctx, by, "anna"))
	w.pass(time.Second)
	w.post("/anmelden", "login", "anna", "password", code).want(t, 403, "stimmt nicht")
	w.post("/anmelden/kennwort", "ticket", ticket, "password", own, "repeat", own).want(t, 409)
}

// Wrong passwords at a page count and pause like those at WebDAV.
func TestPagePauses(t *testing.T) {
	w := newWorld(t)
	w.person("anna", own)
	for _, wrong := range []string{"falsch 1", "falsch 2", "falsch 3"} {
		w.post("/anmelden", "login", "anna", "password", wrong).want(t, 403)
	}
	if a := w.post("/anmelden", "login", "anna", "password", own).want(t, 429, "angehalten"); a.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	w.dav("anna", own).want(t, 429)
}

// Machine accounts have no browser sign-in, and no letter.
func TestMachineAtThePage(t *testing.T) {
	w := newWorld(t)
	w.must(w.dir.AddAccount(w.ctx, by, auth.NewAccount{Login: "job", Password: own, Kind: mailbox.MachineAccount,
		Person: auth.PersonSpec{Name: "Anna Größe", Email: "anna@example.org", Address: "Weg 1"},
		Grants: []auth.GrantSpec{{Role: mailbox.Clerk, Member: "0815"}}}))
	w.dav("job", own).want(t, 207)
	w.post("/anmelden", "login", "job", "password", own).want(t, 403, "nicht im Browser")
	if _, err := w.dir.PlanLetters(w.ctx, []string{"job"}, 30, time.UTC); err == nil {
		t.Error("a machine got a letter")
	}
}

// Pages run nothing, load nothing, stand in no frame and send forms nowhere
// else; another site cannot send one; both languages; large ones are refused.
func TestPagesAreSafe(t *testing.T) {
	w := newWorld(t)
	w.person("anna", own)
	flow := w.begin("Notebook").Login
	for _, path := range []string{"/anmelden", "/postfach/0815", "/postfach/9999", flow} {
		a := w.get(path, "Accept-Language: de").want(t, 200, `<html lang="de">`, `<meta name="viewport"`)
		h := a.Header
		if csp := h.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; style-src 'sha256-") || strings.Contains(csp, "script") ||
			!strings.Contains(csp, "form-action 'self'") || !strings.Contains(csp, "frame-ancestors 'none'") || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", path, h)
		}
		if strings.Contains(a.body, "<script") || strings.Contains(a.body, " style=") || len(a.Cookies()) > 0 {
			t.Errorf("%s holds a script, a style or a cookie", path)
		}
		w.get(path, "Accept-Language: en").want(t, 200, `<html lang="en">`)
	}
	if a, b := w.get("/postfach/0815"), w.get("/postfach/9999"); strings.ReplaceAll(a.body, "0815", "") != strings.ReplaceAll(b.body, "9999", "") {
		t.Error("the page tells whether there is such a mailbox (K20)")
	}
	w.get(`/postfach/"><script>`).want(t, 200)
	if a := w.get(`/postfach/"><script>`); strings.Contains(a.body, "<script") {
		t.Error("markup from the address")
	}
	form := "login=anna&password=" + strings.ReplaceAll(own, " ", "+")
	for _, headers := range [][]string{
		{"Sec-Fetch-Site: cross-site"}, {"Sec-Fetch-Site: same-site"}, {"Origin: https://boese.example"}, {"Origin: null"},
	} {
		for _, path := range []string{"/anmelden", "/anmelden/kennwort", flow} {
			w.do("POST", path, form, append(headers, "Content-Type: application/x-www-form-urlencoded")...).want(t, 403)
		}
	}
	w.do("POST", "/anmelden", form, "Content-Type: text/plain").want(t, 415)
	w.post("/anmelden", "login", strings.Repeat("x", 20<<10), "password", "y").want(t, 413)
	w.do("PUT", "/anmelden", "").want(t, 405)
	if a := w.do("GET", "/anmelden/kennwort", ""); a.StatusCode != 405 || a.Header.Get("Allow") != "POST" {
		t.Errorf("%d %q", a.StatusCode, a.Header.Get("Allow"))
	}
	// Nextcloud's desktop asks "/" first, and gives up its login flow where that
	// ends in a challenge (CLIENTS.md 1.4).
	if a := w.do("GET", "/", ""); a.StatusCode != 303 || a.Header.Get("Location") != "/anmelden" {
		t.Errorf("/: %d %q", a.StatusCode, a.Header.Get("Location"))
	}
	if a := w.do("GET", "/", "", basic("anna", own)); a.StatusCode != 303 || a.Header.Get("Location") != "/dav/" {
		t.Errorf("/, signed in: %d %q", a.StatusCode, a.Header.Get("Location"))
	}
}
