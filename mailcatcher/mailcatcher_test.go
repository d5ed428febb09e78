// SPDX-License-Identifier: Apache-2.0

package mailcatcher

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

const letter = "From: a@example.org\r\nTo: b@example.org\r\nMessage-ID: <1@example.org>\r\n" +
	"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe_<script>?=\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGuten Tag, <b>ö</b>\r\n"

func run(t *testing.T, o Options) (*Catcher, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := New(o)
	done := make(chan error, 1)
	go func() { done <- c.Serve(l) }()
	t.Cleanup(func() {
		c.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return c, l.Addr().String()
}

func send(t *testing.T, addr, body string) error {
	t.Helper()
	client, err := smtp.Dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	return client.SendMail("a@example.org", []string{"b@example.org"}, strings.NewReader(body))
}

func get(t *testing.T, url, language string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept-Language", language)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

// Issue 2 item 1: the demonstration's mails are readable in the browser.
func TestBrowser(t *testing.T) {
	c, addr := run(t, Options{})
	web := httptest.NewServer(c.Handler())
	defer web.Close()
	if _, body := get(t, web.URL+"/api/messages", ""); strings.TrimSpace(body) != "[]" {
		t.Errorf("empty: %q", body)
	}
	if err := send(t, addr, letter); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if _, err := c.Wait(ctx, 1); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		path, language, want string
		status               int
	}{
		{"/", "de-DE,de;q=0.9", "Abgefangene E-Mails", 200},
		{"/", "en-GB", "Caught mails", 200},
		{"/", "de", "Grüße &lt;script&gt;", 200},
		{"/mail/1", "de", "Guten Tag, &lt;b&gt;ö&lt;/b&gt;", 200},
		{"/mail/1.eml", "de", "Message-ID: <1@example.org>", 200},
		{"/mail/2", "de", "", 404}, {"/mail/x", "de", "", 404}, {"/other", "de", "", 404},
	} {
		res, body := get(t, web.URL+tc.path, tc.language)
		if res.StatusCode != tc.status || !strings.Contains(body, tc.want) || strings.Contains(body, "<script>") && !strings.HasSuffix(tc.path, ".eml") {
			t.Errorf("%s: %d\n%s", tc.path, res.StatusCode, body)
		}
		if !strings.Contains(res.Header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s: no policy", tc.path)
		}
	}
	_, body := get(t, web.URL+"/api/messages", "")
	var mails []Mail
	if err := json.Unmarshal([]byte(body), &mails); err != nil || len(mails) != 1 || mails[0].Subject != "Grüße <script>" || mails[0].MessageID != "1@example.org" || mails[0].To[0] != "b@example.org" {
		t.Errorf("%v %s", err, body)
	}
}

func TestBounds(t *testing.T) {
	c, addr := run(t, Options{Keep: 3, MaxBytes: 2000})
	for i := range 5 {
		if err := send(t, addr, fmt.Sprintf("Subject: %d\r\n\r\n.\r\n", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := send(t, addr, "Subject: large\r\n\r\n"+strings.Repeat("x\r\n", 2000)); err == nil {
		t.Error("too large a mail was taken")
	}
	if got := c.Mails(); len(got) != 3 || got[0].Subject != "2" || got[2].ID != 5 {
		t.Errorf("%+v", got)
	}
}

// A mail that was kept and not acknowledged, and a refused one that is not kept.
func TestBehaviour(t *testing.T) {
	answers := []Answer{{Drop: true}, {Code: 451, Text: "later"}, {}}
	c, addr := run(t, Options{Behave: func(e Event) Answer {
		if e.Stage != StageData {
			return Answer{}
		}
		a := answers[0]
		answers = answers[1:]
		return a
	}})
	for _, want := range []struct {
		fails bool
		kept  int
	}{{true, 1}, {true, 1}, {false, 2}} {
		if err := send(t, addr, letter); (err != nil) != want.fails || len(c.Mails()) != want.kept {
			t.Fatalf("%v, kept %d, want %+v", err, len(c.Mails()), want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(letter))
	f.Add([]byte("Content-Type: multipart/alternative; boundary=a\r\n\r\n--a\r\n\r\nx\r\n--a--"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if m := parse(raw); len(m.Text)+len(m.HTML) > 4*len(raw)+16 {
			t.Fatalf("%d bytes of text from %d", len(m.Text)+len(m.HTML), len(raw))
		}
	})
}
