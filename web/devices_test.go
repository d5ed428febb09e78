// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"postfach/auth"
	"postfach/catalog"
	"postfach/mailbox"
)

func (w *world) app(login, name string) (auth.AppPassword, string) {
	w.Helper()
	p, password, err := w.dir.AddAppPassword(w.ctx, by, login, name)
	w.must(err)
	w.pass(4 * time.Second) // running servers look for changes once a second
	return p, password
}

func number(p auth.AppPassword) string { return strconv.FormatInt(int64(p.ID), 10) }

// Issue 4, item 2: people see their app passwords, by name and with last use,
// and revoke single ones, which takes effect within five seconds.
func TestDevices(t *testing.T) {
	w := newWorld(t)
	w.person("anna", own)
	w.person("bert", own)
	lost, lostCode := w.app("anna", `Notebook <b>"Büro"</b>`)
	kept, keptCode := w.app("anna", "Telefon")
	others, othersCode := w.app("bert", "Berts Gerät")
	w.dav("anna", lostCode).want(t, 207)

	used := w.clock().Add(-49 * time.Hour)
	w.must(w.store.UpdateAccounts(w.ctx, func(tx auth.Tx) error { return tx.UsedAppPassword(kept.ID, used) }))

	w.get("/anmelden").want(t, 200, `href="/anmelden/geraete"`)
	first := w.get("/anmelden/geraete").want(t, 200, "Ihre Gerätepasswörter", `lang="de"`)
	if strings.Contains(first.body, "Notebook") || strings.Contains(first.body, "<script") || first.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v\n%s", first.Header, first.body)
	}
	w.post("/anmelden/geraete", "login", "anna", "password", "falsch").want(t, 403, "stimmt nicht")
	w.post("/anmelden/geraete", "login", "anna", "password", lostCode).want(t, 403, "nur für Programme")
	list := w.post("/anmelden/geraete", "login", "anna", "password", own).
		want(t, 200, "Notebook &lt;b&gt;", "Telefon", "noch nie", used.UTC().Format("02.01.2006, 15:04"), "Anna Größe", `aria-label="Widerrufen: Telefon"`)
	if strings.Contains(list.body, "Berts") || strings.Contains(list.body, lostCode) || strings.Contains(list.body, own) {
		t.Errorf("the page says too much:\n%s", list.body)
	}

	ticket := list.field(t, "ticket")
	after := w.post("/anmelden/geraete/widerrufen", "ticket", ticket, "geraet", number(lost)).want(t, 200, "ist widerrufen", "Telefon")
	if strings.Contains(after.body, "Notebook") {
		t.Errorf("still there:\n%s", after.body)
	}
	w.pass(4 * time.Second)
	w.dav("anna", lostCode).want(t, 401)
	w.dav("anna", keptCode).want(t, 207)
	w.post("/anmelden/geraete/widerrufen", "ticket", ticket, "geraet", number(lost)).want(t, 200, "schon widerrufen", "Telefon")

	// Another's is none of hers, and is not told of.
	w.post("/anmelden/geraete/widerrufen", "ticket", ticket, "geraet", number(others)).want(t, 200, "schon widerrufen")
	w.pass(4 * time.Second)
	w.dav("bert", othersCode).want(t, 207)

	// The same operation as the command's, by the person, in the same log.
	c, err := w.dir.Show(w.ctx, "anna")
	w.must(err)
	found := 0
	for _, p := range c.Apps {
		if !p.Valid() {
			found++
		}
	}
	if found != 1 {
		t.Errorf("%d revoked", found)
	}
	w.must(w.dir.RevokeAppPassword(w.ctx, by, "anna", c.Apps[1].ID))
	w.post("/anmelden/geraete", "login", "anna", "password", own).want(t, 200, "kein gültiges Gerätepasswort")
}

