// SPDX-License-Identifier: Apache-2.0

package world

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Exchange is one request and what must come back.
type Exchange struct {
	As       string // login; "" sends no credentials
	Method   string
	Path     string            // as on the wire, percent-encoded
	Header   map[string]string // an entry of "" removes the header
	Body     string
	Want     int    // status; 0 accepts any
	Contains string // must stand in the body
}

// Answer is what came back.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

func newClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 32},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
}

// Client owns its connections to the server; for tests that hold many.
func (w *World) Client() *http.Client { return newClient() }

// Request makes a request of somebody; path is percent-encoded.
func (w *World) Request(as, method, path string, body io.Reader) (*http.Request, error) {
	u, err := url.Parse(w.URL + path)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequest(method, u.String(), body)
	if err != nil {
		return nil, err
	}
	r.URL = u // keeps the spelling of the path
	if as != "" {
		login, password, other := strings.Cut(as, ":")
		if !other {
			password = Password
		}
		r.SetBasicAuth(login, password)
	}
	return r, nil
}

// Send does one exchange without judging it. As may be "login:password".
func (w *World) Send(x Exchange) (Answer, error) {
	r, err := w.Request(x.As, x.Method, x.Path, strings.NewReader(x.Body))
	if err != nil {
		return Answer{}, err
	}
	for k, v := range x.Header {
		if k == "Destination" && strings.HasPrefix(v, "/") {
			v = w.URL + v
		}
		r.Header.Set(k, v)
	}
	resp, err := w.client.Do(r)
	if err != nil {
		return Answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return Answer{resp.StatusCode, resp.Header, b}, err
}

// Do does one exchange and fails the test where the answer is another.
func (w *World) Do(t testing.TB, x Exchange) Answer {
	t.Helper()
	a, err := w.Send(x)
	if err != nil {
		t.Fatalf("%s %s as %q: %v\n%s", x.Method, x.Path, x.As, err, w.Log())
	}
	if fault := x.judge(a); fault != "" {
		t.Fatal(fault)
	}
	return a
}

// Play does a table of exchanges in order and reports every wrong answer.
func (w *World) Play(t testing.TB, table []Exchange) {
	t.Helper()
	for i, x := range table {
		a, err := w.Send(x)
		if err != nil {
			t.Fatalf("row %d: %v", i, err)
		}
		if fault := x.judge(a); fault != "" {
			t.Errorf("row %d: %s", i, fault)
		}
	}
}

func (x Exchange) judge(a Answer) string {
	what := fmt.Sprintf("%s %s as %q", x.Method, x.Path, x.As)
	if d := x.Header["Destination"]; d != "" {
		what += " → " + d
	}
	switch {
	case x.Want != 0 && a.Status != x.Want:
		return fmt.Sprintf("%s: status %d, want %d\n%s", what, a.Status, x.Want, clip(a.Body))
	case x.Contains != "" && !bytes.Contains(a.Body, []byte(x.Contains)):
		return fmt.Sprintf("%s: %q is not in the answer\n%s", what, x.Contains, clip(a.Body))
	}
	return ""
}

func clip(b []byte) string { return string(b[:min(len(b), 600)]) }

// Put stores a body and returns its ETag.
func (w *World) Put(t testing.TB, as, path, body string) string {
	t.Helper()
	a := w.Do(t, Exchange{As: as, Method: "PUT", Path: path, Body: body})
	if a.Status != http.StatusCreated && a.Status != http.StatusNoContent {
		t.Fatalf("PUT %s as %q: status %d\n%s", path, as, a.Status, clip(a.Body))
	}
	return a.Header.Get("ETag")
}

// Get reads a file that must be there.
func (w *World) Get(t testing.TB, as, path string) Answer {
	t.Helper()
	return w.Do(t, Exchange{As: as, Method: "GET", Path: path, Want: http.StatusOK})
}

// Move does a MOVE within a mailbox and expects the status.
func (w *World) Move(t testing.TB, as, from, to string, want int) Answer {
	t.Helper()
	return w.Do(t, Exchange{As: as, Method: "MOVE", Path: from, Header: map[string]string{"Destination": to}, Want: want})
}
