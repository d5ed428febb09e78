// SPDX-License-Identifier: Apache-2.0

package auth_test

import (
	"bytes"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"postfach/auth"
	"postfach/catalog"
	"postfach/mailbox"
)

// Issue 2 item 10: Basic, DOMAIN\user, case and normal form; strangers are
// refused alike and counted, a first request without credentials is not.
func TestSignIn(t *testing.T) {
	p := newPlace(t, "0815")
	p.add("Jürgen", "clerk 0815")
	a, err := p.ask(`KASSE\JU`+"\u0308"+`RGEN`, right, office)
	p.must(err)
	if a.Login != "Jürgen" || a.PersonName != "Jürgen Beispiel" || a.Person == 0 || a.Account == 0 || a.Layout != mailbox.Direct ||
		a.Kind != mailbox.PersonAccount || len(a.Grants) != 1 || a.Grants[0].Number != "0815" || a.Grants[0].Member == 0 ||
		a.Via.Address.String() != office || a.Via.UserAgent != "Test/1.0" {
		t.Errorf("%+v", a)
	}
	b, err := p.ask("jürgen", right, home)
	p.must(err)
	if b.Account != a.Account || b.Revision != a.Revision || b.Via.Address.String() != home {
		t.Errorf("%+v", b)
	}
	for _, header := range []string{
		"Basic !", "Basic", "Bearer abc", "Basic " + base64.StdEncoding.EncodeToString([]byte("ohne Doppelpunkt")),
		"Basic " + base64.StdEncoding.EncodeToString([]byte("J\xfcrgen:"+right)), // Latin-1
		"Basic " + base64.StdEncoding.EncodeToString([]byte(":"+right)),
		"Basic " + base64.StdEncoding.EncodeToString([]byte("Jürgen:")),
	} {
		r := httptest.NewRequest("GET", "/dav/", nil)
		r.RemoteAddr = office + ":1"
		r.Header.Set("Authorization", header)
		if _, err := p.door.Authenticate(p.ctx, r); mailbox.KindOf(err) != mailbox.Unauthenticated {
			t.Errorf("%q: %v", header, err)
		}
	}
	if p.strangers[office] != 7 {
		t.Errorf("strangers %v", p.strangers)
	}
	r := httptest.NewRequest("GET", "/dav/", nil)
	if _, err := p.door.Authenticate(p.ctx, r); mailbox.KindOf(err) != mailbox.Unauthenticated || len(p.strangers) != 1 {
		t.Errorf("without credentials: %v, strangers %v", err, p.strangers)
	}
	r.SetBasicAuth("Jürgen", right)
	r.Header.Set("X-Plain", "1")
	if _, err := p.door.Authenticate(p.ctx, r); mailbox.KindOf(err) != mailbox.Forbidden {
		t.Errorf("over an open line: %v", err)
	}
}