// The page is no session: it ends by itself, with the password and with the
// account, and no other site can use it.
func TestDevicesTicketEnds(t *testing.T) {
	w := newWorld(t)
	w.person("anna", own)
	p, code := w.app("anna", "Telefon")
	open := func() string {
		t.Helper()
		return w.post("/anmelden/geraete", "login", "anna", "password", own).want(t, 200).field(t, "ticket")
	}
	end := func(ticket string) answer {
		t.Helper()
		return w.post("/anmelden/geraete/widerrufen", "ticket", ticket, "geraet", number(p))
	}
	ticket := open()
	for _, bad := range []string{"", "x", ticket[1:], ticket[:len(ticket)-2] + "AA", strings.Repeat("A", 5000)} {
		end(bad).want(t, 409, "noch einmal an")
	}
	body := "ticket=" + ticket + "&geraet=" + number(p)
	form := "Content-Type: application/x-www-form-urlencoded"
	w.do("POST", "/anmelden/geraete/widerrufen", body, form, "Sec-Fetch-Site: cross-site").want(t, 403)
	w.do("POST", "/anmelden/geraete/widerrufen", body, form, "Origin: https://evil.example").want(t, 403)
	w.do("POST", "/anmelden/geraete/widerrufen", body).want(t, 415)
	w.do("GET", "/anmelden/geraete/widerrufen?"+body, "").want(t, 405)
	w.post("/anmelden/geraete/widerrufen", "ticket", ticket, "geraet", "eins").want(t, 400)
	w.pass(16 * time.Minute)
	end(ticket).want(t, 409)

	ticket = open()
	w.must(w.dir.SetPassword(w.ctx, by, "anna", own+"!"))
	end(ticket).want(t, 409)
	w.must(w.dir.SetPassword(w.ctx, by, "anna", own))
	w.pass(time.Second)
	ticket = open()
	w.must(w.dir.Disable(w.ctx, by, "anna"))
	end(ticket).want(t, 409)
	w.must(w.dir.Enable(w.ctx, by, "anna"))
	w.pass(4 * time.Second)
	w.dav("anna", code).want(t, 207) // after all that it is still valid
}

// In English, with the time of the place; a letter must be opened first.
func TestDevicesInEnglish(t *testing.T) {
	w := newWorld(t)
	w.person("anna", own)
	w.person("neu", "")
	english := "en"
	w.must(w.dir.SetAccount(w.ctx, by, "anna", auth.Change{Language: &english}))
	w.app("anna", "Phone")
	w.get("/anmelden/geraete", "Accept-Language: en").want(t, 200, "Your app passwords", `lang="en"`)
	w.post("/anmelden/geraete", "login", "anna", "password", own).
		want(t, 200, "Last used", "never", w.clock().UTC().Format("2 Jan 2006"), `lang="en"`)
	w.post("/anmelden/geraete", "login", "neu", "password", w.letter("neu")).want(t, 200, "Eigenes Kennwort festlegen")
}

// A device that is revoked in the browser is recorded as its person's act.
func TestDeviceRecord(t *testing.T) {
	w := newWorld(t)
	w.person("anna", own)
	p, _ := w.app("anna", "Telefon")
	ticket := w.post("/anmelden/geraete", "login", "anna", "password", own).field(t, "ticket")
	w.post("/anmelden/geraete/widerrufen", "ticket", ticket, "geraet", number(p)).want(t, 200)
	var last catalog.Logged
	w.must(w.store.Inquire(w.ctx, func(q *catalog.Inquiry) error {
		return q.Records(catalog.RecordQuery{Operations: []mailbox.Operation{auth.OpAppPasswordRevoke}}, func(l catalog.Logged) error {
			last = l
			return nil
		})
	}))
	if last.PersonName != "Anna Größe" || last.Detail.Door != "web" || last.Detail.Means != "password" || !strings.Contains(last.Detail.Text, "Telefon") {
		t.Errorf("%+v", last)
	}
}
