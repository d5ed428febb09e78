// SPDX-License-Identifier: Apache-2.0

package reply

import (
	"bufio"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"postfach/mailbox"
)

// Every kind has its row, and only a fault of ours is a 500. A new kind without
// a row makes this fail: Kind counts up to the last one, Canceled.
func TestEveryKindHasAStatus(t *testing.T) {
	for k := mailbox.Internal; k <= mailbox.Canceled; k++ {
		code, ok := status[k]
		if !ok {
			t.Errorf("kind %d has no status", k)
		}
		if (code == 500) != (k == mailbox.Internal) {
			t.Errorf("kind %d: status %d", k, code)
		}
		if code < 400 || code > 599 {
			t.Errorf("kind %d: status %d is no failure", k, code)
		}
		if _, ok := sentences[ofKind[k]]; !ok {
			t.Errorf("kind %d has no sentence of its own", k)
		}
	}
	if _, ok := status[mailbox.Canceled+1]; ok {
		t.Error("a kind follows Canceled: extend this test")
	}
	if got := Status(errors.New("anything")); got != 500 {
		t.Errorf("unknown error: %d", got)
	}
	if got := Status(fmt.Errorf("put: %w", mailbox.E(mailbox.Twin, mailbox.ReasonTwin, "a"))); got != 409 {
		t.Errorf("wrapped twin: %d", got)
	}
}

// Texts exist in German and English for every reason (COMMON: languages).
func TestEveryReasonHasSentences(t *testing.T) {
	known := map[mailbox.Reason]bool{reasonConflict: true, reasonUnscannable: true, reasonUnavailable: true}
	for _, r := range mailbox.Reasons {
		known[r] = true
		s, ok := sentences[r]
		if !ok || s.de == "" || s.en == "" {
			t.Errorf("reason %q lacks a sentence", r)
		}
		if s.de == s.en {
			t.Errorf("reason %q: German and English are the same", r)
		}
		if strings.Count(s.de, "%s") != strings.Count(s.en, "%s") {
			t.Errorf("reason %q: the languages take different arguments", r)
		}
	}
	for r, s := range sentences {
		if !known[r] {
			t.Errorf("reason %q is not in mailbox.Reasons", r)
		}
		for _, ascii := range []string{"fuer", "ueber", "koennen", "moeglich", "waehl", "groess", "pruef"} {
			if strings.Contains(strings.ToLower(s.de), ascii) {
				t.Errorf("reason %q: umlaut written out in %q", r, s.de)
			}
		}
	}
}

type davErr struct {
	XMLName   xml.Name `xml:"DAV: error"`
	Exception string   `xml:"http://sabredav.org/ns exception"`
	Message   string   `xml:"http://sabredav.org/ns message"`
	Inner     []byte   `xml:",innerxml"`
}

func failed(t *testing.T, r *http.Request, lang string, err error) (*http.Response, string) {
	t.Helper()
	w := httptest.NewRecorder()
	New(Options{Authority: "Kasse \"Süd\"", Contact: "Tel. 03 <b>"}).Fail(w, r, lang, err)
	body, _ := io.ReadAll(w.Result().Body)
	return w.Result(), string(body)
}

// CLIENTS.md 1.8: error body, OC-ErrorString, and never the class name that
// makes a sync client abort its run.
func TestFailBody(t *testing.T) {
	for k := mailbox.Internal; k <= mailbox.Canceled; k++ {
		err := error(&mailbox.Error{Kind: k, Reason: ofKind[k], Args: []string{"Zoë & <b>"}})
		res, body := failed(t, httptest.NewRequest("PUT", "/dav/x", nil), "de", err)
		if ct := res.Header.Get("Content-Type"); ct != "application/xml; charset=utf-8" {
			t.Errorf("kind %d: content type %q", k, ct)
		}
		var d davErr
		if err := xml.Unmarshal([]byte(body), &d); err != nil {
			t.Fatalf("kind %d: %v in %s", k, err, body)
		}
		if d.Message == "" || d.Exception == "" {
			t.Errorf("kind %d: empty message or exception: %s", k, body)
		}
		if got := res.Header.Get("OC-ErrorString"); got != d.Message {
			t.Errorf("kind %d: OC-ErrorString %q, message %q", k, got, d.Message)
		}
		if strings.Contains(body, "ServiceUnavailable") {
			t.Errorf("kind %d: body names Sabre's ServiceUnavailable", k)
		}
		if res.StatusCode == 503 && res.Header.Get("Retry-After") == "" {
			t.Error("503 without Retry-After")
		}
	}
}

