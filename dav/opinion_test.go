// SPDX-License-Identifier: Apache-2.0

package dav_test

import (
	"context"
	"io"
	"io/fs"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/webdav"

	"postfach/auth"
	"postfach/mailbox"
)

// testSecondOpinion asks x/net/webdav the same question over the same service:
// its PROPFIND must name the same resources with the same kinds, lengths, dates
// and ETags (DESIGN.md section 6).
func testSecondOpinion(t *testing.T, w *world) {
	const f = "/dav/an_KVBbg/meinung/"
	w.want(t, 201, "emil", "MKCOL", f, "")
	w.want(t, 201, "emil", "MKCOL", f+"Ordner%20%C3%84", "")
	for _, n := range []string{"a.csv", "b%20&%23.txt", "%F0%9F%98%80"} {
		w.want(t, 201, "emil", "PUT", f+n, "content of "+n)
	}
	ask := `<propfind xmlns="DAV:"><prop><resourcetype/><getcontentlength/><getlastmodified/><getetag/></prop></propfind>`
	ours := parse(t, w.want(t, 207, "emil", "PROPFIND", f, ask, "Depth: 1"))

	r := httptest.NewRequest("PROPFIND", "/an_KVBbg/meinung/", strings.NewReader(ask))
	r.Header.Set("Depth", "1")
	r.SetBasicAuth("emil", password)
	a, err := auth.New(t.Context(), w.store, auth.Options{})
	must(t, err)
	r.RemoteAddr = "127.0.0.1:1"
	actor, err := a.Authenticate(t.Context(), r)
	must(t, err)
	rec := httptest.NewRecorder()
	handler := webdav.Handler{FileSystem: &readOnly{w.mailbox, actor}, LockSystem: webdav.NewMemLS()}
	handler.ServeHTTP(rec, r)
	rec.Result().Header.Set("Content-Type", "application/xml; charset=utf-8") // x/net says text/xml
	theirs := parse(t, answer{rec.Result(), rec.Body.String()})

	facts := func(m multi, prefix string) map[string]string {
		all := map[string]string{}
		for i, x := range m.Responses {
			var s []string
			for _, name := range []string{"getcontentlength", "getlastmodified", "getetag"} {
				v, _ := m.prop(i, name)
				s = append(s, v)
			}
			kind := "file"
			if strings.Contains(string(x.Stats[0].Prop.Inner), "collection") {
				kind, s[2] = "folder", "" // x/net has no ETag for folders
			}
			plain := decodeHref(t, strings.TrimPrefix(x.Href, prefix))
			all[plain] = kind + " " + strings.Join(s, " ")
		}
		return all
	}
	we, they := facts(ours, "/dav"), facts(theirs, "")
	if len(we) != 5 {
		t.Errorf("%v", we)
	}
	for href, fact := range they {
		if we[href] != fact {
			t.Errorf("%s: x/net says %q, we %q", href, fact, we[href])
		}
	}
	if len(they) != len(we) {
		t.Errorf("x/net lists %v, we %v", they, we)
	}
}

func decodeHref(t *testing.T, href string) string {
	t.Helper()
	return httptest.NewRequest("GET", href, nil).URL.Path
}

// readOnly shows the service to x/net/webdav as a file system.
type readOnly struct {
	s *mailbox.Service
	a mailbox.Actor
}

func (r *readOnly) Mkdir(context.Context, string, os.FileMode) error { return os.ErrPermission }
func (r *readOnly) RemoveAll(context.Context, string) error          { return os.ErrPermission }
func (r *readOnly) Rename(context.Context, string, string) error     { return os.ErrPermission }
func (r *readOnly) Stat(ctx context.Context, name string) (os.FileInfo, error) {
	n, err := r.s.Find(ctx, r.a, mailbox.ParsePath(name), mailbox.Want{})
	if err != nil {
		return nil, os.ErrNotExist
	}
	return &seen{Node: n}, nil
}

func (r *readOnly) OpenFile(ctx context.Context, name string, _ int, _ os.FileMode) (webdav.File, error) {
	x := &opened{}
	err := r.s.List(ctx, r.a, mailbox.ParsePath(name), mailbox.Want{}, func(n mailbox.Node) error {
		x.nodes = append(x.nodes, &seen{Node: n})
		return nil
	})
	return x, err
}

// seen is a node as a file's description.
type seen struct{ mailbox.Node }

func (n *seen) Name() string                         { return n.Node.Name }
func (n *seen) Size() int64                          { return n.Entry.Version.Size }
func (n *seen) ModTime() time.Time                   { return n.Entry.Modified }
func (n *seen) IsDir() bool                          { return n.Folder }
func (n *seen) Sys() any                             { return nil }
func (n *seen) ETag(context.Context) (string, error) { return n.Node.ETag, nil }
func (n *seen) Mode() fs.FileMode {
	if n.Folder {
		return fs.ModeDir
	}
	return 0
}

// opened is a listing: itself first, then its members.
type opened struct{ nodes []fs.FileInfo }

func (o *opened) Stat() (fs.FileInfo, error)         { return o.nodes[0], nil }
func (o *opened) Readdir(int) ([]fs.FileInfo, error) { return o.nodes[1:], nil }
func (o *opened) Close() error                       { return nil }
func (o *opened) Read([]byte) (int, error)           { return 0, io.EOF }
func (o *opened) Write([]byte) (int, error)          { return 0, os.ErrPermission }
func (o *opened) Seek(int64, int) (int64, error)     { return 0, nil }
