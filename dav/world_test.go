// SPDX-License-Identifier: Apache-2.0

package dav_test

import (
	"bytes"
	"context"
	"encoding/xml"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
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
	"postfach/scan/scantest"
	"postfach/storage"
)

// password of every account here.
const password = "correct horse battery"

// world is the door over everything real: SQLite, a storage folder, clamd and
// accounts, in this process.
type world struct {
	url     string
	mailbox *mailbox.Service
	clamd   *scantest.Clamd
	store   store
	signIn  *auth.Authenticator
}

// store is a catalog of either kind.
type store interface {
	mailbox.Catalog
	auth.Store
	Close() error
}

// account of a world. Members: 0815 releases by one, 0816 by four eyes.
type account struct {
	login string
	role  mailbox.Role
	where []string
	lang  string
}

var accounts = []account{
	{"anna", mailbox.Clerk, []string{"0815"}, "de"},
	{"emil", mailbox.Clerk, []string{"0816"}, "en"},
	{"bert", mailbox.Caseworker, []string{"all"}, "de"},
	{"rita", mailbox.Reviewer, []string{"all"}, "de"},
	{"rz", mailbox.Datacentre, []string{"0815", "0816"}, "de"},
	{"adam", mailbox.Administrator, []string{"0815"}, "de"},
}

func newWorld(t testing.TB) *world {
	t.Helper()
	c, err := catalog.OpenSQLite(filepath.Join(t.TempDir(), "catalog.db"), catalog.Options{})
	must(t, err)
	return newWorldOver(t, c)
}

func newWorldOver(t testing.TB, c store) *world {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	w := &world{store: c, clamd: scantest.Start(t, scantest.Options{MaxSize: 16 << 20})}
	blobs, err := storage.OpenDir(filepath.Join(t.TempDir(), "blobs"), storage.Options{ReserveFree: -1})
	must(t, err)
	address, err := scan.ParseAddress(w.clamd.Address)
	must(t, err)
	gate, err := scan.NewGate(scan.Options{Address: address, MaxSize: 16 << 20, SignaturesMaxAge: -1})
	must(t, err)
	_, remote := c.(*catalog.Postgres)
	w.mailbox = mailbox.New(w.store, blobs, gate, mailbox.Options{MaxSize: 16 << 20, Chunks: blobs.Chunks(), ReadAhead: remote, Folders: mailbox.FolderNames{
		ToAuthority: "an_KVBbg", CaseworkerInbox: "KVBBG-SB-Posteingang", Outbox: "Postausgang"}})
	for _, run := range []func(context.Context){gate.Run, w.mailbox.Run} {
		running.Go(func() { run(ctx) })
	}
	w.people(t)
	authenticator, err := auth.New(ctx, w.store, auth.Options{Strangers: w.mailbox})
	must(t, err)
	w.signIn = authenticator
	door := dav.New(w.mailbox, authenticator, reply.New(reply.Options{Authority: "Kasse", Contact: "Tel. 0123"}), dav.Options{
		Clients: dav.Clients{Product: "Kassenpost", Version: "29.1.2", Instance: "octest", Fingerprint: "since-1"}})
	server := httptest.NewServer(door)
	w.url = server.URL
	t.Cleanup(func() {
		server.Close()
		cancel()
		running.Wait()
		w.store.Close() //nolint:errcheck // a test catalog
	})
	for gate.Ready() != nil { // until the self-test has passed
		time.Sleep(10 * time.Millisecond)
	}
	return w
}

func (w *world) people(t testing.TB) {
	t.Helper()
	_, err := w.mailbox.AddMembers(context.Background(), mailbox.By{System: "test"}, []mailbox.NewMember{
		{Number: "0815", Name: "Stadt Müsterhausen"}, {Number: "0816", Name: "Amt Probe", Policy: mailbox.FourEyes}})
	must(t, err)
	d := auth.NewDirectory(w.store)
	for _, a := range accounts {
		n := auth.NewAccount{Login: a.login, Password: password,
			Person: auth.PersonSpec{Name: strings.ToUpper(a.login[:1]) + a.login[1:] + " Beispiel", Email: a.login + "@example.org", Language: a.lang}}
		for _, m := range a.where {
			n.Grants = append(n.Grants, auth.GrantSpec{Role: a.role, Member: m})
		}
		must(t, d.AddAccount(context.Background(), auth.By{System: "test"}, n))
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// answer is a whole response.
type answer struct {
	*http.Response
	body string
}

// do sends a request with headers given as "Name: value".
func (w *world) do(t testing.TB, as, method, path, body string, headers ...string) answer {
	t.Helper()
	r, err := http.NewRequest(method, w.url+path, strings.NewReader(body))
	must(t, err)
	if as != "" {
		r.SetBasicAuth(as, password)
	}
	for _, h := range headers {
		k, v, _ := strings.Cut(h, ": ")
		r.Header.Set(k, v)
	}
	res, err := http.DefaultClient.Do(r)
	must(t, err)
	defer res.Body.Close()
	var b bytes.Buffer
	_, err = io.Copy(&b, res.Body)
	must(t, err)
	return answer{res, b.String()}
}

// want sends a request and checks the status.
func (w *world) want(t testing.TB, code int, as, method, path, body string, headers ...string) answer {
	t.Helper()
	a := w.do(t, as, method, path, body, headers...)
	if a.StatusCode != code {
		t.Errorf("%s %s as %s: %d, want %d\n%s", method, path, as, a.StatusCode, code, a.body)
	}
	return a
}

// raw sends bytes as they are, then no more, and reads what comes back.
func (w *world) raw(t testing.TB, request string) string {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
	must(t, err)
	defer c.Close()
	_, err = io.WriteString(c, request)
	must(t, err)
	must(t, c.(*net.TCPConn).CloseWrite())
	b, _ := io.ReadAll(c)
	return string(b)
}

// multi is a parsed multistatus.
type multi struct {
	XMLName   xml.Name `xml:"DAV: multistatus"`
	Responses []struct {
		Href  string `xml:"DAV: href"`
		Stats []struct {
			Status string `xml:"DAV: status"`
			Prop   struct {
				Inner []byte     `xml:",innerxml"`
				Names []anyNamed `xml:",any"`
			} `xml:"DAV: prop"`
		} `xml:"DAV: propstat"`
	} `xml:"DAV: response"`
}

type anyNamed struct {
	XMLName xml.Name
	Text    string `xml:",chardata"`
	Inner   string `xml:",innerxml"`
}

func parse(t testing.TB, a answer) multi {
	t.Helper()
	var m multi
	if a.StatusCode != 207 {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	if ct := a.Header.Get("Content-Type"); ct != "application/xml; charset=utf-8" {
		t.Errorf("content type %q", ct) // CLIENTS.md 0.1
	}
	if err := xml.Unmarshal([]byte(a.body), &m); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	return m
}

// prop gives the text of a property in the 200 propstat of a response.
func (m multi) prop(i int, name string) (string, bool) {
	for _, s := range m.Responses[i].Stats {
		if !strings.HasPrefix(s.Status, "HTTP/1.1 200") {
			continue
		}
		for _, n := range s.Prop.Names {
			if n.XMLName.Local == name {
				return n.Text, true
			}
		}
	}
	return "", false
}

func (m multi) hrefs() string {
	var s []string
	for _, r := range m.Responses {
		s = append(s, r.Href)
	}
	return strings.Join(s, " ")
}