func TestFailDetails(t *testing.T) {
	locked := mailbox.E(mailbox.Locked, mailbox.ReasonLocked, "Anna Beispiel")
	res, body := failed(t, httptest.NewRequest("PUT", "/dav/x", nil), "",
		WithElement("lock-token-submitted", locked, "/dav/a%20&b"))
	if res.StatusCode != 423 || !strings.Contains(body, "<d:lock-token-submitted><d:href>/dav/a%20&amp;b</d:href></d:lock-token-submitted>") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	if !strings.Contains(body, "Anna Beispiel") {
		t.Error("the holder is not named")
	}
	res, _ = failed(t, httptest.NewRequest("MOVE", "/dav/x", nil), "", WithStatus(502, mailbox.E(mailbox.Invalid, mailbox.ReasonForeignHost)))
	if res.StatusCode != 502 {
		t.Errorf("own status: %d", res.StatusCode)
	}
	res, _ = failed(t, httptest.NewRequest("GET", "/dav/x", nil), "", mailbox.E(mailbox.Unauthenticated, mailbox.ReasonSignIn))
	if got := res.Header.Get("WWW-Authenticate"); got != `Basic realm="Kasse Sued", charset="UTF-8"` {
		t.Errorf("challenge %q", got)
	}
	res, _ = failed(t, httptest.NewRequest("GET", "/dav/x", nil), "", &mailbox.Error{Kind: mailbox.Paused, Reason: mailbox.ReasonPaused, RetryAfter: 1500 * time.Millisecond})
	if got := res.Header.Get("Retry-After"); got != "2" || res.StatusCode != 429 {
		t.Errorf("paused: %d, Retry-After %q", res.StatusCode, got)
	}
}

// An internal fault is told to nobody.
func TestFailHidesCauses(t *testing.T) {
	cause := errors.New("dial tcp 10.1.2.3: secret")
	for _, err := range []error{cause, mailbox.Wrap(mailbox.Internal, "x", cause), mailbox.Wrap(mailbox.Unavailable, mailbox.ReasonStorage, cause)} {
		res, body := failed(t, httptest.NewRequest("GET", "/dav/x", nil), "en", err)
		if strings.Contains(body+fmt.Sprint(res.Header), "secret") {
			t.Errorf("%v leaks: %s", err, body)
		}
	}
}

// A header line cannot be broken by an argument (a file name, a signature).
func TestErrorStringIsOneLine(t *testing.T) {
	res, _ := failed(t, httptest.NewRequest("PUT", "/dav/x", nil), "de", mailbox.E(mailbox.Infected, mailbox.ReasonInfected, "Eicar\r\nSet-Cookie: a=b"))
	if v := res.Header.Get("OC-ErrorString"); strings.ContainsAny(v, "\r\n") {
		t.Errorf("%q", v)
	}
}

func TestBrowserGetsAPage(t *testing.T) {
	r := httptest.NewRequest("GET", "/dav/x", nil)
	r.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	r.Header.Set("Accept-Language", "fr, en-GB;q=0.8, de;q=0.4")
	res, body := failed(t, r, "", mailbox.E(mailbox.NotFound, mailbox.ReasonNotFound))
	csp := res.Header.Get("Content-Security-Policy")
	if !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("policy %q", csp)
	}
	for _, want := range []string{`<html lang="en">`, "<title>Not found", "Tel. 03 &lt;b&gt;", "There is no such file"} {
		if !strings.Contains(body, want) {
			t.Errorf("page lacks %q:\n%s", want, body)
		}
	}
	if strings.Contains(body, "<script") {
		t.Error("page has a script")
	}
	if res, _ := failed(t, r, "de", mailbox.E(mailbox.NotFound, mailbox.ReasonNotFound)); res.Header.Get("Content-Language") != "de" {
		t.Error("the actor's language does not win")
	}
}

func TestAccepted(t *testing.T) {
	for header, want := range map[string]string{
		"": "", "de": "de", "de-AT": "de", "en;q=0.5,de;q=0.9": "de", "fr,es": "", "EN": "en", "de;q=0": "", "de;q=x,en": "en", "en,de": "en",
	} {
		if got := accepted(header); got != want {
			t.Errorf("%q: %q, want %q", header, got, want)
		}
	}
}

func FuzzAccepted(f *testing.F) {
	f.Add("de-DE,de;q=0.9,en;q=0.8")
	f.Fuzz(func(t *testing.T, s string) {
		if l := accepted(s); l != "" && !strings.Contains(strings.ToLower(s), l) {
			t.Fatalf("%q gave %q", s, l)
		}
	})
}

// refusing answers every request with 403 before reading the body.
func refusing(t *testing.T) string {
	p := New(Options{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		Track(r)
		p.Fail(w, r, "", mailbox.E(mailbox.Forbidden, mailbox.ReasonNotAllowed))
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// DESIGN.md 3: a refused upload is read on, so that a client that writes its
// whole body first still reads the sentence, and its connection stays usable.
func TestRefusalIsSeenByASendingClient(t *testing.T) {
	c, err := net.Dial("tcp", refusing(t))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	in := bufio.NewReader(c)
	for range 2 {
		const size = 4 << 20 // far above what net/http reads on by itself
		fmt.Fprintf(c, "PUT /dav/x HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", size)
		if _, err := c.Write(make([]byte, size)); err != nil {
			t.Fatalf("sending: %v", err)
		}
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		if res.StatusCode != 403 || !strings.Contains(string(body), "s:message") {
			t.Fatalf("%d %s", res.StatusCode, body)
		}
	}
}

// A client that asks first is told at once and is never invited to send.
func TestRefusalBeforeContinue(t *testing.T) {
	c, err := net.Dial("tcp", refusing(t))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "PUT /dav/x HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n")
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil || !strings.Contains(line, "403") {
		t.Fatalf("first line %q, %v", line, err)
	}
}
