// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"postfach/auth"
	"postfach/catalog"
	"postfach/dav"
	"postfach/mailbox"
	"postfach/reply"
	"postfach/scan"
	"postfach/storage"
	"postfach/web"
)

const (
	own    = "vier Wörter sind leicht"
	prefix = "http://" // of every server here
)

var by = auth.By{System: "root", Order: "Brief 17"}

// world is both doors over a real catalog, on a clock that the test turns. The
// scanner is not needed: nothing is uploaded.
type world struct {
	*testing.T
	ctx   context.Context
	path  string
	url   string
	store *catalog.SQLite
	dir   *auth.Directory
	log   *lockedLog

	mu   sync.Mutex
	now  time.Time
	from string // where requests come from
}

// lockedLog keeps what the server logs.
type lockedLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) address(*http.Request) netip.Addr {
	w.mu.Lock()
	defer w.mu.Unlock()
	return netip.MustParseAddr(w.from)
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, ctx: t.Context(), path: filepath.Join(t.TempDir(), "catalog.db"), now: time.Now(), from: "192.0.2.10", log: &lockedLog{}}
	w.store = w.open()
	w.dir = auth.NewDirectory(w.store)
	log := slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	blobs, err := storage.OpenDir(filepath.Join(t.TempDir(), "blobs"), storage.Options{ReserveFree: -1})
	w.must(err)
	nobody, err := scan.ParseAddress("unix:" + filepath.Join(t.TempDir(), "clamd"))
	w.must(err)
	gate, err := scan.NewGate(scan.Options{Address: nobody, MaxSize: 1 << 20, SignaturesMaxAge: -1})
	w.must(err)
	service := mailbox.New(w.store, blobs, gate, mailbox.Options{MaxSize: 1 << 20, Folders: mailbox.FolderNames{
		ToAuthority: "an_KVBbg", CaseworkerInbox: "KVBBG-SB-Posteingang", Outbox: "Postausgang"}})
	_, err = service.AddMembers(w.ctx, mailbox.By{System: "root"}, []mailbox.NewMember{{Number: "0815", Name: "Stadt Müsterhausen"}})
	w.must(err)
	authenticator, err := auth.New(w.ctx, w.store, auth.Options{Now: w.clock, Log: log, Address: w.address})
	w.must(err)
	replies := reply.New(reply.Options{Authority: "Kasse", Contact: "Telefon 0123", Help: web.HelpPath, Log: log})
	server := httptest.NewUnstartedServer(nil)
	w.url = prefix + server.Listener.Addr().String()
	pages, err := web.New(dav.New(service, authenticator, replies, dav.Options{Log: log}), authenticator, replies, web.Options{URL: w.url, Upload: "an_KVBbg", MaxSize: 1 << 20, Log: log})
	w.must(err)
	server.Config.Handler = pages
	server.Start()
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { service.Run(ctx) })
	t.Cleanup(func() {
		server.Close()
		stop()
		running.Wait()
	})
	return w
}

func (w *world) open() *catalog.SQLite {
	w.Helper()
	s, err := catalog.OpenSQLite(w.path, catalog.Options{Now: w.clock})
	w.must(err)
	w.Cleanup(func() { s.Close() })
	return s
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// person makes an account of a clerk; without a password it waits for a letter.
func (w *world) person(login, password string) {
	w.Helper()
	w.must(w.dir.AddAccount(w.ctx, by, auth.NewAccount{Login: login, Password: password,
		Person: auth.PersonSpec{Name: strings.ToUpper(login[:1]) + login[1:] + " Größe", Email: login + "@example.org", Language: "de", Address: "Weg 1|14467 Potsdam"},
		Grants: []auth.GrantSpec{{Role: mailbox.Clerk, Member: "0815"}}}))
}

// letter issues a one-time password.
func (w *world) letter(login string) string {
	w.Helper()
	all, err := w.dir.PlanLetters(w.ctx, []string{login}, auth.OneTimeDays, time.UTC)
	w.must(err)
	w.must(w.dir.IssueLetters(w.ctx, by, all))
	w.pass(time.Second) // running servers look for changes once a second
	return all[0].Password
}

// answer is a whole response.
type answer struct {
	*http.Response
	body string
}

func (w *world) send(r *http.Request, headers ...string) answer {
	w.Helper()
	for _, h := range headers {
		k, v, _ := strings.Cut(h, ": ")
		r.Header.Set(k, v)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(r)
	w.must(err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	w.must(err)
	return answer{res, string(b)}
}

func (w *world) do(method, path, body string, headers ...string) answer {
	w.Helper()
	r, err := http.NewRequest(method, w.url+strings.TrimPrefix(path, w.url), strings.NewReader(body))
	w.must(err)
	return w.send(r, headers...)
}

// get opens a page as a browser does.
func (w *world) get(path string, headers ...string) answer {
	w.Helper()
	return w.do("GET", path, "", append([]string{"Accept: text/html"}, headers...)...)
}

// post sends a form as a browser does from a page of ours; fields are name and
// value in turn.
func (w *world) post(path string, fields ...string) answer {
	w.Helper()
	v := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		v.Set(fields[i], fields[i+1])
	}
	return w.do("POST", path, v.Encode(), "Content-Type: application/x-www-form-urlencoded", "Accept: text/html",
		"Sec-Fetch-Site: same-origin", "Origin: "+w.url)
}

// dav asks for the root as a program does, with credentials.
func (w *world) dav(login, password string) answer {
	w.Helper()
	r, err := http.NewRequest("PROPFIND", w.url+"/dav/", nil)
	w.must(err)
	r.SetBasicAuth(login, password)
	return w.send(r, "Depth: 0")
}

// want checks status and words of an answer.
func (a answer) want(t testing.TB, code int, words ...string) answer {
	t.Helper()
	if a.StatusCode != code {
		t.Errorf("%s %s: %d, want %d\n%s", a.Request.Method, a.Request.URL.Path, a.StatusCode, code, a.body)
	}
	for _, word := range words {
		if !strings.Contains(a.body, word) {
			t.Errorf("%s %s: %q is missing in\n%s", a.Request.Method, a.Request.URL.Path, word, a.body)
		}
	}
	return a
}

// field reads a hidden field of a page.
func (a answer) field(t testing.TB, name string) string {
	t.Helper()
	_, rest, ok := strings.Cut(a.body, `name="`+name+`" value="`)
	value, _, end := strings.Cut(rest, `"`)
	if !ok || !end {
		t.Fatalf("no field %q in\n%s", name, a.body)
	}
	return value
}
