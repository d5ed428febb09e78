// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postfach/test/world"
)

// TestSignIn: issue 2, item 10.
func TestSignIn(t *testing.T) {
	w := whole(t, world.Everybody())
	a := w.Do(t, world.Exchange{Method: "PROPFIND", Path: "/dav/", Header: depth0, Want: 401})
	if h := a.Header.Values("WWW-Authenticate"); len(h) != 1 || !strings.HasPrefix(h[0], "Basic realm=") {
		t.Errorf("challenge %q, want Basic alone", h)
	}
	known := w.Do(t, world.Exchange{As: "anna:falsches Kennwort", Method: "GET", Path: "/dav/", Want: 401})
	stranger := w.Do(t, world.Exchange{As: "gibtesnicht:falsches Kennwort", Method: "GET", Path: "/dav/", Want: 401})
	if string(known.Body) != string(stranger.Body) {
		t.Errorf("the answers tell who exists:\n%s\n%s", known.Body, stranger.Body)
	}
	w.Play(t, []world.Exchange{
		{As: `KASSE\anna`, Method: "GET", Path: "/dav/", Want: 200},
		{As: "anna", Method: "GET", Path: "/dav/", Want: 200},
	})
}

// TestDisableTakesEffect within five seconds, on DAV too (A29), and so does a
// new password.
func TestDisableTakesEffect(t *testing.T) {
	w := whole(t, world.Everybody())
	status := func(as string) int {
		a, err := w.Send(world.Exchange{As: as, Method: "GET", Path: "/dav/"})
		if err != nil {
			t.Fatal(err)
		}
		return a.Status
	}
	within := func(what, as string, want int) {
		t.Helper()
		withinFive(t, what, func() bool { return status(as) == want })
	}
	if got := status("anna"); got != 200 {
		t.Fatalf("at first: %d", got)
	}
	w.CLI("", "account", "disable", "anna")
	within("disabled", "anna", 401)
	w.CLI("", "account", "enable", "anna")
	within("enabled", "anna", 200)
	w.CLI("ein ganz anderes Kennwort\n", "account", "password", "anna", "--password-stdin")
	within("old password refused", "anna", 401)
	within("new password taken", "anna:ein ganz anderes Kennwort", 200)
	if out, err := w.Try("kurz\n", "account", "password", "anna", "--password-stdin"); err == nil {
		t.Errorf("a password of 4 characters was taken: %s", out)
	}
}

// withinFive holds what was promised: no request that begins five seconds later
// is answered by what stood before, however long its answer takes.
func withinFive(t *testing.T, what string, ok func() bool) {
	t.Helper()
	start := time.Now()
	eventually(t, what, func() bool {
		begun := time.Since(start)
		if ok() {
			return true
		}
		if begun > 5*time.Second {
			t.Fatalf("%s: not for a request that began after %s", what, begun)
		}
		return false
	})
}

// TestWrongPasswordsPause: three distinct wrong ones pause the password path
// with 429 and Retry-After, alike for an account that does not exist; a
// repeated one counts once; the others at that address go on (L26).
func TestWrongPasswordsPause(t *testing.T) {
	w := whole(t, world.Everybody())
	for range 10 {
		w.Do(t, world.Exchange{As: "anna:immer dasselbe", Method: "GET", Path: "/dav/", Want: 401})
	}
	w.Do(t, world.Exchange{As: "anna", Method: "GET", Path: "/dav/", Want: 200})
	for _, who := range []string{"anna", "gibtesnicht"} {
		paused := false
		for i := range 6 {
			a := w.Do(t, world.Exchange{As: fmt.Sprintf("%s:falsch Nummer %d", who, i), Method: "GET", Path: "/dav/"})
			switch a.Status {
			case http.StatusTooManyRequests:
				paused = true
				if a.Header.Get("Retry-After") == "" {
					t.Errorf("%s: 429 without Retry-After", who)
				}
			case http.StatusUnauthorized:
				if i > 3 {
					t.Errorf("%s: still 401 at wrong password %d", who, i+1)
				}
			default:
				t.Errorf("%s: status %d", who, a.Status)
			}
		}
		if !paused {
			t.Errorf("%s: six different wrong passwords and no pause", who)
		}
	}
	w.Do(t, world.Exchange{As: "bert", Method: "GET", Path: "/dav/", Want: 200})
	w.CLI("", "account", "unlock", "anna")
	eventually(t, "unlocked", func() bool {
		a, err := w.Send(world.Exchange{As: "anna", Method: "GET", Path: "/dav/"})
		return err == nil && a.Status == 200
	})
}

// TestNoPasswordAnywhere plants passwords that occur nowhere else and looks
// for them in the catalog, the logs and the mails (L28).
func TestNoPasswordAnywhere(t *testing.T) {
	const right, wrong, other = "Kanarienvogel-eins-4711", "Kanarienvogel-zwei-4712", "Kanarienvogel-drei-4713"
	w := whole(t, world.Options{Members: []world.Member{world.Musterhausen}, Accounts: []world.Account{
		{Login: "anna", Role: "clerk", Member: "0815", Password: right}, {Login: "bert", Role: "caseworker", Flags: []string{"--responsible"}}}})
	w.Do(t, world.Exchange{As: "anna:" + right, Method: "PUT", Path: "/dav/an_KVBbg/f", Body: "x", Want: 201})
	w.Do(t, world.Exchange{As: "anna:" + wrong, Method: "GET", Path: "/dav/", Want: 401})
	w.CLI(other+"\n", "account", "password", "anna", "--password-stdin")
	mails := w.WaitMails(t, "bert@example.org", 1)
	said := w.CLI("", "audit", "export") + w.CLI("", "account", "show", "anna")
	if err := w.Stop(); err != nil {
		t.Errorf("stopping: %v", err)
	}
	for _, canary := range []string{right, wrong, other, "S2FuYXJpZW52b2dlb" /* base64 of the same */} {
		if found := filesWith(t, w.Dir, canary); len(found) > 0 {
			t.Errorf("%q lies in %q", canary, found)
		}
		for _, m := range mails {
			if strings.Contains(m.Raw, canary) {
				t.Errorf("%q stands in a mail", canary)
			}
		}
		if strings.Contains(said, canary) {
			t.Errorf("%q is in what commands print", canary)
		}
	}
	// the search can find: the log and the database are where it looked
	for _, name := range []string{w.LogFile(), filepath.Join(w.Data, "catalog.db")} {
		if info, err := os.Stat(name); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}