// refusedAlike are logins whose password is right or that do not exist: none
// of them signs in, and a stranger cannot tell one from the other.
func (p *place) refusedAlike() []string {
	p.Helper()
	p.addMembers("0817")
	for _, l := range []string{"gesperrt", "geschlossen"} {
		p.add(l, "clerk 0817")
	}
	p.must(p.dir.Disable(p.ctx, by, "gesperrt"))
	p.close("0817", p.clock())
	none := newAccount("ohne", "auditor")
	none.Password = ""
	p.must(p.dir.AddAccount(p.ctx, by, none))
	machine := newAccount("job", "caseworker all")
	machine.Kind, machine.Networks = mailbox.MachineAccount, []netip.Prefix{netip.MustParsePrefix("203.0.113.0/28")}
	p.must(p.dir.AddAccount(p.ctx, by, machine))
	return []string{"gesperrt", "geschlossen", "ohne", "job", "niemand", "nie/mand", strings.Repeat("x", 5000), `KASSE\`}
}

// No user enumeration: kinds, texts and pauses are the same for every login
// that may not sign in, and for a wrong password of one that may.
func TestRefusedAlike(t *testing.T) {
	p := newPlace(t, "0815")
	p.add("anna", "clerk 0815")
	logins := append(p.refusedAlike(), "anna")
	answers := map[string]int{}
	for _, l := range logins {
		var answer []string
		for _, pass := range []string{"falsch 1", "falsch 2", "falsch 2", "falsch 3", "falsch 4", "falsch 1"} {
			_, err := p.ask(l, pass, office)
			e, ok := errors.AsType[*mailbox.Error](err)
			if !ok {
				t.Fatalf("%.20q: %v", l, err)
			}
			answer = append(answer, fmt.Sprint(e.Kind, e.Reason, e.Args, e.RetryAfter))
		}
		answers[strings.Join(answer, "; ")]++
	}
	if len(answers) != 1 {
		t.Errorf("the answers differ: %v", answers)
	}
	p.expect(signedIn, "job", right, "203.0.113.9")
	p.expect(mailbox.Unauthenticated, "job", right, "203.0.113.16")
	for _, l := range logins[:len(logins)-1] {
		p.expect(mailbox.Unauthenticated, l, right, home)
	}
}

// After three distinct wrong passwords the password path pauses for this
// account and network only; the papers contradict each other here.
func TestPause(t *testing.T) {
	p := newPlace(t, "0815")
	p.add("anna", "clerk 0815")
	p.add("bert", "clerk 0815")
	for range 6 { // owncloudcmd
		p.expect(mailbox.Unauthenticated, "anna", "falsch 1", office)
	}
	p.expect(mailbox.Unauthenticated, "anna", "falsch 2", office)
	p.expect(mailbox.Unauthenticated, "anna", "falsch 3", office)
	p.expect(mailbox.Paused, "anna", right, office)
	p.expect(mailbox.Paused, "anna", right, "192.0.2.99") // the same network
	p.expect(signedIn, "anna", right, home)
	p.expect(signedIn, "bert", right, office)
	if _, err := p.ask("anna", "falsch 1", office); true {
		if e, _ := errors.AsType[*mailbox.Error](err); e == nil || e.Kind != mailbox.Paused || e.RetryAfter < time.Minute || e.RetryAfter > 62*time.Second {
			t.Errorf("%+v", err)
		}
	}
	p.wait(time.Minute)
	p.expect(mailbox.Unauthenticated, "anna", "falsch 1", office) // counted before
	p.expect(mailbox.Unauthenticated, "anna", "falsch 4", office)
	p.wait(time.Minute)
	p.expect(mailbox.Paused, "anna", right+" doch nicht", office) // the second pause is longer
	p.wait(time.Minute)
	p.expect(mailbox.Unauthenticated, "anna", "falsch 5", office)
	p.wait(4 * time.Minute)
	// A right password clears this network: three more are free. The process
	// is a new one, else the password would be remembered from home.
	p.door = p.authenticator(p.store)
	p.expect(signedIn, "anna", right, office)
	p.expect(mailbox.Unauthenticated, "anna", "falsch 6", office)
	p.expect(mailbox.Unauthenticated, "anna", "falsch 7", office)
	p.expect(mailbox.Unauthenticated, "anna", "falsch 6", office)
	p.expect(mailbox.Unauthenticated, "anna", "falsch 8", office)
	p.expect(mailbox.Paused, "anna", "falsch 9", office)
}

// Whoever is signed in with the right password works on while somebody in the
// same network guesses; and the pause is shared by all processes.
func TestPauseIsSharedAndSparesTheSignedIn(t *testing.T) {
	p := newPlace(t, "0815")
	p.add("anna", "clerk 0815")
	p.expect(signedIn, "anna", right, office)
	p.wait(15*time.Minute - time.Second)
	for i := range 3 {
		p.expect(mailbox.Unauthenticated, "anna", fmt.Sprint("falsch", i), office)
	}
	p.expect(mailbox.Paused, "anna", "falsch 4", office)
	p.expect(signedIn, "anna", right, office)
	p.wait(30 * time.Second) // when the password would be hashed again
	p.expect(signedIn, "anna", right, office)
	other := p.authenticator(p.open())
	if _, err := ask(other, "anna", right, office); mailbox.KindOf(err) != mailbox.Paused {
		t.Errorf("another process: %v", err)
	}
}

// Guesses sent side by side are counted one by one.
func TestParallelGuesses(t *testing.T) {
	p := newPlace(t, "0815")
	p.add("anna", "clerk 0815")
	var wg sync.WaitGroup
	var mu sync.Mutex
	kinds := map[mailbox.Kind]int{}
	for i := range 12 {
		wg.Go(func() {
			_, err := p.ask("anna", fmt.Sprint("geraten ", i), office)
			mu.Lock()
			defer mu.Unlock()
			kinds[mailbox.KindOf(err)]++
		})
	}
	wg.Wait()
	if kinds[mailbox.Unauthenticated] != 3 || kinds[mailbox.Paused] != 9 {
		t.Errorf("kinds %v", kinds)
	}
}

// A formerly valid password is no guess; a new one ends the pauses; unlock too.
func TestFormerPasswordAndUnlock(t *testing.T) {
	p := newPlace(t, "0815")
	p.add("anna", "clerk 0815")
	p.must(p.dir.SetPassword(p.ctx, by, "anna", "das neue Kennwort"))
	p.expect(mailbox.Unauthenticated, "anna", right, office)
	p.expect(mailbox.Unauthenticated, "anna", "falsch 1", office)
	p.expect(mailbox.Unauthenticated, "anna", "falsch 2", office)
	p.expect(mailbox.Unauthenticated, "anna", right, office)
	p.expect(signedIn, "anna", "das neue Kennwort", office)

	guess := func(where string) {
		for i := range 3 {
			p.expect(mailbox.Unauthenticated, "anna", fmt.Sprint("geraten", i), where)
		}
		p.expect(mailbox.Paused, "anna", "geraten", where)
	}
	guess(office)
	guess(home)
	n, err := p.dir.Unlock(p.ctx, by, "ANNA")
	if err != nil || n != 2 {
		t.Errorf("unlocked %d networks, %v", n, err)
	}
	p.expect(mailbox.Unauthenticated, "anna", "geraten", office)
	guess("203.0.113.1")
	p.must(p.dir.SetPassword(p.ctx, by, "anna", "das neueste Kennwort"))
	p.wait(time.Second)
	p.expect(signedIn, "anna", "das neueste Kennwort", "203.0.113.1")
}

// Disabling, a new password, an ended grant and a closed member take effect
// within 5 s in a running server when another process orders them (A29).
func TestChangesTakeEffect(t *testing.T) {
	p := newPlace(t, "0815", "0816", "0817")
	cli := auth.NewDirectory(p.open())
	for _, l := range []string{"anna", "bert", "carla", "dora", "emil"} {
		p.add(l, "clerk 0815")
		p.expect(signedIn, l, right, office)
	}
	p.must(cli.Disable(p.ctx, by, "anna"))
	p.must(cli.SetPassword(p.ctx, by, "bert", "das neue Kennwort"))
	p.must(cli.Revoke(p.ctx, by, "carla", mailbox.Clerk, "0815"))
	before, err := p.ask("dora", right, office)
	p.must(err)
	p.must(cli.SetAccount(p.ctx, by, "dora", auth.Change{Layout: new(mailbox.Members), Language: new("en")}))
	p.must(cli.Grant(p.ctx, by, "dora", auth.GrantSpec{Role: mailbox.Clerk, Member: "0816"}))
	p.wait(time.Second)
	p.expect(mailbox.Unauthenticated, "anna", right, office)
	p.expect(mailbox.Unauthenticated, "bert", right, office)
	p.expect(signedIn, "bert", "das neue Kennwort", office)
	if a, err := p.ask("carla", right, office); err != nil || len(a.Grants) != 0 {
		t.Errorf("carla: %v, %v", a.Grants, err)
	}
	if a, err := p.ask("dora", right, office); err != nil || len(a.Grants) != 2 || a.Language != "en" || a.Layout != mailbox.Members || a.Revision == before.Revision {
		t.Errorf("dora: %+v, %v", a, err)
	}
	p.must(cli.Enable(p.ctx, by, "anna"))
	p.wait(time.Second)
	p.expect(signedIn, "anna", right, office)
	p.close("0815", p.clock().Add(time.Hour))
	p.wait(time.Second)
	p.expect(signedIn, "emil", right, office)
	p.wait(time.Hour)
	p.expect(mailbox.Unauthenticated, "emil", right, office)
	p.expect(signedIn, "dora", right, office) // has 0816 too
}

// L28: no password, right or wrong, stands in the catalog or the log.
func TestNoPasswordIsKept(t *testing.T) {
	p := newPlace(t, "0815")
	p.add("anna", "clerk 0815")
	const canary = "Kanarienvogel-4711"
	p.expect(mailbox.Unauthenticated, "anna", canary, office)
	p.expect(mailbox.Unauthenticated, canary, right, office) // typed into the wrong field
	p.must(p.dir.SetPassword(p.ctx, by, "anna", canary+"-neu"))
	p.expect(signedIn, "anna", canary+"-neu", office)
	p.must(p.store.Close())
	files, err := os.ReadDir(filepath.Dir(p.path))
	p.must(err)
	all := p.log.Bytes()
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(filepath.Dir(p.path), f.Name()))
		p.must(err)
		all = append(all, b...)
	}
	if !bytes.Contains(all, []byte("$argon2id$")) {
		t.Fatal("the test does not look at the catalog")
	}
	for _, s := range []string{canary, right, base64.StdEncoding.EncodeToString([]byte("anna:" + canary))[:20]} {
		if bytes.Contains(all, []byte(s)) {
			t.Errorf("%q is kept", s)
		}
	}
}

// A catalog that cannot be written (a full disk) does not keep anybody with the
// right password out, and no guess is answered that cannot be counted.
func TestStoreThatCannotWrite(t *testing.T) {
	p := newPlace(t, "0815")
	p.add("anna", "clerk 0815")
	p.expect(mailbox.Unauthenticated, "anna", "falsch 1", office)
	s, err := catalog.OpenSQLite(p.path, catalog.Options{Now: p.clock, BusyTimeout: 50 * time.Millisecond})
	p.must(err)
	defer s.Close()
	p.door = p.authenticator(s)
	blocker, err := sql.Open("sqlite", "file:"+p.path+"?_txlock=immediate")
	p.must(err)
	defer blocker.Close()
	held, err := blocker.Begin()
	p.must(err)
	p.expect(mailbox.Unavailable, "anna", "falsch 2", office)
	p.expect(signedIn, "anna", right, office)
	p.must(held.Rollback())
	p.expect(mailbox.Unauthenticated, "anna", "falsch 3", office)
}

// A catalog that is down refuses everybody within seconds, never with 401.
func TestStoreThatIsDown(t *testing.T) {
	p := newPlace(t, "0815")
	p.add("anna", "clerk 0815")
	p.expect(signedIn, "anna", right, office)
	p.must(p.store.Close())
	p.expect(mailbox.Unavailable, "bert", right, office)
	p.wait(5 * time.Second)
	p.expect(mailbox.Unavailable, "anna", right, office)
}

// No hash per request: it would cost 60 ms of CPU.
func BenchmarkAuthenticate(b *testing.B) {
	dir := b.TempDir()
	s, err := catalog.OpenSQLite(filepath.Join(dir, "catalog.db"), catalog.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	if err := auth.NewDirectory(s).AddAccount(b.Context(), by, newAccount("anna", "caseworker all")); err != nil {
		b.Fatal(err)
	}
	a, err := auth.New(b.Context(), s, auth.Options{})
	if err != nil {
		b.Fatal(err)
	}
	r := httptest.NewRequest("PROPFIND", "/dav/", nil)
	r.RemoteAddr = "127.0.0.1:4711"
	r.SetBasicAuth("anna", right)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Authenticate(b.Context(), r); err != nil {
			b.Fatal(err)
		}
	}
}
